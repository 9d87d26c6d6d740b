"""Do the numbers stay the same when only the point of view changes?

Rotations, translations, the order of atoms and the choice of cell say nothing about a structure.
Mirror images and supercells may count as different: how a descriptor sees them is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from vicinal.criteria import samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.errors import VicinalError
from vicinal.pages.parts import Table

TITLE = "Symmetries"

#: Residuals (relative to the largest feature) below which invariance is good, and fair. Tables are
#: accurate to 1e-10 and sums of many terms lose some digits; float32 has seven digits. What is
#: larger than the second is no rounding.
BOUNDS = {"float64": (1e-8, 1e-4), "float32": (1e-3, 1e-2)}

#: Residual above which mirror images are told apart: more than rounding of float32.
CHIRAL = 1e-3


@dataclass(frozen=True)
class Moved:
    """A structure seen otherwise: its atom ``k`` is atom ``order[k]`` of the original; vectors have
    become ``v @ rotation``."""

    frame: Atoms
    order: np.ndarray
    rotation: np.ndarray


def _moved(frame: Atoms, positions, cell=None, order=None, rotation=None) -> Moved:
    new = Atoms(frame.numbers, positions, cell=frame.cell if cell is None else cell, pbc=frame.pbc)
    order = np.arange(len(frame)) if order is None else order
    return Moved(new[order], order, np.eye(3) if rotation is None else rotation)


def rotated(frame: Atoms, rng: np.random.Generator) -> Moved:
    """Atoms and cell under a random proper rotation."""
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    Q *= np.linalg.det(Q)
    return _moved(frame, frame.positions @ Q, frame.cell.array @ Q, rotation=Q)


def reflected(frame: Atoms, rng: np.random.Generator) -> Moved:
    """The mirror image, in a random orientation."""
    Q = -rotated(frame, rng).rotation
    return _moved(frame, frame.positions @ Q, frame.cell.array @ Q, rotation=Q)


def translated(frame: Atoms, rng: np.random.Generator) -> Moved:
    """All atoms moved together, by up to 20 Å in each direction."""
    return _moved(frame, frame.positions + rng.uniform(-20, 20, 3))


def permuted(frame: Atoms, rng: np.random.Generator) -> Moved:
    """The atoms in another order."""
    return _moved(frame, frame.positions, order=rng.permutation(len(frame)))


def other_cell(frame: Atoms, rng: np.random.Generator) -> Moved:
    """Other vectors of the same lattice (a unimodular change), and other images of the atoms."""
    periodic = np.flatnonzero(frame.pbc)
    change = np.eye(3, dtype=int)
    if len(periodic) > 1:
        for _ in range(2):
            a, b = rng.choice(periodic, 2, replace=False)
            change[a] += rng.choice([-1, 1]) * change[b]
    cell = frame.cell.array
    shifts = rng.integers(-2, 3, (len(frame), 3)) * frame.pbc
    return _moved(frame, frame.positions + shifts @ cell, change @ cell)


def doubled(frame: Atoms, rng: np.random.Generator) -> Moved:
    """The supercell of two cells along one direction."""
    repeats = np.ones(3, dtype=int)
    repeats[rng.choice(np.flatnonzero(frame.pbc))] = 2
    return Moved(frame.repeat(repeats), np.tile(np.arange(len(frame)), 2), np.eye(3))


Transformation = Callable[[Atoms, np.random.Generator], Moved]

#: What must change nothing: key, label, transformation.
INVARIANCES: tuple[tuple[str, str, Transformation], ...] = (
    ("rotation", "Change under rotation", rotated),
    ("translation", "Change under translation", translated),
    ("permutation", "Change when atoms are listed in another order", permuted),
    ("cell", "Change with the choice of cell and of atoms' images", other_cell),
)


def residuals(subject: Subject, frames: Sequence[Atoms], moved: Sequence[Moved]) -> np.ndarray:
    """Largest change of any feature of each structure, over the largest feature of all.

    Rows follow their atoms. An equivariant target has a method ``rotate_values(values, Q)`` that
    says how rows change when vectors become ``v @ Q`` (as in :mod:`vicinal.testing`).
    """
    frames, others = list(frames), [one.frame for one in moved]
    subject = subject.fitted(frames + others)
    before, after = subject.rows(frames), subject.rows(others)
    turn = getattr(subject.target, "rotate_values", None)
    size = max((np.abs(rows).max() for rows in before if rows.size), default=0) or 1.0
    worst = []
    for rows, new, one in zip(before, after, moved, strict=True):
        rows = rows[one.order] if subject.per_atom else rows
        rows = rows if turn is None else turn(rows, one.rotation)
        worst.append(np.abs(new - rows).max(initial=0) / size)
    return np.array(worst)


def sees_cells(subject: Subject, frames: Sequence[Atoms]) -> bool:
    """Do the numbers of these periodic structures depend on their cells?"""
    if subject.needs_cell:
        return True
    subject = subject.fitted(frames)
    periodic = np.concatenate(subject.rows(frames))
    alone = [Atoms(frame.numbers, frame.positions) for frame in frames]
    try:
        finite = np.concatenate(subject.rows(alone))
    except Exception:  # of anybody's function: it cannot do without
        return True
    return not np.allclose(finite, periodic, rtol=1e-9, atol=1e-12)


def symmetric(subject: Subject) -> list[Atoms]:
    """A ring of six and an octahedron about an atom: many distances, and so many terms, tie."""
    angles = np.arange(6) * np.pi / 3
    ring = 1.4 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    octahedron = 1.5 * np.concatenate([np.eye(3), -np.eye(3)])
    frames = [samples.environment(subject, places) for places in (ring, octahedron)]
    frames.append(frames[0][1:])  # the ring without its centre
    return frames


def verdict(residual: float, dtype: str) -> str:
    good, fair = BOUNDS[dtype]
    return "good" if residual < good else "fair" if residual < fair else "poor"


def measure(subject: Subject, setting, section: Section) -> None:
    rng = setting.rng("invariance")
    frames = _structures(subject, setting, rng)
    periodic = [frame for frame in frames if frame.pbc.any()]
    twice = [doubled(frame, rng) for frame in periodic]
    everything = [*frames, *(one.frame for one in twice), *symmetric(subject)]
    variants = {name: one.fitted(everything) for name, one in precisions(subject).items()}
    main = next(iter(variants))
    table = Table(
        "Largest change, relative to the largest feature",
        ("transformation", *variants),
        note=f"{len(frames)} structures, {len(periodic)} of them periodic",
    )

    def compare(key: str, label: str, frames: list[Atoms], moved: list[Moved]) -> dict[str, float]:
        """The worst residual in each precision, noted in the table."""
        setting.progress(label.lower())
        found = {name: residuals(one, frames, moved) for name, one in variants.items()}
        worst = int(np.argmax(found[main]))
        if found[main][worst] > BOUNDS[main][1] and key != "chiral":
            section.structures[f"invariance-{key}"] = [frames[worst], moved[worst].frame]
        found = {name: values.max() for name, values in found.items()}
        table.rows.append((label, *found.values()))
        return found

    worst = dict.fromkeys(variants, 0.0)
    for key, label, transformation in INVARIANCES:
        with section.attempt(key, label):
            chosen = _periodic(variants[main], periodic) if key == "cell" else frames
            moved = [transformation(frame, rng) for frame in chosen]
            found = compare(key, label, chosen, moved)
            worst = {name: max(worst[name], found[name]) for name in variants}
            section.add(key, label, found[main], verdict(found[main], main))
    label = "Change of symmetric structures, turned and reordered"
    with section.attempt("ties", label):
        chosen = symmetric(subject)
        moved = [_turned_and_permuted(frame, rng) for frame in chosen]
        found = compare("ties", label, chosen, moved)[main]
        note = "where distances or norms are equal, a sorted row has no order of its own"
        section.add("ties", label, found, verdict(found, main), note=note)
    label = "Tells mirror images apart"
    with section.attempt("chiral", label):
        moved = [reflected(frame, rng) for frame in frames]
        found = compare("chiral", "Change under reflection", frames, moved)[main]
        if found > CHIRAL and section["rotation"].verdict != "good":
            raise NotApplicable("rotations change the numbers already")
        note = f"they differ by {found:.0e} of the largest feature; neither is a fault"
        section.add("chiral", label, bool(found > CHIRAL), note=note)
    label = "Supercell"
    with section.attempt("supercell", label):
        _periodic(variants[main], periodic)
        _supercell(variants[main], periodic, twice, section, table, label)
    section.tables.append(table)
    if any(section[key].verdict == "failed" for key, *_ in INVARIANCES):
        return  # the worst of the others would be no answer
    label = "Largest change under rotation, translation, reordering, choice of cell"
    section.add("invariance", label, worst[main], verdict(worst[main], main))
    if "float32" in variants and main != "float32":
        value = worst["float32"]
        section.add("float32", "The same in float32", value, verdict(value, "float32"))


def precisions(subject: Subject) -> dict[str, Subject]:
    """The subject by precision, float64 first; as it is where it has no parameter ``dtype``."""
    if "dtype" in subject.parameters:
        return {dtype: subject.changed(dtype=dtype) for dtype in BOUNDS}
    return {"float64": subject}


def _structures(subject: Subject, setting, rng) -> list[Atoms]:
    n = 5 if setting.quick else 15
    if setting.frames is None:
        return samples.structures(subject, n, setting.seed)
    return samples.some(setting.frames, n, rng)


def _periodic(subject: Subject, frames: list[Atoms]) -> list[Atoms]:
    if not frames:
        raise NotApplicable("no structure is periodic")
    if not sees_cells(subject, frames):
        raise NotApplicable("periodicity is ignored: atoms are described without their images")
    return frames


def _turned_and_permuted(frame: Atoms, rng) -> Moved:
    turned = rotated(frame, rng)
    return Moved(turned.frame[order := rng.permutation(len(frame))], order, turned.rotation)


def _supercell(subject, frames, twice, section, table, label) -> None:
    """Rows of atoms repeat; those of structures may stay, or double."""
    try:
        found = residuals(subject, frames, twice).max()
    except VicinalError as error:  # more atoms than there is room for
        raise NotApplicable(f"supercells are refused: {error}") from None
    table.rows.append((f"{label} of two cells", found, *[""] * (len(table.columns) - 2)))
    if subject.per_atom:
        note = "atoms of a supercell have the rows of their cell"
        section.add("supercell", label, found, verdict(found, "float64"), note=note)
        return
    once = np.concatenate(subject.rows(frames))
    double = np.concatenate(subject.rows([one.frame for one in twice]))
    extensive = np.abs(double - 2 * once).max() / (np.abs(once).max() or 1.0)
    bound = BOUNDS["float64"][0]
    kind = "intensive" if found < bound else "extensive" if extensive < bound else "neither"
    note = {
        "intensive": "two cells have the row of one",
        "extensive": "the row of two cells is twice that of one",
        "neither": "the row of two cells is neither that of one nor twice that",
    }[kind]
    section.add("supercell", label, kind, note=note)
