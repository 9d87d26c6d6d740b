"""Kernel ridge regression, which is a Gaussian process, on given kernel matrices."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve, cholesky, eigh, lapack, solve_triangular
from sklearn.base import BaseEstimator, RegressorMixin

from vicinal.descriptors.parameters import check_number, check_numbers
from vicinal.errors import NotFittedError, ParameterError, ShapeError


class KernelRidge(RegressorMixin, BaseEstimator):
    r"""Kernel ridge regression, or the mean of a Gaussian process, by Cholesky decomposition.

    .. math::
        \alpha = (K + \lambda I)^{-1} y, \qquad \hat y_* = k_*^T \alpha, \qquad
        \sigma_*^2 = k_{**} - k_*^T (K + \lambda I)^{-1} k_*

    On kernel matrices that are given, whatever they compare; :class:`StructureModel` makes them
    from structures.

    Parameters
    ----------
    noise : float
        :math:`\lambda`: the variance of the noise, in units of the kernel's diagonal.

    Attributes
    ----------
    alpha_ : (n,) array
    factor_ : (n, n) array, upper triangle of the Cholesky decomposition of :math:`K + \lambda I`

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), eqs 2.25,
    2.26, 2.30, 5.12.
    """

    def __init__(self, *, noise=1e-8):
        self.noise = noise

    def fit(self, K: np.ndarray, y: np.ndarray) -> KernelRidge:
        """Learn from the kernel (n, n) of the training data and targets (n,).

        Raises
        ------
        ParameterError
            :math:`K + \\lambda I` is not positive definite: the noise is too small.
        """
        check_number("noise", self.noise)
        K, y = _checked(K, y)
        K = np.array(K, order="F")  # LAPACK's order: decomposed in this one copy
        K[np.diag_indices_from(K)] += self.noise
        try:
            self.factor_ = cholesky(K, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            raise ParameterError(
                f"the kernel is not positive definite with noise={self.noise:g}: use a larger noise"
            ) from None
        self.y_ = y
        self.alpha_ = cho_solve((self.factor_, False), y)
        return self

    def predict(self, K: np.ndarray, diagonal: np.ndarray | None = None):
        """Predict from the kernel (m, n) of new data with the training data.

        With the ``diagonal`` (m,), the similarity of new data with themselves, also the standard
        deviations of the noise-free function; they are in units of the kernel, see :attr:`scale`.
        """
        if not hasattr(self, "alpha_"):
            raise NotFittedError("this KernelRidge has not been fitted: call fit first")
        K = np.asarray(K, dtype=float)
        if K.ndim != 2 or K.shape[1] != len(self.alpha_):
            raise ShapeError(f"the kernel has shape {K.shape}, not (m, {len(self.alpha_)})")
        mean = K @ self.alpha_
        if diagonal is None:
            return mean
        known = solve_triangular(self.factor_, K.T, trans="T")
        variance = np.asarray(diagonal, dtype=float) - np.einsum("nm,nm->m", known, known)
        return mean, np.sqrt(variance.clip(0))

    def loo_residuals(self) -> np.ndarray:
        r"""Target minus prediction of each training point by all others,
        :math:`\alpha_i / (K + \lambda I)^{-1}_{ii}`, without fitting again."""
        inverse = lapack.dpotri(self.factor_)[0]
        return self.alpha_ / np.diag(inverse)

    @property
    def scale(self) -> float:
        r"""The standard deviation of the prior, relative to the kernel's, that makes the targets
        most likely: :math:`\sqrt{y^T \alpha / n}`. Noise scales with it, so predictions do not
        depend on it."""
        return float(np.sqrt(max(self.y_ @ self.alpha_, 0.0) / len(self.y_)))

    def log_marginal_likelihood(self) -> float:
        r""":math:`-\frac12 y^T \alpha - \frac12 \ln|K + \lambda I| - \frac n2 \ln 2\pi`."""
        fit = self.y_ @ self.alpha_ / 2
        return float(
            -fit - np.log(np.diag(self.factor_)).sum() - len(self.y_) * np.log(2 * np.pi) / 2
        )


def loo_for_noises(K: np.ndarray, y: np.ndarray, noises) -> np.ndarray:
    r"""Leave-one-out residuals for many noises, from one eigendecomposition of the kernel.

    With :math:`K = U s U^T` and :math:`w = 1 / (s + \lambda)`,
    :math:`r_i = \sum_k U_{ik} w_k (U^T y)_k \,/\, \sum_k U_{ik}^2 w_k`.

    Parameters
    ----------
    K : (n, n) array
    y : (n,) array
    noises : (m,) array, each positive

    Returns
    -------
    (m, n) array, target minus prediction of each point by all others
    """
    check_numbers("noises", noises, positive=True)
    K, y = _checked(K, y)
    s, U = eigh(K)
    weights = 1.0 / (s.clip(0)[:, None] + np.asarray(noises, dtype=float))  # rounding errors < 0
    alpha = U @ (weights * (U.T @ y)[:, None])
    return (alpha / (U**2 @ weights)).T


def _checked(K, y) -> tuple[np.ndarray, np.ndarray]:
    K, y = np.asarray(K, dtype=float), np.asarray(y, dtype=float)
    if K.ndim != 2 or y.shape != K.shape[:1] or K.shape[0] != K.shape[1]:
        raise ShapeError(f"kernel {K.shape} and targets {y.shape} are not (n, n) and (n,)")
    if not (np.isfinite(K).all() and np.isfinite(y).all()):
        raise ShapeError("the kernel or the targets contain NaN or infinite values")
    return K, y
