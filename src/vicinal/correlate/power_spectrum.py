"""The power spectrum of neighbour densities, as a plan for the native density engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse

from vicinal.basis.spline import Table
from vicinal.correlate.sums import native
from vicinal.descriptors.plan import Pairs


class PowerSpectrumPlan:
    r"""Density expansion and power spectrum with everything fixed, for given species.

    .. math:: c^a_{nlm} = \sum_Z W_{aZ} \sum_{j: Z_j=Z} R_{nl}(r_j) Y_{lm}(\hat r_j), \qquad
        p^{ab}_{nn'l} = f_l \sum_m c^a_{nlm} c^b_{n'lm}

    Parameters
    ----------
    table : Table
        The radial functions :math:`R_{nl}`.
    center : (n_max,) array
        :math:`R_{n0}(0)` of the central atom, which counts in the channel of its own species.
    n_species : int
    mixing : (n_channels, n_species) array
        :math:`W`. The identity costs nothing.
    channel_pairs : (n_pairs, 2) int array
        The pairs (a, b); of a pair with a = b only n' >= n is kept.
    prefactor : (l_max + 1,) array
        :math:`f_l`.
    index, scale : (n_features,) arrays
        Feature k is ``scale[k]`` times entry ``index[k]`` of the row ``[pair][l][n][n']``.
    normalize : bool
        Divide each row by its length.
    dtype : "float64" or "float32"
    names : function without arguments, giving the names
    """

    def __init__(
        self,
        *,
        table: Table,
        center: np.ndarray,
        n_species: int,
        mixing: np.ndarray,
        channel_pairs: np.ndarray,
        prefactor: np.ndarray,
        index: np.ndarray,
        scale: np.ndarray,
        normalize: bool,
        dtype: str,
        names: Callable[[], Sequence[str]],
    ):
        n_l, n_max = table.nodes.shape[2:]
        factors = _row_factors(channel_pairs, n_l, n_max, index, scale)
        if factors is not None:  # the engine's own order: written without a detour
            index, scale = np.empty(0, np.int64), np.empty(0)
        identity = mixing.shape == (n_species, n_species) and (mixing == np.eye(n_species)).all()
        self.dtype = np.dtype(dtype)
        self.names = names
        pair_factor, triangle_factor = factors or (1.0, 1.0)
        self._kernel = native("DensityPlan", dtype)(
            edges=table.edges,
            cells=table.cells,
            nodes=table.nodes.reshape(-1, 3, n_l, n_max),
            center=np.ascontiguousarray(center, dtype=float),
            n_species=n_species,
            mixing=np.empty((0, 0)) if identity else np.ascontiguousarray(mixing, dtype=float),
            channel_pairs=np.ascontiguousarray(channel_pairs, dtype=np.int64),
            prefactor=np.ascontiguousarray(prefactor, dtype=float),
            pair_factor=pair_factor,
            triangle_factor=triangle_factor,
            gather=np.ascontiguousarray(index, dtype=np.int64),
            scale=np.ascontiguousarray(scale, dtype=float),
            normalize=normalize,
        )
        self.n_features = self._kernel.n_features
        self.correlation_rate = self._kernel.correlation_rate

    def compute(self, pairs: Pairs, out: np.ndarray) -> None:
        self._kernel.compute(pairs, out)

    def vjp(self, pairs: Pairs, cotangent) -> np.ndarray:
        if not scipy.sparse.issparse(cotangent):
            return self._kernel.vjp(pairs, cotangent)
        return self._kernel.vjp_sparse(
            pairs,
            np.ascontiguousarray(cotangent.data, dtype=self.dtype),
            np.ascontiguousarray(cotangent.indices, dtype=np.int64),
            np.ascontiguousarray(cotangent.indptr, dtype=np.int64),
        )

    def jvp(self, pairs: Pairs, tangent: np.ndarray, out: np.ndarray) -> None:
        self._kernel.jvp(pairs, tangent, out)

    def jacobian(self, pairs: Pairs, pair_block, center_block, out: np.ndarray) -> None:
        self._kernel.jacobian(pairs, pair_block, center_block, out)

    def compute_sparse(self, pairs: Pairs) -> scipy.sparse.csr_array:
        return self._csr(pairs, self._kernel.compute_sparse(pairs))

    def jvp_sparse(self, pairs: Pairs, tangent: np.ndarray) -> scipy.sparse.csr_array:
        return self._csr(pairs, self._kernel.jvp_sparse(pairs, tangent))

    def _csr(self, pairs: Pairs, arrays) -> scipy.sparse.csr_array:
        matrix = scipy.sparse.csr_array(arrays, shape=(pairs.n_samples, self.n_features))
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix


def _row_factors(channel_pairs, n_l: int, n_max: int, index, scale):
    """(factor of pairs a != b, factor of n != n' where a = b) if features are the engine's rows
    in their own order with no more than these factors; otherwise None."""
    if not np.array_equal(index, np.arange(len(index))):
        return None
    diagonal = np.equal(*np.asarray(channel_pairs).T)
    n, m = np.triu_indices(n_max)
    triangle = np.tile(n != m, n_l)
    pieces = [triangle.astype(int) if same else np.full(n_l * n_max**2, 2) for same in diagonal]
    kind = np.concatenate(pieces)
    if len(kind) != len(scale):
        return None
    factors = [np.unique(scale[kind == k]) for k in range(3)]
    if any(len(f) > 1 for f in factors) or (len(factors[0]) and factors[0][0] != 1.0):
        return None
    triangle_factor, pair_factor = (float(f[0]) if len(f) else 1.0 for f in factors[1:])
    return pair_factor, triangle_factor
