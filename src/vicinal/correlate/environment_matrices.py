"""Matrices of local environments: a row, or a block of rows, for the centre and each neighbour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vicinal.descriptors.plan import Pairs

#: Entries of matrices (and three slopes of each) worked on together.
CHUNK_ENTRIES = 200_000


@dataclass(frozen=True)
class _Part:
    """Centres with equally many neighbours. Atoms are in the order of their distances, the centre
    itself is atom 0."""

    rows: np.ndarray  # (m,)
    selected: np.ndarray  # (m, n), places of the pairs among the selected ones
    positions: np.ndarray  # (m, n + 1, 3), from the centre
    species: np.ndarray  # (m, n + 1)


class EnvironmentMatrixPlan:
    """Plan for matrices ``A_i A_j O_ij`` of the atoms of an environment.

    Parameters
    ----------
    amplitude : callable
        ``amplitude(r)`` of distances from the centre: A, and its derivative over r.
    overlap : callable
        ``overlap(D, species, derivatives)`` of ``D = r_j - r_i``, (m, n, n, 3): O, (m, n, n, b, b),
        and its derivatives (m, n, n, 3, b, b) or None.
    block : int
        Rows of an atom, b.
    features : Entries or Eigenvalues
        See :mod:`vicinal.correlate.matrices`.
    """

    def __init__(
        self,
        amplitude: Callable,
        overlap: Callable,
        block: int,
        features,
        dtype,
        names: Callable[[], Sequence[str]],
    ):
        self.amplitude = amplitude
        self.overlap = overlap
        self.block = block
        self.features = features
        self.n_features = features.n_features
        self.dtype = np.dtype(dtype)
        self.names = names

    # -- the four verbs -------------------------------------------------------------------------

    def compute(self, pairs: Pairs, out):
        for part in self._parts(pairs):
            O, _, A, _ = self._terms(part, derivatives=False)
            out[part.rows] = self.features.values(self._matrix(O, A), part.species)

    def vjp(self, pairs: Pairs, cotangent):
        out = np.zeros((pairs.n_pairs, 3))
        for part in self._parts(pairs):
            O, slope, A, along = self._terms(part)
            pulled = self.features.vjp(self._matrix(O, A), part.species, cotangent[part.rows])
            m, n = A.shape
            pulled = pulled.reshape(m, n, self.block, n, self.block).transpose(0, 1, 3, 2, 4)
            by_pair = np.einsum("mijpq,mijcpq->mijc", pulled * _outer(A), slope)
            by_atom = by_pair.sum(axis=1) - by_pair.sum(axis=2)
            weights = (pulled * O).sum(axis=(3, 4))
            weights = np.einsum("mij,mj->mi", weights + weights.transpose(0, 2, 1), A)
            by_atom += (weights * along)[..., None] * part.positions
            out[part.selected] = by_atom[:, 1:]
        return out

    def jvp(self, pairs: Pairs, tangent, out):
        for part in self._parts(pairs):
            centers = np.zeros((len(part.rows), 1, 1, 3))
            tangents = np.concatenate([centers, tangent[part.selected][:, None]], axis=2)
            out[part.rows] = self._push(part, tangents.astype(self.dtype))[:, 0]

    def jacobian(self, pairs: Pairs, pair_block, center_block, out):
        for part in self._parts(pairs, jacobian=True):
            m, n = part.selected.shape
            units = np.zeros((n, 3, n + 1, 3), self.dtype)
            for axis in range(3):
                units[np.arange(n), axis, np.arange(1, n + 1), axis] = 1
            tangents = np.broadcast_to(units.reshape(3 * n, n + 1, 3), (m, 3 * n, n + 1, 3))
            values = self._push(part, tangents).reshape(m, n, 3, self.n_features)
            np.add.at(out, pair_block[part.selected], values)
            np.subtract.at(out, center_block[part.rows], values.sum(axis=1))

    # -- inside ---------------------------------------------------------------------------------

    def _parts(self, pairs: Pairs, jacobian: bool = False) -> Iterator[_Part]:
        counts = pairs.stop - pairs.start
        firsts = np.cumsum(counts) - counts
        own = pairs.species[pairs.centers]
        for n in np.unique(counts).tolist():
            same = np.flatnonzero(counts == n)
            entries = ((n + 1) * self.block) ** 2 * (max(n, 1) if jacobian else 1)
            step = max(1, CHUNK_ENTRIES // entries)
            for first in range(0, len(same), step):
                rows = same[first : first + step]
                D = pairs.D[pairs.start[rows][:, None] + np.arange(n)]
                order = np.argsort((D**2).sum(axis=2), axis=1, kind="stable")
                q = pairs.start[rows][:, None] + order
                selected = firsts[rows][:, None] + order
                positions = np.concatenate([np.zeros((len(rows), 1, 3)), pairs.D[q]], axis=1)
                species = np.concatenate([own[rows][:, None], pairs.species[pairs.j[q]]], axis=1)
                yield _Part(rows, selected, positions, species)

    def _terms(self, part: _Part, derivatives: bool = True):
        """O and its slopes; A (m, n), and its slope over the distance."""
        x = part.positions
        D = (x[:, None] - x[:, :, None]).astype(self.dtype)
        O, slope = self.overlap(D, part.species, derivatives)
        r = np.sqrt((x**2).sum(axis=2)).astype(self.dtype)
        A, change = self.amplitude(r)
        return O, slope, A, change / np.where(r > 0, r, 1)

    def _matrix(self, O, A):
        return self._fold(O * _outer(A))

    def _fold(self, blocks):
        """Blocks (..., n, n, b, b) as matrices (..., n b, n b)."""
        size = blocks.shape[-3] * self.block
        return np.moveaxis(blocks, -3, -2).reshape(*blocks.shape[:-4], size, size)

    def _push(self, part: _Part, tangents):
        """Tangents (m, k, n, 3) of the atoms to those of the features, (m, k, n_features)."""
        O, slope, A, along = self._terms(part)
        x = part.positions.astype(self.dtype)
        apart = tangents[:, :, None] - tangents[:, :, :, None]
        pushed = np.einsum("mijcpq,mkijc->mkijpq", slope, apart) * _outer(A)[:, None]
        change = np.einsum("mkic,mic->mki", tangents, x) * along[:, None]
        change = change[..., :, None] * A[:, None, None, :]
        change = change + np.swapaxes(change, 2, 3)
        pushed += O[:, None] * change[..., None, None]
        return self.features.jvp(self._matrix(O, A), part.species, self._fold(pushed))


def _outer(A: np.ndarray) -> np.ndarray:
    return (A[:, :, None] * A[:, None, :])[..., None, None]
