"""A report as one page that needs nothing else: no network, no script, light and dark."""

from __future__ import annotations

import hashlib
from functools import cache
from html import escape
from importlib.resources import files

from vicinal.criteria import again, verdicts
from vicinal.criteria.figures import svg
from vicinal.criteria.results import Measurement, Report, Section, Table, spell
from vicinal.criteria.verdicts import is_number, printable
from vicinal.descriptors import registry


def page(report: Report) -> str:
    """A report as a whole HTML document."""
    return document(f"{report.name}: vicinal check", f"<main>{article(report)}</main>")


def fragment(report: Report) -> str:
    """A report for a page of somebody else (a notebook): with its own style and identifiers."""
    return embedded(article(report, unique(report.to_json())))


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


def verdict(word: str) -> str:
    """A verdict as a coloured word; nothing for a mere number."""
    return (
        f'<span class="verdict {text(word).replace("/", "")}">{text(word)}</span>' if word else ""
    )


def article(report: Report, prefix: str = "") -> str:
    """Everything from the name to how to run it again; identifiers begin with ``prefix``."""
    summary = ""
    if again.registered(report):
        summary = f"<p>{text(registry.get(report.name).summary)}.</p>"
    own = again.changed(report)
    if own:
        spelled = ", ".join(f"{name} = {value}" for name, value in own.items())
        summary += f'<p class="soft">with {text(spelled)}</p>'
    everything = verdicts.measurements(report)
    return (
        f'<article class="report" id="{prefix}report">'
        f"<header><h1>{text(report.name)}</h1>{summary}"
        f"<p><strong>{text(verdicts.counts(everything))}.</strong></p></header>"
        f"{_overview(report, prefix)}"
        f"{''.join(_section(section, prefix) for section in report.sections)}"
        f"{_about(report)}</article>"
    )


def _overview(report: Report, prefix: str) -> str:
    rows = []
    for section in report.sections:
        link = f'<a href="#{prefix}{text(section.key)}">{text(section.title)}</a>'
        word = verdict(verdicts.worst(section.measurements))
        sentence = text(verdicts.sentence(section))
        rows.append(
            f'<tr role="row"><th scope="row" role="rowheader">{link}</th>'
            f'<td role="cell" class="word">{word}</td>'
            f'<td role="cell" class="note">{sentence}</td></tr>'
        )
    return _full("overview", ("criterion", "verdict", "in one sentence"), rows, "Overview")


def _full(kind: str, columns, rows: list[str], label: str) -> str:
    """A table as wide as the page; on a phone its cells stand below each other, and the roles
    keep it a table for screen readers."""
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in columns)
    return (
        f'<table class="full {kind}" role="table" aria-label="{text(label)}">'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def _section(section: Section, prefix: str) -> str:
    key = f"{prefix}{text(section.key)}"
    parts = [
        f'<section aria-labelledby="{key}"><div class="head"><h2 id="{key}">{text(section.title)}'
        f"</h2>{verdict(verdicts.worst(section.measurements))}</div>"
        f'<p class="question">{text(section.question)}</p>'
    ]
    if section.measurements:
        rows = [_measurement(one) for one in section.measurements]
        columns = ("what", "value", "verdict", "what it says")
        parts.append(_full("measurements", columns, rows, section.title))
    plots = [_plot(figure, f"{key}-{k}-") for k, figure in enumerate(section.figures)]
    if any(plots):
        parts.append(f'<div class="plots">{"".join(plots)}</div>')
    parts += [_table(table) for table in section.tables]
    if section.structures:
        names = ", ".join(f"{name} ({len(frames)})" for name, frames in section.structures.items())
        parts.append(f'<p class="remark">Structures saved beside this page: {text(names)}.</p>')
    return "".join(parts) + "</section>"


def _measurement(one: Measurement) -> str:
    kind = "value" if is_number(one.value) else "value words"
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{text(one.label)}</th>'
        f'<td role="cell" class="{kind}">{text(one.text)}</td>'
        f'<td role="cell" class="word">{verdict(one.verdict)}</td>'
        f'<td role="cell" class="note">{text(one.note)}</td></tr>'
    )


def _plot(figure, prefix: str) -> str:
    drawn = svg(figure, prefix)
    if not drawn:
        return ""
    note = f'<p class="remark">{text(figure.note)}</p>' if figure.note else ""
    return f"<figure><figcaption>{text(figure.title)}</figcaption>{drawn}{note}</figure>"


def _table(table: Table) -> str:
    right = [all(is_number(row[k]) for row in table.rows) for k in range(len(table.columns))]
    kinds = [' class="number"' if one else "" for one in right]
    heads = "".join(
        f'<th scope="col"{kind}>{text(head)}</th>'
        for head, kind in zip(table.columns, kinds, strict=True)
    )
    rows = []
    for row in table.rows:
        cells = [f"{kind}>{text(spell(v))}</" for v, kind in zip(row, kinds, strict=True)]
        rest = "".join(f"<td{cell}td>" for cell in cells[1:])
        rows.append(f'<tr><th scope="row"{cells[0]}th>{rest}</tr>')
    note = f'<p class="remark">{text(table.note)}</p>' if table.note else ""
    inner = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<h3>{text(table.title)}</h3>{scroll(inner, table.title)}{note}"


def scroll(table: str, label: str, kind: str = "fits") -> str:
    """A box that scrolls by itself where the table in it is too wide; reached by keyboard too."""
    box = f'class="scroll {kind}" tabindex="0" role="region" aria-label="{text(label)}"'
    return f"<div {box}>{table}</div>"


def _about(report: Report) -> str:
    facts = {key: value for key, value in report.about.items() if key != "command"}
    if "seconds" in facts:
        each = ", ".join(f"{one.title} {one.seconds:.1f} s" for one in report.sections)
        facts["seconds"] = f"{facts['seconds']:.1f} ({each})"
    parameters = ""
    if report.parameters:
        parameters = f"<h3>Parameters</h3>{definitions(report.parameters.items())}"
    return (
        "<section><h2>How this was measured</h2>"
        f"<h3>Run it again</h3><pre><code>{text(again.command(report))}</code></pre>"
        f"<pre><code>import vicinal as vc\n\nreport = {text(again.python(report))}</code></pre>"
        f"<h3>What was run</h3>{definitions(facts.items())}{parameters}"
        f"<h3>What the verdicts mean</h3>{meaning()}</section>"
    )


def definitions(pairs) -> str:
    """A list of names and what they stand for."""
    items = [f"<dt>{text(name)}</dt><dd>{text(_fact(value))}</dd>" for name, value in pairs]
    return f"<dl>{''.join(items)}</dl>"


def meaning() -> str:
    """What the verdicts mean."""
    return definitions(verdicts.MEANING.items())


def _fact(value) -> object:
    return value if isinstance(value, dict | list) else spell(value)
