"""The neighbour search of Vicinal beside vesin alone (which does the work inside) and ASE.

    python benchmarks/neighbors.py [--quick] [--output FOLDER]

Writes results/neighbors.md and results/neighbors.json. ASE structures in; i, j, S, D out, both
directions; cutoff 5 Å, one thread.
"""

import warnings

import common

warnings.simplefilter("ignore")

CUTOFF = 5.0
ASE_MOLECULES = 100  # slow; its time a molecule does not depend on the number


def work(quick: bool) -> dict:
    import numpy as np
    from ase.neighborlist import neighbor_list
    from vesin import NeighborList

    import vicinal as vc

    def with_vesin(frames):
        search = NeighborList(cutoff=CUTOFF, full_list=True, n_threads=1)
        return [
            search.compute(
                atoms.positions, atoms.cell.array, atoms.pbc, quantities="ijSD", copy=True
            )
            for atoms in frames
        ]

    systems = {
        "Si64": [common.silicon(2)],
        "Si512": [common.silicon(4)],
        "Si8000": [common.silicon(10)],
        "1,000 molecules": common.molecules(1000),
    }
    if quick:
        del systems["Si8000"]
    found = {}
    for name, frames in systems.items():
        some = frames[:ASE_MOLECULES]
        timed = common.interleaved(
            {
                "Vicinal": lambda frames=frames: vc.Environments(frames, CUTOFF, n_threads=1),
                "vesin": lambda frames=frames: with_vesin(frames),
                "ASE": lambda some=some: [neighbor_list("ijSD", a, CUTOFF) for a in some],
            },
            seconds=1 if quick else 15,
            repeats=5 if quick else 51,
        )
        timed["seconds"]["ASE"] *= len(frames) / len(some)
        env = vc.Environments(frames, CUTOFF, n_threads=1)
        assert env.n_pairs == sum(len(np.asarray(found[0])) for found in with_vesin(frames))
        ms = {who: 1e3 * t for who, t in timed["seconds"].items()}
        found[name] = {"ms": ms, "pairs": env.n_pairs, "atoms": env.n_atoms}
    return {"systems": found, "machine": common.machine(), "quick": quick}


def report(found: dict) -> list[str]:
    lines = ["# Neighbour search", ""]
    lines += [
        "Written by `benchmarks/neighbors.py`. Milliseconds for all structures of a row, medians "
        "of interleaved repeats; ASE structures in; i, j, S, D out; one thread, cutoff "
        f"{CUTOFF:g} Å. Vicinal's time includes its checks of the input (NaN, coincident atoms) "
        "and sorting by centre. vesin is called once a structure; for small molecules Vicinal has "
        f"a loop of its own. ASE: {ASE_MOLECULES} molecules, scaled.",
        "",
        *common.machine_lines(found["machine"]),
        "",
    ]
    if found["quick"]:
        lines += ["**A quick run: few repeats. Not for quoting.**", ""]
    rows = []
    for name, result in found["systems"].items():
        ms = result["ms"]
        cells = [common.number(ms[who]) for who in ("Vicinal", "vesin", "ASE")]
        rows.append([name, f"{result['pairs']:,}", *cells, f"{ms['Vicinal'] / ms['vesin']:.2f}"])
    return lines + common.table(["", "pairs", "Vicinal", "vesin", "ASE", "Vicinal / vesin"], rows)


if __name__ == "__main__":
    common.run_on_one_thread(__file__, __doc__, work, report)
