"""What is checked: a descriptor of Vicinal, any object with ``compute``, or a plain function.

The criteria see all three alike: rows of numbers for structures, and derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.data import atomic_numbers, chemical_symbols
from sklearn.base import clone

from vicinal.criteria.results import NotApplicable
from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.entry import Entry
from vicinal.errors import ParameterError, VicinalError
from vicinal.pages.parts import plain

#: Species of built-in structures, where the descriptor does not say what it knows.
DEFAULT_SPECIES = (1, 6, 8)

#: Step of central differences (Å), for what has no derivatives of its own.
STEP = 1e-4

#: Distance (Å) of the farthest neighbour in built-in environments of what has no cutoff.
NO_CUTOFF = 6.0


class SubjectError(VicinalError):
    """What is checked gave something that is not a row of numbers for each sample."""


class Subject:
    """A descriptor as the criteria see it.

    Parameters
    ----------
    target : Descriptor, object with ``compute``, or function
        ``compute(frames)`` or the function takes a list of ``ase.Atoms`` and gives an array (or
        :class:`vicinal.Features`) with one row an atom, in order, or one row a structure.
    cutoff : float, optional
        Where it cannot be read from the target (``neighbor_cutoff`` or ``cutoff``), in Å.
    species : optional
        Atomic numbers or symbols that the target knows, where it does not say so itself.

    Attributes
    ----------
    entry : Entry or None, what the registry says
    """

    def __init__(self, target, *, cutoff: float | None = None, species=None):
        if not callable(getattr(target, "compute", target)):
            raise ParameterError(
                "a descriptor to check is a name, an object with compute(frames), or a function "
                f"of frames, not {type(target).__name__}"
            )
        self.target = target
        self._cutoff = cutoff
        self._species = species

    # -- what it is -----------------------------------------------------------------------------

    @property
    def descriptor(self) -> Descriptor | None:
        """The target, if it is a descriptor of Vicinal (with exact derivatives)."""
        return self.target if isinstance(self.target, Descriptor) else None

    @property
    def name(self) -> str:
        name = getattr(self.target, "registry_name", None) or getattr(self.target, "__name__", None)
        return name or type(self.target).__name__

    @property
    def entry(self) -> Entry | None:
        name = getattr(self.target, "registry_name", None)
        return registry.get(name) if name in registry.names() else None

    @property
    def parameters(self) -> dict[str, Any]:
        read = getattr(self.target, "get_params", None)
        return {key: plain(value) for key, value in read(deep=False).items()} if read else {}

    @property
    def cutoff(self) -> float | None:
        """Atoms beyond this distance (Å) have no influence; None where nobody says."""
        if self._cutoff is not None:
            return float(self._cutoff)
        for name in ("neighbor_cutoff", "cutoff"):
            value = getattr(self.target, name, None)
            if isinstance(value, int | float) and np.isfinite(value):
                return float(value)
        return None

    @property
    def reach(self) -> float:
        """Distance (Å) within which built-in environments have their neighbours."""
        return self.cutoff or NO_CUTOFF

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers for built-in structures: those known, or else H, C, O."""
        known = self._species
        if known is None and self.descriptor is not None:
            known = self.descriptor.species_known
        if known is None:
            return DEFAULT_SPECIES
        return tuple(atomic_numbers[s] if isinstance(s, str) else int(s) for s in known)

    @property
    def needs_cell(self) -> bool:
        """Does it refuse structures that are not periodic in all three directions?"""
        return bool(getattr(self.target, "needs_cell", False))

    @cached_property
    def per_atom(self) -> bool:
        """Is a row an atom (or else a structure)?"""
        if self.descriptor is not None:
            return not self.descriptor.whole_structure and self.descriptor.pooling is None
        frame = molecule("CH4")
        frame.numbers = np.resize(self.species, len(frame))
        if self.needs_cell:
            frame.set_cell(8 * np.eye(3))
            frame.pbc = True
        n = len(self._values([frame, frame]))
        if n == 2 * len(frame):
            return True
        if n == 2:
            return False
        raise SubjectError(
            f"{n} rows for 2 structures of {len(frame)} atoms: neither one an atom nor one a "
            "structure"
        )

    # -- the same with other parameters ---------------------------------------------------------

    def fitted(self, frames: Sequence[Atoms]) -> Subject:
        """The subject with species and sizes learned from these structures, where it learns any.

        Features of structures are comparable only within one call, or after this.
        """
        if self.descriptor is None or self.descriptor.__sklearn_is_fitted__():
            return self
        return self._with(clone(self.descriptor).fit(frames))

    def refitted(self, frames: Sequence[Atoms]) -> Subject:
        """The same for built-in structures, which may be larger than those that it was fitted to:
        whatever was learned before is forgotten, parameters stay."""
        return self if self.descriptor is None else self.changed().fitted(frames)

    def changed(self, **parameters) -> Subject:
        """The subject with other parameters.

        Raises
        ------
        NotApplicable
            It has no such parameters.
        """
        read = getattr(self.target, "get_params", None)
        missing = [name for name in parameters if read is None or name not in read(deep=False)]
        if missing:
            raise NotApplicable(f"{self.name} has no parameter {missing[0]}")
        return self._with(clone(self.target).set_params(**parameters))

    def _with(self, target) -> Subject:
        return Subject(target, cutoff=self._cutoff, species=self._species)

    # -- numbers --------------------------------------------------------------------------------

    def rows(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """An array (rows, features) for each structure: one row an atom, or a single row.

        Raises
        ------
        SubjectError
            The target gave an array of another shape, or NaN.
        """
        frames = list(frames)
        values = self._values(frames)
        counts = [len(frame) for frame in frames] if self.per_atom else [1] * len(frames)
        if len(values) != sum(counts):
            raise SubjectError(
                f"{len(values)} rows for {len(frames)} structures of {sum(map(len, frames))} atoms"
            )
        return np.split(values, np.cumsum(counts)[:-1])

    def at(self, frames: Sequence[Atoms], atom: int = 0) -> np.ndarray:
        """The row of one atom of each structure (of the structure itself if rows are structures).

        Returns an array (structures, features).
        """
        frames = list(frames)
        if not self.per_atom:
            return np.concatenate(self.rows(frames))
        if self.descriptor is not None:
            return self._values(frames, centers=[[atom]] * len(frames))
        return np.array([rows[atom] for rows in self.rows(frames)])

    def jacobian(self, frame: Atoms, atom: int = 0) -> np.ndarray:
        """Derivatives of :meth:`at` by positions, (features, atoms, 3) in 1/Å.

        Exact for descriptors of Vicinal, else by central differences.
        """
        if self.descriptor is not None:
            jacobian = self.descriptor.jacobian([frame], **self._centers(1, atom))
            return jacobian.dense(1, len(frame))[0]
        return np.moveaxis(self._differences(frame, atom), -1, 0)

    def vjp(self, frame: Atoms, cotangent: np.ndarray, atom: int = 0) -> np.ndarray:
        """Gradient of ``sum(cotangent * at)`` by positions, (atoms, 3)."""
        if self.descriptor is not None:
            cotangent = np.asarray(cotangent)[None]
            return self.descriptor.vjp([frame], cotangent, **self._centers(1, atom)).positions
        return self._differences(frame, atom) @ cotangent

    def _centers(self, n: int, atom: int) -> dict:
        return {"centers": [[atom]] * n} if self.per_atom else {}

    def _differences(self, frame: Atoms, atom: int) -> np.ndarray:
        moved = []
        for a in range(len(frame)):
            for axis in range(3):
                for step in (STEP, -STEP):
                    one = frame.copy()
                    one.positions[a, axis] += step
                    moved.append(one)
        values = self.at(moved, atom).reshape(len(frame), 3, 2, -1)
        return (values[:, :, 0] - values[:, :, 1]) / (2 * STEP)

    def _values(self, frames: list[Atoms], **options) -> np.ndarray:
        compute: Callable = getattr(self.target, "compute", self.target)
        got = compute(frames, **options)
        got = got.dense() if hasattr(got, "dense") else got
        try:
            values = np.asarray(got)
            values = values if values.dtype == np.float32 else values.astype(np.float64)
        except (TypeError, ValueError):
            raise SubjectError(f"not an array of numbers but {type(got).__name__}") from None
        if values.ndim != 2:
            raise SubjectError(f"an array of shape {values.shape}, not (rows, features)")
        bad = ~np.isfinite(values).all(axis=1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise SubjectError(f"NaN or infinite values in row {row} of {len(values)}")
        return values


def subject(what, parameters=None, *, cutoff=None, species=None) -> Subject:
    """A subject from a registered name (with parameters), or from an object or a function."""
    if isinstance(what, Subject):
        return what
    if isinstance(what, str):
        what = registry.make(what, **(parameters or {}))
    elif parameters:
        raise ParameterError("parameters are for descriptors given by name")
    return Subject(what, cutoff=cutoff, species=species)


def symbols(numbers) -> str:
    """``H, C, O``: atomic numbers as people read them."""
    return ", ".join(chemical_symbols[z] for z in numbers)
