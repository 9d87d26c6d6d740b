"""What the verdicts of a report come to, in words: shared by terminal, page and summary."""

from __future__ import annotations

from collections.abc import Iterable

from vicinal.criteria.results import Measurement, Report, Section

#: Verdicts that judge, worst first: the first that occurs is that of a whole section.
JUDGED = ("failed", "poor", "fair", "good")

#: What the words mean, for the end of a page.
MEANING = {
    "good": "as it should be",
    "fair": "to be known before it is used",
    "poor": "a weakness that costs accuracy or trust",
    "n/a": "the question makes no sense for this descriptor",
    "failed": "the descriptor did not survive the question",
}

#: How many measurements a sentence names before it only counts them.
NAMED = 3


def worst(measurements: Iterable[Measurement]) -> str:
    """The worst verdict of some measurements; ``""`` where nothing was judged."""
    found = {m.verdict for m in measurements}
    return next((verdict for verdict in JUDGED if verdict in found), "")


def counts(measurements: Iterable[Measurement]) -> str:
    """``12 good, 2 fair, 1 poor``: how often each verdict was given."""
    verdicts = [m.verdict for m in measurements]
    words = [f"{verdicts.count(v)} {v}" for v in (*reversed(JUDGED), "n/a") if v in verdicts]
    if "" in verdicts:
        n = verdicts.count("")
        words.append(f"{n} plain number{'s' * (n != 1)}")
    return ", ".join(words) or "nothing measured"


def measurements(report: Report) -> list[Measurement]:
    """Those of all sections."""
    return [m for section in report.sections for m in section.measurements]


def sentence(section: Section) -> str:
    """One sentence on one criterion: how much is good, and by name what is not."""
    judged = [m for m in section.measurements if m.verdict in JUDGED]
    if not judged:
        if any(m.verdict == "" for m in section.measurements):
            return "Numbers that are neither good nor bad."
        return "Not applicable." if section.measurements else "Nothing was measured."
    good = sum(m.verdict == "good" for m in judged)
    if good == len(judged):
        return "Good." if good == 1 else f"All {good} are good."
    parts = [f"{good} of {len(judged)} good"]
    for verdict in JUDGED[:-1]:
        named = [_named(m) for m in judged if m.verdict == verdict]
        if named:
            more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
            parts.append(f"{verdict}: {', '.join(named[:NAMED] + more)}")
    return "; ".join(parts) + "."


def _named(measurement: Measurement) -> str:
    shown = measurement.text
    return measurement.label if shown == "-" else f"{measurement.label} ({shown})"
