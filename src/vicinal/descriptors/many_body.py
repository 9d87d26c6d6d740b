"""What the descriptors made of Gaussians on grids share: MBTR, LMBTR, Valle-Oganov.

An :class:`Order` is what is computed for the tuples of k atoms: a geometry function, the grid on
which Gaussians about its values are added up, and the weight of a tuple. Users give it as a
dictionary ``{"geometry": ..., "grid": {...}, "weighting": {...}}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vicinal.basis.cutoff import CUTOFF_FUNCTIONS
from vicinal.basis.spline import Table, tabulate
from vicinal.correlate.grids import Grid, chain_grid, pair_grid, triple_grid
from vicinal.descriptors.parameters import check_choice, check_integer, check_number, plain
from vicinal.errors import ParameterError

#: Geometry functions of each order: the label in feature names, and the default grid.
GEOMETRIES = {
    1: {"atomic_number": ("Z", {"min": 0.0, "max": 100.0, "n": 101, "sigma": 0.2})},
    2: {
        "distance": ("r", {"min": 0.0, "max": 6.0, "n": 61, "sigma": 0.1}),
        "inverse_distance": ("1/r", {"min": 0.0, "max": 1.0, "n": 51, "sigma": 0.02}),
        "inverse_square_distance": ("1/r²", {"min": 0.0, "max": 1.0, "n": 51, "sigma": 0.02}),
    },
    3: {
        "angle": ("angle", {"min": 0.0, "max": 180.0, "n": 61, "sigma": 4.0}),
        "cosine": ("cos", {"min": -1.0, "max": 1.0, "n": 51, "sigma": 0.05}),
    },
    4: {
        "dihedral": ("dihedral", {"min": 0.0, "max": 180.0, "n": 61, "sigma": 4.0}),
        "dihedral_cosine": ("cos dihedral", {"min": -1.0, "max": 1.0, "n": 51, "sigma": 0.05}),
    },
}

#: Weightings of each order, with the keys that each takes beside "function".
WEIGHTINGS = {
    1: {"unity": ()},
    2: {
        "unity": ("cutoff",),
        "exp": ("scale", "cutoff", "threshold"),
        "inverse_square": ("cutoff",),
        "smooth_cutoff": ("cutoff", "sharpness"),
    },
    3: {
        "unity": ("cutoff",),
        "exp": ("scale", "cutoff", "threshold"),
        "smooth_cutoff": ("cutoff", "sharpness"),
    },
}
WEIGHTINGS[4] = WEIGHTINGS[3]

#: Å; beyond it atoms do not see each other where a weighting has no cutoff.
UNBOUNDED = 1000.0

_ACCURACY = 1e-12


@dataclass(frozen=True)
class Order:
    """The tuples of k atoms.

    Attributes
    ----------
    k : int
    geometry : str, see :data:`GEOMETRIES`
    grid : dict with min, max, n, sigma
    function : str, see :data:`WEIGHTINGS`
    scale, sharpness : float, of the weightings that have them
    cutoff : float, Å, None if unbounded
        Of distances; for "exp" and k = 3, of half the perimeter of the triangle.
    """

    k: int
    geometry: str
    grid: dict
    function: str
    scale: float
    sharpness: float
    cutoff: float | None

    def labels(self) -> list[str]:
        """The grid points by name."""
        points = np.linspace(self.grid["min"], self.grid["max"], self.grid["n"])
        return [f"{GEOMETRIES[self.k][self.geometry][0]}={x}" for x in grid_numbers(points)]

    @property
    def perimeter(self) -> bool:
        """Is the weight a function of the perimeter, not a product over distances?"""
        return self.k == 3 and self.function == "exp"

    def reach(self, *, ends: bool = False) -> float:
        """How far from a centre atoms matter; ``ends``: also where it is not the vertex."""
        cutoff = UNBOUNDED if self.cutoff is None else self.cutoff
        two_steps = self.k == 4 or (self.k == 3 and ends and not self.perimeter)
        return cutoff * (2 if two_steps else 1)

    def smoothness(self, fade: str | None) -> float:
        if self.k == 1 or self.cutoff is None:
            return np.inf
        return 1 if self.function == "smooth_cutoff" else CUTOFF_FUNCTIONS[fade].smoothness

    def grid_of(self, dtype, gaussian: str, normalized: bool) -> Grid:
        return Grid(
            **self.grid,
            gaussian=gaussian,
            normalized=normalized,
            itemsize=np.dtype(dtype).itemsize,
        )

    def term(self, grid: Grid, fade: str | None, factor: float, block, end_block=None):
        """The native term, its weights times a factor (k = 2, 3, 4)."""
        weight = _weight(json.dumps(plain(vars(self))), fade, factor)
        power = 2 if self.function == "inverse_square" else 0
        if self.k == 2:
            return pair_grid(grid, self.geometry, weight, power, block)
        if self.k == 4:
            return chain_grid(grid, self.geometry, weight, power, block)
        sides = "perimeter" if self.perimeter else "legs"
        return triple_grid(
            grid, self.geometry, weight, power, block, sides=sides, end_block=end_block
        )


@lru_cache(maxsize=32)
def _weight(order: str, fade: str | None, factor: float) -> Table:
    """What the kernel multiplies, as a function of a distance or of the perimeter."""
    order = Order(**json.loads(order))
    stretch = 2 if order.perimeter else 1
    end = stretch * (UNBOUNDED if order.cutoff is None else order.cutoff)

    def values(x):
        if order.function == "smooth_cutoff":
            y, q = order.sharpness, x / end
            weight = 1 + y * q ** (y + 1) - (y + 1) * q**y
        else:
            weight = np.exp(-order.scale * x) if order.function == "exp" else np.ones_like(x)
            if order.cutoff is not None:
                weight = weight * CUTOFF_FUNCTIONS[fade](x, cutoff=end)
        return factor * weight[:, None, None]

    return tabulate(values, end, accuracy=_ACCURACY)


# -- what users give ----------------------------------------------------------------------------


def parse(name: str, k: int, given, *, bounded: bool) -> Order:
    """The order that a user's dictionary asks for.

    Parameters
    ----------
    name : of the parameter, for messages
    k : number of atoms
    given : dict
    bounded : does every weighting need a cutoff?

    Raises
    ------
    ParameterError
    """
    _check_keys(name, given, ("geometry", "grid", "weighting"))
    geometry = given.get("geometry")
    check_choice(f"{name}: geometry", geometry, tuple(GEOMETRIES[k]))
    grid = _grid(f"{name}: grid", given.get("grid", {}), GEOMETRIES[k][geometry][1])
    weighting = given.get("weighting", {"function": "unity"})
    name = f"{name}: weighting"
    known = {key for keys in WEIGHTINGS[k].values() for key in keys} | {"function"}
    _check_keys(name, weighting, known)
    function = weighting.get("function")
    check_choice(f"{name}: function", function, tuple(WEIGHTINGS[k]))
    _check_keys(name, weighting, {"function", *WEIGHTINGS[k][function]})
    for key in set(weighting) - {"function"}:
        check_number(f"{name}: {key}", weighting[key], positive=True)
    scale, cutoff = weighting.get("scale"), weighting.get("cutoff")
    if function == "exp":
        threshold = weighting.get("threshold", 1e-3)
        if not threshold < 1:
            raise ParameterError(f"{name}: threshold must be below 1, not {threshold!r}")
        if (scale is None) == (cutoff is None):
            raise ParameterError(f"{name}: exp needs either scale or cutoff, and not both")
        depth = -np.log(threshold) / (2 if k == 3 else 1)
        scale, cutoff = scale or depth / cutoff, cutoff or depth / scale
    elif k > 1 and cutoff is None and (bounded or function != "unity"):
        hint = " (unless periodic=False)" if function == "unity" else ""
        raise ParameterError(f"{name}: {function} needs a cutoff{hint}")
    return Order(
        k=k,
        geometry=geometry,
        grid=grid,
        function=function,
        scale=0.0 if scale is None else float(scale),
        sharpness=float(weighting.get("sharpness", 2.0)),
        cutoff=None if cutoff is None else float(cutoff),
    )


def _grid(name: str, given, default: dict) -> dict:
    _check_keys(name, given, default)
    grid = {**default, **given}
    check_integer(f"{name}: n", grid["n"], 2)
    check_number(f"{name}: sigma", grid["sigma"], positive=True)
    for key in ("min", "max"):
        check_number(f"{name}: {key}", grid[key])
    if not grid["min"] < grid["max"]:
        raise ParameterError(f"{name}: min {grid['min']!r} is not below max {grid['max']!r}")
    numbers = {key: float(grid[key]) for key in ("min", "max", "sigma")} | {"n": int(grid["n"])}
    try:
        Grid(**numbers)
    except ParameterError as error:
        raise ParameterError(f"{name}: {error}") from None
    return numbers


def _check_keys(name: str, given, known) -> None:
    if not isinstance(given, Mapping):
        raise ParameterError(f"{name} must be a dictionary, not {given!r}")
    for key in given:
        if key not in known:
            raise ParameterError(f"{name} has no {key!r}; it has: {', '.join(sorted(known))}")


def parse_dscribe(geometry, grid, weighting=None) -> tuple[int, dict]:
    """``(k, dictionary)`` for the arguments of DScribe's MBTR and LMBTR."""
    function = geometry.get("function") if isinstance(geometry, Mapping) else None
    k = next((k for k, known in GEOMETRIES.items() if function in known), None)
    if k is None:
        raise ParameterError(f"geometry: no function {function!r}")
    given = {"geometry": function, "grid": dict(grid)}
    if weighting is not None and k > 1:
        given["weighting"] = {"cutoff" if q == "r_cut" else q: v for q, v in weighting.items()}
    return k, given


def grid_numbers(points: np.ndarray) -> list[str]:
    """Numbers in as few digits as tell them apart, but four."""
    for digits in range(4, 18):
        numbers = [f"{x:.{digits}g}" for x in points + 0.0]
        if len(set(numbers)) == len(numbers):
            break
    return numbers
