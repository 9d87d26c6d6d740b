"""Invariants of the rotation group SO(3): power spectrum and bispectrum of a neighbour density."""

from __future__ import annotations

import numpy as np

from vicinal.basis.angular import real_coupling
from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS
from vicinal.basis.species import channel_names, check_channels, mixing_matrix, unordered_pairs
from vicinal.correlate.power_spectrum import PowerSpectrumPlan
from vicinal.correlate.sums import SumsPlan, triple_products
from vicinal.descriptors.parameters import check_choice, check_flag, check_integer, check_number
from vicinal.descriptors.radial_expansion import RadialExpansion
from vicinal.descriptors.spaces import integers, powers_of_two, steps
from vicinal.errors import ParameterError

#: Sharp neighbours and the radial functions of Bartók et al., which need no cutoff function.
_SHARP = {
    "density": "delta",
    "radial_basis": "bartok",
    "cutoff_function": None,
    "channels": "one",
}


class _Density(RadialExpansion):
    """What the two have in common."""

    @property
    def _height(self) -> float:
        """Of a Gaussian of height 1 over one of unit L2 norm, which the tables are made for."""
        return (np.pi * self.sigma**2) ** 0.75 if self.density == "gaussian" else 1.0

    def _validate(self) -> None:
        super()._validate()
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        check_channels(self.channels)


class SO3PowerSpectrum(_Density):
    """SO(3) power spectrum: a neighbour density of weighted atoms, and no central atom in it.

    ::

        ρ(r)     =  Σ_j  w_j f(r_j) exp(−|r − r_j|² / 2 sigma²)
        c_nlm    =  ⟨ g_n Y_lm | ρ ⟩
        p_nn'l   =  Σ_m  c_nlm c_n'lm,      n' ≤ n

    Parameters
    ----------
    cutoff : float, Å
        Radius of the environment.
    n_max : int
        Number of radial functions.
    l_max : int
        Largest angular momentum, included.
    sigma : float, Å
        Width of the Gaussians: exp(-r²/2 sigma²). Not used by delta densities.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    channels : "number", "species", "one" or mapping
        Weights w: atomic numbers; a density for each species, with p_nn'l for each two of them;
        ones; or ``{"H": 0.5, "O": 2}``.
    density : "gaussian" or "delta"
        Shape of a neighbour; delta gives c_nlm = Σ_j w_j f(r_j) g_n(r_j) Y_lm, as in Bartók et al.
    radial_basis : str
        The functions g_n. "polynomial_normalized": (cutoff − r)^(α + 2), normalised and made
        orthonormal by S^(−1/2); "bartok": the same without r² in the integrals; or another of
        SOAP's: "gto", "gto_dscribe", "polynomial", "bessel", "quip".
    cutoff_function : str or None
        "cosine", "polynomial", "tanh", "exponential", or None for a jump.
    radial_coupling : bool
        If False, only n' = n.
    prefactor : None or "soap"
        "soap" multiplies by π sqrt(8/(2l + 1)), as in the SOAP kernel and in PyXtal_FF.
    pooling : None, "mean" or "sum"
        One row an atom, or one a structure.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    accuracy : float
        Largest error of the tabulated radial functions, relative to their largest value.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    SOAP with other habits; SOAP has more ways to treat many species. Cost is linear in the number
    of neighbours, and does not depend on the number of species unless ``channels="species"``, where
    it is quadratic. Sees pairs and triples, and no mirror images.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013); :meth:`from_quip`.
    PyXtal_FF: H. Yanxon, D. Zagaceta, B. Tang, D. S. Matteson, Q. Zhu, Mach. Learn.: Sci. Technol.
    2, 027001 (2021).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.SO3PowerSpectrum(cutoff=4.0, n_max=3, l_max=3).compute(molecule("CH3CH2OH"))
    Features(9 samples x 24 features, float64)
    """

    registry_name = "so3"
    search_space = {
        "cutoff": steps(2, 10),
        "n_max": integers(1, 8),
        "l_max": integers(1, 8),
        "sigma": powers_of_two(-4, 1, 0.5),
        "channels": ("number", "species"),
    }

    def __init__(
        self,
        *,
        cutoff=5.0,
        n_max=4,
        l_max=4,
        sigma=0.5,
        species=None,
        channels="number",
        density="gaussian",
        radial_basis="polynomial_normalized",
        cutoff_function="cosine",
        radial_coupling=True,
        prefactor=None,
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.n_max = n_max
        self.l_max = l_max
        self.sigma = sigma
        self.species = species
        self.channels = channels
        self.density = density
        self.radial_basis = radial_basis
        self.cutoff_function = cutoff_function
        self.radial_coupling = radial_coupling
        self.prefactor = prefactor
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_pyxtal_ff(
        cls,
        *,
        nmax=3,
        lmax=3,
        rcut=3.5,
        alpha=2.0,
        cutoff_function="cosine",
        weight_on=False,
        species=None,
        **parameters,
    ) -> SO3PowerSpectrum:
        """The numbers of PyXtal_FF's ``SO3``, in its order.

        Parameters
        ----------
        nmax, lmax, rcut, alpha, cutoff_function
            As PyXtal_FF takes them; ``cutoff_function`` "cosine", "tanh", "exp" or "unity".
        weight_on : False
            True, by which the sign of a neighbour depends on the centre, is not there.
        species : list of symbols, optional
        **parameters
            Those of the class that PyXtal_FF does not know: ``pooling``, ``dtype``, ...
        """
        functions = {"cosine": "cosine", "tanh": "tanh", "exp": "exponential", "unity": None}
        check_choice("cutoff_function", cutoff_function, tuple(functions))
        check_number("alpha", alpha, positive=True)
        if weight_on:
            raise ParameterError("weight_on=True is not there")
        return cls(
            cutoff=rcut,
            n_max=nmax,
            l_max=lmax,
            sigma=float(np.sqrt(0.5 / alpha)),
            species=species,
            cutoff_function=functions[cutoff_function],
            prefactor="soap",
            **parameters,
        )

    @classmethod
    def from_quip(cls, *, cutoff, n_max, l_max, **parameters) -> SO3PowerSpectrum:
        """The numbers of QUIP's ``power_so3 cutoff=... n_max=... l_max=...``, in its order: the
        definition of Bartók et al.

        Species are alike, as in QUIP, unless ``channels`` says otherwise.
        """
        sharp = _SHARP | {"radial_coupling": False} | parameters
        return cls(cutoff=cutoff, n_max=n_max, l_max=l_max, **sharp)

    def _validate(self) -> None:
        super()._validate()
        check_flag("radial_coupling", self.radial_coupling)
        check_choice("prefactor", self.prefactor, (None, "soap"))

    def _make_plan(self, species: tuple[int, ...]) -> PowerSpectrumPlan:
        mixing = mixing_matrix(self.channels, species)
        pairs = unordered_pairs(len(mixing))
        index, names, offset = [], [], 0
        channels = channel_names(mixing, species)
        for a, b in pairs:
            # The engine's row of a pair is [l][n][n'], with n' >= n where a = b.
            place = np.zeros((self.n_max, self.n_max), dtype=int)
            kept = np.triu_indices(self.n_max) if a == b else np.nonzero(place == 0)
            place[kept] = np.arange(len(kept[0]))
            for n in range(self.n_max):
                for m in range(n + 1 if a == b else self.n_max):
                    if n != m and not self.radial_coupling:
                        continue
                    for l in range(self.l_max + 1):
                        at = place[m, n] if a == b else place[n, m]
                        index.append(offset + l * len(kept[0]) + at)
                        names.append(f"SO3[{channels[a]},{channels[b]}] n={n} n'={m} l={l}")
            offset += (self.l_max + 1) * len(kept[0])
        prefactor = np.full(self.l_max + 1, self._height**2)
        if self.prefactor == "soap":
            prefactor *= np.pi * np.sqrt(8 / (2 * np.arange(self.l_max + 1) + 1))
        return PowerSpectrumPlan(
            table=self._table(),
            center=np.zeros(self.n_max),
            n_species=len(species),
            mixing=mixing,
            channel_pairs=pairs,
            prefactor=prefactor,
            index=np.array(index),
            scale=np.ones(len(index)),
            normalize=False,
            dtype=self.dtype,
            names=lambda: names,
        )


class SO3Bispectrum(_Density):
    """SO(3) bispectrum: invariants of three neighbours and the centre, four-body.

    ::

        c_nlm        =  ⟨ g_n Y_lm | Σ_j w_j f(r_j) exp(−|r − r_j|² / 2 sigma²) ⟩
        B_n,l1,l2,l  =  Σ_{m1 m2 m}  C(l1 m1 l2 m2 | l m)  c_nl1m1 c_nl2m2 c*_nlm

    with Clebsch-Gordan coefficients C, for l1 ≤ l2 ≤ l ≤ l1 + l2: other orders of the three give
    the same numbers, times a constant. Where l1 + l2 + l is even B is real. Where it is odd B is
    imaginary (its imaginary part is given), changes its sign under a reflection, and vanishes if
    two of the three are equal: these are left out.

    Parameters
    ----------
    cutoff : float, Å
        Radius of the environment.
    n_max : int
        Number of radial functions.
    l_max : int
        Largest angular momentum, included.
    sigma : float, Å
        Width of the Gaussians: exp(-r²/2 sigma²). Not used by delta densities.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    channels : "species", "number", "one" or mapping
        Weights w: a density for each species; atomic numbers; ones; or ``{"H": 0.5, "O": 2}``.
    parity : "even", "odd" or "both"
        "even": l1 + l2 + l is even. "odd" ones tell an environment from its mirror image; the
        first is B_n,2,3,4.
    density : "gaussian" or "delta"
        Shape of a neighbour; delta gives c_nlm = Σ_j w_j f(r_j) g_n(r_j) Y_lm, as in Bartók et al.
    radial_basis : str
        The functions g_n, as for SO3PowerSpectrum.
    cutoff_function : str or None
        "cosine", "polynomial", "tanh", "exponential", or None for a jump.
    pooling : None, "mean" or "sum"
        One row an atom, or one a structure.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    accuracy : float
        Largest error of the tabulated radial functions, relative to their largest value.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Raises
    ------
    MissingExtraError
        When first used: the coefficients need the package ``wigners``.

    Notes
    -----
    Cost is linear in the number of neighbours and of species; the coupling grows as l_max^5. The
    three neighbours are seen through one radial function n and in one channel. B_n,0,l,l is a power
    spectrum times c_n00. Some different environments agree in all four-body invariants.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.SO3Bispectrum(cutoff=4.0, n_max=2, l_max=3).compute(molecule("CH3CH2OH"))
    Features(9 samples x 48 features, float64)
    """

    registry_name = "so3_bispectrum"
    search_space = {
        "cutoff": steps(2, 10),
        "n_max": integers(1, 6),
        "l_max": integers(1, 5),
        "sigma": powers_of_two(-4, 1, 0.5),
    }

    def __init__(
        self,
        *,
        cutoff=5.0,
        n_max=4,
        l_max=4,
        sigma=0.5,
        species=None,
        channels="species",
        parity="even",
        density="gaussian",
        radial_basis="polynomial_normalized",
        cutoff_function="cosine",
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.n_max = n_max
        self.l_max = l_max
        self.sigma = sigma
        self.species = species
        self.channels = channels
        self.parity = parity
        self.density = density
        self.radial_basis = radial_basis
        self.cutoff_function = cutoff_function
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _validate(self) -> None:
        super()._validate()
        check_choice("parity", self.parity, ("even", "odd", "both"))
        if self.parity == "odd":
            check_integer('l_max, with parity="odd",', self.l_max, 4)

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        mixing = mixing_matrix(self.channels, species)
        triples = bispectrum_triples(self.l_max, self.parity)
        first, index, weight = [0], [], []
        for ls in triples:
            products, factors = _products(ls)
            index.append(products)
            weight.append(factors * self._height**3)
            first.append(first[-1] + len(factors))
        term = triple_products(
            self._table(),
            self.l_max,
            len(species),
            self.dtype,
            first=first,
            index=np.concatenate(index),
            weight=np.concatenate(weight),
            mixing=mixing,
        )
        names = [
            f"B[{channel}] l1={l1} l2={l2} l={l} n={n}"
            for channel in channel_names(mixing, species)
            for l1, l2, l in triples
            for n in range(self.n_max)
        ]
        return SumsPlan([term], dtype=self.dtype, names=lambda: names)


def bispectrum_triples(l_max: int, parity: str) -> list[tuple[int, int, int]]:
    """(l1, l2, l) of the bispectrum components that are independent and do not vanish."""
    return [
        (l1, l2, l)
        for l1 in range(l_max + 1)
        for l2 in range(l1, l_max + 1)
        for l in range(l2, min(l1 + l2, l_max) + 1)
        if ((l1 + l2 + l) % 2 == 0 and parity != "odd")
        or ((l1 + l2 + l) % 2 == 1 and parity != "even" and l1 < l2 < l)
    ]


def _products(ls: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 3) and weights of the products of coefficients in one component; products of the
    same three are one."""
    coupling = real_coupling(*ls)
    at = np.argwhere(np.abs(coupling) > 1e-14)
    places = np.sort(at + np.array(ls) ** 2, axis=1)  # (l, m) is at l * l + l + m
    unique, which = np.unique(places, axis=0, return_inverse=True)
    return unique, np.bincount(which.ravel(), coupling[tuple(at.T)])
