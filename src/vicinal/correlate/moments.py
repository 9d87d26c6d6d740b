r"""Sums over pairs of neighbours of a polynomial in the cosine of their angle, without the pairs.

The addition theorem writes a Legendre polynomial of the angle between two neighbours as a scalar
product of their spherical harmonics. With P's Legendre coefficients t_l therefore

.. math:: \sum_{jk} w_{aj} w_{bk} u(r_j) u(r_k) P(\cos\theta_{jk})
    = \sum_l \frac{4\pi}{2l+1} t_l \sum_m c^a_{lm} c^b_{lm}, \qquad
    c^a_{lm} = \sum_j w_{aj} u(r_j) Y_{lm}(\hat r_j)

at a cost linear in the number of neighbours. Nothing is approximated: P has a highest degree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse
from numpy.polynomial import legendre

from vicinal.basis.spline import tabulate
from vicinal.correlate.sums import diagonal_spectrum, radial_sums


def legendre_series(polynomial: Callable[[np.ndarray], np.ndarray], degree: int) -> np.ndarray:
    """Coefficients t_l, l = 0 .. degree, of a polynomial of at most this degree on [-1, 1].

    Gauss-Legendre quadrature is exact for them, and loses no digits however the polynomial is
    written: powers of (1 + x)/2, Chebyshev polynomials as cos(n arccos x), ...
    """
    x, w = legendre.leggauss(degree + 1)
    moments = legendre.legvander(x, degree).T @ (w * polynomial(x))
    return (np.arange(degree + 1) + 0.5) * moments


def angular_sums(
    radial: Callable[[np.ndarray], np.ndarray],
    end: float,
    features: Sequence[tuple[int, np.ndarray]],
    *,
    n_species: int,
    dtype,
    pairs,
    mixing=None,
    distinct: bool = True,
    breakpoints: Sequence[float] = (),
    accuracy: float = 1e-10,
):
    r"""Terms and matrix of the features :math:`\sum_{jk} w_{aj} w_{bk} u_n(r_j) u_n(r_k)
    P_q(\cos\theta_{jk})`, ordered [pair (a, b)][q].

    Parameters
    ----------
    radial : callable
        The functions u_n: distances (k,) in Å to values (k, n).
    end : float, Å
        Where all u_n end.
    features : list of (n, series)
        For each q the number of its radial function and the Legendre coefficients of P_q.
    n_species : int
    dtype : "float64" or "float32"
    pairs : (n_pairs, 2) int array of channels
    mixing : (n_channels, n_species) array, optional
        Weight w of each species in each channel; by default channels are species.
    distinct : bool
        Only pairs of two different neighbours, and each once: j < k where a = b, j != k otherwise.
        If False, all j and k, equal ones too.
    breakpoints, accuracy : see :func:`~vicinal.basis.spline.tabulate`

    Returns
    -------
    (list of terms, csr_array), for :class:`~vicinal.correlate.sums.SumsPlan`
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    weights = np.eye(n_species) if mixing is None else np.asarray(mixing, dtype=float)
    number = np.array([n for n, _ in features])
    degree = np.array([len(series) - 1 for _, series in features])
    needed = {n: degree[number == n].max() for n in np.unique(number)}

    def table(columns, power=1):
        def chosen(r):
            return radial(r)[:, None, columns] ** power

        return tabulate(chosen, end, breakpoints, accuracy)

    once = np.where((pairs[:, 0] == pairs[:, 1]) & distinct, 0.5, 1.0)
    terms, blocks = [], []
    for l_max in sorted(set(needed.values())):  # no function is expanded further than it has to be
        columns = [n for n in needed if needed[n] == l_max]
        terms.append(
            diagonal_spectrum(
                table(columns), int(l_max), n_species, dtype, pairs=pairs, mixing=mixing
            )
        )
        series = np.zeros((len(features), l_max + 1, len(columns)))
        for q, (n, t) in enumerate(features):
            if n in columns:
                l = np.arange(len(t))
                series[q, l, columns.index(n)] = 4 * np.pi / (2 * l + 1) * np.asarray(t)
        blocks.append(scipy.sparse.kron(np.diag(once), series.reshape(len(features), -1)))
    if distinct:
        columns = list(needed)
        terms.append(radial_sums(table(columns, power=2), n_species, dtype))
        at_one = np.zeros((len(features), len(columns)))
        for q, (n, t) in enumerate(features):
            at_one[q, columns.index(n)] = np.sum(t)
        both = once[:, None] * weights[pairs[:, 0]] * weights[pairs[:, 1]]
        blocks.append(-scipy.sparse.kron(both, at_one))
    matrix = scipy.sparse.csr_array(scipy.sparse.hstack(blocks))
    matrix.eliminate_zeros()
    return terms, matrix
