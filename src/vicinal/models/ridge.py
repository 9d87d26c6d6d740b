"""Ridge regression on the features of structures."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from vicinal.descriptors.parameters import check_choice
from vicinal.models.base import Forward, Model, check_penalty

#: Penalties that are tried where none is given: BenchML's (Mach. Learn.: Sci. Technol. 3, 040501).
ALPHAS = np.logspace(-9, 7, 17)


class RidgeModel(Model):
    r"""Ridge regression on standardised features of structures, by scikit-learn.

    .. math:: \hat y = b + \sum_f w_f \frac{X_f - \langle X_f \rangle}{s_f} + w_0

    Parameters
    ----------
    descriptor : Descriptor
        One of atoms is pooled.
    pooling : "sum" or "mean"
        Of atoms: "sum" for what grows with their number.
    alpha : float, optional
        Penalty of standardised weights; by leave-one-out among 1e-9 to 1e7 if not given.
    baseline : "composition", "mean" or None
        Subtracted before; see :class:`Baseline`.
    target, unit : str
        Name and unit of what is predicted, for files and messages.

    Attributes
    ----------
    alpha_ : float, the penalty used
    weights_ : (n_features,) array, :math:`w_f / s_f`
    intercept_ : float
    """

    def __init__(
        self,
        descriptor,
        *,
        pooling="sum",
        alpha=None,
        baseline="composition",
        target="energy",
        unit="eV",
    ):
        self.descriptor = descriptor
        self.pooling = pooling
        self.alpha = alpha
        self.baseline = baseline
        self.target = target
        self.unit = unit

    def fit(self, X, y) -> RidgeModel:
        """Learn from structures and their targets (n_structures,)."""
        check_choice("pooling", self.pooling, ("sum", "mean"))
        if self.alpha is not None:
            check_penalty("alpha", self.alpha)
        extensive = self.pooling == "sum"
        frames, rest = self._start(X, y, pooling=self.pooling, extensive=extensive)
        rows = self._features(frames).values
        scaler = StandardScaler().fit(rows)
        ridge = RidgeCV(ALPHAS) if self.alpha is None else Ridge(self.alpha)
        ridge.fit(scaler.transform(rows), rest)
        self.alpha_ = float(ridge.alpha_ if self.alpha is None else self.alpha)
        self.weights_ = ridge.coef_ / scaler.scale_
        self.intercept_ = float(ridge.intercept_ - scaler.mean_ @ self.weights_)
        return self

    def _forward(self, env, features, std, slope):
        values = features.values @ self.weights_ + self.intercept_
        return Forward(values, cotangent=np.tile(self.weights_, (len(values), 1)))
