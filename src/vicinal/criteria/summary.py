"""Many descriptors side by side: a measured number in every cell, and a plain verdict beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from vicinal.criteria.results import Measurement, Report, structure_files
from vicinal.pages.files import output_name, write_files
from vicinal.pages.parts import plain, printable, spell


@dataclass(frozen=True)
class Column:
    """A measurement of a criterion, under a head of few letters."""

    criterion: str
    key: str
    heading: str


COLUMNS = tuple(
    Column(criterion, key, heading)
    for criterion, columns in {
        "invariance": {"invariance": "largest change"},
        "uniqueness": {
            "body_order": "body order",
            "expansion": "expansion",
            "e4_error": "E4 error",
            "invisible_modes": "invisible modes",
            "condition": "condition",
            "slope_tangential": "tangential slope",
            "closest_pair": "closest pair",
            "faithful": "faithful",
        },
        "continuity": {"smoothness": "smoothness", "kinks": "kinks"},
        "efficiency": {
            "microseconds": "time",
            "exponent_neighbors": "power of neighbours",
            "exponent_species": "power of species",
            "vjp_ratio": "gradient / value",
        },
        "structure": {
            "features": "features",
            "effective_dimension": "effective dimension",
            "intrinsic_dimension": "intrinsic dimension",
            "redundant_features": "redundant",
        },
        "generality": {"described": "described", "elements": "elements"},
    }.items()
    for key, heading in columns.items()
)


@dataclass
class Summary:
    """Reports of several descriptors; printed as tables, saved as HTML, JSON or Markdown.

    Attributes
    ----------
    reports : list of Report
    errors : dict, descriptors that could not be checked at all, and why
    """

    reports: list[Report]
    errors: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Report:
        for report in self.reports:
            if report.name == name:
                return report
        known = ", ".join(report.name for report in self.reports)
        raise KeyError(f"no report of {name!r}; there are: {known}")

    def __str__(self) -> str:
        from vicinal.criteria.terminal import as_text, summary_renderables

        return as_text(summary_renderables(self))

    def _repr_html_(self) -> str:
        from vicinal.criteria.summary_page import fragment

        return fragment(self)

    @property
    def columns(self) -> list[Column]:
        """Those of the criteria that were asked for."""
        asked = {section.key for report in self.reports for section in report.sections}
        return [column for column in COLUMNS if column.criterion in asked]

    def groups(self) -> Iterator[tuple[str, list[Column]]]:
        """(title of a criterion, its columns), in order."""
        titles = {s.key: s.title for report in self.reports for s in report.sections}
        for key, columns in groupby(self.columns, lambda column: column.criterion):
            yield titles[key], list(columns)

    def unit(self, column: Column) -> str:
        """The unit that all rows of a column share; ``""`` where they differ or have none."""
        cells = [cell(report, column) for report in self.reports]
        units = {one.unit for one in cells if one is not None and one.value is not None}
        return units.pop() if len(units) == 1 else ""

    def heading(self, column: Column) -> str:
        """What stands above a column: with the unit, if there is one for all rows."""
        unit = self.unit(column)
        return f"{column.heading} ({unit})" if unit else column.heading

    def words(self, report: Report, column: Column) -> tuple[str, str]:
        """(number, verdict) as people read them; ``-`` where nothing was measured."""
        one = cell(report, column)
        if one is None:
            return "-", ""
        if one.value is None:
            return ("", one.verdict) if one.verdict else ("-", "")
        number = spell(one.value) if self.unit(column) else one.text
        return number, one.verdict

    # -- files ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        columns = [vars(column) for column in self.columns]
        reports = [report.to_dict() for report in self.reports]
        return plain({"columns": columns, "errors": self.errors, "reports": reports})

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_html(self) -> str:
        """One page: the table, and every report folded below it."""
        from vicinal.criteria.summary_page import page

        return page(self)

    def to_markdown(self) -> str:
        """One table: descriptors down, criteria across; and how it was made."""
        heads = [f"{title}: {self.heading(one)}" for title, group in self.groups() for one in group]
        lines = [_markdown(["descriptor", *heads]), _markdown(["---"] * (len(heads) + 1))]
        for report in self.reports:
            cells = [" ".join(filter(None, self.words(report, c))) for c in self.columns]
            lines.append(_markdown([report.name, *cells]))
        for name, message in self.errors.items():
            lines += [
                "",
                f"{_plain_markdown(name)} could not be checked: {_plain_markdown(message)}",
            ]
        if self.reports:
            about = self.reports[0].about
            named = ("vicinal", "python", "numpy", "machine")
            facts = [f"{key} {about[key]}" for key in named if key in about]
            seconds = sum(section.seconds for r in self.reports for section in r.sections)
            facts.append(f"{seconds:.0f} s")
            command = "vicinal check --all" + " --quick" * bool(about.get("quick"))
            lines += ["", f"Made by `{command}`: {', '.join(facts)}."]
        return "\n".join(lines) + "\n"

    def save(self, path: str | os.PathLike) -> list[str]:
        """Write the table with all reports (``.html``, ``.json``), or alone (``.md``).

        Returns the files written: with HTML and JSON the structures that were found are beside
        them, as ``<path without suffix>-<descriptor>-<name>.extxyz``.

        Raises
        ------
        FileError
            The name ends otherwise, or the file cannot be written.
        """
        base, suffix = output_name(path, SUFFIXES, "a summary")
        if suffix == ".md":
            return write_files({base + suffix: self.to_markdown()})
        contents = {base + suffix: self.to_html() if suffix == ".html" else self.to_json() + "\n"}
        for report in self.reports:
            contents |= structure_files(report.sections, f"{base}-{report.name}")
        return write_files(contents)


SUFFIXES = (".html", ".json", ".md")


def cell(report: Report, column: Column) -> Measurement | None:
    """The measurement that a column shows of a report."""
    for section in report.sections:
        if section.key == column.criterion and column.key in section:
            return section[column.key]
    return None


def _markdown(cells) -> str:
    return "| " + " | ".join(_plain_markdown(cell) for cell in cells) + " |"


def _plain_markdown(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    text = printable(text).replace("\\", "\\\\")
    for mark in "|<`*[":
        text = text.replace(mark, "\\" + mark)
    return text
