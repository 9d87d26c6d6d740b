"""What a family of descriptors supplies: the four verbs on the pairs of some centres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """The pairs of some centres: the whole input of a plan.

    ``D[start[k]:stop[k]]`` are the pair vectors of the k-th centre, ``j`` the neighbours (index
    into ``species``), ``species`` the species *index* (into the plan's species) of every atom,
    ``centers`` the atom and ``structure`` the structure of each centre. Sample ``m`` is made of the
    centres ``samples[m]:samples[m + 1]``: one each, except for densities averaged before
    correlation.
    """

    D: np.ndarray
    j: np.ndarray
    species: np.ndarray
    centers: np.ndarray
    structure: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    samples: np.ndarray
    n_threads: int

    @property
    def n_samples(self) -> int:
        return len(self.samples) - 1

    @property
    def n_pairs(self) -> int:
        return int((self.stop - self.start).sum())

    @property
    def owners(self) -> tuple[np.ndarray, np.ndarray]:
        """The sample of each selected pair, and that of each centre."""
        center = np.repeat(np.arange(self.n_samples), np.diff(self.samples))
        return np.repeat(center, self.stop - self.start), center

    def chunks(self, limit: int, samples: int) -> Iterator[tuple[int, int]]:
        """Ranges of at most ``samples`` samples and ``limit`` pairs each (or a single sample)."""
        ends = np.concatenate([[0], np.cumsum(self.stop - self.start)])[self.samples]
        first = 0
        while first < self.n_samples:
            last = int(np.searchsorted(ends, ends[first] + limit, side="right")) - 1
            last = min(max(last, first + 1), first + samples, self.n_samples)
            yield first, last
            first = last

    def part(self, first: int, last: int) -> Pairs:
        """Samples ``first:last`` alone."""
        a, b = self.samples[first], self.samples[last]
        return Pairs(
            self.D,
            self.j,
            self.species,
            self.centers[a:b],
            self.structure[a:b],
            self.start[a:b],
            self.stop[a:b],
            self.samples[first : last + 1] - a,
            self.n_threads,
        )


class Plan(Protocol):
    """The four verbs on pair vectors. "Selected pairs" are those of all centres, one after the
    other, so ``pairs.n_pairs`` of them."""

    n_features: int
    dtype: np.dtype

    def names(self) -> Sequence[str]: ...

    def compute(self, pairs: Pairs, out: np.ndarray) -> None:
        """Write the features to ``out`` (n_samples, n_features)."""

    def vjp(self, pairs: Pairs, cotangent) -> np.ndarray:
        """Cotangent (n_samples, n_features) to float64 (n selected pairs, 3)."""

    def jvp(self, pairs: Pairs, tangent: np.ndarray, out: np.ndarray) -> None:
        """Tangent, float64 (n selected pairs, 3), to ``out`` (n_samples, n_features)."""

    def jacobian(
        self, pairs: Pairs, pair_block: np.ndarray, center_block: np.ndarray, out: np.ndarray
    ) -> None:
        """Add each selected pair's (3, n_features) derivative to ``out[pair_block]`` and subtract
        it from ``out[center_block]``. Blocks of different samples are different."""
