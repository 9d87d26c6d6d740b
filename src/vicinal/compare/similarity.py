"""The kernel of a comparison: between structures, or between atoms where these have the targets."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from vicinal.compare.data import Task

from vicinal.descriptors.base import Descriptor
from vicinal.features import Features
from vicinal.similarity import make_kernel, structure_kernel
from vicinal.similarity.structures import structure_diagonal

#: Pairs of rows from which the typical distance is taken.
SAMPLE_PAIRS = 20_000


@dataclass(frozen=True)
class Rows:
    """Described structures.

    Attributes
    ----------
    features : Features, one row an atom or a structure
    pooling : how structures are compared: ``sum`` (extensive targets), ``average`` (intensive),
        or None, atom by atom (targets of atoms)
    seconds : float, that describing took
    """

    features: Features
    pooling: str | None
    seconds: float

    @property
    def of_atoms(self) -> bool:
        return "atom" in self.features.samples.dtype.names


def describe(descriptor: Descriptor, task: Task, chosen: np.ndarray) -> Rows:
    """Rows of some structures of a task."""
    frames = [task.frames[s] for s in chosen]
    start = time.perf_counter()
    features = descriptor.compute(frames)
    return Rows(features, task.pooling, time.perf_counter() - start)


def spread(rows: Rows, kernel: str) -> float:
    """The typical distance between two rows (of one element, where rows are atoms): the unit of
    length scales. The mean, since many rows may be equal; 1 if all are."""
    rng = np.random.default_rng(0)
    X = rows.features.dense()
    a, b = rng.integers(len(X), size=(2, SAMPLE_PAIRS))
    if rows.of_atoms:
        number = rows.features.samples["number"]
        alike = number[a] == number[b]
        a, b = a[alike], b[alike]
    total = 0.0
    for first in range(0, len(a), 500):  # a slice at a time: rows may be long
        part = slice(first, first + 500)
        apart = np.abs(np.asarray(X[a[part]], float) - X[b[part]])
        norm = apart.sum(axis=1) if kernel == "laplacian" else np.sqrt((apart**2).sum(axis=1))
        total += norm.sum()
    return total / len(a) if total > 0 else 1.0


def similarity(a: Rows, b: Rows | None, kernel: str, length_scale: float) -> np.ndarray:
    """Kernel matrix between the targets of two sets of rows (of one with itself)."""
    k = make_kernel(kernel, length_scale=length_scale)
    if a.of_atoms and a.pooling is not None:
        other = None if b is None else b.features
        return structure_kernel(a.features, other, kernel=k, how=a.pooling)
    b = a if b is None else b
    K = k(_dense(a), _dense(b))
    if a.of_atoms:
        K *= a.features.samples["number"][:, None] == b.features.samples["number"]
    return K


def self_similarity(a: Rows, kernel: str, length_scale: float) -> np.ndarray:
    """The diagonal of the kernel matrix."""
    k = make_kernel(kernel, length_scale=length_scale)
    if a.of_atoms and a.pooling is not None:
        return structure_diagonal(a.features, kernel=k, how=a.pooling)
    return k.diagonal(_dense(a))


def _dense(rows: Rows) -> np.ndarray:
    return np.asarray(rows.features.dense(), dtype=float)
