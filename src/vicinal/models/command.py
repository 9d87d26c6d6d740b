"""The commands ``vicinal fit`` and ``vicinal predict``."""

from __future__ import annotations

import signal
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.errors import FileError, ParameterError, VicinalError

#: Structures that are predicted and written together.
CHUNK_ATOMS = 2_000

StructureFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Structures: anything that ASE reads, also .gz, .bz2 and .xz; or dataset:NAME.",
    ),
]
Index = Annotated[
    str, typer.Option(help="Structures of the file, as Python slices: 7, :100, -10:, ::5.")
]


def fit(
    file: StructureFile,
    descriptor: Annotated[
        str, typer.Option("--descriptor", "-d", help="Name, as `vicinal list` shows it.")
    ],
    target: Annotated[
        str,
        typer.Option(help="What to learn: a name in info or arrays of structures, or of results."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL", help="Where the model goes.")
    ],
    model: Annotated[
        str,
        typer.Option(
            metavar="kernel|ridge|linear|sparse-gp",
            help="Kernel ridge regression of structures; ridge on pooled features; linear "
            "potential (SNAP); sparse Gaussian process (GAP).",
        ),
    ] = "kernel",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A parameter of the descriptor; may be repeated."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The descriptor's parameters from a .toml or .json file."),
    ] = None,
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
    index: Index = ":",
) -> None:
    """Fit a model to the structures of a file, and save it."""
    from vicinal import cli
    from vicinal.descriptors import registry
    from vicinal.models.targets import (
        is_of_atoms,
        read_atom_target,
        read_forces,
        read_stress,
        read_target,
    )

    begin = time.perf_counter()
    parameters = cli._read_config(config, descriptor) if config else {}
    parameters |= dict(cli._setting(text) for text in settings or ())
    options = dict(cli._setting(text) for text in model_settings or ())
    if kernel:
        options["kernel"] = _kernel(kernel, cli._setting)
    unit = unit if unit is not None else "eV" if target == "energy" else ""
    frames = _read(file, index)
    of_atoms = is_of_atoms(frames, target)
    if of_atoms:
        if model != "kernel":
            raise ParameterError(f"{target} is a property of atoms: this needs --model kernel")
        options.setdefault("how", "atoms")
    try:
        made = _model_class(model)(
            registry.make(descriptor, **parameters), target=target, unit=unit, **options
        )
    except VicinalError:
        raise
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the parameters make no sense: {error}") from None
    try:
        y = (read_atom_target if of_atoms else read_target)(frames, target)
        labels = {}
        if forces:
            if model not in ("linear", "sparse-gp"):
                raise ParameterError(f"--forces is for linear and sparse-gp, not for {model}")
            labels = {"forces": read_forces(frames), "stress": read_stress(frames)}
            if all(one is None for one in labels["forces"]):
                raise ParameterError("no structure has forces")
        made.fit(frames, y, **labels)
    except VicinalError as error:
        raise type(error)(f"{file}: {error}") from None
    made.save(output)
    loo = getattr(made, "loo_rmse_", None)
    errors = f"; leave-one-out RMSE {loo:.4g} {unit}".rstrip() if loo is not None else ""
    print(
        f"{output}: {type(made).__name__} of {target} from {len(frames)} structures{errors}; "
        f"{time.perf_counter() - begin:.1f} s"
    )


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `vicinal fit` wrote.")],
    file: StructureFile,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="Extended XYZ with the predictions."),
    ],
    index: Index = ":",
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing half-written stays
    fitted = load_model(model)
    frames = _read(file, index)
    # Forces of a property that is no energy mean little.
    forces = fitted.has_forces and fitted.unit == "eV"
    predictions = []
    with atomic_file(output) as out:
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


def _kernel(text: str, setting) -> Any:
    """``gaussian`` (tuned), or a kernel with its parameters."""
    from vicinal.similarity import make_kernel

    name, *parameters = text.split(",")
    if not parameters and name in ("gaussian", "laplacian"):
        return name
    return make_kernel(name, **dict(setting(one) for one in parameters))


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
    import numpy as np

    from vicinal.models.targets import read_atom_target, read_target

    try:
        known = (read_atom_target if fitted.per_atom else read_target)(frames, fitted.target)
    except ParameterError:
        return ""
    mae = np.abs(predictions - known).mean()
    rmse = np.sqrt(np.mean((predictions - known) ** 2))
    return f"; MAE {mae:.4g}, RMSE {rmse:.4g} {fitted.unit}".rstrip()
