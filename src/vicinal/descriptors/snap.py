"""SNAP: the spectral neighbour analysis potential's bispectrum components."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase.data import chemical_symbols

from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS, get_cutoff_function
from vicinal.correlate import so4
from vicinal.correlate.quadratic import QuadraticPlan
from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import (
    check_choice,
    check_flag,
    check_number,
    species_numbers,
    species_values,
)
from vicinal.descriptors.spaces import steps
from vicinal.errors import ParameterError


class SNAP(Descriptor):
    """SNAP's bispectrum components: invariants of the neighbour density on the 3-sphere.

    ::

        U_j     =  w_0 1 + Σ_k  w_k f(x_k) U_j(θ_k, r̂_k)        θ_k = angle π x_k
        B_j1j2j =  Σ  conj(U_j)_mm'  C^jm_j1m1j2m2 C^jm'_j1m1'j2m2'  (U_j1)_m1m1' (U_j2)_m2m2'

    with U_j(θ, n) the matrix of a rotation by 2θ about n, Clebsch–Gordan coefficients C, and
    x = (r - inner_radius)/(R_ik - inner_radius), where the cutoff of a pair is
    R_ik = cutoff (radius_i + radius_k). Components have j1 >= j2, j >= j1 and integer j1 + j2 + j.

    Parameters
    ----------
    cutoff : float, Å
        Cutoff of a pair of species of radius 0.5, the default (LAMMPS: rcutfac).
    j_max : float
        Largest angular momentum, included: a multiple of 1/2 (LAMMPS: half of twojmax).
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    radii : float, or dict by species
        Radius of each species, in units of ``cutoff`` (R_i).
    weights : float, or dict by species
        Weight of a neighbour in the density (w_i).
    channels : "species", None, or dict by species
        One density for each species, all triples of which are correlated; one density for all, told
        apart by their weights only; or the number (from 0) of each species' density (chem).
    angle : float
        θ at the cutoff, in units of π (rfac0).
    inner_radius : float, Å
        Nearer neighbours do not fade (rmin0).
    cutoff_function : "cosine", "polynomial", "tanh", "exponential" or None
        How a neighbour fades out, as a function of x; None for a jump (switchflag 0).
    inner_switch : None, [middle, half width] in Å, or dict of these by species
        Neighbours fade out again from middle + half width inwards, and are gone at
        middle - half width. A pair has the mean of its species' values (switchinnerflag, sinner,
        dinner).
    central_weight : float
        Weight of the centre in its own density.
    central_channels : "own" or "all"
        The density that the centre is in: that of its species, or all (wselfallflag).
    quadratic : bool
        Add all products of two components, their squares halved (quadraticflag).
    subtract_isolated : bool
        Subtract the components of an atom without neighbours (bzeroflag).
    normalization : None or "multiplicity"
        "multiplicity" divides B_j1j2j by 2j + 1 (bnormflag).
    pooling : None, "mean" or "sum"
        One row an atom; or one a structure: mean or sum of the rows.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    Cost is linear in the number of neighbours; coupling grows with about the fifth power of
    ``j_max`` and the third of the number of channels. Centres are computed side by side, eight at a
    time on recent processors: a single one costs as much as eight. Components do not change under
    inversion, so mirror images look alike; with ``channels=None``, so do species of equal weight
    and radius.

    References
    ----------
    A. P. Thompson, L. P. Swiler, C. R. Trott, S. M. Foiles, G. J. Tucker, J. Comput. Phys. 285, 316
    (2015).
    Quadratic: M. A. Wood, A. P. Thompson, J. Chem. Phys. 148, 241721 (2018).
    Channels: M. A. Cusentino, M. A. Wood, A. P. Thompson, J. Phys. Chem. A 124, 5456 (2020).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import bulk
    >>> snap = vc.SNAP(cutoff=4.7, j_max=4)
    >>> snap.compute(bulk("Ta", cubic=True))
    Features(2 samples x 55 features, float64)
    """

    registry_name = "snap"
    search_space = {
        "cutoff": steps(2, 10),
        "j_max": steps(1, 4, 0.5),
        "angle": steps(0.7, 1.0, 0.05),
        "quadratic": (False, True),
    }

    def __init__(
        self,
        *,
        cutoff=5.0,
        j_max=3,
        species=None,
        radii=0.5,
        weights=1.0,
        channels="species",
        angle=0.99363,
        inner_radius=0.0,
        cutoff_function="cosine",
        inner_switch=None,
        central_weight=1.0,
        central_channels="own",
        quadratic=False,
        subtract_isolated=False,
        normalization=None,
        pooling=None,
        periodic=None,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.j_max = j_max
        self.species = species
        self.radii = radii
        self.weights = weights
        self.channels = channels
        self.angle = angle
        self.inner_radius = inner_radius
        self.cutoff_function = cutoff_function
        self.inner_switch = inner_switch
        self.central_weight = central_weight
        self.central_channels = central_channels
        self.quadratic = quadratic
        self.subtract_isolated = subtract_isolated
        self.normalization = normalization
        self.pooling = pooling
        self.periodic = periodic
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_lammps(cls, arguments: str, elements, **more) -> SNAP:
        """The SNAP of ``compute ID group sna/atom <arguments>``: its numbers, in its order.

        Parameters
        ----------
        arguments : str
            ``rcutfac rfac0 twojmax R_1 R_2 ... w_1 w_2 ... keyword value ...``, with the keywords
            rmin0, switchflag, bzeroflag, quadraticflag, chem, bnormflag, wselfallflag,
            switchinnerflag, sinner, dinner.
        elements : symbols of LAMMPS's atom types 1, 2, ...; no element twice
        **more : ``pooling``, ``dtype``, ``n_threads``
        """
        return cls(**_parse_lammps(arguments, elements), **more)

    # -- what the base asks for -----------------------------------------------------------------

    @property
    def neighbor_cutoff(self) -> float:
        radii = self._by_species("radii", self.species_known).values()
        radius = max(radii) if radii else self.radii
        return float(2 * self.cutoff * radius)

    @property
    def smoothness(self) -> float:
        """Continuous derivatives as a neighbour crosses the cutoff; -1 is a jump."""
        return get_cutoff_function(self.cutoff_function).smoothness

    def _validate(self) -> None:
        super()._validate()
        check_number("angle", self.angle, positive=True)
        check_number("inner_radius", self.inner_radius)
        check_number("central_weight", self.central_weight)
        so4.check_j_max(self.j_max)
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        check_choice("central_channels", self.central_channels, ("own", "all"))
        check_choice("normalization", self.normalization, (None, "multiplicity"))
        check_flag("quadratic", self.quadratic)
        check_flag("subtract_isolated", self.subtract_isolated)
        if self.angle > 1:
            raise ParameterError(f"angle must not exceed 1 (in units of pi), not {self.angle!r}")
        known = self.species_known
        for name in ("radii", "weights", "inner_switch"):
            self._by_species(name, known)
        so4.channel_numbers(self.channels, known)
        radii = self.radii.values() if isinstance(self.radii, dict) else [self.radii]
        if not 0 <= self.inner_radius < 2 * self.cutoff * min(radii):
            raise ParameterError(
                f"inner_radius={self.inner_radius!r} must be in [0, the cutoff of every pair)"
            )

    def _by_species(self, name: str, species) -> dict:
        if name == "radii":
            return species_values(name, self.radii, species, _check_positive)
        if name == "weights":
            return species_values(name, self.weights, species, check_number)
        if self.inner_switch is None:
            return {}
        return species_values(name, self.inner_switch, species, _check_switch)

    def _make_plan(self, species: tuple[int, ...]):
        n_max, n_species = round(2 * self.j_max), len(species)
        channel, labels = so4.channel_numbers(self.channels, species)
        components = so4.components(n_max)
        triples = list(product(product(range(len(labels)), repeat=3), components))
        per_pair = {"cutoff": self.cutoff * _sums(self._by_species("radii", species))}
        if self.inner_switch is not None:
            switch = self._by_species("inner_switch", species)
            per_pair["switch_at"] = _sums({z: one[0] for z, one in switch.items()}) / 2
            per_pair["switch_width"] = _sums({z: one[1] for z, one in switch.items()}) / 2
        fade = get_cutoff_function(self.cutoff_function)
        term = so4.so4_invariants(
            n_max=n_max,
            n_species=n_species,
            dtype=self.dtype,
            fade=lambda x: fade(x, cutoff=1.0),
            **per_pair,
            triples=[
                [q * (n_max + 1) + n for q, n in zip(channels, component, strict=True)]
                for channels, component in triples
            ],
            scale=[1 if self.normalization else component[2] + 1 for _, component in triples],
            n_channels=len(labels),
            channel=channel,
            weight=list(self._by_species("weights", species).values()),
            angle=self.angle * np.pi,
            start=self.inner_radius,
            central_weight=float(self.central_weight),
            central_everywhere=self.central_channels == "all",
            relative=self.subtract_isolated,
        )
        names = [so4.name(c, component, labels) for c, component in triples]
        plan = SumsPlan([term], dtype=self.dtype, names=lambda: names)
        return QuadraticPlan(plan) if self.quadratic else plan


def _sums(values: dict) -> np.ndarray:
    """The matrix of sums of two species' values."""
    one = np.array(list(values.values()), dtype=float)
    return one[:, None] + one


def _check_positive(name: str, value) -> None:
    check_number(name, value, positive=True)


def _check_switch(name: str, value) -> None:
    try:
        middle, width = value
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be [middle, half width] in Å, not {value!r}") from None
    check_number(name, middle)
    _check_positive(name, width)


#: LAMMPS's keywords with one value.
_FLAGS = ("switchflag", "bzeroflag", "quadraticflag", "bnormflag", "wselfallflag")


def _parse_lammps(arguments: str, elements) -> dict:
    elements = [elements] if isinstance(elements, str) else list(elements)
    numbers = [species_numbers(element)[0] for element in elements]
    symbols, n = [chemical_symbols[z] for z in numbers], len(numbers)
    if len(set(numbers)) < n:
        raise ParameterError("elements: one element for two atom types of LAMMPS is not supported")
    words = str(arguments).split()

    def take(count: int, what: str, kind=float) -> list:
        if len(words) < count:
            raise ParameterError(f"arguments end before {what}")
        try:
            return [kind(words.pop(0)) for _ in range(count)]
        except ValueError as error:
            raise ParameterError(f"arguments: {what}: {error}") from None

    rcutfac, rfac0 = take(2, "rcutfac and rfac0")
    (twojmax,) = take(1, "twojmax", int)
    radii = dict(zip(symbols, take(n, "the radii of all types"), strict=True))
    weights = dict(zip(symbols, take(n, "the weights of all types"), strict=True))
    found: dict = {"rmin0": 0.0, "switchflag": 1, "bzeroflag": 1, "quadraticflag": 0}
    while words:
        keyword = words.pop(0)
        if keyword in (*_FLAGS, "switchinnerflag"):
            (found[keyword],) = take(1, keyword, int)
        elif keyword == "rmin0":
            (found[keyword],) = take(1, keyword)
        elif keyword in ("sinner", "dinner"):
            found[keyword] = take(n, keyword)
        elif keyword == "chem":
            take(1, "the number of elements of chem", int)
            found[keyword] = dict(zip(symbols, take(n, "the map of chem", int), strict=True))
        else:
            raise ParameterError(f"arguments: {keyword!r} is not known")
    chem = found.get("chem")
    switch = None
    if found.get("switchinnerflag"):
        if "sinner" not in found or "dinner" not in found:
            raise ParameterError("arguments: switchinnerflag needs sinner and dinner")
        pairs = zip(found["sinner"], found["dinner"], strict=True)
        switch = {symbol: list(pair) for symbol, pair in zip(symbols, pairs, strict=True)}
    return {
        "cutoff": rcutfac,
        "j_max": twojmax / 2,
        "species": symbols,
        "radii": radii,
        "weights": weights,
        "channels": chem,
        "angle": rfac0,
        "inner_radius": found["rmin0"],
        "cutoff_function": "cosine" if found["switchflag"] else None,
        "inner_switch": switch,
        "central_channels": "all" if found.get("wselfallflag") else "own",
        "quadratic": bool(found["quadraticflag"]),
        "subtract_isolated": bool(found["bzeroflag"]),
        "normalization": "multiplicity" if found.get("bnormflag") else None,
    }
