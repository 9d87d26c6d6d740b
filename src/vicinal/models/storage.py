"""Fitted models in files: arrays and JSON, nothing that could be executed."""

from __future__ import annotations

import json
import os
import zipfile
import zlib

import numpy as np

from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import plain
from vicinal.errors import FileError, NotFittedError, ParameterError, VicinalError
from vicinal.features import atomic_file
from vicinal.models.base import Model
from vicinal.models.baseline import Baseline
from vicinal.models.kernel_ridge import KernelRidge
from vicinal.models.linear import LinearModel
from vicinal.models.local import KernelBasis, LinearBasis
from vicinal.models.ridge import RidgeModel
from vicinal.models.sparse_gp import SparseGP
from vicinal.models.structure_model import StructureModel
from vicinal.similarity import Gaussian, Laplacian, Linear, Polynomial

FORMAT, VERSION = "vicinal model", 1

#: What a file may hold, beside numbers, text, lists, arrays and descriptors.
TYPES = {
    cls.__name__: cls
    for cls in (
        Baseline, Gaussian, KernelBasis, KernelRidge, Laplacian, Linear, LinearBasis, LinearModel,
        Polynomial, RidgeModel, SparseGP, StructureModel,
    )
}  # fmt: skip


def save_model(model: Model, path: str | os.PathLike) -> None:
    """Write a fitted model; never leaves half a file.

    The file is an ``.npz``: arrays, and one text ``model`` that says in JSON what they are.
    """
    from vicinal import __version__

    if not model.__sklearn_is_fitted__():
        raise NotFittedError(
            f"this {type(model).__name__} has not been fitted: there is nothing to save"
        )
    if type(model).__name__ not in TYPES:
        raise ParameterError(f"{type(model).__name__} is not a model that files can hold")
    arrays: dict[str, np.ndarray] = {}
    document = {"format": FORMAT, "version": VERSION, "vicinal": __version__}
    document["model"] = _encode(model, arrays)
    text = np.frombuffer(json.dumps(document).encode(), np.uint8)
    with atomic_file(path) as file:
        np.savez(file, model=text, **arrays)


def load_model(path: str | os.PathLike) -> Model:
    """Read a model that :meth:`Model.save` or ``vicinal fit`` wrote.

    ``load_model(path).calculator()`` is a calculator of ASE.

    Raises
    ------
    FileError
        The file is missing, truncated, damaged, or not a model of Vicinal. Nothing in a file is
        ever executed.
    """
    try:
        with np.load(path, allow_pickle=False) as npz:
            document = json.loads(npz["model"].tobytes())
            if document["format"] != FORMAT:
                raise ValueError("of another format")
            if document["version"] > VERSION:
                raise FileError(
                    f"{path}: written by Vicinal {document['vicinal']}, newer than this one"
                )
            model = _decode(document["model"], npz)
            if not isinstance(model, Model):
                raise ValueError("holds something else")
            return model
    except FileNotFoundError:
        raise FileError(f"{path}: no such file") from None
    except FileError:
        raise
    except (
        VicinalError, OSError, ValueError, TypeError, KeyError, AttributeError, IndexError,
        EOFError, RecursionError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise FileError(f"{path}: not a readable model of Vicinal ({error})") from None


def _encode(value, arrays: dict[str, np.ndarray]):
    """As JSON; arrays go to ``arrays``."""
    if isinstance(value, Descriptor):
        return {"descriptor": value.to_json()}
    if type(value).__name__ in TYPES:
        fields = {k: _encode(v, arrays) for k, v in vars(value).items()}
        return {"type": type(value).__name__, "fields": fields}
    if isinstance(value, np.ndarray) and value.ndim:
        key = f"a{len(arrays)}"
        triangle = value.ndim == 2 and len(value) > 1 and value.shape[0] == value.shape[1]
        if triangle and not np.tril(value, -1).any():  # half of it says it all
            arrays[key] = value[np.triu_indices(len(value))]
            return {"triangle": key, "size": len(value)}
        arrays[key] = value
        return {"array": key}
    if isinstance(value, dict):
        return {"items": [[plain(k), _encode(v, arrays)] for k, v in value.items()]}
    return plain(value)


def _decode(value, arrays):
    if isinstance(value, list):
        return [_decode(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    if "descriptor" in value:
        return Descriptor.from_json(value["descriptor"])
    if "array" in value:
        return arrays[value["array"]]
    if "triangle" in value:
        full = np.zeros((value["size"], value["size"]))
        full[np.triu_indices(len(full))] = arrays[value["triangle"]]
        return full
    if "items" in value:
        return {k: _decode(v, arrays) for k, v in value["items"]}
    cls = TYPES[value["type"]]
    fields = {k: _decode(v, arrays) for k, v in value["fields"].items()}
    if hasattr(cls, "__dataclass_fields__"):
        return cls(**fields)
    made = cls.__new__(cls)
    vars(made).update(fields)
    return made
