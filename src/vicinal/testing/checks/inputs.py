"""What checks hand to descriptors: structures, centres, cotangents; and variants of descriptors."""

from __future__ import annotations

import copy
import weakref

import numpy as np
from ase import Atoms

from vicinal.descriptors.base import Descriptor
from vicinal.errors import VicinalError

#: The variants of each descriptor that have been made already.
_VARIANTS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def variant(descriptor: Descriptor, **parameters) -> Descriptor | None:
    """A copy with other parameters; None where the descriptor does not take them."""
    own = descriptor.get_params(deep=False)
    if not set(parameters) <= set(own):
        return None
    if all(own[k] is v or own[k] == v for k, v in parameters.items()):
        return descriptor
    cache = _VARIANTS.setdefault(descriptor, {})
    key = repr(sorted(parameters.items()))
    if key not in cache:
        other = copy.deepcopy(descriptor).set_params(**parameters)
        if other.species_known is None and descriptor.species_known is not None:
            other.species_ = list(descriptor.species_known)
        try:
            other._validate()
        except VicinalError:
            other = None
        cache[key] = other
    return cache[key]


def cutoffs(descriptor: Descriptor) -> list[float]:
    """The distances at which a neighbour may appear: the outermost, and parameters within it.

    Where a sample is a whole structure there is no outermost one.
    """
    outer = float(descriptor.neighbor_cutoff)
    own = descriptor.get_params(deep=False).items()
    found = {v for k, v in own if k.split("_")[-1] == "cutoff" and isinstance(v, int | float)}
    inner = {v for v in found if 0 < v < outer}
    return sorted(inner if descriptor.whole_structure else inner | {outer})


def follows_pbc(descriptor: Descriptor) -> bool:
    """Does it see periodicity? One with ``periodic=False`` does not."""
    periodic = getattr(descriptor, "periodic", None)
    return periodic is None or bool(periodic)


def reference_structure(descriptor: Descriptor, rng) -> Atoms:
    """A cluster that holds every species, all of it well within the cutoff."""
    cutoff = min(cutoffs(descriptor), default=4.0)
    species = descriptor.species_known
    numbers = rng.permutation(np.resize(species, max(5, len(species))))
    apart = min(0.9, 0.2 * cutoff)
    places = [np.zeros(3)]
    while len(places) < len(numbers):
        place = rng.uniform(-1, 1, 3) * max(0.4 * cutoff, apart * len(numbers) ** (1 / 3))
        if np.linalg.norm(np.array(places) - place, axis=1).min() > apart:
            places.append(place)
    return boxed(descriptor, Atoms(numbers, places))


def lone_atom(descriptor: Descriptor, number: int) -> Atoms:
    return boxed(descriptor, Atoms([number], [[1.0, 2.0, 3.0]]))


def boxed(descriptor: Descriptor, atoms: Atoms) -> Atoms:
    """The atoms, in a periodic cell where the descriptor cannot do without."""
    if descriptor.needs_cell:
        atoms.cell, atoms.pbc = [[6.0, 0.0, 0.0], [0.7, 5.5, 0.0], [-0.4, 0.9, 6.5]], True
    return atoms


def moved(atoms: Atoms, positions, cell=None) -> Atoms:
    cell = atoms.cell if cell is None else cell
    return Atoms(atoms.numbers, positions, cell=cell, pbc=atoms.pbc)


def offsets(frames) -> np.ndarray:
    """Index of the first atom of each structure, and the number of atoms."""
    return np.cumsum([0, *map(len, frames)])


def some_centers(descriptor: Descriptor, frames, rng) -> np.ndarray | None:
    """Some atoms of the batch, at least one, in order; None where there is no choice."""
    if descriptor.whole_structure:
        return None
    n = sum(map(len, frames))
    return np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False))
