"""The overlap-matrix fingerprint of an environment."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from vicinal.correlate.environment_matrices import EnvironmentMatrixPlan
from vicinal.correlate.matrices import Eigenvalues
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_choice, check_integer
from vicinal.descriptors.spaces import steps


class OverlapMatrix(Descriptor):
    """Overlap-matrix fingerprint: eigenvalues of the overlaps of orbitals on the atoms around.

    ::

        M_iα,jβ  =  A(r_i) ⟨iα|jβ⟩ A(r_j)          A(r)  =  (1 − (r / cutoff)²)^nex

    for all atoms i, j of an environment, the centre included. Orbitals are normalised Gaussians of
    exponent 1 / (2 R²), R being the covalent radius of the atom: s alone, or s and the three p.
    Features are the eigenvalues, the largest first.

    Parameters
    ----------
    cutoff : float, Å
        Radius of the environment; ``sqrt(2 nex) w`` for the width w of the papers.
    n_eigenvalues : int
        Number of features. Zeros follow where the environment has fewer orbitals, and the smallest
        are left out where it has more.
    orbitals : "s" or "sp"
        One orbital an atom, or four.
    nex : int
        How smoothly atoms fade out: eigenvalues have 2 nex − 1 continuous derivatives there.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    pooling : None, "mean" or "sum"
        One row an atom; or one a structure.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        For the neighbour search. Results do not depend on it.

    Notes
    -----
    Species enter by their covalent radii alone (those of ASE). Cost grows as the third power of the
    number of neighbours; with "s" some different environments have equal eigenvalues. Derivatives
    are those of Hellmann and Feynman, dλ = vᵀ dM v; where eigenvalues are equal (by symmetry) those
    of single ones do not exist.

    References
    ----------
    A. Sadeghi et al., J. Chem. Phys. 139, 184118 (2013).
    L. Zhu et al., J. Chem. Phys. 144, 034203 (2016).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.OverlapMatrix(cutoff=4.0, n_eigenvalues=9).compute(molecule("CH3CH2OH"))
    Features(9 samples x 9 features, float64)
    """

    registry_name = "overlap_matrix"
    search_space = {
        "cutoff": steps(2, 8),
        "orbitals": ("s", "sp"),
        "nex": (2, 3),
    }

    def __init__(
        self,
        *,
        cutoff=5.0,
        n_eigenvalues=64,
        orbitals="s",
        nex=2,
        species=None,
        pooling=None,
        periodic=None,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.n_eigenvalues = n_eigenvalues
        self.orbitals = orbitals
        self.nex = nex
        self.species = species
        self.pooling = pooling
        self.periodic = periodic
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _validate(self) -> None:
        super()._validate()
        check_integer("n_eigenvalues", self.n_eigenvalues, 1)
        check_choice("orbitals", self.orbitals, ("s", "sp"))
        check_integer("nex", self.nex, 1)

    @property
    def smoothness(self) -> int:
        """Continuous derivatives at the cutoff: the spectrum depends on the amplitudes' squares."""
        return 2 * self.nex - 1

    def _make_plan(self, species: tuple[int, ...]) -> EnvironmentMatrixPlan:
        dtype = np.dtype(self.dtype)
        exponents = (0.5 / covalent_radii[list(species)] ** 2).astype(dtype)
        cutoff, nex = dtype.type(self.cutoff), int(self.nex)
        overlap = _overlap_s if self.orbitals == "s" else _overlap_sp

        def amplitude(r):
            fade = np.maximum(1 - (r / cutoff) ** 2, 0)
            return fade**nex, -2 * nex * r / cutoff**2 * fade ** (nex - 1) * (r < cutoff)

        features = Eigenvalues(int(self.n_eigenvalues), order=lambda values: values)
        return EnvironmentMatrixPlan(
            amplitude,
            lambda D, inside, derivatives: overlap(D, exponents[inside], derivatives),
            {"s": 1, "sp": 4}[self.orbitals],
            features,
            dtype,
            lambda: features.names("OverlapMatrix"),
        )


def _gaussians(D, a):
    """⟨s|s⟩ of exponents ``a`` (m, n), and what else the overlaps are made of."""
    product, total = a[:, :, None] * a[:, None, :], a[:, :, None] + a[:, None, :]
    root, mu = 2 * np.sqrt(product) / total, product / total
    return root ** D.dtype.type(1.5) * np.exp(-mu * (D**2).sum(axis=3)), root, mu


def _overlap_s(D, a, derivatives):
    S, _, mu = _gaussians(D, a)
    slope = (-2 * mu * S)[..., None] * D
    return S[..., None, None], slope[..., None, None] if derivatives else None


def _overlap_sp(D, a, derivatives):
    """A p orbital is the derivative of an s orbital with respect to its place, over sqrt(a)."""
    S, root, mu = _gaussians(D, a)
    unit = np.eye(3, dtype=D.dtype)
    # Every overlap is a polynomial P of D times S; left and right are the factors of p and s.
    P = np.empty((*S.shape, 4, 4), D.dtype)
    left = 2 * mu / np.sqrt(a)[:, :, None]
    right = -2 * mu / np.sqrt(a)[:, None, :]
    both = -2 * mu * root
    P[..., 0, 0] = 1
    P[..., 1:, 0] = left[..., None] * D
    P[..., 0, 1:] = right[..., None] * D
    P[..., 1:, 1:] = root[..., None, None] * unit
    P[..., 1:, 1:] += both[..., None, None] * D[..., :, None] * D[..., None, :]
    O = P * S[..., None, None]
    if not derivatives:
        return O, None
    slope = np.zeros((*S.shape, 3, 4, 4), D.dtype)
    slope[..., 1:, 0] = left[..., None, None] * unit
    slope[..., 0, 1:] = right[..., None, None] * unit
    mixed = unit[:, :, None] * D[..., None, None, :]
    slope[..., 1:, 1:] = both[..., None, None, None] * (mixed + np.swapaxes(mixed, -1, -2))
    slope -= (2 * mu)[..., None, None, None] * D[..., None, None] * P[..., None, :, :]
    return O, slope * S[..., None, None, None]
