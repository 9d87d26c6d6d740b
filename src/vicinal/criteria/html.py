"""A report as one page that needs nothing else: no network, no script, light and dark."""

from __future__ import annotations

from vicinal.criteria import again, verdicts
from vicinal.criteria.results import Measurement, Report, Section
from vicinal.descriptors import registry
from vicinal.pages import html
from vicinal.pages.html import text
from vicinal.pages.parts import is_number


def page(report: Report) -> str:
    """A report as a whole HTML document."""
    return html.document(f"{report.name}: vicinal check", f"<main>{article(report)}</main>")


def fragment(report: Report) -> str:
    """A report for a page of somebody else (a notebook): with its own style and identifiers."""
    return html.embedded(article(report, html.unique(report.to_json())))


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
    return html.full("overview", ("criterion", "verdict", "in one sentence"), rows, "Overview")


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
        parts.append(html.full("measurements", columns, rows, section.title))
    plots = [html.plot(figure, f"{key}-{k}-") for k, figure in enumerate(section.figures)]
    if any(plots):
        parts.append(f'<div class="plots">{"".join(plots)}</div>')
    parts += [html.table(table) for table in section.tables]
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


def _about(report: Report) -> str:
    facts = {key: value for key, value in report.about.items() if key != "command"}
    if "seconds" in facts:
        each = ", ".join(f"{one.title} {one.seconds:.1f} s" for one in report.sections)
        facts["seconds"] = f"{facts['seconds']:.1f} ({each})"
    parameters = ""
    if report.parameters:
        parameters = f"<h3>Parameters</h3>{html.definitions(report.parameters.items())}"
    return (
        "<section><h2>How this was measured</h2>"
        f"<h3>Run it again</h3><pre><code>{text(again.command(report))}</code></pre>"
        f"<pre><code>import vicinal as vc\n\nreport = {text(again.python(report))}</code></pre>"
        f"<h3>What was run</h3>{html.definitions(facts.items())}{parameters}"
        f"<h3>What the verdicts mean</h3>{meaning()}</section>"
    )


def meaning() -> str:
    """What the verdicts mean."""
    return html.definitions(verdicts.MEANING.items())
