"""Vicinal's MBTR, LMBTR and ValleOganov beside DScribe's, on the same structures, one thread.

    python benchmarks/mbtr.py [--quick] [--peer-python PYTHON] [--output FOLDER]

Writes results/mbtr.md and results/mbtr.json. These descriptors of DScribe 2.1.2 need ase<3.27:
where the ASE beside Vicinal is newer, --peer-python names an interpreter that has DScribe with an
older one. It serves from a process of its own, in turns with Vicinal. DScribe gets few molecules,
since its time an atom does not depend on their number.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import common

warnings.simplefilter("ignore")

EXP = {"function": "exp", "scale": 0.5, "threshold": 1e-3}
GRIDS = {
    "distance": {"min": 0.0, "max": 6.0, "n": 100, "sigma": 0.1},
    "inverse_distance": {"min": 0.0, "max": 1.0, "n": 100, "sigma": 0.02},
    "angle": {"min": 0.0, "max": 180.0, "n": 100, "sigma": 2.0},
    "cosine": {"min": -1.0, "max": 1.0, "n": 100, "sigma": 0.05},
}


def spectra(geometry: str, **more) -> dict:
    return {
        "geometry": {"function": geometry}, "grid": GRIDS[geometry], "weighting": EXP, **more,
    }  # fmt: skip


#: Class and DScribe's parameters, without species and periodicity.
SETTINGS = {
    "MBTR k=2, 1/r": ("MBTR", spectra("inverse_distance")),
    "MBTR k=3, cosine": ("MBTR", spectra("cosine")),
    "MBTR k=3, angle, l2": ("MBTR", spectra("angle", normalization="l2")),
    "LMBTR k=2, 1/r": ("LMBTR", spectra("inverse_distance")),
    "LMBTR k=3, cosine": ("LMBTR", spectra("cosine")),
    "ValleOganov, r": (
        "ValleOganov", {"function": "distance", "n": 100, "sigma": 0.1, "r_cut": 8.0}
    ),
    "ValleOganov, angle": (
        "ValleOganov", {"function": "angle", "n": 100, "sigma": 2.0, "r_cut": 4.0}
    ),
}  # fmt: skip
SYSTEMS = {"molecules": False, "Si64": True, "fcc108, 4 species": True}
FEW_MOLECULES = 10


def structures(quick: bool) -> dict:
    return {
        "molecules": common.molecules(50 if quick else 1000),
        "Si64": [common.silicon(2)],
        "fcc108, 4 species": [common.fcc108(4)],
    }


def wanted(setting: str, system: str, quick: bool) -> bool:
    """Which pairs are run: DScribe must end within seconds."""
    if system == "molecules":
        return not setting.startswith("Valle")
    if system == "fcc108, 4 species":
        return not quick and setting in ("MBTR k=2, 1/r", "MBTR k=3, cosine")
    return True


def parameters(setting: str, frames, periodic: bool) -> dict:
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    more = {} if setting.startswith("Valle") else {"periodic": periodic}
    return {**SETTINGS[setting][1], "species": species, **more}


def make(module, setting: str, frames, periodic: bool):
    cls = getattr(module, SETTINGS[setting][0])
    return getattr(cls, "from_dscribe", cls)(**parameters(setting, frames, periodic))


# -- DScribe, in a process of its own -----------------------------------------------------------


def serve(folder: Path) -> None:
    """Answer each line [setting, system] with null, or with what went wrong."""
    import ase.io

    for line in sys.stdin:
        setting, system = json.loads(line)
        try:
            import dscribe.descriptors

            frames = ase.io.read(folder / f"{system}.extxyz", ":")
            few = frames[:FEW_MOLECULES]
            made = make(dscribe.descriptors, setting, frames, SYSTEMS[system])
            answer = None
            made.create(few if len(few) > 1 else few[0])
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)


class Peer:
    def __init__(self, python: str, frames: dict):
        import ase.io

        self.folder = tempfile.TemporaryDirectory()
        for system, some in frames.items():
            ase.io.write(Path(self.folder.name) / f"{system}.extxyz", some)
        self.process = subprocess.Popen(
            [python, __file__, "--serve", self.folder.name],
            env=common.pinned(1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, setting: str, system: str) -> None:
        self.process.stdin.write(json.dumps([setting, system]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '"DScribe\'s process ended"')
        if answer is not None:
            raise RuntimeError(answer)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


# -- the runs -----------------------------------------------------------------------------------


def measure(quick: bool, python: str) -> dict:
    import numpy as np

    import vicinal as vc

    frames = structures(quick)
    found = {}
    with Peer(python, frames) as peer:
        for system, some in frames.items():
            for setting in SETTINGS:
                if not wanted(setting, system, quick):
                    continue
                made = make(vc, setting, some, SYSTEMS[system]).set_params(n_threads=1)
                cotangent = np.ones(made.compute(some).shape)
                n_atoms = sum(map(len, some))
                sizes = {"Vicinal": n_atoms, "Vicinal, vjp": n_atoms}
                sizes["DScribe"] = sum(map(len, some[:FEW_MOLECULES]))
                done = common.interleaved(
                    {
                        "Vicinal": lambda m=made, f=some: m.compute(f),
                        "Vicinal, vjp": lambda m=made, f=some, c=cotangent: m.vjp(f, c),
                        "DScribe": lambda a=setting, b=system: peer.run(a, b),
                    },
                    seconds=2 if quick else 20,
                    repeats=3 if quick else 9,
                )
                found[f"{setting}; {system}"] = {
                    "us_per_atom": {
                        name: 1e6 * t / sizes[name] for name, t in done["seconds"].items()
                    },
                    "failed": done["failed"],
                }
    return found


def report(found: dict) -> list[str]:
    rows, failures = [], {}
    for name, run in found["runs"].items():
        times = run["us_per_atom"]
        setting, system = name.split("; ")
        peer = times.get("DScribe")
        ratio = f"{peer / times['Vicinal']:.0f}" if peer else "–"
        numbers = [common.number(times.get(q)) for q in ("Vicinal", "Vicinal, vjp", "DScribe")]
        rows.append([setting, system, *numbers, ratio])
        failures |= run["failed"]
    lines = ["# MBTR, LMBTR, Valle–Oganov", "", *common.machine_lines(found["machine"]), ""]
    lines += ["Microseconds per atom, one thread, structures to arrays, medians of turns.", ""]
    header = ["descriptor", "structures", "Vicinal", "its vjp", "DScribe", "ratio"]
    lines += common.table(header, rows)
    lines += ["", *(f"{name} did not run: {why}" for name, why in failures.items())]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--output", type=Path, default=common.RESULTS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    found = {"machine": common.machine(), "runs": measure(options.quick, options.peer_python)}
    common.write("mbtr", report(found), found, options.output)


if __name__ == "__main__":
    main()
