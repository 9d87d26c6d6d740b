"""Counter-examples: every claim by brute force, over all clusters of up to five atoms."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from vicinal.criteria.geometry import align
from vicinal.criteria.uniqueness.counterexamples import APART, FAMILIES, NEAREST, random_neighbors

SEEDS = range(3)
ORDERS = range(2, 6)


def clusters(points, n):
    """All ordered sets of n points, (sets, n, 3)."""
    return points[np.array(list(itertools.permutations(range(len(points)), n)))]


def invariants(points, k, signed=False):
    """Sums of random functions of all k-body clusters of a centre at the origin: equal for two
    environments, up to rounding, exactly if their clusters are."""
    if k > len(points) + 1:
        return np.zeros(8)
    chosen = clusters(points, k - 1)
    first, second = np.triu_indices(k - 1)
    values = (chosen @ np.swapaxes(chosen, 1, 2))[:, first, second]
    if signed and k >= 4:
        triples = list(itertools.combinations(range(k - 1), 3))
        values = np.hstack([values, np.linalg.det(chosen[:, triples])])
    return smear(values)


def whole_invariants(points, k):
    """The same for clusters of any k points."""
    chosen = clusters(points, k)
    first, second = np.triu_indices(k, 1)
    return smear(np.linalg.norm(chosen[:, first] - chosen[:, second], axis=-1))


def smear(values):
    weights = np.random.default_rng(0).normal(size=(values.shape[1] + 1, 8))
    return np.cos(values @ weights[1:] + weights[0]).mean(axis=0)


def gap(function, a, b, *args):
    return np.abs(function(a, *args) - function(b, *args)).max()


ENVIRONMENTS = [family for family in FAMILIES.values() if not family.whole]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", ENVIRONMENTS, ids=lambda family: family.name)
def test_clusters_are_equal_up_to_the_order_claimed_and_not_beyond(family, seed):
    a, b = family.pair(np.random.default_rng(seed))
    for k in ORDERS:
        if family.congruent or k <= family.equal_up_to:
            assert gap(invariants, a, b, k) < 1e-13
            assert gap(invariants, a, b, k, True) < 1e-13
        if family.mirrored:
            assert gap(invariants, a, b, k) < 1e-13
    if not family.congruent:
        assert gap(invariants, a, b, family.differs_at, True) > 1e-4
        assert (gap(invariants, a, b, family.differs_at) > 1e-4) != family.mirrored


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_clusters_of_the_whole_structure(family, seed):
    a, b = family.pair(np.random.default_rng(seed))
    if not family.whole:
        a, b = (np.vstack([points, np.zeros(3)]) for points in (a, b))
    same = family.same_up_to(whole=True)
    for k in ORDERS:
        if k <= len(a) and (same is None or k <= same):
            assert gap(whole_invariants, a, b, k) < 1e-13
    if not (family.congruent or family.mirrored):
        assert gap(whole_invariants, a, b, same + 1) > 1e-4


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_pairs_are_far_apart_or_congruent(family):
    for seed in SEEDS:
        a, b = family.pair(np.random.default_rng(seed), scale=3.0)
        alike = np.ones(len(a))
        distance = align(a, b, alike, alike)[0]
        if family.congruent:
            assert distance < 1e-9
        else:
            assert distance >= 3.0 * APART
            mirrored = align(a, b, alike, alike, proper=False)[0]
            assert mirrored < 1e-9 if family.mirrored else mirrored >= 3.0 * APART
        reach = [
            pdist(points).max() if family.whole else np.linalg.norm(points, axis=1).max()
            for points in (a, b)
        ]
        assert max(reach) == pytest.approx(3.0)
        for points in (a, b):
            around = points if family.whole else np.vstack([np.zeros(3), points])
            assert pdist(around).min() >= 3.0 * NEAREST


def test_homometric_pairs_share_six_distances():
    a, b = FAMILIES["homometric"].pair(np.random.default_rng(5))
    np.testing.assert_allclose(np.sort(pdist(a)), np.sort(pdist(b)), rtol=1e-12)


def test_pairs_come_from_the_generator_alone():
    for family in FAMILIES.values():
        one, two = (family.pair(np.random.default_rng(3), 2.0) for _ in range(2))
        np.testing.assert_array_equal(one, two)
        assert np.abs(np.array(one) - family.pair(np.random.default_rng(4), 2.0)).max() > 1e-3


def test_random_neighbors_keep_their_distance():
    points = random_neighbors(np.random.default_rng(0), 8, 2.0)
    assert pdist(points).min() >= 2 * NEAREST
    assert np.all((1 <= np.linalg.norm(points, axis=1)) & (np.linalg.norm(points, axis=1) <= 2))
