"""Descriptors made of sums over neighbours, side by side: a plan for the native engine.

A *term* is one kind of sum (:func:`radial_sums`, :func:`diagonal_spectrum`,
:func:`triple_products`, ...). The plan lays the terms' rows side by side and, where it is given a
matrix, multiplies that raw row by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse

from vicinal import _engine
from vicinal.basis.spline import Table
from vicinal.descriptors.plan import Pairs


def native(name: str, dtype):
    """A function or class of the kernels in this precision."""
    return getattr(_engine.native, f"{name}{np.dtype(dtype).itemsize * 8}")


def radial_sums(table: Table, n_species: int, dtype, *, block=None, weight=None):
    """The term ``row[block][k] = sum_j w_j h_k(r_j)``.

    Parameters
    ----------
    table : Table
        The functions h_k, nodes of shape (n_nodes, 3, 1, n_functions).
    n_species : int
    dtype : "float64" or "float32"
    block : (n_species, n_species) int array, optional
        Where a pair counts, by species of the centre and of the neighbour; -1 is nowhere. One
        block for each species of the neighbour by default.
    weight : (n_species, n_species) array, optional
        w, by the same species; 1 by default.
    """
    shape = (n_species, n_species)
    block = np.broadcast_to(np.arange(n_species) if block is None else block, shape)
    weight = np.broadcast_to(1.0 if weight is None else weight, shape)
    return native("radial_sums", dtype)(
        **_table(table),
        n_species=n_species,
        n_blocks=int(block.max(initial=-1)) + 1,
        block=np.ascontiguousarray(block, dtype=np.int64),
        weight=np.ascontiguousarray(weight, dtype=float),
    )


def diagonal_spectrum(table: Table, l_max: int, n_species: int, dtype, *, pairs, mixing=None):
    r"""The term ``row[pair (a, b)][l][n] = sum_m c_a[nlm] c_b[nlm]``.

    By the addition theorem it is
    :math:`\frac{2l+1}{4\pi} \sum_{jk} w_{aj} w_{bk} R_{nl}(r_j) R_{nl}(r_k) P_l(\cos\theta_{jk})`,
    j = k included.

    Parameters
    ----------
    table : Table
        :math:`R_{nl}`; nodes of shape (n_nodes, 3, 1, n_max) where they do not depend on l.
    l_max, n_species : int
    dtype : "float64" or "float32"
    pairs : (n_pairs, 2) int array of channels
    mixing : (n_channels, n_species) array, optional
        Weight w of each species in each channel; by default channels are species.
    """
    return native("diagonal_spectrum", dtype)(
        **_table(table),
        l_max=l_max,
        n_species=n_species,
        mixing=_mixing(mixing),
        channel_pairs=np.ascontiguousarray(pairs, dtype=np.int64),
    )


def triple_products(
    table: Table, l_max: int, n_species: int, dtype, *, first, index, weight, mixing=None
):
    """The term ``row[channel][q][n] = sum_e weight[e] c[i_e, n] c[j_e, n] c[k_e, n]`` with e in
    ``first[q]:first[q + 1]`` and (i_e, j_e, k_e) = ``index[e]``, places ``l * l + l + m``.

    The other parameters are those of :func:`diagonal_spectrum`.
    """
    return native("triple_products", dtype)(
        **_table(table),
        l_max=l_max,
        n_species=n_species,
        mixing=_mixing(mixing),
        first=np.ascontiguousarray(first, dtype=np.int64),
        index=np.ascontiguousarray(index, dtype=np.int64).reshape(-1, 3),
        weight=np.ascontiguousarray(weight, dtype=float),
    )


def _table(table: Table) -> dict:
    return {"edges": table.edges, "cells": table.cells, "nodes": table.nodes}


def _mixing(mixing) -> np.ndarray:
    return np.empty((0, 0)) if mixing is None else np.ascontiguousarray(mixing, dtype=float)


class SumsPlan:
    """Terms side by side, times a matrix.

    Parameters
    ----------
    terms : list of terms, made in the same precision
    dtype : "float64" or "float32"
    names : function without arguments, giving the names
    matrix : (n_features, n_raw) sparse array, optional
        The features in terms of the terms' rows, one after the other; by default they are these.
    """

    def __init__(
        self,
        terms: Sequence,
        *,
        dtype,
        names: Callable[[], Sequence[str]],
        matrix: scipy.sparse.csr_array | None = None,
    ):
        self.dtype = np.dtype(dtype)
        self.names = names
        indptr, index, weight = np.empty(0), np.empty(0), np.empty(0)
        if matrix is not None:
            matrix = scipy.sparse.csr_array(matrix)
            if matrix.shape[1] != sum(term.size for term in terms):
                raise ValueError(f"a matrix of shape {matrix.shape} does not fit the terms")
            indptr, index, weight = matrix.indptr, matrix.indices, matrix.data
        self._kernel = native("SumsPlan", dtype)(
            terms=list(terms),
            indptr=np.ascontiguousarray(indptr, dtype=np.int64),
            index=np.ascontiguousarray(index, dtype=np.int64),
            weight=np.ascontiguousarray(weight, dtype=float),
        )
        self.n_features = self._kernel.n_features

    def compute(self, pairs: Pairs, out: np.ndarray) -> None:
        self._kernel.compute(pairs, out)

    def vjp(self, pairs: Pairs, cotangent: np.ndarray) -> np.ndarray:
        return self._kernel.vjp(pairs, cotangent)

    def jvp(self, pairs: Pairs, tangent: np.ndarray, out: np.ndarray) -> None:
        self._kernel.jvp(pairs, tangent, out)

    def jacobian(self, pairs: Pairs, pair_block, center_block, out: np.ndarray) -> None:
        self._kernel.jacobian(pairs, pair_block, center_block, out)


def side_by_side(*parts):
    """Parts (list of terms, matrix) as one; a matrix None is the identity."""
    terms, matrices = [], []
    for some, matrix in parts:
        terms += some
        if matrix is None:
            matrix = scipy.sparse.eye_array(sum(term.size for term in some))
        matrices.append(matrix)
    return terms, scipy.sparse.csr_array(scipy.sparse.block_diag(matrices))
