"""Kernel ridge regression, least squares in parts, and baselines, against explicit formulas."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge

from vicinal.errors import ParameterError, ShapeError, SpeciesError
from vicinal.models import Baseline, KernelRidge, LeastSquares, loo_for_noises
from vicinal.similarity import Gaussian

RNG = np.random.default_rng(3)
X, NEW = RNG.normal(size=(30, 4)), RNG.normal(size=(7, 4))
Y = np.sin(X).sum(axis=1) + 0.1 * RNG.normal(size=30)
KERNEL = Gaussian(1.5)
K, K_NEW = KERNEL(X, X), KERNEL(NEW, X)


@pytest.mark.parametrize("noise", [1e-4, 0.3])
def test_gaussian_process_is_that_of_scikit_learn(noise):
    model = KernelRidge(noise=noise).fit(K, Y)
    mean, std = model.predict(K_NEW, KERNEL.diagonal(NEW))
    peer = GaussianProcessRegressor(RBF(1.5), alpha=noise, optimizer=None).fit(X, Y)
    peer_mean, peer_std = peer.predict(NEW, return_std=True)
    np.testing.assert_allclose(mean, peer_mean, rtol=1e-8)
    np.testing.assert_allclose(std, peer_std, rtol=1e-6)
    assert model.log_marginal_likelihood() == pytest.approx(peer.log_marginal_likelihood_value_)
    ridge = SklearnKernelRidge(alpha=noise, kernel="precomputed").fit(K, Y)
    np.testing.assert_allclose(model.predict(K_NEW), ridge.predict(K_NEW), rtol=1e-8)


def test_variance_is_that_of_an_explicit_inverse():
    std = KernelRidge(noise=0.1).fit(K, Y).predict(K_NEW, np.ones(7))[1]
    inverse = np.linalg.inv(K + 0.1 * np.eye(30))
    np.testing.assert_allclose(std**2, 1 - np.diag(K_NEW @ inverse @ K_NEW.T), rtol=1e-10)


def test_leaving_one_out_is_the_loop():
    noises = [1e-3, 0.1, 2.0]
    quick = loo_for_noises(K, Y, noises)
    for noise, row in zip(noises, quick, strict=True):
        loop = []
        for i in range(len(Y)):
            rest = np.arange(len(Y)) != i
            model = KernelRidge(noise=noise).fit(K[np.ix_(rest, rest)], Y[rest])
            loop.append(Y[i] - model.predict(K[i : i + 1, rest])[0])
        np.testing.assert_allclose(row, loop, rtol=1e-7)
        closed = KernelRidge(noise=noise).fit(K, Y).loo_residuals()
        np.testing.assert_allclose(closed, loop, rtol=1e-7)


def test_scale_makes_the_targets_most_likely():
    """The likelihood of targets of the prior s² (K + λ I), maximised by trying."""

    def likelihood(scale):
        whole = scale**2 * K
        return KernelRidge(noise=0.1 * scale**2).fit(whole, Y).log_marginal_likelihood()

    best = KernelRidge(noise=0.1).fit(K, Y).scale
    assert likelihood(best) > max(likelihood(0.99 * best), likelihood(1.01 * best))


@pytest.mark.parametrize(
    ("kernel", "y", "noise", "error"),
    [
        (np.ones((3, 3)), np.ones(3), 0.0, ParameterError),
        (np.eye(3), np.ones(4), 0.1, ShapeError),
        (np.ones((3, 4)), np.ones(3), 0.1, ShapeError),
        (np.eye(3), [1.0, np.nan, 1.0], 0.1, ShapeError),
        (np.eye(3), np.ones(3), "much", ParameterError),
    ],
)
def test_bad_input(kernel, y, noise, error):
    with pytest.raises(error):
        KernelRidge(noise=noise).fit(kernel, y)


# -- least squares ------------------------------------------------------------------------------


def test_least_squares_in_parts_are_those_of_the_whole():
    A, y = RNG.normal(size=(57, 9)), RNG.normal(size=57)
    parts = LeastSquares(9)
    for first in (0, 1, 5, 30):
        last = {0: 1, 1: 5, 5: 30, 30: 57}[first]
        parts.add(A[first:last], y[first:last])
    expected = np.linalg.lstsq(A, y, rcond=None)[0]
    np.testing.assert_allclose(parts.solve(), expected, rtol=1e-11)
    assert parts.n_rows == 57
    some = RNG.normal(size=9)
    assert parts.squares(some) == pytest.approx(np.sum((A @ some - y) ** 2))
    halves = LeastSquares(9).add(A[:20], y[:20]), LeastSquares(9).add(A[20:], y[20:])
    before = halves[0].triangle.copy()
    np.testing.assert_allclose(halves[0].merged(halves[1]).solve(), expected, rtol=1e-11)
    np.testing.assert_array_equal(halves[0].triangle, before)


def test_least_squares_keep_digits_that_normal_equations_lose():
    A = RNG.normal(size=(200, 6))
    A[:, 5] = A[:, 4] + 1e-9 * RNG.normal(size=200)
    c = np.arange(1.0, 7.0)
    found = LeastSquares(6).add(A, A @ c).solve()
    np.testing.assert_allclose(found, c, rtol=1e-5)


def test_least_squares_that_leave_a_choice_give_the_shortest():
    A = np.ones((5, 2))
    np.testing.assert_allclose(LeastSquares(2).add(A, 3.0).solve(), [1.5, 1.5])
    assert (LeastSquares(2).solve() == 0).all()


# -- baselines ----------------------------------------------------------------------------------

WATER, HYDROGEN, BOTH = np.array([8, 1, 1]), np.array([1, 1]), np.array([8, 1, 1, 1, 1])


def test_composition_is_learned():
    baseline = Baseline().fit([WATER, HYDROGEN], np.array([-17.0, -6.0]))
    assert baseline.predict([BOTH])[0] == pytest.approx(-23.0)
    np.testing.assert_allclose(baseline.atoms(WATER), [-11, -3, -3])
    shares = Baseline(extensive=False).fit([WATER, HYDROGEN], np.array([-3.0, -1.0]))
    assert shares.predict([BOTH])[0] == pytest.approx(0.2 * shares.values_[1] + 0.8 * -1.0)
    assert shares.atoms(WATER).sum() == pytest.approx(-3.0)


def test_compositions_that_leave_a_choice_are_fitted_nevertheless():
    baseline = Baseline().fit([WATER, WATER], np.array([-17.0, -19.0]))
    assert baseline.predict([WATER])[0] == pytest.approx(-18.0)


def test_mean_and_nothing():
    assert Baseline("mean").fit([WATER, BOTH], np.array([1.0, 3.0])).predict([WATER])[0] == 2.0
    assert Baseline(None).fit([WATER, BOTH], np.array([1.0, 3.0])).predict([WATER])[0] == 0.0
    with pytest.raises(ParameterError, match="baseline"):
        Baseline("guess").fit([WATER], np.ones(1))


def test_unknown_elements_are_named():
    baseline = Baseline().fit([HYDROGEN], np.ones(1))
    with pytest.raises(SpeciesError, match="structure 1 contains O"):
        baseline.predict([HYDROGEN, WATER])
