"""What a comparison says: errors, learning curves, costs, a ranking and a recommendation."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from vicinal.compare import metrics
from vicinal.compare.again import again
from vicinal.compare.entrants import spelled
from vicinal.compare.protocol import Plan, Result
from vicinal.compare.similarity import judged
from vicinal.descriptors.base import Descriptor
from vicinal.pages.parts import plain

#: Two descriptors are told apart where chance gives such a difference in at most this share of
#: cases (paired over the repeats), or where their mean errors differ by more than this share: few
#: repeats prove little.
SIGNIFICANCE = 0.05
NOTICED = 0.1


@dataclass(frozen=True)
class Errors:
    """Errors of a descriptor at one training size: mean and standard deviation over repeats.

    ``mae``, ``rmse``, ``max_error`` in units of the target, ``r2`` without; each (mean, deviation).
    """

    size: int
    repeats: int
    mae: tuple[float, float]
    rmse: tuple[float, float]
    max_error: tuple[float, float]
    r2: tuple[float, float]


@dataclass(frozen=True)
class Standing:
    """One descriptor in the ranking."""

    name: str
    curve: tuple[Errors, ...]
    rate: float
    rate_interval: tuple[float, float]
    describe_us: float
    kernel_us: float
    n_features: int
    pareto: bool
    python: str

    @property
    def best(self) -> Errors:
        """At the largest training size that was finished."""
        return self.curve[-1]


class Outcome:
    """The answer of :func:`vicinal.compare.compare`.

    Attributes
    ----------
    plan : Plan, results : list of Result
    skipped : dict, descriptors that did not take part, with the reason
    """

    def __init__(self, plan: Plan, results: Sequence[Result], skipped: dict[str, str]):
        self.plan = plan
        self.results = list(results)
        self.skipped = dict(skipped)

    @property
    def complete(self) -> bool:
        return len(self.results) == len(list(self.plan.jobs()))

    def of(self, name: str, size: int | None = None) -> list[Result]:
        """Results of one descriptor, of one training size or of all."""
        return [
            result
            for result in self.results
            if result.entrant == name and result.failed is None and size in (None, result.size)
        ]

    def truth(self, result: Result) -> np.ndarray:
        """The targets that a result predicts."""
        return self.reported(self.plan.task.values[result.test], result.test)

    def predicted(self, result: Result) -> np.ndarray:
        return self.reported(np.asarray(result.predicted), result.test)

    def errors(self, result: Result) -> dict[str, float]:
        return metrics.errors(self.truth(result), self.predicted(result))

    def reported(self, values: np.ndarray, test) -> np.ndarray:
        """Per structure, atom or formula unit, as the task says."""
        of_structures = self.plan.task.kind == "structure"
        return self.plan.task.reported(values, np.asarray(test)) if of_structures else values

    @cached_property
    def ranking(self) -> list[Standing]:
        """Descriptors by their mean absolute error at the largest training size."""
        standings = [
            self._standing(entrant.name) for entrant in self.plan.entrants if self.of(entrant.name)
        ]
        largest = max((s.best.size for s in standings), default=0)
        standings.sort(key=lambda s: (s.best.size < largest, s.best.mae[0]))
        cheapest = np.inf
        out = []
        for standing in standings:  # nobody better is as cheap
            pareto = standing.describe_us < cheapest
            cheapest = min(cheapest, standing.describe_us)
            out.append(Standing(**(vars(standing) | {"pareto": pareto})))
        return out

    def curve(self, name: str, error: str = "mae") -> dict[int, list[float]]:
        """Errors of the repeats at each training size."""
        found: dict[int, list[float]] = {}
        for result in sorted(self.of(name), key=lambda result: result.size):
            found.setdefault(result.size, []).append(self.errors(result)[error])
        return found

    def _standing(self, name: str) -> Standing:
        curve = []
        for size in self.curve(name):
            each = [self.errors(result) for result in self.of(name, size)]
            columns = {
                key: (float(np.mean(v)), float(np.std(v, ddof=1)) if len(v) > 1 else 0.0)
                for key in ("mae", "rmse", "max_error", "r2")
                for v in [[one[key] for one in each]]
            }
            curve.append(Errors(size, len(each), **columns))
        rate, interval = np.nan, (np.nan, np.nan)
        if len(curve) > 1 and all(errors.mae[0] > 0 for errors in curve):
            line = metrics.fit_learning_curve(self.curve(name))
            rate, interval = line.rate, line.rate_interval
        last = self.of(name, curve[-1].size)
        best = min(last, key=lambda result: self.errors(result)["mae"])
        return Standing(
            name,
            tuple(curve),
            rate,
            interval,
            float(np.median([result.describe_us for result in last])),
            float(np.median([result.kernel_us for result in last])),
            best.n_features,
            False,
            self.python(name),
        )

    def descriptor(self, name: str) -> Descriptor:
        """A descriptor as it was tuned in the best split of the largest training size."""
        entrant = next(e for e in self.plan.entrants if e.name == name)
        largest = max(result.size for result in self.of(name))
        best = min(self.of(name, largest), key=lambda result: self.errors(result)["mae"])
        return entrant.make(**best.settings["choices"])

    def python(self, name: str) -> str:
        """A line of Python that makes :meth:`descriptor`."""
        return spelled(self.descriptor(name))

    @cached_property
    def recommendation(self) -> str:
        """The answer in a sentence or two."""
        if not self.ranking:
            return "No descriptor could be judged."
        task, best = self.plan.task, self.ranking[0]
        mean, deviation = best.best.mae
        unit = f" {task.reported_unit}" if task.reported_unit else ""
        text = (
            f"Use {best.name}: with {best.best.size} training structures it predicts {task.name} "
            f"to {mean:.3g} ± {deviation:.1g}{unit} (mean absolute error)."
        )
        rivals = [
            s for s in self.ranking[1:] if s.describe_us < best.describe_us and self._tied(best, s)
        ]
        if rivals:
            cheap = min(rivals, key=lambda s: s.describe_us)
            times = best.describe_us / cheap.describe_us
            text += (
                f" {cheap.name} is as good within the scatter of the repeats and {times:.1f} times "
                "cheaper to compute."
            )
        elif len(self.ranking) > 1 and not self._tied(best, self.ranking[1]):
            second = self.ranking[1]
            text += f" The next, {second.name}, comes to {second.best.mae[0]:.3g}{unit}."
        if not self.complete:
            text += " The comparison was not finished; this is what there is so far."
        return text

    def _tied(self, a: Standing, b: Standing) -> bool:
        """Could the difference of two descriptors be chance? A paired t-test over the repeats."""
        size = min(a.best.size, b.best.size)
        first = {r.repeat: self.errors(r)["mae"] for r in self.of(a.name, size)}
        second = {r.repeat: self.errors(r)["mae"] for r in self.of(b.name, size)}
        both = sorted(set(first) & set(second))
        if not both:
            return False
        difference = np.array([first[repeat] - second[repeat] for repeat in both])
        if abs(difference.mean()) > NOTICED * np.mean([first[repeat] for repeat in both]):
            return False
        if len(both) < 2 or np.ptp(difference) == 0:
            return True
        return bool(stats.ttest_1samp(difference, 0).pvalue > SIGNIFICANCE)

    def worst(self, name: str, n: int = 10) -> list[tuple[int, float, float]]:
        """(target, true value, mean prediction) of the worst predicted targets of a descriptor."""
        largest = max((result.size for result in self.of(name)), default=0)
        found: dict[int, list[float]] = {}
        for result in self.of(name, largest):
            for index, value in zip(result.test, self.predicted(result), strict=True):
                found.setdefault(index, []).append(value)
        index = np.array(list(found))
        truth = self.reported(self.plan.task.values[index], index)
        rows = [
            (int(i), float(value), float(np.mean(found[i])))
            for i, value in zip(index, truth, strict=True)
        ]
        return sorted(rows, key=lambda row: -abs(row[1] - row[2]))[:n]

    def pooled(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(targets, true values, predictions, standard deviations) of all splits at the largest
        training size; targets are indices."""
        largest = max(result.size for result in self.of(name))
        columns = (
            (r.test, self.truth(r), self.predicted(r), self.reported(np.array(r.std), r.test))
            for r in self.of(name, largest)
        )
        return tuple(np.concatenate(column) for column in zip(*columns, strict=True))

    def uncertainty(self, name: str) -> dict[str, float]:
        """How well predicted standard deviations tell the errors, at the largest size.

        The numbers of :func:`metrics.uncertainty`, and of conformal intervals of 90 %, made with
        every other target (in all splits) and tried on the rest: their mean half width and their
        coverage, NaN where there are too few targets.
        """
        index, *columns = self.pooled(name)
        found = metrics.uncertainty(*columns)
        found["conformal_width"] = found["conformal_coverage"] = np.nan
        made = np.isin(index, np.unique(index)[::2])
        if not made.all():
            truth, predicted, std = (column[~made] for column in columns)
            conformal = metrics.Conformal(*(column[made] for column in columns))
            low, high = conformal.interval(predicted, std, level=0.9)
            if np.isfinite(low).all():
                found["conformal_width"] = float(np.mean(high - low) / 2)
                found["conformal_coverage"] = metrics.coverage(truth, low, high)
        return found

    # -- what was done --------------------------------------------------------------------------

    def failures(self) -> dict[str, str]:
        """Jobs that gave no numbers, with the reason."""
        return {
            f"{r.entrant}, split {r.repeat}, {r.size} structures": r.failed
            for r in self.results
            if r.failed is not None
        }

    def leaks(self) -> list[list[int]]:
        """Equal structures that are in a training set and in its test set."""
        task = self.plan.task
        found = {tuple(g) for split in self.plan.splits for g in split.leaks(task.duplicates)}
        return [[int(task.index[s]) for s in group] for group in sorted(found)]

    def about(self) -> dict[str, Any]:
        """Data, settings and versions."""
        import platform

        import vicinal

        plan, leaks = self.plan, self.leaks()
        steps = [result.settings["steps"] for result in self.results if result.failed is None]
        made = f"{min(steps)} to {max(steps)} of " if steps else ""
        return {
            "data": plan.task.source,
            "target": plan.task.name + (f" ({plan.task.unit})" if plan.task.unit else ""),
            "reported per": plan.task.per,
            "splits": len(plan.splits),
            "jobs finished": f"{len(self.results)} of {len(list(plan.jobs()))}",
            "steps of tuning": f"{made}{plan.trials}, on {plan.limit} structures at most",
            "test structures left out, as training lacks an element": self._not_judged(),
            "equal structures in training and test": ", ".join(map(str, leaks)) or "none",
            "seed": plan.seed,
            "seconds of computing": round(sum(result.seconds for result in self.results), 1),
            "vicinal": vicinal.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
        }

    def _not_judged(self) -> str:
        plan = self.plan
        counts = {
            len(split.test) - len(judged(plan.task, train, split.test))
            for split in plan.splits
            for train in split.train.values()
        }
        return f"{min(counts)} to {max(counts)}" if max(counts) else "none"

    def again(self) -> list[str]:
        """How to run it again: a command, where it can say everything, and a line of Python."""
        return again(self.plan)

    # -- out ------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries, numbers and text."""
        task = self.plan.task
        document = {
            "target": task.name,
            "unit": task.reported_unit,
            "structures": len(task.frames),
            "recommendation": self.recommendation,
            "complete": self.complete,
            "ranking": [asdict(standing) for standing in self.ranking],
            "skipped": self.skipped,
            "failures": self.failures(),
            "about": self.about(),
            "uncertainty": {s.name: self.uncertainty(s.name) for s in self.ranking},
            "results": [vars(result) for result in self.results],
        }
        return plain(document)

    def save(self, folder: str | os.PathLike, criteria=None) -> list[str]:
        """Write ``report.html``, ``results.json``, ``results.csv`` and ``plots/*.svg``; returns
        their names. ``criteria`` is a :class:`vicinal.criteria.Summary` to show with them."""
        from vicinal.compare.report import save

        return save(self, folder, criteria)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), allow_nan=False, indent=1)

    def to_csv(self) -> str:
        """One line for each descriptor, repeat and training size."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        heads = (
            "descriptor repeat size mae rmse max_error r2 n_features describe_us kernel_us".split()
        )
        writer.writerow(heads)
        for r in self.results:
            if r.failed is None:
                e = self.errors(r)
                values = e["mae"], e["rmse"], e["max_error"], e["r2"]
                costs = r.n_features, r.describe_us, r.kernel_us
                writer.writerow([r.entrant, r.repeat, r.size, *values, *costs])
        return text.getvalue()
