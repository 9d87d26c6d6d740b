"""Structures in, pair vectors out: the only input that descriptors see."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.geometry import complete_cell

from vicinal import _engine
from vicinal.descriptors.parameters import check_number
from vicinal.errors import ShapeError, StructureError

#: Structures without periodicity and with at most this many atoms are searched by the native
#: quadratic loop, all in one call; above it (or with any periodicity) vesin's cell list takes over.
SMALL_STRUCTURE = 256

#: What the search for pairs holds at its peak.
BYTES_PER_PAIR = 100

#: Two atoms nearer than this (in angstrom) are taken for a mistake in the input.
COINCIDENT = 1e-6


class Environments:
    r"""Local atomic environments of a batch of structures.

    For every centre :math:`i` the environment holds the vectors
    :math:`D_{ij} = r_j - r_i + S_{ij} H` to all neighbours *j* with :math:`|D_{ij}| <` ``cutoff``,
    periodic images included. Pairs are sorted by centre: those of atom ``i`` are
    ``pair_offsets[i]:pair_offsets[i + 1]``.

    Parameters
    ----------
    frames : ase.Atoms, or iterable of ase.Atoms, or mapping, or iterable of mappings
        The structures. A mapping has ``positions`` (n, 3) and ``numbers`` (n,), and may have
        ``cell`` (3, 3; rows are vectors) and ``pbc`` (a bool or three).
    cutoff : float, Å
        Radius of the environments.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    n_threads : int, optional
        Threads for the neighbour search; all available cores by default.

    Attributes
    ----------
    positions : (n_atoms, 3) array, Å
    numbers : (n_atoms,) int32 array, atomic numbers
    cells : (n_structures, 3, 3) array, Å, rows are vectors
    pbc : (n_structures, 3) bool array
    atom_offsets : (n_structures + 1,) int64 array; atoms of structure ``s`` are
        ``atom_offsets[s]:atom_offsets[s + 1]``
    structure : (n_atoms,) int32 array, the structure of each atom
    pair_offsets : (n_atoms + 1,) int64 array
    j : (n_pairs,) int32 array, neighbour (index into all atoms)
    S : (n_pairs, 3) int32 array, cell shifts
    D : (n_pairs, 3) array, Å

    Raises
    ------
    StructureError
        NaN or infinite positions or cells, coincident atoms, a structure without atoms, a periodic
        cell without volume. The message names structure and atom.
    """

    def __init__(
        self,
        frames: Atoms | Mapping | Iterable[Atoms | Mapping],
        cutoff: float,
        *,
        periodic: bool | None = None,
        n_threads: int | None = None,
    ):
        check_number("cutoff", cutoff, positive=True)
        self.cutoff = float(cutoff)
        frames = as_frames(frames)
        arrays = [_arrays(frame, s) for s, frame in enumerate(frames)]
        sizes = np.array([len(numbers) for _, numbers, _, _ in arrays], dtype=np.int64)
        for s in np.flatnonzero(sizes == 0):
            raise StructureError(f"structure {s} has no atoms")
        self.atom_offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.positions = _concatenate([a[0] for a in arrays], (0, 3), np.float64)
        self.numbers = _concatenate([a[1] for a in arrays], (0,), np.int32)
        self.cells = np.array([a[2] for a in arrays], dtype=np.float64).reshape(-1, 3, 3)
        self.pbc = np.array([a[3] for a in arrays], dtype=bool).reshape(-1, 3)
        if periodic is not None and not periodic:
            self.pbc[:] = False
        self.structure = np.repeat(np.arange(len(arrays), dtype=np.int32), sizes)
        self._check_atoms()
        self._find_pairs(n_threads)

    @staticmethod
    def numbers_of(frame, s: int = 0) -> np.ndarray:
        """Atomic numbers of one structure (number ``s`` in messages)."""
        return _arrays(frame, s)[1]

    # -- sizes and derived arrays ---------------------------------------------------------------

    @property
    def n_structures(self) -> int:
        return len(self.atom_offsets) - 1

    @property
    def n_atoms(self) -> int:
        return len(self.numbers)

    @property
    def n_pairs(self) -> int:
        return len(self.j)

    @property
    def i(self) -> np.ndarray:
        """Centre of each pair, (n_pairs,) int32."""
        return np.repeat(np.arange(self.n_atoms, dtype=np.int32), np.diff(self.pair_offsets))

    @property
    def d(self) -> np.ndarray:
        """Distance of each pair in Å, (n_pairs,)."""
        return np.sqrt(np.einsum("pa,pa->p", self.D, self.D))

    @property
    def species(self) -> list[int]:
        """The atomic numbers present, sorted."""
        return np.unique(self.numbers).tolist()

    def atom_in_structure(self) -> np.ndarray:
        """Index of each atom within its own structure, (n_atoms,) int64."""
        return np.arange(self.n_atoms) - self.atom_offsets[self.structure]

    def where(self, atom: int) -> str:
        """``atom 3 (O) of structure 7``: how messages name an atom."""
        s = int(self.structure[atom])
        symbol = chemical_symbols[self.numbers[atom]]
        return f"atom {atom - int(self.atom_offsets[s])} ({symbol}) of structure {s}"

    def __len__(self) -> int:
        return self.n_structures

    def __repr__(self) -> str:
        return (
            f"Environments({self.n_structures} structures, {self.n_atoms} atoms, "
            f"{self.n_pairs} pairs, cutoff={self.cutoff:g} Å)"
        )

    # -- construction ---------------------------------------------------------------------------

    def _check_atoms(self) -> None:
        what, at = _engine.native.first_bad(
            self.positions, self.numbers, self.cells, len(chemical_symbols)
        )
        if what == "number":
            s = int(self.structure[at])
            raise StructureError(
                f"atom {at - int(self.atom_offsets[s])} of structure {s} has atomic number "
                f"{self.numbers[at]}"
            )
        if what == "position":
            raise StructureError(f"the position of {self.where(at)} is NaN or infinite")
        if what == "cell":
            raise StructureError(f"the cell of structure {at} is NaN or infinite")

    def _find_pairs(self, n_threads: int | None) -> None:
        small = np.diff(self.atom_offsets) <= SMALL_STRUCTURE
        small &= ~self.pbc.any(axis=1)
        threads = _engine.threads(n_threads)
        found = []
        if small.any():
            found.append(
                _engine.native.molecular_pairs(
                    self.positions, self.atom_offsets, small, self.cutoff, threads
                )
            )
        for s in np.flatnonzero(~small):
            found.append(self._vesin_pairs(int(s), threads))
        if len(found) == 1 and small.all():  # already sorted
            self.pair_offsets, self.j, self.S, self.D = found[0]
        else:
            self.pair_offsets, self.j, self.S, self.D = _engine.native.merge_pairs(
                found, self.n_atoms
            )
        self._check_coincident()

    def _vesin_pairs(self, s: int, n_threads: int):
        from vesin import NeighborList  # imports torch where that is installed: only when needed

        first, last = self.atom_offsets[s : s + 2].tolist()
        cell = self._search_cell(s, last - first) if self.pbc[s].any() else self.cells[s]
        search = NeighborList(cutoff=self.cutoff, full_list=True, n_threads=n_threads)
        i, j, S, D = search.compute(
            self.positions[first:last], cell, self.pbc[s], quantities="ijSD", copy=False
        )
        return first, i, j, S, D, search  # which owns the arrays

    def _search_cell(self, s: int, n_atoms: int) -> np.ndarray:
        """The cell of a periodic structure, sound and with all three vectors."""
        cell, pbc = self.cells[s], self.pbc[s]
        vectors = [v for v, periodic in zip(cell.tolist(), pbc.tolist(), strict=True) if periodic]
        lengths = [math.hypot(*v) for v in vectors]
        measure = _measure(vectors)  # length, area or volume
        if measure < 1e-10 * math.prod(lengths) or min(lengths) < 1e-10:
            raise StructureError(f"the periodic cell of structure {s} has no volume")
        # Better to refuse pairs that cannot fit than to be killed while looking for them.
        ball = (2.0, math.pi, 4 / 3 * math.pi)[len(vectors) - 1] * self.cutoff ** len(vectors)
        n_pairs = n_atoms**2 * ball / measure
        if n_pairs * BYTES_PER_PAIR > _memory():
            raise StructureError(
                f"structure {s} has about {n_pairs:.1g} pairs within {self.cutoff:g} Å, "
                "which do not fit into memory"
            )
        # ASE allows zero vectors along directions without periodicity.
        return cell if len(vectors) == 3 else complete_cell(cell * pbc[:, None])

    def _check_coincident(self) -> None:
        pair = _engine.native.first_coincident(self.D, COINCIDENT)
        if pair >= 0:
            i = int(np.searchsorted(self.pair_offsets, pair, side="right")) - 1
            raise StructureError(
                f"{self.where(i)} and {self.where(int(self.j[pair]))} are at the same place"
            )


def _measure(vectors: list[list[float]]) -> float:
    """Length, area or volume that one, two or three vectors span."""
    a = vectors[0]
    if len(vectors) == 1:
        return math.hypot(*a)
    b = vectors[1]
    normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    if len(vectors) == 2:
        return math.hypot(*normal)
    return abs(sum(x * y for x, y in zip(normal, vectors[2], strict=True)))


@cache
def _memory() -> float:
    """Bytes of memory of this machine, where the system tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def as_frames(frames) -> Sequence[Atoms | Mapping]:
    """One structure, or an iterable of them, as a sequence of structures."""
    if isinstance(frames, Atoms | Mapping):
        return [frames]
    if isinstance(frames, str | bytes) or not isinstance(frames, Iterable):
        raise StructureError(
            "expected ase.Atoms, a mapping with positions and numbers, or an iterable of these, "
            f"not {type(frames).__name__}"
        )
    if isinstance(frames, np.ndarray):
        return frames.tolist()
    return frames if isinstance(frames, list | tuple) else list(frames)


def _arrays(frame: Atoms | Mapping, s: int):
    """(positions, numbers, cell, pbc) of a structure."""
    if isinstance(frame, Atoms):
        arrays = frame.arrays
        return arrays["positions"], arrays["numbers"], frame.cell.array, frame.pbc
    if not isinstance(frame, Mapping):
        raise StructureError(f"structure {s} is {type(frame).__name__}, not ase.Atoms or a mapping")
    unknown = set(frame) - {"positions", "numbers", "cell", "pbc"}
    if unknown or not {"positions", "numbers"} <= set(frame):
        raise StructureError(
            f"structure {s}: a mapping has positions and numbers, and may have cell and pbc; "
            f"this one has {sorted(map(str, frame))}"
        )
    try:
        positions = np.asarray(frame["positions"], dtype=np.float64)
        numbers = np.asarray(frame["numbers"])
        cell = np.asarray(frame.get("cell", np.zeros((3, 3))), dtype=np.float64)
        pbc = np.broadcast_to(np.asarray(frame.get("pbc", False), dtype=bool), 3)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"structure {s}: {error}") from None
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ShapeError(f"structure {s}: positions have shape {positions.shape}, not (n, 3)")
    if numbers.shape != positions.shape[:1] or (
        len(numbers) and not np.issubdtype(numbers.dtype, np.integer)
    ):
        raise ShapeError(f"structure {s}: numbers must be {len(positions)} integers")
    if cell.shape not in ((3, 3), (3,)):
        raise ShapeError(f"structure {s}: the cell has shape {cell.shape}, not (3, 3)")
    return positions, numbers, np.diag(cell) if cell.ndim == 1 else cell, pbc


def _concatenate(parts, empty_shape, dtype) -> np.ndarray:
    if not parts:
        return np.empty(empty_shape, dtype)
    return np.ascontiguousarray(np.concatenate(parts), dtype=dtype)
