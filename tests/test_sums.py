"""Terms side by side in one plan, times a matrix: those that take several samples at once too."""

import numpy as np
import pytest
import scipy.sparse

import vicinal as vc
from vicinal.basis.spline import tabulate
from vicinal.correlate.so4 import components, so4_invariants
from vicinal.correlate.sums import SumsPlan, radial_sums
from vicinal.descriptors.plan import Pairs
from vicinal.testing.frames import build

CUTOFF = 3.5


def pairs_of(frames) -> Pairs:
    env = vc.Environments(frames, CUTOFF)
    n = env.n_atoms
    species = np.searchsorted([1, 6, 8], env.numbers).astype(np.int32)
    ends = env.pair_offsets
    return Pairs(
        env.D, env.j, species, np.arange(n), env.structure, ends[:-1], ends[1:], np.arange(n + 1), 2
    )


def terms(dtype):
    def fade(x):
        return (1 - x**2) ** 3

    def radial(r):
        return np.stack([fade(r / CUTOFF), r * fade(r / CUTOFF)], -1)[:, None]

    found = components(3)
    return [
        radial_sums(tabulate(radial, CUTOFF), 3, dtype),
        so4_invariants(
            n_max=3, n_species=3, dtype=dtype, fade=fade, cutoff=CUTOFF, triples=found, scale=1.0
        ),
        radial_sums(tabulate(radial, CUTOFF), 3, dtype, weight=[[0.5, 1.0, 2.0]] * 3),
    ]


def run(terms, pairs, matrix=None, dtype="float64"):
    """(values, derivatives along random tangents, pullback of random cotangents, Jacobian)"""
    plan = SumsPlan(terms, dtype=dtype, names=list, matrix=matrix)
    random = np.random.default_rng(5)
    shape = pairs.n_samples, plan.n_features
    values, pushed = np.empty(shape, dtype), np.empty(shape, dtype)
    tangent, cotangent = random.normal(size=(pairs.n_pairs, 3)), random.normal(size=shape)
    plan.compute(pairs, values)
    plan.jvp(pairs, tangent, pushed)
    pulled = plan.vjp(pairs, cotangent.astype(dtype))
    blocks = np.arange(pairs.n_pairs), pairs.n_pairs + np.arange(pairs.n_samples)
    jacobian = np.zeros((pairs.n_pairs + pairs.n_samples, 3, plan.n_features), dtype)
    plan.jacobian(pairs, *blocks, jacobian)
    row = np.repeat(np.arange(pairs.n_samples), pairs.stop - pairs.start)
    by_pair = jacobian[: pairs.n_pairs]
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    assert np.isclose((pulled * tangent).sum(), (cotangent * pushed).sum(), rtol=tolerance)
    assert np.allclose(np.einsum("paf,pf->pa", by_pair, cotangent[row]), pulled, 0, 100 * tolerance)
    return values, pushed, jacobian


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("with_matrix", [False, True])
def test_terms_side_by_side(dtype, with_matrix):
    pairs = pairs_of([build(kind, [1, 6, 8], 7, 3) for kind in ("cluster", "skewed", "isolated")])
    several = terms(dtype)
    matrix = None
    size = sum(term.size for term in several)
    if with_matrix:
        matrix = scipy.sparse.random_array((9, size), density=0.3, rng=np.random.default_rng(1))
    together = run(several, pairs, matrix, dtype)
    alone = zip(*(run([term], pairs, None, dtype) for term in several), strict=True)
    for got, parts in zip(together, alone, strict=True):
        want = np.concatenate(parts, axis=-1)
        if with_matrix:
            want = want @ matrix.toarray().T
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        assert np.abs(got - want).max() <= tolerance * np.abs(want).max()
