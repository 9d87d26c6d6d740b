"""Kinks and jumps where atoms are well within the cutoff: at high symmetry, and along a path.

Sorted entries change places where they are equal, eigenvalues cross where atoms are alike, angles
turn back at 180 degrees. What comes of it is seen by going straight through such a place.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vicinal.criteria import samples
from vicinal.criteria.continuity.cutoff import FARTHEST_BEHIND, outgoing
from vicinal.criteria.results import Section
from vicinal.criteria.subject import Subject
from vicinal.pages.parts import Table

#: Steps (Å) of one-sided differences. At a kink all show the same jump; else the best of them
#: has neither rounding nor curvature in it.
STEPS = (1e-2, 2e-3, 5e-4, 1e-4, 1e-5)
#: Change of slope, relative to the slope, that no smooth descriptor shows in such steps; and that
#: which is small beside the accuracy of forces that models reach.
SMOOTH, SMALL = 1e-4, 1e-2
#: Jump of the value, relative to the row, that is rounding, curvature, or a kink that is found to
#: some 1e-6 Å.
STEADY = 1e-5
#: Slopes are compared with at least this share of the largest one met: what vanishes by symmetry
#: is no measure.
LEAST = 1e-2

#: Features at points of a path, (points, features).
Path = Callable[[np.ndarray], np.ndarray]


def arrangements() -> dict[str, np.ndarray]:
    """Neighbours (n, 3) of a centre in places (Å) of high symmetry, with what ties there."""
    fork = np.array([[1, 0, 0], [-0.5, 0.8, 0.4]])
    square = 1.6 * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0.0]])
    return {
        "two neighbours at one distance": 1.5 * fork / np.linalg.norm(fork, axis=1)[:, None],
        "three atoms in line": np.array([[1.3, 0, 0], [-1.5, 0, 0]]),
        "three atoms in line, centre first": np.array([[1.2, 0, 0], [2.5, 0, 0]]),
        "square": square,
        "tetrahedron": 1.1
        / np.sqrt(3)
        * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
        "octahedron": np.concatenate([square, 1.6 * np.array([[0, 0, 1], [0, 0, -1.0]])]),
    }


def through(subject: Subject, places: np.ndarray, rng: np.random.Generator) -> Path:
    """A straight path on which all atoms move in a random direction, at 0 through the places."""
    frame = samples.environment(subject, places)
    direction = rng.normal(size=frame.positions.shape)
    direction /= np.linalg.norm(direction)

    def rows(t) -> np.ndarray:
        moved = []
        for one in t:
            moved.append(frame.copy())
            moved[-1].positions += one * direction
        return subject.at(moved)

    return rows


def one_sided(path: Path, place: float) -> tuple[float, float, float]:
    """What jumps at a place of a path: what is least of several steps, as a jump is in all of them.

    Returns
    -------
    (jump of the value, jump of the slope, larger of the slopes on both sides), norms
    """
    jump = bend = np.inf
    for step in STEPS:
        at = path(place + step * np.array([-1, -2, -3, 1, 2, 3]))
        # Extrapolated from 1, 2 and 3 steps: nothing is asked of the place itself, nor across it.
        left, right = np.array([3, -3, 1]) @ at.reshape(2, 3, -1)
        jump = min(jump, float(np.linalg.norm(right - left)))
        left, right = np.array([-2.5, 4, -1.5]) @ at.reshape(2, 3, -1) / step
        if np.linalg.norm(right + left) < bend:
            bend = float(np.linalg.norm(right + left))
            slope = float(max(np.linalg.norm(left), np.linalg.norm(right)))
    return jump, bend, slope


def roughest(path: Path, low: float, high: float, n: int = 240) -> float:
    """The place of a path that is least smooth, to some 1e-6.

    Fourth differences on a grid of ``n`` steps fall with the fourth power of the step where the
    path is smooth, so that kinks and jumps stand out; grids four times finer close in on the worst
    of each third of the path, and the worst of all is what is left.
    """
    thirds, width = 3, n // 6
    step = (high - low) / (2 * thirds * width)
    centres = low + (high - low) * (np.arange(thirds) + 0.5) / thirds
    while True:
        points = centres[:, None] + step * np.arange(-width - 2, width + 3)
        at = path(points.ravel()).reshape(*points.shape, -1)
        rough = np.linalg.norm(np.diff(at, 4, axis=1), axis=2)
        centres = centres + step * (rough.argmax(axis=1) - width)
        if step < 1e-6:
            return float(centres[rough.max(axis=1).argmax()])
        step, width = step / 4, 6


def measure(subject: Subject, setting, section: Section) -> None:
    kinks, jumps = "Largest kink at high symmetry", "Largest jump at high symmetry"
    with section.attempt("kinks", kinks):
        setting.progress("through high symmetry")
        found = _all(subject, setting)
        most = max(slope for _, _, slope, _ in found.values())
        table = Table(
            "Passing through high symmetry",
            ("arrangement", "jump of the value", "jump of the slope"),
            note="All atoms move in a random direction through the arrangement. Jumps of the value "
            "are relative to the row, those of the slope to the slope.",
        )
        for name, (jump, kink, slope, size) in found.items():
            kink = kink / max(slope, LEAST * most) if most else 0.0
            table.rows.append((name, jump / size if size else 0.0, kink))
        section.tables.append(table)
        name, _, kink = max(table.rows, key=lambda row: row[2])
        verdict = "good" if kink < SMOOTH else "fair" if kink < SMALL else "poor"
        note = f"jump of the slope over the slope; the largest is at: {name}"
        section.add("kinks", kinks, kink, verdict, note=note)
        name, jump, _ = max(table.rows, key=lambda row: row[1])
        note = f"relative to the row; the largest is at: {name}"
        section.add("jumps", jumps, jump, "good" if jump < STEADY else "poor", note=note)


def _all(subject: Subject, setting) -> dict[str, tuple[float, float, float, float]]:
    """Jumps, slope, and norm of the row at each arrangement, and where a path bends most."""
    rng = setting.rng("kinks")
    places = arrangements()
    paths = {name: (through(subject, one, rng), 0.0) for name, one in places.items()}
    away = outgoing(subject, rng, subject.species[0])
    high = 0.9 * min(subject.reach, 6.0)
    if not subject.per_atom and subject.cutoff is not None:
        high = max(high - FARTHEST_BEHIND, 1.5)  # or it would leave the environments of others
    name = "a neighbour on its way out"
    paths[name] = away, roughest(away, 0.9, high, 120 if setting.quick else 240)
    found = {}
    for name, (path, place) in paths.items():
        size = float(np.linalg.norm(path(np.array([place + STEPS[-1]]))))
        found[name] = (*one_sided(path, place), size)
    return found
