"""MBTR, the many-body tensor representation of a structure."""

from __future__ import annotations

from vicinal.descriptors.parameters import check_choice
from vicinal.descriptors.structure_spectra import StructureSpectra
from vicinal.errors import ParameterError

K2 = {
    "geometry": "inverse_distance",
    "weighting": {"function": "exp", "cutoff": 6.0, "threshold": 1e-3},
}
K3 = {"geometry": "cosine", "weighting": {"function": "exp", "cutoff": 5.0, "threshold": 1e-3}}

NORMALIZATIONS = (None, "l2", "l2_each", "n_atoms", "valle_oganov")


class MBTR(StructureSpectra):
    """Many-body tensor representation: distributions of distances, angles ... by species.

    ::

        f_k(x; Z_1 ... Z_k)  =  Σ_{tuples of k atoms with these species}  w_k  N(x; g_k, σ_k)

    with a geometry function g_k and a weight w_k of the tuple, on a uniform grid of x. One row a
    structure, with all k that are given side by side.

    Parameters
    ----------
    k1 : dict or None
        What is computed for single atoms, None for nothing: ``{"geometry": name, "grid": {min, max,
        n, sigma}, "weighting": {function, ...}}``. What a grid leaves out has a default. Geometry
        "atomic_number", weighting "unity".
    k2 : dict or None
        The same for pairs. Geometry "distance" (Å), "inverse_distance" or
        "inverse_square_distance". Weighting "unity", with a ``cutoff`` in Å that is needless if
        ``periodic=False``; "exp", exp(-scale r) down to ``threshold``, from ``scale`` in 1/Å or
        from the ``cutoff`` at which it gets there; "inverse_square", 1/r² up to ``cutoff``;
        "smooth_cutoff", 1 + y q^(y+1) - (y+1) q^y with q = r / ``cutoff``, y = ``sharpness`` (2).
    k3 : dict or None
        For triples. Geometry "angle" (degrees) or "cosine". Weighting "exp" of the perimeter of the
        triangle, the ``cutoff`` being half of it; or "unity" or "smooth_cutoff", the product over
        the two sides at the vertex.
    k4 : dict or None
        For chains of four atoms. Geometry "dihedral" (degrees, 0 to 180) or "dihedral_cosine".
        Weighting "unity", "exp" or "smooth_cutoff", the product over the three bonds of the chain
        times sin² of its two angles, so that a chain may become straight.
    cutoff_function : None, "cosine", "polynomial", "tanh" or "exponential"
        Fades the weightings "unity", "exp" and "inverse_square" out (over half the perimeter where
        x is the perimeter); None lets them jump at the cutoff, as DScribe does.
    normalization : None, "l2", "l2_each", "n_atoms" or "valle_oganov"
        Divide the row by its length; each k by its own length; by the number of atoms. Or multiply
        k2 by V/(4 pi N_A N_B) and k3 by V²/(N_A N_B N_C), for the species of the block, the volume
        and the numbers of atoms of the cell. A structure that is not periodic in all directions
        has no volume; one Å³ an atom then takes its place.
    convention : "vicinal" or "dscribe"
        With "dscribe", "valle_oganov" multiplies k3 by V instead of V², so that the row of a
        supercell is smaller than that of its cell.
    gaussian : "integrated" or "sampled"
        A grid point gets the mean of the Gaussian over one step about it, or its value there.
    normalize_gaussians : bool
        Gaussians of unit area, or else of unit height.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    dtype : "float64" or "float32"
        Type of the values; sums are made in it, geometry in float64.
    n_threads : int, optional
        All available cores by default, which share structures. Results do not depend on it.

    Notes
    -----
    Cost is linear in the neighbours for k2, quadratic for k3, cubic for k4. Tuples count once a
    cell, so that a supercell has the row of its cell times their number, and the same row with any
    normalisation. Chosen ``centers`` give the tuples about them (a pair counts half at each end),
    and "n_atoms" counts them. Distributions forget which angle goes with which distance: different
    structures may have the same row.

    References
    ----------
    H. Huo, M. Rupp, Mach. Learn.: Sci. Technol. 3, 045017 (2022); arXiv:1704.06439.
    "valle_oganov": M. Valle, A. R. Oganov, Acta Cryst. A 66, 507 (2010).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> weighting = {"function": "smooth_cutoff", "cutoff": 4.0}
    >>> mbtr = vc.MBTR(k2=None, k3={"geometry": "angle", "weighting": weighting})
    >>> mbtr.compute(molecule("CH3CH2OH"))
    Features(1 samples x 1098 features, float64)
    """

    registry_name = "mbtr"
    _label = "MBTR"

    def __init__(
        self,
        *,
        k1=None,
        k2=K2,
        k3=K3,
        k4=None,
        cutoff_function="cosine",
        normalization=None,
        convention="vicinal",
        gaussian="integrated",
        normalize_gaussians=True,
        species=None,
        periodic=None,
        dtype="float64",
        n_threads=None,
    ):
        self.k1 = k1
        self.k2 = k2
        self.k3 = k3
        self.k4 = k4
        self.cutoff_function = cutoff_function
        self.normalization = normalization
        self.convention = convention
        self.gaussian = gaussian
        self.normalize_gaussians = normalize_gaussians
        self.species = species
        self.periodic = periodic
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _validate(self) -> None:
        super()._validate()
        check_choice("normalization", self.normalization, NORMALIZATIONS)
        if not self._orders():
            raise ParameterError("k1, k2, k3 and k4 are all None: nothing to compute")
