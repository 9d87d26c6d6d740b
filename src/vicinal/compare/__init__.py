"""Which descriptor for my data? The same splits, tuning and test for all, and a plain answer.

::

    outcome = vc.compare.compare("frames.extxyz", "energy")
    print(outcome.recommendation)
    outcome.save("report/")

The protocol is that of M. F. Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8, 41 (2022): kernel
ridge regression with a Gaussian kernel, summed over pairs of like atoms for extensive targets;
hyper-parameters from the training structures alone; repeated outer splits with nested training
sets.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from ase import Atoms

from vicinal import _engine
from vicinal.compare.data import Task
from vicinal.compare.entrants import Entrant, entrant
from vicinal.compare.outcome import Outcome
from vicinal.compare.protocol import Plan, Result, run
from vicinal.compare.splits import (
    Split,
    SplitError,
    inner_splits,
    leave_one_group_out,
    outer_splits,
)
from vicinal.compare.targets import TargetError
from vicinal.descriptors.base import Descriptor
from vicinal.errors import FileError, ParameterError, VicinalError

__all__ = [
    "DESCRIPTORS",
    "Entrant",
    "Outcome",
    "Plan",
    "Result",
    "Split",
    "SplitError",
    "TargetError",
    "Task",
    "compare",
    "entrant",
    "inner_splits",
    "leave_one_group_out",
    "outer_splits",
]

#: Who takes part where nobody is named: one of each kind. Those that cannot treat the data are
#: left out, with the reason.
DESCRIPTORS = (
    "soap",
    "acsf",
    "fchl19",
    "so3_bispectrum",
    "mbtr",
    "slatm",
    "coulomb_matrix",
    "sine_matrix",
    "bag_of_bonds",
)


def compare(
    frames: Task | str | os.PathLike | Sequence[Atoms],
    target: str | None = None,
    *,
    descriptors: Sequence[str | Mapping | Descriptor] | None = None,
    sizes: Sequence[int] | None = None,
    n_test: int | None = None,
    repeats: int = 10,
    trials: int = 30,
    limit: int = 400,
    budget: float | None = None,
    folder: str | os.PathLike | None = None,
    n_jobs: int | None = 1,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
    **options,
) -> Outcome:
    """Compare descriptors on structures with a target.

    Parameters
    ----------
    frames : structures, file, ``dataset:NAME``, or Task
    target : str, optional
        Name in ``info``, ``arrays`` or calculator results; guessed where there is only one.
    descriptors : optional
        Names (tuned in their whole search space), mappings with ``name`` and fixed parameters, or
        descriptors as they are; :data:`DESCRIPTORS` by default.
    sizes : numbers of training structures; by default about 2.5-fold steps up to what is there
    n_test : structures for testing; a fifth by default, 1,000 at most
    repeats : outer splits
    trials : steps of tuning, for each descriptor, repeat and size
    limit : structures that tuning sees at most
    budget : seconds; tuning makes fewer steps where they get short
    folder : where intermediate results are kept, so that an interrupted comparison goes on;
        nowhere by default
    n_jobs : processes, None for one for each core; a script then needs ``if __name__ ==
        "__main__":``, as everywhere where processes are started
    seed : of splits and tuning
    progress : function (jobs done, jobs in all, name of the last)
    **options : of :meth:`Task.read`: ``per``, ``unit``, ``extensive``, ``missing``, ``index``

    Returns
    -------
    Outcome
        Ranking, learning curves, costs, uncertainties, a recommendation.

    Raises
    ------
    VicinalError
        The target, the splits or the descriptors make no sense; no descriptor gave a result; the
        folder cannot be written to, or holds a comparison of other data or settings.
    """
    task = frames if isinstance(frames, Task) else _task(frames, target, options)
    if task.kind == "forces":
        raise ParameterError("forces cannot be compared: choose an energy, or vicinal fit --forces")
    for name, value in (("trials", trials), ("limit", limit)):
        if not isinstance(value, int) or value < 1:
            raise ParameterError(f"{name} must be a positive integer, not {value!r}")
    if budget is not None and not budget > 0:
        raise ParameterError(f"budget must be positive, not {budget!r}")
    n_jobs = _engine.threads(n_jobs)
    chosen = [entrant(one) for one in (DESCRIPTORS if descriptors is None else descriptors)]
    names = [one.name for one in chosen]
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"descriptors must be given, each once, not: {', '.join(names)}")
    skipped = {one.name: one.refusal(task) for one in chosen}
    skipped = {name: reason for name, reason in skipped.items() if reason is not None}
    able = tuple(one for one in chosen if one.name not in skipped)
    if not able:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise ParameterError(f"no descriptor can treat the data ({reasons})")
    splits = outer_splits(task, sizes=sizes, test_size=n_test, repeats=repeats, seed=seed)
    plan = Plan(task, able, tuple(splits), trials, limit, seed)
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as where:
        results = run(
            plan,
            _made(Path(where)) / "comparison.sqlite",
            n_jobs=n_jobs,
            budget=math.inf if budget is None else budget,
            progress=progress,
        )
    outcome = Outcome(plan, results, skipped)
    if outcome.complete and not outcome.ranking:
        reasons = "; ".join(sorted({f"{r.entrant}: {r.failed}" for r in results}))
        raise VicinalError(f"no descriptor gave a result ({reasons})")
    return outcome


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot be made ({error.strerror})") from None
    return folder


def _task(frames, target, options) -> Task:
    if isinstance(frames, str | os.PathLike):
        return Task.read(frames, target, **options)
    return Task.from_frames(frames, target, **options)
