"""Potentials that are linear in their coefficients, fitted to energies, forces and stress."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse

from vicinal.descriptors.parameters import check_number
from vicinal.environments import Environments
from vicinal.environments import _memory as installed_memory
from vicinal.errors import ParameterError, ShapeError
from vicinal.models.base import Forward, Model, chunks, environments, numbered
from vicinal.models.least_squares import LeastSquares
from vicinal.models.local import Basis, local_values

#: Derivatives that are held at a time (numbers; 160 MB), and the neighbours that make a guess of
#: how many centres that is.
BLOCK = 20_000_000
NEIGHBORS = 40
#: Atoms of the structures that are worked on together.
CHUNK_ATOMS = 100

#: The six strains of Voigt's order; symmetric, so that shear is half on each side.
STRAINS = np.zeros((6, 3, 3))
for _k, (_a, _b) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
    STRAINS[_k, _a, _b] += 0.5
    STRAINS[_k, _b, _a] += 0.5


class Potential(Model):
    r"""Base class: :math:`E = \sum_i \sum_m c_m \phi_m(x_i)`, one basis for each element.

    Beside the parameters of a model it stores ``sigma_energy`` (eV per atom), ``sigma_forces``
    (eV/Å) and ``sigma_virial`` (eV per atom): how far off the data may be, each row of the least
    squares being divided by its own. A subclass has :meth:`_make_bases` and :meth:`_solve`.
    """

    @property
    def has_energies(self) -> bool:
        return True

    def fit(self, X, y, forces=None, stress=None):
        """Learn from energies, and from forces and stress where there are any.

        Parameters
        ----------
        X : structures
        y : (n_structures,) energies, eV
        forces : list of (n_atoms, 3) arrays, or None for a structure without; eV/Å; optional
        stress : list of (6,) arrays, or None for a structure without; eV/Å³, Voigt's order and
            sign as in ASE; optional

        Raises
        ------
        ShapeError
            A target that is missing, infinite, or not of the structure's size.
        """
        for name in ("sigma_energy", "sigma_forces", "sigma_virial"):
            check_number(name, getattr(self, name), positive=True)
        frames, rest = self._start(X, y)
        if self.descriptor_.whole_structure:
            raise ParameterError(
                f"{type(self.descriptor_).__name__} describes whole structures: a sum over atoms "
                "needs a descriptor of atoms"
            )
        forces = _checked("forces", forces, [(len(f), 3) for f in frames])
        stress = _checked("stress", stress, [(6,)] * len(frames))
        self.bases_ = self._make_bases(frames)
        parts = self._folds(len(frames))
        self._check_memory(len(parts))
        folds = [LeastSquares(self._n_columns) for _ in parts]
        for fold, members in zip(folds, parts, strict=True):
            self._add_rows(fold, frames, members, rest, forces, stress)
        self.coefficients_ = self._solve(folds)
        return self

    # -- what a subclass supplies ---------------------------------------------------------------

    @abstractmethod
    def _make_bases(self, frames) -> dict[int, Basis]:
        """The basis of each element."""

    @abstractmethod
    def _solve(self, folds: list[LeastSquares]) -> np.ndarray:
        """The coefficients of all elements, one after the other."""

    def _folds(self, n: int) -> list[np.ndarray]:
        """Indices of the structures whose rows are kept apart, for cross-validation."""
        return [np.arange(n)]

    # -- predicting -----------------------------------------------------------------------------

    def _forward(self, env, features, std, slope):
        parts = self._columns()
        groups = {z: (basis, self.coefficients_[parts[z]]) for z, basis in self.bases_.items()}
        energies, cotangent = local_values(groups, features.values, env.numbers, slope)
        values = np.bincount(env.structure, energies, env.n_structures)
        return Forward(values, None, energies, cotangent)

    # -- least squares --------------------------------------------------------------------------

    @property
    def _n_columns(self) -> int:
        return sum(basis.size for basis in self.bases_.values())

    def _check_memory(self, n_folds: int) -> None:
        needed = 8 * (n_folds + 2) * self._n_columns**2
        if needed > installed_memory():
            raise ParameterError(
                f"{self._n_columns} coefficients need {needed / 1e9:.3g} GB, which do not fit into "
                "memory: choose a descriptor with fewer features, or fewer representatives"
            )

    def _columns(self) -> dict[int, slice]:
        """The coefficients of each element."""
        ends = np.cumsum([0] + [basis.size for basis in self.bases_.values()])
        return {z: slice(ends[k], ends[k + 1]) for k, z in enumerate(self.bases_)}

    def _add_rows(self, fold: LeastSquares, frames, members, rest, forces, stress) -> None:
        for places, chunk in chunks([frames[s] for s in members], CHUNK_ATOMS):
            own = members[places]
            pulls = [forces[s] for s in own]
            presses = [stress[s] for s in own]
            with numbered(own):
                env = environments(self.descriptor_, chunk)
            some_forces = any(f is not None for f in pulls)
            some_stress = any(p is not None for p in presses)
            energy, force, virial = self._design(env, some_forces, some_stress)
            sizes = np.diff(env.atom_offsets)
            fold.add(
                energy / (sizes * self.sigma_energy)[:, None],
                rest[own] / (sizes * self.sigma_energy),
            )
            for s, (pull, press) in enumerate(zip(pulls, presses, strict=True)):
                if pull is not None:
                    rows = force[env.atom_offsets[s] : env.atom_offsets[s + 1]]
                    fold.add(
                        rows.reshape(-1, self._n_columns) / self.sigma_forces,
                        pull.ravel() / self.sigma_forces,
                    )
                if press is not None:
                    volume = abs(np.linalg.det(env.cells[s]))
                    scale = sizes[s] * self.sigma_virial
                    fold.add(virial[s] / scale, press * volume / scale)

    def _design(self, env: Environments, forces: bool, virials: bool):
        """Rows of energies (n_structures, n), forces (n_atoms, 3, n) and virials (n_structures, 6,
        n) for n coefficients; forces and virials are zero unless asked for."""
        n = self._n_columns
        energy = np.zeros((env.n_structures, n))
        force = np.zeros((env.n_atoms if forces else 0, 3, n))
        virial = np.zeros((env.n_structures if virials else 0, 6, n))
        for z, columns in self._columns().items():
            basis = self.bases_[z]
            for centers in self._centers(env, z):
                X = self._features(env, centers).values
                onto = sums(env.structure[centers], env.n_structures)
                energy[:, columns] += onto @ basis.values(X)
                if forces:
                    jacobian = self.descriptor_.jacobian(env, centers)
                    blocks = basis.directional(X, jacobian.sample, jacobian.values)
                    onto_atoms = sums(jacobian.atom, env.n_atoms)
                    force[:, :, columns] -= _apply(onto_atoms, blocks)
                if virials:
                    blocks = basis.directional(X, np.arange(len(X)), self._strained(env, centers))
                    virial[:, :, columns] += _apply(onto, blocks)
        return energy, force, virial

    def _centers(self, env: Environments, z: int) -> Iterator[np.ndarray]:
        """The atoms of an element, in parts whose derivatives fit into memory."""
        own = np.flatnonzero(env.numbers == z)
        widest = max(self.descriptor_.n_features, self.bases_[z].size)
        step = max(1, BLOCK // (3 * NEIGHBORS * widest))
        for first in range(0, len(own), step):
            yield own[first : first + step]

    def _strained(self, env: Environments, centers: np.ndarray) -> np.ndarray:
        """Derivatives of the features by the six strains, (n, 6, features)."""
        tangents = []
        for strain in STRAINS:
            strain = np.broadcast_to(strain, (env.n_structures, 3, 3))
            tangent = self.descriptor_.jvp(env, strain=strain, centers=centers)
            tangents.append(tangent.toarray() if scipy.sparse.issparse(tangent) else tangent)
        return np.stack(tangents, axis=1).astype(float, copy=False)

    def _environment_rows(self, frames) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Features and atomic numbers of the environments, in parts."""
        for numbers, chunk in chunks(frames, 20 * CHUNK_ATOMS):
            with numbered(numbers):
                env = environments(self.descriptor_, chunk)
                yield self._features(env).values, env.numbers


def sums(where: np.ndarray, n: int) -> scipy.sparse.csr_array:
    """The matrix that adds rows up: row b goes to row ``where[b]`` of n."""
    ones = np.ones(len(where))
    return scipy.sparse.csr_array((ones, (where, np.arange(len(where)))), shape=(n, len(where)))


def _apply(onto: scipy.sparse.csr_array, blocks: np.ndarray) -> np.ndarray:
    """The sums of blocks (b, d, n)."""
    return (onto @ blocks.reshape(len(blocks), -1)).reshape(-1, *blocks.shape[1:])


def _checked(name: str, values, shapes: list[tuple[int, ...]]) -> list[np.ndarray | None]:
    """Targets of structures, None where there are none."""
    if values is None:
        return [None] * len(shapes)
    if len(values) != len(shapes):
        raise ShapeError(f"{name} are given for {len(values)} structures, not for {len(shapes)}")
    checked = []
    for s, (value, shape) in enumerate(zip(values, shapes, strict=True)):
        if value is not None:
            try:
                value = np.asarray(value, dtype=float)
            except (TypeError, ValueError):
                value = np.empty(0)
            if value.shape != shape or not np.isfinite(value).all():
                raise ShapeError(f"{name} of structure {s} must be {shape} finite numbers")
        checked.append(value)
    return checked
