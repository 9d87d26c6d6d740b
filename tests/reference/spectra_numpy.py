"""Gaussians of distances, angles and dihedrals on grids, by loops over explicit tuples of atoms.

Slow and obvious, from the definitions of Huo & Rupp (Mach. Learn.: Sci. Technol. 3, 045017 (2022)).
"""

import itertools
import math

import numpy as np


def neighbors(atoms, i, reach):
    """[(index, species, vector)] of every atom, images included, within ``reach`` of atom i."""
    found = []
    n = [4 if p else 0 for p in atoms.pbc]
    for shift in itertools.product(*(range(-m, m + 1) for m in n)):
        for j in range(len(atoms)):
            vector = atoms.positions[j] - atoms.positions[i] + np.array(shift) @ atoms.cell.array
            if (j != i or any(shift)) and np.linalg.norm(vector) < reach:
                found.append((len(found), int(atoms.numbers[j]), vector))
    return found


def gaussian(x, center, sigma, step, sampled=False):
    """One grid point's share of a Gaussian of unit area."""
    if sampled:
        return math.exp(-((x - center) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    cdf = [0.5 * math.erf((x + s * step / 2 - center) / (math.sqrt(2) * sigma)) for s in (1, -1)]
    return (cdf[0] - cdf[1]) / step


def angle(u, v):
    """Degrees."""
    return math.degrees(math.atan2(np.linalg.norm(np.cross(u, v)), u @ v))


def dihedral(a, b, c, d):
    """Degrees without sign, of the chain a-b-c-d: 180 is trans."""
    n1, n2 = np.cross(b - a, c - b), np.cross(c - b, d - c)
    return angle(n1, n2)


def fade(x):
    """The shifted-to-zero cosine cutoff function."""
    return 0.5 * (1 + math.cos(math.pi * x)) if x < 1 else 0.0


def smooth_cutoff(r, cutoff, y=2.0):
    q = r / cutoff
    return 1 + y * q ** (y + 1) - (y + 1) * q**y if q < 1 else 0.0


def pairs(atoms, i, weight, reach):
    """(species of the neighbour, distance, weight)"""
    for _, z, v in neighbors(atoms, i, reach):
        r = np.linalg.norm(v)
        yield z, r, weight(r)


def triples(atoms, i, weight, reach):
    """(place of the centre: "vertex" or "end", species (first, second), angle, weight).

    ``weight(p, q, o)``: of the sides at the vertex, and the opposite one. At "end", the first
    species is that of the vertex.
    """
    around = neighbors(atoms, i, reach)
    for (_, z1, u), (_, z2, v) in itertools.permutations(around, 2):
        a, b, c = np.linalg.norm(u), np.linalg.norm(v), np.linalg.norm(u - v)
        yield "vertex", (z1, z2), angle(u, v), 0.5 * weight(a, b, c)  # met twice
        yield "end", (z1, z2), angle(-u, v - u), weight(a, c, b)


def chains(atoms, i, weight, reach):
    """(species before the centre and the two behind it, dihedral, weight): both senses of a chain
    are met when all centres are."""
    zero = np.zeros(3)
    around = neighbors(atoms, i, reach)
    for (_, z1, u), (_, z2, v), (_, z3, w) in itertools.permutations(around, 3):
        one = weight(np.linalg.norm(u)) * weight(np.linalg.norm(v)) * weight(np.linalg.norm(w - v))
        if one:
            sines = math.sin(math.radians(angle(u, v))) * math.sin(math.radians(angle(-v, w - v)))
            yield (z1, z2, z3), dihedral(u, zero, v, w), 0.5 * one * sines**2
