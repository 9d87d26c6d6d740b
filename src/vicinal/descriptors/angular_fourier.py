"""Angular Fourier series."""

from __future__ import annotations

from numpy.polynomial.chebyshev import Chebyshev

from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS
from vicinal.basis.species import channel_names, check_channels, mixing_matrix, unordered_pairs
from vicinal.correlate.moments import angular_sums, legendre_series
from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors.parameters import (
    check_choice,
    check_flag,
    check_integer,
    table_accuracy,
)
from vicinal.descriptors.radial_expansion import RadialExpansion
from vicinal.descriptors.spaces import integers, steps


class AngularFourierSeries(RadialExpansion):
    """Fourier series of the angles between neighbours, in several radial functions.

    ::

        AFS^ab_nl  =  Σ_{j ∈ a, k ∈ b}  g_n(r_j) g_n(r_k) cos(l θ_jk)

    over all neighbours j and k, j = k included, of the species a and b. By default g_n are the
    paper's polynomials: (Rc − r)^(α + 2), α = 1 .. n_max, each normalised in ∫ dr, then made
    orthonormal in ∫ dr by Löwdin's method, S^(−1/2).

    Parameters
    ----------
    cutoff : float, Å
        Radius Rc of the environment.
    n_max : int
        Number of radial functions.
    l_max : int
        Largest frequency, included.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    channels : "species", "one", "number" or mapping
        Features for each two species; or all neighbours alike; or weighted by their atomic numbers
        or by ``{"H": 0.5, "O": 2}``.
    radial_basis : "bartok", "polynomial", "polynomial_normalized", "bessel", "gto", "gto_dscribe"
        The polynomials above, or SOAP's of that name (of l = 0).
    cutoff_function : str or None
        Multiplies g_n; None where g_n itself goes to zero, as the polynomials do.
    self_terms : bool
        If False, only pairs of two different neighbours, each of them once (j < k where a = b).
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
    Cost is linear in the number of neighbours, since cos(lθ) is a polynomial in cos θ, and
    quadratic in the number of species with ``channels="species"``. Equivalent to the diagonal of a
    power spectrum with the same g_n: cos(lθ) instead of Legendre polynomials. Sees pairs and
    triples, no mirror images.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013), section II.

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> afs = vc.AngularFourierSeries(cutoff=4.0, n_max=3, l_max=4)
    >>> afs.compute(molecule("CH3CH2OH"))
    Features(9 samples x 90 features, float64)
    """

    registry_name = "afs"
    search_space = {
        "cutoff": steps(2, 10),
        "n_max": integers(2, 10),
        "l_max": integers(1, 10),
    }
    density = "delta"

    def __init__(
        self,
        *,
        cutoff=5.0,
        n_max=6,
        l_max=6,
        species=None,
        channels="species",
        radial_basis="bartok",
        cutoff_function=None,
        self_terms=True,
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.n_max = n_max
        self.l_max = l_max
        self.species = species
        self.channels = channels
        self.radial_basis = radial_basis
        self.cutoff_function = cutoff_function
        self.self_terms = self_terms
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _validate(self) -> None:
        super()._validate()
        check_integer("l_max", self.l_max, 0)
        check_channels(self.channels)
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        check_flag("self_terms", self.self_terms)

    def _radial_parameters(self) -> dict:
        return super()._radial_parameters() | {"l_max": 0}  # its own is that of the angles

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        radial = self._radial()
        mixing = mixing_matrix(self.channels, species)
        pairs = unordered_pairs(len(mixing))
        orders = [(n, l) for n in range(self.n_max) for l in range(self.l_max + 1)]
        terms, matrix = angular_sums(
            lambda r: radial.evaluate(r)[:, 0],
            radial.end,
            [(n, legendre_series(Chebyshev.basis(l), l)) for n, l in orders],
            n_species=len(species),
            dtype=self.dtype,
            pairs=pairs,
            mixing=mixing,
            distinct=not self.self_terms,
            accuracy=table_accuracy(self.accuracy, self.dtype),
        )
        labels = channel_names(mixing, species)
        names = [f"AFS[{labels[a]},{labels[b]}] n={n} l={l}" for a, b in pairs for n, l in orders]
        return SumsPlan(terms, matrix=matrix, dtype=self.dtype, names=lambda: names)
