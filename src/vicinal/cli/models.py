"""The commands ``vicinal fit`` and ``vicinal predict``."""

from __future__ import annotations

import time
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli import options
from vicinal.errors import FileError, ParameterError, VicinalError

#: Structures that are predicted and written together.
CHUNK_ATOMS = 2_000

StructureFile = Annotated[str, typer.Argument(metavar="FILE", help=options.FILE)]


def fit(
    file: StructureFile,
    descriptor: Annotated[
        str, typer.Option("--descriptor", "-d", help="Name, as `vicinal list` shows it.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL", help="Where the model goes.")
    ],
    target: Annotated[
        str | None,
        typer.Option(
            help="What is learned: a number in info, or a column of arrays; guessed if only one."
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="kernel|ridge|linear|sparse-gp",
            help="Kernel ridge regression of structures; ridge on pooled features; linear "
            "potential (SNAP); sparse Gaussian process (GAP).",
        ),
    ] = "kernel",
    settings: options.Settings = None,
    config: options.Config = None,
    model_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--model-set",
            metavar="NAME=VALUE",
            help="A parameter of the model; may be repeated: noise=1e-6, n_sparse=1000.",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,PARAMETER=VALUE]",
            help="gaussian,length_scale=2; polynomial,degree=4; laplacian; linear.",
        ),
    ] = None,
    forces: Annotated[
        bool,
        typer.Option(
            "--forces/--no-forces", help="Learn forces and stress too (linear and sparse-gp)."
        ),
    ] = False,
    unit: Annotated[
        str | None, typer.Option(help="Of the target; eV for a target called energy.")
    ] = None,
    missing: Annotated[
        str, typer.Option(metavar="error|drop", help="Structures without the target.")
    ] = "error",
    index: options.Index = ":",
) -> None:
    """Fit a model to the structures of a file, and save it."""
    from vicinal.compare.data import Task
    from vicinal.descriptors import registry

    begin = time.perf_counter()
    parameters = options.parameters(descriptor, settings, config)
    chosen = dict(options.setting(text) for text in model_settings or ())
    if kernel:
        chosen["kernel"] = options.kernel(kernel)
    if forces and model not in ("linear", "sparse-gp"):
        raise ParameterError(f"--forces is for linear and sparse-gp, not for {model}")
    with options.warnings_shown(), options.interruptible():
        task = Task.read(file, target, index=index, unit=unit, missing=missing)
        if task.kind == "forces":
            raise ParameterError("forces are learned with an energy: --target energy --forces")
        if task.kind == "atom" and model != "kernel":
            raise ParameterError(f"{task.name} is a property of atoms: this needs --model kernel")
        if model == "kernel":
            how = "sum" if task.extensive else "average"
            chosen.setdefault("how", "atoms" if task.kind == "atom" else how)
        unit = task.unit or ("eV" if task.name == "energy" else "")
        with options.sensible():
            described = registry.make(descriptor, **parameters)
            made = _model_class(model)(described, target=task.name, unit=unit, **chosen)
        labels = _labels(task) if forces else {}
        try:
            made.fit(task.frames, task.values, **labels)
        except VicinalError as error:
            raise type(error)(f"{file}: {error}") from None
        made.save(output)
    loo = getattr(made, "loo_rmse_", None)
    errors = f"; leave-one-out RMSE {loo:.4g} {unit}".rstrip() if loo is not None else ""
    print(
        f"{output}: {type(made).__name__} of {task.name} from {task.n_structures} structures"
        f"{errors}; {time.perf_counter() - begin:.1f} s"
    )


def _labels(task) -> dict[str, list]:
    """Forces and stress of each structure, None where it has none."""
    from vicinal.models import read_forces, read_stress

    labels = {"forces": read_forces(task.frames), "stress": read_stress(task.frames)}
    if all(one is None for one in labels["forces"]):
        raise ParameterError("no structure has forces")
    return labels


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `vicinal fit` wrote.")],
    file: StructureFile,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="Extended XYZ with the predictions."),
    ],
    index: options.Index = ":",
) -> None:
    """Predict the target of all structures of a file.

    Writes the structures with NAME_predicted and, where the model knows it, NAME_std in their info;
    forces_predicted and stress_predicted where it has them. Properties of atoms go to arrays.
    Reports errors where the file has the target.
    """
    import numpy as np

    from vicinal.features import atomic_file
    from vicinal.models.base import chunks, numbered
    from vicinal.models.storage import load_model

    begin = time.perf_counter()
    fitted = load_model(model)
    frames = _read(file, index)
    # Forces of a property that is no energy mean little.
    forces = fitted.has_forces and fitted.unit == "eV"
    predictions = []
    with options.interruptible(), atomic_file(output) as out:
        for numbers, part in chunks(frames, CHUNK_ATOMS):
            try:
                with numbered(numbers):
                    found = fitted.evaluate(part, std=fitted.has_std, forces=forces)
            except VicinalError as error:
                raise type(error)(f"{file}: {error}") from None
            predictions.append(found.values)
            out.write(_written(fitted, part, found).encode())
    predictions = np.concatenate(predictions)
    print(
        f"{output}: {fitted.target} of {len(frames)} structures"
        f"{_errors(frames, fitted, predictions)}; {time.perf_counter() - begin:.1f} s"
    )


def _model_class(name: str):
    from vicinal import models

    classes = {
        "kernel": "StructureModel",
        "ridge": "RidgeModel",
        "linear": "LinearModel",
        "sparse-gp": "SparseGP",
    }
    if name not in classes:
        raise ParameterError(f"--model must be one of {', '.join(classes)}, not {name!r}")
    return getattr(models, classes[name])


def _read(file: str, index: str) -> list:
    from vicinal.streaming import Structures

    with Structures(file, index) as structures:
        frames = [atoms for _, atoms in structures]
    if not frames:
        raise FileError(f"{file}: no structures")
    return frames


def _written(fitted, frames, found) -> str:
    import ase.io
    import numpy as np

    text, first, target = StringIO(), 0, fitted.target
    for s, atoms in enumerate(frames):
        own = slice(first, first + len(atoms))
        first += len(atoms)
        where, values = (atoms.arrays, own) if fitted.per_atom else (atoms.info, s)
        where[f"{target}_predicted"] = found.values[values]
        if found.std is not None:
            where[f"{target}_std"] = found.std[values]
        if found.forces is not None:
            atoms.arrays["forces_predicted"] = found.forces[own]
            if np.isfinite(found.stress[s]).all():
                atoms.info["stress_predicted"] = found.stress[s]
    try:
        ase.io.write(text, list(frames), format="extxyz")
    except Exception as error:  # whatever strange arrays the input had
        raise FileError(f"the structures cannot be written as extended XYZ ({error})") from None
    return text.getvalue()


def _errors(frames, fitted, predictions) -> str:
    """Errors of the predictions, where all structures have the target."""
    from vicinal.compare.data import Task
    from vicinal.compare.metrics import mae, rmse

    try:
        known = Task.from_frames(frames, fitted.target).values
    except VicinalError:
        return ""
    if known.shape != predictions.shape:
        return ""
    found = f"MAE {mae(known, predictions):.4g}, RMSE {rmse(known, predictions):.4g}"
    return f"; {found} {fitted.unit}".rstrip()
