"""Least squares of rows that come in parts."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lstsq, solve_triangular
from scipy.linalg.lapack import dtpqrt

#: Columns that LAPACK eliminates together.
PANEL = 64


class LeastSquares:
    r""":math:`\min_c |A c - y|^2` where no more than a part of A is ever held.

    Keeps the triangle of the QR decomposition of :math:`[A\;|\;y]`, to which each part of the rows
    is added by Householder reflections. Normal equations need as little memory, but lose half of
    the digits; the triangle loses none, and it still knows the residual of *any* coefficients:
    :math:`|A c - y| = |R\,(c, -1)|`.

    Parameters
    ----------
    n : int, number of columns of A

    Attributes
    ----------
    triangle : (n + 1, n + 1) array, its last column belonging to y
    n_rows : int, rows added so far
    """

    def __init__(self, n: int):
        self.triangle = np.zeros((n + 1, n + 1), order="F")
        self.n_rows = 0

    @property
    def n(self) -> int:
        return len(self.triangle) - 1

    @property
    def R(self) -> np.ndarray:
        """The triangle of A, (n, n)."""
        return self.triangle[:-1, :-1]

    @property
    def rhs(self) -> np.ndarray:
        """What belongs to y, rotated like the rows of A, (n,)."""
        return self.triangle[:-1, -1]

    def add(self, A: np.ndarray, y) -> LeastSquares:
        """Add rows (m, n) and what they shall be equal to: (m,), or a number for all."""
        rows = np.empty((len(A), self.n + 1), order="F")
        rows[:, :-1] = A
        rows[:, -1] = y
        if len(rows):
            self._reduce(rows)
            self.n_rows += len(rows)
        return self

    def merged(self, *others: LeastSquares) -> LeastSquares:
        """All rows of this and of others."""
        whole = LeastSquares(self.n)
        whole.triangle[:] = self.triangle
        for other in others:
            whole._reduce(other.triangle.copy(order="F"))
        whole.n_rows = self.n_rows + sum(other.n_rows for other in others)
        return whole

    def squares(self, c: np.ndarray) -> float:
        """The sum of squares :math:`|A c - y|^2` of coefficients c."""
        return float(np.sum((self.triangle @ np.append(c, -1.0)) ** 2))

    def solve(self) -> np.ndarray:
        """The coefficients (n,); the shortest, where the rows leave a choice."""
        size = np.abs(np.diag(self.R))
        if size.min(initial=np.inf) > self.n * np.finfo(float).eps * size.max(initial=0):
            return solve_triangular(self.R, self.rhs)
        return lstsq(self.R, self.rhs)[0]

    def _reduce(self, rows: np.ndarray) -> None:
        panel = min(PANEL, self.n + 1)
        self.triangle = dtpqrt(0, panel, self.triangle, rows, overwrite_a=1, overwrite_b=1)[0]
