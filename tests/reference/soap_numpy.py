"""SOAP, slow and obvious: loops over centres and neighbours, harmonics from SciPy.

The oracle of the native engine, itself compared with other programs in
``test_soap_oracles_numpy.py``.
"""

import numpy as np
from ase.neighborlist import neighbor_list
from scipy.special import factorial, lpmv

from vicinal.basis.radial import RadialFunctions
from vicinal.descriptors.conventions import channel_pairs, layout


def real_harmonics(l_max, vectors):
    """Real orthonormal Y_lm at index ``l*l + l + m``; shape (len(vectors), (l_max + 1)^2)."""
    x, y, z = np.asarray(vectors, dtype=float).T
    cosine, phi = z / np.sqrt(x**2 + y**2 + z**2), np.arctan2(y, x)
    columns = []
    for l in range(l_max + 1):
        for m in range(-l, l + 1):
            k = abs(m)
            norm = np.sqrt((2 * l + 1) / (4 * np.pi) * factorial(l - k) / factorial(l + k))
            legendre = (-1) ** k * norm * lpmv(k, l, cosine)
            if m:
                legendre = legendre * np.sqrt(2) * (np.sin(k * phi) if m < 0 else np.cos(k * phi))
            columns.append(legendre)
    return np.stack(columns, axis=1)


def coefficients(atoms, radial, species, mixing, central_weight=1.0, centers=None):
    """``c_nlm`` of every channel: shape (centres, channels, n_max, (l_max + 1)^2)."""
    centers = range(len(atoms)) if centers is None else centers
    column = {z: k for k, z in enumerate(species)}
    degree = np.repeat(np.arange(radial.l_max + 1), 2 * np.arange(radial.l_max + 1) + 1)
    c = np.zeros((len(centers), len(species), radial.n_max, len(degree)))
    first, second, distance, vector = neighbor_list("ijdD", atoms, radial.end)
    for row, center in enumerate(centers):
        c[row, column[atoms.numbers[center]], :, 0] += (
            central_weight * radial.central() / np.sqrt(4 * np.pi)
        )
        pairs = np.flatnonzero(first == center)
        if len(pairs) == 0:
            continue
        values = radial.evaluate(distance[pairs])
        harmonics = real_harmonics(radial.l_max, vector[pairs])
        for pair, value, harmonic in zip(pairs, values, harmonics, strict=True):
            c[row, column[atoms.numbers[second[pair]]]] += value[degree].T * harmonic
    return np.einsum("cs,isnk->icnk", mixing, c)


def power_spectrum(c, pairs, l_max, prefactor):
    """Raw rows ``[pair][l][n][n']``, with ``n' >= n`` where the two channels are one."""
    n_max = c.shape[2]
    rows = []
    for one in c:
        row = []
        for a, b in pairs:
            for l in range(l_max + 1):
                m = slice(l * l, (l + 1) ** 2)
                p = prefactor[l] * one[a][:, m] @ one[b][:, m].T
                row.append(p[np.triu_indices(n_max)] if a == b else p.ravel())
        rows.append(np.concatenate(row))
    return np.array(rows)


def soap(
    atoms,
    *,
    species,
    compression=None,
    mixing=None,
    central_weight=1.0,
    convention="vicinal",
    normalization=None,
    pooling=None,
    periodic=None,
    centers=None,
    **radial,
):
    """The values of ``vicinal.SOAP`` with the same parameters, for one structure."""
    if periodic is False:
        atoms = atoms.copy()
        atoms.pbc = False
    species = sorted(species)
    matrix, pairs = channel_pairs(len(species), compression=compression, mixing=mixing)
    functions = RadialFunctions(**radial)
    c = coefficients(atoms, functions, species, matrix, central_weight, centers)
    if pooling == "inner":
        c = c.mean(axis=0, keepdims=True)
    plan = layout(
        convention,
        pairs=pairs,
        n_max=functions.n_max,
        l_max=functions.l_max,
        density=functions.density,
        sigma=functions.sigma,
    )
    values = power_spectrum(c, pairs, functions.l_max, plan.prefactor)[:, plan.index] * plan.scale
    if normalization == "l2":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    if pooling in ("mean", "inner"):
        return values.mean(axis=0)
    return values.sum(axis=0) if pooling == "sum" else values
