"""What a check finds: measurements with plain verdicts, tables, figures; and as JSON."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vicinal.pages.files import output_name, write_files
from vicinal.pages.parts import Figure, Table, plain, spell

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


@contextmanager
def timed(section: Section) -> Iterator[None]:
    """Add the time that the body takes to the section."""
    start = time.perf_counter()
    try:
        yield
    finally:
        section.seconds += time.perf_counter() - start
