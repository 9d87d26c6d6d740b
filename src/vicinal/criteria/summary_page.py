"""Many descriptors on one page: the table, and each one's own report folded below it."""

from __future__ import annotations

import re

from vicinal.criteria import html, verdicts
from vicinal.criteria.results import Report
from vicinal.criteria.summary import Summary
from vicinal.pages import html as pages
from vicinal.pages.html import text


def page(summary: Summary) -> str:
    """A summary as a whole HTML document."""
    title = "Descriptors and the six requirements"
    return pages.document(title, f"<main>{_body(summary, '')}</main>")


def fragment(summary: Summary) -> str:
    """A summary for a page of somebody else (a notebook)."""
    return pages.embedded(_body(summary, pages.unique(summary.to_json())))


def _body(summary: Summary, prefix: str) -> str:
    n = len(summary.reports)
    errors = ""
    if summary.errors:
        errors = f"<h2>Could not be checked</h2>{pages.definitions(summary.errors.items())}"
    details = [_details(report, f"{prefix}{k}-") for k, report in enumerate(summary.reports)]
    return (
        '<div class="report"><header><h1>Descriptors and the six requirements</h1>'
        f"<p>{n} descriptor{'s' * (n != 1)}; every cell is a measured number with a plain verdict "
        "beside it. The report of each one is below.</p></header>"
        f"{_matrix(summary, prefix)}{errors}"
        f"<section><h2>Reports</h2>{''.join(details)}</section>"
        f"<section><h2>What the verdicts mean</h2>{html.meaning()}</section></div>"
    )


def _matrix(summary: Summary, prefix: str) -> str:
    groups = list(summary.groups())
    criteria = "".join(
        f'<th scope="colgroup" colspan="{len(columns)}" class="first">{text(title)}</th>'
        for title, columns in groups
    )
    first = {columns[0] for _, columns in groups}
    kind = {one: ' class="first"' if one in first else "" for one in summary.columns}
    heads = "".join(
        f'<th scope="col"{kind[one]}>{text(summary.heading(one))}</th>' for one in summary.columns
    )
    rows = []
    for k, report in enumerate(summary.reports):
        cells = []
        for one in summary.columns:
            number, verdict = summary.words(report, one)
            cells.append(f"<td{kind[one]}>{text(number)}{html.verdict(verdict)}</td>")
        name = text(report.name).replace("_", "_<wbr>")  # where it may break on a phone
        link = f'<a href="#{prefix}{k}-report">{name}</a>'
        rows.append(f'<tr><th scope="row">{link}</th>{"".join(cells)}</tr>')
    spans = "<colgroup>" + "".join(
        f'</colgroup><colgroup span="{len(columns)}">' for _, columns in groups
    )
    table = (
        f'<table class="matrix">{spans}</colgroup><thead>'
        f'<tr><th class="corner" scope="col" rowspan="2">descriptor</th>{criteria}</tr>'
        f"<tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
    return pages.scroll(table, "Descriptors and measurements", "whole")


def _details(report: Report, prefix: str) -> str:
    counts = text(verdicts.counts(verdicts.measurements(report)))
    # Headings go down: the page and this part of it have names of their own.
    article = re.sub(
        r"(</?h)([1-4])\b", lambda m: f"{m[1]}{int(m[2]) + 2}", html.article(report, prefix)
    )
    return (
        f"<details><summary><strong>{text(report.name)}</strong> "
        f'<span class="soft">{counts}</span></summary>{article}</details>'
    )
