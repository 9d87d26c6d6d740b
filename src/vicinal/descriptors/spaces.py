"""Search spaces: the values of a parameter that tuning chooses from, in order of size.

A class declares its own as ``search_space``; grids are even, or powers of two as in the protocol of
M. F. Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8, 41 (2022).
"""

from __future__ import annotations


def steps(first: float, last: float, step: float = 1.0) -> tuple[float, ...]:
    """An even grid, both ends included."""
    return tuple(round(first + k * step, 10) for k in range(round((last - first) / step) + 1))


def powers_of_two(first: float, last: float, step: float = 1.0) -> tuple[float, ...]:
    """2 to the power of ``first`` to ``last``, both ends included."""
    return tuple(2.0**exponent for exponent in steps(first, last, step))


def integers(first: int, last: int, step: int = 1) -> tuple[int, ...]:
    """Whole numbers, both ends included."""
    return tuple(range(first, last + 1, step))
