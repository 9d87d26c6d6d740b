"""The command line: ``vicinal list``, ``vicinal show`` and ``vicinal compute``.

Whatever is wrong gives one line on stderr and exit status 2. Imports that take long wait until a
command needs them.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import sys
import warnings
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.descriptors import registry
from vicinal.errors import FileError, MissingExtraError, ParameterError, VicinalError

app = typer.Typer(
    name="vicinal",
    help="Local atomic environment descriptors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DescriptorName = Annotated[
    str, typer.Argument(metavar="DESCRIPTOR", help="Name, as `vicinal list` shows it.")
]


def main(arguments: list[str] | None = None) -> None:
    """Entry point: run a command, and exit."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # readers of files warn at length
    try:
        status = app(arguments, prog_name="vicinal", standalone_mode=False)
    except VicinalError as error:
        status = _fail(str(error))
    except MemoryError as error:
        status = _fail(f"not enough memory ({error})")
    except (typer.Abort, KeyboardInterrupt):
        status = _fail("interrupted", 130)
    except Exception as error:
        # The parser's own errors; their class is not the same in all versions of typer.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vicinal"
        status = _fail(f"{error.format_message()} (see {command} --help)")
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int = 2) -> int:
    print("vicinal: error:", " ".join(message.split()), file=sys.stderr)
    return status


def _version(wanted: bool) -> None:
    if wanted:
        from vicinal import __version__

        print(f"vicinal {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


# -- list and show ------------------------------------------------------------------------------


@app.command("list")
def list_descriptors() -> None:
    """List the descriptors."""
    from rich.table import Table

    table = Table("name", "a row is", "what it is")
    for entry in registry.ENTRIES:
        row = "an atom" if entry.locality.startswith("local") else "a structure"
        table.add_row(entry.name, row, entry.summary)
    _console().print(table)


@app.command()
def show(descriptor: DescriptorName) -> None:
    """Show what a descriptor computes, its parameters, its properties and whom to cite."""
    from rich.markup import escape
    from rich.table import Table

    entry = registry.get(descriptor)
    doc = Docstring(entry.cls)
    console = _console()
    console.print(f"[bold]{escape(entry.name)}[/]  {escape(doc.summary)}\n")
    console.print(doc.body, markup=False, highlight=False)

    table = Table("parameter", "type, unit", "default", "meaning", title="Parameters")
    for name, kind, meaning in doc.parameters:
        table.add_row(*map(escape, (name, kind, _spell(doc.defaults[name]), meaning)))
    console.print()
    console.print(table)

    table = Table("property", "value", title="Classification")
    for field in fields(entry):
        if field.name not in ("name", "path", "summary", "citations"):
            value = getattr(entry, field.name)
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            table.add_row(field.name.replace("_", " "), escape(text))
    console.print()
    console.print(table)

    console.print("\nPlease cite:")
    for citation in entry.citations:
        console.print(f"  {citation}", markup=False, highlight=False)


class Docstring:
    """A class's numpydoc docstring, taken apart."""

    def __init__(self, cls: type):
        text = inspect.getdoc(cls) or ""
        sections = re.split(r"\n([A-Z][\w ]+)\n-{3,}\n", text)
        head = sections[0].split("\n", 1)
        self.summary = head[0].strip()
        # Formulas and text as written, without the marks of reStructuredText.
        body = re.sub(r"^(\.\. math)?::\n\n", "", head[1] if head[1:] else "", flags=re.MULTILINE)
        self.body = re.sub(r"``([^`]*)``", r"\1", body).strip("\n")
        section = dict(zip(sections[1::2], sections[2::2], strict=True)).get("Parameters", "")
        self.parameters = [
            (name, kind, re.sub(r"``([^`]*)``", r"\1", " ".join(meaning.split())))
            for name, kind, meaning in re.findall(
                r"^(\w[\w, ]*) : (.*)\n((?:[ \t]+.*\n?|\n)*)", section, flags=re.MULTILINE
            )
        ]
        self.defaults = {
            name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()
        }


def _spell(value: Any) -> str:
    """A default as one would write it after --set."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _console():
    from rich.console import Console

    # Piped into a file or another program: one row a line, nothing cut.
    return Console() if sys.stdout.isatty() else Console(width=200)


# -- compute ------------------------------------------------------------------------------------


@app.command()
def compute(
    descriptor: DescriptorName,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Structures: anything that ASE reads, also .gz, .bz2 and .xz; or dataset:NAME for "
            "a data set that comes with Vicinal (dataset:qm7-subset).",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Where the features go.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A parameter of the descriptor; may be repeated. Values are JSON, or else "
            "text, or text separated by commas: cutoff=5, species=H,C,O.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Parameters from a .toml or .json file, also from a descriptor's to_json; --set "
            "and the options below come after it."
        ),
    ] = None,
    pool: Annotated[
        str | None, typer.Option(metavar="mean|sum", help="One row a structure, not one an atom.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(metavar="float64|float32")] = None,
    index: Annotated[
        str, typer.Option(help="Structures of the file, as Python slices: 7, :100, -10:, ::5.")
    ] = ":",
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="All available cores by default.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="npz|extxyz", help="By the name of the output if not given; npz: vicinal.load."
        ),
    ] = None,
) -> None:
    """Compute a descriptor for all structures of a file."""
    parameters = _read_config(config, descriptor) if config else {}
    parameters |= dict(_setting(text) for text in settings or ())
    options = {"pooling": pool, "dtype": dtype, "n_threads": threads}
    parameters |= {name: value for name, value in options.items() if value is not None}
    try:
        made = registry.make(descriptor, **parameters)
    except VicinalError:
        raise
    except (TypeError, ValueError) as error:  # a value of a type that nobody thought of
        raise ParameterError(f"the parameters make no sense: {error}") from None

    from vicinal.streaming import compute_file

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing half-written stays
    try:
        with _progress() as progress:
            done = compute_file(made, file, output, format=format, index=index, progress=progress)
    except KeyboardInterrupt:
        raise typer.Abort() from None  # here, or the parser adds an empty line of its own
    rate = 1e6 * done.compute_seconds / max(done.n_environments, 1)
    counts = (
        f"{n} {what}{'s' * (n != 1)}"
        for n, what in (
            (done.n_structures, "structure"),
            (done.n_environments, "environment"),
            (done.n_features, "feature"),
        )
    )
    print(
        f"{output}: {', '.join(counts)}; {done.seconds:.2f} s, "
        f"{rate:.1f} µs per environment to compute"
    )


def _setting(text: str) -> tuple[str, Any]:
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


@contextmanager
def _progress():
    """A function (atoms done, atoms in all) that draws a bar where somebody can see it."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
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
