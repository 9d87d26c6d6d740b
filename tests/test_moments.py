"""Sums over pairs of neighbours by the addition theorem, against the sums themselves."""

import itertools

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from vicinal import Descriptor, Environments
from vicinal.basis.spline import tabulate
from vicinal.correlate.moments import angular_sums, legendre_series
from vicinal.correlate.sums import SumsPlan, radial_sums, side_by_side
from vicinal.testing import Battery
from vicinal.testing.frames import build

CUTOFF = 3.5
SPECIES = (1, 6, 8)
#: (radial function, polynomial, degree at most)
POLYNOMIALS = [
    (1, lambda x: 1 + x, 1),
    (1, lambda x: 2.0**-15 * (1 - x) ** 16, 16),
    (1, lambda x: 2.0**-15 * (1 + x) ** 16, 16),
    (0, lambda x: np.cos(5 * np.arccos(x)), 5),
    (2, lambda x: np.ones_like(x), 0),
    (0, lambda x: x**3 - x, 5),
]
MIXING = np.array([[1.0, 1.0, 1.0], [0.5, -1.0, 0.0]])


def radial(r):
    fade = np.cos(0.5 * np.pi * r / CUTOFF) ** 2
    return np.stack([fade, np.exp(-0.3 * r**2) * fade, r * fade], axis=1)


class Sums(Descriptor):
    """Radial sums of each species, and sums over pairs."""

    registry_name = "sums"
    smoothness = 1

    def __init__(
        self,
        *,
        distinct=True,
        mixed=False,
        species=SPECIES,
        pooling=None,
        dtype="float64",
        n_threads=None,
    ):
        self.distinct = distinct
        self.mixed = mixed
        self.species = species
        self.pooling = pooling
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    neighbor_cutoff = CUTOFF

    def channels(self, n):
        mixing = MIXING[:, :n] if self.mixed else None
        count = 2 if self.mixed else n
        return mixing, list(itertools.combinations_with_replacement(range(count), 2))

    def _make_plan(self, species):
        mixing, pairs = self.channels(len(species))
        features = [(n, legendre_series(p, degree)) for n, p, degree in POLYNOMIALS]
        accuracy = 1e-12 if self.dtype == "float64" else 1e-7
        table = tabulate(lambda r: radial(r)[:, None], CUTOFF, accuracy=accuracy)
        angular = angular_sums(
            radial,
            CUTOFF,
            features,
            n_species=len(species),
            dtype=self.dtype,
            pairs=pairs,
            mixing=mixing,
            distinct=self.distinct,
            accuracy=accuracy,
        )
        n = len(species)
        terms, matrix = side_by_side(([radial_sums(table, n, self.dtype)], None), angular)
        names = [f"{z} {k}" for z in range(n) for k in range(3)]
        names += [f"{a},{b} {q}" for a, b in pairs for q in range(len(features))]
        return SumsPlan(terms, matrix=matrix, dtype=self.dtype, names=lambda: names)


def explicit(frames, distinct, mixing, pairs):
    """The sums over pairs of neighbours, one after the other."""
    env = Environments(frames, CUTOFF)
    rows = []
    for a, b in zip(env.pair_offsets[:-1], env.pair_offsets[1:], strict=True):
        D = env.D[a:b]
        r = np.linalg.norm(D, axis=1)
        u = radial(r)
        kind = np.searchsorted(SPECIES, env.numbers[env.j[a:b]])
        row = [u[kind == z, n].sum() for z in range(3) for n in range(3)]
        for c, d in pairs:
            for n, polynomial, _ in POLYNOMIALS:
                total = 0.0
                for j in range(len(r)):
                    for k in range(len(r)):
                        if distinct and (j == k or (c == d and j > k)):
                            continue
                        cosine = np.clip(D[j] @ D[k] / (r[j] * r[k]), -1, 1)
                        w = mixing[c, kind[j]] * mixing[d, kind[k]]
                        total += w * u[j, n] * u[k, n] * polynomial(cosine)
                row.append(total)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("mixed", [True, False])
def test_explicit_sums(distinct, mixed):
    frames = [build(kind, SPECIES, 6, 3) for kind in ("molecule", "skewed")]
    sums = Sums(distinct=distinct, mixed=mixed)
    mixing, pairs = sums.channels(3)
    expected = explicit(frames, distinct, np.eye(3) if mixing is None else mixing, pairs)
    values = sums.compute(frames).values
    assert np.abs(expected).max() > 1
    assert values == pytest.approx(expected, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("degree", [0, 1, 7, 32])
def test_legendre_series_of_chebyshev_polynomials(degree):
    series = legendre_series(lambda x: np.cos(degree * np.arccos(x)), degree)
    one = np.zeros(degree + 1)
    one[degree] = 1
    x = np.linspace(-1, 1, 41)
    values = np.polynomial.legendre.legval(x, series)
    assert values == pytest.approx(chebyshev.chebval(x, one), abs=1e-13)


def test_legendre_series_of_a_high_power():
    x = np.linspace(-1, 1, 41)
    for sign in (1, -1):
        series = legendre_series(lambda x, s=sign: 2 * (0.5 * (1 + s * x)) ** 32, 32)
        values = np.polynomial.legendre.legval(x, series)
        assert values == pytest.approx(2 * (0.5 * (1 + sign * x)) ** 32, abs=1e-13)


class TestSums(Battery):
    examples = 3

    def make(self, dtype):
        return Sums(dtype=dtype)


class TestMixedSums(Battery):
    examples = 3

    def make(self, dtype):
        return Sums(mixed=True, dtype=dtype)
