"""The search for two different environments with the same row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial.distance import pdist

from vicinal.criteria import Setting, geometry, samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.criteria.uniqueness.coordinates import (
    DENSITY,
    Coordinates,
    environments,
    not_in_cells,
)
from vicinal.criteria.uniqueness.counterexamples import FAMILIES
from vicinal.criteria.uniqueness.descent import Fence, descend
from vicinal.criteria.uniqueness.sensitivity import jacobian_spectrum
from vicinal.pages.parts import Table

TITLE = "Search for different environments with the same row"

#: Rows of a pair differ by this share of what is usual, or more: good (a model that resolves usual
#: differences to a percent tells them apart), fair. Below DEGENERATE they are the same: the
#: searches come down to rounding errors there, far below.
GOOD, FAIR, DEGENERATE = 1e-2, 1e-4, 1e-6

#: Environments count as different from this distance on (Å, root mean square over the neighbours
#: after the best rotation and matching): several times a thermal vibration.
BOUND = 0.3

#: In a search for a pair, its first environment stays this near to where it began (Å).
ROAM = 0.5

#: Weights of the bounds against the descriptor distance, which is 1 for a usual pair.
HOLD = 10.0

#: Random displacements are compared with up to this size (Å); larger ones make atoms collide.
LARGEST = 0.5

#: Of larger environments the nearest neighbours are searched with: the cost grows as the cube.
MOST_NEIGHBORS = 8


@dataclass(frozen=True)
class Pair:
    """Two environments and how far they are apart.

    Attributes
    ----------
    first, second : Atoms; the centre is atom 0
    descriptor_distance : Euclidean distance of the rows
    usual_distance : that of a random displacement of the same geometric size (median)
    geometric_distance : Å, root mean square after the best rotation and matching
    """

    first: Atoms
    second: Atoms
    descriptor_distance: float
    usual_distance: float
    geometric_distance: float

    @property
    def ratio(self) -> float:
        """Descriptor distance over the usual one: 1 is ordinary, 1e-8 the same row."""
        if self.usual_distance == 0:
            return 0.0
        return self.descriptor_distance / self.usual_distance


def closest(
    subject: Subject,
    frame: Atoms,
    *,
    partner: Atoms | None = None,
    free: bool = False,
    bound: float = BOUND,
    starts: int = 6,
    roam: float = ROAM,
    seed: int | np.random.Generator = 0,
    effort: int = 60,
) -> Pair | None:
    r"""The most similar row of an environment that is really another one.

    Minimises :math:`|f(A) - f(B)|` over the neighbours of B, while the geometric distance of A and
    B, after the best rotation and matching of like atoms, stays above a bound.

    Parameters
    ----------
    subject : Subject, with species and sizes known (see :meth:`Subject.fitted`)
    frame : Atoms
        Environment A; atom 0 is the centre. If rows are structures, all atoms move.
    partner : Atoms, optional
        Where B begins (with the atoms of A); else ``starts`` times from A distorted along the
        displacements that it notices least, with its neighbours in random directions, and strongly
        perturbed, in turn.
    free : bool
        A may move too (by up to ``roam`` Å an atom). Descriptors that are blind at special
        environments only, such as three-body ones, have a degenerate pair near many A but no exact
        partner of A itself.
    bound : float, Å
    seed : int or numpy.random.Generator
    effort : int, most evaluations by least squares; half as many steps with gradients before

    Returns
    -------
    Pair or None
        With the smallest distance relative to the usual one; None if every start came back to A.
        Mirror images count as equal if the descriptor does not tell them apart.

    A quasi-Newton search with gradients by ``vjp`` first, then least squares on the difference of
    the rows, which comes down to rounding errors at degenerate pairs. The bounds are residuals too.
    """
    rng = np.random.default_rng(seed)
    search = _Search(subject, frame, free=free, bound=bound, roam=roam, rng=rng)
    best = None
    for b in search.starts(starts, rng) if partner is None else [search.read(partner)]:
        # From afar gradients lead the way; near a solution they are slow.
        found = search.run(b, effort // 2 if partner is None else 0, effort, rng)
        if found is not None and (best is None or found.ratio < best.ratio):
            best = found
        if best is not None and best.ratio < DEGENERATE:
            break
    return best


class _Search:
    """The objective: the difference of the rows over its usual size, and the bounds."""

    def __init__(self, subject, frame, *, free, bound, roam, rng):
        self.coordinates = one = Coordinates(subject, frame)
        self.a, self.free, self.bound = one.start, free, bound
        self.proper = one.sees_mirror()
        self.scale = self.usual(self.a, bound, rng) or 1.0
        vectors = one.vectors(self.a)
        center = self.a[:3] - vectors[0]
        apart = 0.8 * pdist(vectors).min(initial=np.inf)
        # Only an atom at the centre keeps others away.
        hollow = 0.0 if one.center is None else 0.8 * np.linalg.norm(vectors, axis=1).min()
        within = 1.05 * np.linalg.norm(vectors, axis=1).max()
        limits = {"apart": apart, "hollow": hollow, "within": within}
        self.fence = Fence(len(vectors), center, **limits)
        self.near = Fence(len(vectors), center, **limits, home=self.a, roam=roam)
        self.rotation = np.eye(3)

    def read(self, partner: Atoms) -> np.ndarray:
        return Coordinates(self.coordinates.subject, partner).start

    def usual(self, a: np.ndarray, size: float, rng) -> float:
        """Median distance of the rows for random displacements of this size."""
        one = self.coordinates
        moved = [one.at(a + one.displacement(a, size, rng)) for _ in range(7)]
        rows = one.subject.at([one.at(a), *moved]).astype(float)
        return float(np.median(np.linalg.norm(rows[1:] - rows[0], axis=1)))

    def starts(self, n: int, rng):
        soft = jacobian_spectrum(self.coordinates.subject, self.coordinates.frame).displacements
        m = len(self.a) // 3
        for k in range(n):
            kind, turn = k % 3, k // 3
            if kind == 0:
                mode = soft[-1 - (turn // 2) % len(soft)].ravel() * (-1) ** turn
                yield self.a + 1.2 * self.bound * np.sqrt(m) * mode
            elif kind == 1:
                vectors = self.coordinates.vectors(self.a)
                turned = rng.normal(size=vectors.shape)
                lengths = np.linalg.norm(vectors, axis=1) / np.linalg.norm(turned, axis=1)
                offset = self.a.reshape(-1, 3) - vectors
                yield (offset + lengths[:, None] * turned).ravel()
            else:
                yield self.a + self.coordinates.displacement(self.a, 1.0, rng)

    def split(self, x) -> tuple[np.ndarray, np.ndarray]:
        return (x[: len(self.a)], x[len(self.a) :]) if self.free else (self.a, x)

    def run(self, b, first: int, then: int, rng) -> Pair | None:
        x = np.concatenate([self.a, b]) if self.free else b
        for steps in ({"first": first, "then": 0}, {"first": 0, "then": then}):
            self.realign(x)
            x = descend(self.gradient, self.residuals, self.jacobian, x, **steps)
        a, b = self.split(x)
        distance = self.coordinates.distance(a, b, proper=self.proper)
        if distance < 0.9 * self.bound:
            return None
        one = self.coordinates
        rows = one.subject.at([one.at(a), one.at(b)]).astype(float)
        apart = float(np.linalg.norm(rows[1] - rows[0]))
        usual = self.usual(a, min(distance, LARGEST), rng)
        pair = Pair(one.at(a), one.at(b), apart, usual, float(distance))
        for frame in (pair.first, pair.second):
            frame.info |= {"descriptor_distance": apart, "usual_descriptor_distance": usual}
            frame.info |= {"geometric_distance": pair.geometric_distance}
        return pair

    # -- residuals ------------------------------------------------------------------------------

    def realign(self, x) -> None:
        """Find the best rotation anew; in between it follows the last one."""
        self.rotation = self.align(x, None)[2]

    def align(self, x, starts):
        a, b = (self.coordinates.vectors(part) for part in self.split(x))
        numbers = self.coordinates.numbers
        return geometry.align(a, b, numbers, numbers, proper=self.proper, starts=starts)

    def bounds(self, x) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and Jacobian of the geometric distance and of the fences."""
        a, b = self.split(x)
        distance, match, self.rotation = self.align(x, [self.rotation])
        missing = max(1 - distance / self.bound, 0.0)
        va, vb = self.coordinates.vectors(a), self.coordinates.vectors(b)
        off = va - vb[match] @ self.rotation
        slope = -np.sign(missing) / (self.bound * len(va) * max(distance, 1e-9))
        by_a = slope * off
        by_b = np.zeros_like(by_a)
        by_b[match] = -slope * off @ self.rotation.T
        stay, stay_by_b = self.fence(b)
        if not self.free:
            values = np.concatenate([[missing], stay])
            return HOLD * values, HOLD * np.vstack([by_b.ravel(), stay_by_b])
        home, home_by_a = self.near(a)
        values = np.concatenate([[missing], stay, home])
        jacobian = np.zeros((len(values), len(x)))
        n = len(self.a)
        jacobian[0] = np.concatenate([by_a.ravel(), by_b.ravel()])
        jacobian[1 : 1 + len(stay), n:] = stay_by_b
        jacobian[1 + len(stay) :, :n] = home_by_a
        return HOLD * values, HOLD * jacobian

    def difference(self, x) -> np.ndarray:
        one = self.coordinates
        rows = one.subject.at([one.at(part) for part in self.split(x)]).astype(float)
        return (rows[1] - rows[0]) / self.scale

    def residuals(self, x) -> np.ndarray:
        return np.concatenate([self.difference(x), self.bounds(x)[0]])

    def jacobian(self, x) -> np.ndarray:
        a, b = self.split(x)
        rows = self.coordinates.jacobian(b) / self.scale
        if self.free:
            rows = np.hstack([-self.coordinates.jacobian(a) / self.scale, rows])
        return np.vstack([rows, self.bounds(x)[1]])

    def gradient(self, x) -> tuple[float, np.ndarray]:
        difference, (values, jacobian) = self.difference(x), self.bounds(x)
        a, b = self.split(x)
        by_rows = self.coordinates.gradient(b, difference / self.scale)
        if self.free:
            by_a = -self.coordinates.gradient(a, difference / self.scale)
            by_rows = np.concatenate([by_a, by_rows])
        value = difference @ difference + values @ values
        return value, 2 * (by_rows + values @ jacobian)


def near_known_pair(subject: Subject, size: float, rng: np.random.Generator) -> list[Atoms]:
    """Two environments that every three-body descriptor nearly takes for one: a random member of
    the family of Pozdnyakov et al. (:mod:`.counterexamples`), well within the cutoff, displaced.

    Parameters
    ----------
    size : root mean square displacement of the neighbours, Å
    """
    scale = 0.7 * min(subject.reach, 6.0)
    pair = []
    for vectors in FAMILIES["power_spectrum"].pair(rng, scale):
        frame = samples.environment(subject, vectors)
        displacement = rng.normal(size=vectors.shape)
        frame.positions[1:] += displacement * size * 2 / np.linalg.norm(displacement)
        pair.append(frame)
    return pair


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    found: list[tuple[str, Pair]] = []
    with section.attempt("closest_partner", "Nearest row of another environment"):
        not_in_cells(subject, setting.frames)
        setting.progress("search for another environment with the same row")
        found += _search(subject, setting, section, free=False)
    with section.attempt("closest_pair", "Nearest rows of two different environments"):
        not_in_cells(subject, setting.frames)
        setting.progress("search for two environments with the same row")
        found += _search(subject, setting, section, free=True)
    if found:
        worst = min((pair for _, pair in found), key=lambda pair: pair.ratio)
        section.structures["worst-pair"] = [worst.first, worst.second]
        table = Table(
            "Different environments with the most similar rows",
            ("search", "neighbours", "descriptor distance / usual", "geometric distance / Å"),
            note="Usual: the distance of the rows for a random displacement of the same size. Of "
            f"your environments the nearest {MOST_NEIGHBORS} neighbours.",
        )
        for what, pair in found:
            n = len(pair.first) - 1
            table.rows.append((what, n, pair.ratio, pair.geometric_distance))
        section.tables.append(table)


def _search(subject: Subject, setting: Setting, section: Section, *, free: bool):
    rng = setting.rng("pairs" if free else "partner")
    exact = subject.descriptor is not None
    if setting.frames is not None:
        frames = environments(subject, setting.frames, 1 if setting.quick else 2, rng)
        frames = [_nearest(frame) for frame in frames]
    else:
        sizes = (4,) if setting.quick or not exact else (4, 6)
        frames = [samples.random_environment(subject, n, rng, density=DENSITY) for n in sizes]
    cases = [("your environment" if setting.frames else "random", frame, None) for frame in frames]
    if free:
        known = near_known_pair(subject, 0.05, rng)
        cases = [("near a known pair", *known), *(cases[:1] if not setting.quick else [])]
    starts = 2 if setting.quick or not exact else 6
    effort = 30 if setting.quick else 80
    found = []
    for what, frame, partner in cases:
        one = subject.refitted([frame])
        pair = closest(
            one, frame, partner=partner, free=free, starts=starts, effort=effort, seed=rng
        )
        if pair is not None:
            found.append((what + (", both move" if free else ""), pair))
    if not found:
        raise NotApplicable("every search ended at the environment where it began")
    ratio = min(pair.ratio for _, pair in found)
    section.add(
        "closest_pair" if free else "closest_partner",
        "Nearest rows of two different environments, over the usual distance"
        if free
        else "Nearest row of another environment, over the usual distance",
        ratio,
        "good" if ratio > GOOD else "fair" if ratio > FAIR else "poor",
        note="different environments with the same row were found"
        if ratio < DEGENERATE
        else "1: as for a random displacement of the same size; 0: the same row",
    )
    return found


def _nearest(frame: Atoms) -> Atoms:
    """The centre and its nearest neighbours."""
    order = np.argsort(np.linalg.norm(frame.positions - frame.positions[0], axis=1), kind="stable")
    return frame[order[: 1 + MOST_NEIGHBORS]]
