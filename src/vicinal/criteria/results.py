"""What a check finds: measurements with plain verdicts, tables, figures; and as JSON."""

from __future__ import annotations

import io
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vicinal.features import atomic_file

#: Verdicts, best first. ``""`` is a number that is neither good nor bad; ``"n/a"`` a question that
#: makes no sense for this descriptor, ``"failed"`` one that it did not survive.
VERDICTS = ("good", "fair", "poor", "", "n/a", "failed")

#: What a report can be written as.
REPORT_SUFFIXES = (".html", ".json")


@dataclass(frozen=True)
class Measurement:
    """One number, with a verdict and what it means.

    Attributes
    ----------
    key : str, stable name for programs
    label : str, what people read
    value : float, int, bool, str or None
    verdict : one of :data:`VERDICTS`
    unit : str
    note : str, what the number says, or what went wrong
    """

    key: str
    label: str
    value: float | int | bool | str | None
    verdict: str = ""
    unit: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The value as people read it, with its unit."""
        shown = spell(self.value)
        return f"{shown} {self.unit}" if self.unit and shown != "-" else shown


def spell(value: Any) -> str:
    """A number in three digits, or whatever else it is in few characters."""
    if value is None:
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return "-"
        if value == 0 or 1e-3 <= abs(value) < 1e5:
            return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        return f"{value:.1e}"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return str(value)


@dataclass
class Table:
    """Rows of values under column heads."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    note: str = ""


@dataclass
class Series:
    """One set of points of a figure; ``kind`` is ``line``, ``points`` or ``bars``."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = "line"


@dataclass
class Figure:
    """A plot as data: who shows it decides how. ``xscale``, ``yscale``: ``linear`` or ``log``."""

    title: str
    xlabel: str
    ylabel: str
    series: list[Series] = field(default_factory=list)
    xscale: str = "linear"
    yscale: str = "linear"
    note: str = ""


@dataclass
class Section:
    """One criterion: the question, and everything measured about it."""

    key: str
    title: str
    question: str
    measurements: list[Measurement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    #: Structures worth keeping (the worst pair found, ...), by name.
    structures: dict[str, list] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, key: str, label: str, value, verdict: str = "", unit: str = "", note: str = ""):
        """Note a measurement."""
        if verdict not in VERDICTS:
            raise ValueError(f"verdict {verdict!r} is none of {VERDICTS}")
        value = value.item() if isinstance(value, np.generic) else value
        self.measurements.append(Measurement(key, label, value, verdict, unit, note))

    @contextmanager
    def attempt(self, key: str, label: str) -> Iterator[None]:
        """Whatever goes wrong inside becomes a measurement that says so; the rest goes on."""
        try:
            yield
        except NotApplicable as reason:
            self.add(key, label, None, "n/a", note=str(reason))
        except Exception as error:  # of the user's function: anything at all
            message = " ".join(str(error).split()) or "no message"
            self.add(key, label, None, "failed", note=f"{type(error).__name__}: {message}")

    def __getitem__(self, key: str) -> Measurement:
        for measurement in self.measurements:
            if measurement.key == key:
                return measurement
        raise KeyError(f"{self.key} has no measurement {key!r}; it has: {', '.join(self.keys())}")

    def __contains__(self, key: str) -> bool:
        return key in self.keys()

    def keys(self) -> list[str]:
        return [measurement.key for measurement in self.measurements]


class NotApplicable(Exception):
    """A question that makes no sense for this descriptor; the message says why."""


@dataclass
class Report:
    """What :func:`vicinal.criteria.check` found.

    ``report["uniqueness"]["body_order"].value`` is a number; ``print(report)`` shows tables,
    :meth:`save` writes HTML or JSON.

    Attributes
    ----------
    name : str
    parameters : dict, of the descriptor, as JSON
    sections : list of Section, in the order of the six criteria
    about : dict: versions, machine, structures, seed, seconds
    """

    name: str
    parameters: dict[str, Any]
    sections: list[Section]
    about: dict[str, Any]

    def __getitem__(self, key: str) -> Section:
        for section in self.sections:
            if section.key == key:
                return section
        raise KeyError(f"no section {key!r}; there are: {', '.join(s.key for s in self.sections)}")

    def __str__(self) -> str:
        from vicinal.criteria.terminal import as_text, renderables

        return as_text(renderables(self))

    def _repr_html_(self) -> str:
        from vicinal.criteria.html import fragment

        return fragment(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries, numbers and text."""
        sections = []
        for section in self.sections:
            one = {key: value for key, value in vars(section).items() if key != "structures"}
            one["measurements"] = [asdict(m) for m in section.measurements]
            one["tables"] = [asdict(table) for table in section.tables]
            one["figures"] = [asdict(figure) for figure in section.figures]
            one["structures"] = {name: len(frames) for name, frames in section.structures.items()}
            sections.append(one)
        document = {"descriptor": self.name, "parameters": self.parameters, "about": self.about}
        return plain(document | {"sections": sections})

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def save(self, path: str | os.PathLike) -> list[str]:
        """Write the report (``.html`` or ``.json``), and the structures that it found beside it.

        Returns the files written. Structures go to ``<path without suffix>-<name>.extxyz``.

        Raises
        ------
        FileError
            The name ends otherwise, or the file cannot be written.
        """
        from vicinal.criteria.html import page

        base, suffix = output_name(path, REPORT_SUFFIXES, "a report")
        text = page(self) if suffix == ".html" else self.to_json(indent=1) + "\n"
        return write_files({base + suffix: text, **structure_files(self.sections, base)})


def output_name(path: str | os.PathLike, suffixes: Sequence[str], what: str) -> tuple[str, str]:
    """(name without suffix, suffix) of a file that may be written.

    Raises
    ------
    FileError
        It ends otherwise, is a directory, or its folder is not there.
    """
    from vicinal.errors import FileError

    path = os.fspath(path)
    base, suffix = os.path.splitext(path)
    if suffix not in suffixes:
        names = [f"something{one}" for one in suffixes]
        known = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        raise FileError(f"{path}: {what} is called {known}")
    if os.path.isdir(path):
        raise FileError(f"{path}: is a directory")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise FileError(f"{path}: cannot be written (no such folder)")
    return base, suffix


def write_files(contents: Mapping[str, str]) -> list[str]:
    """Write texts to files; returns the names. Each appears only once it is complete."""
    for path, text in contents.items():
        with atomic_file(path) as file:
            file.write(text.encode())
    return list(contents)


def structure_files(sections: Sequence[Section], base: str) -> dict[str, str]:
    """Every set of structures as extended XYZ, by the name of its file."""
    import ase.io

    contents = {}
    for section in sections:
        for name, frames in section.structures.items():
            text = io.StringIO()
            ase.io.write(text, frames, format="extxyz")
            contents[f"{base}-{name}.extxyz"] = text.getvalue()
    return contents


def plain(value: Any) -> Any:
    """A value as JSON knows it; what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool) or value is None else str(value)


@contextmanager
def timed(section: Section) -> Iterator[None]:
    """Add the time that the body takes to the section."""
    start = time.perf_counter()
    try:
        yield
    finally:
        section.seconds += time.perf_counter() - start
