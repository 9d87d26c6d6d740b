"""MBTR, LMBTR and ValleOganov by DScribe 2.1.2: the cases, and their stored values.

``python tests/oracles/make_mbtr_dscribe.py`` writes ``mbtr_dscribe.npz`` beside itself. It needs
dscribe==2.1.2 with ase<3.27: with a newer ASE these three descriptors raise TypeError. Rows of
LMBTR are the first `ROWS` centres. ``tests/test_mbtr.py`` reads the file.
"""

import warnings
from pathlib import Path

import numpy as np
from ase import Atoms

FILE = Path(__file__).with_name("mbtr_dscribe.npz")
ROWS = 2


def structures():
    """Small random structures; coordinates are rounded, so that they are the same everywhere."""
    random = np.random.default_rng(20240613)
    molecule = Atoms("OCHHCH", np.round(random.uniform(-1.5, 1.5, size=(6, 3)), 3))
    cell = [[2.9, 0.2, 0.0], [1.1, 2.7, 0.3], [0.4, 0.8, 3.1]]
    tiny = Atoms("OC", scaled_positions=[[0.1, 0.2, 0.05], [0.55, 0.6, 0.5]], cell=cell, pbc=True)
    slab = Atoms("COHC", np.round(random.uniform(0, 3.2, size=(4, 3)), 3), pbc=(True, True, False))
    slab.cell = [[3.4, 0.0, 0.0], [-1.2, 3.3, 0.0], [0.0, 0.0, 30.0]]
    silicon = Atoms("Si5", np.round(random.uniform(0, 5.4, (5, 3)), 3), cell=[5.4] * 3, pbc=True)
    return {"molecule": molecule, "tiny": tiny, "slab": slab, "silicon": silicon}


GRIDS = {
    "atomic_number": {"min": 1, "max": 9, "n": 17, "sigma": 0.3},
    "distance": {"min": 0.4, "max": 4.0, "n": 20, "sigma": 0.15},
    "inverse_distance": {"min": 0.0, "max": 1.2, "n": 25, "sigma": 0.02},
    "angle": {"min": 0, "max": 180, "n": 20, "sigma": 7.0},
    "cosine": {"min": -1, "max": 1, "n": 16, "sigma": 0.08},
}
SCALE = {"function": "exp", "scale": 0.5, "threshold": 1e-2}
CUT = {"function": "exp", "r_cut": 4.2, "threshold": 1e-2}
SQUARE = {"function": "inverse_square", "r_cut": 3.5}
SMOOTH = {"function": "smooth_cutoff", "r_cut": 2.9}
SHARP = {"function": "smooth_cutoff", "r_cut": 2.7, "sharpness": 3.0}


def _spectra(kind, structure, geometry, weighting=None, **more):
    settings = {"geometry": {"function": geometry}, "grid": GRIDS[geometry], **more}
    if weighting is not None:
        settings["weighting"] = weighting
    settings["species"] = sorted(set(structures()[structure].get_chemical_symbols()))
    if structure != "molecule":
        settings["periodic"] = True
    return kind, structure, settings


def _valle_oganov(structure, function, sigma):
    species = sorted(set(structures()[structure].get_chemical_symbols()))
    more = {"function": function, "n": 24, "sigma": sigma, "r_cut": 3.3}
    return "ValleOganov", structure, {"species": species, **more}


CASES = {
    "k1": _spectra("MBTR", "molecule", "atomic_number"),
    "k2/unity": _spectra("MBTR", "molecule", "distance"),
    "k2/square": _spectra("MBTR", "molecule", "distance", SQUARE, normalization="l2"),
    "k2/scale": _spectra("MBTR", "molecule", "inverse_distance", SCALE, normalize_gaussians=False),
    "k2/tiny": _spectra("MBTR", "tiny", "inverse_distance", SCALE),
    "k2/slab": _spectra("MBTR", "slab", "distance", CUT, normalization="n_atoms"),
    "k2/volume": _spectra("MBTR", "tiny", "distance", SQUARE, normalization="valle_oganov"),
    "k3/unity": _spectra("MBTR", "molecule", "angle"),
    "k3/scale": _spectra("MBTR", "molecule", "cosine", SCALE, normalization="l2"),
    "k3/tiny": _spectra("MBTR", "tiny", "cosine", CUT),
    "k3/slab": _spectra("MBTR", "slab", "angle", SCALE, normalization="n_atoms"),
    "k3/smooth": _spectra("MBTR", "tiny", "angle", SMOOTH),
    "k3/sharp": _spectra("MBTR", "slab", "cosine", SHARP, normalize_gaussians=False),
    "k3/volume": _spectra("MBTR", "silicon", "angle", SMOOTH, normalization="valle_oganov"),
    "local k2/unity": _spectra("LMBTR", "molecule", "distance"),
    "local k2/l2": _spectra("LMBTR", "molecule", "inverse_distance", SCALE, normalization="l2"),
    "local k2/tiny": _spectra("LMBTR", "tiny", "distance", SCALE),
    "local k3/unity": _spectra("LMBTR", "molecule", "angle"),
    "local k3/scale": _spectra("LMBTR", "molecule", "cosine", SCALE, normalize_gaussians=False),
    "local k3/tiny": _spectra("LMBTR", "tiny", "angle", SCALE),
    "local k3/slab": _spectra("LMBTR", "slab", "cosine", SCALE, normalization="l2"),
    "local k3/silicon": _spectra("LMBTR", "silicon", "cosine", SCALE),
    "valle oganov/tiny": _valle_oganov("tiny", "distance", 0.1),
    "valle oganov/silicon": _valle_oganov("silicon", "distance", 0.2),
    "valle oganov/angle": _valle_oganov("tiny", "angle", 6.0),
}


def compute(name):
    """The values of a case, by the peer."""
    import dscribe.descriptors

    kind, structure, settings = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = getattr(dscribe.descriptors, kind)(**settings).create(structures()[structure])
    return np.atleast_2d(values)[:ROWS]


if __name__ == "__main__":
    np.savez_compressed(FILE, **{name: compute(name) for name in CASES})
