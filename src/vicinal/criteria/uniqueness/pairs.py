"""Known pairs of environments that are hard to tell apart, and the order of the expansion.

Two views of the body order of a descriptor. *What it sees*: it tells apart environments that have
all clusters of k atoms in common (:mod:`~vicinal.criteria.uniqueness.counterexamples`), or it does
not. *What it is made of*: whether its features are sums of terms of k atoms at most, by inclusion
and exclusion of neighbours (:func:`interactions`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from vicinal.criteria import Setting
from vicinal.criteria.geometry import rotation_to
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.samples import environment
from vicinal.criteria.subject import Subject
from vicinal.criteria.uniqueness.counterexamples import (
    FAMILIES,
    NEAREST,
    Family,
    random_neighbors,
)
from vicinal.pages.parts import Table

TITLE = "Pairs of environments that are hard to tell apart"

#: Distance of the farthest neighbour, as a fraction of the cutoff and in Å at most: angular
#: functions often end before the radial ones, and some decay within few bond lengths.
EXTENT, FARTHEST = 0.6, 2.6
#: Size of the random displacements that controls are compared with, as a fraction of the extent.
SIZE = 0.2
#: Pairs of a family.
N_PAIRS, N_PAIRS_QUICK = 5, 1

#: Pairs that differ by less than this, relative to a random displacement of equal size, are not
#: told apart: rounding, and radial functions from tables with an accuracy of 1e-10.
BLIND = 1e-6
#: How far above its own rounding level (measured on environments that are the same) a difference
#: must be; matters in single precision.
ABOVE_NOISE = 30.0
#: What turned and renumbered environments may differ by: up to the first, rounding in single
#: precision; beyond the second, not invariant.
SAME, NOT_INVARIANT = 1e-4, 1e-2

#: Atoms that inclusion and exclusion run over: 2 to this power structures.
N_EXPANSION = 7
#: Terms below this fraction of a feature do not count: rounding of sums over all subsets.
VANISHES = 1e-7
#: Features that vary by less than this fraction of the most variable one are left out, or by less
#: than this multiple of the rounding level.
CONSTANT, RESOLVED = 1e-7, 1e4


LABELS = {
    "body_order": "Atoms that it relates at once",
    "controls": "Difference between equal environments",
    "chirality": "Tells mirror images apart",
    "expansion": "Atoms in the largest term of its sums",
}


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    if subject.needs_cell:
        why = "describes crystals: an environment in a large cell is another one when turned"
        for key, label in LABELS.items():
            section.add(key, label, None, "n/a", note=why)
        return
    setting.progress("pairs of environments")
    with section.attempt("body_order", LABELS["body_order"]):
        n_pairs = N_PAIRS_QUICK if setting.quick else N_PAIRS
        contrasts = compare(subject, n_pairs, setting.rng("pairs"))
        _report_pairs(contrasts, subject.per_atom, section)
    setting.progress("order of the many-body expansion")
    with section.attempt("expansion", LABELS["expansion"]):
        _report_expansion(subject, N_EXPANSION, setting.rng("expansion"), section)


# -- pairs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contrast:
    """How different a descriptor finds the two environments of the pairs of a family.

    Attributes
    ----------
    family : Family
    ratio : float
        Distance of the two rows, relative to that which a random displacement of equal size
        causes; the median over several pairs, for controls the largest.
    pair : list of two Atoms, the pair with this ratio
    """

    family: Family
    ratio: float
    pair: list[Atoms]


def compare(subject: Subject, n_pairs: int, rng: np.random.Generator) -> dict[str, Contrast]:
    """The contrast of each family that makes sense for this subject, from random pairs."""
    scale = _scale(subject)
    families = [f for f in FAMILIES.values() if not (f.whole and subject.per_atom)]
    frames = []
    for family in families:
        for _ in range(n_pairs):
            a, b, size = family.measured_pair(rng, scale)
            c = displaced(a, size or SIZE * scale, family, scale, rng)
            frames.append([_frame(subject, family, vectors) for vectors in (a, b, c)])
    rows = _together(subject, sum(frames, [])).reshape(len(families), n_pairs, 3, -1)
    found = {}
    for i, family in enumerate(families):
        ratios = np.array([contrast(*three) for three in rows[i]])
        order = np.argsort(ratios)
        one = order[-1] if family.congruent else order[(n_pairs - 1) // 2]
        found[family.name] = Contrast(family, float(ratios[one]), frames[i * n_pairs + one][:2])
    return found


def contrast(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """``|a - b| / |a - c|`` of three rows; 0 where all are equal."""
    apart, usual = np.linalg.norm(a - b), np.linalg.norm(a - c)
    if usual == 0:
        return 0.0 if apart == 0 else np.inf
    return float(apart / usual)


def displaced(vectors, size: float, family: Family, scale: float, rng) -> np.ndarray:
    """The environment after random displacements of this root mean square (after the best
    rotation), its atoms as far from each other as in the pairs of the family."""
    for _ in range(1000):
        step = rng.normal(size=vectors.shape)
        for _ in range(3):
            moved = vectors + step
            rest = vectors - moved @ rotation_to(vectors, moved)
            step *= size / np.sqrt(np.mean(np.sum(rest**2, axis=1)))
        moved = vectors + step
        within = np.linalg.norm(moved, axis=1).max() < scale / EXTENT
        if within and family.nearest(moved) >= NEAREST * scale:
            return moved
    raise AssertionError(f"no room to displace the atoms of {family.name}")


def _scale(subject: Subject) -> float:
    return min(EXTENT * subject.reach, FARTHEST)


def _frame(subject: Subject, family: Family, vectors) -> Atoms:
    """All atoms are alike, of the middle one of the species: hydrogen is too small for some."""
    z = subject.species[len(subject.species) // 2]
    if family.whole:
        return Atoms([z] * len(vectors), vectors)
    return environment(subject, vectors, [z] * len(vectors), z)


def _together(subject: Subject, frames: list[Atoms]) -> np.ndarray:
    """Rows of atom 0 (or of the structures), of a subject that has seen all of the frames."""
    return subject.refitted(frames).at(frames).astype(float)


def _report_pairs(contrasts: dict[str, Contrast], per_atom: bool, section: Section) -> None:
    controls = [one for one in contrasts.values() if one.family.congruent]
    noise = max((one.ratio for one in controls if one.ratio < SAME), default=0.0)
    limit = max(BLIND, ABOVE_NOISE * noise)
    seen = {name: one.ratio > limit for name, one in contrasts.items()}
    same = {name: one.family.same_up_to(whole=not per_atom) for name, one in contrasts.items()}
    table = Table(
        "Pairs of environments",
        ("pair", "atoms in equal clusters", "difference", "told apart"),
        note="Difference of the two rows, relative to that which random displacements of the same "
        f"size cause. Below {limit:.0e} the descriptor cannot tell them apart.",
    )
    for name, one in contrasts.items():
        table.rows.append((one.family.title, same[name] or "all", one.ratio, seen[name]))
    section.tables.append(table)
    if contrasts["rotated"].ratio < NOT_INVARIANT:
        blind = [
            name
            for name, one in contrasts.items()
            if not (seen[name] or one.family.mirrored or one.family.congruent)
        ]
        if blind:
            first = min(blind, key=same.get)
            order, note = same[first], f"takes for equal: {contrasts[first].family.title}"
            section.structures["taken_for_equal"] = contrasts[first].pair
        else:
            order = "5 or more" if per_atom else "4 or more"
            note = "all pairs that were tried are told apart"
        section.add("body_order", LABELS["body_order"], order, _verdict(order), note=note)
        hands = [seen[name] for name, one in contrasts.items() if one.family.mirrored]
        section.add("chirality", LABELS["chirality"], any(hands), note=_handedness(hands))
    else:
        why = "not invariant: sees differences between environments that are the same"
        for key in ("body_order", "chirality"):
            section.add(key, LABELS[key], None, "n/a", note=why)
    _report_controls(controls, section)


def _verdict(order: int | str) -> str:
    """Two atoms at once are distances alone, three are angles, four and more dihedrals."""
    return {1: "poor", 2: "poor", 3: "fair"}.get(order, "good")


def _report_controls(controls: list[Contrast], section: Section) -> None:
    worst = max(controls, key=lambda one: one.ratio)
    verdict = "good" if worst.ratio < SAME else "fair" if worst.ratio < NOT_INVARIANT else "poor"
    note = "the same environment, turned and renumbered, against a random displacement"
    if verdict != "good":
        note = f"not invariant: takes for different: {worst.family.title}"
        section.structures["taken_for_different"] = worst.pair
    section.add("controls", LABELS["controls"], worst.ratio, verdict, note=note)


def _handedness(seen: list[bool]) -> str:
    if all(seen):
        return "left-handed and right-handed environments get different rows"
    if any(seen):
        return "only some of them: others would need more atoms at once"
    return "left-handed and right-handed environments get the same row, as energies do"


# -- order of the many-body expansion ------------------------------------------------------------


def interactions(values: np.ndarray) -> np.ndarray:
    """Inclusion and exclusion: what each set of atoms adds beyond all of its subsets.

    Parameters
    ----------
    values : (2**n, ...) array
        A function of the subsets of n atoms; bit i of the index says whether atom i is there.

    Returns
    -------
    (2**n, ...) array
        ``Delta(T) = sum over subsets S of T of (-1)^(|T| - |S|) f(S)``. A sum of terms of up to k
        atoms has ``Delta(T) = 0`` for all T of more than k atoms.
    """
    delta = np.array(values, dtype=float)
    n = (len(delta) - 1).bit_length()
    for i in range(n):
        pairs = delta.reshape(-1, 2, 2**i, *delta.shape[1:])
        pairs[:, 1] -= pairs[:, 0]
    return delta


def many_body_terms(subject: Subject, n: int, rng: np.random.Generator) -> np.ndarray:
    """How much terms of 1, 2, ..., n more atoms contribute, relative to the features they are in.

    The n atoms come in addition to a centre and one neighbour, so that no structure is so small
    that a descriptor treats it specially: the same sets of atoms vanish. Each entry is the largest
    over sets of atoms and over features; 0 where it is within rounding.
    """
    vectors = random_neighbors(rng, n + 1, _scale(subject))
    frame = _frame(subject, FAMILIES["rotated"], vectors)
    present = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    frames = [frame[[True, True, *bits]] for bits in present]
    values = _together(subject, [*frames, *(_turned(frame, rng) for _ in range(3))])
    values, noise = values[: 2**n], np.abs(values[2**n :] - values[2**n - 1]).max(axis=0)
    scale = np.ptp(values, axis=0)
    if scale.max() == 0:
        return np.zeros(n)
    kept = scale > max(CONSTANT * scale.max(), RESOLVED * noise.max())
    if not kept.any():
        raise NotApplicable("not invariant: sees differences between structures that are the same")
    delta = np.abs(interactions(values[:, kept])) / scale[kept]
    delta[delta < max(VANISHES, ABOVE_NOISE * (noise[kept] / scale[kept]).max())] = 0
    sizes = present.sum(axis=1)
    return np.array([delta[sizes == size].max() for size in range(1, n + 1)])


def _turned(frame: Atoms, rng) -> Atoms:
    """The same environment of atom 0 once more, turned and renumbered."""
    turned = frame[[0, *(1 + rng.permutation(len(frame) - 1))]]
    turned.positions = Rotation.from_quat(rng.normal(size=4)).apply(turned.positions)
    return turned


def _report_expansion(subject: Subject, n: int, rng, section: Section) -> None:
    terms = many_body_terms(subject, n, rng)
    first = 1 if subject.per_atom else 0  # the centre is in every term
    atoms = np.arange(1, n + 1) + first
    section.tables.append(
        Table(
            "What sets of atoms add beyond their subsets",
            ("atoms", "largest contribution"),
            [(int(k), float(term)) for k, term in zip(atoms, terms, strict=True)],
            note="Relative to the feature. A sum of terms of k atoms has nothing beyond k.",
        )
    )
    if terms[-1] > 0:
        order = "all"
        note = (
            "no sum of terms of few atoms: its numbers are normalised, sorted, eigenvalues or "
            "otherwise not additive"
        )
    else:
        order = int(atoms[np.flatnonzero(terms)].max(initial=1))
        note = f"sums in which no term has more than {order} atom{'s' * (order > 1)}"
        note += ", the centre included" if subject.per_atom else ""
    section.add("expansion", LABELS["expansion"], order, note=note)
