"""SLATM, the spectrum of London and Axilrod-Teller-Muto potentials."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import scipy.sparse
from ase.data import atomic_numbers, chemical_symbols

from vicinal.basis.cutoff import CUTOFF_FUNCTIONS, PLAIN_CUTOFF_FUNCTIONS
from vicinal.basis.spline import tabulate
from vicinal.correlate.grids import Grid, center_rows, pair_grid, triple_grid
from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.many_body import grid_numbers
from vicinal.descriptors.parameters import (
    check_choice,
    check_integer,
    check_number,
    species_numbers,
)
from vicinal.descriptors.spaces import powers_of_two, steps
from vicinal.environments import Environments
from vicinal.errors import ParameterError

#: Å, where the grid of distances begins; degrees by which that of angles is longer at either end.
_FIRST_DISTANCE, _MARGIN = 0.1, 20.0


class SLATM(Descriptor):
    """Spectrum of London and Axilrod-Teller-Muto potentials about an atom, or of a structure.

    ::

        x_A(i)       =  Z_i
        x_AB(r; i)   =  ½ Z_A Z_B Δr  Σ_j  N(r; r_ij, σ) / r⁶
        x_ABC(θ; i)  =  ⅓ Z_A Z_B Z_C Δθ  Σ_{j<k}  N(θ; θ_jik, σ)
                          (1 + cos θ cos θ_ijk cos θ_ikj) / (r_ij r_jk r_ik)³

    for every species A, pair AB and angle ABC with the vertex B at the atom i. The spectrum of a
    structure is the sum over its atoms.

    Parameters
    ----------
    cutoff : float, Å
        Longest distance of two atoms, for all three sides of a triangle too.
    sigmas : (float, float), Å and radians
        Widths of the Gaussians of distances and of angles.
    steps : (float, float), Å and radians
        Between grid points; stretched a little, so that they fit the length of the grid.
    power : int
        Of the distance in the spectrum of pairs: 6 for London's potential.
    many_body_types : list of lists of symbols or atomic numbers, optional
        The species, pairs and triples (vertex in the middle) to tell apart, in the order of the
        features; others are left out. By default all that the species can form; see
        :meth:`types_of` for those that a set of structures can.
    cutoff_function : None, "cosine", "polynomial", "tanh" or "exponential"
        Fades distances out, all three of a triangle; None is the jump of the original.
    species : list of symbols or atomic numbers, optional
        Species that may occur; those of ``many_body_types``, or else learned by ``fit``.
    pooling : None, "mean" or "sum"
        One row an atom (local SLATM); or one a structure, "sum" being the global SLATM.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    dtype : "float64" or "float32"
        Type of the values; sums are made in it, geometry in float64.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    Cost is quadratic in the number of neighbours, cubic in that of species. Distributions of
    distances and of angles apart: some different structures have the same row.

    References
    ----------
    B. Huang, O. A. von Lilienfeld, Nat. Chem. 12, 945 (2020).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.SLATM(pooling="sum").compute(molecule("H2O"))
    Features(1 samples x 1241 features, float64)
    """

    registry_name = "slatm"
    search_space = {
        "cutoff": steps(3, 8, 0.6),
        "sigmas": tuple((width, width) for width in powers_of_two(-6, -1, 0.5)),
        "power": (2, 4, 6),
    }

    def __init__(
        self,
        *,
        cutoff=4.8,
        sigmas=(0.05, 0.05),
        steps=(0.03, 0.03),
        power=6,
        many_body_types=None,
        cutoff_function=None,
        species=None,
        pooling=None,
        periodic=None,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.sigmas = sigmas
        self.steps = steps
        self.power = power
        self.many_body_types = many_body_types
        self.cutoff_function = cutoff_function
        self.species = species
        self.pooling = pooling
        self.periodic = periodic
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @classmethod
    def from_qmllib(
        cls, mbtypes, *, local=False, sigmas=None, dgrids=None, rcut=4.8, rpower=6
    ) -> SLATM:
        """The SLATM of ``qmllib.representations.generate_slatm(..., mbtypes, ...)``: its numbers,
        in its order."""
        return cls(
            cutoff=rcut,
            sigmas=(0.05, 0.05) if sigmas is None else tuple(sigmas),
            steps=(0.03, 0.03) if dgrids is None else tuple(dgrids),
            power=rpower,
            many_body_types=[[int(z) for z in one] for one in mbtypes],
            pooling=None if local else "sum",
            periodic=False,
        )

    @staticmethod
    def types_of(frames) -> list[list[str]]:
        """The ``many_body_types`` that these structures can form: none with more atoms of a species
        than any structure has (all of them where one is periodic)."""
        env = frames if isinstance(frames, Environments) else Environments(frames, 1.0)
        species = tuple(env.species)
        counts = np.zeros((env.n_structures, len(species)), dtype=int)
        np.add.at(counts, (env.structure, np.searchsorted(species, env.numbers)), 1)
        counts[env.pbc.any(axis=1)] *= 3
        most = dict(zip(species, counts.max(axis=0).tolist(), strict=True))
        return [
            [chemical_symbols[z] for z in one]
            for one in _all_types(species)
            if all(one.count(z) <= most[z] for z in one)
        ]

    @property
    def smoothness(self) -> float:
        """Continuous derivatives at the cutoff; -1 is a jump."""
        return CUTOFF_FUNCTIONS[self.cutoff_function].smoothness

    def _known(self, name: str):
        """Species may also be those of the many-body types."""
        if name == "species" and self.species is None and self.many_body_types is not None:
            return sorted({z for one in _parse_types(self.many_body_types) for z in one})
        return super()._known(name)

    @property
    def _grouped(self) -> bool:
        return self.pooling == "sum"

    def _validate(self) -> None:
        super()._validate()
        if not self.cutoff > _FIRST_DISTANCE:
            raise ParameterError(f"cutoff must be above {_FIRST_DISTANCE} Å, not {self.cutoff!r}")
        check_choice("cutoff_function", self.cutoff_function, PLAIN_CUTOFF_FUNCTIONS)
        check_integer("power", self.power, 0)
        for name in ("sigmas", "steps"):
            both = getattr(self, name)
            if not isinstance(both, list | tuple | np.ndarray) or len(both) != 2:
                raise ParameterError(f"{name} must be two numbers, not {both!r}")
            for one in both:
                check_number(name, one, positive=True)
        self._grids()
        if self.many_body_types is not None:
            used = {z for one in _parse_types(self.many_body_types) for z in one}
            for z in used.difference(self.species_known):
                raise ParameterError(
                    f"many_body_types: {chemical_symbols[z]} is not among the species"
                )

    def _grids(self) -> tuple[Grid, Grid]:
        """Of distances in Å, of angles in degrees; Gaussians of unit height."""
        length, margin = self.cutoff - _FIRST_DISTANCE, np.radians(_MARGIN)
        n = [int(length / self.steps[0]) + 1, int((np.pi + 2 * margin) / self.steps[1]) + 1]
        if min(n) < 2:
            raise ParameterError(f"steps {self.steps!r} are longer than the grids")
        ends = (_FIRST_DISTANCE, float(self.cutoff)), (-_MARGIN, 180 + _MARGIN)
        sigmas = float(self.sigmas[0]), float(np.degrees(self.sigmas[1]))
        size = np.dtype(self.dtype).itemsize
        return tuple(
            Grid(*ends[q], n[q], sigmas[q], gaussian="sampled", normalized=False, itemsize=size)
            for q in (0, 1)
        )

    def _types(self, species) -> list[tuple[int, ...]]:
        if self.many_body_types is None:
            return _all_types(species)
        return _parse_types(self.many_body_types)

    def _make_plan(self, species):
        types = self._types(species)
        pairs, angles = self._grids()
        blocks = [{}, {}, {}]  # of each order, by the type
        for one in types:
            blocks[len(one) - 1][one] = len(blocks[len(one) - 1])

        def weight(r):
            return CUTOFF_FUNCTIONS[self.cutoff_function](r, cutoff=self.cutoff)[:, None, None]

        table = tabulate(weight, float(self.cutoff), accuracy=1e-12)
        terms = [center_rows(np.array(species, dtype=float)[:, None], self.dtype)]
        if blocks[1]:
            block = _block_table(blocks[1], species, 2)
            terms.append(pair_grid(pairs, "distance", table, 0, block))
        if blocks[2]:
            block = _block_table(blocks[2], species, 3)
            terms.append(
                triple_grid(angles, "angle", table, 3, block, sides="all", triple_dipole=True)
            )
        return SumsPlan(
            terms,
            dtype=self.dtype,
            names=lambda: self._names(types),
            matrix=self._matrix(types, blocks, species),
        )

    def _matrix(self, types, blocks, species) -> scipy.sparse.csr_array:
        """Features in terms of the sums: factors that do not depend on the atoms' places, and what
        depends on the grid point alone."""
        pairs, angles = self._grids()
        normal = [self.steps[q] / (np.sqrt(2 * np.pi) * self.sigmas[q]) for q in (0, 1)]
        radial = normal[0] / pairs.points**self.power
        cosine = np.cos(np.radians(angles.points))
        first = len(species), len(species) + pairs.n * len(blocks[1])
        rows, columns, values, at = [], [], [], 0

        def add(column, value):
            rows.append(at + np.arange(len(value)))
            columns.append(column + np.arange(len(value)))
            values.append(value)

        for one in types:
            number = blocks[len(one) - 1][one]
            charges = float(np.prod(one))
            if len(one) == 1:
                add(species.index(one[0]), np.ones(1))
            elif len(one) == 2:
                add(first[0] + pairs.n * number, 0.5 * charges * radial)
            else:
                share = np.full(angles.n, charges * normal[1] / 3)
                add(first[1] + angles.n * number, share)
                add(first[1] + angles.n * (len(blocks[2]) + number), share * cosine)
            at += len(values[-1])
        width = first[1] + 2 * angles.n * len(blocks[2])
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return scipy.sparse.csr_array(entries, shape=(at, width))

    def _names(self, types) -> list[str]:
        pairs, angles = self._grids()
        labels = {
            1: [" Z"],
            2: [f" r={x}" for x in grid_numbers(pairs.points)],
            3: [f" angle={x}" for x in grid_numbers(angles.points)],
        }
        return [
            f"SLATM[{','.join(chemical_symbols[z] for z in one)}]{label}"
            for one in types
            for label in labels[len(one)]
        ]


def _all_types(species: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Species, pairs and triples; of a triple and its mirror image the smaller."""
    pairs = list(combinations_with_replacement(species, 2))
    return [(z,) for z in species] + pairs + [(a, v, b) for v in species for a, b in pairs]


def _parse_types(given) -> list[tuple[int, ...]]:
    """What the user gives as atomic numbers, each checked to be a type and there but once."""
    known, found = set(), []
    if not isinstance(given, list | tuple) or not given:
        raise ParameterError(f"many_body_types must be a list of lists, not {given!r}")
    for one in given:
        if not isinstance(one, list | tuple) or not 1 <= len(one) <= 3:
            raise ParameterError(f"many_body_types: {one!r} is not a list of one to three species")
        for z in one:
            species_numbers(z)
        numbers = tuple(atomic_numbers[z] if isinstance(z, str) else int(z) for z in one)
        if numbers in known:
            raise ParameterError(f"many_body_types: {one!r} is there twice")
        known |= {numbers, numbers[::-1]}
        found.append(numbers)
    return found


def _block_table(blocks: dict, species, k: int) -> np.ndarray:
    """Number of the block by the species of the centre and its neighbours; -1 for none."""
    table = np.full((len(species),) * k, -1)
    index = {z: s for s, z in enumerate(species)}
    for one, number in blocks.items():
        for a, *middle, b in (one, one[::-1]):
            at = (index[middle[0]], index[a], index[b]) if middle else (index[a], index[b])
            table[at] = number
    return table
