"""Which structures can be described at all, and how the others are refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from vicinal.criteria import samples
from vicinal.criteria.invariance import sees_cells
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject, SubjectError, symbols
from vicinal.errors import StructureError, VicinalError
from vicinal.pages.parts import Table
from vicinal.testing.frames import build

TITLE = "Structures that are described"

#: Elements that are tried: those with a chemistry, H to Pu.
ELEMENTS = range(1, 95)
#: Some of each block, for a quick look.
SOME_ELEMENTS = (1, 2, 3, 6, 8, 17, 26, 37, 47, 58, 79, 94)
#: Elements that are described in one call: making tables for each would take longest.
TOGETHER = 8
#: Li, Al, Fe, Cu, Au.
ALLOY = (3, 13, 26, 29, 79)
#: Share of cases from which a descriptor is good for nearly everything, and for much.
ALL, MUCH = 0.95, 0.6


@dataclass(frozen=True)
class Outcome:
    """What a descriptor made of a structure.

    Attributes
    ----------
    result : str: ``described``, ``as a molecule`` (its periodicity is ignored), ``refused`` or
        ``wrong`` (rows of NaN, or of another number)
    clear : bool, whether a refusal is a ``VicinalError`` that says which structure
    message : str, of the refusal
    """

    result: str
    clear: bool = True
    message: str = ""


def attempt(subject: Subject, frames: list[Atoms]) -> Outcome:
    """Describe structures, whatever comes of it."""
    try:
        subject.rows(frames)
    except SubjectError as error:  # what came back is no description
        return Outcome("wrong", False, str(error))
    except Exception as error:  # of anybody's function: anything at all
        message = " ".join(str(error).split())
        clear = isinstance(error, StructureError) or (
            isinstance(error, VicinalError) and "structure" in message
        )
        return Outcome("refused", clear, message if clear else f"{type(error).__name__}: {message}")
    return Outcome("described")


def cases(subject: Subject, *, large: int = 500, seed: int = 0) -> dict[str, Atoms]:
    """A structure of every kind, of the species that the subject knows.

    Those that look at distances, elements or size are in a cell where the subject needs one.
    """
    species, kinds = subject.species, {}
    for name, kind, n in (
        ("molecule", "molecule", 8),
        ("cluster", "cluster", 20),
        ("single atom", "isolated", 1),
        ("slab", "slab", 8),
        ("wire", "wire", 6),
        ("crystal", "bulk", 8),
        ("skewed cell", "skewed", 6),
        ("cell smaller than the cutoff", "tiny", 1),
        ("atoms outside the cell", "outside", 6),
    ):
        kinds[name] = build(kind, species, n, seed)
    lattice = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 3)
    kinds["atoms 0.7 Å apart"] = samples.environment(subject, 0.7 * lattice[1:])
    kinds["atoms far apart"] = samples.environment(subject, [[12.0, 0, 0], [0, 13, 0]])
    kinds[f"{large} atoms"] = _large(subject, large, seed)
    return kinds


def _large(subject: Subject, n: int, seed: int) -> Atoms:
    """A rattled piece of a simple cubic lattice, as a crystal where that can be."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(n ** (1 / 3)))
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)[:n]
    positions = 2.3 * places + rng.uniform(-0.3, 0.3, (n, 3))
    periodic = samples.knows_periodicity(subject)
    numbers = rng.choice(subject.species, n)
    return Atoms(numbers, positions, cell=2.3 * side * np.eye(3), pbc=periodic)


def bent(numbers, subject: Subject) -> Atoms:
    """One atom after the other around a bend, at the sums of their covalent radii."""
    place, places = np.zeros(3), [np.zeros(3)]
    for k, (a, b) in enumerate(zip(numbers, numbers[1:], strict=False)):
        angle = 0.9 * (-1) ** k
        bond = max(covalent_radii[a] + covalent_radii[b], 0.7)
        place = place + bond * np.array([np.cos(angle), np.sin(angle), 0.3])
        places.append(place)
    return samples.environment(subject, places[1:], numbers[1:], numbers[0])


def bad_input(subject: Subject) -> dict[str, Atoms]:
    """Structures that nobody can describe, or not with the species of the subject."""
    species = subject.species
    good = samples.environment(subject, [[1.1, 0, 0], [0, 1.2, 0]])
    frames = {name: good.copy() for name in ("NaN position", "two atoms at one place")}
    frames["NaN position"].positions[1, 0] = np.nan
    frames["two atoms at one place"].positions[2] = good.positions[1]
    frames["no atoms"] = good[:0]
    unknown = next((z for z in ELEMENTS if z not in species), None)
    if unknown is not None:
        frames["unknown species"] = good.copy()
        frames["unknown species"].numbers[1] = unknown
    return frames


def measure(subject: Subject, setting, section: Section) -> None:
    table = Table("What can be described", ("structure", "result", "message"))
    section.tables.append(table)
    kinds = cases(subject, large=100 if setting.quick else 500, seed=setting.seed)
    bad = bad_input(subject)
    sizes = [Atoms(numbers=[z] * len(bad)) for z in subject.species]
    fitted = subject.refitted([*kinds.values(), *sizes])
    refused: list[Outcome] = []

    def note(name: str, outcome: Outcome) -> Outcome:
        table.rows.append((name, outcome.result, outcome.message))
        if outcome.result in ("refused", "wrong"):
            refused.append(outcome)
        return outcome

    label = "Kinds of structures that are described"
    with section.attempt("described", label):
        setting.progress("kinds of structures")
        found = {name: note(name, _kind(fitted, frame)) for name, frame in kinds.items()}
        alloy = bent(ALLOY, subject)
        found[f"alloy of {symbols(ALLOY)}"] = outcome = attempt(_learned(subject, [alloy]), [alloy])
        note(f"alloy of {symbols(ALLOY)}", outcome)
        missing = [name for name, outcome in found.items() if outcome.result != "described"]
        share = 1 - len(missing) / len(found)
        text = f"not: {', '.join(missing)}" if missing else f"all {len(found)} that were tried"
        section.add("described", label, 100 * share, _verdict(share), "%", text)

    label = "Elements that are described"
    with section.attempt("elements", label):
        setting.progress("elements")
        tried = list(SOME_ELEMENTS if setting.quick else ELEMENTS)
        failed = {}
        for start in range(0, len(tried), TOGETHER):
            failed |= _refused_elements(subject, tried[start : start + TOGETHER])
        if failed:
            note(f"elements {symbols(failed)}", next(iter(failed.values())))
        works = len(tried) - len(failed)
        text = f"of {len(tried)} from {symbols(tried[:1])} to {symbols(tried[-1:])}"
        section.add("elements", label, works, _verdict(works / len(tried)), note=text)

    # What a function does with nonsense is noted; a descriptor has to refuse it.
    own = subject.descriptor is None
    label = "Bad input that is refused"
    with section.attempt("bad_input", label):
        setting.progress("bad input")
        outcomes = [note(name, attempt(fitted, [frame])) for name, frame in bad.items()]
        share = np.mean([outcome.result == "refused" for outcome in outcomes])
        verdict = "" if own else "good" if share == 1 else "poor"
        section.add("bad_input", label, 100 * share, verdict, "%", ", ".join(bad))

    label = "Refusals that say what is wrong where"
    with section.attempt("refusals", label):
        if not refused:
            raise NotApplicable("nothing was refused")
        vague = [outcome.message for outcome in refused if not outcome.clear]
        share = 1 - len(vague) / len(refused)
        verdict = "" if own else "poor" if vague else "good"
        text = f"not: {vague[0]}" if vague else "by an error that names the structure"
        section.add("refusals", label, 100 * share, verdict, "%", text)


def _verdict(share: float) -> str:
    return "good" if share >= ALL else "fair" if share >= MUCH else "poor"


def _kind(fitted: Subject, frame: Atoms) -> Outcome:
    """Described; or, where a cell makes no difference, only as a molecule."""
    outcome = attempt(fitted, [frame])
    if outcome.result == "described" and frame.pbc.any() and not sees_cells(fitted, [frame]):
        return Outcome("as a molecule", message="its periodicity is ignored")
    return outcome


def _refused_elements(subject: Subject, elements: list[int]) -> dict[int, Outcome]:
    """Those elements of which a small structure is not described, and what happened."""
    frames = [bent([z] * 3, subject) for z in elements]
    outcome = attempt(_learned(subject, frames), frames)
    if outcome.result == "described":
        return {}
    if len(elements) == 1:
        return {elements[0]: outcome}
    # One after the other, if not all together.
    return {z: bad for one in elements for z, bad in _refused_elements(subject, [one]).items()}


def _learned(subject: Subject, frames: list[Atoms]) -> Subject:
    """The subject for the species of these structures, where it takes any."""
    if "species" in subject.parameters and subject.descriptor is not None:
        return subject.changed(species=None).fitted(frames)
    return subject
