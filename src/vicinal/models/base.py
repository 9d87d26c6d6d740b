"""What all models have in common: structures in, predictions out."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields

import numpy as np
from ase.stress import full_3x3_to_voigt_6_stress
from sklearn.base import BaseEstimator, RegressorMixin, clone

from vicinal.descriptors.parameters import check_number
from vicinal.environments import Environments, as_frames
from vicinal.errors import NotFittedError, ParameterError, ShapeError, VicinalError
from vicinal.features import Features
from vicinal.models.baseline import Baseline

#: Atoms whose features are held at a time.
CHUNK_ATOMS = 2_000


@dataclass(frozen=True)
class Prediction:
    """What a model says about structures; what was not asked for is None.

    Attributes
    ----------
    values : (n_structures,) array, or (n_atoms,) for a property of atoms, unit of the target
    std : array like values, their standard deviation
    energies : (n_atoms,) array, the share of each atom in the values; of kernel ridge regression
        only with forces
    forces : (n_atoms, 3) array, minus the derivative of the values by positions
    stress : (n_structures, 6) array, derivative by strain over volume, in Voigt's order (xx, yy,
        zz, yz, xz, xy) and with the sign of ASE; NaN for structures that are not periodic in all
        three directions
    """

    values: np.ndarray
    std: np.ndarray | None = None
    energies: np.ndarray | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None

    @classmethod
    def concatenate(cls, parts: Sequence[Prediction]) -> Prediction:
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*(None if c[0] is None else np.concatenate(c) for c in columns))


@dataclass(frozen=True)
class Forward:
    """What a model says about features, without the baseline."""

    values: np.ndarray  # (n_structures,)
    std: np.ndarray | None = None
    energies: np.ndarray | None = None  # (n_atoms,)
    cotangent: np.ndarray | None = None  # derivative of the values by the features


class Model(RegressorMixin, BaseEstimator):
    """Base class: a scikit-learn regressor whose X is a list of structures.

    A subclass stores ``descriptor``, ``baseline``, ``target`` and ``unit`` in its ``__init__``, and
    has ``fit`` and :meth:`_forward`.
    """

    # -- what a model can do --------------------------------------------------------------------

    @property
    def has_std(self) -> bool:
        """Does the model know how uncertain it is?"""
        return False

    @property
    def has_forces(self) -> bool:
        """Do predictions have derivatives by positions and strain?"""
        return True

    @property
    def has_energies(self) -> bool:
        """Is a prediction a sum over atoms?"""
        return False

    @property
    def per_atom(self) -> bool:
        """Is there one value for each atom, not for each structure?"""
        return False

    # -- predicting -----------------------------------------------------------------------------

    def predict(self, X, return_std: bool = False):
        """Predict the target of structures.

        Parameters
        ----------
        X : structures
        return_std : bool

        Returns
        -------
        (n_structures,) array, or (n_atoms,) for a property of atoms, unit of the target; with
        ``return_std`` also standard deviations

        Raises
        ------
        SpeciesError
            An element that the model has not been trained on.
        ParameterError
            ``return_std`` of a model without uncertainty.
        """
        found = self.evaluate(X, std=return_std)
        return (found.values, found.std) if return_std else found.values

    def evaluate(self, X, *, std: bool = False, forces: bool = False) -> Prediction:
        """Predict all that the model has: see :class:`Prediction`.

        Parameters
        ----------
        X : structures
        std : bool
            Standard deviations too.
        forces : bool
            Forces and stress too.
        """
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this {type(self).__name__} has not been fitted: call fit first")
        if std and not self.has_std:
            raise ParameterError(f"this {type(self).__name__} knows no standard deviations")
        if forces and not self.has_forces:
            raise ParameterError(
                f"this {type(self).__name__} has no forces: its kernel has no derivative"
            )
        parts = []
        for numbers, frames in chunks(as_frames(X), CHUNK_ATOMS):
            with numbered(numbers):
                parts.append(self._evaluate(frames, std, forces))
        if not parts:
            raise ShapeError("there are no structures to predict")
        return Prediction.concatenate(parts)

    def _evaluate(self, frames, std: bool, forces: bool) -> Prediction:
        env = environments(self.descriptor_, frames)
        numbers = self._split(env.numbers, np.diff(env.atom_offsets))
        found = self._forward(env, self._features(env), std, forces)
        values = found.values + self.baseline_.predict(numbers)
        energies = pull = stress = None
        if found.energies is not None:
            energies = found.energies + np.concatenate([self.baseline_.atoms(z) for z in numbers])
        if forces:
            gradient = self.descriptor_.vjp(env, found.cotangent)
            pull, stress = -gradient.positions, _stress(env, gradient.strain)
        return Prediction(values, found.std, energies, pull, stress)

    @abstractmethod
    def _forward(self, env: Environments, features: Features, std: bool, slope: bool) -> Forward:
        """What the fitted model says; the cotangent only if ``slope``."""

    # -- using ----------------------------------------------------------------------------------

    def calculator(self, **options):
        """The model as a calculator of ASE: :class:`vicinal.models.calculator.ModelCalculator`."""
        from vicinal.models.calculator import ModelCalculator

        return ModelCalculator(self, **options)

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted model to one file, which :func:`vicinal.load_model` reads."""
        from vicinal.models.storage import save_model

        save_model(self, path)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "baseline_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    # -- fitting --------------------------------------------------------------------------------

    def _start(self, frames, y, *, pooling=None, extensive: bool = True):
        """Descriptor and baseline fitted; (structures, targets without the baseline)."""
        frames = as_frames(frames)
        numbers = [Environments.numbers_of(frame, s) for s, frame in enumerate(frames)]
        numbers = self._split(np.concatenate([[], *numbers]).astype(int), [len(z) for z in numbers])
        y = check_target(y, len(numbers), self.target, "atom" if self.per_atom else "structure")
        descriptor = clone(self.descriptor)
        if pooling != "as it is" and not descriptor.whole_structure:
            descriptor.set_params(pooling=pooling)
        self.descriptor_ = descriptor.fit(frames)
        baseline = Baseline(self.baseline, extensive=extensive).fit(numbers, y)
        rest = y - baseline.predict(numbers)
        self.baseline_ = baseline
        return frames, rest

    def _split(self, numbers: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
        """The atomic numbers that belong to each value."""
        if self.per_atom:
            sizes = np.ones(len(numbers), int)
        return np.split(numbers, np.cumsum(sizes)[:-1]) if len(sizes) else []

    def _features(self, frames, centers=None) -> Features:
        """Features in double precision, dense."""
        found = self.descriptor_.compute(frames, centers)
        return Features(np.asarray(found.dense(), dtype=float), found.samples, found.names)


# -- helpers ------------------------------------------------------------------------------------


def check_target(y, n: int, name: str, what: str = "structure") -> np.ndarray:
    """Targets as a finite (n,) array."""
    try:
        y = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise ShapeError(f"{name} must be one number for each {what}") from None
    if y.shape != (n,):
        raise ShapeError(f"{name} has shape {y.shape}: not one number for each of {n} {what}s")
    if n == 0:
        raise ShapeError("there are no structures to learn from")
    missing = np.flatnonzero(~np.isfinite(y))
    if len(missing):
        others = f" and of {len(missing) - 1} others" if len(missing) > 1 else ""
        raise ShapeError(f"{name} of {what} {missing[0]}{others} is missing, NaN or infinite")
    return y


def environments(descriptor, frames) -> Environments:
    return descriptor._environments(frames, descriptor.neighbor_cutoff)


def chunks(frames: Sequence, n_atoms: int) -> Iterator[tuple[range, Sequence]]:
    """Parts of a list of structures (their numbers, part) of about that many atoms."""
    first, size = 0, 0
    for s, frame in enumerate(frames):
        size += len(Environments.numbers_of(frame, s))
        if size >= n_atoms or s == len(frames) - 1:
            yield range(first, s + 1), frames[first : s + 1]
            first, size = s + 1, 0


def check_penalty(name: str, value) -> None:
    """Raise ParameterError unless this is a number from 0 on."""
    check_number(name, value)
    if value < 0:
        raise ParameterError(f"{name} must not be negative, not {value!r}")


@contextmanager
def numbered(numbers: Sequence[int]):
    """Errors name structures by these numbers, not by those within a part."""
    try:
        yield
    except VicinalError as error:
        message = re.sub(
            r"\bstructure (\d+)", lambda m: f"structure {numbers[int(m[1])]}", str(error)
        )
        raise type(error)(message) from None


def _stress(env: Environments, strain: np.ndarray) -> np.ndarray:
    stress = np.full((env.n_structures, 6), np.nan)
    solid = np.flatnonzero(env.pbc.all(axis=1))
    volume = np.abs(np.linalg.det(env.cells[solid]))
    stress[solid] = full_3x3_to_voigt_6_stress(strain[solid] / volume[:, None, None])
    return stress
