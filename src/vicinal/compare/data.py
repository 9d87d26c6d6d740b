"""What is learned: structures with a target, checked before any time is spent on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from vicinal.compare.duplicates import find_duplicates
from vicinal.compare.targets import (
    TargetError,
    as_kind,
    composition,
    guess_extensive,
    guess_target,
    known_set,
    known_units,
    listing,
    some,
    value_of,
    without_missing,
)
from vicinal.errors import ParameterError, ShapeError, StructureError

PERS = ("structure", "atom", "formula")


@dataclass(frozen=True, eq=False)
class Task:
    """Structures with a target. Made by :meth:`read` or :meth:`from_frames`.

    Attributes
    ----------
    frames : list of ase.Atoms
    index : (n_structures,) int array, their numbers in the source
    name : str, the target
    values : array
        kind "structure": (n_structures,); "atom": (n_atoms,); "forces": (n_atoms, 3), atoms of
        all structures one after the other. As in the source: never divided.
    kind : "structure", "atom" or "forces"
    unit : str, or "" if nobody said
    per : "structure", "atom" or "formula"
        What errors are reported per; see :meth:`reported`.
    extensive : bool
        Whether the target of a structure is a sum over its atoms.
    because : str, why it was taken to be (not) extensive
    source : str
    """

    frames: list[Atoms]
    index: np.ndarray
    name: str
    values: np.ndarray
    kind: str
    unit: str
    per: str
    extensive: bool
    because: str
    source: str

    @classmethod
    def read(
        cls,
        source: str | os.PathLike,
        target: str | None = None,
        *,
        index: str = ":",
        unit: str | None = None,
        **options,
    ) -> Task:
        """From any file that ASE reads, also compressed, or ``dataset:NAME``.

        Of a data set the target is what it is known for unless one is named, and its units and
        what is extensive are known. The other options are those of :meth:`from_frames`.
        """
        from vicinal.streaming import Structures

        with Structures(source, index) as structures:
            found = list(structures)
        return cls.from_frames(
            [atoms for _, atoms in found],
            target,
            index=[s for s, _ in found],
            unit=unit,
            source=os.fspath(source),
            **options,
        )

    @classmethod
    def from_frames(
        cls,
        frames: Sequence[Atoms],
        target: str | None = None,
        *,
        per: str = "structure",
        extensive: bool | None = None,
        unit: str | None = None,
        missing: str = "error",
        index: Sequence[int] | None = None,
        source: str = "structures",
    ) -> Task:
        """From structures.

        Parameters
        ----------
        frames : sequence of ase.Atoms
        target : str, optional
            A number in ``info``, a column in ``arrays``, or a result of the attached calculator
            (energy, forces, charges, ...). Guessed if there is only one: a number for each
            structure before columns for each atom, energy before free_energy; whole numbers in all
            structures are taken for labels.
        per : "structure", "atom" or "formula"
            Extensive targets are reported per structure, per atom or per (reduced) formula unit.
        extensive : bool, optional
            Guessed from how well a composition regression predicts left-out structures, with
            numbers of atoms (extensive) or with fractions (not); where these cannot be told apart,
            from the name.
        unit : str, optional
        missing : "error" or "drop"
            What to do about structures without a target, or with NaN.
        index : sequence of int, optional
            Numbers of the structures, for messages.
        source : str
            Where they are from, for messages.

        Raises
        ------
        TargetError
            No such target (the message lists those there are), several and none named, missing or
            NaN in some structures, not numbers, of a wrong shape, or the same in all structures.
        ParameterError
            ``per`` does not suit the target.
        """
        frames = list(frames)
        if not frames:
            raise StructureError(f"{source}: no structures")
        if per not in PERS:
            raise ParameterError(f"per must be one of {', '.join(PERS)}, not {per!r}")
        if missing not in ("error", "drop"):
            raise ParameterError(f'missing must be "error" or "drop", not {missing!r}')
        where = np.arange(len(frames)) if index is None else np.asarray(index, int)
        if len(where) != len(frames):
            raise ShapeError(f"{len(where)} indices for {len(frames)} structures")
        known = known_set(source)
        if target is None:
            default = next(iter(known.targets)) if known else None
            target = default or guess_target(frames, source)
        rows = [value_of(atoms, target) for atoms in frames]
        if all(row is None for row in rows):
            raise TargetError(f"{source}: no structure has {target!r}; {listing(frames)}")
        kind, rows = as_kind(rows, frames, target, source, where)
        frames, where, rows = without_missing(frames, where, rows, target, source, missing)
        values = np.array(rows) if kind == "structure" else np.concatenate(rows)
        spread, size = np.ptp(values), np.abs(values).max()
        if len(values) > 1 and spread <= 1e-12 * size:
            raise TargetError(
                f"{source}: {target} is {values.flat[0]:g} everywhere: there is nothing to learn"
            )
        if extensive is not None:
            because = "as given"
        elif kind != "structure":
            extensive, because = False, "a property of atoms"
        elif known and target in known.extensive:
            extensive, because = known.extensive[target], "as known of the data set"
        else:
            extensive, because = guess_extensive(target, values, composition(frames)[0])
        if extensive and kind != "structure":
            raise ParameterError(f"{target} is a property of atoms: it cannot be extensive")
        if per != "structure" and not extensive:
            raise ParameterError(
                f"{target} is not extensive ({because}), so not reported per {per}; "
                "say extensive=True if it is"
            )
        if unit is None:
            unit = known_units(source).get(target, "")
        return cls(
            frames, where, target, values, kind, unit, per, bool(extensive), because, str(source)
        )

    # -- sizes ------------------------------------------------------------------------------------

    @property
    def n_structures(self) -> int:
        return len(self.frames)

    @cached_property
    def atom_offsets(self) -> np.ndarray:
        """Atoms of structure ``s`` are ``atom_offsets[s]:atom_offsets[s + 1]``."""
        return np.concatenate([[0], np.cumsum([len(atoms) for atoms in self.frames])])

    @cached_property
    def n_atoms(self) -> np.ndarray:
        """(n_structures,) int array."""
        return np.diff(self.atom_offsets)

    @cached_property
    def species(self) -> list[int]:
        """The atomic numbers present, sorted."""
        return composition(self.frames)[1]

    @cached_property
    def counts(self) -> np.ndarray:
        """Atoms of each of :attr:`species`, (n_structures, n_species) int array."""
        return composition(self.frames)[0]

    # -- what is reported --------------------------------------------------------------------------

    @cached_property
    def divisor(self) -> np.ndarray:
        """(n_structures,): by what a structure's target is divided when it is reported."""
        if self.per == "atom":
            return self.n_atoms
        if self.per == "formula":
            return np.gcd.reduce(self.counts, axis=1)
        return np.ones(self.n_structures, int)

    def reported(self, values: np.ndarray, structures: np.ndarray | None = None) -> np.ndarray:
        """Values (of ``structures``, all by default) per structure, atom or formula unit."""
        if self.per == "structure":
            return values
        return values / (self.divisor if structures is None else self.divisor[structures])

    @property
    def reported_unit(self) -> str:
        ends = {"structure": "", "atom": "/atom", "formula": "/formula unit"}
        return self.unit + ends[self.per] if self.unit else ends[self.per].replace("/", "per ")

    # -- parts -------------------------------------------------------------------------------------

    def rows(self, structures: np.ndarray) -> np.ndarray:
        """Which rows of :attr:`values` belong to structures."""
        structures = np.asarray(structures, int)
        if self.kind == "structure":
            return structures
        first, last = self.atom_offsets[structures], self.atom_offsets[structures + 1]
        return np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])

    def structure_of(self, row: int) -> int:
        """The structure that a row of :attr:`values` belongs to."""
        if self.kind == "structure":
            return int(row)
        return int(np.searchsorted(self.atom_offsets, row, side="right")) - 1

    def select(self, structures: np.ndarray) -> Task:
        """The task with these structures only, in this order."""
        structures = np.asarray(structures, int)
        return replace(
            self,
            frames=[self.frames[s] for s in structures],
            index=self.index[structures],
            values=self.values[self.rows(structures)],
        )

    def forces(self) -> np.ndarray | None:
        """(n_atoms, 3) forces that go with an energy; None unless all structures have them."""
        found = [value_of(atoms, "forces") for atoms in self.frames]
        if any(
            f is None or np.shape(f) != (len(a), 3) for f, a in zip(found, self.frames, strict=True)
        ):
            return None
        return np.concatenate(found).astype(float)

    def groups(self, key: str) -> np.ndarray:
        """``info[key]`` of all structures, as text: labels for leaving groups out."""
        lacking = [
            int(i)
            for i, atoms in zip(self.index, self.frames, strict=True)
            if key not in atoms.info
        ]
        if lacking:
            raise TargetError(f"{self.source}: no {key!r} in {some(lacking)}")
        return np.array([str(atoms.info[key]) for atoms in self.frames])

    @cached_property
    def duplicates(self) -> list[list[int]]:
        """Groups of equal structures (positions in :attr:`frames`): :func:`find_duplicates`."""
        return find_duplicates(self.frames)
