"""``vicinal classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli import options
from vicinal.descriptors import registry


def classify(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help="The tree as a picture: .svg."),
    ] = None,
) -> None:
    """Show the family tree of the descriptors, and where each stands on the axes of choice."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table
    from rich.tree import Tree

    from vicinal.descriptors import classification

    if output is not None:
        from vicinal.pages.files import output_name, write_files

        base, suffix = output_name(output, (".svg",), "a picture of the tree")

    def grow(branch: Tree, node: classification.Node) -> Tree:
        for child in node.children:
            if child.entry is None:
                grow(branch.add(escape(child.label)), child)
            else:
                branch.add(f"[bold]{escape(child.label)}[/]  [dim]{escape(child.entry.summary)}[/]")
        return branch

    screen = options.console()
    screen.print(grow(Tree("[bold]descriptors[/]"), classification.tree()))
    for title, axes in (
        ("How one neighbour is described", classification.NEIGHBOR_AXES),
        ("How neighbours are combined", classification.COMBINATION_AXES),
    ):
        table = Table("name", *axes, title=title, box=box.HORIZONTALS, show_lines=True)
        table.columns[0].no_wrap = True
        for entry in registry.ENTRIES:
            places = (classification.axis(entry, axis) for axis in axes.values())
            table.add_row(*map(escape, (entry.name, *places)))
        screen.print()
        screen.print(table)
    if output is not None:
        print("written:", *write_files({base + suffix: classification.svg()}))
