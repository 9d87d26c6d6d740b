"""Nonlinear least squares with rows of descriptors: gradients first, then Gauss and Newton."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares, minimize

#: Relative change of the variables or of the sum of squares that counts as none.
ROUNDING = 1e-15

#: First step, and first radius of the trust region, Å: neither steep rows nor soft displacements
#: must carry atoms away at once.
RADIUS = 0.1


def descend(
    gradient: Callable, residuals: Callable, jacobian: Callable, x, *, first: int, then: int
) -> np.ndarray:
    """Minimise ``sum residuals(x)²``.

    Parameters
    ----------
    gradient : function, x -> (sum of squares, its gradient), from ``vjp``: cheap and robust
    residuals, jacobian : functions, x -> (m,), (m, len(x))
    first, then : int
        Steps of L-BFGS; then evaluations in a trust region (Levenberg and Marquardt), which alone
        comes down to rounding errors where the minimum is zero.
    """
    start, u = x, np.zeros_like(x)  # the variables count in steps of RADIUS from the start
    if first:

        def value(u):
            square, slope = gradient(start + RADIUS * u)
            return square, RADIUS * slope

        u = minimize(value, u, jac=True, method="L-BFGS-B", options={"maxiter": first}).x
    if then:
        start, u = start + RADIUS * u, np.zeros_like(x)
        u = least_squares(
            lambda u: residuals(start + RADIUS * u),
            u,
            lambda u: RADIUS * jacobian(start + RADIUS * u),
            max_nfev=then,
            ftol=ROUNDING,
            xtol=ROUNDING,
            gtol=ROUNDING,
        ).x
    return start + RADIUS * u


class Fence:
    """Residuals that keep atoms apart, within reach, and where wanted near where they began.

    Each is zero inside, and outside the distance (Å) by which the limit is exceeded.

    Parameters
    ----------
    m : number of atoms
    center : (3,) array, a point that does not move
    apart : least distance between atoms, Å
    hollow, within : least and largest distance from the centre, Å
    home, roam : positions (flat), and the largest distance of an atom from its own, Å
    """

    def __init__(self, m: int, center, *, apart, hollow, within, home=None, roam=np.inf):
        i, j = np.triu_indices(m, 1)
        one = np.eye(m)
        # Every limit is one of the length of (a combination of positions) minus (a fixed point).
        parts = [(one[i] - one[j], np.zeros(3), apart, np.inf), (one, center, hollow, within)]
        if home is not None:
            parts.append((one, home.reshape(-1, 3), 0.0, roam))
        sizes = [len(part[0]) for part in parts]
        self._combine = np.concatenate([part[0] for part in parts])
        fixed = [np.broadcast_to(part[1], (len(part[0]), 3)) for part in parts]
        self._fixed = np.concatenate(fixed)
        self._least = np.repeat([part[2] for part in parts], sizes)
        self._most = np.repeat([part[3] for part in parts], sizes)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(residuals, their Jacobian)"""
        vectors = self._combine @ x.reshape(-1, 3) - self._fixed
        length = np.linalg.norm(vectors, axis=1)
        below, above = np.maximum(self._least - length, 0), np.maximum(length - self._most, 0)
        slope = np.sign(above) - np.sign(below)
        along = slope[:, None] * vectors / np.maximum(length, 1e-9)[:, None]
        jacobian = self._combine[:, :, None] * along[:, None, :]
        return below + above, jacobian.reshape(len(length), -1)
