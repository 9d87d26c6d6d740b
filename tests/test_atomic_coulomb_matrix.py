"""Coulomb matrices of environments; qmllib's are in test_matrix_peers.py."""

import numpy as np
import pytest

from vicinal import AtomicCoulombMatrix
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build


class TestAtomicCoulombMatrix(Battery):
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "n_atoms_max": 6, "species": ["H", "C", "O"]}
        return AtomicCoulombMatrix(**(small | self.parameters), dtype=dtype)


class TestAtomicCoulombMatrixSorted(TestAtomicCoulombMatrix):
    examples = 3
    parameters = {"permutation": "sorted_l2", "layout": "triangle", "interaction_cutoff": 2.5}


class TestAtomicCoulombMatrixEigenspectrum(TestAtomicCoulombMatrix):
    examples = 3
    parameters = {"permutation": "eigenspectrum", "interaction_cutoff": 3.0, "pooling": "mean"}


class TestAtomicCoulombMatrixJumps(TestAtomicCoulombMatrix):
    examples = 3
    parameters = {"cutoff_width": 0, "species": None}


def slow_matrix(atoms, k, size, cutoff, width, interaction=np.inf, interaction_width=1.0):
    """In loops; rows by distance."""
    Z, D = atoms.numbers, atoms.get_all_distances()

    def fade(r, end, w):
        if r <= end - w:
            return 1.0
        return 0.5 * (1 + np.cos(np.pi * (r - end + w) / w)) if r < end else 0.0

    near = sorted((i for i in range(len(Z)) if D[i, k] < cutoff), key=lambda i: D[i, k])[:size]
    M = np.zeros((size, size))
    for p, i in enumerate(near):
        for q, j in enumerate(near):
            if i == j:
                M[p, p] = 0.5 * Z[i] ** 2.4 * fade(D[i, k], cutoff, width) ** 2
            else:
                M[p, q] = Z[i] * Z[j] / D[i, j] * fade(D[i, j], interaction, interaction_width)
                M[p, q] *= fade(D[i, k], cutoff, width) * fade(D[j, k], cutoff, width)
    return M


@pytest.mark.parametrize("size", [4, 9])
@pytest.mark.parametrize("interaction", [None, 2.5])
def test_values(size, interaction):
    atoms = build("cluster", (1, 6, 8), 8, seed=3)
    slow = {"cutoff": 3.5, "width": 1.2}
    slow |= {} if interaction is None else {"interaction": interaction, "interaction_width": 0.8}
    want = np.array([slow_matrix(atoms, k, size, **slow) for k in range(8)])
    made = AtomicCoulombMatrix(
        cutoff=3.5,
        cutoff_width=1.2,
        interaction_cutoff=interaction,
        interaction_width=0.8,
        n_atoms_max=size,
    )
    got = made.compute(atoms).values
    assert np.abs(got - want.reshape(8, -1)).max() < 1e-12 * want.max()

    random = np.random.default_rng(0)
    cotangent, u = random.normal(size=got.shape), random.normal(size=(8, 3))

    def value(step):
        moved = atoms.copy()
        moved.positions += step * u
        rows = [slow_matrix(moved, k, size, **slow).ravel() for k in range(8)]
        return (cotangent * rows).sum()

    by_position = (value(1e-6) - value(-1e-6)) / 2e-6
    gradient = made.vjp(atoms, cotangent).positions
    assert (gradient * u).sum() == pytest.approx(by_position, rel=1e-6)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"cutoff_width": 6.0}, "cutoff_width"),
        ({"cutoff_width": -1.0}, "cutoff_width"),
        ({"interaction_cutoff": 0.0}, "interaction_cutoff"),
        ({"interaction_cutoff": 2.0, "interaction_width": 3.0}, "interaction_width"),
        ({"n_atoms_max": 0}, "n_atoms_max"),
        ({"permutation": "random"}, "permutation"),
        ({"layout": "upper"}, "layout"),
        ({"permutation": "eigenspectrum", "layout": "triangle"}, "layout"),
    ],
)
def test_bad_parameters(parameters, word):
    with pytest.raises(ParameterError, match=word):
        AtomicCoulombMatrix(**parameters)


def test_qmllib_sorts_by_distance_or_norm():
    with pytest.raises(ParameterError, match="sorting"):
        AtomicCoulombMatrix.from_qmllib(sorting="unsorted")
