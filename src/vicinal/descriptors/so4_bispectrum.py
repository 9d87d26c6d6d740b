"""The SO(4) bispectrum of the neighbour density."""

from __future__ import annotations

from itertools import product

import numpy as np

from vicinal.basis.cutoff import get_cutoff_function
from vicinal.correlate import so4
from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_choice, check_number, species_values
from vicinal.descriptors.spaces import steps
from vicinal.errors import ParameterError

_COMPONENTS = {"all": so4.components, "diagonal": so4.diagonal_components}


class SO4Bispectrum(Descriptor):
    """The bispectrum of the neighbour density, mapped onto the 3-sphere, under rotations of it.

    ::

        U_j     =  w_0 1 + Σ_k  w_k f(r_k) U_j(θ_k, r̂_k)
        B_j1j2j =  Σ  conj(U_j)_mm'  C^jm_j1m1j2m2 C^jm'_j1m1'j2m2'  (U_j1)_m1m1' (U_j2)_m2m2'

    with U_j(θ, n) the matrix of a rotation by 2θ about n, Clebsch–Gordan coefficients C, and a map
    of the distance to the polar angle: θ = π angle r/cutoff, or θ = 2 angle arcsin(r/cutoff).

    Parameters
    ----------
    cutoff : float, Å
        Radius of the environment.
    j_max : float
        Largest angular momentum, included: a multiple of 1/2.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    components : "all" or "diagonal"
        All different triangles j1, j2, j; or j2 = j1 and integer j up to ``j_max`` (AMP's).
    weights : float, dict by species, or "Z"
        Weight of a neighbour in the density; "Z" is its atomic number.
    channels : "species", None, or dict by species
        One density for each species, all different triples of which are correlated; one for all,
        told apart by their weights only; or the number (from 0) of each species' density.
    angle_map : "linear" or "arcsine"
        How θ follows from the distance. The slope of "arcsine" is infinite at the cutoff.
    angle : float
        θ at the cutoff, in units of π.
    cutoff_function : str or None
        How a neighbour fades out: "cosine", "shifted_cosine", "polynomial", "tanh", "exponential",
        or None for a jump.
    cutoff_width : float, Å
        Width of the switching zone of "shifted_cosine".
    central_weight : float, dict by species, or "weights"
        Weight of the centre in the density of its species; "weights": as that of a neighbour.
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
    inversion, so mirror images look alike; with ``channels=None``, so do species of equal weight.

    References
    ----------
    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010).
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013).
    AMP's components: A. Khorshidi, A. A. Peterson, Comput. Phys. Commun. 207, 310 (2016).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import bulk
    >>> vc.SO4Bispectrum(cutoff=4.0, j_max=2).compute(bulk("NaCl", "rocksalt", a=5.64))
    Features(2 samples x 82 features, float64)
    """

    registry_name = "so4_bispectrum"
    search_space = {
        "cutoff": steps(2, 10),
        "j_max": steps(1, 4, 0.5),
        "angle_map": ("linear", "arcsine"),
    }

    def __init__(
        self,
        *,
        cutoff=5.0,
        j_max=3,
        species=None,
        components="all",
        weights=1.0,
        channels="species",
        angle_map="linear",
        angle=0.99363,
        cutoff_function="cosine",
        cutoff_width=0.5,
        central_weight=1.0,
        pooling=None,
        periodic=None,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.j_max = j_max
        self.species = species
        self.components = components
        self.weights = weights
        self.channels = channels
        self.angle_map = angle_map
        self.angle = angle
        self.cutoff_function = cutoff_function
        self.cutoff_width = cutoff_width
        self.central_weight = central_weight
        self.pooling = pooling
        self.periodic = periodic
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_amp(cls, *, cutoff=6.5, jmax=5, Gs=None, **more) -> SO4Bispectrum:
        """The descriptor of ``amp.descriptor.bispectrum.Bispectrum``: its numbers, in its order.

        Parameters
        ----------
        cutoff : float in Å, or AMP's dict ``{"name": "Cosine", "kwargs": {"Rc": 6.5}}``
        jmax : int or half-integer
        Gs : dict, optional
            Weights by element of the neighbour, or AMP's, which are by element of the centre and
            of the neighbour, and must not depend on the centre; atomic numbers by default.
        **more : ``species``, ``pooling``, ``dtype``, ``n_threads``

        Notes
        -----
        AMP has no derivatives for it. Values are those of AMP 1.0.1.
        """
        if isinstance(cutoff, dict):
            if cutoff.get("name") != "Cosine":
                raise ParameterError(f"cutoff must be AMP's Cosine, not {cutoff!r}")
            cutoff = cutoff.get("kwargs", {}).get("Rc")
        weights = "Z" if Gs is None else Gs
        if isinstance(Gs, dict) and Gs and all(isinstance(one, dict) for one in Gs.values()):
            weights, *others = Gs.values()
            if any(other != weights for other in others):
                raise ParameterError("Gs must not depend on the centre's element")
        return cls(
            cutoff=cutoff,
            j_max=jmax,
            components="diagonal",
            weights=weights,
            channels=None,
            angle_map="arcsine",
            angle=0.25,
            cutoff_function="cosine",
            central_weight=0.0,
            **more,
        )

    @classmethod
    def from_quip(cls, string: str, **more) -> SO4Bispectrum:
        """The descriptor of ``quippy.descriptors.Descriptor("bispectrum_so4 cutoff=5 j_max=4")``:
        its numbers, in its order.

        QUIP's j_max counts halves, and its angle is ``(pi - 0.02) r / cutoff``. Other keys than
        these two are refused. ``more``: ``species``, ``pooling``, ``dtype``, ``n_threads``.
        """
        kind, *settings = str(string).split() or [""]
        found = dict(one.split("=", 1) for one in settings if "=" in one)
        if kind != "bispectrum_so4" or set(found) != {"cutoff", "j_max"} or len(settings) != 2:
            raise ParameterError(f"not 'bispectrum_so4 cutoff=... j_max=...': {string!r}")
        try:
            cutoff, n_max = float(found["cutoff"]), int(found["j_max"])
        except ValueError:
            raise ParameterError(f"not numbers: cutoff or j_max in {string!r}") from None
        return cls(
            cutoff=cutoff,
            j_max=n_max / 2,
            components="diagonal",
            channels=None,
            angle=1 - 0.02 / np.pi,
            **more,
        )

    # -- what the base asks for -----------------------------------------------------------------

    @property
    def smoothness(self) -> float:
        """Continuous derivatives as a neighbour crosses the cutoff; -1 is a jump."""
        # "arcsine" does not take any away: the k-th derivative of theta, (cutoff - r)^(1/2 - k),
        # comes with f itself, which falls with the power smoothness + 1.
        return get_cutoff_function(self.cutoff_function).smoothness

    def _validate(self) -> None:
        super()._validate()
        check_number("angle", self.angle, positive=True)
        check_number("cutoff_width", self.cutoff_width, positive=True)
        so4.check_j_max(self.j_max)
        check_choice("components", self.components, tuple(_COMPONENTS))
        check_choice("angle_map", self.angle_map, ("linear", "arcsine"))
        fade = get_cutoff_function(self.cutoff_function)
        fade.check(cutoff=self.cutoff, width=self.cutoff_width)
        if self.angle > 1:
            raise ParameterError(f"angle must not exceed 1 (in units of pi), not {self.angle!r}")
        if self.angle_map == "arcsine" and fade.smoothness < 1:
            raise ParameterError("angle_map='arcsine' needs a cutoff_function that fades smoothly")
        self._by_species("weights", self.species_known)
        self._by_species("central_weight", self.species_known)
        so4.channel_numbers(self.channels, self.species_known)

    def _by_species(self, name: str, species) -> list[float]:
        value = getattr(self, name)
        if name == "central_weight" and isinstance(value, str) and value == "weights":
            return self._by_species("weights", species)
        if name == "weights" and isinstance(value, str) and value == "Z":
            return list(species or ())
        return list(species_values(name, value, species, check_number).values())

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        n_max, n_species = round(2 * self.j_max), len(species)
        channel, labels = so4.channel_numbers(self.channels, species)
        found = {}  # by its three densities in any order: the first of equal invariants
        for channels in product(range(len(labels)), repeat=3):
            for component in _COMPONENTS[self.components](n_max):
                triple = [q * (n_max + 1) + n for q, n in zip(channels, component, strict=True)]
                found.setdefault(tuple(sorted(triple)), (triple, channels, component))
        fade = get_cutoff_function(self.cutoff_function)
        term = so4.so4_invariants(
            n_max=n_max,
            n_species=n_species,
            dtype=self.dtype,
            fade=lambda x: fade(x, cutoff=1.0, width=self.cutoff_width / self.cutoff),
            breakpoints=fade.breakpoints(cutoff=1.0, width=self.cutoff_width / self.cutoff),
            cutoff=self.cutoff,
            triples=[triple for triple, _, _ in found.values()],
            scale=[component[2] + 1 for _, _, component in found.values()],
            n_channels=len(labels),
            channel=channel,
            weight=self._by_species("weights", species),
            angle_map=self.angle_map,
            angle=self.angle * (np.pi if self.angle_map == "linear" else 2),
            central_weight=self._by_species("central_weight", species),
            central_everywhere=False,
        )
        names = [so4.name(channels, component, labels) for _, channels, component in found.values()]
        return SumsPlan([term], dtype=self.dtype, names=lambda: names)
