"""Atomic environment vectors of the ANI networks."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols

from vicinal.basis.cutoff import get_cutoff_function
from vicinal.basis.species import unordered_pairs
from vicinal.basis.spline import tabulate
from vicinal.correlate.sums import SumsPlan, radial_sums
from vicinal.correlate.triplets import pair_index, triplets
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import (
    check_choice,
    check_number,
    species_numbers,
    table_accuracy,
)
from vicinal.descriptors.spaces import integers, steps
from vicinal.errors import ParameterError

CUTOFFS = ("cosine", "poly1", "poly2", "poly3", "poly4", "tanh", "tanh_one", "exponential")


class AEV(Descriptor):
    """Atomic environment vectors of the ANI networks.

    ::

        R  =  1/4 Σ_j  exp(−η_R (r_ij − r_s)²)  f_c(r_ij; R_c)
        A  =  2^(1−ζ)  Σ_{j<k}  (1 + cos(θ_jik − θ_s))^ζ  exp(−η_A ((r_ij + r_ik)/2 − r_s)²)
                                f_c(r_ij; R_A) f_c(r_ik; R_A)

    with θ = arccos(0.95 cos), so that nothing is singular at 0 and 180 degrees. R for each species
    j; A for each unordered pair of species {j, k} (11, 12, .., 22, ...), r_s by θ_s.

    Parameters
    ----------
    cutoff : float, Å
        R_c, of the radial part.
    angular_cutoff : float, Å
        R_A, at most ``cutoff``.
    radial_eta : float, Å⁻²
        η_R.
    angular_eta : float, Å⁻²
        η_A.
    radial_shifts : int or list of float, Å
        r_s of R; a number stands for so many from ``start`` on, evenly, the cutoff excluded.
    angular_shifts : int or list of float, Å
        r_s of A, likewise.
    start : float, Å
        The first r_s of both grids, where they are given as numbers.
    angular_sections : int or list of float, radians
        θ_s; a number n for π/2n, 3π/2n, ...
    zeta : float
        At least 1.
    cutoff_function : str
        "cosine", or another without parameters, as in :class:`~vicinal.ACSF`.
    species : list of symbols or atomic numbers, optional
        Learned by ``fit``, or those of the structures, by default.
    species_order : list of symbols or atomic numbers, optional
        The order of the species in the columns; by atomic number by default.
    pooling : None, "mean" or "sum"
        One row an atom; or the mean or sum of the rows of each structure.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    accuracy : float
        Largest error of the tabulated factors, relative to their largest value.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    :meth:`ani1x` and :meth:`ani2x` are the vectors of these networks, in torchani's order; the
    other parameters are those of ANI-2x by default. Cost: a look-up a neighbour, and two and some
    products for each pair of neighbours within R_A. Sees pairs and triples only, like
    :class:`~vicinal.ACSF`.

    References
    ----------
    J. S. Smith, O. Isayev, A. E. Roitberg, Chem. Sci. 8, 3192 (2017).
    ANI-2x: C. Devereux et al., J. Chem. Theory Comput. 16, 4192 (2020).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.AEV.ani1x().compute(molecule("CH3CH2OH"))
    Features(9 samples x 384 features, float64)
    """

    registry_name = "aev"
    search_space = {
        "cutoff": steps(4, 8),
        "angular_cutoff": steps(2, 4, 0.5),
        "radial_shifts": integers(4, 24, 4),
        "angular_shifts": integers(2, 10, 2),
        "angular_sections": integers(2, 8, 2),
    }

    def __init__(
        self,
        *,
        cutoff=5.1,
        angular_cutoff=3.5,
        radial_eta=19.7,
        angular_eta=12.5,
        radial_shifts=16,
        angular_shifts=8,
        start=0.8,
        angular_sections=4,
        zeta=14.1,
        cutoff_function="cosine",
        species=None,
        species_order=None,
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.angular_cutoff = angular_cutoff
        self.radial_eta = radial_eta
        self.angular_eta = angular_eta
        self.radial_shifts = radial_shifts
        self.angular_shifts = angular_shifts
        self.start = start
        self.angular_sections = angular_sections
        self.zeta = zeta
        self.cutoff_function = cutoff_function
        self.species = species
        self.species_order = species_order
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def ani1x(cls, **parameters) -> AEV:
        """The vector of ANI-1x (and ANI-1ccx), 384 features, as torchani has it."""
        elements = ["H", "C", "N", "O"]
        constants = {
            "cutoff": 5.2,
            "start": 0.9,
            "radial_eta": 16.0,
            "angular_eta": 8.0,
            "angular_shifts": 4,
            "angular_sections": 8,
            "zeta": 32.0,
            "species": elements,
            "species_order": elements,
        }
        return cls(**constants | parameters)

    @classmethod
    def ani2x(cls, **parameters) -> AEV:
        """The vector of ANI-2x, 1008 features, as torchani has it."""
        elements = ["H", "C", "N", "O", "S", "F", "Cl"]
        return cls(**{"species": elements, "species_order": elements} | parameters)

    # -- what the base asks for -------------------------------------------------------------------

    @property
    def smoothness(self) -> float:
        """Continuous derivatives as a neighbour crosses a cutoff."""
        return get_cutoff_function(self.cutoff_function).smoothness

    def _validate(self) -> None:
        super()._validate()
        for name in ("angular_cutoff", "radial_eta", "angular_eta", "start"):
            check_number(name, getattr(self, name), positive=True)
        check_number("zeta", self.zeta)
        if self.zeta < 1:
            raise ParameterError(f"zeta must be at least 1, not {self.zeta}")
        check_choice("cutoff_function", self.cutoff_function, CUTOFFS)
        if self.angular_cutoff > self.cutoff:
            raise ParameterError(
                f"angular_cutoff={self.angular_cutoff:g} Å is beyond cutoff={self.cutoff:g}, the "
                "reach of the neighbour list"
            )
        for cutoff in ("cutoff", "angular_cutoff"):
            if self.start >= getattr(self, cutoff):
                raise ParameterError(f"start={self.start} must be below {cutoff}")
        self._grids()
        if self.species_order is not None and self.species is not None:
            self._order(species_numbers(self.species))

    def _grids(self):
        """(radial shifts, angular shifts, sections)"""
        half = np.pi / 2
        return (
            _grid("radial_shifts", self.radial_shifts, lambda n: (self.start, self.cutoff)),
            _grid(
                "angular_shifts", self.angular_shifts, lambda n: (self.start, self.angular_cutoff)
            ),
            _grid(
                "angular_sections", self.angular_sections, lambda n: (half / n, np.pi + half / n)
            ),
        )

    def _order(self, species: tuple[int, ...]) -> list[int]:
        """Place of each species in the columns."""
        if self.species_order is None:
            return list(range(len(species)))
        order = [species_numbers(one)[0] for one in self.species_order]
        if len(set(order)) < len(order) or not set(species) <= set(order):
            raise ParameterError("species_order must name each of the species once")
        order = [z for z in order if z in species]
        return [order.index(z) for z in species]

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        radial_shifts, angular_shifts, sections = self._grids()
        place, n = np.array(self._order(species)), len(species)
        fade = get_cutoff_function(self.cutoff_function)
        accuracy = table_accuracy(self.accuracy, self.dtype)

        def radial(r):
            gaussians = np.exp(-self.radial_eta * (r[:, None] - radial_shifts) ** 2)
            return (0.25 * gaussians * fade(r, cutoff=self.cutoff)[:, None])[:, None]

        def pair(r):
            value = fade(r, cutoff=self.angular_cutoff)
            return np.repeat(value[:, None, None], len(angular_shifts), axis=2)

        def mean(r):
            return np.exp(-self.angular_eta * (r[:, None] - angular_shifts) ** 2)[:, None]

        def angle(x):
            theta = np.arccos(0.95 * (x - 1))
            return (2 * (0.5 + 0.5 * np.cos(theta[:, None] - sections)) ** self.zeta)[:, None]

        terms = [
            radial_sums(tabulate(radial, self.cutoff, (), accuracy), n, self.dtype, block=place),
            triplets(
                tabulate(pair, self.angular_cutoff, (), accuracy),
                tabulate(angle, 2.0, (), accuracy),
                n,
                self.dtype,
                mean=tabulate(mean, self.angular_cutoff, (), accuracy),
                angles_last=True,
                block=pair_index(n)[place[:, None], place],
            ),
        ]
        symbols = [chemical_symbols[species[k]] for k in np.argsort(place)]

        def names():
            return [f"AEV[{s}] rs={rs:.6g}" for s in symbols for rs in radial_shifts] + [
                f"AEV[{symbols[a]},{symbols[b]}] rs={rs:.6g} theta_s={theta:.6g}"
                for a, b in unordered_pairs(n)
                for rs in angular_shifts
                for theta in sections
            ]

        return SumsPlan(terms, dtype=self.dtype, names=names)


def _grid(name: str, given, ends) -> np.ndarray:
    """The numbers given; or so many from the first of the ends on, the last excluded."""
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given > 0:
        return np.linspace(*ends(given), given, endpoint=False)
    try:
        grid = np.asarray(given, dtype=float)
        good = grid.ndim == 1 and len(grid) and np.isfinite(grid).all()
    except (TypeError, ValueError):
        good = False
    if not good or isinstance(given, str | bool):
        raise ParameterError(
            f"{name} must be a positive integer or a list of numbers, not {given!r}"
        )
    return grid
