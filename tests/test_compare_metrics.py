"""Metrics on data of known answers."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from vicinal.compare import metrics
from vicinal.errors import ParameterError, ShapeError


def gaussian(n=20000, scale=1.0, seed=0):
    """True values, means, and standard deviations of which the errors are ``scale`` times."""
    rng = np.random.default_rng(seed)
    mean, std = rng.normal(size=n), rng.uniform(0.2, 2, size=n)
    return mean + scale * std * rng.normal(size=n), mean, std


def test_errors_are_those_of_scikit_learn():
    y, mean, _ = gaussian(50)
    found = metrics.errors(y, mean)
    assert found["mae"] == pytest.approx(mean_absolute_error(y, mean))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(y, mean))
    assert found["r2"] == pytest.approx(r2_score(y, mean))
    assert found["max_error"] == np.abs(y - mean).max()
    assert found["median_error"] == np.median(np.abs(y - mean))
    assert np.isnan(metrics.r2([1, 1], [0, 2]))
    forces = np.ones((4, 3))
    assert metrics.mae(forces, 0 * forces) == 1


@pytest.mark.parametrize("f", [metrics.rmse, metrics.mae, metrics.r2, metrics.max_error])
def test_bad_arrays(f):
    with pytest.raises(ShapeError, match="different shapes"):
        f([1, 2], [1])
    with pytest.raises(ShapeError, match="no values"):
        f([], [])
    with pytest.raises(ParameterError, match="finite"):
        f([1, np.nan], [1, 2])


# -- learning curves -------------------------------------------------------------------------------


def test_learning_rate():
    assert metrics.learning_rate(100, 8.0, 1600, 2.0) == pytest.approx(0.5)
    for bad in ((100, 1, 100, 2), (100, 0, 200, 1)):
        with pytest.raises(ParameterError):
            metrics.learning_rate(*bad)


def test_exact_power_law():
    curve = {n: 7 * n**-0.6 for n in (100, 250, 650, 1600)}
    fit = metrics.fit_learning_curve(curve)
    assert fit.rate == pytest.approx(0.6) and np.exp(fit.offset) == pytest.approx(7)
    assert fit.rate_interval == pytest.approx((0.6, 0.6), abs=1e-6)
    assert fit(10_000) == pytest.approx(7 * 10_000**-0.6)
    assert fit.sizes.tolist() == [100, 250, 650, 1600] and fit.std.tolist() == [0] * 4
    two = metrics.fit_learning_curve({100: [8.0], 1600: [2.0]})
    assert two.rate == pytest.approx(metrics.learning_rate(100, 8.0, 1600, 2.0))
    assert two.rate_interval == (-np.inf, np.inf)


def test_interval_holds_the_true_rate_as_often_as_it_says():
    rng = np.random.default_rng(0)
    sizes = (100, 250, 650, 1600, 4000)
    hits = {"rate": [], "offset": [], "two": []}
    for _ in range(400):
        curve = {n: 7 * n**-0.6 * np.exp(0.1 * rng.normal(size=10)) for n in sizes}
        fit = metrics.fit_learning_curve(curve, confidence=0.9)
        hits["rate"].append(fit.rate_interval[0] <= 0.6 <= fit.rate_interval[1])
        hits["offset"].append(fit.offset_interval[0] <= np.log(7) <= fit.offset_interval[1])
        two = metrics.fit_learning_curve({n: curve[n] for n in sizes[:2]}, confidence=0.9)
        hits["two"].append(two.rate_interval[0] <= 0.6 <= two.rate_interval[1])
    for found in hits.values():
        assert 0.86 < np.mean(found) <= 1  # at least: scatter is the larger of two estimates
    assert np.mean(hits["two"]) < 0.94 and np.mean(hits["rate"]) < 0.99


def test_sizes_with_more_repeats_count_more():
    curve = {100: [8.0] * 50, 400: [4.0] * 50, 1600: [3.0]}
    assert metrics.fit_learning_curve(curve).rate == pytest.approx(0.5, abs=0.02)
    equal = metrics.fit_learning_curve({n: e[:1] for n, e in curve.items()})
    assert equal.rate == pytest.approx(np.log(8 / 3) / np.log(16))


@pytest.mark.parametrize("curve", [{100: [1.0]}, {100: [1.0], 200: [0.0]}, {100: [1], 200: []}])
def test_bad_curves(curve):
    with pytest.raises(ParameterError):
        metrics.fit_learning_curve(curve)


# -- predicted uncertainties -----------------------------------------------------------------------


def test_calibrated():
    y, mean, std = gaussian()
    levels, observed = metrics.calibration_curve(y, mean, std)
    np.testing.assert_allclose(observed, levels, atol=0.015)
    assert metrics.miscalibration_area(y, mean, std) < 0.01
    assert metrics.sharpness(std) == pytest.approx(np.sqrt(np.mean(std**2)))
    numbers = metrics.uncertainty(y, mean, std)
    assert numbers["coverage_90"] == pytest.approx(0.9, abs=0.01)
    assert set(numbers) == {
        "sharpness", "miscalibration_area", "error_variance_correlation",
        "negative_log_likelihood", "crps", "coverage_90",
    }  # fmt: skip


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_miscalibrated(scale):
    """Errors ``scale`` times as large as predicted: c(p) = 2 Phi(Phi^-1((1 + p)/2) / scale) - 1."""
    y, mean, std = gaussian(scale=scale)
    levels, observed = metrics.calibration_curve(y, mean, std)

    def expected(p):
        return 2 * scipy.stats.norm.cdf(scipy.stats.norm.ppf((1 + p) / 2) / scale) - 1

    np.testing.assert_allclose(observed, expected(levels), atol=0.015)
    area = scipy.integrate.quad(lambda p: abs(expected(p) - p), 0, 1)[0]
    assert metrics.miscalibration_area(y, mean, std) == pytest.approx(area, abs=0.005)
    # Neither score can be improved on by another scale than the true one.
    best = scale * std
    for f in (metrics.negative_log_likelihood, metrics.crps):
        assert f(y, mean, best) < f(y, mean, std)


def test_miscalibration_area_is_exact():
    y, mean, std = gaussian(7, scale=1.7)
    p = np.linspace(0, 1, 200001)[1:-1]
    curve = metrics.calibration_curve(y, mean, std, p)[1]
    assert metrics.miscalibration_area(y, mean, std) == pytest.approx(
        np.mean(np.abs(curve - p)), abs=1e-5
    )
    assert metrics.miscalibration_area([9.0], [0.0], [1e-3]) == pytest.approx(0.5)
    assert metrics.miscalibration_area([1e-9], [0.0], [1.0]) == pytest.approx(0.5)


def test_correlation():
    rng = np.random.default_rng(0)
    std = rng.uniform(0.1, 1, size=300)
    assert metrics.error_variance_correlation(std**3, 0 * std, std) == pytest.approx(1)
    assert metrics.error_variance_correlation(1 / std, 0 * std, std) == pytest.approx(-1)
    y, mean, _ = gaussian(3000)
    assert abs(metrics.error_variance_correlation(y, mean, rng.uniform(1, 2, 3000))) < 0.06
    assert np.isnan(metrics.error_variance_correlation(y, mean, np.ones(3000)))


def test_likelihood_and_crps():
    y, mean, std = gaussian(200)
    assert metrics.negative_log_likelihood(y, mean, std) == pytest.approx(
        -scipy.stats.norm.logpdf(y, mean, std).mean()
    )

    def integral(y, m, s):  # of (F(x) - [x >= y])^2
        def f(x):
            return scipy.stats.norm.cdf(x, m, s)

        below = scipy.integrate.quad(lambda x: f(x) ** 2, m - 12 * s, y, limit=200)[0]
        return below + scipy.integrate.quad(lambda x: (1 - f(x)) ** 2, y, m + 12 * s, limit=200)[0]

    expected = np.mean([integral(*row) for row in zip(y[:5], mean[:5], std[:5], strict=True)])
    assert metrics.crps(y[:5], mean[:5], std[:5]) == pytest.approx(expected, rel=1e-6)
    assert metrics.crps(y, mean, 1e-9 * std) == pytest.approx(metrics.mae(y, mean), rel=1e-6)
    with pytest.raises(ParameterError, match="must be positive"):
        metrics.crps(y, mean, 0 * std)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        metrics.calibration_curve(y, mean, std, [0.5, 1])


# -- conformal -------------------------------------------------------------------------------------


def test_conformal_quantile_is_exact():
    errors = np.arange(1, 10.0)  # m = 9: ranks of (m + 1) p
    conformal = metrics.Conformal(errors, 0 * errors)
    assert [conformal.quantile(p) for p in (0.1, 0.5, 0.51, 0.9)] == [1, 5, 6, 9]
    assert conformal.quantile(0.91) == np.inf
    low, high = conformal.interval(np.array([1.0, 2.0]), level=0.5)
    assert low.tolist() == [-4, -3] and high.tolist() == [6, 7]


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("m, level", [(19, 0.9), (30, 0.75)])
def test_conformal_coverage_for_errors_that_are_not_gaussian(normalised, m, level):
    """P(y within) = ceil((m + 1) p) / (m + 1), whatever the distribution."""
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(3000):
        std = rng.uniform(0.1, 3, size=m + 1)
        y = std * rng.standard_t(2, size=m + 1)
        mean = np.zeros(m + 1)
        given = (std[:-1],) if normalised else ()
        conformal = metrics.Conformal(y[:-1], mean[:-1], *given)
        new = (std[-1:],) if normalised else ()
        hits.append(metrics.coverage(y[-1:], *conformal.interval(mean[-1:], *new, level=level)))
    exact = np.ceil((m + 1) * level) / (m + 1)
    assert np.mean(hits) == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / 3000))


def test_normalised_intervals_are_as_wide_as_the_uncertainty():
    y, mean, std = gaussian(500)
    low, high = metrics.Conformal(y, mean, std).interval(mean, std)
    np.testing.assert_allclose((high - low) / std, (high - low)[0] / std[0])
    plain = metrics.Conformal(y, mean).interval(mean)
    assert np.ptp(plain[1] - plain[0]) < 1e-12
    with pytest.raises(ParameterError, match="for neither"):
        metrics.Conformal(y, mean, std).interval(mean)
    with pytest.raises(ShapeError, match="std of shape"):
        metrics.Conformal(y, mean, std).interval(mean[:2], std[:1])
    with pytest.raises(ParameterError, match="level"):
        metrics.Conformal(y, mean).quantile(1.0)
