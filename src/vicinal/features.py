"""What comes out of a descriptor: values, the samples they belong to, and feature names."""

from __future__ import annotations

import os
import re
import secrets
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from ase.data import chemical_symbols

from vicinal.descriptors.parameters import species_numbers
from vicinal.errors import FileError, MissingExtraError, ParameterError, ShapeError

ATOM_SAMPLES = np.dtype([("structure", "<i8"), ("atom", "<i8"), ("number", "<i4")])
STRUCTURE_SAMPLES = np.dtype([("structure", "<i8")])


class Features:
    """Descriptor values with their samples and names.

    Attributes
    ----------
    values : (n_samples, n_features) array, or scipy.sparse.csr_array
    samples : structured array with fields ``structure``, ``atom`` (within its structure) and
        ``number``; after pooling ``structure`` alone
    names : (n_features,) array of str, one readable name for each feature
    """

    def __init__(self, values, samples: np.ndarray, names: Sequence[str] | Callable):
        self.values = values
        self.samples = samples
        self._names = names
        if values.ndim != 2 or len(samples) != values.shape[0]:
            raise ShapeError(f"{len(samples)} samples do not fit values of shape {values.shape}")

    @property
    def names(self) -> np.ndarray:
        if callable(self._names):  # names are made only when somebody looks at them
            self._names = self._names()
        self._names = np.asarray(self._names, dtype=str)
        return self._names

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape

    def __len__(self) -> int:
        return self.values.shape[0]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.dense(), dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        kind = "sparse " if scipy.sparse.issparse(self.values) else ""
        n, f = self.shape
        return f"Features({n} samples x {f} {kind}features, {self.values.dtype})"

    def dense(self) -> np.ndarray:
        """The values as an ordinary array."""
        return self.values.toarray() if scipy.sparse.issparse(self.values) else self.values

    def pool(self, how: str = "mean") -> Features:
        """One row a structure: the ``"mean"`` or the ``"sum"`` of the rows of its atoms.

        A structure without any centre has no row.
        """
        if how not in ("mean", "sum"):
            raise ParameterError(f'pool takes "mean" or "sum", not {how!r}')
        structures, group, counts = np.unique(
            self.samples["structure"], return_inverse=True, return_counts=True
        )
        weight = (1.0 / counts if how == "mean" else np.ones(len(counts)))[group]
        shape = (len(structures), len(self))
        pooler = scipy.sparse.csr_array((weight, (group, np.arange(len(self)))), shape=shape)
        values = pooler.astype(self.values.dtype) @ self.values
        if scipy.sparse.issparse(values):
            values.sort_indices()
        samples = np.zeros(len(structures), STRUCTURE_SAMPLES)
        samples["structure"] = structures
        return Features(values, samples, self._names)

    def select(self, pattern: str | Sequence[str] | None = None, *, species=None, involving=None):
        """The features of some names.

        Parameters
        ----------
        pattern : str or list of str, optional
            Names to keep; ``*`` stands for any characters: ``"G2*"``, ``["G4[H,O]*", "G2[H]*"]``.
        species : list of symbols or atomic numbers, optional
            Keep features of these species alone.
        involving : list of symbols or atomic numbers, optional
            Keep features in which at least one of these species takes part.

        Returns
        -------
        Features

        Raises
        ------
        ParameterError
            No feature is left.

        Notes
        -----
        A name lists its species in square brackets: ``SOAP[H,O] l=2 n=0 n'=3``.
        """
        names = self.names
        keep = np.ones(len(names), dtype=bool)
        if pattern is not None:
            patterns = [pattern] if isinstance(pattern, str) else list(pattern)
            parts = [".*".join(map(re.escape, one.split("*"))) for one in patterns]
            match = re.compile("|".join(parts)).fullmatch
            keep &= [match(name) is not None for name in names]
        if species is not None:
            allowed = {chemical_symbols[z] for z in species_numbers(species)}
            keep &= [_species_of(name) <= allowed for name in names]
        if involving is not None:
            wanted = {chemical_symbols[z] for z in species_numbers(involving)}
            keep &= [not wanted.isdisjoint(_species_of(name)) for name in names]
        if not keep.any():
            asked = {"pattern": pattern, "species": species, "involving": involving}
            text = ", ".join(f"{k}={v!r}" for k, v in asked.items() if v is not None)
            raise ParameterError(f"no feature has {text}; the first is called '{names[0]}'")
        chosen = np.flatnonzero(keep)
        return Features(self.values[:, chosen], self.samples, names[chosen])

    # -- other people's formats -----------------------------------------------------------------

    def to_pandas(self):
        """A ``pandas.DataFrame``: columns are feature names, the index is the samples."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError(
                'to_pandas needs pandas: pip install "vicinal[pandas]"'
            ) from None
        fields = self.samples.dtype.names
        if len(fields) == 1:
            index = pd.Index(self.samples[fields[0]], name=fields[0])
        else:
            index = pd.MultiIndex.from_arrays([self.samples[f] for f in fields], names=fields)
        if scipy.sparse.issparse(self.values):
            return pd.DataFrame.sparse.from_spmatrix(self.values, index=index, columns=self.names)
        return pd.DataFrame(self.values, index=index, columns=self.names)

    def to_metatensor(self):
        """A ``metatensor.TensorMap`` of one block, its properties numbered as in ``names``."""
        try:
            from metatensor import Labels, TensorBlock, TensorMap
        except ImportError:
            raise MissingExtraError(
                'to_metatensor needs metatensor: pip install "vicinal[metatensor]"'
            ) from None
        fields = self.samples.dtype.names
        samples = np.stack([self.samples[f].astype(np.int32) for f in fields], axis=1)
        names = {"structure": "system", "number": "center_type"}  # metatensor's names for these
        values = np.ascontiguousarray(self.dense())
        block = TensorBlock(
            values=values,
            samples=Labels([names.get(f, f) for f in fields], samples),
            components=[],
            properties=Labels.range("feature", values.shape[1]),
        )
        return TensorMap(Labels.single(), [block])

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write ``.npz`` (read it back with :func:`vicinal.load`); never leaves half a file."""
        arrays = {"samples": self.samples, "names": self.names}
        if scipy.sparse.issparse(self.values):
            csr = scipy.sparse.csr_array(self.values)
            arrays |= {"data": csr.data, "indices": csr.indices, "indptr": csr.indptr}
            arrays["shape"] = np.array(csr.shape)
        else:
            arrays["values"] = self.values
        with atomic_file(path) as file:
            np.savez(file, **arrays)


def _species_of(name: str) -> set[str]:
    """The chemical symbols in the (first) square brackets of a name."""
    brackets = re.search(r"\[(.*?)\]", name)
    return set(re.findall(r"[A-Z][a-z]?", brackets.group(1))) if brackets else set()


def load(path: str | os.PathLike) -> Features:
    """Read features written by :meth:`Features.save` or ``vicinal compute``.

    Raises
    ------
    FileError
        The file is missing, truncated, or was not written by Vicinal. Nothing in a file is
        ever executed: pickled objects are refused.
    """
    try:
        with np.load(path, allow_pickle=False) as npz:
            if "values" in npz:
                values = npz["values"]
            else:
                csr = (npz["data"], npz["indices"], npz["indptr"])
                values = scipy.sparse.csr_array(csr, shape=tuple(npz["shape"]))
                values.check_format(full_check=True)  # indices beyond the shape would crash later
            return Features(values, npz["samples"], npz["names"])
    except FileNotFoundError:
        raise FileError(f"{path}: no such file") from None
    except ShapeError as error:
        raise FileError(f"{path}: damaged: {error}") from None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path}: not a readable file of Vicinal features ({error})") from None


class atomic_file:
    """A binary file for writing that appears under its name only once it is complete."""

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)

        folder = os.path.dirname(os.path.abspath(self.path))
        self.temporary = os.path.join(folder, f".vicinal-{secrets.token_hex(6)}")

    def __enter__(self):
        try:
            self.file = open(self.temporary, "x+b")
            return self.file
        except OSError as error:
            raise FileError(f"{self.path}: cannot be written ({error.strerror})") from None
        except BaseException:  # interrupted as soon as the file was there: __exit__ is not called
            with suppress(FileNotFoundError):
                os.unlink(self.temporary)
            raise

    def __exit__(self, kind, error, traceback):
        try:
            self.file.close()  # writes what is left, for which the disk may be too full
            if kind is None:
                os.replace(self.temporary, self.path)
                return
        except OSError as problem:
            error = error or problem
        with suppress(FileNotFoundError):
            os.unlink(self.temporary)
        if isinstance(error, OSError) and not isinstance(error, FileError):
            raise FileError(f"{self.path}: cannot be written ({error.strerror})") from None


@dataclass(frozen=True)
class Gradient:
    """What ``vjp`` gives: the cotangent pulled back.

    Attributes
    ----------
    positions : (n_atoms, 3) array, 1/Å times the unit of the cotangent
    strain : (n_structures, 3, 3) array, derivative for r -> r(1+e), H -> H(1+e); symmetric parts
        give the virial
    """

    positions: np.ndarray
    strain: np.ndarray


@dataclass(frozen=True)
class Jacobian:
    """Block-sparse derivatives of features with respect to positions.

    Attributes
    ----------
    sample : (n_blocks,) int64 array, row of the features
    atom : (n_blocks,) int64 array, the atom that moves (index into all atoms of the batch)
    values : (n_blocks, 3, n_features) array, 1/Å
    """

    sample: np.ndarray
    atom: np.ndarray
    values: np.ndarray

    def dense(self, n_samples: int, n_atoms: int) -> np.ndarray:
        """The full (n_samples, n_features, n_atoms, 3) array, mostly zeros: for small systems."""
        full = np.zeros((n_samples, n_atoms, 3, self.values.shape[2]), self.values.dtype)
        np.add.at(full, (self.sample, self.atom), self.values)
        return full.transpose(0, 3, 1, 2)
