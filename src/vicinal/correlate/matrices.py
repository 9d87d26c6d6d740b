"""Matrices whose rows are atoms, and the ways to make features of them that do not depend on the
order of the atoms: choose and sort entries, or take eigenvalues.

Both ways have three of the verbs, on a stack of matrices (m, n, n) of atoms with ``numbers``
(m, n). :class:`MatrixPlan` completes them for matrices of whole structures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


class Entries:
    """Chosen entries, one for each feature.

    ``choose(matrices, numbers)`` gives their places (m, n_features) in the flattened matrices,
    ``n * n`` where there is none: the feature is then zero.
    """

    def __init__(self, n_features: int, choose: Callable[[np.ndarray, np.ndarray], np.ndarray]):
        self.n_features = n_features
        self.choose = choose

    def values(self, matrices, numbers):
        return self.jvp(matrices, numbers, matrices[:, None])[:, 0]

    def jvp(self, matrices, numbers, tangents):
        """Tangents of the matrices (m, k, n, n) to those of the features (m, k, n_features)."""
        m, k, n, _ = tangents.shape
        none = np.zeros((m, k, 1), tangents.dtype)
        flat = np.concatenate([tangents.reshape(m, k, n * n), none], axis=2)
        return np.take_along_axis(flat, self.choose(matrices, numbers)[:, None], axis=2)

    def vjp(self, matrices, numbers, cotangent):
        """Cotangent (m, n_features) to that of the matrices (m, n, n)."""
        m, n = numbers.shape
        flat = np.zeros((m, n * n + 1), cotangent.dtype)
        np.add.at(flat, (np.arange(m)[:, None], self.choose(matrices, numbers)), cotangent)
        return flat[:, :-1].reshape(m, n, n)


class SortedEntries(Entries):
    """The entries of the first ``size`` rows and columns, in an order of the rows.

    Parameters
    ----------
    size : int
        Rows and columns; there are zeros where the matrix is smaller.
    layout : "full" or "triangle"
        All entries row by row; or, of each row, those up to the diagonal.
    permutation : "sorted_l2", "random" or "none"
        By the norm of the rows, the largest first; by the norm and normal noise; as they are.
    sigma, seed : float and int
        Standard deviation and seed of the noise. It goes by rank, its k-th number to the row of
        k-th largest norm, so that the order in which atoms are given does not matter.
    fixed : int
        Rows that stay first, whatever their norm.
    """

    def __init__(self, size: int, layout: str, permutation: str, sigma=None, seed=0, fixed=0):
        rows, columns = np.indices((size, size)).reshape(2, -1)
        kept = columns <= rows if layout == "triangle" else np.full(size**2, True)
        super().__init__(int(kept.sum()), self._places)
        self.size, self.kept = size, np.flatnonzero(kept)
        self.rows, self.columns = rows[kept], columns[kept]
        self.permutation, self.sigma, self.seed = permutation, sigma, seed
        self.fixed = fixed

    def names(self, kind: str) -> list[str]:
        places = zip(self.rows, self.columns, strict=True)
        return [f"{kind} row={i} column={j}" for i, j in places]

    def _places(self, matrices, _):
        m, n = matrices.shape[:2]
        order = self._order(matrices)[:, : self.size]
        places = np.full((m, self.size, self.size), n * n)
        places[:, :n, :n] = order[:, :, None] * n + order[:, None, :]
        return places.reshape(m, -1)[:, self.kept]

    def _order(self, matrices):
        """The order of the rows, (m, n)."""
        m, n = matrices.shape[:2]
        if self.permutation == "none":
            return np.broadcast_to(np.arange(n), (m, n))
        norms = np.linalg.norm(matrices, axis=2)
        norms[:, : self.fixed] = np.inf
        order = np.argsort(-norms, axis=1, kind="stable")
        if self.permutation == "random":
            noise = np.random.RandomState(self.seed).normal(0.0, self.sigma, n)
            noisy = np.take_along_axis(norms, order, axis=1) + noise
            again = np.argsort(-noisy, axis=1, kind="stable")
            order = np.take_along_axis(order, again, axis=1)
        return order


class Eigenvalues:
    """The first ``n_features`` eigenvalues, zeros where there are fewer.

    ``order`` gives what they are sorted by, the largest first. Their derivatives are those of
    Hellmann and Feynman, dλ = vᵀ dM v; where eigenvalues are equal, single ones have none, and the
    verbs give those for the eigenvectors that the solver returns.
    """

    def __init__(self, n_features: int, order: Callable[[np.ndarray], np.ndarray] = np.abs):
        self.n_features = n_features
        self.order = order

    def names(self, kind: str) -> list[str]:
        return [f"{kind} eigenvalue={k}" for k in range(self.n_features)]

    def _sorted(self, values):
        first = np.argsort(-self.order(values), axis=1, kind="stable")[:, : self.n_features]
        out = np.zeros((len(values), self.n_features), values.dtype)
        out[:, : first.shape[1]] = np.take_along_axis(values, first, axis=1)
        return out, first

    def _vectors(self, matrices):
        values, vectors = np.linalg.eigh(matrices)
        return np.take_along_axis(vectors, self._sorted(values)[1][:, None, :], axis=2)

    def values(self, matrices, numbers):
        return self._sorted(np.linalg.eigvalsh(matrices))[0]

    def jvp(self, matrices, numbers, tangents):
        vectors = self._vectors(matrices)[:, None]
        out = np.zeros((*tangents.shape[:2], self.n_features), tangents.dtype)
        out[..., : vectors.shape[3]] = ((tangents @ vectors) * vectors).sum(axis=2)
        return out

    def vjp(self, matrices, numbers, cotangent):
        vectors = self._vectors(matrices)
        weighted = vectors * cotangent[:, None, : vectors.shape[2]]
        return weighted @ vectors.transpose(0, 2, 1)


@dataclass(frozen=True)
class Matrices:
    """A stack of symmetric matrices whose entries depend on differences of positions.

    ``slope`` is the derivative of an entry with respect to ``r_j - r_i``, ``strain`` that with
    respect to strain; None where they were not asked for.
    """

    values: np.ndarray  # (m, n, n)
    slope: np.ndarray | None = None  # (m, n, n, 3)
    strain: np.ndarray | None = None  # (m, n, n, 3, 3)


class MatrixPlan:
    """A plan for whole structures: ``matrices(group, dtype, derivatives)``, then features of them.

    ``features`` is an :class:`Entries` or :class:`Eigenvalues`.
    """

    def __init__(self, matrices: Callable, features, dtype, names: Callable[[], Sequence[str]]):
        self.matrices = matrices
        self.features = features
        self.n_features = features.n_features
        self.dtype = np.dtype(dtype)
        self.names = names

    def compute(self, group):
        made = self.matrices(group, self.dtype, False)
        return self.features.values(made.values, group.numbers)

    def vjp(self, group, cotangent):
        made = self.matrices(group, self.dtype, True)
        pulled = self.features.vjp(made.values, group.numbers, cotangent)
        pairs = pulled[..., None] * made.slope
        positions = pairs.sum(axis=1, dtype=float) - pairs.sum(axis=2, dtype=float)
        return positions, np.einsum("mij,mijab->mab", pulled, made.strain)

    def jvp(self, group, positions, strain):
        made = self.matrices(group, self.dtype, True)
        apart = (positions[:, None] - positions[:, :, None]).astype(self.dtype)
        tangents = np.einsum("mija,mija->mij", made.slope, apart)
        tangents += np.einsum("mijab,mab->mij", made.strain, strain.astype(self.dtype))
        return self.features.jvp(made.values, group.numbers, tangents[:, None])[:, 0]

    def jacobian(self, group):
        made = self.matrices(group, self.dtype, True)
        m, n = group.numbers.shape
        tangents = np.zeros((m, n, 3, n, n), self.dtype)
        atom = np.arange(n)
        slope = made.slope.transpose(0, 3, 1, 2)
        # Moving atom a changes its column one way and its row the other.
        tangents[:, atom, :, :, atom] += slope.transpose(3, 0, 1, 2)
        tangents[:, atom, :, atom, :] -= slope.transpose(2, 0, 1, 3)
        tangents = tangents.reshape(m, 3 * n, n, n)
        out = self.features.jvp(made.values, group.numbers, tangents)
        return out.reshape(m, n, 3, self.n_features)
