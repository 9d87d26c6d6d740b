"""A report as tables in the terminal: verdicts in colour and in words."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from vicinal.criteria import verdicts
from vicinal.criteria.results import Measurement, Report, Section
from vicinal.criteria.summary import Column, Summary
from vicinal.pages.parts import Table, is_number, printable, spell

STYLES = {
    "good": "green",
    "fair": "yellow",
    "poor": "red",
    "failed": "bold magenta",
    "n/a": "dim",
}

#: Columns of the terminal from which notes have a column of their own.
WIDE = 100

#: Columns of the terminal between those of a table.
BETWEEN = 3

#: Rows of a table that are shown here; the page has all of them.
MOST_ROWS = 16


def renderables(report: Report) -> list:
    """What rich prints for a report: a summary, then a part for each criterion."""
    everything = verdicts.measurements(report)
    head = Text(printable(report.name), style="bold")
    head.append(f": {verdicts.counts(everything)}", style="not bold")
    seconds = report.about.get("seconds")
    if seconds is not None:
        head.append(f" ({spell(float(seconds))} s)", style="not bold dim")
    parts = [head, _overview(report)]
    for section in report.sections:
        parts += _section(section)
    return parts


def as_text(parts: list) -> str:
    """What rich would print, as the same text everywhere: no escape codes, no guess at a width."""
    file = io.StringIO()
    console = Console(file=file, width=110, color_system=None, force_terminal=False)
    console.print(*parts, sep="\n")
    return file.getvalue()


def verdict(word: str) -> Text:
    """A verdict as a coloured word."""
    return Text(word, style=STYLES.get(word, ""))


def grid(*columns: str, **options) -> Grid:
    """A table with few lines, which is readable without colour."""
    return Grid(*columns, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", **options)


def _overview(report: Report) -> Grid:
    table = grid("criterion", "verdict", "in one sentence")
    for section in report.sections:
        word = verdict(verdicts.worst(section.measurements))
        sentence = Text(printable(verdicts.sentence(section)))
        table.add_row(Text(printable(section.title)), word, sentence)
    return table


def _section(section: Section) -> Iterator:
    title = Text(printable(section.title), style="bold underline")
    yield Text.assemble(title, "  ", (printable(section.question), "italic"))
    if section.measurements:
        yield _Measurements(section.measurements)
    for table in section.tables:
        yield from _table(table)
    for name, frames in section.structures.items():
        n = len(frames)
        yield Text(f"Structures {printable(name)}: {n}, written beside a saved report", "dim")
    yield Text()


class _Measurements:
    """Notes beside the numbers where there is room, else below what they belong to."""

    def __init__(self, measurements: list[Measurement]):
        self.measurements = measurements

    def __rich_console__(self, console, options):
        wide = options.max_width >= WIDE
        table = grid(expand=True)
        table.add_column("what", ratio=4 if wide else 1)
        table.add_column("value", justify="right", max_width=24)
        table.add_column("verdict", no_wrap=True)
        if wide:
            table.add_column("note", ratio=5)
        for one in self.measurements:
            what, note = Text(printable(one.label)), Text(printable(one.note), style="dim")
            if not wide and one.note:
                what = Group(what, Padding(note, (0, 0, 0, 2)))
            row = [what, Text(printable(one.text)), verdict(one.verdict)]
            table.add_row(*row, *[note] * wide)
        yield table


def _table(table: Table) -> Iterator:
    yield Text(printable(table.title), style="bold")
    shown = grid()
    for k, head in enumerate(table.columns):
        right = all(is_number(row[k]) for row in table.rows)
        shown.add_column(Text(printable(head)), justify="right" if right else "left")
    for row in table.rows[:MOST_ROWS]:
        shown.add_row(*(Text(printable(spell(value))) for value in row))
    yield shown
    if len(table.rows) > MOST_ROWS:
        yield Text(f"... and {len(table.rows) - MOST_ROWS} more rows, in the saved report", "dim")
    if table.note:
        yield Text(printable(table.note), style="dim")


# -- many descriptors ---------------------------------------------------------------------------


def summary_renderables(summary: Summary) -> list:
    """What rich prints for several descriptors: a table for each criterion."""
    parts = []
    for title, columns in summary.groups():
        parts += [Text(printable(title), style="bold underline"), _Matrix(summary, columns)]
    for name, message in summary.errors.items():
        text = printable(f"{name} could not be checked: {message}")
        parts.append(Text(text, style="magenta"))
    return parts


class _Matrix:
    """Descriptors down, measurements across; columns that find no room go below."""

    def __init__(self, summary: Summary, columns: list[Column]):
        self.summary, self.columns = summary, columns

    def __rich_console__(self, console, options):
        names = [printable(report.name) for report in self.summary.reports]
        room = options.max_width - BETWEEN - max(map(len, ["descriptor", *names]))
        heads = [self.summary.heading(column) for column in self.columns]
        texts = [
            [_beside(*self.summary.words(report, column)) for report in self.summary.reports]
            for column in self.columns
        ]
        widths = [
            # Heads wrap between words, cells do not wrap.
            BETWEEN + max([*map(len, head.split()), *(len(text) for text in cells)])
            for head, cells in zip(heads, texts, strict=True)
        ]
        first = 0
        while first < len(heads):
            last = first + 1
            while last < len(heads) and sum(widths[first : last + 1]) <= room:
                last += 1
            table = grid("descriptor")
            table.columns[0].no_wrap = True
            for head in heads[first:last]:
                table.add_column(Text(head), justify="right")
            for k, name in enumerate(names):
                table.add_row(Text(name), *(cells[k] for cells in texts[first:last]))
            yield table
            first = last


def _beside(number: str, word: str) -> Text:
    return Text(" ").join(part for part in (Text(printable(number)), verdict(word)) if part)
