"""The sine matrix of crystals."""

from __future__ import annotations

import numpy as np

from vicinal.correlate.matrices import Matrices
from vicinal.descriptors.coulomb_matrix import charges, with_diagonal
from vicinal.descriptors.structure import Group
from vicinal.descriptors.structure_matrix import StructureMatrix


class SineMatrix(StructureMatrix):
    """Sine matrix: a Coulomb matrix whose distance is periodic in the cell.

    ::

        M_ii  =  0.5 Z_i^2.4          M_ij  =  Z_i Z_j / |Σ_k a_k sin²(π s_k)|

    with cell vectors a_k and r_j − r_i = Σ_k s_k a_k. Between atoms a short way apart in a long
    cell the denominator is not their distance, nor proportional to it: it only has the period of
    the lattice, and vanishes where atoms coincide.

    Parameters
    ----------
    n_atoms_max : int, optional
        Atoms that there is room for; learned by ``fit`` if not given.
    permutation : "sorted_l2", "eigenspectrum", "random" or "none"
        What makes the order of atoms irrelevant, see ``CoulombMatrix``.
    layout : "full" or "triangle"
        The whole matrix row by row; or, of each row, what is left of and on the diagonal.
    sigma : float, optional
        Standard deviation of the noise, for "random" only.
    seed : int
        Seed of the noise.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        For the search for coincident atoms. Results do not depend on it.

    Notes
    -----
    Structures must be periodic in all three directions. The matrix depends on the choice of the
    cell: other cell vectors of the same lattice, or a supercell, give another matrix. Cost and size
    are quadratic in the number of atoms. For jumps and degeneracies see
    ``CoulombMatrix``.

    References
    ----------
    F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Int. J. Quantum Chem. 115, 1094 (2015).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import bulk
    >>> vc.SineMatrix().compute(bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    Features(1 samples x 64 features, float64)
    """

    registry_name = "sine_matrix"
    usual_kernel = "laplacian"
    search_space = {"permutation": ("sorted_l2", "eigenspectrum")}
    needs_cell = True
    _kind = "SineMatrix"

    def _matrices(self, group: Group, dtype: np.dtype, derivatives: bool) -> Matrices:
        inverse = np.linalg.inv(group.cells)
        s = group.positions @ inverse
        s = s[:, None] - s[:, :, None]
        s = (s - np.round(s)).astype(dtype)  # small angles keep their digits
        cells, inverse = group.cells.astype(dtype), inverse.astype(dtype)
        v = np.einsum("mijk,mka->mija", np.sin(np.pi * s) ** 2, cells)
        products, diagonal = charges(group, dtype)
        d = with_diagonal(np.sqrt((v**2).sum(axis=3)), np.ones_like(diagonal))
        matrices = products / d
        slope = strain = None
        if derivatives:
            pull = -(matrices / d**2)[..., None] * v  # over v
            along = np.einsum("mija,mka->mijk", pull, cells) * (np.pi * np.sin(2 * np.pi * s))
            slope = np.einsum("mijk,mak->mija", along, inverse)
            strain = v[..., :, None] * pull[..., None, :]
        return Matrices(with_diagonal(matrices, diagonal), slope, strain)
