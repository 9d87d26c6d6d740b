"""Hyper-parameters from the training structures alone.

Kernel ridge regression between structures. The choices of the descriptor and the length scale are
searched with tree-structured Parzen estimators (Optuna) on base-2 grids; the noise, for which the
leave-one-out error has a closed form, is found on its whole grid at each of their steps; length
scale and noise are then refined locally (M. F. Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8,
41 (2022)).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from vicinal.compare.data import Task
from vicinal.compare.entrants import Entrant
from vicinal.compare.similarity import Rows, describe, residuals, similarity, spread
from vicinal.errors import MissingExtraError, VicinalError
from vicinal.models.kernel_ridge import loo_for_noises

#: Length scales, as powers of two of the typical distance between rows.
LENGTH_SCALES = tuple(range(-4, 8))
#: Noise variances, as powers of two of the mean similarity of a structure with itself.
NOISES = 2.0 ** np.arange(-44, 1)
#: Steps of the local refinement of the length scale.
REFINEMENT = 8


@dataclass(frozen=True)
class Settings:
    """What tuning has found.

    Attributes
    ----------
    choices : dict, of the descriptor
    length_scale : float, in units of the features
    noise : float, variance relative to the mean of the kernel's diagonal
    error : float, leave-one-out RMSE on the structures tuned on, in units of the target
    """

    choices: dict[str, Any]
    length_scale: float
    noise: float
    error: float

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
    progress: Callable[[], None] | None = None,
) -> Settings:
    """Tune an entrant on training structures.

    Parameters
    ----------
    entrant, task : what is tuned for what
    train : indices of the structures that may be seen
    trials : steps of the search; those that ``study`` holds already count
    seconds : no step is begun after this time (one is always made)
    limit : structures tuned on, the first of ``train``
    seed : of the search
    study : optuna.Study, optional; in memory by default

    Raises
    ------
    VicinalError
        Every step failed; the message is that of the last.
    """
    optuna = _optuna()
    part = train[:limit]
    if study is None:
        study = open_study(seed=seed)
    end = time.perf_counter() + seconds
    last: VicinalError | None = None
    done = sum(trial.state.is_finished() for trial in study.trials)
    if not study.trials:  # where there is no time for more, this should make sense
        study.enqueue_trial(_usual(entrant))
    for step in range(done, trials):
        if step > done and time.perf_counter() > end:
            break
        trial = study.ask()
        choices = _suggest(trial, entrant)
        exponent = LENGTH_SCALES[trial.suggest_int("length_scale", 0, len(LENGTH_SCALES) - 1)]
        try:
            described = describe(entrant.make(**choices), task, part)
            scale = spread(described, entrant.kernel) * 2.0**exponent
            noise, error = _best_noise(task, part, described, entrant.kernel, scale)
        except VicinalError as problem:
            last = problem
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            trial.set_user_attr("scale", scale)
            study.tell(trial, error)
        if progress is not None:
            progress()
    finished = [trial for trial in study.trials if trial.value is not None]
    if not finished:
        raise last or VicinalError("tuning has made no step")
    best = min(finished, key=lambda trial: trial.value)
    choices = {name: values[best.params[name]] for name, values in entrant.space.items()}
    described = describe(entrant.make(**choices), task, part)
    scale, noise, error = _refine(task, part, described, entrant.kernel, best.user_attrs["scale"])
    return Settings(choices, scale, noise, error)


def open_study(storage=None, name: str | None = None, seed: int = 0):
    """A study of Optuna, in an SQLite file (made where there is none) or in memory."""
    optuna = _optuna()
    return optuna.create_study(
        storage=None if storage is None else open_storage(storage),
        study_name=name,
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=8),
        load_if_exists=True,
    )


def open_storage(path: str | os.PathLike):
    """Optuna's storage in an SQLite file; other processes that write are waited for."""
    optuna = _optuna()
    url = f"sqlite:///{os.path.abspath(path)}"
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _usual(entrant: Entrant) -> dict[str, int]:
    """Places of the class's own defaults in the grids, or else of their middles."""
    defaults = entrant.cls().get_params(deep=False)
    places = {"length_scale": LENGTH_SCALES.index(1)}
    for name, values in entrant.space.items():
        default = defaults.get(name)
        places[name] = values.index(default) if default in values else len(values) // 2
    return places


def _suggest(trial, entrant: Entrant) -> dict[str, Any]:
    """A candidate of each choice; grids are given by their index, so that order counts."""
    return {
        name: values[trial.suggest_int(name, 0, len(values) - 1)]
        for name, values in entrant.space.items()
    }


def _best_noise(task: Task, part, described: Rows, kernel: str, scale: float, noises=NOISES):
    """(noise, leave-one-out RMSE) of the best of some noises."""
    K = similarity(described, None, kernel, scale)
    y = residuals(task, part, part)
    left_out = loo_for_noises(K, y, noises * np.mean(np.diag(K)))
    errors = np.sqrt(np.mean(np.square(left_out), axis=1))
    errors[~np.isfinite(errors)] = np.inf
    best = int(np.argmin(errors))
    return float(noises[best]), float(errors[best])


def _refine(task: Task, part, described: Rows, kernel: str, scale: float):
    """Length scale and noise between the points of their grids."""
    fine = np.exp2(np.arange(-44, 0.1, 0.5))
    seen: dict[float, tuple[float, float]] = {}

    def error(log_scale: float) -> float:
        seen[log_scale] = _best_noise(task, part, described, kernel, 2.0**log_scale, fine)
        return seen[log_scale][1]

    center = math.log2(scale)
    error(center)
    minimize_scalar(
        error,
        bounds=(center - 1, center + 1),
        method="bounded",
        options={"maxiter": REFINEMENT, "xatol": 0.05},
    )
    best = min(seen, key=lambda log_scale: seen[log_scale][1])
    return 2.0**best, *seen[best]


def _optuna():
    try:
        import optuna
    except ImportError:
        raise MissingExtraError('tuning needs Optuna: pip install "vicinal[compare]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
