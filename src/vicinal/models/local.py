r"""Sums over atoms: :math:`\epsilon_Z(x) = \sum_m c_m \phi_m(x)` for each element Z."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vicinal.similarity import Kernel

#: Values of basis functions that are held at a time (64 MB).
BLOCK = 8_000_000


@dataclass(frozen=True)
class LinearBasis:
    """The features themselves, and a constant."""

    n_features: int

    @property
    def size(self) -> int:
        return self.n_features + 1

    def values(self, X: np.ndarray) -> np.ndarray:
        """Basis functions of each row, (n, size)."""
        return np.column_stack([X, np.ones(len(X))])

    def directional(self, X: np.ndarray, rows: np.ndarray, V: np.ndarray) -> np.ndarray:
        """Derivatives (b, d, size) of those of ``X[rows]`` along the directions V (b, d, f)."""
        return np.concatenate([V, np.zeros((*V.shape[:2], 1))], axis=2)

    def gradient(self, X: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Derivative of ``values(X) @ c`` by the features, (n, f)."""
        return np.broadcast_to(c[:-1], X.shape)


@dataclass(frozen=True)
class KernelBasis:
    """The similarity with each of some environments Y (size, features)."""

    kernel: Kernel
    Y: np.ndarray

    @property
    def size(self) -> int:
        return len(self.Y)

    def values(self, X):
        return self.kernel(X, self.Y)

    def directional(self, X, rows, V):
        return self.kernel.directional(X, self.Y, rows, V)

    def gradient(self, X, c):
        return self.kernel.gradient(X, self.Y, np.broadcast_to(c, (len(X), len(c))))


Basis = LinearBasis | KernelBasis
#: Of each element: its basis and coefficients; 0 stands for any element.
Groups = Mapping[int, tuple[Basis, np.ndarray]]


def local_values(groups: Groups, X: np.ndarray, numbers: np.ndarray, gradient: bool):
    r"""The sums :math:`\epsilon` of environments, and their derivatives by the features.

    Returns
    -------
    (n,) array and (n, features) array, or None in its place unless ``gradient``
    """
    values = np.zeros(len(X))
    slopes = np.zeros(X.shape) if gradient else None
    for z, (basis, c) in groups.items():
        own = np.flatnonzero(numbers == z) if z else np.arange(len(X))
        step = max(1, BLOCK // max(basis.size, 1))
        for first in range(0, len(own), step):
            rows = own[first : first + step]
            values[rows] = basis.values(X[rows]) @ c
            if gradient:
                slopes[rows] = basis.gradient(X[rows], c)
    return values, slopes
