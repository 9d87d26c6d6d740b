"""``vicinal check``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli import options
from vicinal.errors import ParameterError


def check(
    context: typer.Context,
    descriptor: Annotated[
        str | None,
        typer.Argument(
            metavar="DESCRIPTOR",
            help="Name, as `vicinal list` shows it; or module:object or path/to/file.py:object for "
            "your own function of structures, or object or class with compute. That is run.",
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help=f"{options.FILE} Built-in ones if not given."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All descriptors with default parameters, in one table.")
    ] = False,
    settings: options.Settings = None,
    config: options.Config = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Report as .html or .json; with --all also as .md. Structures that were found are "
            "written beside it.",
        ),
    ] = None,
    criteria: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Some of invariance, uniqueness, continuity, efficiency, structure, generality.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repeats, in seconds.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of everything random.")] = 0,
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Descriptors to compare the content with."),
    ] = None,
    cutoff: Annotated[
        float | None,
        typer.Option(metavar="Å", help="Radius of your own function, where it does not say."),
    ] = None,
    species: Annotated[
        str | None,
        typer.Option(metavar="H,C,...", help="Species that your own function knows."),
    ] = None,
    index: options.Index = ":",
) -> None:
    """Measure what makes a descriptor good: invariance, uniqueness, continuity, efficiency,
    structure, generality."""
    if all_:
        if file is not None or settings or config or cutoff is not None or species:
            raise ParameterError("--all takes no descriptor, and no parameters of one")
        descriptor, file = None, descriptor
    elif descriptor is None:
        raise ParameterError("which descriptor? Give a name (see vicinal list), or --all")

    from vicinal import criteria as library
    from vicinal.criteria.results import REPORT_SUFFIXES
    from vicinal.criteria.summary import SUFFIXES
    from vicinal.pages.files import output_name

    if output is not None:  # before the work, not after it
        output_name(output, SUFFIXES if all_ else REPORT_SUFFIXES, "this report")
    chosen: dict[str, Any] = {"quick": quick, "seed": seed}
    chosen["criteria"] = _names(criteria)
    if against is not None:
        chosen["against"] = [_descriptor(name, {}) for name in _names(against) or ()]
    with options.interruptible():
        subject = None if all_ else _subject(descriptor, settings, config, cutoff, species)
        frames = _frames(file, index)
        with _progress(chosen["criteria"], all_) as progress:
            if all_:
                result = library.check_all(None, frames, progress=progress, **chosen)
            else:
                result = library.check(subject, frames, progress=progress, **chosen)
                result.about["command"] = shlex.join(["vicinal", *context.obj])
        _show(result)
        if output is not None:
            print("written:", ", ".join(result.save(output)))


def _names(text: str | None) -> list[str] | None:
    """What is between commas."""
    return None if text is None else [one.strip() for one in text.split(",") if one.strip()]


def _subject(descriptor: str, settings, config, cutoff, species):
    from vicinal.criteria.subject import Subject
    from vicinal.descriptors.parameters import species_numbers

    if ":" not in descriptor and (cutoff is not None or species):
        raise ParameterError("--cutoff and --species are for your own functions; use --set here")
    parameters = options.parameters(descriptor, settings, config)
    known = None if species is None else species_numbers(_names(species))
    with options.sensible():
        return Subject(_descriptor(descriptor, parameters), cutoff=cutoff, species=known)


def _descriptor(name: str, parameters: dict[str, Any]):
    """A registered descriptor, or the user's own."""
    from vicinal.cli.own import load
    from vicinal.descriptors import registry

    if ":" not in name:
        return registry.make(name, **parameters)
    return load(name, parameters)


def _frames(file: str | None, index: str) -> list | None:
    if file is None:
        if index != ":":
            raise ParameterError("--index is for structures of a file")
        return None
    from vicinal.streaming import Structures

    with Structures(file, index) as structures:
        structures.count(lambda done, total: None)
        return [atoms for _, atoms in structures]


def _show(result) -> None:
    from vicinal.criteria.results import Report
    from vicinal.criteria.terminal import renderables, summary_renderables

    parts = renderables(result) if isinstance(result, Report) else summary_renderables(result)
    options.console().print(*parts, sep="\n")


@contextmanager
def _progress(chosen: list[str] | None, many: bool) -> Iterator[Callable[..., None] | None]:
    """A function ([name,] criterion, step) that shows them where somebody can see it."""
    if not options.seen():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    from vicinal.criteria import CRITERIA
    from vicinal.descriptors import registry
    from vicinal.pages.parts import printable

    keys = [one.key for one in CRITERIA if chosen is None or one.key in chosen]
    names = registry.names() if many else [""]
    columns = SpinnerColumn(), BarColumn(20), TimeElapsedColumn()
    line = Column(no_wrap=True, overflow="ellipsis")
    text = TextColumn("{task.description}", markup=False, table_column=line)
    with Progress(*columns, text, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(keys) * len(names))

        def update(*where: str) -> None:
            *name, criterion, step = where
            done = keys.index(criterion) + len(keys) * (names.index(name[0]) if name else 0)
            said = ": ".join(printable(part) for part in where)
            bar.update(task, completed=done, description=said)

        yield update
