"""The Chebyshev descriptor of Artrith, Urban and Ceder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse
from ase.data import chemical_symbols
from numpy.polynomial import chebyshev

from vicinal.basis.cutoff import PLAIN_CUTOFF_FUNCTIONS, get_cutoff_function
from vicinal.basis.species import channel_names, check_weights, given_weights
from vicinal.basis.spline import tabulate
from vicinal.correlate.moments import angular_sums, legendre_series
from vicinal.correlate.sums import SumsPlan, radial_sums, side_by_side
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import (
    check_choice,
    check_integer,
    check_number,
    species_numbers,
    table_accuracy,
)
from vicinal.descriptors.spaces import integers, steps
from vicinal.errors import ParameterError


class ChebyshevAUC(Descriptor):
    """Chebyshev expansion of distances and angles, at a cost that species do not change.

    ::

        radial_n(w)   =  Σ_j  w_j T_n(2 r_j / Rc − 1) f(r_j; Rc)
        angular_n(w)  =  Σ_{j<k}  w_j w_k T_n(cos θ_jk) f(r_j; Rc') f(r_k; Rc')

    with Chebyshev polynomials T_n and the cosine cutoff function f. With one species w = 1; with
    several, all features are there twice, for w = 1 (structure) and for a weight of each species
    (composition): ``[radial 1 | angular 1 | radial s | angular s]``.

    Parameters
    ----------
    cutoff : float, Å
        Rc of the radial features.
    angular_cutoff : float, Å, optional
        Rc' of the angular features; ``cutoff`` by default.
    radial_order : int
        Largest n of the radial features, included.
    angular_order : int
        Largest n of the angular features, included.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    weights : "balanced", "aenet" or mapping
        Weights of the species. "balanced": all different, none zero, with mean 0 and mean square 1,
        rising with the atomic number. "aenet": ... -2, -1, 1, 2 ... for an even number of species,
        but ... -1, 0, 1 ... for an odd one, so that the composition channel cannot see one of
        them. Or any numbers: ``{"Ti": -1, "O": 2}``.
    cutoff_function : str or None
        The paper's "cosine", "polynomial", "tanh", "exponential", or None for a jump.
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
    The number of features, 2 (radial_order + angular_order + 2), does not depend on the number of
    species. Cost is linear in the number of neighbours: angular features are obtained from sums
    over single neighbours (addition theorem), exactly. Two environments that differ by an exchange
    of species may look alike: with weights -1 and 1 the angular features of pairs A-A and B-B are
    the same. An angular feature knows distances through the cutoff function only: triples are never
    described completely.

    References
    ----------
    N. Artrith, A. Urban, G. Ceder, Phys. Rev. B 96, 014112 (2017).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> auc = vc.ChebyshevAUC(cutoff=4.0, radial_order=8, angular_cutoff=3.0, angular_order=4)
    >>> auc.compute(molecule("CH3CH2OH"))
    Features(9 samples x 28 features, float64)
    """

    registry_name = "chebyshev"
    search_space = {
        "cutoff": steps(2, 10),
        "radial_order": integers(2, 20, 2),
        "angular_order": integers(2, 16, 2),
    }

    def __init__(
        self,
        *,
        cutoff=6.0,
        angular_cutoff=None,
        radial_order=10,
        angular_order=6,
        species=None,
        weights="balanced",
        cutoff_function="cosine",
        pooling=None,
        periodic=None,
        accuracy=1e-11,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.angular_cutoff = angular_cutoff
        self.radial_order = radial_order
        self.angular_order = angular_order
        self.species = species
        self.weights = weights
        self.cutoff_function = cutoff_function
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_aenet(
        cls,
        species: Sequence,
        *,
        radial_Rc: float,
        radial_N: int,
        angular_Rc: float,
        angular_N: int,
        **parameters,
    ) -> ChebyshevAUC:
        """aenet's numbers, in its order, for the parameters of its ``Chebyshev`` basis.

        Parameters
        ----------
        species : list of symbols
            In aenet's order, on which the weights depend.
        radial_Rc, radial_N, angular_Rc, angular_N
            As in aenet's setup file.
        **parameters
            Those of the class that aenet does not know: ``pooling``, ``dtype``, ...
        """
        if len({species_numbers([one]) for one in species}) < len(species):
            raise ParameterError(f"species: one is there twice in {list(species)!r}")
        return cls(
            cutoff=radial_Rc,
            angular_cutoff=angular_Rc,
            radial_order=radial_N,
            angular_order=angular_N,
            species=list(species),
            weights={
                chemical_symbols[species_numbers([one])[0]]: weight
                for one, weight in zip(species, aenet_weights(len(species)).tolist(), strict=True)
            },
            **parameters,
        )

    @property
    def neighbor_cutoff(self) -> float:
        return float(max(self.cutoff, self._angular_cutoff))

    @property
    def smoothness(self) -> float:
        return get_cutoff_function(self.cutoff_function).smoothness

    @property
    def _angular_cutoff(self) -> float:
        return self.cutoff if self.angular_cutoff is None else self.angular_cutoff

    def _validate(self) -> None:
        super()._validate()
        if self.angular_cutoff is not None:
            check_number("angular_cutoff", self.angular_cutoff, positive=True)
        for name in ("radial_order", "angular_order"):
            check_integer(name, getattr(self, name), 0)
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        if not isinstance(self.weights, Mapping):
            check_choice("weights", self.weights, tuple(WEIGHTS))
            return
        check_weights("weights", self.weights)
        if self.species is not None:
            given_weights("weights", self.weights, species_numbers(self.species))

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        fade = get_cutoff_function(self.cutoff_function)
        accuracy = table_accuracy(self.accuracy, self.dtype)
        mixing = np.ones((1, len(species)))
        if len(species) > 1:
            weights = (
                given_weights("weights", self.weights, species)
                if isinstance(self.weights, Mapping)
                else WEIGHTS[self.weights](len(species))
            )
            mixing = np.stack([mixing[0], weights])

        def distances(r):
            polynomials = chebyshev.chebvander(2 * r / self.cutoff - 1, self.radial_order)
            return (polynomials * fade(r, cutoff=self.cutoff)[:, None])[:, None]

        table = tabulate(distances, self.cutoff, accuracy=accuracy)
        radial = radial_sums(table, len(species), self.dtype)
        angular = angular_sums(
            lambda r: fade(r, cutoff=self._angular_cutoff)[:, None],
            self._angular_cutoff,
            [
                (0, legendre_series(chebyshev.Chebyshev.basis(n), n))
                for n in range(self.angular_order + 1)
            ],
            n_species=len(species),
            dtype=self.dtype,
            pairs=[(c, c) for c in range(len(mixing))],
            mixing=mixing,
            accuracy=accuracy,
        )
        terms, matrix = side_by_side(
            ([radial], scipy.sparse.kron(mixing, np.eye(self.radial_order + 1))), angular
        )
        # From [radial 1 | radial s | angular 1 | angular s] to the order above.
        n, m = self.radial_order + 1, self.angular_order + 1
        rows = [
            np.concatenate([np.arange(c * n, (c + 1) * n), len(mixing) * n + c * m + np.arange(m)])
            for c in range(len(mixing))
        ]
        labels = channel_names(mixing, species)
        names = [
            f"{kind}[{label}] weight={weight} order={order}"
            for label, weight in zip(labels, ("1", "s"), strict=False)
            for kind, count in (("radial", n), ("angular", m))
            for order in range(count)
        ]
        return SumsPlan(
            terms, matrix=matrix[np.concatenate(rows)], dtype=self.dtype, names=lambda: names
        )


def aenet_weights(n: int) -> np.ndarray:
    """-n//2 .., without 0 where n is even."""
    weights = np.arange(n) - n // 2
    return weights + (weights >= 0) * (n % 2 == 0)


def balanced_weights(n: int) -> np.ndarray:
    """Different from each other and from 0, of mean 0 and mean square 1.

    Integers from 1 to either side; the fewer negative ones are stretched to balance the others.
    """
    below, above = np.arange(n // 2, 0, -1), np.arange(1, n - n // 2 + 1)
    weights = np.concatenate([-below * above.sum() / max(below.sum(), 1), above])
    return weights / np.sqrt(np.mean(weights**2))


#: Weights by name: functions of the number of species.
WEIGHTS = {"balanced": balanced_weights, "aenet": aenet_weights}
