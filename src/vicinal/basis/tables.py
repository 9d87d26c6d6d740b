"""Radial functions and their tables, which depend on neither species nor structures: made once for
all descriptors that share their parameters (clones in a grid search, float32 beside float64)."""

from __future__ import annotations

import json
from functools import lru_cache

from vicinal.basis.radial import RadialFunctions
from vicinal.basis.spline import Table, tabulate
from vicinal.descriptors.parameters import plain


def radial_functions(**parameters) -> RadialFunctions:
    """``RadialFunctions(**parameters)``."""
    return _functions(_key(parameters))


def radial_table(accuracy: float, **parameters) -> Table:
    """The table of ``RadialFunctions(**parameters)``."""
    return _table(_key(parameters), accuracy)


def _key(parameters: dict) -> str:
    return json.dumps({name: plain(value) for name, value in parameters.items()}, default=repr)


@lru_cache(maxsize=32)
def _functions(key: str) -> RadialFunctions:
    return RadialFunctions(**json.loads(key))


@lru_cache(maxsize=8)
def _table(key: str, accuracy: float) -> Table:
    radial = _functions(key)
    return tabulate(radial.evaluate, radial.end, radial.breakpoints, accuracy)
