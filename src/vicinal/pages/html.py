"""Pages that need nothing else: no network, no script, light and dark."""

from __future__ import annotations

import hashlib
from functools import cache
from html import escape
from importlib.resources import files

from vicinal.pages.figures import svg
from vicinal.pages.parts import Figure, Table, is_number, printable, spell


def embedded(body: str) -> str:
    """HTML with its style, for a page of somebody else."""
    return f'<style>{style()}</style><div class="vicinal">{body}</div>'


def unique(content: str) -> str:
    """A prefix of identifiers that nothing else on the page has."""
    return "v" + hashlib.sha256(content.encode()).hexdigest()[:8] + "-"


def document(title: str, body: str) -> str:
    """A page of the given title; ``body`` is HTML, the title is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Without one, browsers ask the server for it.
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>\nbody {{ margin: 0; }}\n{style()}</style>\n"
        f'</head>\n<body class="vicinal">\n{body}\n</body>\n</html>\n'
    )


@cache
def style() -> str:
    return (files(__package__) / "page.css").read_text(encoding="utf-8")


def text(value: object) -> str:
    """Whatever it is (names and messages of users among it), as text of a page."""
    return escape(printable(value))


def full(kind: str, columns, rows: list[str], label: str) -> str:
    """A table as wide as the page; on a phone its cells stand below each other, and the roles
    keep it a table for screen readers."""
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in columns)
    return (
        f'<table class="full {kind}" role="table" aria-label="{text(label)}">'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def plot(figure: Figure, prefix: str) -> str:
    drawn = svg(figure, prefix)
    if not drawn:
        return ""
    note = f'<p class="remark">{text(figure.note)}</p>' if figure.note else ""
    return f"<figure><figcaption>{text(figure.title)}</figcaption>{drawn}{note}</figure>"


def table(content: Table) -> str:
    right = [all(is_number(row[k]) for row in content.rows) for k in range(len(content.columns))]
    kinds = [' class="number"' if one else "" for one in right]
    heads = "".join(
        f'<th scope="col"{kind}>{text(head)}</th>'
        for head, kind in zip(content.columns, kinds, strict=True)
    )
    rows = []
    for row in content.rows:
        cells = [f"{kind}>{text(spell(v))}</" for v, kind in zip(row, kinds, strict=True)]
        rest = "".join(f"<td{cell}td>" for cell in cells[1:])
        rows.append(f'<tr><th scope="row"{cells[0]}th>{rest}</tr>')
    note = f'<p class="remark">{text(content.note)}</p>' if content.note else ""
    inner = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<h3>{text(content.title)}</h3>{scroll(inner, content.title)}{note}"


def scroll(table: str, label: str, kind: str = "fits") -> str:
    """A box that scrolls by itself where the table in it is too wide; reached by keyboard too."""
    box = f'class="scroll {kind}" tabindex="0" role="region" aria-label="{text(label)}"'
    return f"<div {box}>{table}</div>"


def definitions(pairs) -> str:
    """A list of names and what they stand for."""
    items = [f"<dt>{text(name)}</dt><dd>{text(_fact(value))}</dd>" for name, value in pairs]
    return f"<dl>{''.join(items)}</dl>"


def _fact(value) -> object:
    return value if isinstance(value, dict | list) else spell(value)
