"""Matrices and bags of bonds by other programs: the cases, how to compute them, stored values.

``python make_matrix_peers.py dscribe`` (or ``qmllib``, or both) computes the cases of a program,
where it is installed, and writes them to ``matrix_peers.npz`` beside itself; other values stay.
DScribe 2.1.2 needs ASE 3.26 for the sine matrix: with later ones it raises TypeError.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms

FILE = Path(__file__).with_name("matrix_peers.npz")


def structures():
    """Small random structures; coordinates are rounded, so that they are the same everywhere."""
    random = np.random.default_rng(20241101)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)

    def places(n, side):
        some = grid[random.permutation(27)[:n]] + random.uniform(-0.25, 0.25, size=(n, 3))
        return np.round(side * some / 3, 3)

    molecule = Atoms("OCHNHCSHH", places(9, 4.2))
    skew = [[4.1, 0.2, 0.0], [1.6, 3.9, -0.3], [-0.7, 0.8, 4.4]]
    crystal = Atoms("CaTiOOHC", places(6, 1.0) @ np.array(skew), cell=skew, pbc=True)
    outside = crystal.copy()
    outside.positions[[1, 4]] += np.array([[2, -1, 0], [0, 3, -1]]) @ np.array(skew)
    tiny = Atoms("SiC", [[0, 0, 0], [1.1, 1.3, 0.9]], pbc=True)
    tiny.cell = [[0.1, 2.6, 2.7], [2.8, 0.2, 2.5], [2.6, 2.9, 0.0]]
    return {
        "molecule": molecule,
        "crystal": crystal,
        "sorted": crystal[[1, 0, 3, 2, 5, 4]],  # by the norms of the rows of its sine matrix
        "outside": outside,
        "tiny": tiny,
    }


#: name -> (program, class or function, structure, settings)
CASES = {
    "coulomb": ("dscribe", "CoulombMatrix", "molecule", {"n_atoms_max": 11}),
    "coulomb_eigen": (
        "dscribe",
        "CoulombMatrix",
        "molecule",
        {"n_atoms_max": 10, "permutation": "eigenspectrum"},
    ),
    "coulomb_none": (
        "dscribe",
        "CoulombMatrix",
        "crystal",
        {"n_atoms_max": 6, "permutation": "none"},
    ),
    "sine_random": (
        "dscribe",
        "SineMatrix",
        "sorted",
        {"n_atoms_max": 6, "permutation": "random", "sigma": 80.0, "seed": 7},
    ),
    "sine": ("dscribe", "SineMatrix", "crystal", {"n_atoms_max": 8}),
    "sine_outside": ("dscribe", "SineMatrix", "outside", {"n_atoms_max": 6}),
    "sine_eigen": (
        "dscribe",
        "SineMatrix",
        "tiny",
        {"n_atoms_max": 3, "permutation": "eigenspectrum"},
    ),
    "ewald": ("dscribe", "EwaldSumMatrix", "crystal", {"n_atoms_max": 7}),
    "ewald_fine": (
        "dscribe",
        "EwaldSumMatrix",
        "outside",
        {"n_atoms_max": 6, "accuracy": 1e-9, "w": 2.0},
    ),
    "ewald_cutoffs": (
        "dscribe",
        "EwaldSumMatrix",
        "crystal",
        {"n_atoms_max": 6, "r_cut": 7.0, "g_cut": 5.0, "a": 0.6, "permutation": "none"},
    ),
    "ewald_eigen": (
        "dscribe",
        "EwaldSumMatrix",
        "tiny",
        {"n_atoms_max": 4, "permutation": "eigenspectrum", "accuracy": 1e-6},
    ),
    "triangle": ("qmllib", "coulomb_matrix", "molecule", {"size": 11}),
    "triangle_unsorted": (
        "qmllib",
        "coulomb_matrix",
        "molecule",
        {"size": 9, "sorting": "unsorted"},
    ),
    "atomic": ("qmllib", "coulomb_matrix_atomic", "molecule", {"size": 10}),
    "atomic_norm": (
        "qmllib",
        "coulomb_matrix_atomic",
        "molecule",
        {"size": 9, "sorting": "row-norm", "central_cutoff": 3.5, "interaction_cutoff": 2.5},
    ),
    "atomic_decay": (
        "qmllib",
        "coulomb_matrix_atomic",
        "molecule",
        {
            "size": 9,
            "central_cutoff": 4.0,
            "central_decay": 1.5,
            "interaction_cutoff": 3.0,
            "interaction_decay": 2.0,
        },
    ),
    "bob": ("qmllib", "bob", "molecule", {"asize": {"H": 5, "C": 3, "N": 1, "O": 2, "S": 1}}),
}


def compute(name):
    """The features of a case by the program itself, (samples, features)."""
    program, what, structure, settings = CASES[name]
    atoms = structures()[structure]
    if program == "dscribe":
        import dscribe.descriptors

        own = {k: v for k, v in settings.items() if k in ("accuracy", "w", "r_cut", "g_cut", "a")}
        rest = {k: v for k, v in settings.items() if k not in own}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(dscribe.descriptors, what)(**rest).create(atoms, **own)[None]
    import qmllib.representations

    function = getattr(qmllib.representations, f"generate_{what}")
    more = [np.unique(atoms.numbers)] if what == "bob" else []
    return np.atleast_2d(function(atoms.numbers, atoms.positions, *more, **settings))


if __name__ == "__main__":
    values = dict(np.load(FILE)) if FILE.exists() else {"versions": "{}"}
    versions = json.loads(str(values["versions"]))
    for program in sys.argv[1:]:
        values |= {name: compute(name) for name in CASES if CASES[name][0] == program}
        versions[program] = version(program)
    values["versions"] = json.dumps(versions)
    np.savez_compressed(FILE, **values)
    print(f"{FILE.name}: {len(values) - 1} cases, {FILE.stat().st_size / 1000:.0f} kB, {versions}")
