"""Vicinal's SOAP beside DScribe, featomic, quippy and MDescriptor, on the same structures.

    python benchmarks/soap.py [--quick] [--threads 1 2] [--output FOLDER]

Writes results/soap.md and results/soap.json. Everybody gets ASE structures and returns arrays
(featomic: the blocks of its TensorMap, nothing moved); cutoff 5 Å, 8 radial functions, l up to 6,
sigma 0.5 Å. Each number of threads runs in a process of its own, because the programs read it from
the environment when they start. The whole takes some minutes; --quick less than one.
"""

import sys
import warnings
from functools import partial

import common

warnings.simplefilter("ignore")

CUTOFF, N_MAX, L_MAX, SIGMA = 5.0, 8, 6, 0.5
SYSTEMS = {
    "Si64": lambda n: [common.silicon(2)],
    "Si512": lambda n: [common.silicon(4)],
    "fcc108, 4 species": lambda n: [common.fcc108(4)],
    "fcc108, 8 species": lambda n: [common.fcc108(8)],
    "molecules": common.molecules,
}
PEERS = ("DScribe", "featomic", "quippy", "MDescriptor")
#: Slow programs get one molecule in so many: their time an atom does not depend on the number.
SLOW_SHARE = 20


def dscribe_parameters(frames) -> dict:
    return {
        "r_cut": CUTOFF,
        "n_max": N_MAX,
        "l_max": L_MAX,
        "sigma": SIGMA,
        "rbf": "gto",
        "species": species(frames),
        "periodic": bool(frames[0].pbc.any()),
    }


def featomic_hypers() -> dict:
    return {
        "cutoff": {"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        "density": {"type": "Gaussian", "width": SIGMA},
        "basis": {
            "type": "TensorProduct",
            "max_angular": L_MAX,
            "radial": {"type": "Gto", "max_radial": N_MAX - 1},
        },
    }


def species(frames) -> list[int]:
    return sorted({int(z) for atoms in frames for z in atoms.numbers})


def vicinal_soap(frames, n_threads: int, like: str | None = None, dtype: str = "float64"):
    """Defaults; or the numbers of a peer."""
    import vicinal as vc

    if like == "DScribe":
        soap = vc.SOAP.from_dscribe(**dscribe_parameters(frames))
    elif like == "featomic":
        soap = vc.SOAP.from_featomic(featomic_hypers())
        soap.set_params(species=species(frames))
    else:
        soap = vc.SOAP(
            cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA, species=species(frames)
        )
    return soap.set_params(n_threads=n_threads, dtype=dtype)


def quippy_descriptor(frames):
    from quippy.descriptors import Descriptor

    numbers = species(frames)
    braces = "{" + " ".join(map(str, numbers)) + "}"
    return Descriptor(
        f"soap cutoff={CUTOFF} cutoff_transition_width=0.5 n_max={N_MAX} l_max={L_MAX} "
        f"atom_sigma={SIGMA} n_Z={len(numbers)} Z={braces} "
        f"n_species={len(numbers)} species_Z={braces}"
    )


# -- who runs what ------------------------------------------------------------------------------
# Each function gives {name: (work, number of atoms)}.


def values(frames, n_threads: int) -> dict:
    contestants = {}
    for label, like, dtype in (
        ("Vicinal", None, "float64"),
        ("Vicinal float32", None, "float32"),
        ("Vicinal as DScribe", "DScribe", "float64"),
        ("Vicinal as featomic", "featomic", "float64"),
    ):
        soap = vicinal_soap(frames, n_threads, like, dtype)
        contestants[label] = (lambda soap=soap: soap.compute(frames).values, n_atoms(frames))

    def dscribe():
        from dscribe.descriptors import SOAP

        soap = SOAP(**dscribe_parameters(frames))
        return lambda: soap.create(frames, n_jobs=n_threads)

    def featomic():
        from featomic import SoapPowerSpectrum

        soap = SoapPowerSpectrum(**featomic_hypers())
        return lambda: soap.compute(frames)

    def quippy():
        soap = quippy_descriptor(frames)
        return lambda: [soap.calc(atoms) for atoms in few(frames)]

    def mdescriptor():
        from mdescriptor import ExecutionOptions
        from mdescriptor.descriptors import SOAP

        soap = SOAP(
            species=species(frames), r_cut=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA,
            rbf="gto", average="off", execution=ExecutionOptions(num_threads=n_threads),
        )  # fmt: skip
        return lambda: soap.compute(frames).values

    enter(contestants, "DScribe", dscribe, n_atoms(frames))
    enter(contestants, "featomic", featomic, n_atoms(frames))
    enter(contestants, "quippy", quippy, n_atoms(few(frames)))
    enter(contestants, "MDescriptor", mdescriptor, n_atoms(frames))
    return contestants


def gradients(frames, n_threads: int) -> dict:
    """Values and derivatives: Vicinal pulls one cotangent back, the others make Jacobians."""
    import numpy as np

    import vicinal as vc

    contestants = {}
    for dtype in ("float64", "float32"):
        soap = vicinal_soap(frames, n_threads, None, dtype)
        env = vc.Environments(frames, soap.neighbor_cutoff, n_threads=n_threads)
        cotangent = np.random.default_rng(0).normal(size=(env.n_atoms, soap.n_features))
        cotangent = cotangent.astype(dtype)

        def prebuilt(soap=soap, env=env, cotangent=cotangent):
            return soap.compute(env), soap.vjp(env, cotangent)

        def end_to_end(soap=soap, cotangent=cotangent):
            env = vc.Environments(frames, soap.neighbor_cutoff, n_threads=n_threads)
            return soap.compute(env), soap.vjp(env, cotangent)

        suffix = "" if dtype == "float64" else " float32"
        contestants[f"Vicinal{suffix}"] = end_to_end, n_atoms(frames)
        contestants[f"Vicinal{suffix}, pairs given"] = prebuilt, n_atoms(frames)

    some = few(frames)

    def featomic():
        from featomic import SoapPowerSpectrum

        soap = SoapPowerSpectrum(**featomic_hypers())
        batches = [some[k : k + 10] for k in range(0, len(some), 10)]  # its memory is dear
        return lambda: [soap.compute(batch, gradients=["positions"]) for batch in batches]

    def quippy():
        soap = quippy_descriptor(some)
        return lambda: [soap.calc(atoms, grad=True) for atoms in some]

    def dscribe():
        from dscribe.descriptors import SOAP

        soap = SOAP(**dscribe_parameters(frames))
        return lambda: [soap.derivatives(atoms, method="analytical") for atoms in some]

    enter(contestants, "featomic", featomic, n_atoms(some))
    if len(species(frames)) <= 5 and n_atoms(frames) != 512:  # gigabytes and minutes
        enter(contestants, "quippy", quippy, n_atoms(some))
    if not frames[0].pbc.any():  # all that it can do analytically
        enter(contestants, "DScribe", dscribe, n_atoms(some))
    return contestants


def own(frames, n_threads: int) -> dict:
    """Vicinal's own steps, with one thread and with so many."""
    import numpy as np

    import vicinal as vc

    env = vc.Environments(frames, CUTOFF)
    cotangent = np.random.default_rng(0).normal(
        size=(env.n_atoms, vicinal_soap(frames, 1).n_features)
    )
    out = np.empty_like(cotangent)
    calls = 1 if env.n_atoms > 5000 else 10

    def loop(work, *arguments, **options):
        return lambda: [work(*arguments, **options) for _ in range(calls)], calls * env.n_atoms

    contestants = {"neighbours": loop(vc.Environments, frames, CUTOFF, n_threads=1)}
    for n in (1, n_threads):
        soap = vicinal_soap(frames, n)
        contestants[f"compute, {n}"] = loop(soap.compute, env, out=out)
        contestants[f"vjp, {n}"] = loop(soap.vjp, env, cotangent)
    return contestants


def enter(contestants: dict, name: str, prepare, size: int) -> None:
    try:
        contestants[name] = prepare(), size
    except ImportError:
        pass  # the report lists what is not installed


def n_atoms(frames) -> int:
    return sum(map(len, frames))


def few(frames) -> list:
    return frames[: -(-len(frames) // SLOW_SHARE)]


# -- in a process of its own --------------------------------------------------------------------


def work(n_threads: int, quick: bool) -> dict:
    """All timings with so many threads, in µs per environment."""
    found = {}
    kinds = [("values", values), ("gradients", gradients)]
    if n_threads > 1:
        kinds.append(("own", own))
    for kind, enrol in kinds:
        for system, make in SYSTEMS.items():
            if quick and system == "Si512":
                continue
            frames = make(60 if quick else 1000)
            contestants = enrol(frames, n_threads)
            timed = common.interleaved(
                {name: work for name, (work, _) in contestants.items()},
                seconds=0.5 if quick else 8,
                repeats=2 if quick else 11,
            )
            rates = {
                name: 1e6 * seconds / contestants[name][1]
                for name, seconds in timed["seconds"].items()
            }
            repeats = max(map(len, timed["all"].values()), default=0)
            found.setdefault(kind, {})[system] = {
                "us_per_environment": rates, "failed": timed["failed"], "repeats": repeats
            }  # fmt: skip
            print(f"{n_threads} thread(s), {kind}, {system}: {repeats} repeats", file=sys.stderr)
    return found | {"machine": common.machine(), "limits": limits()}


def limits() -> dict:
    """Where the time of one core can go at best: arithmetic, and writing the output."""
    import time

    import numpy as np

    out = np.ones(16_000_000)
    begin = time.perf_counter()
    for _ in range(5):
        out.fill(2.0)
    bandwidth = 5 * out.nbytes / (time.perf_counter() - begin)
    found = {"write_gb_per_s": bandwidth / 1e9}
    soap = vicinal_soap(SYSTEMS["fcc108, 4 species"](1), 1)
    rate = getattr(soap._plan(soap.species_known), "correlation_rate", None)
    if rate is not None:
        found["correlation_gflops"] = rate(0.3) / 1e9
    return found


def memory(system: str, verb: str, quick: bool) -> dict:
    """Peak memory of one call above what was there before and what it returns, in MB."""
    import numpy as np
    from ase import Atoms

    import vicinal as vc

    frames = SYSTEMS[system](60 if quick else 1000)
    soap = vicinal_soap(frames, 1)
    warm = Atoms(species(frames)[:1], cell=[3.0] * 3, pbc=frames[0].pbc)
    soap.vjp(warm, soap.compute(warm).values)  # tables and imports
    if verb == "vjp":
        env = vc.Environments(frames, soap.neighbor_cutoff, n_threads=1)
        cotangent = np.ones((env.n_atoms, soap.n_features))
        before = peak()
        out = soap.vjp(env, cotangent)
        returned = out.positions.nbytes + out.strain.nbytes
    else:
        before = peak()
        returned = soap.compute(frames).values.nbytes
    return {"extra_mb": (peak() - before - returned) / 1e6, "returned_mb": returned / 1e6}


def peak() -> int:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# -- the report ---------------------------------------------------------------------------------


def report(found: dict) -> list[str]:
    threads = found["threads"]
    first = found["runs"][str(threads[0])]
    lines = ["# SOAP: Vicinal and its peers", ""]
    lines += [
        "Written by `benchmarks/soap.py`. Microseconds per environment, medians of interleaved "
        "repeats, end to end: ASE structures in, arrays out (featomic: blocks of its TensorMap). "
        f"Cutoff {CUTOFF:g} Å, n_max {N_MAX}, l_max {L_MAX}, sigma {SIGMA:g} Å. *Ratio*: time of "
        "the fastest peer over that of Vicinal (float64, default parameters).",
        "",
        "Si64, Si512: diamond silicon, a = 5.431 Å. fcc108: random alloys on 108 fcc sites, "
        "a = 4.0 Å. Both rattled by 0.1 Å. Molecules: 1,000 of QM7 (the bundled 500 twice); "
        f"quippy and all Jacobians get one in {SLOW_SHARE} of them.",
        "",
        *common.machine_lines(first["machine"]),
    ]
    if found["quick"]:
        lines += ["", "**A quick run: few repeats, few molecules. Not for quoting.**"]
    for kind, title, note in (
        ("values", "Values", "*as DScribe*, *as featomic*: the same numbers as that peer gives."),
        (
            "gradients",
            "Values and derivatives",
            "Vicinal: values and one `vjp` (all forces and stresses of a model); *pairs given*: "
            "without the neighbour search. The peers have only Jacobians.",
        ),
    ):
        for n in threads:
            lines += ["", f"## {title}, {n} thread{'s' * (n > 1)}", "", note, ""]
            lines += rates_table(found["runs"][str(n)][kind])
    for n in threads:
        if own := found["runs"][str(n)].get("own"):
            lines += ["", f"## Vicinal's own steps, one thread and {n}", ""]
            lines += [
                "Pairs given, `compute` into an array that is there, ten calls in a row (a single "
                "call after a pause also waits for a thread to wake). *Gain*: time of one thread "
                "over that of more.",
                "",
            ]
            lines += own_table(own, n)
    lines += ["", "## Against the machine (one core)", "", *limits_lines(first)]
    lines += ["", "## Memory", ""]
    lines += ["Peak of one call of Vicinal (one thread) above what it returns, MB.", ""]
    lines += common.table(
        ["call", "returned", "above that"],
        [
            [name, common.number(m["returned_mb"]), common.number(max(m["extra_mb"], 0.0))]
            for name, m in found["memory"].items()
        ],
    )
    return lines


def rates_table(systems: dict) -> list[str]:
    names = list(dict.fromkeys(n for s in systems.values() for n in s["us_per_environment"]))
    rows = []
    for system, result in systems.items():
        rates = result["us_per_environment"]
        peers = [rates[peer] for peer in PEERS if peer in rates]
        ratio = f"**{min(peers) / rates['Vicinal']:.1f}**" if peers else "–"
        rows.append([system, *(common.number(rates.get(name)) for name in names), ratio])
    lines = common.table(["", *names, "ratio"], rows)
    failed = {
        f"{name}, {system}: {why}"
        for system, result in systems.items()
        for name, why in result["failed"].items()
    }
    return lines + ["", *(f"- failed: {text}" for text in sorted(failed))] if failed else lines


def own_table(systems: dict, n: int) -> list[str]:
    header = ["", "neighbours", "compute", "vjp", "vjp / compute"]
    header += [f"compute, {n} threads", "gain", f"vjp, {n} threads", "gain"]
    rows = []
    for system, result in systems.items():
        t = result["us_per_environment"]
        numbers = [t["neighbours"], t["compute, 1"], t["vjp, 1"], t["vjp, 1"] / t["compute, 1"]]
        for verb in ("compute", "vjp"):
            numbers += [t[f"{verb}, {n}"], t[f"{verb}, 1"] / t[f"{verb}, {n}"]]
        rows.append([system, *map(common.number, numbers)])
    return common.table(header, rows)


def limits_lines(run: dict) -> list[str]:
    lines = []
    peak = run["machine"]["fma_peak_gflops"].get("float64")
    rate = run["limits"].get("correlation_gflops")
    if peak and rate:
        lines.append(
            f"- The contraction of two densities, in cache: {rate:.1f} GFLOP/s, "
            f"{100 * rate / peak:.0f} % of the multiply-add peak."
        )
    bandwidth = run["limits"]["write_gb_per_s"]
    lines.append(f"- Writing memory: {bandwidth:.1f} GB/s.")
    return lines


if __name__ == "__main__":
    common.run_on_threads(
        __file__,
        __doc__,
        work,
        report,
        memory={
            f"{verb}, {system}": partial(memory, system, verb)
            for system in ("fcc108, 8 species", "molecules")
            for verb in ("compute", "vjp")
        },
    )
