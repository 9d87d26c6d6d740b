"""Tables of radial functions for the native engine: quintic Hermite splines of known accuracy.

A table is twice continuously differentiable, and the derivatives that the engine computes are those
of the table itself, so that gradients are exact for the values returned, not only close to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from vicinal.errors import ParameterError

_ROUNDING = 3e-14  # of a Chebyshev series, relative to the largest value of the functions
_DEGREES = (24, 48, 96, 192)
_MAX_CELLS = 1 << 14


@dataclass(frozen=True)
class Table:
    """Hermite data at the nodes of piecewise uniform grids.

    Attributes
    ----------
    edges : (n_segments + 1,) array, Å; within a segment the functions are smooth
    cells : (n_segments,) int64 array, number of equal cells of each segment
    nodes : (sum(cells + 1), 3, n_l, n_max) array: value, h * slope, h**2 * curvature, where h is
        the width of a cell
    """

    edges: np.ndarray
    cells: np.ndarray
    nodes: np.ndarray


def tabulate(
    function: Callable[[np.ndarray], np.ndarray],
    end: float,
    breakpoints: Sequence[float] = (),
    accuracy: float = 1e-10,
) -> Table:
    """Tabulate functions of the distance on [0, end].

    Parameters
    ----------
    function : callable
        Distances (k,) in Å to values (k, n_l, n_max). Called inside segments only, never at
        breakpoints.
    end : float, Å
    breakpoints : distances in (0, end) where a derivative of the functions jumps
    accuracy : float
        Largest error of the table, relative to the largest value of any of the functions.

    Raises
    ------
    ParameterError
        The functions cannot be tabulated to this accuracy.
    """
    edges = [0.0, *sorted(b for b in breakpoints if 0 < b < end), float(end)]
    pieces = []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        pieces += _series(function, a, b)
    scale = max(np.abs(c).sum(axis=0).max() for _, _, c in pieces) or 1.0
    cells, nodes = zip(*(_segment(a, b, c, accuracy * scale) for a, b, c in pieces), strict=True)
    return Table(
        np.array([a for a, _, _ in pieces] + [end]),
        np.array(cells, dtype=np.int64),
        np.ascontiguousarray(np.concatenate(nodes)),
    )


def _series(function, a: float, b: float, depth: int = 0):
    """Chebyshev series (a, b, coefficients) that cover [a, b], halved where one does not do."""
    for degree in _DEGREES:
        x = chebyshev.chebpts1(degree + 1)
        values = function(0.5 * (a + b) + 0.5 * (b - a) * x)
        if not np.isfinite(values).all():
            raise ParameterError("the radial functions are not finite everywhere")
        flat = values.reshape(degree + 1, -1)
        # Discrete orthogonality at Chebyshev points: the series without solving for it.
        coefficients = 2.0 / (degree + 1) * chebyshev.chebvander(x, degree).T @ flat
        coefficients[0] /= 2
        coefficients = coefficients.reshape(degree + 1, *values.shape[1:])
        tail = np.abs(coefficients[-4:]).max()
        if tail <= _ROUNDING * max(np.abs(values).max(), 1e-300):
            return [(a, b, coefficients)]
    if depth == 12:  # a singularity: what is left of it is as narrow as 1/4096 of the segment
        return [(a, b, coefficients)]
    middle = 0.5 * (a + b)
    return _series(function, a, middle, depth + 1) + _series(function, middle, b, depth + 1)


def _segment(a: float, b: float, coefficients: np.ndarray, tolerance: float):
    """(number of cells, Hermite data at the nodes) within the tolerance."""
    half = 0.5 * (b - a)
    slope = chebyshev.chebder(coefficients) / half
    curvature = chebyshev.chebder(coefficients, 2) / half**2
    cells = 4
    while cells <= _MAX_CELLS:
        h, x = (b - a) / cells, np.linspace(-1.0, 1.0, cells + 1)
        at = [_evaluate(series, x) for series in (coefficients, slope, curvature)]
        nodes = np.stack([at[0], h * at[1], h * h * at[2]], axis=1)
        worst = 0.0
        for t in (0.25, 0.5, 0.75):
            exact = _evaluate(coefficients, x[:-1] + t * (x[1] - x[0]))
            worst = max(worst, np.abs(_hermite(nodes, t) - exact).max())
        if worst <= tolerance:
            return cells, nodes
        # The error falls with the sixth power of the cell width.
        factor = (worst / tolerance) ** (1 / 6) * 1.02
        cells = int(np.ceil(cells * min(max(factor, 1.1), 16.0)))
    raise ParameterError(
        "the radial functions are too sharp to be tabulated: raise sigma, or accuracy"
    )


def _evaluate(coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
    flat = coefficients.reshape(len(coefficients), -1)
    values = chebyshev.chebvander(x, len(flat) - 1) @ flat
    return values.reshape(len(x), *coefficients.shape[1:])


def _hermite(nodes: np.ndarray, t: float) -> np.ndarray:
    """The spline at fraction t of every cell; the engine uses the same polynomials."""
    w3 = 10 * t**3 - 15 * t**4 + 6 * t**5
    weights = (
        (1 - w3, t - 6 * t**3 + 8 * t**4 - 3 * t**5, 0.5 * (t**2 - 3 * t**3 + 3 * t**4 - t**5)),
        (w3, -4 * t**3 + 7 * t**4 - 3 * t**5, 0.5 * t**3 - t**4 + 0.5 * t**5),
    )
    return np.einsum("d,kd...->k...", weights[0], nodes[:-1]) + np.einsum(
        "d,kd...->k...", weights[1], nodes[1:]
    )
