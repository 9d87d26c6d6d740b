"""Tables and figures as data, and values as people and programs read them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Table:
    """Rows of values under column heads."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    note: str = ""


@dataclass
class Series:
    """One set of points of a figure; ``kind`` is ``line``, ``points`` or ``bars``; ``error`` gives
    half the length of error bars."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = "line"
    error: Sequence[float] | None = None


@dataclass
class Figure:
    """A plot as data: who shows it decides how. ``xscale``, ``yscale``: ``linear`` or ``log``."""

    title: str
    xlabel: str
    ylabel: str
    series: list[Series] = field(default_factory=list)
    xscale: str = "linear"
    yscale: str = "linear"
    note: str = ""


def spell(value: Any) -> str:
    """A number in three digits, or whatever else it is in few characters."""
    if value is None:
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return "-"
        if value == 0 or 1e-3 <= abs(value) < 1e5:
            return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        return f"{value:.1e}"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return str(value)


def plain(value: Any) -> Any:
    """A value as JSON knows it; what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool) or value is None else str(value)


def printable(text: object) -> str:
    """Text of users without control characters, which no terminal, page or picture should get."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def is_number(value) -> bool:
    """Does it belong at the right of its column?"""
    return value is None or isinstance(value, numbers.Real) and not isinstance(value, bool)
