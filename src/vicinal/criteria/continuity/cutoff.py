"""How a neighbour leaves the environment: derivatives that are continuous at the cutoff.

Beyond the cutoff a neighbour changes nothing. A row whose first ``k`` derivatives are continuous
there, and no more, differs at a distance ``h`` within the cutoff by ``A h^(k+1)``: the power, as h
shrinks, tells a jump from a function that is merely steep.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vicinal.criteria import samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.pages.parts import Figure, Series, Table

#: Rows at the distances (Å) of a neighbour, (distances, features).
Curve = Callable[[np.ndarray], np.ndarray]

#: A neighbour farther than this (Å) is not looked for; in the cells that some descriptors need, its
#: image would come near from the other side.
FARTHEST, FARTHEST_IN_CELL = 20.0, samples.BOX / 2 - 1
#: The farthest (Å) of the neighbours that do not move.
FARTHEST_BEHIND = 3.5
#: Change, in units of the last digit of the largest number of the row, that is no rounding.
ROUNDING = 500
#: How much nearer than the cutoff, in parts of it, rounding may hide a neighbour that fades out.
HIDDEN = {"float64": 0.03, "float32": 0.05}
#: Change, relative to the neighbour's influence well inside, from which powers are fitted: a
#: hundred times the accuracy of tables.
FLOOR = 1e-8
#: A power this much above a whole number is still that number.
SLACK = 0.25
#: Continuous derivatives are counted up to here.
MOST = 3


def outgoing(subject: Subject, rng: np.random.Generator, number: int, n: int = 4) -> Curve:
    """Rows of an environment with one neighbour at a given distance, all others behind the centre.

    Near the cutoff, the moving neighbour is then in reach of the centre alone, so that rows of
    structures too are constant beyond it.
    """
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    farthest = min(0.7 * subject.reach, FARTHEST_BEHIND)
    behind: list[np.ndarray] = []
    nearest = 1.0
    while len(behind) < n:
        place = rng.uniform(-farthest, farthest, 3)
        far = np.linalg.norm(place)
        apart = min([np.linalg.norm(place - other) for other in behind], default=np.inf)
        if nearest < far < farthest and place @ axis < -0.6 * far and apart > 0.5 * nearest:
            behind.append(place)
        nearest *= 0.9999  # there is always room in the end
    numbers = [*rng.choice(subject.species, n), number]

    def rows(distances) -> np.ndarray:
        places = [[*behind, r * axis] for r in np.atleast_1d(distances)]
        return subject.at([samples.environment(subject, place, numbers) for place in places])

    return rows


def reach(curve: Curve, farthest: float = FARTHEST) -> float | None:
    """The distance (Å) beyond which a neighbour is not felt; None if it is felt at ``farthest``.

    Raises
    ------
    NotApplicable
        It is felt nowhere.
    """
    distances = np.append(farthest, np.linspace(0.97 * farthest, 0.8, 96))
    rows = curve(distances)
    beyond, rounding = rows[0], ROUNDING * np.finfo(rows.dtype).eps * np.abs(rows).max()
    for _ in range(8):
        felt = np.flatnonzero(np.abs(rows - beyond).max(axis=1) > rounding)
        if not len(felt):
            raise NotApplicable("the distance of a neighbour makes no difference")
        if felt[0] == 1 and distances[0] == farthest:
            return None
        distances = np.linspace(distances[felt[0] - 1], distances[felt[0]], 17)
        rows = curve(distances)
    return float(distances[-1])


def exponent(h: np.ndarray, change: np.ndarray, floor: float) -> float:
    """The power p of ``change ~ A h^p (1 + B h)`` as h goes to zero.

    Fitted to logarithms, from the smallest h whose change is above the floor to ten times that.
    ``h`` falls.
    """
    below = np.flatnonzero(~(change > floor))
    seen = slice(0, below[0] if len(below) else len(h))
    h, change = h[seen], change[seen]
    if len(h) < 4:
        return np.inf  # it vanishes faster than can be followed
    chosen = h <= max(10 * h[-1], h[-4])
    h = h[chosen]
    terms = np.stack([np.log(h), np.ones_like(h), h / h[0]], axis=1)
    return float(np.linalg.lstsq(terms, np.log(change[chosen]), rcond=None)[0][0])


def continuous_derivatives(power: float) -> int:
    """How many derivatives are continuous where a function vanishes with this power.

    -1 if the value jumps, and at most 3.
    """
    return int(np.clip(np.ceil(power - SLACK) - 1, -1, MOST)) if np.isfinite(power) else MOST


class Crossing:
    """What happens as one neighbour crosses the cutoff, at distance ``end``.

    Attributes
    ----------
    inside : float, norm of the neighbour's influence at 0.6 of the cutoff, the unit of the rest
    power : float, with which its influence vanishes
    jumps : list of float, of the value, the first and second derivative (1/Å, 1/Å²)
    """

    def __init__(self, curve: Curve, end: float):
        self.curve, self.end = curve, end
        self.beyond = curve(1.01 * end)[0]
        self.inside = np.linalg.norm(curve(0.6 * end)[0] - self.beyond)
        if self.inside == 0:
            raise NotApplicable("a neighbour well within the cutoff is not felt")
        h = min(0.1 * end, 0.5) * 0.5 ** np.arange(0, 22, 0.5)
        self.power = exponent(h, self.change(end - h), max(FLOOR, 30 * self._noise()))
        step = 0.005  # small beside widths, large beside the accuracy of tables
        at = self._relative(end - step * np.array([1e-4, 1, 2, 3]))
        # One-sided differences, of second order in the step.
        weights = np.array([[1, 0, 0, 0], [-1.5, 2, -0.5, 0], [2, -5, 4, -1]])
        self.jumps = [
            float(np.linalg.norm(w @ at) / step**order) for order, w in enumerate(weights)
        ]

    def _relative(self, distances) -> np.ndarray:
        return (self.curve(distances) - self.beyond) / self.inside

    def _noise(self) -> float:
        """What a smooth curve does not do: fourth differences in small steps, for float32."""
        at = self._relative(0.6 * self.end + 1e-4 * np.arange(9))
        return np.linalg.norm(np.diff(at, 4, axis=0), axis=1).max() / np.sqrt(70)

    def change(self, distances) -> np.ndarray:
        """Norm of the neighbour's influence at these distances."""
        return np.linalg.norm(self._relative(distances), axis=1)


def crossings(subject: Subject, rng: np.random.Generator, n: int = 4) -> list[Crossing]:
    """Several environments that a neighbour leaves, of each species in turn.

    The distance is the subject's cutoff if the neighbour is felt up to there, or else what is
    found.

    Raises
    ------
    NotApplicable
        Neighbours are felt however far they are, or nowhere.
    """
    found = []
    for i in range(n):
        curve = outgoing(subject, rng, subject.species[i % len(subject.species)])
        farthest = max(FARTHEST, 1.5 * (subject.cutoff or 0))
        farthest = FARTHEST_IN_CELL if subject.needs_cell else farthest
        end = reach(curve, farthest)
        if end is None:
            raise NotApplicable(f"no cutoff: a neighbour is felt at {farthest:g} Å")
        stated = subject.cutoff
        if stated is not None and abs(end - stated) < HIDDEN[curve([end]).dtype.name] * stated:
            end = stated
        found.append(Crossing(curve, end))
    return found


def measure(subject: Subject, setting, section: Section) -> None:
    label = "Continuous derivatives at the cutoff"
    with section.attempt("smoothness", label):
        setting.progress("a neighbour crosses the cutoff")
        found = crossings(subject, setting.rng("cutoff"), 2 if setting.quick else 5)
        smoothness = min(continuous_derivatives(one.power) for one in found)
        end = max(one.end for one in found)
        note = {
            -1: "the value jumps, so energies do",
            0: "the value is continuous, forces are not",
            1: "forces are continuous, their derivatives are not",
        }.get(smoothness, "forces and their derivatives are continuous")
        verdict = {-1: "poor", 0: "fair"}.get(smoothness, "good")
        unit = "or more" if smoothness == MOST else ""
        section.add("smoothness", label, smoothness, verdict, unit, note)
        section.add("reach", "Neighbours are felt up to", end, unit="Å", note=_stated(subject, end))
        powers = [one.power for one in found if np.isfinite(one.power)]
        note = "of the distance to the cutoff; a jump: 0, a kink: 1"
        power = min(powers, default=None)
        section.add("power", "Power with which a neighbour vanishes", power, note=note)
        jump = max(one.jumps[0] for one in found)
        note = "relative to the influence of a neighbour well inside"
        section.add(
            "jump", "Jump at the cutoff", jump, "poor" if smoothness < 0 else "good", "", note
        )
        _show(section, found, smoothness)


def _stated(subject: Subject, end: float) -> str:
    if subject.cutoff in (None, end):
        return ""
    return f"its cutoff is said to be {subject.cutoff:g} Å"


def _show(section: Section, found: list[Crossing], smoothness: int) -> None:
    names = ("value", "first derivative (1/Å)", "second derivative (1/Å²)")
    table = Table(
        "Jumps at the cutoff, relative to the influence of a neighbour well inside",
        ("environment", "cutoff (Å)", *names, "power"),
        note="Derivatives beyond the continuous ones are those just inside the cutoff.",
    )
    figure = Figure(
        "A neighbour leaves the environment",
        "distance to the cutoff (Å)",
        "influence, relative to well inside",
        xscale="log",
        yscale="log",
        note=f"It vanishes with the power {smoothness + 1}{' or more' * (smoothness == MOST)}.",
    )
    for i, one in enumerate(found):
        table.rows.append((i + 1, one.end, *one.jumps, one.power))
        h = one.end * np.geomspace(1e-5, 0.3, 60)
        influence = one.change(one.end - h)
        seen = influence > 1e-2 * FLOOR
        figure.series.append(Series(f"environment {i + 1}", h[seen], influence[seen]))
    section.tables.append(table)
    section.figures.append(figure)
