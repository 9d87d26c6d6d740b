"""Hyper-parameters from the training structures alone.

Kernel ridge regression between structures. The choices of the descriptor are searched with
tree-structured Parzen estimators (Optuna). At each of their steps length scale and noise are tried
on their whole base-2 grids: the products of rows serve all length scales, and one decomposition of
the kernel gives the leave-one-out errors of all noises. Both are then refined locally. (M. F.
Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8, 41 (2022), where length scale and noise are
drawn with the rest.)
"""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from vicinal.compare.data import Task
from vicinal.compare.entrants import Entrant
from vicinal.compare.similarity import describe, residuals, similarities, spread
from vicinal.compare.splits import draw, stratified_order
from vicinal.errors import MissingExtraError, VicinalError
from vicinal.models.kernel_ridge import loo_for_noises

#: Length scales, as powers of two of the typical distance between rows.
LENGTH_SCALES = tuple(range(-4, 8))
#: Noise variances, as powers of two of the mean similarity of a structure with itself.
NOISES = 2.0 ** np.arange(-44, 1)
#: Steps of the local refinement of the length scale.
REFINEMENT = 8
#: Atoms with a target that are tuned on at most: a step costs the cube of their number.
ATOMS = 1_000


@dataclass(frozen=True)
class Settings:
    """What tuning has found.

    Attributes
    ----------
    choices : dict, of the descriptor
    length_scale : float, in units of the features
    noise : float, variance relative to the mean of the kernel's diagonal
    error : float, leave-one-out RMSE on the structures tuned on, in units of the target
    steps : int, made by the search
    """

    choices: dict[str, Any]
    length_scale: float
    noise: float
    error: float
    steps: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def tune(
    entrant: Entrant,
    task: Task,
    train: np.ndarray,
    *,
    trials: int,
    seconds: float = math.inf,
    limit: int = 400,
    seed: int = 0,
    study=None,
) -> Settings:
    """Tune an entrant on training structures.

    Parameters
    ----------
    entrant, task : what is tuned for what
    train : indices of the structures that may be seen
    trials : steps of the search; those that ``study`` holds already count
    seconds : no step is begun after this time (one is always made)
    limit : structures tuned on at most: see :func:`sample`
    seed : of the search
    study : optuna.Study, optional; in memory by default

    Raises
    ------
    VicinalError
        Every step failed; the message is that of the last.
    """
    optuna = load_optuna()
    part = sample(task, train, limit, seed)
    if study is None:
        study = open_study()
    end = time.perf_counter() + seconds
    y = residuals(task, part, part)
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):  # interrupted
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    finished, problems = _history(study)
    for step in range(len(finished) + len(problems), trials):
        if finished and time.perf_counter() > end:
            break
        # One for each step: a search that was interrupted goes on as if it had not been.
        study.sampler = _sampler(seed, step)
        if step == 0 and not study.get_trials(states=[optuna.trial.TrialState.WAITING]):
            study.enqueue_trial(_usual(entrant))  # if there is no time for more, this makes sense
        trial = study.ask()
        choices = _suggest(trial, entrant)
        try:
            described = describe(entrant.make(**choices), task, part)
            unit, kernels = (
                spread(described, entrant.kernel),
                similarities(described, entrant.kernel),
            )
            scales = [unit * 2.0**exponent for exponent in LENGTH_SCALES]
            errors = [_best_noise(kernels(scale), y, NOISES)[1] for scale in scales]
            error, scale = min(zip(errors, scales, strict=True))
        except VicinalError as problem:
            trial.set_user_attr("problem", str(problem))
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            trial.set_user_attr("scale", scale)
            study.tell(trial, error)
        finished, problems = _history(study)
    if not finished:
        raise VicinalError(problems[-1])
    best = min(finished, key=lambda trial: trial.value)
    choices = {name: values[best.params[name]] for name, values in entrant.space.items()}
    described = describe(entrant.make(**choices), task, part)
    steps = REFINEMENT if time.perf_counter() < end else 0
    kernels = similarities(described, entrant.kernel)
    scale, noise, error = _refine(kernels, y, best.user_attrs["scale"], steps)
    return Settings(choices, scale, noise, error, len(finished) + len(problems))


def sample(task: Task, train: np.ndarray, limit: int, seed: int = 0) -> np.ndarray:
    """Training structures to tune on: ``limit`` of them at most, with the distribution of all, and
    where atoms have the target no more than hold :data:`ATOMS`, as the kernel is between atoms."""
    if task.kind != "structure":
        limit = min(limit, max(2, int(ATOMS / np.mean(task.n_atoms[train]))))
    if len(train) <= limit:
        return train
    rng = np.random.default_rng(seed)
    return np.sort(draw(train[stratified_order(task.counts[train], rng)], limit, rng))


def _history(study) -> tuple[list, list[str]]:
    """Steps with a result, and what went wrong in the others; interrupted ones do not count."""
    trials = study.get_trials(deepcopy=False)
    problems = [trial.user_attrs["problem"] for trial in trials if "problem" in trial.user_attrs]
    return [trial for trial in trials if trial.value is not None], problems


def _sampler(seed: int, step: int):
    optuna = load_optuna()
    (own,) = np.random.SeedSequence((seed, step)).generate_state(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=int(own), multivariate=True, n_startup_trials=8)


def open_study(storage=None, name: str | None = None):
    """A study of Optuna in an :func:`open_storage`, made where there is none, or in memory."""
    optuna = load_optuna()
    return optuna.create_study(
        storage=None if storage is None else open_storage(storage),
        study_name=name,
        load_if_exists=True,
    )


def open_storage(path: str | os.PathLike):
    """Optuna's storage in an SQLite file; other processes that write are waited for."""
    optuna = load_optuna()
    url = f"sqlite:///{os.path.abspath(path)}"
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _usual(entrant: Entrant) -> dict[str, int]:
    """Places of the usual choices in the grids."""
    usual = entrant.usual()
    return {name: values.index(usual[name]) for name, values in entrant.space.items()}


def _suggest(trial, entrant: Entrant) -> dict[str, Any]:
    """A candidate of each choice; grids are given by their index, so that order counts."""
    return {
        name: values[trial.suggest_int(name, 0, len(values) - 1)]
        for name, values in entrant.space.items()
    }


def _best_noise(K: np.ndarray, y: np.ndarray, noises: np.ndarray) -> tuple[float, float]:
    """(noise, leave-one-out RMSE) of the best of some noises."""
    left_out = loo_for_noises(K, y, noises * np.mean(np.diag(K)))
    errors = np.sqrt(np.mean(np.square(left_out), axis=1))
    errors[~np.isfinite(errors)] = np.inf
    best = int(np.argmin(errors))
    return float(noises[best]), float(errors[best])


def _refine(kernels: Callable[[float], np.ndarray], y: np.ndarray, scale: float, steps: int):
    """Length scale and noise between the points of their grids."""
    fine = np.exp2(np.arange(-44, 0.1, 0.5))
    seen: dict[float, tuple[float, float]] = {}

    def error(log_scale: float) -> float:
        seen[log_scale] = _best_noise(kernels(2.0**log_scale), y, fine)
        return seen[log_scale][1]

    center = math.log2(scale)
    error(center)
    if steps:
        minimize_scalar(
            error,
            bounds=(center - 1, center + 1),
            method="bounded",
            options={"maxiter": steps, "xatol": 0.05},
        )
    best = min(seen, key=lambda log_scale: seen[log_scale][1])
    return 2.0**best, *seen[best]


def load_optuna():
    try:
        import optuna
    except ImportError:
        raise MissingExtraError('tuning needs Optuna: pip install "vicinal[compare]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
