"""The kernel of FCHL19: Gaussians between atoms of the same element, summed over two structures."""

from __future__ import annotations

import numpy as np

from vicinal.descriptors.parameters import check_number
from vicinal.errors import ShapeError
from vicinal.features import Features

#: Distances that are held at a time.
CHUNK = 4_000_000


def local_kernel(a: Features, b: Features | None = None, *, sigma: float) -> np.ndarray:
    r"""Similarity of structures as the sum over pairs of their atoms,

    .. math:: K_{AB} = \sum_{i \in A} \sum_{j \in B} \delta_{Z_i Z_j}
        \exp\left(-\frac{|x_i - x_j|^2}{2\sigma^2}\right)

    (Christensen et al., J. Chem. Phys. 152, 044107 (2020)), for any features of atoms.

    Parameters
    ----------
    a, b : Features
        One row an atom, as ``compute`` returns them with ``pooling=None``; ``b`` is ``a`` by
        default.
    sigma : float
        In units of the features; about 20 for FCHL19 with its defaults.

    Returns
    -------
    (structures of a, structures of b) float64 array
        Structures in ascending order of ``samples["structure"]``.

    Raises
    ------
    ShapeError
        Features of structures, or of different descriptors.
    """
    check_number("sigma", sigma, positive=True)
    same = b is None
    a_rows, a_structure, a_number, n_a = _atoms(a)
    b_rows, b_structure, b_number, n_b = (a_rows, a_structure, a_number, n_a) if same else _atoms(b)
    if a_rows.shape[1] != b_rows.shape[1]:
        raise ShapeError(f"{a_rows.shape[1]} and {b_rows.shape[1]} features cannot be compared")
    kernel = np.zeros((n_a, n_b))
    for number in np.intersect1d(a_number, b_number):
        left, right = np.flatnonzero(a_number == number), np.flatnonzero(b_number == number)
        Y, of_y = b_rows[right], b_structure[right]
        order = np.argsort(of_y, kind="stable")
        Y, of_y = Y[order], of_y[order]
        first = np.flatnonzero(np.diff(of_y, prepend=-1))  # of each structure's atoms
        length = np.einsum("kf,kf->k", Y, Y)
        step = max(1, CHUNK // len(right))
        for start in range(0, len(left), step):
            rows = left[start : start + step]
            X = a_rows[rows]
            square = np.einsum("kf,kf->k", X, X)[:, None] + length - 2 * X @ Y.T
            alike = np.exp(np.maximum(square, 0) / (-2 * sigma**2))
            sums = np.add.reduceat(alike, first, axis=1)
            np.add.at(kernel, (a_structure[rows][:, None], of_y[first]), sums)
    return kernel


def _atoms(features: Features):
    """(rows, structure and atomic number of each, number of structures)"""
    if "number" not in (features.samples.dtype.names or ()):
        raise ShapeError("the local kernel compares atoms: it needs features with pooling=None")
    structures, structure = np.unique(features.samples["structure"], return_inverse=True)
    rows = np.asarray(features.dense(), dtype=float)
    return rows, structure, features.samples["number"], len(structures)
