"""``vicinal compare``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli import options
from vicinal.errors import FileError, ParameterError

#: Without a file: a small real data set, in less than three minutes on two cores.
DEMONSTRATION = "dataset:qm7-subset"
DEMONSTRATION_TARGET = "atomization_energy"
DEMONSTRATION_REPEATS = 3
DEMONSTRATION_SIZES = "50,100,200"
DEMONSTRATION_LIMIT = 100
DEMONSTRATION_MINUTES = 1.0


def compare(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help=options.FILE + " A subset of QM7 by default."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="What is predicted: a number in info, or a column of arrays; guessed if only one."
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Report, results, and work to go on with."
        ),
    ] = Path("vicinal-compare"),
    descriptors: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Who takes part; one of each kind.")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(metavar="N,...", help="Numbers of training structures.")
    ] = None,
    n_test: Annotated[int | None, typer.Option(metavar="N", help="Structures to test on.")] = None,
    repeats: Annotated[int | None, typer.Option(metavar="N", help="Splits; 10 by default.")] = None,
    trials: Annotated[
        int, typer.Option(metavar="N", help="Steps of tuning for each descriptor, split and size.")
    ] = 30,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Structures that tuning sees at most; 400 by default."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Tune less where time gets short.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Processes; one for each core by default.")
    ] = None,
    per: Annotated[str, typer.Option(metavar="structure|atom|formula")] = "structure",
    unit: Annotated[str | None, typer.Option(help="Of the target, for the report.")] = None,
    extensive: Annotated[
        bool | None,
        typer.Option("--extensive/--intensive", help="Does the target grow with the structure?"),
    ] = None,
    missing: Annotated[
        str, typer.Option(metavar="error|drop", help="Structures without the target.")
    ] = "error",
    index: options.Index = ":",
    seed: Annotated[int, typer.Option(help="Of splits and tuning.")] = 0,
    criteria: Annotated[
        bool,
        typer.Option("--criteria/--no-criteria", help="Also check the best descriptors."),
    ] = True,
) -> None:
    """Compare descriptors on your data: learning curves, cost, and which to use."""
    from vicinal import compare as library

    if file is None:
        file, target = DEMONSTRATION, target or DEMONSTRATION_TARGET
        repeats = DEMONSTRATION_REPEATS if repeats is None else repeats
        budget = DEMONSTRATION_MINUTES if budget is None else budget
        sizes = DEMONSTRATION_SIZES if sizes is None else sizes
        limit = DEMONSTRATION_LIMIT if limit is None else limit
    if output.exists() and not output.is_dir():
        raise FileError(f"{output}: is not a folder")
    names = None if descriptors is None else _between_commas(descriptors)
    with options.warnings_shown(), options.interruptible():
        task = library.Task.read(
            file,
            target,
            index=index,
            per=per,
            unit=unit,
            extensive=extensive,
            missing=missing,
        )
        with _progress() as progress:
            outcome = library.compare(
                task,
                descriptors=names,
                sizes=None if sizes is None else _numbers(sizes),
                n_test=n_test,
                repeats=10 if repeats is None else repeats,
                trials=trials,
                limit=400 if limit is None else limit,
                budget=None if budget is None else 60 * budget,
                folder=output,
                n_jobs=jobs,
                seed=seed,
                progress=progress,
            )
        _show(outcome)
        written = outcome.save(output)
        if criteria and outcome.complete:  # again, with more: whatever happens, there is a report
            written = outcome.save(output, _check(outcome, task))
        print("written:", ", ".join(written))
    if not outcome.complete:
        raise typer.Exit(130)


def _between_commas(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _numbers(text: str) -> list[int]:
    try:
        return [int(one) for one in _between_commas(text)]
    except ValueError:
        raise ParameterError(f"--sizes takes whole numbers between commas, not {text!r}") from None


def _check(outcome, task):
    """The six requirements of the best descriptors, as they were tuned, on these structures."""
    from vicinal.compare.report import SHOWN
    from vicinal.criteria import check
    from vicinal.criteria.summary import Summary

    reports = [
        check(outcome.descriptor(one.name), task.frames, quick=True, against=())
        for one in outcome.ranking[:SHOWN]
    ]
    return Summary(reports, {})


def _show(outcome) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from vicinal.compare.report import ranking
    from vicinal.pages.parts import spell

    console = options.console()
    data = ranking(outcome)
    shown = [0, 1, 2, 6, 7, 8, 10]
    table = Table(*(escape(data.columns[k]) for k in shown), box=box.SIMPLE_HEAD)
    for row in data.rows:
        table.add_row(*(escape(spell(row[k])) for k in shown))
    if data.rows:
        console.print(table)
    for name, reason in outcome.skipped.items():
        console.print(f"left out: {name} ({reason})", markup=False, highlight=False)
    for name, reason in outcome.failures().items():
        console.print(f"failed: {name} ({reason})", markup=False, highlight=False)
    console.print(outcome.recommendation, markup=False, highlight=False, style="bold")


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None] | None]:
    """A function (jobs done, jobs in all, last) that draws a bar where somebody can see it."""
    if not options.seen():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    text = "[progress.description]{task.description}"
    with Progress(*columns, text, console=Console(stderr=True), transient=True) as bar:
        work = bar.add_task("", total=None)

        def update(done: int, total: int, last: str) -> None:
            bar.update(work, completed=done, total=total, description=last)

        yield update
