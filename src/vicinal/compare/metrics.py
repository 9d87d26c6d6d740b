r"""Errors, learning curves, and how far predicted uncertainties can be trusted.

Everywhere :math:`y` are true values, :math:`\mu` predictions, :math:`\sigma` predicted standard
deviations, arrays of one shape; :math:`z = (y - \mu)/\sigma`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from vicinal.errors import ParameterError, ShapeError

#: Expected coverages at which calibration is looked at.
LEVELS = np.linspace(0.01, 0.99, 99)


def _arrays(*arrays) -> list[np.ndarray]:
    found = [np.asarray(a, float).ravel() for a in arrays]
    if len({np.shape(a) for a in arrays}) > 1:
        raise ShapeError(
            f"arrays of different shapes: {', '.join(str(np.shape(a)) for a in arrays)}"
        )
    if found[0].size == 0:
        raise ShapeError("no values")
    if not all(np.isfinite(a).all() for a in found):
        raise ParameterError("values must be finite")
    return found


def _with_std(y, mean, std) -> list[np.ndarray]:
    y, mean, std = _arrays(y, mean, std)
    if (std <= 0).any():
        raise ParameterError("predicted standard deviations must be positive")
    return [y, mean, std]


# -- errors ----------------------------------------------------------------------------------------


def rmse(y, mean) -> float:
    r""":math:`\sqrt{\langle (y - \mu)^2 \rangle}`, in the unit of y."""
    y, mean = _arrays(y, mean)
    return float(np.sqrt(np.mean((y - mean) ** 2)))


def mae(y, mean) -> float:
    r""":math:`\langle |y - \mu| \rangle`, in the unit of y."""
    y, mean = _arrays(y, mean)
    return float(np.mean(np.abs(y - mean)))


def median_error(y, mean) -> float:
    r"""Median of :math:`|y - \mu|`, in the unit of y."""
    y, mean = _arrays(y, mean)
    return float(np.median(np.abs(y - mean)))


def max_error(y, mean) -> float:
    r""":math:`\max |y - \mu|`, in the unit of y."""
    y, mean = _arrays(y, mean)
    return float(np.max(np.abs(y - mean)))


def r2(y, mean) -> float:
    r""":math:`1 - \sum (y - \mu)^2 / \sum (y - \langle y \rangle)^2`; NaN for constant y."""
    y, mean = _arrays(y, mean)
    total = np.sum((y - y.mean()) ** 2)
    return float(1 - np.sum((y - mean) ** 2) / total) if total > 0 else math.nan


def errors(y, mean) -> dict[str, float]:
    """All of the above: rmse, mae, r2, max_error, median_error."""
    return {f.__name__: f(y, mean) for f in (rmse, mae, r2, max_error, median_error)}


# -- learning curves -------------------------------------------------------------------------------


@dataclass(frozen=True)
class LearningCurve:
    r"""The straight line :math:`\ln e = a - b \ln n` through the errors at training sizes n.

    Attributes
    ----------
    rate : float, b: positive where errors fall with more data
    rate_interval : (float, float), at ``confidence``
    offset : float, a: the logarithm of the error at n = 1
    offset_interval : (float, float)
    confidence : float
    sizes, mean, std : arrays, errors over the repeats (std: 0 for a single one)
    """

    rate: float
    rate_interval: tuple[float, float]
    offset: float
    offset_interval: tuple[float, float]
    confidence: float
    sizes: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def __call__(self, n) -> np.ndarray:
        """The error that the line predicts at training size n."""
        return np.exp(self.offset - self.rate * np.log(n))


def learning_rate(n1: float, e1: float, n2: float, e2: float) -> float:
    r""":math:`-(\ln e_1 - \ln e_2)/(\ln n_1 - \ln n_2)`, from the errors at two sizes."""
    if min(n1, e1, n2, e2) <= 0 or n1 == n2:
        raise ParameterError("a learning rate needs two sizes and positive errors")
    return -(math.log(e1) - math.log(e2)) / (math.log(n1) - math.log(n2))


def fit_learning_curve(
    curve: Mapping[int, Sequence[float]], *, confidence: float = 0.95
) -> LearningCurve:
    r"""Fit a power law to errors from several repeats.

    For each size n the mean :math:`\bar l_n` of the logarithms of its errors enters a linear
    regression on :math:`\ln n` with weight :math:`1/s_n^2`, :math:`s_n` being its standard error,
    estimated together for all sizes, :math:`s_n^2 = s^2 / m_n` with the pooled variance s² over
    repeats and :math:`m_n` repeats. The intervals are Student's, with the variance scaled up
    by :math:`\chi^2/\nu` where the points scatter about the line more than the repeats say, and
    :math:`\nu` = number of sizes − 2 (two sizes: degrees of freedom of the pooled variance).

    Parameters
    ----------
    curve : mapping of training size -> errors of the repeats, all positive
    confidence : float

    Raises
    ------
    ParameterError
        For fewer than two sizes, or errors that are not positive.
    """
    sizes = np.array(sorted(curve), float)
    logs = []
    for n in sorted(curve):
        found = np.atleast_1d(np.asarray(curve[n], float))
        if n <= 0 or found.size == 0 or not (np.isfinite(found) & (found > 0)).all():
            raise ParameterError(f"errors at training size {n} must be positive numbers")
        logs.append(np.log(found))
    if len(sizes) < 2:
        raise ParameterError("a learning curve needs at least two training sizes")
    repeats = np.array([len(x) for x in logs])
    centres = np.array([x.mean() for x in logs])
    dof_repeats = int(repeats.sum() - len(sizes))
    scatter = sum(np.sum((x - x.mean()) ** 2) for x in logs)
    variance = scatter / dof_repeats if dof_repeats else 0.0

    x = np.log(sizes)
    weights = repeats / repeats.sum()
    x0 = weights @ x
    sxx = weights @ (x - x0) ** 2
    slope = weights @ ((x - x0) * centres) / sxx
    offset = weights @ centres - slope * x0
    residual = repeats @ (centres - offset - slope * x) ** 2
    dof = len(sizes) - 2
    per_repeat = max(variance, residual / dof) if dof else variance
    dof = dof or dof_repeats
    if dof == 0:  # two points, one repeat: nothing is known of the scatter
        slope_error = offset_error = math.inf
    else:
        t = scipy.stats.t.ppf(0.5 + confidence / 2, dof)
        slope_error = t * math.sqrt(per_repeat / (repeats.sum() * sxx))
        offset_error = t * math.sqrt(per_repeat / repeats.sum() * (1 + x0**2 / sxx))
    return LearningCurve(
        rate=float(-slope),
        rate_interval=(float(-slope - slope_error), float(-slope + slope_error)),
        offset=float(offset),
        offset_interval=(float(offset - offset_error), float(offset + offset_error)),
        confidence=confidence,
        sizes=sizes.astype(int),
        mean=np.array([np.mean(curve[n]) for n in sorted(curve)]),
        std=np.array(
            [np.std(curve[n], ddof=1) if np.size(curve[n]) > 1 else 0.0 for n in sorted(curve)]
        ),
    )


# -- predicted uncertainties -----------------------------------------------------------------------


def coverage(y, lower, upper) -> float:
    """Share of y within [lower, upper]."""
    y, lower, upper = _arrays(y, lower, upper)
    return float(np.mean((lower <= y) & (y <= upper)))


def calibration_curve(y, mean, std, levels=LEVELS) -> tuple[np.ndarray, np.ndarray]:
    r"""Expected and observed coverage of central intervals.

    Observed at level p is the share of :math:`|z| \le \Phi^{-1}((1 + p)/2)`. On the diagonal for
    Gaussian errors of the predicted size; below it where predictions are overconfident.

    Returns
    -------
    (levels, observed) : two arrays of one length
    """
    y, mean, std = _with_std(y, mean, std)
    levels = np.asarray(levels, float)
    if not ((levels > 0) & (levels < 1)).all():
        raise ParameterError("levels must be between 0 and 1")
    z = np.sort(np.abs(y - mean) / std)
    within = np.searchsorted(z, scipy.stats.norm.ppf((1 + levels) / 2), side="right")
    return levels, within / len(z)


def miscalibration_area(y, mean, std) -> float:
    r""":math:`\int_0^1 |c(p) - p|\,dp` for calibration curve c, 0 (perfect) to 1/2.

    Exact: with :math:`u = 2\Phi(|z|) - 1`, sorted, c is a staircase with its steps at u.
    """
    y, mean, std = _with_std(y, mean, std)
    u = np.sort(2 * scipy.stats.norm.cdf(np.abs(y - mean) / std) - 1)
    edges = np.concatenate([[0], u, [1]])
    steps = np.arange(len(u) + 1) / len(u)
    # Integral of |step - p| from a to b: half of the signed squares.
    a, b = steps - edges[:-1], steps - edges[1:]
    return float(np.sum(a * np.abs(a) - b * np.abs(b)) / 2)


def sharpness(std) -> float:
    r""":math:`\sqrt{\langle \sigma^2 \rangle}`: how narrow predictions are, in the unit of y."""
    (std,) = _arrays(std)
    return float(np.sqrt(np.mean(std**2)))


def error_variance_correlation(y, mean, std) -> float:
    r"""Spearman's rank correlation of :math:`|y - \mu|` and :math:`\sigma`.

    1 where the order of the errors is as predicted, about 0.4 at best for Gaussian errors with
    moderately different σ; NaN for constant σ or errors.
    """
    y, mean, std = _with_std(y, mean, std)
    error = np.abs(y - mean)
    if np.ptp(error) == 0 or np.ptp(std) == 0:
        return math.nan
    return float(scipy.stats.spearmanr(error, std).statistic)


def negative_log_likelihood(y, mean, std) -> float:
    r"""Mean of :math:`\tfrac12 \ln(2\pi\sigma^2) + z^2/2`, in nats."""
    y, mean, std = _with_std(y, mean, std)
    return float(np.mean(0.5 * np.log(2 * np.pi * std**2) + 0.5 * ((y - mean) / std) ** 2))


def crps(y, mean, std) -> float:
    r"""Continuous ranked probability score of Gaussians, in the unit of y; mean of

    .. math:: \sigma \left[ z (2\Phi(z) - 1) + 2\varphi(z) - 1/\sqrt\pi \right]

    (T. Gneiting, A. E. Raftery, J. Am. Stat. Assoc. 102, 359 (2007), eq. 21). Tends to the mean
    absolute error as σ tends to 0.
    """
    y, mean, std = _with_std(y, mean, std)
    z = (y - mean) / std
    terms = z * (2 * scipy.stats.norm.cdf(z) - 1) + 2 * scipy.stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    return float(np.mean(std * terms))


def uncertainty(y, mean, std) -> dict[str, float]:
    """All numbers on predicted uncertainties, by their functions' names, and ``coverage_90``."""
    numbers = {
        f.__name__: f(y, mean, std)
        for f in (miscalibration_area, error_variance_correlation, negative_log_likelihood, crps)
    }
    observed = calibration_curve(y, mean, std, levels=[0.9])[1][0]
    return {"sharpness": sharpness(std), **numbers, "coverage_90": float(observed)}


# -- conformal intervals ---------------------------------------------------------------------------


class Conformal:
    r"""Intervals with guaranteed coverage, from the errors of a calibration set.

    Split conformal prediction: of the m scores :math:`s_i = |y_i - \mu_i|` (with ``std``:
    :math:`|y_i - \mu_i|/\sigma_i`, so that intervals are as wide as predicted uncertainties say)
    the :math:`\lceil (m + 1)\,p \rceil`-th smallest is q. Then :math:`\mu \pm q` (or
    :math:`\mu \pm q\sigma`) holds a new y with a probability of at least p, and less than
    :math:`p + 1/(m + 1)` if no scores are equal, provided that calibration and new data are
    exchangeable (J. Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018), theorem 2.2).

    Parameters
    ----------
    y, mean : arrays of the calibration set
    std : array, optional
    """

    def __init__(self, y, mean, std=None):
        if std is None:
            y, mean = _arrays(y, mean)
            self._scores = np.sort(np.abs(y - mean))
        else:
            y, mean, std = _with_std(y, mean, std)
            self._scores = np.sort(np.abs(y - mean) / std)
        self._normalised = std is not None

    def quantile(self, level: float) -> float:
        """q; infinite where the calibration set is too small for the level."""
        if not 0 < level < 1:
            raise ParameterError(f"level must be between 0 and 1, not {level}")
        m = len(self._scores)
        # Rounded first: 0.9 * 10 is a little more than 9 in binary.
        rank = math.ceil(round((m + 1) * level, 9))
        return float(self._scores[rank - 1]) if rank <= m else math.inf

    def interval(self, mean, std=None, *, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends for new predictions, with ``std`` if it was calibrated with it."""
        if self._normalised != (std is not None):
            raise ParameterError("std must be given for calibration and prediction, or for neither")
        mean = np.asarray(mean, float)
        half = self.quantile(level) * (
            np.ones_like(mean) if std is None else np.asarray(std, float)
        )
        if half.shape != mean.shape:
            raise ShapeError(f"std of shape {half.shape} for predictions of shape {mean.shape}")
        return mean - half, mean + half
