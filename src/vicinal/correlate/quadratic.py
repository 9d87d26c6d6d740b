"""All products of two features beside the features: a plan around another one."""

from __future__ import annotations

import numpy as np

from vicinal.descriptors.plan import Pairs, Plan


class QuadraticPlan:
    """The features B_i of a plan, and after them B_i²/2 and B_i B_j (j > i), i first.

    A function linear in these is the general quadratic function of the B.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.dtype = plan.dtype
        self.n_linear = plan.n_features
        self.n_features = self.n_linear + self.n_linear * (self.n_linear + 1) // 2

    def names(self) -> list[str]:
        linear = list(self.plan.names())
        return linear + [
            f"({a})²/2" if i == j else f"({a}) * ({b})"
            for i, a in enumerate(linear)
            for j, b in enumerate(linear[i:], start=i)
        ]

    def compute(self, pairs: Pairs, out: np.ndarray) -> None:
        B = out[:, : self.n_linear]
        self.plan.compute(pairs, B)
        for i, block in self._blocks(out):
            np.multiply(B[:, i, None], B[:, i:], out=block)
            block[:, 0] /= 2

    def vjp(self, pairs: Pairs, cotangent: np.ndarray) -> np.ndarray:
        B = self._linear(pairs)
        pulled = cotangent[:, : self.n_linear].copy()
        for i, block in self._blocks(cotangent):
            pulled[:, i] += (block * B[:, i:]).sum(axis=1)
            pulled[:, i + 1 :] += block[:, 1:] * B[:, i, None]
        return self.plan.vjp(pairs, pulled)

    def jvp(self, pairs: Pairs, tangent: np.ndarray, out: np.ndarray) -> None:
        dB = out[:, : self.n_linear]
        self.plan.jvp(pairs, tangent, dB)
        self._push(self._linear(pairs), dB, out)

    def jacobian(self, pairs: Pairs, pair_block, center_block, out: np.ndarray) -> None:
        linear = np.zeros((*out.shape[:2], self.n_linear), self.dtype)
        self.plan.jacobian(pairs, pair_block, center_block, linear)
        row = np.zeros(len(out), dtype=np.int64)  # the sample of each block
        row[pair_block], row[center_block] = pairs.owners
        whole = np.empty_like(out)
        whole[..., : self.n_linear] = linear
        self._push(self._linear(pairs)[row][:, None], linear, whole)
        out += whole

    def _linear(self, pairs: Pairs) -> np.ndarray:
        B = np.empty((pairs.n_samples, self.n_linear), self.dtype)
        self.plan.compute(pairs, B)
        return B

    def _push(self, B: np.ndarray, dB: np.ndarray, out: np.ndarray) -> None:
        """Derivatives of the products; features along the last axis."""
        for i, block in self._blocks(out):
            block[...] = B[..., i, None] * dB[..., i:] + dB[..., i, None] * B[..., i:]
            block[..., 0] /= 2

    def _blocks(self, rows: np.ndarray):
        """(i, the part of the rows that holds B_i times B_i, B_i+1, ...)"""
        first = self.n_linear
        for i in range(self.n_linear):
            last = first + self.n_linear - i
            yield i, rows[..., first:last]
            first = last
