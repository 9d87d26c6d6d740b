"""Overlap-matrix fingerprints against overlaps integrated on a grid, one pair at a time."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import covalent_radii

from vicinal import OverlapMatrix
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build


class TestOverlapMatrix(Battery):
    def make(self, dtype):
        return OverlapMatrix(cutoff=3.5, n_eigenvalues=30, species=["H", "C", "O"], dtype=dtype)


class Variant(Battery):
    examples = 3
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "n_eigenvalues": 40, "species": ["H", "C", "O"]}
        return OverlapMatrix(**(small | self.parameters), dtype=dtype)


class TestOverlapMatrixWithP(Variant):
    parameters = {"orbitals": "sp", "cutoff": 3.0}


class TestOverlapMatrixLargestFew(Variant):
    parameters = {"n_eigenvalues": 4, "nex": 1}


class TestOverlapMatrixMean(Variant):
    parameters = {"pooling": "mean", "periodic": False, "nex": 3, "species": None}


# -- against overlaps that are integrated numerically --------------------------------------------

X = np.linspace(-12, 12, 1201)  # the trapezoidal rule is exact for Gaussians that are smooth on it


def slow_orbitals(place, a, orbitals):
    """Each orbital as three functions on the axes, whose product it is; normalised."""
    s = [np.exp(-a * (X - x) ** 2) for x in place]
    functions = [s]
    for axis in range(3) if orbitals == "sp" else ():
        p = list(s)
        p[axis] = (X - place[axis]) * s[axis]
        functions.append(p)
    return [[f / np.linalg.norm(f) for f in axes] for axes in functions]


def slow_fingerprint(atoms, i, cutoff, n_eigenvalues, orbitals="s", nex=2):
    """Molecules only."""
    rows, amplitudes = [], []
    for number, place in zip(atoms.numbers, atoms.positions - atoms.positions[i], strict=True):
        r = np.linalg.norm(place)
        if r < cutoff:
            a = 1 / (2 * covalent_radii[number] ** 2)
            rows += slow_orbitals(place, a, orbitals)
            amplitudes += [(1 - (r / cutoff) ** 2) ** nex] * (1 if orbitals == "s" else 4)
    n = len(rows)
    M = np.empty((n, n))
    for p in range(n):
        for q in range(n):
            overlap = np.prod([f @ g for f, g in zip(rows[p], rows[q], strict=True)])
            M[p, q] = amplitudes[p] * overlap * amplitudes[q]
    values = sorted(np.linalg.eigvalsh(M), reverse=True)
    return np.array((values + [0.0] * n_eigenvalues)[:n_eigenvalues])


SETTINGS = [
    {"cutoff": 4.0, "n_eigenvalues": 10},
    {"cutoff": 3.0, "n_eigenvalues": 5, "nex": 3},
    {"cutoff": 3.5, "n_eigenvalues": 40, "orbitals": "sp"},
    {"cutoff": 4.0, "n_eigenvalues": 7, "orbitals": "sp", "nex": 1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_values(settings):
    atoms = build("cluster", (1, 6, 17), 9, seed=2)
    want = np.array([slow_fingerprint(atoms, i, **settings) for i in range(len(atoms))])
    got = OverlapMatrix(**settings).compute(atoms).values
    assert np.abs(got - want).max() < 1e-12
    single = OverlapMatrix(**settings, dtype="float32").compute(atoms).values
    assert np.abs(single - want).max() < 1e-5


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_gradients(settings):
    """Finite differences of the slow values."""
    atoms = build("cluster", (1, 6, 17), 5, seed=1)
    random = np.random.default_rng(0)
    cotangent = random.normal(size=(5, settings["n_eigenvalues"]))
    u = random.normal(size=(5, 3))

    def value(step):
        moved = atoms.copy()
        moved.positions += step * u
        rows = [slow_fingerprint(moved, i, **settings) for i in range(5)]
        return (cotangent * rows).sum()

    h = 1e-4
    by_position = (8 * (value(h) - value(-h)) - value(2 * h) + value(-2 * h)) / (12 * h)
    gradient = OverlapMatrix(**settings).vjp(atoms, cotangent)
    assert (gradient.positions * u).sum() == pytest.approx(by_position, rel=1e-8)


def test_a_lone_atom():
    """Its orbitals overlap with themselves alone."""
    made = OverlapMatrix(n_eigenvalues=6, orbitals="sp")
    assert made.compute(Atoms("C")).values.tolist() == [[1, 1, 1, 1, 0, 0]]
    assert (made.vjp(Atoms("C"), np.ones((1, 6))).positions == 0).all()


def test_symmetric_environments():
    """Equal eigenvalues: derivatives of single ones are arbitrary, but finite."""
    atoms = molecule("CH4")
    made = OverlapMatrix(n_eigenvalues=20, orbitals="sp", cutoff=4.0, species=["C", "H"])
    gradient = made.vjp(atoms, np.random.default_rng(0).normal(size=(5, 20)))
    assert np.isfinite(gradient.positions).all()
    assert made.names()[:2].tolist() == ["OverlapMatrix eigenvalue=0", "OverlapMatrix eigenvalue=1"]


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"n_eigenvalues": 0}, "n_eigenvalues"),
        ({"orbitals": "spd"}, "orbitals"),
        ({"nex": 0}, "nex"),
        ({"nex": 1.5}, "nex"),
        ({"periodic": True}, "periodic"),
    ],
)
def test_bad_parameters(parameters, word):
    with pytest.raises(ParameterError, match=word):
        OverlapMatrix(**parameters)
