"""Descriptors of whole structures: functions of positions, cell and atomic numbers.

A family supplies a :class:`StructurePlan`, the four verbs on structures of equal size. The base
class finds such groups, so that thousands of small molecules cost no Python each, and does
everything that :class:`vicinal.Descriptor` does for local environments.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vicinal.descriptors.base import Descriptor, _output, _tangents
from vicinal.environments import Environments
from vicinal.errors import ParameterError, StructureError
from vicinal.features import Features, Gradient, Jacobian

#: Pairs of atoms worked on together: their matrices and derivatives stay below some 10 MB.
CHUNK_PAIRS = 50_000

#: No pairs are needed. The search, within this distance (Å), is for atoms at one place; it goes
#: through cells of about this size, of which a shorter one makes many where there is vacuum.
SEARCH = 3.0


@dataclass(frozen=True)
class Group:
    """``m`` structures of ``n`` atoms each."""

    structures: np.ndarray  # (m,), index in the batch
    atoms: np.ndarray  # (m, n), index into all atoms of the batch
    positions: np.ndarray  # (m, n, 3)
    cells: np.ndarray  # (m, 3, 3)
    numbers: np.ndarray  # (m, n)


class StructurePlan(Protocol):
    """The four verbs on the structures of a group."""

    n_features: int
    dtype: np.dtype

    def names(self) -> Sequence[str]: ...

    def compute(self, group: Group) -> np.ndarray:
        """The features, (m, n_features)."""

    def vjp(self, group: Group, cotangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cotangent (m, n_features) to that of positions (m, n, 3) and of strain (m, 3, 3)."""

    def jvp(self, group: Group, positions: np.ndarray, strain: np.ndarray) -> np.ndarray:
        """Tangents (m, n, 3) and (m, 3, 3) to that of the features (m, n_features)."""

    def jacobian(self, group: Group) -> np.ndarray:
        """Derivatives with respect to positions, (m, n, 3, n_features)."""


class StructureDescriptor(Descriptor):
    """Base class of descriptors that have one row for each structure.

    A subclass supplies ``_make_plan(species)``, which gives a :class:`StructurePlan`; sizes that
    ``fit`` learns are named in ``_learned``, and :meth:`_check_sizes` refuses larger structures.
    """

    pooling = "structure"
    _poolings = ("structure",)
    whole_structure = True
    neighbor_cutoff = math.inf

    def _check_sizes(self, env: Environments) -> None:
        """Raise StructureError for a structure that is larger than the parameters allow."""

    # -- the four verbs -------------------------------------------------------------------------

    def compute(self, frames, centers=None, *, out: np.ndarray | None = None) -> Features:
        """Describe the structures.

        Parameters
        ----------
        frames : structures, or :class:`Environments` of a cutoff from 1 Å on
        centers : None
            Whole structures are described, not chosen atoms of them.
        out : (n_structures, n_features) array, optional
            Written to, instead of a new array.

        Returns
        -------
        Features
            One row a structure.

        Raises
        ------
        SpeciesError
            An atom of a species that this descriptor does not know.
        StructureError
            See :class:`Environments`; also a structure with more atoms than there is room for.
        """
        env, plan, atoms, _ = self._prepare(frames, centers)
        samples = self._samples(env, atoms)
        out = _output(out, (len(samples), plan.n_features), plan.dtype)
        for group in _groups(env):
            out[group.structures] = plan.compute(group)
        return Features(out, samples, plan.names)

    def vjp(self, frames, cotangent, centers=None) -> Gradient:
        env, plan, atoms, _ = self._prepare(frames, centers)
        cotangent = self._cotangent(cotangent, env, atoms, plan)(0, env.n_structures)
        gradient = Gradient(np.zeros((env.n_atoms, 3)), np.zeros((env.n_structures, 3, 3)))
        for group in _groups(env):
            pulled = plan.vjp(group, cotangent[group.structures])
            gradient.positions[group.atoms], gradient.strain[group.structures] = pulled
        return gradient

    def jvp(self, frames, positions=None, strain=None, centers=None) -> np.ndarray:
        env, plan, _, _ = self._prepare(frames, centers)
        positions, strain = _tangents(env, positions, strain)
        out = np.empty((env.n_structures, plan.n_features), plan.dtype)
        for group in _groups(env):
            tangents = positions[group.atoms], strain[group.structures]
            out[group.structures] = plan.jvp(group, *tangents)
        return out

    def jacobian(self, frames, centers=None) -> Jacobian:
        """All derivatives with respect to positions: a block for each atom and its structure."""
        env, plan, atoms, _ = self._prepare(frames, centers)
        values = np.empty((env.n_atoms, 3, plan.n_features), plan.dtype)
        for group in _groups(env, power=3):
            values[group.atoms] = plan.jacobian(group)
        return Jacobian(env.structure.astype(np.int64), atoms, values)

    # -- inside ---------------------------------------------------------------------------------

    def _environments(self, frames, cutoff: float) -> Environments:
        env = super()._environments(frames, SEARCH)
        if self.needs_cell and not env.pbc.all():
            s = int(np.flatnonzero(~env.pbc.all(axis=1))[0])
            raise StructureError(
                f"structure {s} is not periodic in all three directions, as {type(self).__name__} "
                "needs; where the vacuum of its cell is wanted, set pbc=True"
            )
        return env

    def _prepare(self, frames, centers):
        """(environments, plan, all atoms, no pairs)"""
        if centers is not None:
            raise ParameterError(
                f"{type(self).__name__} describes whole structures: centers cannot be chosen"
            )
        env = self._environments(frames, self._state()[2])
        fitted = self if self.__sklearn_is_fitted__() else copy.copy(self).fit(env)
        self._species_index(env, fitted.species_known)  # refuses unknown ones
        fitted._check_sizes(env)
        return env, fitted._fitted_plan(), np.arange(env.n_atoms), None


def _groups(env: Environments, power: int = 2) -> Iterator[Group]:
    """Structures of equal size; ``power`` is that of the size in the memory for a structure."""
    sizes = np.diff(env.atom_offsets)
    for n in np.unique(sizes).tolist():
        same = np.flatnonzero(sizes == n)
        step = max(1, CHUNK_PAIRS // n**power)
        for first in range(0, len(same), step):
            part = same[first : first + step]
            atoms = env.atom_offsets[part][:, None] + np.arange(n)
            yield Group(part, atoms, env.positions[atoms], env.cells[part], env.numbers[atoms])
