"""Timing of descriptors: equal environments of any size, and calls in turns.

Neighbours are found before the clock starts where the descriptor takes them (those of Vicinal take
:class:`vicinal.Environments`), and one thread works where ``n_threads`` exists.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from vicinal.criteria import samples
from vicinal.criteria.subject import Subject
from vicinal.descriptors.structure import SEARCH
from vicinal.environments import Environments

#: A call should take this long (s), so that its own overhead and the clock do not matter.
TARGET = 3e-3

#: Rows of small environments that a call may have at hand.
ROWS = 600

#: Distance (Å) of atoms where there is no cutoff that would set the scale.
SPACING = 1.5


@dataclass(frozen=True)
class Effort:
    """What timing may cost.

    Attributes
    ----------
    largest : number of neighbours
    limit : s, a longer call ends the growth of sizes
    budget : s, of repeats of all sizes
    rounds : least number of repeats
    """

    largest: int
    limit: float
    budget: float
    rounds: int


@dataclass(frozen=True)
class Batch:
    """A call to be timed, and how many rows (or atoms, or structures) it describes."""

    call: Callable[[], object]
    n: int


def interleaved(
    calls: Sequence[Callable[[], object]],
    budget: float,
    rounds: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """Time calls in turns, so that what else the machine does meets all of them alike.

    Parameters
    ----------
    calls : functions without arguments
    budget : float, s; a round begins while it lasts
    rounds : int, the least number, unless they take four times the budget
    clock : function that gives the time in s

    Returns
    -------
    (rounds, calls) array, s
    """
    seconds: list[list[float]] = []
    start = clock()
    while not seconds or clock() - start < (budget if len(seconds) >= rounds else 4 * budget):
        times = [clock()]
        for call in calls:
            call()
            times.append(clock())
        seconds.append(np.diff(times).tolist())
    return np.array(seconds)


def clock_of(subject: Subject) -> Callable[[], float]:
    """Time of the processor for what works in this process alone, in one thread: it does not count
    when others have the processor. Windows' has too coarse steps."""
    alone = subject.descriptor is not None and sys.platform != "win32"
    return time.process_time if alone else time.perf_counter


def best_times(
    batches: Iterable[Batch], effort: Effort, clock: Callable[[], float]
) -> tuple[np.ndarray, float]:
    """(best seconds for each row, spread) of batches, until one takes too long: two, if possible.

    The spread is that of the median above the best, the worst of all batches.
    """
    kept: list[Batch] = []
    for batch in batches:
        kept.append(batch)
        if duration(batch.call) > effort.limit * (1 if len(kept) > 1 else 10):
            break
    seconds = interleaved([b.call for b in kept], effort.budget, effort.rounds, clock)
    best = seconds.min(axis=0)
    spread = (np.median(seconds, axis=0) / best - 1).max()
    return best / [batch.n for batch in kept], spread


def batch_of(subject: Subject, frames: list[Atoms]) -> Batch:
    """As many rows of equal structures as take :data:`TARGET` seconds, if there are that many."""
    if subject.descriptor is not None and subject.per_atom:
        argument, most = given(subject, frames), sum(map(len, frames))

        def make(n: int) -> Batch:
            return Batch(lambda: subject.descriptor.compute(argument, np.arange(n)), n)

    else:
        most = len(frames)
        single = 1 if row_of(subject) == "a structure" else len(frames[0])

        def make(n: int) -> Batch:
            argument = given(subject, frames[:n])
            return Batch(lambda: compute(subject)(argument), n * single)

    n, clock = 1, clock_of(subject)
    make(n).call()  # tables and plans are made
    while True:
        batch = make(n)
        # A single hiccup would leave too few rows, and the overhead of the call in their time.
        seconds = min(duration(batch.call, clock) for _ in range(2))
        if seconds >= TARGET or n == most:
            return batch
        n = min(most, max(2 * n, int(1.3 * n * TARGET / max(seconds, 1e-6))))


def affordable(subject: Subject, frames: list[Atoms], seconds: float) -> list[Atoms]:
    """The first structures, as many as are described in this time."""
    n = 1
    compute(subject)(given(subject, frames[:n]))
    while n < len(frames):
        argument = given(subject, frames[:n])
        if 2 * duration(lambda: compute(subject)(argument)) > seconds:  # noqa: B023, called at once
            break
        n *= 2
    return frames[:n]


def given(subject: Subject, frames: list[Atoms]):
    """What a call gets: neighbours that are already found, if it takes them."""
    if subject.descriptor is None:
        return frames
    periodic = getattr(subject.descriptor, "periodic", None)
    return Environments(frames, subject.cutoff or SEARCH, periodic=periodic, n_threads=1)


def compute(subject: Subject) -> Callable:
    """What is timed, without the checks of :meth:`Subject.rows`."""
    return getattr(subject.target, "compute", subject.target)


def one_thread(subject: Subject) -> Subject:
    """The subject with a single thread, where it can be told; what it has learned is lost."""
    return subject.changed(n_threads=1) if "n_threads" in subject.parameters else subject


def roomy(subject: Subject, n_atoms: int) -> Subject:
    """With room for so many atoms, and no more, where matrices have a given size."""
    if subject.parameters.get("n_atoms_max") is None:
        return subject
    return subject.changed(n_atoms_max=n_atoms)


def row_of(subject: Subject) -> str:
    """What a time is that of: whole structures without cutoff have no neighbours to count."""
    if subject.per_atom:
        return "an environment"
    return "an atom" if subject.cutoff is not None else "a structure"


def balls(subject: Subject, n: int, species: Sequence[int], rng) -> list[Atoms]:
    """Equal numbers of atoms within one ball: with a cutoff, all of them are neighbours.

    Density then follows from the number; without a cutoff the ball grows instead.
    """
    count = max(1, ROWS // n)
    frames = []
    for _ in range(count):
        places = lattice(n, rng)
        if subject.cutoff is None:
            places *= SPACING
        else:
            places *= 0.49 * subject.cutoff / np.linalg.norm(places, axis=1).max()
        frame = Atoms(rng.permutation(np.resize(species, n)), places)
        if subject.needs_cell:
            side = samples.BOX if subject.cutoff else SPACING + 2 * np.abs(places).max()
            frame.set_cell(side * np.eye(3))
            frame.pbc = True
        frames.append(frame)
    return frames


def lattice(n: int, rng) -> np.ndarray:
    """The ``n`` points of a cubic lattice, slightly displaced, that are nearest to some place."""
    half = math.ceil(n ** (1 / 3)) + 1
    axis = np.arange(-half, half + 1.0)
    points = np.array(list(itertools.product(axis, repeat=3))) + rng.uniform(-0.5, 0.5, 3)
    points += rng.uniform(-0.1, 0.1, points.shape)
    return points[np.argsort((points**2).sum(axis=1))[:n]]


def duration(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that a call takes, once."""
    start = clock()
    call()
    return clock() - start


def peak_memory(call: Callable[[], object]) -> float:
    """Bytes of Python and NumPy that a call holds at its peak, beside what it returns."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        kept = call()
        after, peak = tracemalloc.get_traced_memory()
        del kept
    finally:
        if not running:
            tracemalloc.stop()
    return max(0, peak - max(before, after))
