"""The SO(4) bispectrum, slowly: matrix exponentials, and loops over Clebsch-Gordan coefficients."""

from functools import cache

import numpy as np
from scipy.linalg import expm

from vicinal import Environments


@cache
def spin(n: int):
    """Matrices of J_x, J_y, J_z for j = n/2, states m = -j .. j."""
    m = np.arange(n + 1) - n / 2
    raising = np.diag(np.sqrt((n / 2 - m[:-1]) * (n / 2 + m[:-1] + 1)), -1)
    return (raising + raising.T) / 2, (raising - raising.T) / 2j, np.diag(m).astype(complex)


@cache
def clebsch_gordan(n1: int, n2: int, n: int) -> np.ndarray:
    """<j1 m1 j2 m2 | j m> as [m1, m2, m], by lowering the states of highest weight."""
    size = (n1 + 1) * (n2 + 1)
    up1, up2 = (np.real(x + 1j * y) for x, y, _ in (spin(n1), spin(n2)))
    lower = (np.kron(up1, np.eye(n2 + 1)) + np.kron(np.eye(n1 + 1), up2)).T
    m = np.add.outer(np.arange(n1 + 1) - n1 / 2, np.arange(n2 + 1) - n2 / 2).ravel()
    states = {}
    for total in range(n1 + n2, abs(n1 - n2) - 1, -2):
        # Highest weight: m = j, orthogonal to the larger j; its component of largest m1 positive.
        subspace = np.eye(size)[:, np.isclose(m, total / 2)]
        for other in range(total + 2, n1 + n2 + 1, 2):
            state = states[other, total / 2]
            subspace = subspace - np.outer(state, state @ subspace)
        top = np.linalg.svd(subspace)[0][:, 0]
        top *= np.sign(top[np.flatnonzero(np.abs(top) > 1e-9)[-1]])
        for step in range(total + 1):
            states[total, total / 2 - step] = top / np.linalg.norm(top)
            top = lower @ states[total, total / 2 - step]
    columns = [states[n, k - n / 2] for k in range(n + 1)]
    return np.stack(columns, axis=-1).reshape(n1 + 1, n2 + 1, n + 1)


def rotation(n: int, theta: float, direction) -> np.ndarray:
    """The matrix of the rotation by 2 theta about a direction."""
    return expm(-2j * theta * sum(x * J for x, J in zip(direction, spin(n), strict=True)))


def component(U1, U2, U) -> float:
    """B_j1j2j from three matrices."""
    C = clebsch_gordan(len(U1) - 1, len(U2) - 1, len(U) - 1)
    coupled = np.einsum("abm,cdn,ac,bd->mn", C, C, U1, U2, optimize=True)
    value = np.sum(np.conj(U) * coupled)
    assert abs(value.imag) < 1e-9 * max(1, abs(value.real))
    return value.real


def densities(atoms, n_max, n_channels, *, channel, cutoff, weight, fade, theta, own):
    """U[atom][channel][n]. Functions: ``channel(z)``, ``cutoff(z_i, z_j)``,
    ``weight(z_i, z_j, r)``, ``fade(r, rc)``, ``theta(r, rc)``, ``own(z_i, channel)``, the weight of
    the centre."""
    z = atoms.numbers
    longest = max(cutoff(a, b) for a in z for b in z)
    environments = Environments(atoms, longest)
    out = [
        [[own(zi, q) * np.eye(n + 1, dtype=complex) for n in range(n_max + 1)]
         for q in range(n_channels)]
        for zi in z
    ]  # fmt: skip
    for i, j, D, r in zip(*(getattr(environments, a) for a in "ijDd"), strict=True):
        rc = cutoff(z[i], z[j])
        if r < rc:
            for n in range(n_max + 1):
                U = rotation(n, theta(r, rc), D / r)
                out[i][channel(z[j])][n] += weight(z[i], z[j], r) * fade(r, rc) * U
    return out
