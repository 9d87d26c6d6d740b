"""Rows that know distances from the centre alone, and other bad ones: for tests of uniqueness."""

import numpy as np

from vicinal.criteria import samples
from vicinal.criteria.uniqueness.coordinates import DENSITY

#: Parameters of ACSF without functions of angles.
RADIAL = {"g2": [(eta, shift) for eta in (0.5, 2.0) for shift in (0.0, 1.0, 2.0, 3.0, 4.0)]}


def blind(frames):
    """Gaussians of the distances from each atom, summed over the others."""
    rows = []
    for frame in frames:
        r = frame.get_all_distances()
        others = ~np.eye(len(frame), dtype=bool)
        terms = np.exp(-2 * (r[:, :, None] - np.linspace(0, 6, 20)) ** 2) * others[:, :, None]
        rows.append(terms.sum(axis=1))
    return np.concatenate(rows)


def triangles(frames):
    """All distances between numbered atoms, one whole structure a row."""
    return np.array([f.get_all_distances()[np.triu_indices(len(f), 1)] for f in frames])


def constant(frames):
    return np.ones((sum(map(len, frames)), 2))


def not_a_number(frames):
    return np.full((sum(map(len, frames)), 3), np.nan)


def of_wrong_shape(frames):
    return np.zeros(7)


def fails(frames):
    raise RuntimeError("no such luck")


def environment(one, n, seed=0, **options):
    rng = np.random.default_rng(seed)
    return samples.random_environment(one, n, rng, density=DENSITY, **options)
