"""The triplet engine by itself: all factors at once, against plain sums and their differences."""

import itertools

import numpy as np
import pytest

from vicinal import Environments, _engine
from vicinal.basis.species import unordered_pairs
from vicinal.basis.spline import Table, tabulate
from vicinal.correlate.sums import SumsPlan
from vicinal.correlate.triplets import pair_index, triplets
from vicinal.descriptors.plan import Pairs
from vicinal.testing.frames import build

END, N_SPECIES = 3.2, 3
ETA = np.array([0.1, 0.3, 0.7, 1.1, 0.2, 0.9, 0.4, 0.5, 0.6])  # more than one vector
WAVES = np.array([1.0, 2.0, 3.0])


def fade(r, end=END):
    return np.where(r < end, (1 - np.minimum(r / end, 1) ** 2) ** 3, 0)


def P(r):
    return np.exp(-ETA * r) * fade(r)


def Q(r):
    return np.cos(ETA * r) * fade(r, 4.0)


def S(r):
    return np.exp(-ETA * (r - 1.5) ** 2)


def A(theta):
    return np.cos(WAVES * theta) + 0.3 * np.sin(WAVES * theta)


def shape(a, b, c, strength=2.0, n=0.8):
    cosines = (a**2 + b**2 - c**2) * (a**2 + c**2 - b**2) * (b**2 + c**2 - a**2)
    return strength * (1 + 3 * cosines / (8 * (a * b * c) ** 2)) / (a * b * c) ** n


def table(function, end):
    return tabulate(lambda x: np.stack([function(v) for v in x])[:, None], end, (), 1e-12)


def setting(seed=0):
    """Pairs of a small structure, and weights by species."""
    atoms = build("cluster", range(1, N_SPECIES + 1), 7, seed=seed)
    env = Environments(atoms, END)
    n = env.n_atoms
    pairs = Pairs(
        env.D, env.j, (env.numbers - 1).astype(np.int32), np.arange(n), env.structure,
        env.pair_offsets[:-1], env.pair_offsets[1:], np.arange(n + 1), 1,
    )  # fmt: skip
    weight = np.random.default_rng(seed).uniform(0.5, 2, (N_SPECIES,) * 3)
    weight = weight + weight.transpose(0, 2, 1)
    block = np.broadcast_to(pair_index(N_SPECIES), (N_SPECIES,) * 3).copy()
    block[1] = -1  # the second species as a centre counts nowhere
    return pairs, block, weight


def slow(D, pairs, block, weight, side, mean, triangle):
    out = np.zeros((pairs.n_samples, len(unordered_pairs(N_SPECIES)), len(WAVES), len(ETA)))
    for i in range(pairs.n_samples):
        inside = range(pairs.start[i], pairs.stop[i])
        for j, k in itertools.combinations(inside, 2):
            c, a, b = (pairs.species[x] for x in (i, pairs.j[j], pairs.j[k]))
            if block[c, a, b] < 0:
                continue
            rj, rk, far = (np.linalg.norm(v) for v in (D[j], D[k], D[j] - D[k]))
            theta = np.arccos(np.clip(D[j] @ D[k] / (rj * rk), -1, 1))
            U = weight[c, a, b] * P(rj) * P(rk)
            U = U * (Q(far) if side else 1) * (S((rj + rk) / 2) if mean else 1)
            U = U * (shape(rj, rk, far) if triangle else 1)
            out[i, block[c, a, b]] += A(theta)[:, None] * U
    return out


def plan(block, weight, *, side=True, mean=True, triangle=True, dtype="float64", **options):
    term = triplets(
        table(P, END),
        table(A, np.pi),
        N_SPECIES,
        dtype,
        side=table(Q, 4.0) if side else None,
        mean=table(S, END) if mean else None,
        theta=True,
        shape=_engine.native.AxilrodTeller(c=2.0, n=0.8) if triangle else None,
        block=block,
        weight=weight,
        **options,
    )
    return SumsPlan([term], dtype=dtype, names=list)


def computed(plan, pairs):
    out = np.full((pairs.n_samples, plan.n_features), np.nan, plan.dtype)
    plan.compute(pairs, out)
    return out


@pytest.mark.parametrize("factors", list(itertools.product([False, True], repeat=3)))
def test_values(factors):
    factors = dict(zip(("side", "mean", "triangle"), factors, strict=True))
    pairs, block, weight = setting()
    expected = slow(pairs.D, pairs, block, weight, **factors)
    assert np.abs(expected).max() > 0.01
    n = len(expected)
    values = computed(plan(block, weight, **factors), pairs)
    np.testing.assert_allclose(values, expected.reshape(n, -1), rtol=1e-9, atol=1e-10)
    values = computed(plan(block, weight, **factors, angles_last=True), pairs)
    turned = expected.transpose(0, 1, 3, 2).reshape(n, -1)
    np.testing.assert_allclose(values, turned, rtol=1e-9, atol=1e-10)
    single = computed(plan(block, weight, **factors, dtype="float32"), pairs)
    np.testing.assert_allclose(single, expected.reshape(n, -1), atol=1e-4 * np.abs(expected).max())


def test_derivatives():
    pairs, block, weight = setting(seed=1)
    engine = plan(block, weight)
    rng = np.random.default_rng(2)
    tangent = rng.normal(size=pairs.D.shape)
    h = 1e-5
    ends = [
        slow(pairs.D + s * h * tangent, pairs, block, weight, True, True, True) for s in (1, -1)
    ]
    expected = ((ends[0] - ends[1]) / (2 * h)).reshape(pairs.n_samples, -1)
    pushed = np.empty_like(expected)
    engine.jvp(pairs, tangent, pushed)
    np.testing.assert_allclose(pushed, expected, atol=1e-7 * np.abs(expected).max())
    cotangent = rng.normal(size=expected.shape)
    pulled = engine.vjp(pairs, cotangent)
    assert np.sum(pulled * tangent) == pytest.approx(np.sum(pushed * cotangent), rel=1e-10)
    n = len(pairs.D)
    jacobian = np.zeros((n + pairs.n_samples, 3, engine.n_features))
    engine.jacobian(pairs, np.arange(n), n + np.arange(pairs.n_samples), jacobian)
    sample = np.repeat(np.arange(pairs.n_samples), pairs.stop - pairs.start)
    np.testing.assert_allclose(
        np.einsum("paf,pf->pa", jacobian[:n], cotangent[sample]), pulled, rtol=1e-9, atol=1e-12
    )


def test_paired_is_the_diagonal():
    pairs, block, weight = setting()
    square = {"side": table(Q, 4.0), "block": block, "weight": weight}
    angle = table(lambda x: np.cos(ETA * x), 2.0)
    terms = [
        triplets(table(P, END), angle, N_SPECIES, "float64", paired=paired, **square)
        for paired in (False, True)
    ]
    products, paired = (
        computed(SumsPlan([term], dtype="float64", names=list), pairs) for term in terms
    )
    products = products.reshape(len(products), -1, len(ETA), len(ETA))
    diagonal = np.einsum("ibee->ibe", products).reshape(len(products), -1)
    np.testing.assert_allclose(paired, diagonal, rtol=1e-10, atol=1e-14)


def test_what_makes_no_sense_is_refused():
    pair, angle = table(P, END), table(A, np.pi)
    with pytest.raises(ValueError, match="numbers of functions"):
        triplets(pair, angle, 1, "float64", paired=True)
    with pytest.raises(ValueError, match="numbers of functions"):
        triplets(pair, angle, 1, "float64", side=angle)
    with pytest.raises(ValueError, match="reach as far"):
        triplets(pair, angle, 1, "float64", mean=table(S, 1.0))
    with pytest.raises(ValueError, match="no species"):
        triplets(pair, angle, 0, "float64", block=np.zeros((0, 0, 0), int))
    for edges, cells in (
        (pair.edges[::-1].copy(), pair.cells),
        (pair.edges, np.zeros_like(pair.cells)),
        (pair.edges, pair.cells + 1),
    ):
        with pytest.raises(ValueError, match="radial table"):
            triplets(Table(edges, cells, pair.nodes), angle, 1, "float64")
    native = {"n_species": 1, "weight": np.ones(1), "n_blocks": 1}
    options = {"pair": pair, "side": None, "mean": None, "angle": angle, "shape": None}
    flags = {"theta": True, "paired": False, "angles_last": False}
    for block in (np.array([1]), np.array([-2]), np.array([0, 0])):
        with pytest.raises(ValueError, match="block"):
            _engine.native.triplets64(**options, **flags, **native, block=block)
