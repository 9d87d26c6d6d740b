"""``vicinal list`` and ``vicinal show``."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from typing import Any

from vicinal.cli.options import DescriptorName, console
from vicinal.descriptors import registry


def list_descriptors() -> None:
    """List the descriptors."""
    from rich.table import Table

    table = Table("name", "a row is", "what it is")
    for entry in registry.ENTRIES:
        row = "an atom" if entry.locality.startswith("local") else "a structure"
        table.add_row(entry.name, row, entry.summary)
    console().print(table)


#: Parts of a registry entry that are shown elsewhere, or said in words too.
NOT_SHOWN = (
    *("name", "path", "summary", "citations"),
    *("bodies", "neighbor_power", "species_power"),
)


def show(descriptor: DescriptorName) -> None:
    """Show what a descriptor computes, its parameters, its properties and whom to cite."""
    from rich.markup import escape
    from rich.table import Table

    entry = registry.get(descriptor)
    doc = Docstring(entry.cls)
    screen = console()
    screen.print(f"[bold]{escape(entry.name)}[/]  {escape(doc.summary)}\n")
    screen.print(doc.body, markup=False, highlight=False)

    table = Table("parameter", "type, unit", "default", "meaning", title="Parameters")
    for name, kind, meaning in doc.parameters:
        table.add_row(*map(escape, (name, kind, _spell(doc.defaults[name]), meaning)))
    screen.print()
    screen.print(table)

    table = Table("property", "value", title="Classification")
    for field in fields(entry):
        if field.name not in NOT_SHOWN:
            value = getattr(entry, field.name)
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            table.add_row(field.name.replace("_", " "), escape(text))
    screen.print()
    screen.print(table)

    screen.print("\nPlease cite:")
    for citation in entry.citations:
        screen.print(f"  {citation}", markup=False, highlight=False)


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
