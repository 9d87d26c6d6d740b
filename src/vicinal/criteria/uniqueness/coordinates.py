"""The positions of an environment that may change, as one vector, and its row as their function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from vicinal.criteria import geometry, samples
from vicinal.criteria.results import NotApplicable
from vicinal.criteria.subject import Subject
from vicinal.environments import Environments

#: Atoms/Å³ in built-in environments: that of metals and silicon. Neighbours are then near each
#: other too, as triplet functions with a cutoff between neighbours expect.
DENSITY = 0.06

#: Rows of mirror images that differ by more than this share of their size are told apart.
MIRROR = 1e-6


class Coordinates:
    """What may move in an environment: the neighbours, or all atoms if rows are structures.

    Parameters
    ----------
    subject : Subject, fitted
    frame : Atoms, whose atom 0 is the centre

    Attributes
    ----------
    start : (3 m,) array, positions of the m atoms that may move
    """

    def __init__(self, subject: Subject, frame: Atoms):
        self.subject = subject
        self.frame = frame
        self._movable = slice(1 if subject.per_atom else 0, None)
        self.start = frame.positions[self._movable].ravel()
        self.numbers = frame.numbers[self._movable]
        self.center = None if not subject.per_atom else frame.positions[0]

    def at(self, x: np.ndarray) -> Atoms:
        """The structure with these coordinates."""
        frame = self.frame.copy()
        frame.positions[self._movable] = x.reshape(-1, 3)
        return frame

    def row(self, x: np.ndarray) -> np.ndarray:
        return self.subject.at([self.at(x)])[0].astype(float)

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """(features, 3 m)"""
        jacobian = self.subject.jacobian(self.at(x))[:, self._movable]
        return jacobian.reshape(len(jacobian), -1).astype(float)

    def gradient(self, x: np.ndarray, cotangent: np.ndarray) -> np.ndarray:
        """Of ``cotangent . row`` by the coordinates, (3 m,)."""
        return self.subject.vjp(self.at(x), cotangent)[self._movable].ravel()

    def vectors(self, x: np.ndarray) -> np.ndarray:
        """(m, 3) from the centre; from the mean position if rows are structures."""
        positions = x.reshape(-1, 3)
        # A structure may be shifted: matched atoms fit best when their means coincide.
        return positions - (positions.mean(axis=0) if self.center is None else self.center)

    def trivial(self, x: np.ndarray) -> np.ndarray:
        """Orthonormal displacements that nothing may notice, (3 m, k).

        Rotations about the centre; for structures translations, and the rotations that their
        periodicity allows (all, about the axis of a wire, or none).
        """
        vectors = self.vectors(x)
        modes = [np.cross(axis, vectors).ravel() for axis in self._axes()]
        if self.center is None:
            modes += [np.tile(axis, len(vectors)) for axis in np.eye(3)]
        if not modes:
            return np.zeros((len(x), 0))
        u, s, _ = np.linalg.svd(np.transpose(modes), full_matrices=False)
        return u[:, s > 1e-8 * s[0]]

    def _axes(self) -> np.ndarray:
        if self.center is not None or not self.frame.pbc.any():
            return np.eye(3)
        along = self.frame.cell[self.frame.pbc]
        return along if len(along) == 1 else np.zeros((0, 3))

    def displacement(self, x: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
        """A random displacement without trivial part; root mean square over atoms ``size`` (Å)."""
        move = rng.normal(size=len(x))
        trivial = self.trivial(x)
        move -= trivial @ (trivial.T @ move)
        return move * (size * np.sqrt(len(x) / 3) / np.linalg.norm(move))

    def distance(self, x, y, *, proper: bool) -> float:
        """Geometric distance (Å) of two sets of coordinates (:mod:`vicinal.criteria.geometry`)."""
        numbers = self.numbers
        return geometry.align(self.vectors(x), self.vectors(y), numbers, numbers, proper=proper)[0]

    def sees_mirror(self) -> bool:
        """Does the mirror image of the environment have another row?"""
        flip = self.start.reshape(-1, 3) * [1, 1, -1]
        if self.center is not None:
            flip[:, 2] += 2 * self.center[2]
        row = self.row(self.start)
        return bool(np.linalg.norm(self.row(flip.ravel()) - row) > MIRROR * np.linalg.norm(row))


def not_in_cells(subject: Subject, frames: Sequence[Atoms] | None) -> None:
    """Raise for rows that are crystals, whose geometric distance is not that of clusters."""
    periodic = subject.needs_cell or any(frame.pbc.any() for frame in frames or ())
    if not subject.per_atom and periodic:
        raise NotApplicable("rows are whole crystals, which are not compared atom by atom")


def carve(subject: Subject, frame: Atoms, atom: int) -> Atoms:
    """The atoms within the cutoff as a cluster around one of a structure.

    Periodic images become atoms of their own. If rows are structures, the structure itself.
    """
    if not subject.per_atom:
        return frame
    pairs = Environments([frame], subject.reach)
    own = pairs.i == atom
    numbers = pairs.numbers[pairs.j[own]]
    return samples.environment(subject, pairs.D[own], numbers, frame.numbers[atom])


def environments(
    subject: Subject, frames: Sequence[Atoms], n: int, rng: np.random.Generator
) -> list[Atoms]:
    """Up to ``n`` environments of these structures that have neighbours, drawn at random."""
    sites = [(f, a) for f in frames for a in (range(len(f)) if subject.per_atom else [0])]
    found = []
    for site in rng.permutation(len(sites)):
        cluster = carve(subject, *sites[site])
        if len(cluster) > 1:
            found.append(cluster)
        if len(found) == n:
            break
    if not found:
        raise NotApplicable("no atom of these structures has a neighbour")
    return found
