"""FCHL19, a fast representation for kernel models of molecules and materials."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols

from vicinal import _engine
from vicinal.basis.cutoff import get_cutoff_function
from vicinal.basis.species import unordered_pairs
from vicinal.basis.spline import tabulate
from vicinal.correlate.sums import SumsPlan, radial_sums
from vicinal.correlate.triplets import triplets
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_integer, check_number, table_accuracy
from vicinal.descriptors.spaces import integers, powers_of_two, steps
from vicinal.errors import ParameterError

#: Two-body functions are constant below this distance (Å), since they are infinite at zero.
NEAREST = 0.25


class FCHL19(Descriptor):
    """FCHL19: log-normal functions of distances, and triples with an Axilrod–Teller–Muto weight.

    ::

        G2_k   =  Σ_j  f_c(r_ij) r_ij^(−N2)  exp(−(ln R_k − μ)² / 2s²) / (s R_k √(2π))
                  μ = ln(r_ij / √(1 + η2/r_ij²)),   s² = ln(1 + η2/r_ij²)
        G3_kn  =  Σ_{j<k}  w  exp(−η3 ((r_ij + r_ik)/2 − R_k)²)  f_c(r_ij) f_c(r_ik)
                           2 exp(−(ζ o)²/2) {cos(o θ_jik), sin(o θ_jik)},   o = 1, 3, .., 2n − 1
                  w = c3 √(η3/π) (1 + 3 cos θ_i cos θ_j cos θ_k) / (r_ij r_ik r_jk)^N3

    G2 for each species j; G3 for each unordered pair of species {j, k} (11, 12, .., 22, ...), cos
    and sin side by side for each R_k. The R_k are n even steps up to the cutoff.

    Parameters
    ----------
    cutoff : float, Å
        Of G2; f_c is a cosine.
    angular_cutoff : float, Å
        Of G3.
    n_two_body : int
        Number of R_k in G2.
    n_three_body : int
        Number of R_k in G3.
    n_fourier : int
        Number of o.
    eta2 : float, Å²
        Width of the log-normal functions.
    eta3 : float, Å⁻²
        Width of the Gaussians of the mean distance.
    zeta : float
        Damping of the Fourier series.
    two_body_decay : float
        N2.
    three_body_decay : float
        N3.
    three_body_weight : float
        c3.
    species : list of symbols or atomic numbers, optional
        Learned by ``fit``, or those of the structures, by default.
    pooling : None, "mean" or "sum"
        One row an atom; or the mean or sum of the rows of each structure.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    accuracy : float
        Largest error of the tabulated factors, relative to their largest value.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    Numbers, order and defaults are those of qmllib's ``generate_fchl19``; here also with
    periodicity. Made for the kernel of :func:`vicinal.similarity.local_kernel`.
    Cost: pairs of neighbours. The term in sin θ has a kink where three atoms are in line; its
    derivative there is left out. Pairs nearer than 0.25 Å count as 0.25 Å apart in G2. Sees pairs
    and triples only, and triples through three numbers of which one is a mean.

    References
    ----------
    A. S. Christensen, L. A. Bratholm, F. A. Faber, O. A. von Lilienfeld, FCHL revisited: faster and
    more accurate quantum machine learning, J. Chem. Phys. 152, 044107 (2020).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.FCHL19().compute(molecule("CH3CH2OH"))
    Features(9 samples x 312 features, float64)
    """

    registry_name = "fchl19"
    search_space = {
        "cutoff": steps(4, 10),
        "angular_cutoff": steps(3, 8),
        "n_two_body": integers(12, 32, 4),
        "n_three_body": integers(8, 28, 4),
        "eta2": powers_of_two(-4, 1, 0.5),
        "eta3": powers_of_two(-1, 3, 0.5),
        "two_body_decay": steps(0.2, 3, 0.4),
        "three_body_decay": steps(0.17, 1.37, 0.4),
        "three_body_weight": powers_of_two(0, 7),
    }
    smoothness = 1  # of the cosine

    def __init__(
        self,
        *,
        cutoff=8.0,
        angular_cutoff=8.0,
        n_two_body=24,
        n_three_body=20,
        n_fourier=1,
        eta2=0.32,
        eta3=2.7,
        zeta=np.pi,
        two_body_decay=1.8,
        three_body_decay=0.57,
        three_body_weight=13.4,
        species=None,
        pooling=None,
        periodic=None,
        accuracy=1e-10,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.angular_cutoff = angular_cutoff
        self.n_two_body = n_two_body
        self.n_three_body = n_three_body
        self.n_fourier = n_fourier
        self.eta2 = eta2
        self.eta3 = eta3
        self.zeta = zeta
        self.two_body_decay = two_body_decay
        self.three_body_decay = three_body_decay
        self.three_body_weight = three_body_weight
        self.species = species
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_choices(cls, *, cutoff, angular_cutoff, **choices) -> FCHL19:
        """Triples reach no farther than pairs."""
        return cls(cutoff=cutoff, angular_cutoff=min(cutoff, angular_cutoff), **choices)

    @classmethod
    def from_qmllib(cls, elements=(1, 6, 7, 8, 16), **parameters) -> FCHL19:
        """The representation of ``qmllib.representations.generate_fchl19(..., **parameters)``.

        ``elements, nRs2, nRs3, nFourier, eta2, eta3, zeta, rcut, acut, two_body_decay,
        three_body_decay, three_body_weight`` mean what they mean there; elements ascend.
        """
        names = {
            "nRs2": "n_two_body",
            "nRs3": "n_three_body",
            "nFourier": "n_fourier",
            "rcut": "cutoff",
            "acut": "angular_cutoff",
        }
        if list(elements) != sorted(elements):
            raise ParameterError(f"elements must be in ascending order, not {list(elements)}")
        renamed = {names.get(key, key): value for key, value in parameters.items()}
        return cls(species=list(elements), periodic=False, **renamed)

    @property
    def neighbor_cutoff(self) -> float:
        return float(max(self.cutoff, self.angular_cutoff))

    def _validate(self) -> None:
        super()._validate()
        for name in ("angular_cutoff", "eta2", "eta3"):
            check_number(name, getattr(self, name), positive=True)
        for name in ("zeta", "two_body_decay", "three_body_decay", "three_body_weight"):
            check_number(name, getattr(self, name))
        for name in ("n_two_body", "n_three_body", "n_fourier"):
            check_integer(name, getattr(self, name), 1)
        if self.cutoff <= NEAREST:
            raise ParameterError(f"cutoff must be above {NEAREST} Å, not {self.cutoff}")

    def _shells(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.linspace(0, self.cutoff, self.n_two_body + 1)[1:],
            np.linspace(0, self.angular_cutoff, self.n_three_body + 1)[1:],
        )

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        two, three = self._shells()
        orders = 2 * np.arange(self.n_fourier) + 1
        fade = get_cutoff_function("cosine")
        accuracy = table_accuracy(self.accuracy, self.dtype)

        def radial(r):
            r = np.maximum(r, NEAREST)[:, None]
            variance = np.log1p(self.eta2 / r**2)
            mu = np.log(r) - 0.5 * variance
            normal = np.exp(-((np.log(two) - mu) ** 2) / (2 * variance))
            weight = fade(r, cutoff=self.cutoff) * r**-self.two_body_decay
            return (weight * normal / (np.sqrt(2 * np.pi * variance) * two))[:, None]

        def pair(r):
            value = fade(r, cutoff=self.angular_cutoff)
            return np.repeat(value[:, None, None], len(three), axis=2)

        def mean(r):
            return np.exp(-self.eta3 * (r[:, None] - three) ** 2)[:, None]

        def angle(theta):
            waves = [wave(o * theta) for o in orders for wave in (np.cos, np.sin)]
            damping = 2 * np.exp(-0.5 * (self.zeta * np.repeat(orders, 2)) ** 2)
            return (np.stack(waves, axis=-1) * damping)[:, None]

        n = len(species)
        terms = [
            radial_sums(tabulate(radial, self.cutoff, [NEAREST], accuracy), n, self.dtype),
            triplets(
                tabulate(pair, self.angular_cutoff, (), accuracy),
                tabulate(angle, np.pi, (), accuracy),
                n,
                self.dtype,
                mean=tabulate(mean, self.angular_cutoff, (), accuracy),
                theta=True,
                angles_last=True,
                shape=_engine.native.AxilrodTeller(
                    c=self.three_body_weight * np.sqrt(self.eta3 / np.pi),
                    n=float(self.three_body_decay),
                ),
            ),
        ]

        def names():
            symbols = [chemical_symbols[z] for z in species]
            waves = [f"{wave} {o} theta" for o in orders for wave in ("cos", "sin")]
            return [f"FCHL19[{s}] R={R:.6g}" for s in symbols for R in two] + [
                f"FCHL19[{symbols[a]},{symbols[b]}] R={R:.6g} {wave}"
                for a, b in unordered_pairs(n)
                for R in three
                for wave in waves
            ]

        return SumsPlan(terms, dtype=self.dtype, names=names)
