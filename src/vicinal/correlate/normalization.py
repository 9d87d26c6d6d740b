"""Rows that are normalised after the sums over neighbours: a plan around another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vicinal.descriptors.plan import Pairs, Plan


class NormalizedPlan:
    """The rows of another plan over their Euclidean length, or over their number of centres.

    Parameters
    ----------
    plan : Plan
        Its Jacobian must start from an array of zeros, as the base class hands it over.
    parts : sequence of slices, or None
        The features that have unit length together; None divides by the number of centres.
    """

    def __init__(self, plan: Plan, parts: Sequence[slice] | None):
        self._plan, self._parts = plan, parts
        self.n_features, self.dtype, self.names = plan.n_features, plan.dtype, plan.names

    def compute(self, pairs: Pairs, out: np.ndarray) -> None:
        self._plan.compute(pairs, out)
        if self._parts is None:
            out /= _n_centers(pairs, out.dtype)
        else:
            for part in self._parts:
                out[:, part] *= _over_length(out[:, part])

    def vjp(self, pairs: Pairs, cotangent: np.ndarray) -> np.ndarray:
        return self._plan.vjp(pairs, np.ascontiguousarray(self._slope(pairs)(cotangent)))

    def jvp(self, pairs: Pairs, tangent: np.ndarray, out: np.ndarray) -> None:
        self._plan.jvp(pairs, tangent, out)
        out[:] = self._slope(pairs)(out)

    def jacobian(self, pairs: Pairs, pair_block, center_block, out: np.ndarray) -> None:
        self._plan.jacobian(pairs, pair_block, center_block, out)
        sample = np.empty(len(out), dtype=np.int64)
        sample[pair_block], sample[center_block] = pairs.owners
        slope = self._slope(pairs, sample)
        for a in range(3):
            out[:, a] = slope(out[:, a])

    def _slope(self, pairs: Pairs, rows=slice(None)):
        """The derivative of what is done to rows, a symmetric map of (chosen) rows."""
        if self._parts is None:
            count = _n_centers(pairs, self.dtype)[rows]
            return lambda change: change / count
        raw = np.empty((pairs.n_samples, self.n_features), self.dtype)
        self._plan.compute(pairs, raw)
        over = [_over_length(raw[:, part]) for part in self._parts]
        for part, one in zip(self._parts, over, strict=True):
            raw[:, part] *= one

        def slope(change):
            out = np.empty_like(change)
            for part, one in zip(self._parts, over, strict=True):
                unit, here = raw[rows, part], change[:, part]
                along = np.einsum("mf,mf->m", unit, here)[:, None]
                out[:, part] = one[rows] * (here - along * unit)
            return out

        return slope


def _n_centers(pairs: Pairs, dtype) -> np.ndarray:
    return np.diff(pairs.samples).astype(dtype)[:, None]


def _over_length(rows: np.ndarray) -> np.ndarray:
    """One over the length of each row; zero for a row of zeros, which stays one."""
    length = np.sqrt(np.einsum("mf,mf->m", rows, rows))[:, None]
    return np.divide(1, length, out=np.zeros_like(length), where=length > 0)
