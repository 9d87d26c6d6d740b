"""Matrices and bags of bonds against DScribe and qmllib, with stored values and live."""

import numpy as np
import pytest
from ase.data import atomic_numbers
from oracles.make_matrix_peers import CASES, FILE, compute, structures

import vicinal as vc

MAKE = {
    "CoulombMatrix": vc.CoulombMatrix.from_dscribe,
    "SineMatrix": vc.SineMatrix.from_dscribe,
    "EwaldSumMatrix": vc.EwaldMatrix.from_dscribe,
    "coulomb_matrix": vc.CoulombMatrix.from_qmllib,
    "coulomb_matrix_atomic": vc.AtomicCoulombMatrix.from_qmllib,
    "bob": vc.BagOfBonds,
}


def own(name):
    _, what, structure, settings = CASES[name]
    features = MAKE[what](**settings).compute(structures()[structure])
    return features.values[:, as_qmllib(features, **settings)] if what == "bob" else features.values


def as_qmllib(features, asize):
    """qmllib's bags go by the number of atoms there is room for, ours by atomic number."""
    places = {name: k for k, name in enumerate(features.names)}
    kinds = sorted(asize, key=asize.get)
    index = []
    for k, one in enumerate(kinds):
        bags = [(one, asize[one]), (f"{one},{one}", asize[one] * (asize[one] - 1) // 2)]
        for other in kinds[k + 1 :]:
            label = ",".join(sorted([one, other], key=atomic_numbers.get))
            bags.append((label, asize[one] * asize[other]))
        index += [places[f"BoB[{label}] {q}"] for label, size in bags for q in range(size)]
    return index


def close(got, want, tolerance=1e-12):
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


@pytest.mark.parametrize("name", CASES)
def test_stored_values(name):
    with np.load(FILE) as stored:
        close(own(name), stored[name])


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_live_values(name):
    pytest.importorskip(CASES[name][0])
    try:
        want = compute(name)
    except TypeError as error:
        if CASES[name][1] != "SineMatrix":
            raise
        pytest.skip(f"DScribe's sine matrix does not run with this ASE ({error})")
    close(own(name), want)


def test_a_converged_ewald_matrix():
    """What DScribe leaves out by default (accuracy 1e-5) is all that differs."""
    ours = vc.EwaldMatrix(n_atoms_max=7).compute(structures()["crystal"]).values
    with np.load(FILE) as stored:
        off = np.abs(ours - stored["ewald"]).max() / np.abs(ours).max()
        assert 1e-8 < off < 1e-4
        close(vc.EwaldMatrix().compute(structures()["outside"]).values, stored["ewald_fine"], 1e-8)
