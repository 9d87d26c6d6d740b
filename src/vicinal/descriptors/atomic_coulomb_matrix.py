"""The Coulomb matrix of an environment."""

from __future__ import annotations

import numpy as np

from vicinal.correlate.environment_matrices import EnvironmentMatrixPlan
from vicinal.correlate.matrices import Eigenvalues, SortedEntries
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_choice, check_integer, check_number
from vicinal.descriptors.spaces import steps
from vicinal.descriptors.structure_matrix import check_layout
from vicinal.errors import ParameterError

PERMUTATIONS = ("distance", "sorted_l2", "eigenspectrum")


class AtomicCoulombMatrix(Descriptor):
    """Coulomb matrix of an atom: the repulsion of all pairs of nuclei around it.

    ::

        M_ij  =  f(r_i) f(r_j) g(r_ij) Z_i Z_j / r_ij          M_ii  =  0.5 Z_i^2.4 f(r_i)²

    in atomic numbers and 1/Å, with distances r_i from the centre, which is the first atom, and
    r_ij between atoms. The factors f and g are one up to a width before their cutoffs, and fall to
    zero there as (1 + cos x) / 2. Periodicity is ignored.

    Parameters
    ----------
    cutoff : float, Å
        Radius of the environment.
    cutoff_width : float, Å
        Where f falls from one to zero; 0 is a jump.
    interaction_cutoff : float, optional, Å
        Pairs of atoms farther apart do not interact; all pairs do if not given.
    interaction_width : float, Å
        Where g falls from one to zero; 0 is a jump.
    n_atoms_max : int
        Rows of the matrix, the centre included. Zeros follow where there are fewer atoms, and the
        last ones are left out where there are more.
    permutation : "distance", "sorted_l2" or "eigenspectrum"
        What makes the order of atoms irrelevant: after the centre, those nearest to it first, or
        those first whose rows have the largest norms; eigenvalues instead, by magnitude.
    layout : "full" or "triangle"
        The whole matrix row by row; or, of each row, what is left of and on the diagonal.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    pooling : None, "mean" or "sum"
        One row an atom; or one a structure.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        For the neighbour search. Results do not depend on it.

    Notes
    -----
    Cost and size are quadratic in the number of neighbours. Entries jump where two atoms change
    places; eigenvalues are continuous, but single ones have no derivatives where they are equal.

    References
    ----------
    M. Rupp, R. Ramakrishnan, O. A. von Lilienfeld, J. Phys. Chem. Lett. 6, 3309 (2015).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.AtomicCoulombMatrix(cutoff=4.0, n_atoms_max=9).compute(molecule("CH3CH2OH"))
    Features(9 samples x 81 features, float64)
    """

    registry_name = "atomic_coulomb_matrix"
    search_space = {
        "cutoff": steps(2, 8),
        "permutation": ("distance", "sorted_l2", "eigenspectrum"),
    }
    periodic = False

    def __init__(
        self,
        *,
        cutoff=5.0,
        cutoff_width=1.0,
        interaction_cutoff=None,
        interaction_width=1.0,
        n_atoms_max=23,
        permutation="distance",
        layout="full",
        species=None,
        pooling=None,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.cutoff_width = cutoff_width
        self.interaction_cutoff = interaction_cutoff
        self.interaction_width = interaction_width
        self.n_atoms_max = n_atoms_max
        self.permutation = permutation
        self.layout = layout
        self.species = species
        self.pooling = pooling
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_qmllib(
        cls,
        *,
        size=23,
        sorting="distance",
        central_cutoff=1e6,
        central_decay=-1,
        interaction_cutoff=1e6,
        interaction_decay=-1,
    ) -> AtomicCoulombMatrix:
        """The matrix of ``qmllib.representations.generate_coulomb_matrix_atomic``.

        A negative decay is none: what is within the cutoff counts in full.
        """
        check_choice("sorting", sorting, ("distance", "row-norm"))
        return cls(
            cutoff=central_cutoff,
            cutoff_width=max(central_decay, 0),
            interaction_cutoff=interaction_cutoff,
            interaction_width=max(interaction_decay, 0),
            n_atoms_max=size,
            permutation={"distance": "distance", "row-norm": "sorted_l2"}[sorting],
            layout="triangle",
        )

    def _validate(self) -> None:
        super()._validate()
        _check_width("cutoff", self.cutoff, self.cutoff_width)
        if self.interaction_cutoff is not None:
            check_number("interaction_cutoff", self.interaction_cutoff, positive=True)
            _check_width("interaction", self.interaction_cutoff, self.interaction_width)
        check_integer("n_atoms_max", self.n_atoms_max, 1)
        check_choice("permutation", self.permutation, PERMUTATIONS)
        check_layout(self.layout, self.permutation)

    @property
    def smoothness(self) -> int:
        """Continuous derivatives at the cutoffs; -1 is a jump."""
        widths = [self.cutoff_width]
        widths += [self.interaction_width] if self.interaction_cutoff is not None else []
        return 1 if min(widths) > 0 else -1

    def _make_plan(self, species: tuple[int, ...]) -> EnvironmentMatrixPlan:
        dtype, size = np.dtype(self.dtype), int(self.n_atoms_max)
        charges = np.array(species, dtype)
        if self.permutation == "eigenspectrum":
            features = Eigenvalues(size)
        else:
            order = "none" if self.permutation == "distance" else self.permutation
            features = SortedEntries(size, self.layout, order, fixed=1)

        def overlap(D, inside, derivatives):
            """Z Z' g(r) / r, and 0.5 Z^2.4 of an atom with itself."""
            Z = charges[inside]
            own = np.arange(Z.shape[1])
            r = np.sqrt((D**2).sum(axis=3))
            r[:, own, own] = 1
            g, change = _fade(r, self.interaction_cutoff, self.interaction_width)
            coulomb = Z[:, :, None] * Z[:, None, :] / r
            values = coulomb * g
            slope = ((coulomb * change - values / r) / r)[..., None] * D
            values[:, own, own] = Z ** dtype.type(2.4) / 2
            return values[..., None, None], slope[..., None, None] if derivatives else None

        return EnvironmentMatrixPlan(
            lambda r: _fade(r, self.cutoff, self.cutoff_width),
            overlap,
            1,
            features,
            dtype,
            lambda: features.names("AtomicCoulombMatrix"),
        )


def _check_width(name: str, cutoff: float, width: float) -> None:
    check_number(f"{name}_width", width)
    if not 0 <= width <= cutoff:
        raise ParameterError(f"{name}_width must be between 0 and {cutoff:g} Å, not {width!r}")


def _fade(r: np.ndarray, cutoff: float | None, width: float):
    """One up to ``cutoff - width``, half a cosine, then zero; and the derivative."""
    if cutoff is None:
        return np.ones_like(r), np.zeros_like(r)
    if width == 0:
        return (r <= cutoff).astype(r.dtype), np.zeros_like(r)
    quarter = np.clip((r - (cutoff - width)) / width, 0, 1) * (np.pi / 2)
    return np.cos(quarter) ** 2, -np.sin(2 * quarter) * (np.pi / 2 / width)
