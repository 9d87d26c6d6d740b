"""Bag of bonds: the entries of the Coulomb matrix, by species."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols

from vicinal.correlate.matrices import Entries, MatrixPlan
from vicinal.descriptors.coulomb_matrix import coulomb_matrices
from vicinal.descriptors.parameters import check_integer, species_numbers
from vicinal.descriptors.structure import StructureDescriptor
from vicinal.environments import Environments
from vicinal.errors import ParameterError, StructureError


class BagOfBonds(StructureDescriptor):
    """Bag of bonds: the entries of the Coulomb matrix, sorted within each kind of pair.

    ::

        bag of Z        0.5 Z^2.4           of each atom of species Z
        bag of Z, Z'    Z Z' / |r_i − r_j|  of each pair of these species, the largest first

    in atomic numbers and 1/Å, padded with zeros to fixed sizes. Bags follow each other by atomic
    numbers: Z, then Z with itself, then Z with each larger Z'.

    Parameters
    ----------
    asize : dict, optional
        Atoms of each species that there is room for, such as ``{"C": 7, "H": 16}``; learned by
        ``fit`` if not given. A bag of Z has asize[Z] places, one of two species asize[Z] asize[Z'].
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        For the search for coincident atoms. Results do not depend on it.

    Notes
    -----
    Values are continuous, their derivatives jump where two entries of a bag become equal. Only the
    distances within each kind of pair are kept: molecules that share these have the same bags.
    Periodicity is ignored. Cost is quadratic in the number of atoms.

    References
    ----------
    K. Hansen et al., J. Phys. Chem. Lett. 6, 2326 (2015).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.BagOfBonds().compute([molecule("H2O"), molecule("CH3OH")])
    Features(2 samples x 21 features, float64)
    """

    registry_name = "bag_of_bonds"
    usual_kernel = "laplacian"
    periodic = False
    _learned = ("species", "asize")

    def __init__(self, *, asize=None, species=None, dtype="float64", n_threads=None):
        self.asize = asize
        self.species = species
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _validate(self) -> None:
        super()._validate()
        if self.asize is not None:
            if not isinstance(self.asize, dict) or not self.asize:
                raise ParameterError(f"asize must be a dict by species, not {self.asize!r}")
            species_numbers(self.asize)
            for symbol, size in self.asize.items():
                check_integer(f"asize[{symbol!r}]", size, 1)

    def _learn(self, numbers):
        counts = [np.bincount(one, minlength=len(chemical_symbols)) for one in numbers]
        most = np.max(counts, axis=0, initial=0)
        asize = {chemical_symbols[z]: int(most[z]) for z in np.flatnonzero(most)}
        return super()._learn(numbers) | {"asize": asize}

    def _sizes(self) -> dict[int, int]:
        return {species_numbers(z)[0]: int(n) for z, n in self._known("asize").items()}

    def _check_sizes(self, env: Environments) -> None:
        sizes = self._sizes()
        for z in env.species:
            counts = np.bincount(env.structure[env.numbers == z], minlength=env.n_structures)
            for s in np.flatnonzero(counts > sizes.get(z, 0))[:1]:
                raise StructureError(
                    f"structure {s} has {counts[s]} atoms of {chemical_symbols[z]}, more than "
                    f"there is room for (asize: {sizes.get(z, 0)})"
                )

    def _make_plan(self, species: tuple[int, ...]) -> MatrixPlan:
        known = self._sizes()
        room = [known.get(z, 0) for z in species]
        bags, sizes = [], []  # of one species, or of pairs
        for a, n in enumerate(room):
            bags += [(a,), (a, a), *((a, b) for b in range(a + 1, len(room)))]
            sizes += [n, n * (n - 1) // 2, *(n * other for other in room[a + 1 :])]
        begins = np.cumsum([0, *sizes])
        atoms, pairs = np.zeros(len(room), int), np.zeros((len(room), len(room)), int)
        for bag, begin in zip(bags, begins[:-1], strict=True):
            (atoms if len(bag) == 1 else pairs)[bag] = begin

        def choose(matrices, numbers):
            return _fill(matrices, np.searchsorted(species, numbers), atoms, pairs, begins[-1])

        def names():
            labels = [",".join(chemical_symbols[species[a]] for a in bag) for bag in bags]
            named = zip(labels, sizes, strict=True)
            return [f"BoB[{label}] {k}" for label, size in named for k in range(size)]

        features = Entries(int(begins[-1]), choose)
        return MatrixPlan(coulomb_matrices, features, self.dtype, names)


def _fill(matrices, kinds, atoms, pairs, n_features: int) -> np.ndarray:
    """Places in the flattened matrices (m, n, n) of what is in the bags, ``n * n`` for none.

    ``kinds`` are indices of species; the bags of atoms and of pairs begin at these features.
    """
    m, n = kinds.shape
    i, j = np.triu_indices(n)
    low, high = np.sort([kinds[:, i], kinds[:, j]], axis=0)
    bag = np.where(i == j, atoms[low], pairs[low, high])
    order = np.lexsort((-matrices[:, i, j], bag), axis=1)
    bag = np.take_along_axis(bag, order, axis=1)
    rank = np.arange(len(i))
    begins = np.diff(bag, axis=1, prepend=-1) > 0
    rank = rank - np.maximum.accumulate(np.where(begins, rank, 0), axis=1)
    places = np.full((m, n_features), n * n)
    np.put_along_axis(places, bag + rank, (i * n + j)[order], axis=1)
    return places
