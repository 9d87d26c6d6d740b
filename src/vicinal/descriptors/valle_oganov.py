"""The Valle-Oganov fingerprint of a crystal."""

from __future__ import annotations

from vicinal.descriptors import many_body
from vicinal.descriptors.parameters import check_choice, check_number
from vicinal.descriptors.spaces import integers, powers_of_two, steps
from vicinal.descriptors.structure_spectra import StructureSpectra
from vicinal.errors import ParameterError


class ValleOganov(StructureSpectra):
    """Valle-Oganov fingerprint: distances (or angles) in a crystal over those of an ideal gas.

    ::

        F_AB(R)   =  V / (4π N_A N_B)   Σ_{i∈A, j∈B}  N(R; r_ij, σ) / r_ij²
        F_ABC(θ)  =  V² / (N_A N_B N_C)  Σ_{i∈A, j∈B, k∈C}  f(r_ij) f(r_jk) N(θ; θ_ijk, σ)

    with i, j, k once a cell, the volume V and the numbers of atoms N of the cell, and f(r) = 1 + y
    q^(y+1) - (y+1) q^y, q = r / ``cutoff``. F_AB tends to one where atoms are uncorrelated (the
    paper then takes one off). It is :class:`vicinal.MBTR` with these weights and normalisation.

    Parameters
    ----------
    cutoff : float, Å
        Longest distance; of angles, longest side.
    function : "distance" or "angle"
        Distances in Å from 0 to ``cutoff``, or angles in degrees from 0 to 180.
    n : int
        Number of grid points.
    sigma : float, Å or degrees, optional
        Width of the Gaussians; 0.1 Å or 4 degrees if not given.
    sharpness : float
        y, for angles.
    cutoff_function : None, "cosine", "polynomial", "tanh" or "exponential"
        For distances: fades pairs out instead of dropping them at the cutoff.
    convention : "vicinal" or "dscribe"
        With "dscribe" angles are multiplied by V instead of V², so that the row of a supercell is
        smaller than that of its cell.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    dtype : "float64" or "float32"
        Type of the values; sums are made in it, geometry in float64.
    n_threads : int, optional
        All available cores by default, which share structures. Results do not depend on it.

    Notes
    -----
    A structure that is not periodic in all directions has no volume; one Å³ an atom then takes its
    place. Derivatives by strain hold that of the volume. Cost is linear in the neighbours for
    distances, quadratic for angles.

    References
    ----------
    M. Valle, A. R. Oganov, Acta Cryst. A 66, 507 (2010).
    Angles: L. Himanen et al., DScribe, Comput. Phys. Commun. 247, 106949 (2020).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import bulk
    >>> vc.ValleOganov(cutoff=5.0).compute(bulk("NaCl", "rocksalt", a=5.64))
    Features(1 samples x 300 features, float64)
    """

    registry_name = "valle_oganov"
    search_space = {
        "cutoff": steps(3, 12),
        "sigma": powers_of_two(-6, 0),
        "n": integers(50, 200, 50),
    }
    _label = "VO"
    normalization = "valle_oganov"
    gaussian = "integrated"
    normalize_gaussians = True
    periodic = None

    @classmethod
    def from_choices(cls, **choices):
        return cls(**choices)

    def __init__(
        self,
        *,
        cutoff=6.0,
        function="distance",
        n=100,
        sigma=None,
        sharpness=2.0,
        cutoff_function=None,
        convention="vicinal",
        species=None,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.function = function
        self.n = n
        self.sigma = sigma
        self.sharpness = sharpness
        self.cutoff_function = cutoff_function
        self.convention = convention
        self.species = species
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_dscribe(
        cls, *, function, n, sigma, r_cut, species=None, sparse=False, dtype="float64"
    ) -> ValleOganov:
        """The ``dscribe.descriptors.ValleOganov(...)``: its numbers, in its order."""
        if sparse:
            raise ParameterError("sparse=True is not there")
        return cls(
            cutoff=r_cut,
            function=function,
            n=n,
            sigma=sigma,
            convention="dscribe",
            species=species,
            dtype=dtype,
        )

    def _validate(self) -> None:
        check_number("cutoff", self.cutoff, positive=True)
        check_number("sharpness", self.sharpness, positive=True)
        check_choice("function", self.function, ("distance", "angle"))
        super()._validate()

    def _orders(self) -> list[many_body.Order]:
        pairs = self.function == "distance"
        width = 0.1 if pairs else 4.0
        grid = {
            "min": 0.0,
            "max": self.cutoff if pairs else 180.0,
            "n": self.n,
            "sigma": width if self.sigma is None else self.sigma,
        }
        weighting = {"function": "inverse_square", "cutoff": self.cutoff}
        if not pairs:
            weighting |= {"function": "smooth_cutoff", "sharpness": self.sharpness}
        given = {"geometry": self.function, "grid": grid, "weighting": weighting}
        return [many_body.parse("ValleOganov", 2 if pairs else 3, given, bounded=True)]
