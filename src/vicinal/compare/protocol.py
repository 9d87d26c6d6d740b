"""The comparison: every descriptor, on the same splits, tuned alike, judged on structures it never
saw.

One *job* is a descriptor, a repeat and a training size: tuning on the training structures, a fit,
and predictions for the test structures. Jobs run in parallel processes. What they find goes into
one SQLite file, Optuna's own storage, so that a comparison that was interrupted goes on where it
stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from vicinal.compare.data import Task
from vicinal.compare.entrants import Entrant
from vicinal.compare.similarity import (
    baseline,
    describe,
    residuals,
    self_similarity,
    similarity,
)
from vicinal.compare.splits import Split
from vicinal.compare.tuning import Settings, open_study, tune
from vicinal.errors import ParameterError, VicinalError
from vicinal.models.kernel_ridge import KernelRidge

#: Name of the study that says what a file of results is of.
PLAN = "plan"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a comparison.

    Attributes
    ----------
    task : Task
    entrants : descriptors that take part
    splits : one for each repeat, the same for all entrants
    trials : steps of tuning for each job
    limit : structures that tuning sees at most
    seed : int
    """

    task: Task
    entrants: tuple[Entrant, ...]
    splits: tuple[Split, ...]
    trials: int = 30
    limit: int = 400
    seed: int = 0

    def jobs(self) -> Iterator[Job]:
        """All jobs: small ones and all descriptors first, so that little time tells something
        about everybody."""
        for repeat, split in enumerate(self.splits):
            for size in sorted(split.train):
                for entrant in self.entrants:
                    yield Job(entrant, repeat, size)

    def fingerprint(self) -> str:
        """Equal for plans that give the same numbers."""
        digest = hashlib.sha256()
        for frame in self.task.frames:
            for array in (frame.numbers, frame.positions, frame.cell.array, frame.pbc):
                digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(np.ascontiguousarray(self.task.values).tobytes())
        for split in self.splits:
            digest.update(split.test.tobytes())
            for size in sorted(split.train):
                digest.update(split.train[size].tobytes())
        names = [entrant.name for entrant in self.entrants]
        digest.update(json.dumps([names, self.trials, self.limit, self.seed]).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Job:
    entrant: Entrant
    repeat: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.entrant.name} | repeat {self.repeat} | {self.size} structures"


@dataclass
class Result:
    """What a job found.

    Attributes
    ----------
    entrant, repeat, size : the job
    settings : what tuning chose
    test : indices of the targets predicted (of atoms, where these have the targets)
    predicted, std : of each of them, in units of the target
    n_features : int
    describe_us : µs to describe an atom, one thread
    kernel_us : µs for one entry of the kernel matrix
    seconds : of the whole job
    failed : why there are no numbers, or None
    """

    entrant: str
    repeat: int
    size: int
    settings: dict[str, Any] = field(default_factory=dict)
    test: list[int] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)
    n_features: int = 0
    describe_us: float = math.nan
    kernel_us: float = math.nan
    seconds: float = 0.0
    failed: str | None = None


def run(
    plan: Plan,
    storage: str | os.PathLike,
    *,
    n_jobs: int = 1,
    budget: float = math.inf,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Result]:
    """Run all jobs of a plan that the file does not hold yet.

    Parameters
    ----------
    plan : Plan
    storage : path of an SQLite file; made where there is none
    n_jobs : processes
    budget : seconds; tuning makes fewer steps where it gets short (one at least)
    progress : function (jobs done, jobs in all, name of the last)

    Returns
    -------
    list of Result
        Those finished, also when the run is interrupted by Ctrl-C (a second one ends it at once).

    Raises
    ------
    ParameterError
        The file is of another plan.
    """
    storage = Path(storage)
    jobs = list(plan.jobs())
    _claim(plan, storage)
    done = {key: result for key, result in _stored(storage).items()}
    waiting = [job for job in jobs if job.name not in done]
    end = time.perf_counter() + budget
    report = progress or (lambda *_: None)
    report(len(jobs) - len(waiting), len(jobs), "")
    try:
        for result, job in _work(plan, waiting, storage, n_jobs, end):
            done[job.name] = result
            report(len(done), len(jobs), job.name)
    except KeyboardInterrupt:
        pass  # what is finished counts
    return [done[job.name] for job in jobs if job.name in done]


def _work(plan: Plan, waiting: Sequence[Job], storage: Path, n_jobs: int, end: float):
    """Results as they come. Each job gets its share of the time that is left."""

    def share(left: int) -> float:
        return max(0.0, end - time.perf_counter()) * n_jobs / max(left, 1)

    if n_jobs == 1:
        for k, job in enumerate(waiting):
            yield _run_job(plan, job, storage, share(len(waiting) - k)), job
        return
    # Spawned, not forked: the threads of a BLAS do not survive a fork.
    pool = ProcessPoolExecutor(n_jobs, get_context("spawn"), _begin_worker, (plan,))
    running: dict[Future, Job] = {}
    left = list(waiting)
    try:
        while left or running:
            while left and len(running) < n_jobs:
                job = left.pop(0)
                seconds = share(len(left) + 1)
                running[pool.submit(_worker_job, job, storage, seconds)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield future.result(), running.pop(future)
    finally:
        for process in list((pool._processes or {}).values()) if running else ():
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


_plan_of_worker: Plan | None = None


def _begin_worker(plan: Plan) -> None:
    import signal

    global _plan_of_worker
    _plan_of_worker = plan
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means


def _worker_job(job: Job, storage: Path, seconds: float) -> Result:
    return _run_job(_plan_of_worker, job, storage, seconds)


# -- one job ------------------------------------------------------------------------------------


def _run_job(plan: Plan, job: Job, storage: Path, seconds: float) -> Result:
    """One thread: a job is timed, and jobs run beside each other."""
    from threadpoolctl import threadpool_limits

    study = open_study(storage, job.name, seed=plan.seed + job.repeat)
    start = time.perf_counter()
    with threadpool_limits(1):
        try:
            train = plan.splits[job.repeat].train[job.size]
            settings = tune(
                job.entrant,
                plan.task,
                train,
                trials=plan.trials,
                seconds=seconds,
                limit=plan.limit,
                study=study,
            )
            result = evaluate(plan.task, job, settings, train, plan.splits[job.repeat].test)
        except VicinalError as error:
            result = Result(job.entrant.name, job.repeat, job.size, failed=str(error))
    result.seconds = time.perf_counter() - start
    study.set_user_attr("result", vars(result))
    return result


def evaluate(
    task: Task, job: Job, settings: Settings, train: np.ndarray, test: np.ndarray
) -> Result:
    """Fit on the training structures, predict the test structures, and time both."""
    descriptor = job.entrant.make(**settings.choices).set_params(n_threads=1)
    descriptor.fit(task.frames)  # species and sizes: the same rows for training and test
    learned = describe(descriptor, task, train)
    asked = describe(descriptor, task, test)
    start = time.perf_counter()
    across = similarity(asked, learned, job.entrant.kernel, settings.length_scale)
    kernel_us = 1e6 * (time.perf_counter() - start) / across.size
    K = similarity(learned, None, job.entrant.kernel, settings.length_scale)
    model = KernelRidge(noise=settings.noise * np.mean(np.diag(K)))
    model.fit(K, residuals(task, train, train))
    diagonal = self_similarity(asked, job.entrant.kernel, settings.length_scale)
    predicted, std = model.predict(across, diagonal)
    std = model.scale * np.sqrt(std**2 + model.noise)  # of a new measurement, noise included
    n_atoms = sum(len(task.frames[s]) for s in (*train, *test))
    return Result(
        job.entrant.name,
        job.repeat,
        job.size,
        settings.to_dict(),
        task.rows(test).tolist(),
        (predicted + baseline(task, train, test)).tolist(),
        std.tolist(),
        learned.features.shape[1],
        1e6 * (learned.seconds + asked.seconds) / n_atoms,
        kernel_us,
    )


# -- the file -----------------------------------------------------------------------------------


def _claim(plan: Plan, storage: Path) -> None:
    """Note in the file what it is of, or see that it is of this plan."""
    study = open_study(storage, PLAN)
    known = study.user_attrs.get("fingerprint")
    if known is None:
        study.set_user_attr("fingerprint", plan.fingerprint())
    elif known != plan.fingerprint():
        raise ParameterError(
            f"{storage} holds a comparison of other data or settings: choose another folder"
        )


def _stored(storage: Path) -> dict[str, Result]:
    """Finished jobs of a file, by name."""
    from vicinal.compare.tuning import open_storage

    studies = open_storage(storage).get_all_studies()
    return {
        study.study_name: Result(**study.user_attrs["result"])
        for study in studies
        if "result" in study.user_attrs
    }
