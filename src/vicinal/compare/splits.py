"""Training and test sets: the same for every descriptor, nested, true to size and composition."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vicinal.compare.data import Task
from vicinal.compare.targets import TargetError
from vicinal.errors import ParameterError

SIZES = (100, 250, 650, 1600, 4000, 10000)
_SMALLEST = 10  # structures to train on


class SplitError(TargetError):
    """There are too few structures for what was asked."""


@dataclass(frozen=True, eq=False)
class Split:
    """One outer repeat.

    Attributes
    ----------
    train : dict of int -> (size,) int array
        Structures to train on, for each training size; a smaller set is a part of every larger one.
    test : int array
        Structures to test on, the same for all sizes.
    label : str, what was left out, or the number of the repeat
    """

    train: dict[int, np.ndarray]
    test: np.ndarray
    label: str = ""

    @property
    def sizes(self) -> list[int]:
        return sorted(self.train)

    def leaks(self, duplicates: Sequence[Sequence[int]]) -> list[list[int]]:
        """The groups of equal structures with members in the test and the largest training set."""
        test, train = set(self.test.tolist()), set(self.train[self.sizes[-1]].tolist())
        return [list(g) for g in duplicates if test.intersection(g) and train.intersection(g)]


def default_test_size(n: int) -> int:
    """A fifth of all structures, at most 1,000."""
    return min(1000, n // 5)


def default_sizes(n: int) -> list[int]:
    """Training sizes, given that ``n`` structures can be trained on.

    100, 250, 650, 1600, 4000, 10000 as far as they go (steps of about 2.5), and n itself where that
    is half as much again; fewer than 250 structures give n, n / 2.5 and n / 6.25, not below 10.
    """
    if n < _SMALLEST:
        raise SplitError(f"{n} structures are too few to train on: at least {_SMALLEST}")
    if n < SIZES[1]:
        sizes = sorted({round(n / 2.5**k) for k in range(3)})
        return [size for size in sizes if size >= _SMALLEST]
    sizes = [size for size in SIZES if size <= n]
    if sizes[-1] < SIZES[-1] and n >= 1.5 * sizes[-1]:
        sizes.append(n)
    return sizes


def stratified_order(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Structures sorted by number of atoms, then by composition; equal ones at random.

    Parameters
    ----------
    counts : (n_structures, n_species) array, atoms of each element
    """
    counts = np.asarray(counts)
    tie = rng.permutation(len(counts))
    # The last key counts most. Fractions first, so that neighbours in the order are alike.
    return np.lexsort((tie, *counts.T[::-1], counts.sum(axis=1)))


def draw(order: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` of the structures in ``order``, one at random from each of n blocks of equal length.

    A subset drawn so has the distribution of the whole: the share of structures before any place
    in the order (smaller than some size, say) differs by at most 1 / n. Keeps the order.
    """
    edges = np.arange(n + 1) * len(order) // n
    return order[rng.integers(edges[:-1], edges[1:])]


def outer_splits(
    task: Task,
    *,
    sizes: Sequence[int] | None = None,
    test_size: int | None = None,
    repeats: int = 10,
    seed: int = 0,
) -> list[Split]:
    """Splits for a comparison; they depend on the structures and the seed only.

    For each repeat the structures are sorted by number of atoms and composition
    (:func:`stratified_order`), the test set is drawn from all, the largest training set from the
    rest, each smaller one from the next larger one, always one structure from each of as many
    blocks of equal length (:func:`draw`). So all sets have the distribution of sizes and
    compositions of the whole, the training sets are nested, and what is common to all of them is
    compared on the same structures.

    Parameters
    ----------
    task : Task
    sizes : sequence of int, optional
        Training sizes; :func:`default_sizes` by default.
    test_size : int, optional
        :func:`default_test_size` by default.
    repeats : int
    seed : int
        Repeat k is the same however many there are.

    Raises
    ------
    SplitError
        There are fewer structures than the smallest training size and the test set need.
    ParameterError
        A size is not positive.

    Warns
    -----
    UserWarning
        For structures in a test set with an equal one in the training set, which are listed; for
        training sizes that are left out since there are not as many structures.

    Source: the protocol of M. F. Langer, A. Goeßmann, M. Rupp, npj Comput. Mater. 8, 41 (2022),
    whose splits preserve the distributions; the drawing from blocks is systematic sampling.
    """
    n = task.n_structures
    if n < 5 and test_size is None:
        raise SplitError(f"{task.source}: {n} structures are too few to compare descriptors on")
    test_size = default_test_size(n) if test_size is None else int(test_size)
    smallest = 1 if sizes is None else min(sizes, default=0)
    if min(repeats, test_size, smallest) < 1:
        raise ParameterError("training sizes, test_size and repeats must be at least 1")
    if n <= test_size:
        raise SplitError(f"{task.source}: {n} structures, of which {test_size} are to be tested on")
    wanted = default_sizes(n - test_size) if sizes is None else sorted({int(s) for s in sizes})
    possible = [size for size in wanted if size <= n - test_size]
    if not possible:
        raise SplitError(
            f"{task.source}: {n} structures are fewer than the smallest training size "
            f"{wanted[0]} and {test_size} to test on"
        )
    if len(possible) < len(wanted):
        warnings.warn(
            f"{task.source}: training sizes {wanted[len(possible) :]} are left out: "
            f"{n - test_size} structures to train on",
            stacklevel=2,
        )
    splits = [
        _split(task.counts, possible, test_size, np.random.default_rng((seed, k)), str(k))
        for k in range(repeats)
    ]
    _warn_of_leaks(task, splits)
    return splits


def _split(counts, sizes, test_size: int, rng: np.random.Generator, label: str) -> Split:
    order = stratified_order(counts, rng)
    test = draw(order, test_size, rng)
    return Split(_nested(order[~np.isin(order, test)], sizes, rng), np.sort(test), label)


def _nested(order: np.ndarray, sizes: Sequence[int], rng) -> dict[int, np.ndarray]:
    train = {}
    for size in sorted(sizes, reverse=True):
        order = draw(order, size, rng)
        train[size] = np.sort(order)
    return dict(sorted(train.items()))


def _warn_of_leaks(task: Task, splits: Sequence[Split], n_listed: int = 10) -> None:
    leaks = sorted({tuple(group) for split in splits for group in split.leaks(task.duplicates)})
    if leaks:
        listed = "; ".join(
            ", ".join(str(task.index[s]) for s in group) for group in leaks[:n_listed]
        )
        warnings.warn(
            f"{task.source}: {len(leaks)} groups of equal structures are on both sides of a split, "
            f"which flatters the errors: {listed}{'; ...' if len(leaks) > n_listed else ''}",
            stacklevel=3,
        )


def inner_splits(
    task: Task, train: np.ndarray, *, n_splits: int = 5, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds of a training set, for tuning: pairs of structures to fit and to validate on.

    In the order of :func:`stratified_order`, each ``n_splits`` structures that follow each other
    go to different folds, at random. Equal structures (:attr:`Task.duplicates`) stay in one fold.

    Raises
    ------
    SplitError
        If there are fewer structures than folds.
    """
    train = np.asarray(train, int)
    if n_splits < 2:
        raise ParameterError(f"n_splits must be at least 2, not {n_splits}")
    if len(train) < n_splits:
        raise SplitError(f"{len(train)} structures cannot be split into {n_splits} folds")
    rng = np.random.default_rng((seed, n_splits))
    order = stratified_order(task.counts[train], rng)
    folds = np.empty(len(train), int)
    for first in range(0, len(order), n_splits):
        block = order[first : first + n_splits]
        folds[block] = rng.permutation(n_splits)[: len(block)]
    place = {structure: k for k, structure in enumerate(train.tolist())}
    for group in task.duplicates:
        twins = [place[s] for s in group if s in place]
        if twins:
            folds[twins] = folds[twins[0]]
    return [(train[folds != k], train[folds == k]) for k in range(n_splits) if (folds == k).any()]


def leave_one_group_out(
    task: Task,
    groups: Sequence,
    *,
    sizes: Sequence[int] | None = None,
    smallest: int = 1,
    seed: int = 0,
) -> Iterator[Split]:
    """Extrapolation: test on each group (a lattice, say), train on all others.

    Parameters
    ----------
    task : Task
    groups : (n_structures,) sequence of labels, such as ``task.groups("spacegroup")``
    sizes : sequence of int, optional
        Training sizes drawn as in :func:`outer_splits`; all other structures by default.
    smallest : int
        Groups with fewer structures are not tested on.

    Raises
    ------
    SplitError
        For a single group, or when a group leaves fewer structures than the smallest size.
    """
    groups = np.asarray(groups)
    if len(groups) != task.n_structures:
        raise ParameterError(f"{len(groups)} groups for {task.n_structures} structures")
    labels, members = np.unique(groups, return_inverse=True)
    if len(labels) < 2:
        raise SplitError(f"{task.source}: all structures are in one group, {labels[0]}")
    for k, label in enumerate(labels):
        test, rest = np.flatnonzero(members == k), np.flatnonzero(members != k)
        if len(test) < smallest:
            continue
        wanted = [len(rest)] if sizes is None else [s for s in sizes if s <= len(rest)]
        if not wanted:
            raise SplitError(
                f"{task.source}: {len(rest)} structures without group {label} are fewer than the "
                f"smallest training size {min(sizes)}"
            )
        rng = np.random.default_rng((seed, k))
        order = rest[stratified_order(task.counts[rest], rng)]
        yield Split(_nested(order, wanted, rng), test, str(label))
