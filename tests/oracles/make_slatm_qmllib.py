"""SLATM by qmllib 1.2.0: the cases, and their stored values.

``python tests/oracles/make_slatm_qmllib.py`` writes ``slatm_qmllib.npz`` beside itself; it needs
qmllib. Rows of local SLATM are the first `ROWS` atoms. ``tests/test_slatm.py`` reads the file.
"""

from pathlib import Path

import numpy as np
from ase import Atoms

FILE = Path(__file__).with_name("slatm_qmllib.npz")
ROWS = 3


def structures():
    """Small random molecules; coordinates are rounded, so that they are the same everywhere."""
    random = np.random.default_rng(20240613)
    molecule = Atoms("OCHHCH", np.round(random.uniform(-1.6, 1.6, size=(6, 3)), 3))
    cluster = Atoms("CN3H5", np.round(random.uniform(-2.5, 2.5, size=(9, 3)), 3))
    water = Atoms("OH2", [[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]])
    return {"molecule": molecule, "cluster": cluster, "water": water}


TYPES = {
    "molecule": [[1], [6], [8], [1, 6], [6, 6], [8, 1], [1, 6, 8], [6, 1, 6], [6, 6, 1], [8, 1, 6]],
    "cluster": [[7], [1], [6], [1, 1], [7, 7], [7, 1], [6, 7], [1, 1, 1], [7, 1, 7], [1, 7, 6]],
    "water": [[8], [1], [8, 1], [1, 1], [1, 8, 1], [8, 1, 1]],
}
COARSE = {"sigmas": [0.1, 0.15], "dgrids": [0.09, 0.11]}
CASES = {
    "water": ("water", {"local": False}),
    "water, local": ("water", {"local": True}),
    "molecule": ("molecule", {"local": False, **COARSE}),
    "molecule, local": ("molecule", {"local": True, **COARSE}),
    "cluster": ("cluster", {"local": False, "rcut": 3.1, "rpower": 4, **COARSE}),
    "cluster, local": ("cluster", {"local": True, "rcut": 3.1, "rpower": 4, **COARSE}),
}


def compute(name):
    """The values of a case, by the peer."""
    from qmllib.representations import generate_slatm

    structure, settings = CASES[name]
    atoms = structures()[structure]
    values = generate_slatm(atoms.numbers, atoms.positions, TYPES[structure], **settings)
    return np.atleast_2d(values)[:ROWS]


if __name__ == "__main__":
    np.savez_compressed(FILE, **{name: compute(name) for name in CASES})
