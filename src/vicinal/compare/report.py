"""The report of a comparison: one page, pictures, and tables for programs."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vicinal.compare import metrics
from vicinal.errors import FileError
from vicinal.pages import html
from vicinal.pages.figures import svg
from vicinal.pages.files import write_files
from vicinal.pages.html import text
from vicinal.pages.parts import Figure, Series, Table, spell

if TYPE_CHECKING:
    from vicinal.compare.outcome import Outcome
    from vicinal.criteria.summary import Summary

#: Descriptors whose parity and worst structures are shown.
SHOWN = 3


def save(outcome: Outcome, folder: str | os.PathLike, criteria: Summary | None = None) -> list[str]:
    """Write ``report.html``, ``results.json``, ``results.csv`` and ``plots/*.svg`` to a folder.

    Each appears only once it is complete. Returns the names.

    Raises
    ------
    FileError
        The folder cannot be written to.
    """
    folder = os.fspath(folder)
    try:
        os.makedirs(os.path.join(folder, "plots"), exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written ({error.strerror})") from None
    contents = {
        "report.html": page(outcome, criteria),
        "results.json": outcome.to_json() + "\n",
        "results.csv": outcome.to_csv(),
    }
    for name, figure in figures(outcome).items():
        drawn = svg(figure)
        if drawn:
            contents[os.path.join("plots", f"{name}.svg")] = drawn + "\n"
    return write_files({os.path.join(folder, name): one for name, one in contents.items()})


def page(outcome: Outcome, criteria: Summary | None = None) -> str:
    """The report as a whole HTML document that needs nothing else."""
    plots = partial(_plots, figures(outcome))
    title = f"Which descriptor for {outcome.plan.task.name}?"
    parts = [
        f"<header><h1>{text(title)}</h1><p><strong>{text(outcome.recommendation)}</strong></p>"
        f'<p class="soft">{text(_setting(outcome))}</p></header>',
        _section("Ranking", html.table(ranking(outcome))),
        _section("Learning and cost", plots("learning", "cost")),
        _section("Predictions", plots(*_parities(outcome)) + html.table(worst(outcome))),
        _section(
            "Can the predicted uncertainty be trusted?",
            html.table(uncertainty(outcome)) + plots("calibration"),
        ),
        _section("The descriptors as they were tuned", _tuned(outcome)),
    ]
    if criteria is not None:
        parts.append(_section("What these descriptors are like", _criteria(criteria)))
    parts.append(_section("How this was measured", _about(outcome)))
    body = f'<main><article class="report">{"".join(parts)}</article></main>'
    return html.document(title, body)


def _section(title: str, content: str) -> str:
    return f'<section aria-label="{text(title)}"><h2>{text(title)}</h2>{content}</section>'


def _plots(drawn: dict[str, Figure], *names: str) -> str:
    shown = [html.plot(drawn[name], f"{name}-") for name in names]
    return f'<div class="plots">{"".join(shown)}</div>'


def _setting(outcome: Outcome) -> str:
    plan, task = outcome.plan, outcome.plan.task
    sizes = ", ".join(str(size) for size in plan.splits[0].sizes)
    grows = "grows with the structure" if task.extensive else "does not grow with the structure"
    return (
        f"{task.n_structures} structures; {task.name} {grows} ({task.because}); "
        f"{len(plan.splits)} splits with {len(plan.splits[0].test)} structures for testing and "
        f"{sizes} for training, the same for all descriptors."
    )


# -- tables -------------------------------------------------------------------------------------


def ranking(outcome: Outcome) -> Table:
    """Descriptors by their error at the largest training size."""
    unit = f" / {outcome.plan.task.reported_unit}" if outcome.plan.task.reported_unit else ""
    heads = (
        *("", "descriptor", f"MAE{unit}", f"RMSE{unit}", f"largest{unit}", "R²"),
        *("learning rate", "features", "µs an atom", "µs a kernel entry", "best for its cost"),
    )
    table = Table(
        "Errors at the largest training size",
        heads,
        note="Mean ± standard deviation over the splits. Learning rate: the power with which the "
        "error falls with training structures, and its interval of 95 %. Best for its cost: no "
        "descriptor with a smaller error is cheaper to compute.",
    )
    for place, one in enumerate(outcome.ranking, start=1):
        low, high = one.rate_interval
        rate = f"{one.rate:.2f} ({low:.2f} to {high:.2f})" if np.isfinite(one.rate) else "-"
        errors = (_spread(getattr(one.best, key)) for key in ("mae", "rmse", "max_error", "r2"))
        costs = one.n_features, one.describe_us, one.kernel_us
        table.rows.append((place, one.name, *errors, rate, *costs, "yes" if one.pareto else ""))
    return table


def _spread(value: tuple[float, float]) -> str:
    mean, deviation = value
    return f"{spell(float(mean))} ± {float(f'{deviation:.1g}'):g}"


def worst(outcome: Outcome) -> Table:
    """What the best descriptor predicts worst."""
    task = outcome.plan.task
    table = Table(
        "Worst predictions of the best descriptor", ("structure", "formula", "true", "predicted")
    )
    if outcome.ranking:
        for row, true, predicted in outcome.worst(outcome.ranking[0].name):
            s = task.structure_of(row)
            name = f"{task.index[s]}" if task.kind == "structure" else f"{task.index[s]}, an atom"
            formula = task.frames[s].get_chemical_formula()
            table.rows.append((name, formula, true, predicted))
    return table


def uncertainty(outcome: Outcome) -> Table:
    """How well predicted standard deviations tell the errors."""
    heads = (
        *("descriptor", "mean predicted deviation", "within 90 %", "miscalibration area"),
        *("rank correlation with errors", "conformal 90 %: half width", "it covers"),
    )
    table = Table(
        "Predicted uncertainties at the largest training size",
        heads,
        note="Within 90 %: share of true values in the predicted interval of 90 %. Miscalibration "
        "area: 0 is right, 0.5 the worst. Rank correlation: 1 where larger predicted deviations "
        "always mean larger errors. Conformal: intervals from half of the test errors, scaled by "
        "the predicted deviations, tried on the other half.",
    )
    for one in outcome.ranking:
        found = outcome.uncertainty(one.name)
        keys = "sharpness", "coverage_90", "miscalibration_area", "error_variance_correlation"
        conformal = found["conformal_width"], found["conformal_coverage"]
        table.rows.append((one.name, *(found[key] for key in keys), *conformal))
    return table


# -- figures ------------------------------------------------------------------------------------


def figures(outcome: Outcome) -> dict[str, Figure]:
    """All figures, by name."""
    task = outcome.plan.task
    unit = f" / {task.reported_unit}" if task.reported_unit else ""
    found = {
        "learning": Figure(
            "Learning curves",
            "training structures",
            f"mean absolute error{unit}",
            [
                Series(
                    one.name,
                    [errors.size for errors in one.curve],
                    [errors.mae[0] for errors in one.curve],
                    error=[errors.mae[1] for errors in one.curve],
                )
                for one in outcome.ranking
            ],
            "log",
            "log",
            "Bars: standard deviation over the splits.",
        ),
        "cost": _cost(outcome, unit),
        "calibration": _calibration(outcome),
    }
    for name, one in zip(_parities(outcome), outcome.ranking, strict=False):
        found[name] = _parity(outcome, one.name, unit)
    return found


def _parities(outcome: Outcome) -> list[str]:
    """Names of figures: by place, as those of descriptors may suit neither a page nor a folder."""
    return [f"parity-{place}" for place in range(1, len(outcome.ranking[:SHOWN]) + 1)]


def _cost(outcome: Outcome, unit: str) -> Figure:
    figure = Figure(
        "Error against cost",
        "µs to describe an atom",
        f"mean absolute error{unit}",
        [
            Series(one.name, [one.describe_us], [one.best.mae[0]], "points")
            for one in outcome.ranking
        ],
        "log",
        "log",
        "The line joins descriptors that no other beats in both.",
    )
    front = sorted((one.describe_us, one.best.mae[0]) for one in outcome.ranking if one.pareto)
    if len(front) > 1:
        figure.series.append(Series("best for its cost", *map(list, zip(*front, strict=True))))
    return figure


def _parity(outcome: Outcome, name: str, unit: str) -> Figure:
    size = max(result.size for result in outcome.of(name))
    _, true, predicted, _ = outcome.pooled(name)
    ends = [float(true.min()), float(true.max())]
    return Figure(
        f"{name}, {size} training structures",
        f"true{unit}",
        f"predicted{unit}",
        [Series("test structures", true, predicted, "points"), Series("equal", ends, ends)],
    )


def _calibration(outcome: Outcome) -> Figure:
    figure = Figure(
        "Calibration",
        "predicted probability of an interval",
        "share of true values in it",
        [Series("right", [0, 1], [0, 1])],
        note="Above the line: intervals are too wide; below: too narrow.",
    )
    for one in outcome.ranking[:SHOWN]:
        expected, observed = metrics.calibration_curve(*outcome.pooled(one.name)[1:])
        figure.series.append(Series(one.name, expected, observed))
    return figure


# -- words --------------------------------------------------------------------------------------


def _tuned(outcome: Outcome) -> str:
    lines = [f"{one.python}" for one in outcome.ranking]
    code = "\n".join(["import vicinal as vc", "", *lines])
    return (
        "<p>Of the best split at the largest training size; tuned on its training structures.</p>"
        f"<pre><code>{text_lines(code)}</code></pre>"
    )


def text_lines(code: str) -> str:
    """Code as text of a page, lines kept."""
    return "\n".join(text(line) for line in code.splitlines())


def _criteria(summary: Summary) -> str:
    heads = ["descriptor", *(summary.heading(column) for column in summary.columns)]
    table = Table("Six requirements, measured", heads)
    for report in summary.reports:
        cells = [" ".join(filter(None, summary.words(report, c))) for c in summary.columns]
        table.rows.append((report.name, *cells))
    return "<p>From <code>vicinal check --quick</code> on these structures.</p>" + html.table(table)


def _about(outcome: Outcome) -> str:
    facts: list[tuple[str, object]] = list(outcome.about().items())
    facts += [(f"left out: {name}", reason) for name, reason in outcome.skipped.items()]
    facts += [(f"failed: {name}", reason) for name, reason in outcome.failures().items()]
    again = "".join(
        f"<pre><code>{text_lines(code)}</code></pre>" for code in outcome.again() if code
    )
    return (
        "<p>Kernel ridge regression; the kernel of structures is the sum (or average) of those "
        "between like atoms. The baseline is a regression on composition. Parameters of the "
        "descriptor, length scale and noise come from leave-one-out errors of the training "
        "structures alone (tree-structured Parzen estimators), afresh for each split and size. "
        "Protocol: M. F. Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8, 41 (2022).</p>"
        f"<h3>Run it again</h3>{again}<h3>What was run</h3>{html.definitions(facts)}"
    )
