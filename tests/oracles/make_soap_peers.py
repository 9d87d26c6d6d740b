"""SOAP by other programs: the cases, how to compute them live, and their stored values.

``python tests/oracles/make_soap_peers.py`` writes ``soap_peers.npz`` beside itself (it needs the
extra ``peers``). Rows are centres (the first `ROWS` of them), columns the peer's features in the
peer's order; ``versions`` is a JSON string. ``tests/test_soap_oracles_numpy.py`` reads the file and
repeats the calculation where a peer is installed.
"""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms

FILE = Path(__file__).with_name("soap_peers.npz")
ROWS = 3
PACKAGES = {"dscribe": "dscribe", "featomic": "featomic", "quip": "quippy-ase"}


def structures():
    """Small random structures; coordinates are rounded, so that they are the same everywhere."""
    random = np.random.default_rng(20240613)
    molecule = Atoms("OCHHCH", np.round(random.uniform(-1.5, 1.5, size=(6, 3)), 3))
    cell = [[2.9, 0.2, 0.0], [1.1, 2.7, 0.3], [0.4, 0.8, 3.1]]
    tiny = Atoms("OC", scaled_positions=[[0.1, 0.2, 0.05], [0.55, 0.6, 0.5]], cell=cell, pbc=True)
    outside = tiny.copy()
    outside.positions[1] += tiny.cell[2]
    slab = Atoms("COHC", np.round(random.uniform(0, 3.2, size=(4, 3)), 3), pbc=(True, True, False))
    slab.cell = [[3.4, 0.0, 0.0], [-1.2, 3.3, 0.0], [0.0, 0.0, 30.0]]
    silicon = Atoms(
        "Si5", np.round(random.uniform(0, 5.4, size=(5, 3)), 3), cell=[5.4] * 3, pbc=True
    )
    return {
        "molecule": molecule,
        "tiny": tiny,
        "outside": outside,
        "slab": slab,
        "silicon": silicon,
    }


def _dscribe(structure="molecule", **settings):
    species = sorted(set(structures()[structure].get_chemical_symbols()))
    defaults = {"r_cut": 4.0, "n_max": 4, "l_max": 3, "sigma": 0.45, "species": species}
    return "dscribe", structure, {**defaults, **settings}


def _featomic(structure="molecule", *, n_max=4, l_max=3, smoothing=None, accuracy=None, **density):
    return (
        "featomic",
        structure,
        {
            "cutoff": {
                "radius": 4.0,
                "smoothing": smoothing or {"type": "ShiftedCosine", "width": 0.7},
            },
            "density": {"type": "Gaussian", "width": 0.45, **density},
            "basis": {
                "type": "TensorProduct",
                "max_angular": l_max,
                "radial": {"type": "Gto", "max_radial": n_max - 1},
                "spline_accuracy": accuracy,
            },
        },
    )


def _quip(structure="molecule", more="n_species=3 species_Z={1 6 8}"):
    return "quip", structure, f"soap cutoff=4.0 n_max=4 l_max=3 atom_sigma=0.45 {more}"


_WILLATT = {"type": "Willatt2018", "rate": 1.3, "scale": 2.1, "exponent": 3.0}
_WEIGHTS = {"H": 0.4, "C": 1.2, "O": 2.0}

#: name -> (peer, structure, settings as the peer takes them)
CASES = {
    "dscribe/gto": _dscribe(),
    "dscribe/gto_large": _dscribe(n_max=6, l_max=9, sigma=0.3),
    "dscribe/gto_tiny": _dscribe("tiny", periodic=True),
    "dscribe/gto_slab": _dscribe("slab", periodic=True, compression={"mode": "mu2"}),
    "dscribe/polynomial": _dscribe(rbf="polynomial"),
    "dscribe/polynomial_silicon": _dscribe("silicon", rbf="polynomial", periodic=True),
    "dscribe/w0": _dscribe(weighting={"w0": 0.3}),
    "dscribe/w0_polynomial": _dscribe(rbf="polynomial", weighting={"w0": 0.3}),
    "dscribe/poly": _dscribe(weighting={"function": "poly", "c": 1.2, "m": 2, "r0": 3.5}),
    "dscribe/poly_alone": _dscribe(
        r_cut=None, weighting={"function": "poly", "c": 1, "m": 1.5, "r0": 3.8, "w0": 0.5}
    ),
    "dscribe/pow": _dscribe(
        rbf="polynomial", weighting={"function": "pow", "c": 1, "d": 1.5, "m": 2, "r0": 2}
    ),
    "dscribe/pow_alone": _dscribe(
        r_cut=None,
        weighting={"function": "pow", "c": 1, "d": 1, "m": 6, "r0": 2, "threshold": 0.02},
    ),
    "dscribe/exp": _dscribe(
        weighting={"function": "exp", "c": 1.1, "d": 0.4, "r0": 1.3, "w0": 0.2}
    ),
    "dscribe/mu2": _dscribe(compression={"mode": "mu2", "species_weighting": _WEIGHTS}),
    "dscribe/mu1nu1": _dscribe(compression={"mode": "mu1nu1"}),
    "dscribe/mu1nu1_weights": _dscribe(
        rbf="polynomial", compression={"mode": "mu1nu1", "species_weighting": _WEIGHTS}
    ),
    "dscribe/crossover": _dscribe(compression={"mode": "crossover"}),
    "dscribe/weights": _dscribe(compression={"mode": "off", "species_weighting": _WEIGHTS}),
    "dscribe/inner": _dscribe(average="inner"),
    "dscribe/inner_mu1nu1": _dscribe(average="inner", compression={"mode": "mu1nu1"}),
    "dscribe/outer": _dscribe(average="outer", rbf="polynomial"),
    "featomic/gto": _featomic(),
    "featomic/gto_large": _featomic(n_max=7, l_max=8),
    "featomic/gto_outside": _featomic("outside"),
    "featomic/gto_silicon": _featomic("silicon", smoothing={"type": "Step"}),
    "featomic/willatt": _featomic(scaling=_WILLATT, center_atom_weight=0.6),
    "featomic/spline": _featomic(accuracy=1e-8, center_atom_weight=0.0),
    "quip/normalised": _quip(),
    "quip/raw": _quip(more="normalise=F n_species=3 species_Z={1 6 8} cutoff_transition_width=1.2"),
    "quip/one_species": _quip(more="normalise=F central_weight=0.3"),
    "quip/centres": _quip(more="Z=6 n_species=3 species_Z={1 6 8} central_weight=0.0"),
    "quip/average": _quip(more="average=T n_species=3 species_Z={1 6 8}"),
    "quip/decay": _quip(
        more="n_species=3 species_Z={1 6 8} cutoff_dexp=2 cutoff_rate=1.5 cutoff_scale=2"
    ),
    "quip/outside": _quip("outside", "normalise=F n_species=2 species_Z={6 8}"),
    "quip/silicon": _quip("silicon", "n_species=1 species_Z={14} n_Z=1 Z={14}"),
}


def compute(name):
    """The features of a case by the peer itself, all centres; shape (centres, features)."""
    peer, structure, settings = CASES[name]
    atoms = structures()[structure]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if peer == "dscribe":
            from dscribe.descriptors import SOAP

            return np.atleast_2d(SOAP(**settings).create(atoms))
        if peer == "featomic":
            from featomic import SoapPowerSpectrum

            return featomic_values(SoapPowerSpectrum(**settings), atoms)
        from quippy.descriptors import Descriptor

        if not atoms.pbc.any():
            atoms.cell = [30.0] * 3
        return np.array(Descriptor(settings).calc(atoms)["data"])


def featomic_values(calculator, atoms):
    """What a featomic user gets from moving the keys the usual way."""
    descriptor = calculator.compute(atoms).keys_to_samples("center_type")
    descriptor = descriptor.keys_to_properties(["neighbor_1_type", "neighbor_2_type"])
    return np.asarray(descriptor.block().values)


if __name__ == "__main__":
    values = {name: compute(name)[:ROWS] for name in CASES}
    versions = {peer: version(package) for peer, package in PACKAGES.items()}
    np.savez_compressed(FILE, versions=json.dumps(versions), **values)
    print(f"{FILE.name}: {len(values)} cases, {FILE.stat().st_size / 1000:.0f} kB, {versions}")
