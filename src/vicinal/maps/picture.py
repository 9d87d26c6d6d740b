"""A map as a picture."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from vicinal.maps.properties import Property
from vicinal.pages.figures import PALETTE, style
from vicinal.pages.parts import printable

if TYPE_CHECKING:
    from vicinal.maps import Map

#: Inches, and dots in each.
SIZE = (6.4, 4.8)
DPI = 150

MISSING = "#bbbbbb"


def draw(map: Map) -> bytes:
    """A PNG of the first two coordinates, coloured by ``map.color``."""
    file = io.BytesIO()
    with style():
        canvas = Canvas(figsize=SIZE, layout="constrained")
        axes = canvas.add_subplot()
        _points(axes, map)
        _words(axes, map)
        canvas.savefig(file, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def _points(axes: Axes, map: Map) -> None:
    color = _as_shown(map.properties[map.color])
    n = len(map.coordinates)
    # In mixed order, so that the last structures of a file do not hide the first.
    order = np.random.default_rng(0).permutation(n)
    x, y = map.coordinates[order, :2].T
    values, missing = color.values[order], color.missing[order]
    look = {
        "s": np.clip(9000 / n, 5, 40),
        "alpha": 0.9 if n < 1000 else 0.7,
        "linewidths": 0,
    }
    if missing.any():
        axes.scatter(x[missing], y[missing], color=MISSING, label="missing", **look)
    x, y, values = x[~missing], y[~missing], values[~missing]
    if color.is_text:
        _groups(axes, x, y, values, look)
    else:
        low, high, extend = _range(values)
        shown = axes.scatter(x, y, c=values, cmap="viridis", vmin=low, vmax=high, **look)
        shown.set_rasterized(True)
        bar = axes.figure.colorbar(shown, ax=axes, extend=extend, label=_label(map.color, color))
        bar.outline.set_visible(False)
        bar.solids.set_alpha(1)
    if color.is_text:
        _legend(axes, title=printable(map.color), loc="upper left", bbox_to_anchor=(1, 1))
    elif missing.any():
        _legend(axes, loc="best")


def _as_shown(one: Property) -> Property:
    """Few whole numbers, such as those of space groups, are labels: a colour each."""
    known = one.values[~one.missing]
    if one.kind != "label" or len(np.unique(known)) > len(PALETTE):
        return one
    texts = np.array(["" if np.isnan(value) else f"{value:.0f}" for value in one.values])
    return replace(one, values=texts)


def _groups(axes: Axes, x, y, values: np.ndarray, look) -> None:
    """The most frequent texts in a colour each, the others in grey."""
    names, counts = np.unique(values, return_counts=True)
    names = names[np.argsort(-counts, kind="stable")]
    shown = names if len(names) <= len(PALETTE) else names[: len(PALETTE) - 1]
    rest = ~np.isin(values, shown)
    if rest.any():
        label = f"{len(names) - len(shown)} others"
        axes.scatter(x[rest], y[rest], color=MISSING, label=label, **look)
    colours = np.empty(len(values), dtype="U7")
    for name, colour in zip(shown, PALETTE, strict=False):
        colours[values == name] = colour
        axes.scatter([], [], color=colour, label=_short(name), **look)  # for the legend
    axes.scatter(x[~rest], y[~rest], c=colours[~rest], **look)


def _range(values: np.ndarray) -> tuple[float, float, str]:
    """Ends of the scale of colours: all values, unless a few are so far out that the others would
    look the same."""
    low, high = np.min(values, initial=np.inf), np.max(values, initial=-np.inf)
    if len(values) == 0 or low == high:
        return low, high, "neither"
    first, last = np.percentile(values, [1, 99])
    if last - first >= 0.4 * (high - low) or last == first:
        return low, high, "neither"
    return (
        first,
        last,
        {(True, True): "both", (True, False): "min"}.get((low < first, high > last), "max"),
    )


def _legend(axes: Axes, **place) -> None:
    box = axes.legend(**place)
    for handle in box.legend_handles:
        handle.set_sizes([30])
        handle.set_alpha(1)


def _words(axes: Axes, map: Map) -> None:
    labels = map.axes
    if map.explained is not None:
        labels = [
            f"{name}: {share:.1%} of the variance"
            for name, share in zip(labels, map.explained, strict=True)
        ]
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    if map.explained is None:  # the coordinates of UMAP have no meaning of their own
        axes.tick_params(length=0, labelbottom=False, labelleft=False)
    title = f"{type(map.descriptor).__name__} · {map.axes[0][:-3]}"
    if map.explained is not None:
        title += f" · {map.explained[:2].sum():.1%} of the variance"
    n, of = len(map.coordinates), os.path.basename(map.source)
    points = f"{n:,} {map.per}s" + (f" of {of}" if map.source else "")
    axes.set_title(f"{title}\n{_short(points, 65)}", fontsize=11, loc="left")


def _label(name: str, color: Property) -> str:
    text = f"{color.description} {name}" if "mean" in color.description else name
    return _short(f"{text} ({color.unit})" if color.unit else text, 60)


def _short(text: str, n: int = 24) -> str:
    text = printable(text)
    return text if len(text) <= n else text[: n - 1] + "…"
