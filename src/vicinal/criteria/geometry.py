"""How far two environments are from each other, whatever their orientation and numbering."""

from __future__ import annotations

import itertools

import numpy as np
from ase import Atoms
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

#: Added to the squared distance of atoms that are not alike, so that they are never matched.
UNLIKE = 1e6


def neighbors(frame: Atoms, atom: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(vectors to all other atoms (n, 3), their atomic numbers) of a structure without cell."""
    others = np.arange(len(frame)) != atom
    return frame.positions[others] - frame.positions[atom], frame.numbers[others]


def rotation_to(a: np.ndarray, b: np.ndarray, proper: bool = True) -> np.ndarray:
    """The rotation R that makes ``sum |a - b R|²`` smallest (Kabsch's algorithm).

    With ``proper=False`` the best orthogonal matrix, reflections included.
    """
    u, _, v = np.linalg.svd(b.T @ a)
    if proper and np.linalg.det(u @ v) < 0:
        u[:, -1] *= -1
    return u @ v


def align(a, b, numbers_a, numbers_b, *, proper: bool = True, starts=None):
    """Best rotation and matching of like atoms about a fixed centre.

    Parameters
    ----------
    a, b : (n, 3) arrays, vectors from the centre
    numbers_a, numbers_b : (n,) atomic numbers
    proper : bool
        Rotations alone; else mirror images count as equal too.
    starts : iterable of rotations, optional
        To begin with these alone: fast, where the rotation is nearly known.

    Returns
    -------
    (distance, match, rotation)
        ``a`` is matched by ``b[match] @ rotation``; the distance is the root mean square over the
        atoms, infinite where the species do not fit.

    Every pair of neighbours of *b* is laid onto one pair of *a*; from there assignment (Hungarian)
    and rotation (Kabsch) take turns. The minimum is exact for environments that are nearly equal,
    and the best of some hundred starts otherwise.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if sorted(numbers_a) != sorted(numbers_b):
        return np.inf, None, None
    penalty = UNLIKE * (np.asarray(numbers_a)[:, None] != np.asarray(numbers_b)[None])
    best = np.inf, None, None
    for start in _starts(a, b, penalty, proper) if starts is None else starts:
        distance, match, rotation = _descend(a, b, penalty, start, proper)
        if distance < best[0] - 1e-14:
            best = distance, match, rotation
        if best[0] < 1e-10:
            break
    return best


def distance(a: Atoms, b: Atoms, atom: int = 0, *, proper: bool = True) -> float:
    """Root mean square displacement (Å) between environments of two structures without cell."""
    if a.numbers[atom] != b.numbers[atom]:
        return np.inf
    (va, na), (vb, nb) = neighbors(a, atom), neighbors(b, atom)
    return align(va, vb, na, nb, proper=proper)[0]


def _starts(a, b, penalty, proper):
    """Rotations to begin with."""
    n = len(a)
    if n == 1:
        yield rotation_to(a, b, proper)
        return
    # Two atoms of a that are far from being in line with the centre fix its frame.
    pairs = list(itertools.combinations(range(n), 2))
    area = [np.linalg.norm(np.cross(a[i], a[j])) for i, j in pairs]
    i, j = pairs[int(np.argmax(area))]
    frame = _frame(a[i], a[j])
    mirrors = (1,) if proper else (1, -1)
    candidates = [(k, l) for k in range(n) for l in range(n) if k != l]
    candidates = [(k, l) for k, l in candidates if penalty[i, k] == 0 and penalty[j, l] == 0]
    # The likeliest first: those with nearly the same three sides.
    sides = _sides(a[i], a[j])
    candidates.sort(key=lambda kl: np.abs(_sides(b[kl[0]], b[kl[1]]) - sides).sum())
    for k, l in candidates[:400]:
        for mirror in mirrors:
            other = _frame(b[k], b[l])
            other[2] *= mirror
            yield other.T @ frame


def _sides(p, q) -> np.ndarray:
    return np.array([np.linalg.norm(p), np.linalg.norm(q), np.linalg.norm(p - q)])


def _frame(p, q) -> np.ndarray:
    """Orthonormal rows: along p, in the plane of p and q, across."""
    x = p / max(np.linalg.norm(p), 1e-12)
    z = np.cross(p, q)
    if np.linalg.norm(z) < 1e-9 * (1 + np.linalg.norm(p) * np.linalg.norm(q)):
        z = np.cross(x, np.eye(3)[np.argmin(np.abs(x))])
    z /= np.linalg.norm(z)
    return np.array([x, np.cross(z, x), z])


def _descend(a, b, penalty, rotation, proper):
    last = np.inf
    for _ in range(50):
        cost = cdist(a, b @ rotation, "sqeuclidean") + penalty
        match = linear_sum_assignment(cost)[1]
        rotation = rotation_to(a, b[match], proper)
        now = np.sqrt(np.mean(np.sum((a - b[match] @ rotation) ** 2, axis=1)))
        if now > last - 1e-12:
            break
        last = now
    return now, match, rotation
