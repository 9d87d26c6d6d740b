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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import vicinal
from vicinal.compare.data import Task
from vicinal.compare.entrants import Entrant
from vicinal.compare.similarity import (
    baseline,
    describe,
    judged,
    residuals,
    self_similarity,
    similarity,
)
from vicinal.compare.splits import Split
from vicinal.compare.tuning import Settings, load_optuna, open_storage, open_study, tune
from vicinal.errors import FileError, ParameterError, VicinalError
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
        kind = self.task.kind, self.task.extensive
        for split in self.splits:
            digest.update(split.test.tobytes())
            for size in sorted(split.train):
                digest.update(split.train[size].tobytes())
        entrants = [(entrant.name, entrant.signature()) for entrant in self.entrants]
        rest = [kind, entrants, self.trials, self.limit, self.seed, vicinal.__version__]
        digest.update(json.dumps(rest).encode())
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
    FileError
        The file cannot be read or written.
    VicinalError
        A process was ended from outside.
    """
    storage = Path(storage)
    jobs = list(plan.jobs())
    report = progress or (lambda *_: None)
    with _readable(storage):
        _claim(plan, storage)
        done = _stored(storage)
        waiting = [job for job in jobs if job.name not in done]
        end = time.perf_counter() + budget
        try:
            report(len(jobs) - len(waiting), len(jobs), "")
            with closing(_work(plan, waiting, storage, n_jobs, end)) as work:
                for result, job in work:
                    done[job.name] = result
                    report(len(done), len(jobs), job.name)
        except KeyboardInterrupt:
            pass  # what is finished counts
        except BrokenProcessPool:
            raise VicinalError(
                f"a process ended all of a sudden, perhaps for lack of memory: {len(done)} of "
                f"{len(jobs)} results are kept in {storage}; the same again, with fewer processes, "
                "goes on from there (a script of your own starts processes only below "
                "if __name__ == '__main__')"
            ) from None
    return [done[job.name] for job in jobs if job.name in done]


def _work(plan: Plan, waiting: Sequence[Job], storage: Path, n_jobs: int, end: float):
    """Results as they come. Each job gets its share of the time that is left."""

    def share(unfinished: int) -> float:
        return max(0.0, end - time.perf_counter()) * min(1.0, n_jobs / unfinished)

    if n_jobs == 1:
        for k, job in enumerate(waiting):
            yield _run_job(plan, job, storage, share(len(waiting) - k)), job
        return
    # Spawned, not forked: the threads of a BLAS do not survive a fork.
    pool = ProcessPoolExecutor(n_jobs, get_context("spawn"), _begin_worker, (plan,))
    running: dict[Future, Job] = {}
    left = deque(waiting)
    try:
        while left or running:
            while left and len(running) < n_jobs:
                seconds = share(len(left) + len(running))
                job = left.popleft()
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

    study = open_study(storage, job.name)
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
                seed=plan.seed + job.repeat,
                study=study,
            )
            result = evaluate(plan.task, job, settings, train, plan.splits[job.repeat].test)
        except (VicinalError, MemoryError, np.linalg.LinAlgError) as error:
            why = str(error) or type(error).__name__
            result = Result(job.entrant.name, job.repeat, job.size, failed=why)
    result.seconds = time.perf_counter() - start
    study.set_user_attr("result", vars(result))
    return result


def evaluate(
    task: Task, job: Job, settings: Settings, train: np.ndarray, test: np.ndarray
) -> Result:
    """Fit on the training structures, predict the test structures, and time both."""
    test = judged(task, train, test)
    if len(test) == 0:
        raise VicinalError("each test structure holds an element that no training structure has")
    descriptor = job.entrant.make(**settings.choices)
    descriptor.fit(task.frames)  # species and sizes: the same rows for training and test
    learned = describe(descriptor, task, train)
    asked = describe(descriptor, task, test)
    start = time.perf_counter()
    across = similarity(asked, learned, job.entrant.kernel, settings.length_scale)
    kernel_us = 1e6 * (time.perf_counter() - start) / across.size
    K = similarity(learned, None, job.entrant.kernel, settings.length_scale)
    y = residuals(task, train, train)
    model = _fitted(K, y, settings.noise * np.mean(np.diag(K)))
    diagonal = self_similarity(asked, job.entrant.kernel, settings.length_scale)
    predicted, std = model.predict(across, diagonal)
    std = model.scale * np.sqrt(std**2 + model.noise)  # of a new measurement, noise included
    smallest = np.finfo(float).eps * np.abs(task.values[task.rows(train)]).max()
    n_atoms = sum(len(task.frames[s]) for s in (*train, *test))
    return Result(
        job.entrant.name,
        job.repeat,
        job.size,
        settings.to_dict(),
        task.rows(test).tolist(),
        (predicted + baseline(task, train, test)).tolist(),
        np.maximum(std, smallest).tolist(),  # nothing is known better than to rounding errors
        learned.features.shape[1],
        1e6 * (learned.seconds + asked.seconds) / n_atoms,
        kernel_us,
    )


def _fitted(K: np.ndarray, y: np.ndarray, noise: float) -> KernelRidge:
    """The regression; with more noise where the rounding errors of a large kernel outweigh it."""
    while True:
        try:
            return KernelRidge(noise=noise).fit(K, y)
        except ParameterError:
            if noise >= np.trace(K):
                raise
            noise *= 4


# -- the file -----------------------------------------------------------------------------------


@contextmanager
def _readable(storage: Path):
    """What Optuna and SQLAlchemy say about a file, as an error of ours."""
    OptunaError = load_optuna().exceptions.OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OptunaError, SQLAlchemyError) as error:
        # What the database says (it is no database, the disk is full); the rest quotes SQL.
        said = (getattr(one, "orig", None) for one in (error, error.__cause__))
        cause = next(filter(None, said), error)
        raise FileError(f"{storage}: cannot be read or written ({cause})") from None


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
    studies = open_storage(storage).get_all_studies()
    return {
        study.study_name: Result(**study.user_attrs["result"])
        for study in studies
        if "result" in study.user_attrs
    }
