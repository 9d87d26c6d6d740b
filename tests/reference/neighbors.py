"""The environments of all atoms, by ASE's neighbour list: what slow oracles start from."""

import numpy as np
from ase.neighborlist import neighbor_list


def environments(frames, cutoff):
    """For each atom (vectors, distances, atomic numbers) of its neighbours."""
    for atoms in frames:
        center, neighbor, distance, vector = neighbor_list("ijdD", atoms, cutoff)
        for i in range(len(atoms)):
            here = center == i
            yield vector[here], distance[here], atoms.numbers[neighbor[here]]


def cosines(vectors, distances):
    """cos(theta_jk) of all neighbours j and k, 1 for j = k."""
    return np.clip(vectors @ vectors.T / np.outer(distances, distances), -1, 1)


def position_jacobian(descriptor, atoms):
    """Derivatives (centres, atoms, features, 3), dense."""
    jacobian = descriptor.jacobian(atoms)
    n = len(atoms)
    dense = np.zeros((n, n, jacobian.values.shape[2], 3))
    dense[jacobian.sample, jacobian.atom] = jacobian.values.transpose(0, 2, 1)
    return dense
