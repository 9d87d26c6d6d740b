"""How the Chebyshev descriptor scales with the number of neighbours.

    python benchmarks/chebyshev.py [--quick] [--output FOLDER]

Writes results/chebyshev.md and results/chebyshev.json. Its angular features are sums over pairs of
neighbours, which the addition theorem gives at a cost linear in the neighbours; beside them is the
explicit sum, in NumPy (vectorised over all pairs of neighbours of one atom). One core; pairs are
found beforehand.
"""

import common

NEIGHBORS = (20, 35, 50, 75, 100, 150, 200)
RADIAL_ORDER, ANGULAR_ORDER = 16, 4
EXPLICIT_ATOMS = 10


def alloy():
    """500 atoms of four species, a = 4.0 Å."""
    import numpy as np
    from ase.build import bulk

    atoms = bulk("Cu", "fcc", a=4.0, cubic=True).repeat(5)
    symbols = np.resize(["Al", "Cu", "Ni", "Ag"], len(atoms))
    atoms.symbols[:] = np.random.default_rng(3).permutation(symbols)
    atoms.rattle(0.3, seed=3)
    return atoms


def cutoff_of(neighbors: int, volume: float) -> float:
    """The radius of a sphere that holds so many atoms."""
    return (3 * (neighbors + 1) * volume / (4 * 3.141592653589793)) ** (1 / 3)


def explicit(env, cutoff: float, weights):
    """Angular features of the first atoms: T_n(cos) over all pairs of neighbours."""
    import numpy as np
    from numpy.polynomial.chebyshev import chebvander

    out = np.empty((EXPLICIT_ATOMS, 2, ANGULAR_ORDER + 1))
    for i in range(EXPLICIT_ATOMS):
        here = slice(env.pair_offsets[i], env.pair_offsets[i + 1])
        r = np.linalg.norm(env.D[here], axis=1)
        unit = env.D[here] / r[:, None]
        j, k = np.triu_indices(len(r), 1)
        polynomials = chebvander(np.clip((unit @ unit.T)[j, k], -1, 1), ANGULAR_ORDER)
        f = 0.5 * (1 + np.cos(np.pi * r / cutoff))
        for c, w in enumerate((f, f * weights[env.numbers[env.j[here]]])):
            out[i, c] = (w[j] * w[k]) @ polynomials
    return out


def work(quick: bool) -> dict:
    import numpy as np

    import vicinal as vc

    atoms = alloy()
    found = {}
    for neighbors in NEIGHBORS:
        cutoff = cutoff_of(neighbors, atoms.get_volume() / len(atoms))
        env = vc.Environments(atoms, cutoff)
        descriptor = vc.ChebyshevAUC(
            cutoff=cutoff,
            radial_order=RADIAL_ORDER,
            angular_order=ANGULAR_ORDER,
            species=["Al", "Cu", "Ni", "Ag"],
            weights=dict(zip(["Al", "Cu", "Ni", "Ag"], (-2.0, -1.0, 1.0, 2.0), strict=True)),
            n_threads=1,
        )
        weights = np.zeros(100)
        weights[[13, 29, 28, 47]] = -2.0, -1.0, 1.0, 2.0
        values = descriptor.compute(env).values
        angular = [k for k, name in enumerate(descriptor.names()) if name.startswith("angular")]
        expected = explicit(env, cutoff, weights).reshape(EXPLICIT_ATOMS, -1)
        assert np.allclose(values[:EXPLICIT_ATOMS, angular], expected, atol=1e-7)
        ones = np.ones_like(values)
        contestants = {
            "compute": (lambda d=descriptor, e=env, o=values: d.compute(e, out=o), len(atoms)),
            "vjp": (lambda d=descriptor, e=env, v=ones: d.vjp(e, v), len(atoms)),
            "explicit": (lambda e=env, r=cutoff, w=weights: explicit(e, r, w), EXPLICIT_ATOMS),
        }
        timed = common.interleaved(
            {name: call for name, (call, _) in contestants.items()},
            seconds=0.5 if quick else 5,
            repeats=5 if quick else 31,
        )
        mean = env.n_pairs / len(atoms)
        found[str(neighbors)] = {"neighbors": mean} | {
            name: 1e6 * seconds / contestants[name][1] for name, seconds in timed["seconds"].items()
        }
    return found | {"machine": common.machine()}


def exponent(rows: list[dict], name: str) -> float:
    """The power of the number of neighbours that the times follow."""
    import numpy as np

    n = np.log([row["neighbors"] for row in rows])
    return float(np.polyfit(n, np.log([row[name] for row in rows]), 1)[0])


def report(found: dict) -> list[str]:
    rows = [found[str(n)] for n in NEIGHBORS]
    columns = ("compute", "vjp", "explicit")
    powers = {name: exponent(rows, name) for name in columns}
    lines = ["# The Chebyshev descriptor and the number of neighbours", ""]
    lines += [
        "Written by `benchmarks/chebyshev.py`. Microseconds per environment, medians of "
        "interleaved repeats, one core, pairs given. 500 atoms of four species; radial order "
        f"{RADIAL_ORDER}, angular order {ANGULAR_ORDER}, the same cutoff for both, chosen for the "
        "number of neighbours. *Explicit*: only the angular features, summed over pairs of "
        "neighbours in NumPy.",
        "",
        *common.machine_lines(found["machine"]),
    ]
    if found["quick"]:
        lines += ["", "**A quick run: few repeats. Not for quoting.**"]
    table = [[f"{row['neighbors']:.0f}", *(common.number(row[c]) for c in columns)] for row in rows]
    table.append(["exponent", *(f"{powers[c]:.2f}" for c in columns)])
    return [*lines, "", *common.table(["neighbours", "compute", "vjp", "explicit"], table)]


if __name__ == "__main__":
    common.run_on_one_thread(__file__, __doc__, work, report)
