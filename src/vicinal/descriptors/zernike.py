"""Zernike descriptor."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.special import eval_jacobi

from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS, get_cutoff_function
from vicinal.basis.species import channel_names, check_channels, mixing_matrix, unordered_pairs
from vicinal.basis.spline import tabulate
from vicinal.correlate.sums import SumsPlan, diagonal_spectrum
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import (
    check_choice,
    check_integer,
    table_accuracy,
)
from vicinal.descriptors.spaces import integers, steps
from vicinal.errors import ParameterError


class Zernike(Descriptor):
    """Invariants of the neighbour density in 3D Zernike polynomials.

    ::

        c_nlm  =  Σ_j  w_j f(r_j) R_nl(r_j / Rc) Y_lm(r_j),      p_nl  =  Σ_m |c_nlm|²
        R_nl(x)  =  sqrt(2n + 3)  Σ_s  (−1)^s C(k, s) C(n − s + 1/2, k) x^(n − 2s),   k = (n − l)/2

    for n = 0 .. degree and l = n, n - 2, ..., down to 0 or 1. The Z_nlm = R_nl Y_lm are orthonormal
    polynomials of degree n in x, y, z on the unit ball; n is not the number of a radial function.

    Parameters
    ----------
    cutoff : float, Å
        Radius Rc of the environment.
    degree : int
        Largest n, included; AMP's ``nmax``.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    channels : "number", "species", "one" or mapping
        Weights w: atomic numbers; a density for each species, with p_nl for each two of them;
        ones; or ``{"H": 0.5, "O": 2}``.
    cutoff_function : str or None
        "cosine", "polynomial" (AMP's, gamma = 4), "tanh", "exponential", or None for a jump.
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
    Cost is linear in the number of neighbours, and does not depend on the number of species unless
    ``channels="species"``, where it is quadratic. Each feature takes neighbours through one radial
    function: fewer features than a power spectrum, which relates two. With one channel an exchange
    of species may go unseen. Blind to mirror images.

    References
    ----------
    A. Khorshidi, A. A. Peterson, Comput. Phys. Commun. 207, 310 (2016).
    Polynomials: N. Canterakis, Proc. 11th Scandinavian Conf. on Image Analysis, 85 (1999);
    M. Novotni, R. Klein, Comput.-Aided Des. 36, 1047 (2004).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.Zernike(cutoff=4.0).compute(molecule("CH3CH2OH"))
    Features(9 samples x 12 features, float64)
    """

    registry_name = "zernike"
    search_space = {
        "cutoff": steps(2, 10),
        "degree": integers(2, 10),
        "channels": ("number", "species"),
    }

    def __init__(
        self,
        *,
        cutoff=6.5,
        degree=5,
        species=None,
        channels="number",
        cutoff_function="cosine",
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.degree = degree
        self.species = species
        self.channels = channels
        self.cutoff_function = cutoff_function
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_amp(cls, *, cutoff=6.5, nmax=5, elements=None, **parameters) -> Zernike:
        """The numbers of AMP's ``Zernike``, in its order.

        Parameters
        ----------
        cutoff : float, or dict
            As AMP takes it: a radius in Å for its cosine, or
            ``{"name": "Polynomial", "kwargs": {"Rc": 6.5, "gamma": 4}}``.
        nmax : int
        elements : list of symbols, optional
        **parameters
            Those of the class that AMP does not know: ``pooling``, ``dtype``, ...
        """
        function = "cosine"
        if isinstance(cutoff, dict):
            kind, given = cutoff.get("name"), dict(cutoff.get("kwargs", {}))
            check_choice("cutoff name", kind, ("Cosine", "Polynomial"))
            function, cutoff = kind.lower(), given.pop("Rc", None)
            if given.pop("gamma", 4) != 4 or given:
                raise ParameterError("cutoff: gamma=4 is the only other setting that is there")
        return cls(
            cutoff=cutoff, degree=nmax, species=elements, cutoff_function=function, **parameters
        )

    @property
    def smoothness(self) -> float:
        return get_cutoff_function(self.cutoff_function).smoothness

    def _validate(self) -> None:
        super()._validate()
        check_integer("degree", self.degree, 0)
        check_channels(self.channels)
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        fade = get_cutoff_function(self.cutoff_function)

        def radial(r):
            functions = zernike_polynomials(r / self.cutoff, self.degree)
            return functions * fade(r, cutoff=self.cutoff)[:, None, None]

        mixing = mixing_matrix(self.channels, species)
        pairs = unordered_pairs(len(mixing))
        term = diagonal_spectrum(
            tabulate(radial, self.cutoff, accuracy=table_accuracy(self.accuracy, self.dtype)),
            self.degree,
            len(species),
            self.dtype,
            pairs=pairs,
            mixing=mixing,
        )
        orders = [(n, l) for n in range(self.degree + 1) for l in range(n % 2, n + 1, 2)]
        count = self.degree + 1  # rows are [pair][l][n]
        chosen = [p * count**2 + l * count + n for p in range(len(pairs)) for n, l in orders]
        labels = channel_names(mixing, species)
        names = [
            f"Zernike[{labels[a]},{labels[b]}] n={n} l={l}" for a, b in pairs for n, l in orders
        ]
        matrix = scipy.sparse.eye_array(term.size, format="csr")[chosen]
        return SumsPlan([term], matrix=matrix, dtype=self.dtype, names=lambda: names)


def zernike_polynomials(x: np.ndarray, degree: int) -> np.ndarray:
    """R_nl(x) of shape (len(x), l, n), both up to the degree; 0 where there is none.

    As Jacobi polynomials, which lose no digits: the powers of the sum cancel.
    """
    values = np.zeros((len(x), degree + 1, degree + 1))
    for n in range(degree + 1):
        for l in range(n % 2, n + 1, 2):
            jacobi = eval_jacobi((n - l) // 2, 0, l + 0.5, 2 * x**2 - 1)
            values[:, l, n] = np.sqrt(2 * n + 3) * x**l * jacobi
    return values
