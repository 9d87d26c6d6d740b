"""Readers of the formats that data sets come in: path and part (a slice) -> structures.

Energies and forces are attached as a ``SinglePointCalculator``, as ASE's own readers do; everything
else is in ``info`` and ``arrays``.
"""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import Bohr, Hartree, kcal, mol

from vicinal.errors import FileError

#: Free atoms in B3LYP/6-31G(2df,p), hartree, as stated with QM9: U0, U, H, G.
_QM9_ATOMS = {
    "H": (-0.500273, -0.498857, -0.497912, -0.510927),
    "C": (-37.846772, -37.845355, -37.844411, -37.861317),
    "N": (-54.583861, -54.582445, -54.581501, -54.598897),
    "O": (-75.064579, -75.063163, -75.062219, -75.079532),
    "F": (-99.718730, -99.717314, -99.716370, -99.733544),
}
_QM9_COLUMNS = "A B C mu alpha homo lumo gap r2 zpve U0 U H G Cv".split()
_QM9_ENERGIES = {"homo", "lumo", "gap", "zpve", "U0", "U", "H", "G"}


def structures(path: Path, part: slice) -> list[Atoms]:
    """Anything that ASE reads, also compressed."""
    from vicinal.streaming import Structures

    text = ":".join("" if k is None else str(k) for k in (part.start, part.stop, part.step))
    with Structures(path, text) as found:
        return [atoms for _, atoms in found]


def qm7_archive(path: Path, part: slice) -> list[Atoms]:
    """The qml repository: ``tests/qm7/*.xyz`` and the energies in ``tests/data/hof_qm7.txt``."""
    with tarfile.open(path) as archive:
        members = {member.name.partition("/")[2]: member for member in archive}
        table = archive.extractfile(members["tests/data/hof_qm7.txt"]).read().decode()
        rows = [line.split() for line in table.splitlines() if line.strip()][part]
        frames = []
        for name, energy, cheaper in rows:
            atoms = _xyz(archive.extractfile(members[f"tests/qm7/{name}"]).read().decode())
            atoms.info["name"] = int(name.removesuffix(".xyz"))
            atoms.info["atomization_energy"] = float(energy)
            atoms.info["delta_energy"] = float(cheaper)
            frames.append(atoms)
    return frames


def qm7_matlab(path: Path, part: slice) -> list[Atoms]:
    """``qm7.mat``: R (n, 23, 3) in bohr, Z (n, 23) padded with zeros, T (1, n), P (5, n / 5)."""
    import scipy.io

    data = scipy.io.loadmat(path, variable_names=("R", "Z", "T", "P"))
    charges, energies = data["Z"].astype(int), data["T"].ravel()
    folds = np.zeros(len(charges), int)
    for fold, members in enumerate(data["P"].astype(int)):
        folds[members] = fold
    frames = []
    for k in range(len(charges))[part]:
        real = charges[k] > 0
        atoms = Atoms(numbers=charges[k][real], positions=data["R"][k][real].astype(float) * Bohr)
        atoms.info.update(atomization_energy=float(energies[k]), fold=int(folds[k]))
        frames.append(atoms)
    return frames


def nmd18_table(path: Path, part: slice) -> list[Atoms]:
    """``train.csv`` or ``labeled_test.csv`` with the folder of geometries (FHI-aims) beside it."""
    folder = path.parent / path.stem.removeprefix("labeled_")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[part]
    frames = []
    for row in rows:
        text = (folder / row["id"] / "geometry.xyz").read_text(encoding="utf-8")
        lines = [line.split() for line in text.splitlines()]
        sites = [line for line in lines if line[:1] == ["atom"]]
        atoms = Atoms(
            symbols=[site[4] for site in sites],
            positions=[[float(x) for x in site[1:4]] for site in sites],
            cell=[
                [float(x) for x in line[1:4]] for line in lines if line[:1] == ["lattice_vector"]
            ],
            pbc=True,
        )
        atoms.info.update(
            id=int(row["id"]),
            spacegroup=int(row["spacegroup"]),
            formation_energy=float(row["formation_energy_ev_natom"]),  # per cation, in truth
            bandgap=float(row["bandgap_energy_ev"]),
        )
        frames.append(atoms)
    return frames


def mlearn_json(path: Path, part: slice) -> list[Atoms]:
    """A list of pymatgen structures with energy (eV), forces (eV/Å) and virial stress (kbar)."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    frames = []
    for entry in entries[part]:
        structure, outputs = entry["structure"], entry["outputs"]
        atoms = Atoms(
            symbols=[site["species"][0]["element"] for site in structure["sites"]],
            positions=[site["xyz"] for site in structure["sites"]],
            cell=structure["lattice"]["matrix"],
            pbc=True,
        )
        atoms.info["group"] = entry["group"]
        atoms.info["virial_stress_kbar"] = np.array(outputs["virial_stress"], float)
        frames.append(_labelled(atoms, outputs["energy"], outputs["forces"]))
    return frames


def rmd17_npz(path: Path, part: slice) -> list[Atoms]:
    """Arrays nuclear_charges, coords (Å), energies (kcal/mol), forces (kcal/mol/Å)."""
    unit = kcal / mol
    with np.load(path, allow_pickle=False) as data:
        numbers = data["nuclear_charges"]
        steps = data["old_indices"][part]
        frames = [
            _labelled(Atoms(numbers=numbers, positions=positions), energy * unit, forces * unit)
            for positions, energy, forces in zip(
                data["coords"][part], data["energies"][part], data["forces"][part], strict=True
            )
        ]
    for atoms, step in zip(frames, steps, strict=True):
        atoms.info["step"] = int(step)  # in the trajectory of MD17
    return frames


def qm9_archive(path: Path, part: slice) -> list[Atoms]:
    """``dsgdb9nsd.xyz.tar.bz2``, without the molecules of ``uncharacterized.txt`` beside it."""
    lines = (path.parent / "uncharacterized.txt").read_text(encoding="utf-8").splitlines()
    # Nine lines of introduction, and one that gives their number.
    excluded = {int(line.split()[0]) for line in lines[9:-1] if line.strip()}
    frames = (atoms for atoms in _qm9_molecules(path) if atoms.info["index"] not in excluded)
    if min(part.start or 0, part.stop or 0, part.step or 1) < 0:
        return list(frames)[part]
    return list(islice(frames, part.start, part.stop, part.step))


def _qm9_molecules(path: Path) -> Iterator[Atoms]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if not member.name.endswith(".xyz"):
                continue
            lines = archive.extractfile(member).read().decode().replace("*^", "e").splitlines()
            n_atoms = int(lines[0])
            _, index, *values = lines[1].split()  # "gdb", number, fifteen properties
            atoms = _xyz("\n".join(lines[: n_atoms + 2]))
            charges = [float(line.split()[4]) for line in lines[2 : n_atoms + 2]]
            atoms.set_array("mulliken_charges", np.array(charges))
            energies = dict(zip(_QM9_COLUMNS, map(float, values), strict=True))
            for k, name in enumerate(("U0", "U", "H", "G")):
                free = sum(_QM9_ATOMS[symbol][k] for symbol in atoms.symbols)
                atoms.info[f"{name}_atomization"] = (energies[name] - free) * Hartree
            for name, value in energies.items():
                atoms.info[name] = value * Hartree if name in _QM9_ENERGIES else value
            atoms.info["index"] = int(index)
            atoms.info["smiles"] = lines[n_atoms + 3].split()[-1]  # of the relaxed molecule
            yield atoms


def _xyz(text: str) -> Atoms:
    """Plain XYZ whose comment means nothing to ASE."""
    lines = text.splitlines()
    rows = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    positions = np.array([[float(x) for x in row[1:4]] for row in rows])
    return Atoms([row[0] for row in rows], positions=positions)


def _labelled(atoms: Atoms, energy: float, forces: Iterable) -> Atoms:
    atoms.calc = SinglePointCalculator(
        atoms, energy=float(energy), forces=np.asarray(forces, float)
    )
    return atoms


READERS = {
    reader.__name__: reader
    for reader in (
        structures, qm7_archive, qm7_matlab, nmd18_table, mlearn_json, rmd17_npz, qm9_archive
    )
}  # fmt: skip


def read(reader: str, path: Path, part: slice) -> list[Atoms]:
    """Read with one of the functions above; whatever goes wrong is a :class:`FileError`."""
    try:
        return READERS[reader](path, part)
    except FileError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{error.filename}: no such file, which {path.name} needs") from None
    except Exception as error:  # NumPy, SciPy, tarfile and ASE raise anything
        text = " ".join(str(error).split())[:200]
        raise FileError(
            f"{path}: cannot be read: truncated, or not what its name says "
            f"({type(error).__name__}: {text})"
        ) from None
