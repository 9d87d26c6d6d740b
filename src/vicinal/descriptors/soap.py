"""SOAP, the smooth overlap of atomic positions."""

from __future__ import annotations

import numpy as np

from vicinal.basis.species import channel_names
from vicinal.correlate.power_spectrum import PowerSpectrumPlan
from vicinal.descriptors import conventions
from vicinal.descriptors.parameters import check_choice, check_flag, check_number
from vicinal.descriptors.radial_expansion import RadialExpansion
from vicinal.descriptors.spaces import integers, powers_of_two, steps
from vicinal.errors import ParameterError


class SOAP(RadialExpansion):
    """Smooth overlap of atomic positions: the power spectrum of the neighbour density.

    ::

        ρ^Z(r)      =  Σ_{j: Z_j = Z}  f_c(r_j) w(r_j) g(r − r_j)
        c^Z_nlm     =  ⟨ g_n Y_lm | ρ^Z ⟩
        p^ZZ'_nn'l  =  (2l + 1)^(−1/2)  Σ_m  c^Z_nlm c^Z'_n'lm

    with Gaussians of unit L2 norm and width ``sigma`` for g, cutoff function f_c and weighting w.
    The dot product of two rows is the SOAP kernel: entries that stand for two equal ones carry a
    factor sqrt(2).

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
    density : "gaussian" or "delta"
        Shape of a neighbour.
    radial_basis : str
        Orthonormal radial functions: "gto", "gto_dscribe" (Gaussian type, featomic's and
        DScribe's), "polynomial", "polynomial_normalized", "bartok" (polynomials: DScribe's,
        PyXtal_FF's, and those of Bartók et al. 2013, orthonormal without r²), "bessel" (spherical
        Bessel functions, Laplacian eigenstates of the ball), "quip" (QUIP's equispaced Gaussians).
    cutoff_function : str or None
        How a neighbour fades out: "shifted_cosine", "cosine", "polynomial", "tanh", "exponential",
        "padded", or None for a jump. "padded" is DScribe's: a jump beyond the cutoff, where a
        Gaussian has fallen to 0.001 at the cutoff.
    cutoff_width : float, Å
        Width of the switching zone of "shifted_cosine".
    weighting : dict, optional
        Weight of a neighbour by its distance, for example
        ``{"function": "pow", "r0": 2.0, "c": 1.0, "d": 1.0, "m": 4.0}``; ``w0`` for the centre.
    compression : None, "mu2", "mu1nu1" or "crossover"
        Fewer channel pairs: the sum of all species with itself; each species with the sum; each
        species with itself.
    mixing : (n_channels, n_species) array, optional
        Weight of each species (sorted by atomic number) in each channel, instead of one channel a
        species.
    normalization : None or "l2"
        "l2" divides each row by its length.
    central_weight : float
        Weight of the central atom in its own density.
    convention : "vicinal", "dscribe", "featomic" or "quip"
        Prefactors and order of the features.
    pooling : None, "mean", "sum" or "inner"
        One row an atom; or one a structure: mean or sum of the rows, or the power spectrum of the
        mean density.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    sparse : bool
        Return csr_array that holds only pairs of species with neighbours in the environment.
    accuracy : float
        Largest error of the tabulated radial functions, relative to their largest value.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    Cost is linear in the number of neighbours and, without compression, quadratic in the number of
    species. Complete for pairs and triples only: some different environments have equal power
    spectra (Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020)).

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013).
    Compression: J. P. Darby, J. R. Kermode, G. Csányi, npj Comput. Mater. 8, 166 (2022).
    Mixed species: M. J. Willatt, F. Musil, M. Ceriotti, Phys. Chem. Chem. Phys. 20, 29661 (2018).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> soap = vc.SOAP(cutoff=4.0, n_max=4, l_max=3)
    >>> soap.compute(molecule("CH3CH2OH"))
    Features(9 samples x 312 features, float64)
    """

    registry_name = "soap"
    search_space = {
        "cutoff": steps(2, 10),
        "n_max": integers(1, 8),
        "l_max": integers(1, 8),
        # The protocol's grid goes from -20 to 6: below 0.06 Å no basis of this size sees a
        # difference, above 2 Å nothing is left to see.
        "sigma": powers_of_two(-4, 1, 0.5),
        "normalization": (None, "l2"),
    }
    _poolings = (None, "mean", "sum", "inner")

    def __init__(
        self,
        *,
        cutoff=5.0,
        n_max=8,
        l_max=6,
        sigma=0.5,
        species=None,
        density="gaussian",
        radial_basis="gto",
        cutoff_function="shifted_cosine",
        cutoff_width=0.5,
        weighting=None,
        compression=None,
        mixing=None,
        normalization=None,
        central_weight=1.0,
        convention="vicinal",
        pooling=None,
        periodic=None,
        sparse=False,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.n_max = n_max
        self.l_max = l_max
        self.sigma = sigma
        self.species = species
        self.density = density
        self.radial_basis = radial_basis
        self.cutoff_function = cutoff_function
        self.cutoff_width = cutoff_width
        self.weighting = weighting
        self.compression = compression
        self.mixing = mixing
        self.normalization = normalization
        self.central_weight = central_weight
        self.convention = convention
        self.pooling = pooling
        self.periodic = periodic
        self.sparse = sparse
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    # -- the peers' parameters ------------------------------------------------------------------

    @classmethod
    def from_dscribe(cls, **parameters) -> SOAP:
        """The SOAP of ``dscribe.descriptors.SOAP(**parameters)``: its numbers, in its order.

        ``r_cut, n_max, l_max, sigma, species, rbf, weighting, compression, average, periodic,
        sparse, dtype`` mean what they mean there. See :func:`.conventions.parse_dscribe`.
        """
        return cls(**conventions.parse_dscribe(**parameters))

    @classmethod
    def from_featomic(cls, hypers: dict) -> SOAP:
        """The SOAP of ``featomic.SoapPowerSpectrum(**hypers)``: its numbers, in the order
        that ``keys_to_properties(["neighbor_1_type", "neighbor_2_type"])`` gives.

        See :func:`.conventions.parse_featomic`.
        """
        return cls(**conventions.parse_featomic(hypers))

    @classmethod
    def from_quip(cls, string: str) -> SOAP:
        """The SOAP of ``quippy.descriptors.Descriptor(string)``: its numbers, in its order.

        See :func:`.conventions.parse_quip`.
        """
        return cls(**conventions.parse_quip(string))

    # -- what the base asks for -----------------------------------------------------------------

    def _validate(self) -> None:
        super()._validate()
        check_number("central_weight", self.central_weight)
        check_choice("normalization", self.normalization, (None, "l2"))
        check_choice("convention", self.convention, conventions.CONVENTIONS)
        check_choice("compression", self.compression, conventions.COMPRESSIONS)
        check_flag("sparse", self.sparse)
        if self.mixing is not None:
            conventions.mixing_matrix(self.mixing)
        if self.sparse and self.convention in ("featomic", "quip"):
            raise ParameterError(f"sparse=True is not there with convention={self.convention!r}")

    def _make_plan(self, species: tuple[int, ...]) -> PowerSpectrumPlan:
        mixing, pairs = conventions.channel_pairs(
            len(species), compression=self.compression, mixing=self.mixing
        )
        layout = conventions.layout(
            self.convention,
            pairs=pairs,
            n_max=self.n_max,
            l_max=self.l_max,
            density=self.density,
            sigma=self.sigma,
        )
        return PowerSpectrumPlan(
            table=self._table(),
            center=self.central_weight * self._radial().central(),
            n_species=len(species),
            mixing=mixing,
            channel_pairs=pairs,
            prefactor=layout.prefactor,
            index=layout.index,
            scale=layout.scale,
            normalize=self.normalization == "l2",
            dtype=self.dtype,
            names=lambda: _names(layout.labels, mixing, species),
        )


def _names(labels: np.ndarray, mixing: np.ndarray, species: tuple[int, ...]) -> list[str]:
    """``SOAP[H,O] l=2 n=0 n'=3``; a channel of several species is named after all of them."""
    channels = [name or "nothing" for name in channel_names(mixing, species)]
    if len(set(channels)) < len(channels):
        channels = [f"{q}:{name}" for q, name in enumerate(channels)]
    return [
        f"SOAP[{channels[a]},{channels[b]}] l={l} n={n} n'={m}" if a >= 0 else "SOAP constant"
        for a, b, n, m, l in labels.tolist()
    ]
