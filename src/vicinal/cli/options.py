"""What several commands have in common: options, how they are read, and where output goes."""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.descriptors import registry
from vicinal.errors import FileError, MissingExtraError, ParameterError, VicinalError

DescriptorName = Annotated[
    str, typer.Argument(metavar="DESCRIPTOR", help="Name, as `vicinal list` shows it.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the descriptor; may be repeated. Values are JSON, or else "
        "text, or text separated by commas: cutoff=5, species=H,C,O.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="Parameters from a .toml or .json file, also from a descriptor's to_json; --set "
        "and other options come after it."
    ),
]
Index = Annotated[
    str, typer.Option(help="Structures of the file, as Python slices: 7, :100, -10:, ::5.")
]
FILE = (
    "Structures: anything that ASE reads, also .gz, .bz2 and .xz; or dataset:NAME or "
    "dataset:NAME/PART for a data set (dataset:qm7-subset comes with Vicinal)."
)


def parameters(descriptor: str, settings: list[str] | None, config: Path | None) -> dict[str, Any]:
    """Those of a configuration file, and those of ``--set`` over them."""
    found = _read_config(config, descriptor) if config else {}
    return found | dict(setting(text) for text in settings or ())


@contextmanager
def sensible() -> Iterator[None]:
    """Values of types that nobody thought of are the user's error too."""
    try:
        yield
    except VicinalError:
        raise
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the parameters make no sense: {error}") from None


@contextmanager
def interruptible() -> Iterator[None]:
    """Whether interrupted or terminated, nothing half-written stays."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Abort() from None  # here, or the parser adds an empty line of its own


def console():
    """Where tables are printed."""
    from rich.console import Console

    # Piped into a file or another program: one row a line, nothing cut.
    return Console() if sys.stdout.isatty() else Console(width=200)


def warn(message: str) -> None:
    """One line for people, beside the output."""
    print("vicinal: warning:", " ".join(message.split()), file=sys.stderr)


def seen() -> bool:
    """Can somebody see a progress bar?"""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress():
    """A function (atoms done, atoms in all) that draws a bar where somebody can see it."""
    if not seen():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = "[progress.description]{task.description}", BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("reading", total=None)

        def update(done: int, total: int | None) -> None:
            what = "reading" if total is None else "computing"
            bar.update(task, completed=done, total=total, description=what)

        yield update


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Warnings for people, of duplicates say, as soon as there is one: a line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = lambda message, *_: warn(str(message))
        yield


def kernel(text: str):
    """``gaussian`` (its length scale is left to the method), or a kernel with its parameters."""
    from vicinal.similarity import make_kernel

    name, *given = text.split(",")
    if not given and name in ("gaussian", "laplacian"):
        return name
    return make_kernel(name, **dict(setting(one) for one in given))


def setting(text: str) -> tuple[str, Any]:
    """``NAME=VALUE`` taken apart."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ParameterError(f"--set takes NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        parts = [_json_or_text(part) for part in value.split(",")]
        return name, parts if len(parts) > 1 else parts[0]


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _read_config(path: Path, descriptor: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            content = _toml(text)
        elif path.suffix == ".json":
            content = json.loads(text)
        else:
            raise FileError(f"{path}: a configuration is called something.toml or something.json")
    except FileError:
        raise
    except FileNotFoundError:
        raise FileError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise FileError(f"{path}: not a table of parameters")
    if not isinstance(content.get("parameters"), dict):
        return content
    named = content.get("descriptor", descriptor)  # what to_json writes
    if named != registry.get(descriptor).name:
        raise ParameterError(f"{path} is for {named!r}, not for {descriptor!r}")
    learned = {key[:-1]: value for key, value in content.items() if key.endswith("_")}
    return content["parameters"] | learned


def _toml(text: str) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:
        raise MissingExtraError(
            "configurations in TOML need Python 3.11; use JSON instead"
        ) from None
    return tomllib.loads(text)
