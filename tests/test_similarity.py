"""Kernels between environments and between structures, against loops and known properties."""

import numpy as np
import pytest
from scipy.optimize import linprog

import vicinal as vc
from vicinal.errors import ParameterError, ShapeError
from vicinal.similarity import (
    Gaussian,
    GaussianSums,
    Laplacian,
    Linear,
    Polynomial,
    make_kernel,
    structure_diagonal,
    structure_kernel,
    structures,
)
from vicinal.testing.frames import build

KERNELS = [Linear(), Polynomial(2), Polynomial(3, normalize=False), Gaussian(0.7), Laplacian(2.0)]
RNG = np.random.default_rng(0)
FRAMES = [build("cluster", (1, 6, 8), n, seed=n) for n in (3, 6, 4, 5)]
FEATURES = vc.ACSF(cutoff=4.0, species=["H", "C", "O"]).compute(FRAMES)


def obvious(kernel, x, y):
    """The formulas, one pair of rows at a time."""
    if isinstance(kernel, Linear):
        return sum(x * y)
    if isinstance(kernel, Polynomial):
        scale = np.linalg.norm(x) * np.linalg.norm(y) if kernel.normalize else 1.0
        return (sum(x * y) / scale) ** kernel.degree
    if isinstance(kernel, Gaussian):
        return np.exp(-sum((x - y) ** 2) / (2 * kernel.length_scale**2))
    return np.exp(-sum(abs(x - y)) / kernel.length_scale)


@pytest.mark.parametrize("one", KERNELS, ids=repr)
def test_kernel_is_the_formula(one):
    X, Y = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4))
    expected = [[obvious(one, x, y) for y in Y] for x in X]
    np.testing.assert_allclose(one(X, Y), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(one.diagonal(X), np.diag(one(X, X)), rtol=1e-12)


@pytest.mark.parametrize("one", KERNELS[:-1], ids=repr)
def test_gradient_is_that_of_differences(one):
    X, Y, weights = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(5, 3))
    gradient = one.gradient(X, Y, weights)
    step = 1e-6
    for n, f in np.ndindex(X.shape):
        plus, minus = X.copy(), X.copy()
        plus[n, f] += step
        minus[n, f] -= step
        slope = (weights * (one(plus, Y) - one(minus, Y))).sum() / (2 * step)
        assert abs(slope - gradient[n, f]) < 1e-8 * max(1, abs(slope))


@pytest.mark.parametrize("one", KERNELS[:-1], ids=repr)
def test_directional_derivatives_are_the_gradient_along_them(one):
    X, Y, V = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(7, 2, 4))
    rows = np.array([0, 4, 4, 1, 2, 3, 0])
    found = one.directional(X, Y, rows, V)
    for m in range(3):
        slope = one.gradient(X, Y, np.tile(np.arange(3) == m, (5, 1)))[rows]
        np.testing.assert_allclose(found[:, :, m], np.einsum("bf,bdf->bd", slope, V), atol=1e-12)


@pytest.mark.parametrize("how", ["sum", "average", "best_match", "rematch"])
@pytest.mark.parametrize("normalize", [False, True])
def test_diagonal_is_that_of_the_matrix(how, normalize):
    options = {"kernel": Gaussian(0.7), "how": how, "normalize": normalize}
    whole = structure_kernel(FEATURES, **options)
    np.testing.assert_allclose(structure_diagonal(FEATURES, **options), np.diag(whole), rtol=1e-10)


def test_rows_of_zeros_are_like_nothing():
    X = np.array([[0.0, 0.0], [1.0, 2.0]])
    np.testing.assert_allclose(Polynomial(2)(X, X), [[0, 0], [0, 1]], atol=1e-15)


@pytest.mark.parametrize("like_atoms", [True, False])
@pytest.mark.parametrize("one", KERNELS, ids=repr)
def test_sum_and_average_are_double_loops(one, like_atoms):
    number, structure = FEATURES.samples["number"], FEATURES.samples["structure"]
    alike = one(FEATURES.values, FEATURES.values)
    if like_atoms:
        alike = alike * (number[:, None] == number)
    blocks = [[alike[structure == A][:, structure == B] for B in range(4)] for A in range(4)]
    for how, number_of in (("sum", np.sum), ("average", np.mean)):
        K = structure_kernel(FEATURES, kernel=one, how=how, like_atoms=like_atoms)
        np.testing.assert_allclose(K, [[number_of(C) for C in row] for row in blocks], rtol=1e-10)
        options = {"kernel": one, "how": how, "like_atoms": like_atoms}
        across = structure_kernel(FEATURES, FEATURES, n_threads=2, **options)
        np.testing.assert_allclose(across, K, rtol=1e-12)
        diagonal = structure_diagonal(FEATURES, **options)
        np.testing.assert_allclose(diagonal, np.diag(K), rtol=1e-12)


def test_small_blocks_give_the_same(monkeypatch):
    whole = structure_kernel(FEATURES, kernel=Gaussian(2.0))
    monkeypatch.setattr(structures, "BLOCK", 9)
    np.testing.assert_allclose(structure_kernel(FEATURES, kernel=Gaussian(2.0)), whole, rtol=1e-12)
    shuffled = RNG.permutation(len(FEATURES))
    mixed = vc.Features(FEATURES.values[shuffled], FEATURES.samples[shuffled], FEATURES.names)
    np.testing.assert_allclose(structure_kernel(mixed, kernel=Gaussian(2.0)), whole, rtol=1e-12)


@pytest.mark.parametrize("like_atoms", [True, False])
def test_many_length_scales(like_atoms, monkeypatch):
    monkeypatch.setattr(structures, "BLOCK", 30)
    sums = GaussianSums(FEATURES, like_atoms=like_atoms)
    for scale in (0.5, 2.0):
        expected = structure_kernel(FEATURES, kernel=Gaussian(scale), like_atoms=like_atoms)
        np.testing.assert_allclose(sums(scale), expected, rtol=1e-12)


@pytest.mark.parametrize("one", KERNELS, ids=repr)
def test_columns_that_are_zero_for_an_element_are_left_out(one, monkeypatch):
    X = FEATURES.dense().copy()
    X[FEATURES.samples["number"] == 1, : X.shape[1] // 2] = 0.0
    a = vc.Features(X, FEATURES.samples, FEATURES.names)
    few = structure_kernel(a, kernel=one)
    sizes = []
    kept = structures._without_zeros
    monkeypatch.setattr(
        structures, "_without_zeros", lambda a, b: sizes.append(kept(a, b)) or (a, b)
    )
    np.testing.assert_allclose(few, structure_kernel(a, kernel=one), rtol=1e-10)
    assert sizes[0][0].X.shape[1] <= X.shape[1] // 2 + 1


def test_exponentials_hold_their_accuracy():
    """One atom a structure: the sum is the exponential itself, over the whole range."""
    X = np.concatenate([np.zeros(1), np.geomspace(1e-8, 40, 5003)])[:, None]
    samples = np.zeros(len(X), FEATURES.samples.dtype)
    samples["structure"] = np.arange(len(X))
    features = vc.Features(X, samples, ["x"])
    K = structure_kernel(features, kernel=Gaussian(1.0))
    # squares of distances come from products, exact to 1e-16 of the larger square
    np.testing.assert_allclose(K[0], np.exp(-(X[:, 0] ** 2) / 2), rtol=4e-13, atol=1e-300)
    assert (np.diag(K) > 1 - 1e-12).all()


def transport(C):
    """Best match as a linear programme."""
    n, m = C.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    result = linprog(
        -C.ravel(),
        A_eq=np.concatenate([rows, columns]),
        b_eq=np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)]),
    )
    return -result.fun


def test_best_match_is_the_optimal_transport():
    K = structure_kernel(FEATURES, kernel=Gaussian(1.0), how="best_match", like_atoms=False)
    structure = FEATURES.samples["structure"]
    for A in range(4):
        for B in range(4):
            C = Gaussian(1.0)(FEATURES.values[structure == A], FEATURES.values[structure == B])
            assert abs(K[A, B] - transport(C)) < 1e-9
    np.testing.assert_allclose(np.diag(K), 1, rtol=1e-12)


def test_rematch_lies_between_best_match_and_average():
    options = {"kernel": Gaussian(1.0), "like_atoms": False}
    best = structure_kernel(FEATURES, how="best_match", **options)
    average = structure_kernel(FEATURES, how="average", **options)
    np.testing.assert_allclose(
        structure_kernel(FEATURES, how="rematch", gamma=1e-3, **options), best, atol=5e-3
    )
    np.testing.assert_allclose(
        structure_kernel(FEATURES, how="rematch", gamma=1e6, **options), average, rtol=1e-5
    )


@pytest.mark.parametrize("how", structures.HOW)
def test_normalized_kernels_have_ones_on_the_diagonal(how):
    K = structure_kernel(FEATURES, kernel=Gaussian(1.0), how=how, normalize=True)
    np.testing.assert_allclose(np.diag(K), 1, rtol=1e-10)
    np.testing.assert_allclose(K, K.T, rtol=1e-10)
    part = structure_kernel(FEATURES, FEATURES, kernel=Gaussian(1.0), how=how, normalize=True)
    np.testing.assert_allclose(part, K, rtol=1e-10)


def test_wrong_input():
    with pytest.raises(ParameterError, match="length_scale"):
        Gaussian(0)
    with pytest.raises(ParameterError, match="polynomial"):
        make_kernel("polynomial", power=2)
    with pytest.raises(ParameterError, match="linear, polynomial"):
        make_kernel("cosine")
    with pytest.raises(ParameterError, match="how"):
        structure_kernel(FEATURES, kernel=Linear(), how="max")
    with pytest.raises(ShapeError, match="pooling"):
        structure_kernel(FEATURES.pool("mean"), kernel=Linear())
    with pytest.raises(ParameterError, match="gradient"):
        Laplacian().gradient(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))
    assert make_kernel("gaussian", length_scale=2.0) == Gaussian(2.0)
