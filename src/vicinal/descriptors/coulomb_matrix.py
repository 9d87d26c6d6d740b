"""The Coulomb matrix of molecules."""

from __future__ import annotations

import numpy as np

from vicinal.correlate.matrices import Matrices
from vicinal.descriptors.parameters import check_choice
from vicinal.descriptors.structure import Group
from vicinal.descriptors.structure_matrix import StructureMatrix


class CoulombMatrix(StructureMatrix):
    """Coulomb matrix: the repulsion of all pairs of nuclei of a molecule.

    ::

        M_ii  =  0.5 Z_i^2.4          M_ij  =  Z_i Z_j / |r_i − r_j|

    in atomic numbers and 1/Å, padded with zeros to a fixed size. Periodicity is ignored: see
    ``SineMatrix`` and :class:`vicinal.EwaldMatrix`.

    Parameters
    ----------
    n_atoms_max : int, optional
        Atoms that there is room for; learned by ``fit`` if not given.
    permutation : "sorted_l2", "eigenspectrum", "random" or "none"
        What makes the order of atoms irrelevant: rows and columns sorted by the norm of the row,
        the largest first; eigenvalues instead, by magnitude; sorted by the norm after normal noise
        was added to it; nothing.
    layout : "full" or "triangle"
        The whole matrix row by row, as in DScribe; or, of each row, what is left of and on the
        diagonal, as in qmllib.
    sigma : float, optional
        Standard deviation of the noise, for "random" only.
    seed : int
        Seed of the noise. Its k-th number goes to the row of k-th largest norm, of any structure.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        For the search for coincident atoms. Results do not depend on it.

    Notes
    -----
    Cost and size are quadratic in the number of atoms. Sorted rows change places where their norms
    become equal: entries then jump. Atoms that are equivalent by symmetry have rows of equal norm,
    and no order of their own. Eigenvalues are continuous but not unique (different molecules may
    have the same), and derivatives of single ones do not exist where they are degenerate.

    References
    ----------
    M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, 058301 (2012).
    Sorting, random sorting: G. Montavon et al., NIPS 25, 440 (2012).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.CoulombMatrix(n_atoms_max=12).compute([molecule("H2O"), molecule("CH3CH2OH")])
    Features(2 samples x 144 features, float64)
    """

    registry_name = "coulomb_matrix"
    usual_kernel = "laplacian"
    search_space = {"permutation": ("sorted_l2", "eigenspectrum")}
    periodic = False
    _kind = "CoulombMatrix"

    @classmethod
    def from_qmllib(cls, *, size=23, sorting="row-norm") -> CoulombMatrix:
        """The matrix of ``qmllib.representations.generate_coulomb_matrix(..., size, sorting)``."""
        check_choice("sorting", sorting, ("row-norm", "unsorted"))
        permutation = "sorted_l2" if sorting == "row-norm" else "none"
        return cls(n_atoms_max=size, permutation=permutation, layout="triangle")

    def _matrices(self, group: Group, dtype: np.dtype, derivatives: bool) -> Matrices:
        return coulomb_matrices(group, dtype, derivatives)


def charges(group: Group, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Products Z_i Z_j (m, n, n), zero on the diagonal, and the diagonal 0.5 Z^2.4 (m, n)."""
    Z = group.numbers.astype(dtype)
    products = Z[:, :, None] * Z[:, None, :]
    diagonal = np.arange(Z.shape[1])
    products[:, diagonal, diagonal] = 0
    return products, Z ** dtype.type(2.4) / 2


def with_diagonal(matrices: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    at = np.arange(diagonal.shape[1])
    matrices[:, at, at] = diagonal
    return matrices


def coulomb_matrices(group: Group, dtype: np.dtype, derivatives: bool) -> Matrices:
    """``Z_i Z_j / |r_j - r_i|`` and ``0.5 Z^2.4`` on the diagonal."""
    R = group.positions
    D = (R[:, None] - R[:, :, None]).astype(dtype)
    products, diagonal = charges(group, dtype)
    d = with_diagonal(np.sqrt((D**2).sum(axis=3)), np.ones_like(diagonal))
    matrices = products / d
    slope = strain = None
    if derivatives:
        slope = -(matrices / d**2)[..., None] * D
        strain = D[..., :, None] * slope[..., None, :]
    return Matrices(with_diagonal(matrices, diagonal), slope, strain)
