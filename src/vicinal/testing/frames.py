"""Structures of several kinds, from a seed: the input of the conformance battery.

No two atoms, periodic images included, are nearer than :data:`MIN_DISTANCE`: features and their
finite differences are then well conditioned.
"""

from __future__ import annotations

import itertools

import numpy as np
from ase import Atoms

__all__ = ["BULK", "FINITE", "KINDS", "MIN_DISTANCE", "PERIODIC", "build"]

MIN_DISTANCE = 0.8

#: Structures without periodicity.
FINITE = ("molecule", "cluster", "isolated")
#: Structures with it: ``tiny`` cells are smaller than any usual cutoff, in ``outside`` some atoms
#: are several cells away from the cell, and slabs and wires may have cell vectors of no length.
PERIODIC = ("slab", "wire", "bulk", "skewed", "tiny", "outside")
KINDS = FINITE + PERIODIC
#: Structures with it in all three directions.
BULK = ("bulk", "skewed", "tiny", "outside")

_SHIFTS = np.array(list(itertools.product(range(-3, 4), repeat=3)))


def build(kind: str, species, n: int, seed: int) -> Atoms:
    """The structure of a kind, with ``n`` atoms (fewer if isolated or tiny), from a seed."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    n = {"isolated": 1, "tiny": min(n, 2)}.get(kind, n)
    numbers = rng.choice(np.asarray(species), n)
    if kind == "isolated":
        return Atoms(numbers, rng.uniform(-9, 9, (1, 3)))
    if kind == "molecule":
        return Atoms(numbers, _place(rng, n, lambda at: _bonded(rng, at)))
    if kind == "cluster":
        radius = 1.6 * n ** (1 / 3)
        return Atoms(numbers, _place(rng, n, lambda at: rng.uniform(-radius, radius, 3)))
    periodic = np.ones(3, dtype=bool)
    if kind == "slab":
        periodic[rng.integers(3)] = False
    elif kind == "wire":
        periodic[:] = np.arange(3) == rng.integers(3)
    cell = _cell(rng, n * rng.uniform(8, 14), skew=1.5 if kind == "skewed" else 0.3)
    lattice = cell * periodic[:, None]
    images = np.unique(_SHIFTS * periodic, axis=0) @ cell
    positions = _place(rng, n, lambda at: rng.uniform(-0.2, 1.2, 3) @ cell, images)
    if kind == "outside":
        positions += rng.integers(-4, 5, (n, 3)) @ cell
    if rng.random() < 0.5:  # what a cell says along directions without periodicity is of no matter
        cell = lattice
    return Atoms(numbers, positions, cell=cell, pbc=periodic)


def _bonded(rng, others) -> np.ndarray:
    """A place at a bond length from one of the others."""
    if not others:
        return np.zeros(3)
    direction = rng.normal(size=3)
    length = rng.uniform(0.95, 1.7) / np.linalg.norm(direction)
    return others[rng.integers(len(others))] + length * direction


def _cell(rng, volume: float, skew: float) -> np.ndarray:
    """A cell of this volume; ``skew`` is the slant of its axes."""
    sides = rng.uniform(0.75, 1.3, 3)
    cell = np.diag(sides) + np.tril(rng.uniform(-skew, skew, (3, 3)), -1)
    cell *= (volume / sides.prod()) ** (1 / 3)
    return cell @ np.linalg.qr(rng.normal(size=(3, 3)))[0]


def _place(rng, n: int, propose, images=None) -> np.ndarray:
    """``n`` places, one after the other, none too near to those before or to their images."""
    images = np.zeros((1, 3)) if images is None else images
    places: list[np.ndarray] = []
    for _ in range(1000 * n):
        place = propose(places)
        if places:
            apart = np.array(places)[:, None] + images - place
            if np.linalg.norm(apart, axis=-1).min() < MIN_DISTANCE:
                continue
        places.append(place)
        if len(places) == n:
            return np.array(places)
    raise AssertionError("no place left for an atom: a bug in vicinal.testing.frames")
