"""Kernels between rows of features: how alike two environments are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from vicinal.descriptors.parameters import check_number
from vicinal.errors import ParameterError


@dataclass(frozen=True)
class Linear:
    r"""Dot product, :math:`k(x, y) = x \cdot y`."""

    def __call__(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """Kernel matrix (n, m) of rows (n, features) and (m, features)."""
        return X @ Y.T

    def diagonal(self, X: np.ndarray) -> np.ndarray:
        """``k(x, x)`` of each row."""
        return _squares(X)

    def gradient(self, X: np.ndarray, Y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Derivative of ``sum(weights * k(X, Y))`` by X, (n, features)."""
        return weights @ Y

    def directional(self, X, Y, rows: np.ndarray, V: np.ndarray) -> np.ndarray:
        """Derivatives of ``k(X[rows], Y)`` by X along directions V.

        Parameters
        ----------
        rows : (b,) indices into X
        V : (b, d, features), d directions for each of them

        Returns
        -------
        (b, d, m)
        """
        return _products(V, Y)


@dataclass(frozen=True)
class Polynomial:
    r"""Power of the cosine, :math:`k(x, y) = \left(\frac{x \cdot y}{|x| |y|}\right)^\zeta`.

    With ``normalize=False`` the power of the dot product. A row of zeros (an atom without
    neighbours) is like nothing, not even itself.

    Parameters
    ----------
    degree : float, the exponent; 2 to 4 for SOAP; an integer where dot products may be negative
    normalize : bool
    """

    degree: float = 2
    normalize: bool = True

    def __post_init__(self):
        check_number("degree", self.degree, positive=True)

    def __call__(self, X, Y):
        dots = self._unit(X)[0] @ self._unit(Y)[0].T
        return dots**self.degree

    def diagonal(self, X):
        return _squares(self._unit(X)[0]) ** self.degree

    def gradient(self, X, Y, weights):
        (x, length), y = self._unit(X), self._unit(Y)[0]
        slope = weights * self.degree * (x @ y.T) ** (self.degree - 1)
        pulled = slope @ y
        if self.normalize:  # the length of x does not matter: what is along x drops out
            pulled = (pulled - np.einsum("nf,nf->n", pulled, x)[:, None] * x) / length[:, None]
        return pulled

    def directional(self, X, Y, rows, V):
        (x, length), y = self._unit(X), self._unit(Y)[0]
        dots = x @ y.T
        slope = self.degree * dots ** (self.degree - 1)
        along = _products(V, y)
        if self.normalize:
            slope /= length[:, None]
            outwards = np.einsum("bdf,bf->bd", V, x[rows])
            along -= outwards[:, :, None] * dots[rows, None]
        along *= slope[rows, None]
        return along

    def _unit(self, X):
        """Rows of unit length (unless ``normalize=False``), and their lengths."""
        length = np.sqrt(_squares(X))
        length[length == 0] = 1.0
        return (X / length[:, None] if self.normalize else X), length


@dataclass(frozen=True)
class Gaussian:
    r""":math:`k(x, y) = \exp\left(-\frac{|x - y|^2}{2 \ell^2}\right)`.

    Parameters
    ----------
    length_scale : float, in units of the features
    """

    length_scale: float = 1.0

    def __post_init__(self):
        check_number("length_scale", self.length_scale, positive=True)

    @property
    def gamma(self) -> float:
        """The factor of the squared distance."""
        return 0.5 / self.length_scale**2

    def __call__(self, X, Y):
        square = squared_distances(X, Y)
        square *= -self.gamma
        return np.exp(square, out=square)

    def diagonal(self, X):
        return np.ones(len(X))

    def gradient(self, X, Y, weights):
        pull = weights * self(X, Y)
        return (pull @ Y - pull.sum(axis=1)[:, None] * X) / self.length_scale**2

    def directional(self, X, Y, rows, V):
        along = _products(V, Y)
        along -= np.einsum("bdf,bf->bd", V, X[rows])[:, :, None]
        along *= (self(X, Y) / self.length_scale**2)[rows, None]
        return along


@dataclass(frozen=True)
class Laplacian:
    r""":math:`k(x, y) = \exp\left(-\frac{|x - y|_1}{\ell}\right)`, without a gradient:
    it has a kink at x = y.

    Parameters
    ----------
    length_scale : float, in units of the features
    """

    length_scale: float = 1.0

    def __post_init__(self):
        check_number("length_scale", self.length_scale, positive=True)

    def __call__(self, X, Y):
        distance = cdist(X, Y, "cityblock")
        distance *= -1 / self.length_scale
        return np.exp(distance, out=distance)

    def diagonal(self, X):
        return np.ones(len(X))

    def gradient(self, X, Y, weights):
        raise ParameterError("the Laplacian kernel has no gradient where two rows are equal")

    def directional(self, X, Y, rows, V):
        return self.gradient(X, Y, V)


Kernel = Linear | Polynomial | Gaussian | Laplacian

KERNELS = {
    "linear": Linear,
    "polynomial": Polynomial,
    "gaussian": Gaussian,
    "laplacian": Laplacian,
}


def make_kernel(name: str | Kernel, **parameters) -> Kernel:
    """A kernel by name: ``linear``, ``polynomial``, ``gaussian`` or ``laplacian``."""
    if not isinstance(name, str):
        return name
    if name not in KERNELS:
        raise ParameterError(f"no kernel is called {name!r}; there are: {', '.join(KERNELS)}")
    try:
        return KERNELS[name](**parameters)
    except TypeError as error:
        raise ParameterError(f"kernel {name}: {error}") from None


def squared_distances(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances (n, m), at the speed of a matrix product."""
    square = X @ Y.T
    square *= -2
    square += _squares(X)[:, None]
    square += _squares(Y)
    return np.maximum(square, 0, out=square)


def _products(V: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Dot products (b, d, m) of directions and rows."""
    return (V.reshape(-1, V.shape[2]) @ Y.T).reshape(*V.shape[:2], len(Y))


def _squares(X: np.ndarray) -> np.ndarray:
    return np.einsum("nf,nf->n", X, X)
