r"""Sums over pairs of neighbours that do not separate: a term for the native engine."""

from __future__ import annotations

import numpy as np

from vicinal.basis.species import unordered_pairs
from vicinal.basis.spline import Table
from vicinal.correlate.sums import native


def triplets(
    pair: Table,
    angle: Table,
    n_species: int,
    dtype,
    *,
    side: Table | None = None,
    mean: Table | None = None,
    theta: bool = False,
    paired: bool = False,
    angles_last: bool = False,
    shape=None,
    block=None,
    weight=None,
):
    r"""The term ``row[block][a][e] = sum_{j < k} w U_e A_a`` with

    .. math:: U_e = P_e(r_{ij}) P_e(r_{ik}) Q_e(r_{jk}) S_e\bigl((r_{ij} + r_{ik})/2\bigr),
        \qquad A_a = A_a(\cos\theta_{jik})

    Parameters
    ----------
    pair : Table
        P_e; nodes of shape (n_nodes, 3, 1, n_e).
    angle : Table
        A_a as functions of :math:`1 + \cos\theta` on [0, 2], or of theta on [0, pi].
    n_species : int
    dtype : "float64" or "float32"
    side, mean : Table, optional
        Q_e, S_e; 1 by default. Triples with r_jk beyond the end of Q are left out.
    theta : bool
        The angle's table is one in theta: for functions with a kink at 0 or pi, where derivatives
        are those without the angle's part. Costs an arc tangent a triple.
    paired : bool
        Only the features U_e A_e, ``row[block][e]``, instead of all products.
    angles_last : bool
        ``row[block][e][a]``.
    shape : optional
        A further weight of the triangle, from the native engine: ``AxilrodTeller``.
    block : (n_species, n_species, n_species) int array, optional
        Where a triple counts, by species of the centre and of the two neighbours; -1 is nowhere.
        One block for each unordered pair of species by default: 00, 01, 02, .., 11, 12, ...
    weight : (n_species, n_species, n_species) array, optional
        w, by the same species; 1 by default. Both are read at the two neighbours' species in
        ascending order.
    """
    cube = (n_species,) * 3
    block = np.broadcast_to(pair_index(n_species) if block is None else block, cube)
    weight = np.broadcast_to(1.0 if weight is None else weight, cube)
    return native("triplets", dtype)(
        pair=pair,
        side=side,
        mean=mean,
        angle=angle,
        theta=theta,
        paired=paired,
        angles_last=angles_last,
        shape=shape,
        n_species=n_species,
        n_blocks=int(block.max(initial=-1)) + 1,
        block=np.ascontiguousarray(block, dtype=np.int64),
        weight=np.ascontiguousarray(weight, dtype=float),
    )


def pair_index(n: int) -> np.ndarray:
    """(n, n) symmetric array: the number of each of the :func:`.unordered_pairs`."""
    index = np.empty((n, n), dtype=np.int64)
    for k, (a, b) in enumerate(unordered_pairs(n)):
        index[a, b] = index[b, a] = k
    return index
