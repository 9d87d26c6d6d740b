"""Coupling of real spherical harmonics."""

from __future__ import annotations

import numpy as np

from vicinal.errors import MissingExtraError


def real_coupling(l1: int, l2: int, l3: int) -> np.ndarray:
    r"""Coefficients T (2 l1 + 1, 2 l2 + 1, 2 l3 + 1) of the invariant of three densities,

    .. math:: \sum_{m_1 m_2 m_3} C^{l_3 m_3}_{l_1 m_1 l_2 m_2} c_{l_1 m_1} c_{l_2 m_2}
        c^*_{l_3 m_3} = (1 \text{ or } i) \sum_{m_1 m_2 m_3} T_{m_1 m_2 m_3}
        a_{l_1 m_1} a_{l_2 m_2} a_{l_3 m_3}

    where C are Clebsch-Gordan coefficients, c the coefficients of a real density in complex
    harmonics (with the Condon-Shortley phase) and a those in ours. The factor is i where
    l1 + l2 + l3 is odd; the invariant then changes its sign under a reflection.

    Raises
    ------
    MissingExtraError
        The package wigners is not installed.
    """
    try:
        from wigners import clebsch_gordan_array
    except ImportError:
        raise MissingExtraError(
            'Clebsch-Gordan coefficients come from wigners: pip install "vicinal[bispectrum]"'
        ) from None
    coupled = np.einsum(
        "abc,ai,bj,ck->ijk",
        clebsch_gordan_array(l1, l2, l3),
        complex_harmonics(l1).conj(),
        complex_harmonics(l2).conj(),
        complex_harmonics(l3),
        optimize=True,  # one matrix after the other
    )
    return coupled.imag if (l1 + l2 + l3) % 2 else coupled.real


def complex_harmonics(l: int) -> np.ndarray:
    """The matrix from our real harmonics to the complex ones: ``Y_m = sum_k U[m + l, k + l] R_k``.

    The complex ones are orthonormal and have the Condon-Shortley phase.
    """
    U = np.zeros((2 * l + 1, 2 * l + 1), dtype=complex)
    U[l, l] = 1
    for m in range(1, l + 1):
        U[l + m, l + m], U[l + m, l - m] = (-1) ** m * np.sqrt(0.5) * np.array([1, 1j])
        U[l - m, l + m], U[l - m, l - m] = np.sqrt(0.5) * np.array([1, -1j])
    return U
