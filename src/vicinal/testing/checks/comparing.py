"""How checks compare: to a tolerance, or to the last bit.

Tolerances derive from the precision and from the size of the largest feature: a value may be off
by :func:`tolerance` times that. Features much smaller than the largest one are not judged by
their own size; the random cotangents of the derivative checks do weigh all features alike.
"""

from __future__ import annotations

import weakref

import numpy as np
import scipy.sparse

from vicinal.descriptors.base import Descriptor
from vicinal.testing.checks.inputs import reference_structure

#: The size of each feature in the reference structure, for each descriptor.
_SIZES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def tolerance(descriptor: Descriptor) -> float:
    """Relative to the largest feature: two thirds of the digits of the descriptor's dtype."""
    return 4 * float(np.finfo(descriptor.dtype).eps) ** (2 / 3)


def values(descriptor: Descriptor, frames, centers=None) -> np.ndarray:
    """The values, as an ordinary array."""
    return dense(descriptor.compute(frames, centers).values)


def dense(values) -> np.ndarray:
    return values.toarray() if scipy.sparse.issparse(values) else np.asarray(values)


def largest(array) -> float:
    return float(np.max(np.abs(array))) if np.size(array) else 0.0


def same(descriptor, got, want, what: str, *, extra: float = 0.0) -> None:
    """Assert that values are the same, to rounding.

    They are measured by the largest feature, here or in the reference structure: what is left of
    a lone neighbour near the cutoff need not be right to many digits of its own.
    """
    size = max(largest(_sizes(descriptor)), largest(want))
    close(got, want, (tolerance(descriptor) + extra) * size, what, descriptor)


def random_cotangent(descriptor, rng, values: np.ndarray) -> np.ndarray:
    """Normal random numbers over the size of each feature, so that all of them matter alike.

    Gradients are then about one or more, in a structure where not all sums of a feature cancel, as
    those over pairs of neighbours do at an atom that has only one.
    """
    size = np.maximum(np.abs(values).max(axis=0, initial=0), _sizes(descriptor))
    size = np.maximum(size, 1e-2 * (size.max() or 1))
    return rng.normal(size=values.shape) / size


def _sizes(descriptor) -> np.ndarray:
    if descriptor not in _SIZES:
        frame = reference_structure(descriptor, np.random.default_rng(0))
        _SIZES[descriptor] = np.abs(values(descriptor, frame)).max(axis=0)
    return _SIZES[descriptor]


def same_gradient(descriptor, got, want, what: str) -> None:
    """Assert that what two ``vjp`` give is the same, to rounding."""
    for kind in ("positions", "strain"):
        wanted = getattr(want, kind)
        bound = 10 * tolerance(descriptor) * largest(wanted)
        close(getattr(got, kind), wanted, bound, f"vjp {kind} {what}")


def close(got, want, bound: float, what: str, descriptor=None) -> None:
    """Assert ``|got - want| <= bound`` everywhere; NaN is never close."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape or want.ndim == 0, f"{what}: shape {got.shape}, not {want.shape}"
    off = np.abs(got - want)
    bad = ~(off <= bound)
    if bad.any():
        at = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        want = np.broadcast_to(want, got.shape)
        raise AssertionError(
            f"{what}: {got[at]:.10g}, not {want[at]:.10g} +- {bound:.1g}"
            f"{_name_at(descriptor, at)}; {bad.sum()} of {bad.size} differ"
        )


def identical(got, want, what: str) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, not {want.shape}"
    bad = np.atleast_1d(got != want)
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} differ"


def finite(array, what: str, descriptor=None) -> None:
    bad = np.argwhere(~np.isfinite(array))
    assert len(bad) == 0, f"{what} not finite: {len(bad)} of them{_name_at(descriptor, bad[0])}"


def place_of(s: int, frames) -> str:
    return f"structure {s} of {len(frames)}, {frames[s].get_chemical_formula()}"


def _name_at(descriptor, at) -> str:
    at = tuple(map(int, at))
    if descriptor is None:
        return f" at {at}" if at else ""
    try:
        return f" at row {at[0]}, feature {at[1]} ({descriptor.names()[at[1]]})"
    except Exception:  # the names may be what is broken
        return f" at row {at[0]}, feature {at[1]}"
