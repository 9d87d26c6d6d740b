"""Files of structures in, files of features out, in memory that does not grow with the file."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import StringIO

import ase.io
import numpy as np
import scipy.sparse
from ase import Atoms

from vicinal import datasets
from vicinal.environments import Environments
from vicinal.errors import FileError, ParameterError, VicinalError
from vicinal.features import Features, atomic_file

FORMATS = {"npz": (".npz",), "extxyz": (".extxyz", ".xyz")}

#: Files with fewer atoms are held in memory; larger ones are read twice.
HELD_ATOMS = 200_000
#: Atoms searched for neighbours together, and values computed together (32 MB).
CHUNK_ATOMS = 4_000
BLOCK_VALUES = 4_000_000

_DECOMPRESS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

Structure = tuple[int, Atoms]  # with its index in the file


@dataclass(frozen=True)
class Summary:
    """What :func:`compute_file` did."""

    n_structures: int
    n_environments: int
    n_features: int
    seconds: float  # in all
    compute_seconds: float  # neighbours and descriptor, without reading and writing


def compute_file(
    descriptor,
    source: str | os.PathLike,
    output: str | os.PathLike,
    *,
    format: str | None = None,
    index: str = ":",
    progress: Callable[[int, int | None], None] | None = None,
) -> Summary:
    """Describe all structures of a file, and write the features to another.

    Parameters
    ----------
    descriptor : Descriptor
        Fitted to the species of the file where it does not know its species.
    source : path
        Anything that ASE reads, also compressed (``.gz``, ``.bz2``, ``.xz``), or
        ``dataset:NAME`` for a bundled data set. Files of more than 200,000 atoms are read twice.
    output : path
        Appears only once it is complete.
    format : "npz" or "extxyz", optional
        By the name of the output if not given. ``npz`` is what :func:`vicinal.load` reads, its
        ``structure`` being the index in the file; ``extxyz`` has the structures with the features
        in a column (pooled: in ``info``) named after the descriptor.
    index : str
        Part of the file, as Python slices: ``"10"``, ``":100"``, ``"::5"``.
    progress : callable, optional
        Called with the atoms done so far, and their number (None while that is being counted).

    Raises
    ------
    VicinalError
        For whatever is wrong with the file or a structure in it, named by its index in the file.
    """
    begin = time.perf_counter()
    output = os.fspath(output)
    format = _output_format(output, format)
    progress = progress or (lambda done, total: None)
    with atomic_file(output) as file, Structures(source, index) as structures:
        structures.count(progress)
        if not descriptor.__sklearn_is_fitted__():
            descriptor.fit([Atoms(numbers=numbers) for numbers in structures.compositions])
        run = _Run(descriptor, structures, progress)
        (_write_npz if format == "npz" else _write_extxyz)(file, run)
    return Summary(
        structures.n_structures,
        structures.n_atoms,
        descriptor.n_features,
        time.perf_counter() - begin,
        run.seconds,
    )


# -- reading ------------------------------------------------------------------------------------


class Structures:
    """The structures of a file with their index in it; iterates as often as asked.

    ``count`` goes through the file once, for what must be known before the first number:
    ``n_structures``, ``n_atoms`` and the ``compositions`` that occur (sorted atomic numbers).
    """

    def __init__(self, source: str | os.PathLike, index: str = ":"):
        self.source = os.fspath(source)
        self._index = _slice(index)
        self._cleanup = ExitStack()
        self._held: list[Structure] | None = None

    def __enter__(self) -> Structures:
        with self._cleanup as cleanup:
            self._path = self._plain_file()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._cleanup.close()

    def count(self, progress: Callable[[int, int | None], None]) -> None:
        held: list[Structure] = []
        compositions: set[tuple[int, ...]] = set()
        self.n_structures = self.n_atoms = 0
        for structure in self._read():
            atoms = structure[1]
            self.n_structures += 1
            self.n_atoms += len(atoms)
            compositions.add(tuple(sorted(atoms.numbers.tolist())))
            if self.n_atoms <= HELD_ATOMS:
                held.append(structure)
            else:
                held.clear()
            progress(self.n_atoms, None)
        if self.n_structures == 0:
            raise FileError(f"{self.source}: no structures")
        self.compositions = sorted(compositions)
        self._held = held if self.n_atoms <= HELD_ATOMS else None

    def __iter__(self) -> Iterator[Structure]:
        return iter(self._held) if self._held is not None else self._read()

    def chunks(self, n_atoms: int) -> Iterator[list[Structure]]:
        """Lists of structures with at least ``n_atoms`` atoms together, but for the last."""
        chunk, size = [], 0
        for structure in self:
            chunk.append(structure)
            size += len(structure[1])
            if size >= n_atoms:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _plain_file(self) -> str:
        """The file itself, or a decompressed copy: ASE seeks, which compressed files do badly."""
        path = self.source
        if path.startswith("dataset:"):
            path = str(datasets.path(path.removeprefix("dataset:")))
        if not os.path.exists(path):
            raise FileError(f"{path}: no such file")
        name, suffix = os.path.splitext(os.path.basename(path))
        if suffix not in _DECOMPRESS or os.path.isdir(path):
            return path
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="vicinal-"))
        plain = os.path.join(folder, name)
        try:
            with _DECOMPRESS[suffix](path, "rb") as packed, open(plain, "wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
        except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
            raise FileError(f"{path}: cannot be decompressed ({_one_line(error)})") from None
        return plain

    def _read(self) -> Iterator[Structure]:
        if (self._index.start or 0) < 0 or (self._index.step or 1) < 0:
            # Indices from the end mean something only when the end is known.
            where = iter(range(sum(1 for _ in self._ase(slice(None))))[self._index])
        else:
            where = itertools.count(self._index.start or 0, self._index.step or 1)
        yield from zip(where, self._ase(self._index), strict=False)

    def _ase(self, index: slice) -> Iterator[Atoms]:
        done = 0
        try:
            format = ase.io.formats.filetype(self._path)
            single = ase.io.formats.get_ioformat(format).single  # refuses to be sliced
            frames = ase.io.iread(
                self._path,
                slice(None) if single else index,
                format=format,
                parallel=False,
                do_not_split_by_at_sign=True,
            )
            for atoms in list(frames)[index] if single else frames:
                yield atoms
                done += 1
        except VicinalError:
            raise
        except ase.io.formats.UnknownFileTypeError:
            raise FileError(f"{self.source}: not a format that ASE recognises") from None
        except Exception as error:  # ASE's readers raise anything
            after = f" after {done} structures" if done else ""
            raise FileError(
                f"{self.source}: cannot be read{after}: truncated, or not what its name says "
                f"({_one_line(error)})"
            ) from None


def _slice(index: str) -> slice:
    try:
        parts = [int(part) if part.strip() else None for part in str(index).split(":")]
        if len(parts) == 1 and parts[0] is not None:
            return slice(parts[0], parts[0] + 1 or None)
        if len(parts) == 1 or parts[2:] == [0]:
            raise ValueError
        return slice(*parts)
    except (ValueError, TypeError):
        raise ParameterError(f"index must look like 7, :100, -10: or ::5, not {index!r}") from None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__


# -- computing ----------------------------------------------------------------------------------


class _Run:
    """Features chunk by chunk, with time and progress."""

    def __init__(self, descriptor, structures: Structures, progress):
        self.descriptor, self.structures, self.progress = descriptor, structures, progress
        self.seconds = 0.0
        self.pooled = getattr(descriptor, "pooling", None) is not None
        self.sparse = bool(getattr(descriptor, "sparse", False))
        self.n_rows = structures.n_structures if self.pooled else structures.n_atoms
        self._step = CHUNK_ATOMS
        if not self.pooled and not self.sparse:
            self._step = max(1, min(CHUNK_ATOMS, BLOCK_VALUES // descriptor.n_features))

    def blocks(self) -> Iterator[Features]:
        """Rows in order, each block small; ``structure`` is the index in the file."""
        for chunk, env in self._environments():
            yield from self._blocks(chunk, env)

    def by_structure(self) -> Iterator[tuple[int, Atoms, np.ndarray]]:
        """Each structure (index in the file, Atoms) with its rows, dense."""
        for chunk, env in self._environments():
            rows = np.concatenate([block.dense() for block in self._blocks(chunk, env)])
            ends = np.arange(1, len(chunk) + 1) if self.pooled else env.atom_offsets[1:]
            for (s, atoms), own in zip(chunk, np.split(rows, ends[:-1]), strict=True):
                yield s, atoms, own

    def _environments(self) -> Iterator[tuple[list[Structure], Environments]]:
        done = 0
        for chunk in self.structures.chunks(self._step):
            frames = [atoms for _, atoms in chunk]
            cutoff = self.descriptor.neighbor_cutoff
            env = self._timed(chunk, self.descriptor._environments, frames, cutoff)
            yield chunk, env
            done += env.n_atoms
            self.progress(done, self.structures.n_atoms)

    def _blocks(self, chunk, env) -> Iterator[Features]:
        index = np.array([s for s, _ in chunk])
        step = env.n_atoms if self.pooled else 2 * self._step  # splits only large structures
        for first in range(0, env.n_atoms, step):
            centers = None
            if step < env.n_atoms:
                centers = np.arange(first, min(first + step, env.n_atoms))
            block = self._timed(chunk, self.descriptor.compute, env, centers)
            block.samples["structure"] = index[block.samples["structure"]]
            yield block

    def _timed(self, chunk, work, *args, **kwargs):
        begin = time.perf_counter()
        try:
            return work(*args, **kwargs)
        except VicinalError as error:  # knows the structure's place in the chunk only
            message = re.sub(
                r"\bstructure (\d+)", lambda m: f"structure {chunk[int(m[1])][0]}", str(error)
            )
            raise type(error)(f"{self.structures.source}: {message}") from None
        finally:
            self.seconds += time.perf_counter() - begin


# -- writing ------------------------------------------------------------------------------------


def _output_format(output: str, format: str | None) -> str:
    if os.path.isdir(output):
        raise FileError(f"{output}: is a directory")
    if format is None:
        suffix = os.path.splitext(output)[1].lower()
        format = next((name for name, ends in FORMATS.items() if suffix in ends), None)
        if format is None:
            raise ParameterError(
                f"{output}: give the format (npz or extxyz), or a name that ends in .npz or .extxyz"
            )
    if format not in FORMATS:
        raise ParameterError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    return format


def _write_npz(file, run: _Run) -> None:
    """The entries of ``Features.save``; values go into the zip as they are computed."""
    samples = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        if run.sparse:
            _write_csr(archive, run, samples)
        else:
            with _entry(archive, "values") as entry:
                for block in run.blocks():
                    if not samples:
                        shape = (run.n_rows, block.shape[1])
                        _write_header(entry, block.values.dtype, shape)
                    entry.write(np.ascontiguousarray(block.values).data)
                    samples.append(block.samples)
        for name, array in (
            ("samples", np.concatenate(samples)),
            ("names", run.descriptor.names()),
        ):
            with _entry(archive, name) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _write_csr(archive, run: _Run, samples: list) -> None:
    """How many values there will be is known only at the end: they wait in temporary files."""
    counts, n_features = [np.zeros(1, np.int64)], run.descriptor.n_features
    with tempfile.TemporaryFile() as data, tempfile.TemporaryFile() as indices:
        for block in run.blocks():
            csr = scipy.sparse.csr_array(block.values)
            data.write(np.ascontiguousarray(csr.data).data)
            indices.write(np.ascontiguousarray(csr.indices, np.int32).data)
            counts.append(np.diff(csr.indptr))
            samples.append(block.samples)
        indptr = np.cumsum(np.concatenate(counts))
        for name, spool, dtype in (("data", data, csr.data.dtype), ("indices", indices, np.int32)):
            spool.seek(0)
            with _entry(archive, name) as entry:
                _write_header(entry, np.dtype(dtype), (int(indptr[-1]),))
                shutil.copyfileobj(spool, entry, 1 << 20)
    for name, array in (("indptr", indptr), ("shape", np.array([run.n_rows, n_features]))):
        with _entry(archive, name) as entry:
            np.lib.format.write_array(entry, array)


def _entry(archive: zipfile.ZipFile, name: str):
    return archive.open(f"{name}.npy", "w", force_zip64=True)


def _write_header(entry, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(entry, header)


def _write_extxyz(file, run: _Run) -> None:
    """The structures as ASE writes them, and the features in full precision (ASE rounds)."""
    key = run.descriptor.registry_name
    for s, atoms, rows in run.by_structure():
        atoms.arrays.pop(key, None)  # from an earlier run
        atoms.info.pop(key, None)
        if run.pooled:
            atoms.info[key] = rows[0]
        try:
            text = StringIO()
            ase.io.write(text, atoms, format="extxyz")
        except Exception as error:  # whatever strange arrays the input had
            raise FileError(
                f"structure {s} cannot be written as extended XYZ ({_one_line(error)})"
            ) from None
        lines = text.getvalue().splitlines()
        if not run.pooled:
            column = f"Properties=\\1:{key}:R:{rows.shape[1]}"
            lines[1] = re.sub(r"\bProperties=(\S+)", column, lines[1], count=1)
            for k, row in enumerate(rows, start=2):
                numbers = row.tolist() if row.dtype == np.float64 else row  # shortest exact text
                lines[k] += " " + " ".join(map(str, numbers))
        file.write(("\n".join(lines) + "\n").encode())
