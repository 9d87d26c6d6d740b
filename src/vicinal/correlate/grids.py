"""Gaussians of functions of a few atoms, summed on uniform grids: terms for the native engine.

The term of each order is ``row[block][k] = sum_tuples w K(x_k - g)``: g is a function of the tuple
of atoms and w its weight; the block follows from the species.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import erf

from vicinal.basis.spline import Table
from vicinal.correlate.sums import native
from vicinal.errors import ParameterError

GAUSSIANS = ("integrated", "sampled")

#: What of a Gaussian is left out, relative to its height.
_NEGLIGIBLE = {8: 1e-12, 4: 1e-8}
#: Error of an interpolated Gaussian, relative to its height.
_ACCURACY = {8: 1e-12, 4: 1e-7}


@dataclass(frozen=True)
class Grid:
    """Points at which Gaussians are added up.

    Attributes
    ----------
    min, max : float, first and last point
    n : int, number of points, two at least
    sigma : float, width of the Gaussians
    gaussian : "sampled", or "integrated": its mean over one step about the point
    normalized : bool, of unit area instead of unit height
    itemsize : int, 8 or 4, bytes of the numbers in which sums are made

    Raises
    ------
    ParameterError
        The Gaussians are so narrow that most of them would lie between the points.
    """

    min: float
    max: float
    n: int
    sigma: float
    gaussian: str = "integrated"
    normalized: bool = True
    itemsize: int = 8

    def __post_init__(self):
        if self.step > 100 * self.sigma:
            raise ParameterError(
                f"sigma {self.sigma:g} is less than a hundredth of the grid's step {self.step:g}"
            )

    @property
    def points(self) -> np.ndarray:
        return np.linspace(self.min, self.max, self.n)

    @property
    def step(self) -> float:
        return (self.max - self.min) / (self.n - 1)

    @property
    def left(self) -> int:
        """Points on each side of a Gaussian where it is not negligible."""
        reach = self.sigma / self.step * np.sqrt(-2 * np.log(_NEGLIGIBLE[self.itemsize]))
        return int(np.ceil(reach + (0.5 if self.gaussian == "integrated" else 0)))

    def kernel(self, x: np.ndarray, derivative: int = 0) -> np.ndarray:
        """The Gaussian at a distance `x` from its centre, or a derivative, up to the third."""
        if self.gaussian == "sampled":
            return self._gaussian(x, derivative)
        right, left = (self._gaussian(x + side * self.step / 2, derivative - 1) for side in (1, -1))
        return (right - left) / self.step

    def _gaussian(self, x, derivative):
        height = 1 / (np.sqrt(2 * np.pi) * self.sigma) if self.normalized else 1.0
        z = x / self.sigma
        if derivative == -1:
            return height * self.sigma * np.sqrt(np.pi / 2) * erf(z / np.sqrt(2))
        hermite = (1.0, -z, z**2 - 1, 3 * z - z**3)[derivative]
        return height / self.sigma**derivative * hermite * np.exp(-0.5 * z**2)

    @property
    def cells(self) -> int:
        """Nodes of the interpolation between two points: its error is h⁸/10321920 times the eighth
        derivative, which is 105/sigma⁸ at most."""
        per_sigma = (105 / 10321920 / _ACCURACY[self.itemsize]) ** (1 / 8)
        return int(np.ceil(per_sigma * self.step / self.sigma))

    def spectrum(self, x: float) -> np.ndarray:
        """One Gaussian, at every point."""
        return self.kernel(self.points - x)


@lru_cache(maxsize=16)
def _nodes(grid: Grid) -> np.ndarray:
    """[cells][4][points]: Gaussians that lie at each node of a cell, with three derivatives by the
    number of the node."""
    offset = np.arange(grid.cells)[:, None] / grid.cells
    x = (np.arange(-grid.left, grid.left + 2) - offset) * grid.step
    h = -grid.step / grid.cells
    return np.stack([h**d * grid.kernel(x, d) for d in range(4)], axis=1)


def center_rows(table: np.ndarray, dtype):
    """The term ``row[species] = sum of table[species] over centres``, ``table`` (n_species, n)."""
    return native("center_rows", dtype)(np.ascontiguousarray(table, dtype=float))


def pair_grid(grid: Grid, kind: str, weight: Table, power: int, block: np.ndarray):
    """Pairs of the centre and a neighbour.

    Parameters
    ----------
    grid : Grid
    kind : "distance", "inverse_distance" or "inverse_square_distance"
    weight, power : the weight is that function of the distance, over its ``power``
    block : (n_species, n_species) int array
        By species of centre and neighbour; -1 counts nowhere.
    """
    return _term("pair_grid", grid, kind, weight, power, block, int(block.max()) + 1)


def triple_grid(
    grid: Grid,
    kind: str,
    weight: Table,
    power: int,
    block: np.ndarray,
    *,
    sides: str,
    end_block: np.ndarray | None = None,
    triple_dipole: bool = False,
):
    """Angles of the triangles of the centre and two neighbours.

    Parameters
    ----------
    grid, weight, power : as in :func:`pair_grid`
    kind : "angle" (degrees) or "cosine"
    block : (n_species, n_species, n_species) int array
        Of the angle at the centre, by species of centre and neighbours.
    sides : what the weight is
        "perimeter": the function of the perimeter; "legs": the product of the functions of the two
        sides that meet in the angle; "all": of all three.
    end_block : like ``block``, optional
        Of the angles at the neighbours, by species of centre, vertex and third atom.
    triple_dipole : bool
        Behind these blocks come as many again, where weights are multiplied with the cosines of
        the other two angles.
    """
    blocks = [block] if end_block is None else [block, end_block]
    n_blocks = (max(int(b.max()) for b in blocks) + 1) * (1 + triple_dipole)
    end_block = np.empty(0) if end_block is None else end_block
    return _term(
        "triple_grid",
        grid,
        kind,
        weight,
        power,
        block,
        n_blocks,
        sides=sides,
        end_block=np.ascontiguousarray(end_block, dtype=np.int64),
        triple_dipole=triple_dipole,
    )


def chain_grid(grid: Grid, kind: str, weight: Table, power: int, block: np.ndarray):
    """Chains of four atoms about a bond of the centre; each counts half from either end.

    Parameters
    ----------
    grid, weight, power : as in :func:`pair_grid`; the weight is the product over the three bonds
    kind : "dihedral" (degrees) or "dihedral_cosine"
    block : (n_species,) * 4 int array
        By species of the centre, the atom before it, and the two atoms behind it.
    """
    return _term("chain_grid", grid, kind, weight, power, block, int(block.max()) + 1)


def _term(name, grid, kind, weight, power, block, n_blocks, **more):
    return native(name, f"float{8 * grid.itemsize}")(
        grid=grid,
        nodes=_nodes(grid),
        weight=weight,
        power=power,
        kind=kind,
        n_species=len(block),
        block=np.ascontiguousarray(block, dtype=np.int64),
        n_blocks=n_blocks,
        **more,
    )
