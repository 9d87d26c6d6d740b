"""Matrices with a row for each atom of a structure: what Coulomb, sine and Ewald share."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from vicinal.correlate.matrices import Eigenvalues, Matrices, MatrixPlan, SortedEntries
from vicinal.descriptors.parameters import check_choice, check_integer, check_number
from vicinal.descriptors.structure import Group, StructureDescriptor
from vicinal.environments import Environments
from vicinal.errors import ParameterError, StructureError

PERMUTATIONS = ("sorted_l2", "eigenspectrum", "random", "none")


def check_layout(layout, permutation: str) -> None:
    check_choice("layout", layout, ("full", "triangle"))
    if permutation == "eigenspectrum" and layout != "full":
        raise ParameterError('layout="triangle" makes no sense with eigenvalues')


class StructureMatrix(StructureDescriptor):
    """Base class of the matrix descriptors: padding, permutation and layout.

    A subclass supplies :meth:`_matrices`, and ``_kind``, which begins the names of its features.
    """

    _learned = ("species", "n_atoms_max")
    _kind: str
    #: DScribe's parameters, also those of its ``create``, with its defaults.
    _dscribe: ClassVar[dict] = {
        "n_atoms_max": None,
        "permutation": "sorted_l2",
        "sigma": None,
        "seed": None,
        "sparse": False,
        "dtype": "float64",
    }

    def __init__(
        self,
        *,
        n_atoms_max=None,
        permutation="sorted_l2",
        layout="full",
        sigma=None,
        seed=0,
        species=None,
        dtype="float64",
        n_threads=None,
    ):
        self.n_atoms_max = n_atoms_max
        self.permutation = permutation
        self.layout = layout
        self.sigma = sigma
        self.seed = seed
        self.species = species
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_dscribe(cls, **parameters):
        """The matrix of DScribe's class of this kind: its numbers, in its order.

        Parameters are those of its constructor and of its ``create``. Its noise goes by the order
        of the atoms: for sine and Ewald matrices ours is the same in the first structure after
        construction, if the atoms come in the order of their norms. That of its Coulomb matrix
        has another source.
        """
        unknown = sorted(set(parameters) - set(cls._dscribe))
        if unknown:
            raise ParameterError(f"DScribe's matrix has no parameter {unknown[0]!r}")
        parameters = cls._dscribe | parameters
        if parameters.pop("sparse"):
            raise ParameterError("sparse=True is not there for matrices")
        if parameters["seed"] is None:
            del parameters["seed"]
        return cls(**parameters)

    @abstractmethod
    def _matrices(self, group: Group, dtype: np.dtype, derivatives: bool) -> Matrices:
        """The matrices of structures of equal size, with their derivatives if asked for."""

    def _validate(self) -> None:
        super()._validate()
        if self.n_atoms_max is not None:
            check_integer("n_atoms_max", self.n_atoms_max, 1)
        check_choice("permutation", self.permutation, PERMUTATIONS)
        check_layout(self.layout, self.permutation)
        check_integer("seed", self.seed, 0)
        if self.seed >= 2**32:
            raise ParameterError(f"seed must be below 2**32, not {self.seed!r}")
        if self.permutation == "random":
            check_number("sigma", self.sigma, positive=True)
        elif self.sigma is not None:
            raise ParameterError('sigma is for permutation="random" only')

    def _learn(self, numbers):
        return super()._learn(numbers) | {"n_atoms_max": max(map(len, numbers), default=1)}

    def _check_sizes(self, env: Environments) -> None:
        sizes, most = np.diff(env.atom_offsets), self._known("n_atoms_max")
        for s in np.flatnonzero(sizes > most)[:1]:
            raise StructureError(
                f"structure {s} has {sizes[s]} atoms, more than n_atoms_max={most}"
            )

    def _make_plan(self, species: tuple[int, ...]) -> MatrixPlan:
        size = int(self._known("n_atoms_max"))
        if self.permutation == "eigenspectrum":
            features = Eigenvalues(size)
        else:
            features = SortedEntries(size, self.layout, self.permutation, self.sigma, self.seed)
        return MatrixPlan(self._matrices, features, self.dtype, lambda: features.names(self._kind))
