"""Descriptors with sums over pairs of neighbours, beside their peers on the same structures.

    python benchmarks/triplets.py [--quick] [--threads 1 2] [--output FOLDER]

ACSF and DScribe (8 G2; 12 G4 a pair of species; 4 G5 a pair), AEV and torchani (ANI-1x, on its
CPU path), FCHL19 and qmllib. Everybody gets structures and returns arrays. Writes
results/triplets.md and results/triplets.json. torchani and qmllib are optional: what is not
installed is left out, and the report says so. Each number of threads runs in a process of its own.
"""

import sys
import warnings

import common

warnings.simplefilter("ignore")

common.PACKAGES = ("vicinal", "dscribe", "torch", "torchani", "qmllib", "ase", "numpy", "vesin")

G2 = [(eta, 0.0) for eta in (0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6)]
G4 = [(eta, zeta, sign) for eta in (0.01, 0.05, 0.1) for zeta in (1, 4) for sign in (1, -1)]
PERIODIC = {
    "Si64": lambda: [common.silicon(2)],
    "fcc108, 4 species": lambda: [common.fcc108(4)],
}
PEERS = ("DScribe", "torchani", "qmllib")


def species(frames) -> list[int]:
    return sorted({int(z) for atoms in frames for z in atoms.numbers})


def molecules(n: int, allowed=(1, 6, 7, 8)):
    return [atoms for atoms in common.molecules(n) if set(atoms.numbers) <= set(allowed)]


# -- who runs what: {name: work} ----------------------------------------------------------------


def vicinal(descriptor, frames, n_threads: int) -> dict:
    """Values in both precisions; values and one vjp; both without the neighbour search."""
    import vicinal as vc

    descriptor.set_params(n_threads=n_threads)
    single = descriptor.__class__(**descriptor.get_params() | {"dtype": "float32"})
    env = vc.Environments(frames, descriptor.neighbor_cutoff, n_threads=n_threads)
    cotangent = descriptor.compute(env).values

    def gradient():
        return descriptor.compute(frames).values, descriptor.vjp(frames, cotangent)

    return {
        "Vicinal": lambda: descriptor.compute(frames).values,
        "Vicinal float32": lambda: single.compute(frames).values,
        "Vicinal, pairs given": lambda: descriptor.compute(env).values,
        "Vicinal, vjp too": gradient,
    }


def acsf(frames, cutoff: float, n_threads: int, **kinds) -> dict:
    import vicinal as vc

    parameters = {
        "r_cut": cutoff,
        "species": species(frames),
        "periodic": bool(frames[0].pbc.any()),
        **kinds,
    }
    contestants = vicinal(vc.ACSF.from_dscribe(**parameters), frames, n_threads)
    try:
        from dscribe.descriptors import ACSF
    except ImportError:
        return contestants
    theirs = ACSF(**parameters)
    return contestants | {"DScribe": lambda: theirs.create(frames, n_jobs=n_threads)}


def aev(frames, n_threads: int) -> dict:
    import vicinal as vc

    contestants = vicinal(vc.AEV.ani1x(), frames, n_threads)
    try:
        import torch
        from torchani.aev import AEVComputer
    except ImportError:
        return contestants
    torch.set_num_threads(n_threads)
    # Molecules of one size make a batch, which is how torchani is fast.
    computer = AEVComputer.like_1x().to(torch.float64)
    order = {1: 0, 6: 1, 7: 2, 8: 3}
    sizes = {}
    for atoms in frames:
        sizes.setdefault(len(atoms), []).append(atoms)
    batches = [
        (
            torch.tensor([[order[z] for z in atoms.numbers] for atoms in group]),
            torch.tensor([atoms.positions.tolist() for atoms in group], dtype=torch.float64),
        )
        for group in sizes.values()
    ]

    def values():
        with torch.no_grad():
            return [computer(*batch) for batch in batches]

    def gradient():
        found = []
        for elements, positions in batches:
            positions.requires_grad_(True)
            out = computer(elements, positions)
            found.append((out, torch.autograd.grad((out * out.detach()).sum(), positions)))
            positions.requires_grad_(False)
        return found

    return contestants | {"torchani": values, "torchani, backward too": gradient}


def fchl19(frames, n_threads: int) -> dict:
    import vicinal as vc

    elements = species(frames)
    contestants = vicinal(vc.FCHL19.from_qmllib(elements), frames, n_threads)
    try:
        from qmllib.representations import generate_fchl19
    except ImportError:
        return contestants

    def values():
        return [generate_fchl19(a.numbers, a.positions, elements=elements) for a in frames]

    def gradient():
        return [
            generate_fchl19(a.numbers, a.positions, elements=elements, gradients=True)
            for a in frames[: len(frames) // 10]
        ] * 10

    return contestants | {"qmllib": values, "qmllib, Jacobian of a tenth": gradient}


def cases(quick: bool, n_threads: int):
    """(table, row, frames, contestants)"""
    some = molecules(60 if quick else 500)
    for cutoff in (5.0, 6.0):
        for name, make in PERIODIC.items():
            frames = make()
            yield (
                f"ACSF, cutoff {cutoff:g} Å",
                name,
                frames,
                acsf(frames, cutoff, n_threads, g2_params=G2, g4_params=G4),
            )
    frames = PERIODIC["Si64"]()
    g5 = [(0.01, zeta, sign) for zeta in (1, 4) for sign in (1, -1)]
    yield (
        "ACSF with G5 alone, cutoff 6 Å",
        "Si64",
        frames,
        acsf(frames, 6.0, n_threads, g5_params=g5),
    )
    yield (
        "ACSF, cutoff 6 Å",
        "molecules",
        some,
        acsf(some, 6.0, n_threads, g2_params=G2, g4_params=G4),
    )
    yield "AEV of ANI-1x", "molecules", some, aev(some, n_threads)
    yield "FCHL19, cutoff 8 Å", "molecules", some, fchl19(some, n_threads)


# -- timing and report --------------------------------------------------------------------------


def work(n_threads: int, quick: bool) -> dict:
    """Microseconds per environment of everything, with so many threads."""
    found = {}
    for table, row, frames, contestants in cases(quick, n_threads):
        timed = common.interleaved(
            contestants, seconds=1 if quick else 10, repeats=3 if quick else 15
        )
        n_atoms = sum(map(len, frames))
        found.setdefault(table, {})[row] = {
            "us_per_environment": {k: 1e6 * t / n_atoms for k, t in timed["seconds"].items()},
            "failed": timed["failed"],
        }
        print(f"{n_threads} thread(s), {table}, {row}", file=sys.stderr)
    return {"tables": found, "machine": common.machine()}


def report(found: dict) -> list[str]:
    threads = found["threads"]
    lines = [
        "# Sums over pairs of neighbours: ACSF, AEV, FCHL19",
        "",
        "Written by `benchmarks/triplets.py`. Microseconds per environment, medians of interleaved "
        "repeats, end to end: structures in, arrays out. *Ratio*: time of the peer over that of "
        "Vicinal, values alone, float64. *Pairs given*: without the neighbour search. *vjp too*: "
        "values and gradient by one cotangent.",
        "",
        "ACSF: 8 G2 for each species and 12 G4 for each pair of species. torchani: molecules of "
        "one size in one batch. qmllib and torchani know no periodic structures here.",
        "",
        *common.machine_lines(found["runs"][str(threads[0])]["machine"]),
    ]
    if found["quick"]:
        lines += ["", "**A quick run: few repeats. Not for quoting.**"]
    for n in threads:
        for title, rows in found["runs"][str(n)]["tables"].items():
            lines += ["", f"## {title}, {n} thread{'s' * (n > 1)}", ""]
            names = list(dict.fromkeys(k for r in rows.values() for k in r["us_per_environment"]))
            cells = []
            for row, result in rows.items():
                rates = result["us_per_environment"]
                peers = [rates[peer] for peer in PEERS if peer in rates]
                ratio = f"**{min(peers) / rates['Vicinal']:.1f}**" if peers else "–"
                cells.append([row, *(common.number(rates.get(k)) for k in names), ratio])
            lines += common.table(["", *names, "ratio"], cells)
            lines += [
                f"\nfailed: {name}, {row}: {why}"
                for row, result in rows.items()
                for name, why in result["failed"].items()
            ]
    return lines


if __name__ == "__main__":
    common.run_on_threads(__file__, __doc__, work, report)
