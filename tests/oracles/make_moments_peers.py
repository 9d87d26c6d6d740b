"""Descriptors on the density engine by other programs: stored values.

``python tests/oracles/make_moments_peers.py REFERENCE`` writes ``moments_peers.npz`` beside itself.
REFERENCE is a folder with the output of programs that do not install beside ours:

- ``aenet/water_ref.csv``, ``aenet/lmnto_ref.csv`` and their structures: aenet, Chebyshev basis,
  radial N=10 Rc=4.0, angular N=3 Rc=1.5, species in the order O H, Li Mo Ni Ti O;
- ``amp.npz``: AMP 1.0.1, Zernike, nmax=5, Cosine(6.0);
- ``pyxtal_ff.npz``: PyXtal_FF 0.2.3, EAD (L=2, eta 0.5 1.0, Rs 1.0 2.0, Rc=5) and SO3 (nmax=3,
  lmax=3, rcut=5, alpha=2), with derivatives, for the structures of ``structures.extxyz``.

QUIP's values are made here, with quippy-ase. In the file ``NAME/numbers``, ``positions``, ``cell``
and ``pbc`` are a structure, ``NAME/WHAT`` the values of its atoms.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

FILE = Path(__file__).with_name("moments_peers.npz")
QUIP = {
    "power_so3": "power_so3 cutoff=4.0 n_max=3 l_max=4 Z_center=14",
    "bispectrum_so3": "bispectrum_so3 cutoff=4.0 n_max=2 l_max=3 Z_center=14",
}


def structure(stored, name: str) -> Atoms:
    """A structure of the file."""
    what = {key: stored[f"{name}/{key}"] for key in ("numbers", "positions", "cell", "pbc")}
    return Atoms(**what)


def quip(name: str, atoms: Atoms) -> np.ndarray:
    from quippy.descriptors import Descriptor

    return Descriptor(QUIP[name]).calc(atoms)["data"]


def main(reference: Path) -> None:
    frames = {a.info["name"]: a for a in read(reference / "structures.extxyz", ":")}
    frames["water"] = read(reference / "aenet/water.xyz")
    frames["lmnto"] = read(reference / "aenet/lmnto_structure001.xsf")
    places = np.random.default_rng(7).uniform(6.5, 9.5, (5, 3)).round(3)
    frames["Si5"] = Atoms("Si5", places, cell=[16.0] * 3, pbc=True)
    values = {
        f"{name}/aenet": np.loadtxt(reference / f"aenet/{name}_ref.csv", delimiter=",")
        for name in ("water", "lmnto")
    }
    values["ethanol_rattled/amp"] = np.load(reference / "amp.npz")["ethanol_rattled/zernike"]
    pyxtal = np.load(reference / "pyxtal_ff.npz")
    for name in ("Si2_triclinic", "NaCl_8"):
        for kind, what in (("ead", "EAD"), ("so3", "SO3_n3l3")):
            values[f"{name}/{kind}"] = pyxtal[f"{name}/{what}"]
            for extra in ("dxdr", "seq"):
                values[f"{name}/{kind}_{extra}"] = pyxtal[f"{name}/{what}_{extra}"]
    for name in QUIP:
        values[f"Si5/{name}"] = quip(name, frames["Si5"])
    for name in {key.split("/")[0] for key in values}:
        atoms = frames[name]
        values[f"{name}/numbers"], values[f"{name}/positions"] = atoms.numbers, atoms.positions
        values[f"{name}/cell"], values[f"{name}/pbc"] = atoms.cell.array, atoms.pbc
    values["quippy"] = version("quippy-ase")
    np.savez_compressed(FILE, **values)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
