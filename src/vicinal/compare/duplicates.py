"""Structures that are the same but for rotation, reflection, translation and order of atoms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from ase import Atoms
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from vicinal.environments import Environments

_CUTOFF = 4.5  # Å
_REACH = 9.0  # Å, of what is compared distance by distance
_N_RADIAL = 6
_N_SECOND = 3
_CHUNK_ATOMS = 4_000
_NOISE = 50  # by how much fingerprints may multiply noise in the positions


def find_duplicates(frames: Sequence[Atoms], *, tolerance: float = 1e-4) -> list[list[int]]:
    r"""Groups of structures that hold the same atoms in the same surroundings.

    Structures with the same numbers of atoms of each element are compared by sums over their
    interatomic distances up to 4.5 Å (periodic images included, so that the choice of the cell does
    not matter), smooth at the cutoff,

    .. math::
        g_{ik}[v] = \sum_j v_j\, f_c(d_{ij})\, T_k(2 d_{ij}/r_c - 1), \qquad
        F_k = \Big(\sum_i v_i\, g_{ik}[v],\ \sum_i v_i\, g_{ik}[v]^2\Big),

    with Chebyshev polynomials :math:`T_k`: first with a weight of its own for each element, then
    with weights :math:`v_i` that depend on the :math:`g_{ik}` of the first pass, so that different
    arrangements of elements on one lattice differ; without periodicity the radius of gyration
    joins them. What is near in these numbers is a duplicate if the sorted distances up to 9 Å agree
    as well, for each pair of elements.

    Mirror images, and cells with the same atoms in different settings, count as equal; a cell and
    its supercell do not. Distances do not say everything: in a periodic structure what lies more
    than 9 Å apart is not looked at, and rarely two ways to put elements on one lattice agree.

    Parameters
    ----------
    frames : sequence of ase.Atoms
    tolerance : float, Å
        By how much distances may differ.

    Returns
    -------
    list of lists of int
        Each group sorted, the groups by their first member; structures without a twin are left out.
    """
    alike = defaultdict(list)
    for k, atoms in enumerate(frames):
        alike[tuple(sorted(atoms.numbers.tolist())), tuple(atoms.pbc.tolist())].append(k)
    alike = [members for members in alike.values() if len(members) > 1]
    some = sorted(k for members in alike for k in members)
    if not some:
        return []
    prints = dict(zip(some, fingerprints([frames[k] for k in some]), strict=True))
    groups = []
    for members in alike:
        points = np.array([prints[k] for k in members])
        near = cKDTree(points).query_pairs(_NOISE * tolerance, p=np.inf)
        distances = cache(lambda k, members=members: _distances(frames[members[k]]))
        pairs = [pair for pair in near if _agree(*map(distances, pair), tolerance)]
        pairs = np.array(pairs, int).reshape(-1, 2)
        graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(members), len(members)))
        labels = connected_components(graph, directed=False)[1]
        for label in np.flatnonzero(np.bincount(labels) > 1):
            groups.append([members[k] for k in np.flatnonzero(labels == label)])
    return sorted(groups)


def _distances(atoms: Atoms) -> dict[tuple[int, int], np.ndarray]:
    """Sorted distances up to 9 Å for each pair of elements."""
    env = Environments([atoms], cutoff=_REACH)
    first, second, d = env.numbers[env.i], env.numbers[env.j], env.d
    order = np.lexsort((d, second, first))
    first, second, d = first[order], second[order], d[order]
    edges = np.flatnonzero(np.diff(first) | np.diff(second)) + 1
    starts = [0, *edges] if len(d) else []
    return {
        (int(first[k]), int(second[k])): part
        for k, part in zip(starts, np.split(d, edges), strict=bool(starts))
    }


def _agree(one: dict, other: dict, tolerance: float) -> bool:
    for pair in one.keys() | other.keys():
        a, b = (d.get(pair, np.zeros(0)) for d in (one, other))
        n = min(len(a), len(b))
        rest = np.concatenate([a[n:], b[n:]])  # noise moves distances across the cutoff
        if (np.abs(a[:n] - b[:n]) > tolerance).any() or (rest < _REACH - tolerance).any():
            return False
    return True


def fingerprints(frames: Sequence[Atoms]) -> np.ndarray:
    """(n, 19) array; noise in the positions changes a number by about ten times as much."""
    return np.concatenate([_fingerprints(chunk) for chunk in _chunks(frames)])


def _chunks(frames: Sequence[Atoms]) -> Iterator[list[Atoms]]:
    chunk, size = [], 0
    for atoms in frames:
        chunk.append(atoms)
        size += len(atoms)
        if size >= _CHUNK_ATOMS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _fingerprints(frames: list[Atoms]) -> np.ndarray:
    env = Environments(frames, cutoff=_CUTOFF)
    elements = 1 + (env.numbers * 0.6180339887498949) % 1  # no sum of some equals another's
    centers, distances = env.i, env.d
    x = 2 * distances / _CUTOFF - 1
    smooth = (1 - (distances / _CUTOFF) ** 2) ** 2

    def total(values):
        return np.bincount(env.structure, values, minlength=env.n_structures)

    # Noise of the distances adds up like a random walk: divided by what it adds up to, smoothly.
    neighbors = np.bincount(centers, smooth, minlength=env.n_atoms)
    linear, square = np.sqrt(1 + total(neighbors)), np.sqrt(1 + total(neighbors**3))
    columns = []

    def spectrum(weights, n_radial):
        before = smooth * weights[env.j]
        now = before * x
        response = np.zeros(env.n_atoms)
        for k in range(n_radial):
            g = np.bincount(centers, before, minlength=env.n_atoms) * _CUTOFF / (4 * (k + 1))
            columns.extend((total(weights * g) / linear, total(weights * g**2) / square))
            response += g / (k + 1)
            before, now = now, 2 * x * now - before
        return response

    response = spectrum(elements, _N_RADIAL)
    spectrum(elements * (1 + np.sin(response / _CUTOFF**2) / 2), _N_SECOND)
    own = zip(frames, np.split(elements, env.atom_offsets[1:-1]), strict=True)
    columns.append([_radius(atoms, weights) for atoms, weights in own])
    return np.array(columns).T


def _radius(atoms: Atoms, weights: np.ndarray) -> float:
    """Fragments beyond the cutoff of each other are told apart by this alone."""
    if atoms.pbc.any():
        return 0.0
    vectors = atoms.positions - np.average(atoms.positions, axis=0, weights=weights)
    return float(np.sqrt(np.average(np.sum(vectors**2, axis=1), weights=weights)))
