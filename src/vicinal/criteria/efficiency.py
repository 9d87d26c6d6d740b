"""What a row costs, and how that grows with neighbours, species and basis."""

from __future__ import annotations

import math

import numpy as np
from threadpoolctl import threadpool_limits

from vicinal.criteria import Setting, samples
from vicinal.criteria.growth import basis_parameters, exponent, of_basis, of_species, species_sets
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.criteria.timing import (
    Effort,
    affordable,
    balls,
    batch_of,
    best_times,
    clock_of,
    compute,
    given,
    interleaved,
    one_thread,
    peak_memory,
    roomy,
    row_of,
)
from vicinal.pages.parts import Figure, Series, Table

TITLE = "cost"

#: Numbers of neighbours.
SIZES = (10, 20, 40, 80, 160, 320)

#: Neighbours in the environments in which species are counted, and the basis grows.
NEIGHBORS = 40

#: Other people's programs may refuse atoms that are nearer than this (Å).
NEAREST = 0.7

#: µs: below, a thousand atoms take a tenth of a second; above, ten seconds.
GOOD_TIME, POOR_TIME = 100.0, 10_000.0

#: Reverse differentiation takes about four times the operations of the function at most
#: (A. Griewank, A. Walther, Evaluating Derivatives, SIAM (2008)); differences 6 calls an atom.
GOOD_RATIO, POOR_RATIO = 4.0, 10.0

#: Exponents: linear in neighbours, or pairs of them, each with what measuring may add.
LINEAR, PAIRS = 1.4, 2.4

#: MB beyond the output, below which memory never limits the size of a batch.
GOOD_MEMORY = 64.0

FULL = Effort(largest=320, limit=0.3, budget=1.2, rounds=3)
QUICK = Effort(largest=160, limit=0.03, budget=0.12, rounds=2)


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    with threadpool_limits(1):  # of linear algebra, which parameters do not reach
        _measure(subject, setting, section)


def _measure(subject: Subject, setting: Setting, section: Section) -> None:
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
    one = one_thread(subject).fitted(frames)
    frames = affordable(one, frames, effort.budget / 10)
    n_atoms = sum(map(len, frames))
    argument = given(one, frames)
    calls = {"compute": lambda: compute(one)(argument)}
    if one.descriptor is not None:
        values = one.descriptor.compute(argument).values
        calls["vjp"] = lambda: one.descriptor.vjp(argument, values)
        calls["frames"] = lambda: one.descriptor.compute(frames)
    for call in calls.values():
        call()
    clock = clock_of(subject)
    seconds = interleaved(list(calls.values()), effort.budget / 2, effort.rounds, clock)
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
        megabytes = peak_memory(lambda: compute(one)(frames)) / 1e6
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
    one = one_thread(subject)
    largest = effort.largest
    if subject.descriptor is None and subject.cutoff is not None:
        largest = min(largest, math.pi / 6 * (subject.cutoff / NEAREST) ** 3)
    sizes = [n for n in SIZES if n <= largest]
    batches = (batch_of(roomy(one, n + 1), balls(one, n + 1, [one.species[0]], rng)) for n in sizes)
    seconds, spread = best_times(batches, effort, clock_of(subject))
    sizes = sizes[: len(seconds)]
    counted = "atoms" if subject.cutoff is None else "neighbours"
    each = row_of(subject)
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
    one = one_thread(subject)
    seed = rng.integers(2**31)  # the same places for all

    def batches():
        for species in sets:
            frames = balls(one, NEIGHBORS + 1, species, np.random.default_rng(seed))
            yield batch_of(roomy(of_species(one, species), NEIGHBORS + 1), frames)

    seconds, spread = best_times(batches(), effort, clock_of(subject))
    counts = [len(species) for species in sets[: len(seconds)]]
    section.add(
        "exponent_species",
        f"Time of {row_of(subject)} grows with species to the power",
        exponent(counts, seconds),
        note=f"the same {NEIGHBORS} neighbours made of {_listed(counts)} species; times vary by "
        f"{spread:.0%}{_claim(subject, 'cost_species')}",
    )
    rows = [(k, 1e6 * t) for k, t in zip(counts, seconds, strict=True)]
    heads = ("species", f"µs for {row_of(subject)}")
    section.tables.append(Table("Cost against species", heads, rows))


def _basis(subject: Subject, section: Section, effort: Effort, rng) -> None:
    one = one_thread(subject)
    names = list(basis_parameters(one))
    frames = balls(one, NEIGHBORS + 1, one.species[:2], rng)
    larger = [one, of_basis(one, 1.5), of_basis(one, 2)]
    if len(names) > 1:
        larger += [of_basis(one, 2, [name]) for name in names]
    sizes = []

    def batches():
        for other in larger:
            sizes.append(other.at(frames[:1]).shape[1])
            yield batch_of(roomy(other, NEIGHBORS + 1), frames)

    seconds, spread = best_times(batches(), effort, clock_of(subject))
    section.add(
        "exponent_basis",
        f"Time of {row_of(subject)} grows with features to the power",
        exponent(sizes[:3], seconds[:3]),
        note=f"as {_listed(names)} grow by half and to twice; 1: each feature costs the same; "
        f"times vary by {spread:.0%}",
    )
    heads = [f"all x {factor:g}" for factor in (1, 1.5, 2)] + [f"{name} x 2" for name in names]
    rows = [(h, n, 1e6 * t) for h, n, t in zip(heads, sizes, seconds, strict=False)]
    section.tables.append(
        Table("Cost against basis", ("basis", "features", f"µs for {row_of(subject)}"), rows)
    )


def _claim(subject: Subject, axis: str) -> str:
    return f"; the registry says: {getattr(subject.entry, axis)}" if subject.entry else ""


def _grade(value: float, good: float, poor: float) -> str:
    return "good" if value <= good else "fair" if value <= poor else "poor"


def _listed(items) -> str:
    return ", ".join(map(str, items))
