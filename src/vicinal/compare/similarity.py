"""What is learned from what in a comparison: targets, and the kernel between their owners.

Those are structures, or atoms where these have the targets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vicinal.compare.data import Task
from vicinal.descriptors.base import Descriptor
from vicinal.features import Features
from vicinal.models.base import numbered
from vicinal.models.baseline import Baseline
from vicinal.similarity import GaussianSums, make_kernel, structure_kernel
from vicinal.similarity.structures import structure_diagonal

#: Pairs of rows from which the typical distance is taken.
SAMPLE_PAIRS = 20_000


@dataclass(frozen=True)
class Rows:
    """Described structures.

    Attributes
    ----------
    features : Features, one row an atom or a structure
    pooling : see :func:`pooling`
    seconds : float, that describing took
    """

    features: Features
    pooling: str | None
    seconds: float

    @property
    def of_atoms(self) -> bool:
        return "atom" in self.features.samples.dtype.names


def describe(descriptor: Descriptor, task: Task, chosen: np.ndarray) -> Rows:
    """Rows of some structures of a task; one thread, since jobs run beside each other."""
    descriptor.set_params(n_threads=1)
    frames = [task.frames[s] for s in chosen]
    start = time.perf_counter()
    with numbered(task.index[chosen]):
        features = descriptor.compute(frames)
    return Rows(features, pooling(task), time.perf_counter() - start)


def pooling(task: Task) -> str | None:
    """How structures are compared: by sums over pairs of atoms where the target grows with them
    (the protocol's kernel), by averages where it does not; atom by atom where atoms have it."""
    if task.kind == "structure":
        return "sum" if task.extensive else "average"
    return None


def residuals(task: Task, train: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Targets of structures without the baseline learned from training structures."""
    return task.values[task.rows(chosen)] - baseline(task, train, chosen)


def baseline(task: Task, train: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """What composition alone predicts: for atoms, the mean of their element."""
    model = Baseline(extensive=task.extensive or task.kind != "structure")
    model.fit(_owners(task, train), task.values[task.rows(train)])
    return model.predict(_owners(task, chosen))


def judged(task: Task, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The test structures all of whose elements occur in training: of others no model can know
    anything, and a few of them would hide all differences between descriptors."""
    lacking = (task.counts[train] == 0).all(axis=0)
    return test[(task.counts[test][:, lacking] == 0).all(axis=1)]


def _owners(task: Task, chosen: np.ndarray) -> list[np.ndarray]:
    """Atomic numbers of whoever has a target."""
    numbers = [task.frames[s].numbers for s in chosen]
    return numbers if task.kind == "structure" else list(np.concatenate(numbers)[:, None])


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
    return float(total) / len(a) if total > 0 else 1.0


def similarity(a: Rows, b: Rows | None, kernel: str, length_scale: float) -> np.ndarray:
    """Kernel matrix between the targets of two sets of rows (of one with itself); one thread."""
    k = make_kernel(kernel, length_scale=length_scale)
    if a.of_atoms and a.pooling is not None:
        other = None if b is None else b.features
        return structure_kernel(a.features, other, kernel=k, how=a.pooling, n_threads=1)
    b = a if b is None else b
    K = k(_dense(a), _dense(b))
    if a.of_atoms:
        K *= a.features.samples["number"][:, None] == b.features.samples["number"]
    return K


def similarities(a: Rows, kernel: str) -> Callable[[float], np.ndarray]:
    """:func:`similarity` of rows with themselves for one length scale after the other: the products
    of rows, which take most of the time, are made once."""
    if not (a.of_atoms and a.pooling is not None and kernel == "gaussian"):
        return lambda length_scale: similarity(a, None, kernel, length_scale)
    sums = GaussianSums(a.features, n_threads=1)
    if a.pooling == "sum":
        return sums
    _, sizes = np.unique(a.features.samples["structure"], return_counts=True)
    return lambda length_scale: sums(length_scale) / (sizes[:, None] * sizes)


def self_similarity(a: Rows, kernel: str, length_scale: float) -> np.ndarray:
    """The diagonal of the kernel matrix."""
    k = make_kernel(kernel, length_scale=length_scale)
    if a.of_atoms and a.pooling is not None:
        return structure_diagonal(a.features, kernel=k, how=a.pooling, n_threads=1)
    return k.diagonal(_dense(a))


def _dense(rows: Rows) -> np.ndarray:
    return np.asarray(rows.features.dense(), dtype=float)
