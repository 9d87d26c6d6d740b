"""What a row costs, and how that grows with neighbours, species and basis.

Neighbours are found before the clock starts where the descriptor takes them (those of Vicinal take
:class:`vicinal.Environments`), and one thread works where ``n_threads`` exists.
"""

from __future__ import annotations

import itertools
import math
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from vicinal.criteria import Setting, samples
from vicinal.criteria.growth import basis_parameters, exponent, of_basis, of_species, species_sets
from vicinal.criteria.results import Figure, NotApplicable, Section, Series, Table
from vicinal.criteria.subject import Subject
from vicinal.descriptors.structure import SEARCH
from vicinal.environments import Environments

TITLE = "cost"

#: A call should take this long (s), so that its own overhead and the clock do not matter.
TARGET = 3e-3

#: Numbers of neighbours.
SIZES = (10, 20, 40, 80, 160, 320)

#: Neighbours in the environments in which species are counted, and the basis grows.
NEIGHBORS = 40

#: Rows of small environments that a call may have at hand.
ROWS = 600

#: Other people's programs may refuse atoms that are nearer than this (Å).
NEAREST = 0.7

#: Distance (Å) of atoms where there is no cutoff that would set the scale.
SPACING = 1.5

#: µs: below, a thousand atoms take a tenth of a second; above, ten seconds.
GOOD_TIME, POOR_TIME = 100.0, 10_000.0

#: Reverse differentiation takes about four times the operations of the function at most
#: (A. Griewank, A. Walther, Evaluating Derivatives, SIAM (2008)); differences 6 calls an atom.
GOOD_RATIO, POOR_RATIO = 4.0, 10.0

#: Exponents: linear in neighbours, or pairs of them, each with what measuring may add.
LINEAR, PAIRS = 1.4, 2.4

#: MB beyond the output, below which memory never limits the size of a batch.
GOOD_MEMORY = 64.0


@dataclass(frozen=True)
class Effort:
    """Time (s) and repeats that are spent: on neighbours, species, basis and one structure."""

    largest: int
    limit: float
    budget: float
    rounds: int


FULL = Effort(largest=320, limit=0.3, budget=1.2, rounds=3)
QUICK = Effort(largest=160, limit=0.03, budget=0.12, rounds=2)


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


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    effort = QUICK if setting.quick else FULL
    rng = setting.rng("efficiency")
    with section.attempt("microseconds", "Time of a row"):
        setting.progress("time of a row")
        _standard(subject, setting, section, effort)
    with section.attempt("exponent_neighbors", "Growth with neighbours"):
        setting.progress("growth with neighbours")
        _neighbors(subject, section, effort, rng)
    with section.attempt("exponent_species", "Growth with species"):
        setting.progress("growth with species")
        _species(subject, section, effort, rng)
    with section.attempt("exponent_basis", "Growth with the basis"):
        setting.progress("growth with the basis")
        _basis(subject, section, effort, rng)


# -- the measures -------------------------------------------------------------------------------


def _standard(subject: Subject, setting: Setting, section: Section, effort: Effort) -> None:
    """Time, derivatives and memory on the user's structures, or on built-in ones."""
    frames = setting.frames or samples.structures(subject, 24, setting.seed, size=20)
    one = _one_thread(subject).fitted(frames)
    frames = _affordable(one, frames, effort.budget / 10)
    n_atoms = sum(map(len, frames))
    argument = _argument(one, frames)
    calls = {"compute": lambda: _compute(one)(argument)}
    if one.descriptor is not None:
        values = one.descriptor.compute(argument).values
        calls["vjp"] = lambda: one.descriptor.vjp(argument, values)
        calls["frames"] = lambda: one.descriptor.compute(frames)
    for call in calls.values():
        call()
    seconds = interleaved(list(calls.values()), effort.budget / 2, effort.rounds)
    best = dict(zip(calls, 1e6 * seconds.min(axis=0) / n_atoms, strict=True))
    what = "an environment" if subject.per_atom else "an atom"
    spread = np.median(seconds[:, 0]) / seconds[:, 0].min() - 1
    verdict = _grade(best["compute"], GOOD_TIME, POOR_TIME)
    found = "neighbours found before" if one.descriptor is not None else "everything included"
    section.add(
        "microseconds",
        f"Time of {what}",
        best["compute"],
        verdict,
        "µs",
        f"the best of {len(seconds)} calls on {n_atoms} atoms (their median is {spread:.0%} "
        f"more), one thread where it can be told, {found}",
    )
    with section.attempt("vjp_ratio", "Cost of derivatives"):
        if "vjp" not in calls:
            raise NotApplicable("no derivatives of its own; differences take 6 calls an atom")
        section.add(
            "microseconds_search",
            f"Time of {what}, neighbours included",
            best["frames"],
            unit="µs",
            note="from structures instead of neighbours found before",
        )
        ratio = best["vjp"] / best["compute"]
        section.add(
            "vjp_ratio",
            "Cost of derivatives",
            ratio,
            _grade(ratio, GOOD_RATIO, POOR_RATIO),
            note="forces (a pulled-back gradient) take so many times as long as the features",
        )
    with section.attempt("memory", "Memory of a call"):
        megabytes = _memory(lambda: _compute(one)(frames)) / 1e6
        section.add(
            "memory",
            "Memory of a call beyond its output",
            megabytes,
            "good" if megabytes < GOOD_MEMORY else "fair",
            "MB",
            f"on {n_atoms} atoms; what Python and NumPy allocate, without the scratch memory of "
            "compiled code",
        )


def _neighbors(subject: Subject, section: Section, effort: Effort, rng) -> None:
    one = _one_thread(subject)
    largest = effort.largest
    if subject.descriptor is None and subject.cutoff is not None:
        largest = min(largest, math.pi / 6 * (subject.cutoff / NEAREST) ** 3)
    sizes = [n for n in SIZES if n <= largest]
    batches = (_batch(_roomy(one, n + 1), _balls(one, n + 1, [one.species[0]], rng)) for n in sizes)
    seconds, spread = _times(batches, effort)
    sizes = sizes[: len(seconds)]
    counted = "atoms" if subject.cutoff is None else "neighbours"
    each = _each(subject)
    power = exponent(sizes, seconds)
    section.add(
        "exponent_neighbors",
        f"Time of {each} grows with {counted} to the power",
        power,
        _grade(power, LINEAR, PAIRS),
        note=f"from {sizes[-3:][0]} to {sizes[-1]} {counted}: 1 is linear, 2 means pairs of them; "
        f"times vary by {spread:.0%}{_claim(subject, 'cost_neighbors')}",
    )
    micro = 1e6 * seconds
    law = micro[-1] * (np.array(sizes[-3:]) / sizes[-1]) ** power
    section.figures.append(
        Figure(
            f"Cost against {counted}",
            counted,
            f"µs for {each}",
            [
                Series("measured", sizes, micro.tolist(), "points"),
                Series(f"power {power:.2f}", sizes[-3:], law.tolist()),
            ],
            "log",
            "log",
        )
    )


def _species(subject: Subject, section: Section, effort: Effort, rng) -> None:
    sets = species_sets(subject)
    if len(sets) < 2:
        raise NotApplicable("it knows a single species")
    one = _one_thread(subject)
    seed = rng.integers(2**31)  # the same places for all

    def batches():
        for species in sets:
            frames = _balls(one, NEIGHBORS + 1, species, np.random.default_rng(seed))
            yield _batch(_roomy(of_species(one, species), NEIGHBORS + 1), frames)

    seconds, spread = _times(batches(), effort)
    counts = [len(species) for species in sets[: len(seconds)]]
    section.add(
        "exponent_species",
        f"Time of {_each(subject)} grows with species to the power",
        exponent(counts, seconds),
        note=f"the same {NEIGHBORS} neighbours made of {_listed(counts)} species; times vary by "
        f"{spread:.0%}{_claim(subject, 'cost_species')}",
    )
    rows = [(k, 1e6 * t) for k, t in zip(counts, seconds, strict=True)]
    heads = ("species", f"µs for {_each(subject)}")
    section.tables.append(Table("Cost against species", heads, rows))


def _basis(subject: Subject, section: Section, effort: Effort, rng) -> None:
    one = _one_thread(subject)
    names = list(basis_parameters(one))
    frames = _balls(one, NEIGHBORS + 1, one.species[:2], rng)
    larger = [one, of_basis(one, 1.5), of_basis(one, 2)]
    if len(names) > 1:
        larger += [of_basis(one, 2, [name]) for name in names]
    sizes = []

    def batches():
        for other in larger:
            sizes.append(other.at(frames[:1]).shape[1])
            yield _batch(_roomy(other, NEIGHBORS + 1), frames)

    seconds, spread = _times(batches(), effort)
    section.add(
        "exponent_basis",
        f"Time of {_each(subject)} grows with features to the power",
        exponent(sizes[:3], seconds[:3]),
        note=f"as {_listed(names)} grow by half and to twice; 1: each feature costs the same; "
        f"times vary by {spread:.0%}",
    )
    heads = [f"all x {factor:g}" for factor in (1, 1.5, 2)] + [f"{name} x 2" for name in names]
    rows = [(h, n, 1e6 * t) for h, n, t in zip(heads, sizes, seconds, strict=False)]
    section.tables.append(
        Table("Cost against basis", ("basis", "features", f"µs for {_each(subject)}"), rows)
    )


# -- what is timed ------------------------------------------------------------------------------


def _times(batches: Iterable[Batch], effort: Effort) -> tuple[np.ndarray, float]:
    """(best seconds for each row, spread) of batches, until one takes too long: two, if possible.

    The spread is that of the median above the best, the worst of all batches.
    """
    kept: list[Batch] = []
    for batch in batches:
        kept.append(batch)
        if _seconds(batch.call) > effort.limit * (1 if len(kept) > 1 else 10):
            break
    seconds = interleaved([batch.call for batch in kept], effort.budget, effort.rounds)
    best = seconds.min(axis=0)
    spread = (np.median(seconds, axis=0) / best - 1).max()
    return best / [batch.n for batch in kept], spread


def _batch(subject: Subject, frames: list[Atoms]) -> Batch:
    """As many rows of equal structures as take :data:`TARGET` seconds, if there are that many."""
    if subject.descriptor is not None and subject.per_atom:
        argument, most = _argument(subject, frames), sum(map(len, frames))

        def make(n: int) -> Batch:
            return Batch(lambda: subject.descriptor.compute(argument, np.arange(n)), n)

    else:
        most = len(frames)
        single = 1 if _each(subject) == "a structure" else len(frames[0])

        def make(n: int) -> Batch:
            argument = _argument(subject, frames[:n])
            return Batch(lambda: _compute(subject)(argument), n * single)

    n = 1
    make(n).call()  # tables and plans are made
    while True:
        batch = make(n)
        seconds = _seconds(batch.call)
        if seconds >= TARGET or n == most:
            return batch
        n = min(most, max(2 * n, int(1.3 * n * TARGET / max(seconds, 1e-6))))


def _affordable(subject: Subject, frames: list[Atoms], seconds: float) -> list[Atoms]:
    """The first structures, as many as are described in this time."""
    n = 1
    _compute(subject)(_argument(subject, frames[:n]))
    while n < len(frames):
        argument = _argument(subject, frames[:n])
        if 2 * _seconds(lambda: _compute(subject)(argument)) > seconds:  # noqa: B023, called at once
            break
        n *= 2
    return frames[:n]


def _argument(subject: Subject, frames: list[Atoms]):
    """What a call gets: neighbours that are already found, if it takes them."""
    if subject.descriptor is None:
        return frames
    periodic = getattr(subject.descriptor, "periodic", None)
    return Environments(frames, subject.cutoff or SEARCH, periodic=periodic, n_threads=1)


def _compute(subject: Subject) -> Callable:
    return getattr(subject.target, "compute", subject.target)


def _one_thread(subject: Subject) -> Subject:
    return subject.changed(n_threads=1) if "n_threads" in subject.parameters else subject


def _roomy(subject: Subject, n_atoms: int) -> Subject:
    """With room for so many atoms, and no more, where matrices have a given size."""
    if subject.parameters.get("n_atoms_max") is None:
        return subject
    return subject.changed(n_atoms_max=n_atoms)


def _each(subject: Subject) -> str:
    if subject.per_atom:
        return "an environment"
    return "an atom" if subject.cutoff is not None else "a structure"


def _balls(subject: Subject, n: int, species: Sequence[int], rng) -> list[Atoms]:
    """Equal numbers of atoms within one ball: with a cutoff, all of them are neighbours.

    Density then follows from the number; without a cutoff the ball grows instead.
    """
    count = max(1, ROWS // n)
    frames = []
    for _ in range(count):
        places = _lattice(n, rng)
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


def _lattice(n: int, rng) -> np.ndarray:
    """The ``n`` points of a cubic lattice, slightly displaced, that are nearest to some place."""
    half = math.ceil(n ** (1 / 3)) + 1
    axis = np.arange(-half, half + 1.0)
    points = np.array(list(itertools.product(axis, repeat=3))) + rng.uniform(-0.5, 0.5, 3)
    points += rng.uniform(-0.1, 0.1, points.shape)
    return points[np.argsort((points**2).sum(axis=1))[:n]]


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _memory(call: Callable[[], object]) -> float:
    """Bytes that a call holds at its peak, beside what it returns."""
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


def _claim(subject: Subject, axis: str) -> str:
    return f"; the registry says: {getattr(subject.entry, axis)}" if subject.entry else ""


def _grade(value: float, good: float, poor: float) -> str:
    return "good" if value <= good else "fair" if value <= poor else "poor"


def _listed(items) -> str:
    return ", ".join(map(str, items))
