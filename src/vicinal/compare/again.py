"""How to run a comparison again."""

from __future__ import annotations

import os
import shlex

import numpy as np

from vicinal.compare.protocol import Plan
from vicinal.compare.targets import known_units


def again(plan: Plan) -> list[str]:
    """How to run it again: a command, where it can say everything, and a line of Python."""
    task = plan.task
    of_file = task.source.startswith("dataset:") or os.path.exists(task.source)
    options = {
        "sizes": plan.splits[0].sizes,
        "n_test": len(plan.splits[0].test),
        "repeats": len(plan.splits),
        "trials": plan.trials,
        "limit": plan.limit,
        "seed": plan.seed,
    }
    if task.per != "structure":
        options["per"] = task.per
    if task.unit != known_units(task.source).get(task.name, ""):
        options["unit"] = task.unit
    if of_file:
        options |= _selection(task.index)
    own = options | ({"extensive": task.extensive} if task.because == "as given" else {})
    given = ", ".join(f"{key}={value!r}" for key, value in own.items())
    source = repr(task.source) if of_file else "frames"
    entrants = ", ".join(entrant.python for entrant in plan.entrants)
    python = f"vc.compare.compare({source}, {task.name!r}, descriptors=[{entrants}], {given})"
    names = [entrant.name for entrant in plan.entrants]
    if not of_file or any(e.python != repr(e.name) for e in plan.entrants):
        return [python]
    words = ["vicinal", "compare", task.source, "--target", task.name]
    words += ["--descriptors", ",".join(names)]
    for key, value in options.items():
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        words += [f"--{key.replace('_', '-')}", text]
    if "extensive" in own:
        words.append("--extensive" if task.extensive else "--intensive")
    return [shlex.join(words), python]


def _selection(index: np.ndarray) -> dict[str, str]:
    """Options that read structures of these numbers from their file."""
    gaps = np.unique(np.diff(index))
    if len(index) > 1 and gaps[0] < 1:
        return {}  # in another order: only who made the task knows how
    text = f"{index[0]}:{index[-1] + 1}"
    if len(gaps) > 1:  # what is between them was left out
        return {"index": text, "missing": "drop"}
    return {"index": text if max(gaps, default=1) == 1 else f"{text}:{gaps[0]}"}
