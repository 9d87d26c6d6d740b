"""Different environments that descriptors of low body order take for equal, over random parameters.

A sum of k-body terms sees an environment as the set of its k-body clusters: the centre with k - 1
neighbours, all their distances and, if mirror images count as different, their handedness. The
pairs below have the same clusters up to some order, so that no such descriptor of that order tells
them apart, whatever its radial functions, widths and cutoff::

    a, b = FAMILIES["power_spectrum"].pair(np.random.default_rng(0), scale=3.0)

*a* and *b* are neighbours around a centre at the origin, all alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from vicinal.criteria.geometry import align

#: Least distance between any two atoms, as a fraction of the scale: descriptors diverge or become
#: blind where atoms nearly coincide.
NEAREST = 0.3
#: Least root mean square distance of a pair, as a fraction of the scale: two environments that
#: happen to be nearly congruent prove nothing.
APART = 0.05

TRIES = 1000

POZDNYAKOV = (
    "S. N. Pozdnyakov, M. J. Willatt, A. P. Bartók, C. Ortner, G. Csányi, M. Ceriotti, "
    "Incompleteness of atomic structure representations, Phys. Rev. Lett. 125, 166001 (2020), "
    "doi:10.1103/PhysRevLett.125.166001"
)
BOUTIN = (
    "M. Boutin, G. Kemper, On reconstructing n-point configurations from the distribution of "
    "distances or areas, Adv. Appl. Math. 32, 709 (2004), doi:10.1016/S0196-8858(03)00101-5"
)

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Family:
    """Pairs of environments that agree up to a body order.

    Attributes
    ----------
    name, title : str
    equal_up_to : int or None
        All clusters of so many atoms, the centre included, are the same in both environments,
        handedness included. None if the environments are congruent, so that nothing may tell
        them apart.
    differs_at : int or None
        Clusters of so many atoms differ: distances, or handedness if ``mirrored``.
    mirrored : bool
        Mirror images of each other: told apart by handedness alone, never by distances.
    whole : bool
        Whole structures without a centre: clusters are of any k atoms.
    citation : str
    """

    name: str
    title: str
    equal_up_to: int | None
    differs_at: int | None
    draw: Callable[[np.random.Generator], Pair]
    citation: str = ""
    mirrored: bool = False
    whole: bool = False

    @property
    def congruent(self) -> bool:
        """A control: a rotation and a renumbering turn one environment into the other."""
        return self.equal_up_to is None

    def same_up_to(self, whole: bool) -> int | None:
        """:attr:`equal_up_to`, or the same for the clusters of the whole structures.

        Tetrahedra of the centre and three neighbours that are the same leave the same triangles
        of neighbours: as structures, environments agree up to one atom less.
        """
        if self.congruent or self.whole or not whole:
            return self.equal_up_to
        return max(1, self.equal_up_to - 1)

    def pair(self, rng: np.random.Generator, scale: float = 1.0) -> Pair:
        """Two environments with random parameters, as (n, 3) arrays in the unit of ``scale``.

        The farthest neighbour is at ``scale`` from the origin (in whole structures this is the
        longest distance, and the origin the centroid), no two atoms are nearer than
        :data:`NEAREST`, and the best rotation, numbering (and reflection, unless ``mirrored``)
        leaves a root mean square distance of :data:`APART` or more, both in this unit.
        """
        return self.measured_pair(rng, scale)[:2]

    def measured_pair(self, rng, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, float]:
        """:meth:`pair`, and its root mean square distance (0 for controls)."""
        for _ in range(TRIES):
            a, b = self.draw(rng)
            if self.whole:
                a, b = a - a.mean(axis=0), b - b.mean(axis=0)
            size = max(self.size(a), self.size(b))
            a, b = a / size, b / size
            if min(self.nearest(a), self.nearest(b)) < NEAREST:
                continue
            if self.congruent:
                return a * scale, b * scale, 0.0
            alike = np.ones(len(a))
            distance = align(a, b, alike, alike, proper=self.mirrored)[0]
            if distance >= APART:
                return a * scale, b * scale, distance * scale
        raise AssertionError(f"no pair of {self.name} found: a bug in its parameters")

    def size(self, vectors: np.ndarray) -> float:
        """The largest distance from the centre, or between two atoms of a whole structure."""
        return pdist(vectors).max() if self.whole else np.linalg.norm(vectors, axis=1).max()

    def nearest(self, vectors: np.ndarray) -> float:
        """The least distance between two atoms, the centre included where there is one."""
        return pdist(vectors if self.whole else np.vstack([np.zeros(3), vectors])).min()


def random_neighbors(rng: np.random.Generator, n: int, scale: float = 1.0) -> np.ndarray:
    """n random neighbours, (n, 3), at half of ``scale`` or more, none too near to another."""
    for _ in range(TRIES):
        vectors = _random(rng, n)
        if pdist(vectors).min() >= NEAREST:
            return vectors * scale
    raise AssertionError(f"no room for {n} neighbours")


# -- one function a family, on the scale of one ------------------------------------------------


def _directions(rng, n) -> np.ndarray:
    vectors = rng.normal(size=(n, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def _random(rng, n) -> np.ndarray:
    return _directions(rng, n) * rng.uniform(0.5, 1, (n, 1))


def _one_body(rng) -> Pair:
    directions = _directions(rng, 3)
    return directions * rng.uniform(0.4, 1, (3, 1)), directions * rng.uniform(0.4, 1, (3, 1))


def _two_body(rng) -> Pair:
    distances = rng.uniform(0.5, 1, (2, 1))
    return distances * _directions(rng, 2), distances * _directions(rng, 2)


def _power_spectrum(rng) -> Pair:
    ax, bx, by, cy = rng.uniform(0.3, 1, 4)
    az, bz, cz = rng.uniform(-1, 1, 3)
    fixed = [[ax, 0, az], [bx, by, bz], [-bx, -by, bz]]
    return np.array([*fixed, [0, cy, cz]]), np.array([*fixed, [0, -cy, cz]])


def _scalene(rng) -> np.ndarray:
    """Angles of three points on a circle, all arcs between them different."""
    while True:
        angles = np.append(0, np.sort(rng.uniform(0, 2 * np.pi, 2)))
        arcs = np.sort(np.diff(angles, append=2 * np.pi))
        if np.diff(arcs).min() > 0.4:
            return angles


def _isosceles(rng) -> np.ndarray:
    half = rng.uniform(0.8, 2.4)
    return np.array([-half, 0, half])


def _two_points(rng) -> np.ndarray:
    return np.array([0, rng.uniform(1, np.pi)])


def _ring(radius, angles, z) -> np.ndarray:
    x, y = radius * np.cos(angles), radius * np.sin(angles)
    return np.stack([x, y, np.full(len(angles), z)], axis=1)


def _rings(rng, angles, radius) -> Pair:
    """A ring, the same one turned on the other side of the origin, and an apex on either side."""
    z, apex = rng.uniform(0.2, 0.6), [0, 0, rng.uniform(0.6, 1)]
    turn = rng.uniform(0, 2 * np.pi)
    both = np.vstack([_ring(radius, angles, z), _ring(radius, angles + turn, -z)])
    return np.vstack([both, apex]), np.vstack([both, np.negative(apex)])


def _equal_radii(angles: Callable) -> Callable[[np.random.Generator], Pair]:
    return lambda rng: _rings(rng, angles(rng), rng.uniform(0.5, 1))


def _unequal_radii(rng) -> Pair:
    return _rings(rng, _scalene(rng), rng.permutation([0.5, 0.75, 1]) * rng.uniform(0.8, 1))


def _mirror(rng) -> Pair:
    a = _random(rng, 3)
    return a, a * [1, 1, -1]


def _chiral(rng) -> Pair:
    apex = [0, 0, rng.uniform(0.4, 1)]
    ring = _ring(rng.uniform(0.5, 1), _scalene(rng), 0)
    return np.vstack([ring, apex]), np.vstack([ring, np.negative(apex)])


def _rotated(rng) -> Pair:
    a = _random(rng, 5)
    return a, Rotation.from_quat(rng.normal(size=4)).apply(rng.permutation(a))


def _homometric(rng) -> Pair:
    """Two segments of lengths 2p and 2q, twisted about the line (of length h) through their
    middles; and one in which the end points of the first have other distances to the second.

    Both have the distances 2p, 2q, and twice each of ``sqrt(p² + q² + h² ± 2 p q cos twist)``.
    The plane case, h = q and no twist, is the trapezoid and kite of Boutin and Kemper.
    """
    p, q, h = rng.uniform(0.3, 1, 3)
    twist = np.arccos(rng.uniform(-1, 1) * min(1, h / q))
    ends = np.array([[q, 0, 0], [-q, 0, 0]])
    axis = np.array([[p * np.cos(twist), p * np.sin(twist), 0]])
    middle = np.array([0, 0, h])
    # Tilted against the line of the middles, and at right angles to the other segment.
    cosine = q * np.cos(twist) / h
    tilted = p * np.array([[0, np.sqrt(1 - cosine**2), cosine]])
    return (
        np.vstack([ends, middle + axis, middle - axis]),
        np.vstack([ends, middle + tilted, middle - tilted]),
    )


#: All families by name, ordered by the body order up to which they agree.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("one_body", "as many neighbours at other distances", 1, 2, _one_body),
        Family("two_body", "two neighbours at the same distances, another angle", 2, 3, _two_body),
        Family(
            "power_spectrum",
            "four neighbours with the same distances and angles",
            3,
            4,
            _power_spectrum,
            POZDNYAKOV,
        ),
        Family(
            "unequal_rings",
            "rings of unequal radii with the same distances and angles",
            3,
            4,
            _unequal_radii,
        ),
        Family(
            "bispectrum",
            "rings with the same distances, angles and tetrahedra",
            4,
            5,
            _equal_radii(_scalene),
            POZDNYAKOV,
        ),
        Family("mirror", "mirror images of three neighbours", 3, 4, _mirror, mirrored=True),
        Family("chiral", "mirror images of a ring", 4, 5, _chiral, POZDNYAKOV, mirrored=True),
        Family("rotated", "one environment, turned and renumbered", None, None, _rotated),
        Family(
            "ring_of_two",
            "one environment with rings of two, turned over",
            None,
            None,
            _equal_radii(_two_points),
        ),
        Family(
            "isosceles_ring",
            "one environment with isosceles rings, turned over",
            None,
            None,
            _equal_radii(_isosceles),
        ),
        Family(
            "homometric",
            "four atoms with the same six distances",
            2,
            3,
            _homometric,
            BOUTIN,
            whole=True,
        ),
    )
}
