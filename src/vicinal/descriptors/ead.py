"""Embedded atom density descriptor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse
from scipy.special import factorial

from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS, get_cutoff_function
from vicinal.basis.species import channel_names, check_channels, mixing_matrix
from vicinal.correlate.moments import angular_sums, legendre_series
from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import (
    check_choice,
    check_flag,
    check_integer,
    check_numbers,
    table_accuracy,
)
from vicinal.descriptors.spaces import integers, steps


class EAD(Descriptor):
    """Embedded atom density: squared densities of Gaussian orbitals on the neighbours.

    ::

        ρ_{L,η,μ}  =  Σ_{lx + ly + lz = L}  L!/(lx! ly! lz!)  (Σ_j  w_j φ(r_j))²
        φ(r)       =  (x/Rc)^lx (y/Rc)^ly (z/Rc)^lz exp(−η (r − μ)²) f(r)

    which is Σ_jk w_j w_k u(r_j) u(r_k) (r_j r_k cos θ_jk / Rc²)^L, u(r) = exp(−η (r − μ)²) f(r).

    Parameters
    ----------
    cutoff : float, Å
        Radius Rc of the environment.
    l_max : int
        Largest orbital angular momentum L, included.
    eta : list of float, 1/Å²
        Exponents of the Gaussians.
    mu : list of float, Å
        Their centres; all combinations with ``eta`` are used.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    channels : "species", "number", "one" or mapping
        Weights w, the orbital coefficients of the paper, where they are learned: a density for each
        species; atomic numbers; ones; or ``{"H": 0.5, "O": 2}``.
    cutoff_function : str or None
        "cosine", "polynomial", "tanh", "exponential", or None for a jump. The paper has the square
        of the cosine.
    cumulative : bool
        PyXtal_FF's features: L! Rc^(−2L) Σ_{K ≤ L} Rc^(2K)/K! ρ_K in the place of ρ_L.
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
    Cost is linear in the number of neighbours and of channels. Of the three-body information only
    the powers cos^L are there, and each with r^L: features of large L see outer neighbours. Blind
    to mirror images; with ``channels="species"`` to angles between neighbours of two species.

    References
    ----------
    Y. Zhang, C. Hu, B. Jiang, J. Phys. Chem. Lett. 10, 4962 (2019).
    With the factor Rc^(−2L): PyXtal_FF, H. Yanxon et al., Mach. Learn.: Sci. Technol. 2, 027001
    (2021).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> ead = vc.EAD(cutoff=4.0, l_max=2, eta=[0.1, 0.5], mu=[0.0, 1.5])
    >>> ead.compute(molecule("CH3CH2OH"))
    Features(9 samples x 36 features, float64)
    """

    registry_name = "ead"
    search_space = {
        "cutoff": steps(2, 10),
        "l_max": integers(0, 4),
        "eta": ((0.05,), (0.05, 0.5), (0.05, 0.5, 5.0)),
        "mu": ((0.0,), (0.0, 1.5, 3.0), (0.0, 1.0, 2.0, 3.0, 4.0)),
    }

    def __init__(
        self,
        *,
        cutoff=5.0,
        l_max=3,
        eta=(0.05, 0.5),
        mu=(0.0, 1.5, 3.0),
        species=None,
        channels="species",
        cutoff_function="cosine",
        cumulative=False,
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.l_max = l_max
        self.eta = eta
        self.mu = mu
        self.species = species
        self.channels = channels
        self.cutoff_function = cutoff_function
        self.cumulative = cumulative
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_pyxtal_ff(
        cls,
        parameters: dict,
        *,
        Rc: float = 5.0,
        cutoff: str = "cosine",
        species: Sequence | None = None,
        **more,
    ) -> EAD:
        """The numbers of PyXtal_FF's ``EAD(parameters, Rc=Rc, cutoff=cutoff)``, in its order.

        Parameters
        ----------
        parameters : dict
            ``{"L": 2, "eta": [0.036, 0.071], "Rs": [0.0]}``.
        Rc : float, Å
        cutoff : "cosine", "tanh" or "exponent"
        species : list of symbols, optional
        **more
            Parameters of the class that PyXtal_FF does not know: ``pooling``, ``dtype``, ...
        """
        functions = {"cosine": "cosine", "tanh": "tanh", "exponent": "exponential"}
        check_choice("cutoff", cutoff, tuple(functions))
        return cls(
            cutoff=Rc,
            l_max=parameters["L"],
            eta=list(parameters["eta"]),
            mu=list(parameters["Rs"]),
            species=species,
            channels="number",
            cutoff_function=functions[cutoff],
            cumulative=True,
            **more,
        )

    @property
    def smoothness(self) -> float:
        return get_cutoff_function(self.cutoff_function).smoothness

    def _validate(self) -> None:
        super()._validate()
        check_integer("l_max", self.l_max, 0)
        check_numbers("eta", self.eta, positive=True)
        check_numbers("mu", self.mu)
        check_channels(self.channels)
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        check_flag("cumulative", self.cumulative)

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        fade = get_cutoff_function(self.cutoff_function)
        orbitals = [(L, e, m) for L in range(self.l_max + 1) for e in self.eta for m in self.mu]
        power, eta, mu = np.array(orbitals, dtype=float).T

        def radial(r):
            r = r[:, None]
            gaussians = (r / self.cutoff) ** power * np.exp(-eta * (r - mu) ** 2)
            return gaussians * fade(r, cutoff=self.cutoff)

        mixing = mixing_matrix(self.channels, species)
        terms, matrix = angular_sums(
            radial,
            float(self.cutoff),
            [(n, legendre_series(lambda x, L=L: x**L, L)) for n, (L, _, _) in enumerate(orbitals)],
            n_species=len(species),
            dtype=self.dtype,
            pairs=[(c, c) for c in range(len(mixing))],
            mixing=mixing,
            distinct=False,
            accuracy=table_accuracy(self.accuracy, self.dtype),
        )
        if self.cumulative:
            matrix = self._cumulative(len(mixing)) @ matrix
        names = [
            f"EAD[{label}] L={L} eta={e:g} mu={m:g}"
            for label in channel_names(mixing, species)
            for L, e, m in orbitals
        ]
        return SumsPlan(terms, matrix=matrix, dtype=self.dtype, names=lambda: names)

    def _cumulative(self, n_channels: int):
        """The matrix from our features to PyXtal_FF's."""
        K = np.arange(self.l_max + 1)
        scale = float(self.cutoff) ** (2 * K) / factorial(K)
        sums = np.tril(scale / scale[:, None])
        per_channel = scipy.sparse.kron(sums, np.eye(len(self.eta) * len(self.mu)))
        return scipy.sparse.kron(np.eye(n_channels), per_channel)
