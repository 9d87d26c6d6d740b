"""Built-in structures on which descriptors are checked: made of the species that they know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from vicinal.criteria.subject import Subject
from vicinal.testing.frames import build

#: Side (Å) of the cell of an environment, for descriptors that need periodicity.
BOX = 30.0


def structures(subject: Subject, n: int, seed: int = 0, size: int = 8) -> list[Atoms]:
    """Random structures of several kinds that the descriptor accepts: molecules, clusters, and
    for descriptors that know periodicity also slabs and crystals."""
    kinds = ["bulk", "skewed"] if subject.needs_cell else ["molecule", "cluster"]
    if not subject.needs_cell and knows_periodicity(subject):
        kinds += ["bulk", "slab", "skewed"]
    return [build(kinds[i % len(kinds)], subject.species, size, seed + i) for i in range(n)]


def some(
    frames: Sequence[Atoms], n: int, rng: np.random.Generator, max_atoms: int = 100
) -> list[Atoms]:
    """``n`` of the user's structures at random, none of them large; or the two smallest."""
    small = [frame for frame in frames if len(frame) <= max_atoms]
    small = small or sorted(frames, key=len)[:2]
    return [small[i] for i in rng.permutation(len(small))[:n]]


def knows_periodicity(subject: Subject) -> bool:
    """Does a structure with a cell count as periodic?"""
    return subject.entry is None or "without periodicity" not in subject.entry.locality


def environment(subject: Subject, vectors, numbers=None, center: int | None = None) -> Atoms:
    """A structure whose atom 0 has these neighbours.

    Parameters
    ----------
    vectors : (n, 3) array, Å
    numbers : atomic numbers of the neighbours; the subject's first species by default
    center : atomic number of the centre; the subject's last species by default
    """
    vectors = np.asarray(vectors, dtype=float)
    numbers = [subject.species[0]] * len(vectors) if numbers is None else numbers
    center = subject.species[-1] if center is None else center
    frame = Atoms([center, *numbers], np.concatenate([np.zeros((1, 3)), vectors]))
    if subject.needs_cell:
        frame.set_cell(BOX * np.eye(3))
        frame.pbc = True
    return frame


def random_environment(
    subject: Subject,
    n: int,
    rng: np.random.Generator,
    *,
    nearest: float = 0.9,
    mixed: bool = False,
    density: float | None = None,
) -> Atoms:
    """``n`` random neighbours at ``nearest`` Å or more from each other and from the centre, all
    well within the cutoff; of all species if ``mixed``; in a ball of this density (atoms/Å³)."""
    farthest = 0.75 * min(subject.reach, 6.0)
    if density is not None:
        farthest = min(farthest, np.cbrt(3 * n / (4 * np.pi * density)))
    farthest = max(farthest, nearest * 1.4)
    places = [np.zeros(3)]
    for _ in range(10_000):
        if len(places) == n + 1:
            break
        place = rng.uniform(-farthest, farthest, 3)
        if nearest <= np.linalg.norm(place) <= farthest:
            if np.linalg.norm(np.array(places) - place, axis=1).min() >= nearest:
                places.append(place)
    numbers = rng.choice(subject.species, len(places) - 1) if mixed else None
    return environment(subject, places[1:], numbers)
