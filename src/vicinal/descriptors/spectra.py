"""Descriptors made of Gaussians on grids: what LMBTR and those of whole structures share."""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise

import numpy as np
from ase.data import chemical_symbols

from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS
from vicinal.correlate.grids import GAUSSIANS, Grid
from vicinal.correlate.normalization import NormalizedPlan
from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors import many_body
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_choice, check_flag
from vicinal.descriptors.spaces import integers, powers_of_two, steps
from vicinal.errors import ParameterError


class Spectra(Descriptor):
    """Sums over tuples of atoms, side by side for each order k.

    A subclass supplies :meth:`_tuples`, :meth:`_term`, ``normalization``, ``convention``,
    ``gaussian``, ``normalize_gaussians`` and ``cutoff_function``.
    """

    _label: str  # in front of feature names
    search_space = {
        "cutoff": steps(2, 10),
        "angular_cutoff": steps(2, 8),
        "sigma": powers_of_two(-8, 0),
        "angular_sigma": powers_of_two(-8, 0),
        "geometry": ("inverse_distance", "distance"),
        "n": integers(25, 150, 25),
    }

    @classmethod
    def from_choices(cls, *, cutoff, angular_cutoff, sigma, angular_sigma, geometry, n):
        """k2 of a distance and k3 of cosines, on grids of ``n`` points and Gaussians of width
        ``sigma`` (of the largest value) and ``angular_sigma``."""
        largest = {"distance": cutoff, "inverse_distance": 1.5}[geometry]
        pairs = {"min": 0.0, "max": largest, "n": n, "sigma": sigma * largest}
        triples = {"min": -1.0, "max": 1.0, "n": n, "sigma": angular_sigma}
        weights = {"function": "exp", "threshold": 1e-3}
        return cls(
            k2={"geometry": geometry, "grid": pairs, "weighting": weights | {"cutoff": cutoff}},
            k3={
                "geometry": "cosine",
                "grid": triples,
                "weighting": weights | {"cutoff": angular_cutoff},
            },
        )

    @classmethod
    def from_dscribe(
        cls, *, geometry, grid, weighting=None, normalize_gaussians=True, normalization="none",
        species=None, periodic=False, sparse=False, dtype="float64",
    ):  # fmt: skip
        """The numbers of DScribe's class of this name, in its order."""
        k, given = many_body.parse_dscribe(geometry, grid, weighting)
        if f"k{k}" not in cls._get_param_names():
            raise ParameterError(f"geometry: {cls.__name__} has no k = {k}")
        if sparse:
            raise ParameterError("sparse=True is not there")
        return cls(
            **{"k2": None, "k3": None, f"k{k}": given},
            cutoff_function=None,
            normalization=None if normalization == "none" else normalization,
            convention="dscribe",
            normalize_gaussians=normalize_gaussians,
            species=species,
            periodic=None if periodic else False,
            dtype=dtype,
        )

    def _orders(self) -> list[many_body.Order]:
        """By default those that the parameters k1 to k4 ask for, where the class has them."""
        given = {k: getattr(self, f"k{k}", None) for k in many_body.GEOMETRIES}
        return [
            many_body.parse(f"k{k}", k, one, bounded=self.periodic is None)
            for k, one in given.items()
            if one is not None
        ]

    @abstractmethod
    def _tuples(self, k: int, n: int) -> list[tuple[int, ...]]:
        """Species of the tuples in the order of their blocks; -1 is a centre of any, X."""

    @abstractmethod
    def _term(self, order: many_body.Order, grid: Grid, number: dict, species):
        """The native term; ``number`` is that of each tuple's block."""

    @property
    def smoothness(self) -> float:
        """Continuous derivatives as a tuple grows beyond its cutoff; -1 is a jump."""
        return min(order.smoothness(self.cutoff_function) for order in self._orders())

    def _validate(self) -> None:
        super()._validate()
        check_choice("convention", self.convention, ("vicinal", "dscribe"))
        check_choice("gaussian", self.gaussian, GAUSSIANS)
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        check_flag("normalize_gaussians", self.normalize_gaussians)

    def _make_plan(self, species):
        orders, terms = self._orders(), []
        for order in orders:
            grid = order.grid_of(self.dtype, self.gaussian, self.normalize_gaussians)
            number = {one: q for q, one in enumerate(self._tuples(order.k, len(species)))}
            terms.append(self._term(order, grid, number, species))
        plan = SumsPlan(terms, dtype=self.dtype, names=lambda: self._names(orders, species))
        if self.normalization == "l2":
            return NormalizedPlan(plan, [slice(0, plan.n_features)])
        if self.normalization == "l2_each":
            ends = np.cumsum([0, *(term.size for term in terms)]).tolist()
            return NormalizedPlan(plan, [slice(*part) for part in pairwise(ends)])
        return NormalizedPlan(plan, None) if self.normalization == "n_atoms" else plan

    def _names(self, orders, species) -> list[str]:
        symbols = [*(chemical_symbols[z] for z in species), "X"]
        return [
            f"{self._label}[{','.join(symbols[s] for s in one)}] {label}"
            for order in orders
            for one in self._tuples(order.k, len(species))
            for label in order.labels()
        ]
