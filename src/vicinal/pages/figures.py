"""Figures as SVG that stands in a page: no global state, no network, the page's own colours."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from vicinal.pages.parts import Figure, Series, printable

#: Okabe and Ito's colours, told apart by colour-blind people too; those that are seen on white and
#: on black come first.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")

#: Inches: wide enough to stand beside another on a desk, small enough to be read on a phone.
SIZE = (4.8, 3.2)

#: Points of one series from which it becomes an image, so that the page stays small.
MANY_POINTS = 3000

#: Stands for the colour of the page's text, which only the page knows.
INK = "#010203"

STYLE = {
    "font.size": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a user's label is a dollar sign
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "vicinal",
}


@contextmanager
def style() -> Iterator[None]:
    """The look of our figures, whatever that of the user's notebook."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def svg(figure: Figure, prefix: str = "") -> str:
    """A figure as an ``<svg>`` element; empty where there is nothing to show.

    Points that are not finite, or not positive on a logarithmic axis, are left out. ``prefix``
    makes the identifiers of several figures on one page differ. The same figure always gives the
    same text.
    """
    shown = [(series, *_points(figure, series)) for series in figure.series]
    shown = [(series, x, y, error) for series, x, y, error in shown if len(x)]
    if not shown:
        return ""
    file = io.StringIO()
    with style():
        canvas = Canvas(figsize=SIZE, layout="constrained")
        _draw(canvas.add_subplot(), figure, shown)
        canvas.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _embedded(file.getvalue(), figure, prefix)


def _points(figure: Figure, series: Series):
    """(x, y, error or None) of the points that can be shown."""
    x, y = np.asarray(series.x, dtype=float), np.asarray(series.y, dtype=float)
    keep = np.isfinite(x) & np.isfinite(y)
    for values, scale in ((x, figure.xscale), (y, figure.yscale)):
        if scale == "log":
            keep &= values > 0
    error = None if series.error is None else np.asarray(series.error, dtype=float)[keep]
    return x[keep], y[keep], error


def _draw(axes: Axes, figure: Figure, shown) -> None:
    bars = [series for series, *_ in shown if series.kind == "bars"]
    for k, (series, x, y, error) in enumerate(shown):
        look = {"color": PALETTE[k % len(PALETTE)], "label": printable(series.label)}
        if series.kind == "bars":
            width = _width(x, figure.xscale) / len(bars)
            place = x + (bars.index(series) - (len(bars) - 1) / 2) * width
            axes.bar(place, y, width, **look)
        elif series.kind == "points":
            look |= {"alpha": 0.7, "rasterized": len(x) > MANY_POINTS}
            look |= {"markersize": 7} if len(x) <= 3 else {}
            axes.plot(x, y, MARKERS[k % len(MARKERS)], markeredgewidth=0, **look)
        else:
            # A line of few points shows where they are.
            marker = MARKERS[k % len(MARKERS)] if len(x) <= 30 else None
            line = LINES[k // len(PALETTE) % len(LINES)]
            axes.errorbar(x, y, error, fmt=line, marker=marker, capsize=2.5, **look)
    axes.set_xlabel(_wrapped(figure.xlabel, 60))
    axes.set_ylabel(_wrapped(figure.ylabel, 40))
    axes.set_xscale(figure.xscale)
    axes.set_yscale(figure.yscale)
    _ticks(axes.xaxis, figure.xscale, np.concatenate([x for _, x, _, _ in shown]))
    _ticks(axes.yaxis, figure.yscale, np.concatenate([y for _, _, y, _ in shown]))
    if len(shown) > 1:
        longest = max(len(series.label) for series, *_ in shown)
        columns = max(1, min(len(shown), 50 // (longest + 6)))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)


def _width(x: np.ndarray, scale: str) -> np.ndarray | float:
    """Widths of bars that leave a gap between neighbours."""
    places = np.unique(x)
    if scale == "log":
        nearest = np.min(places[1:] / places[:-1], initial=2.0)
        return 0.8 * x * min(nearest - 1, 1)
    return 0.8 * np.min(np.diff(places), initial=np.inf) if len(places) > 1 else 0.8


def _ticks(axis, scale: str, values: np.ndarray) -> None:
    if scale != "log":
        if np.all(values == np.round(values)) and np.ptp(values) < 20:
            axis.set_major_locator(MaxNLocator(integer=True, nbins=10))
        return
    if values.max() < 100 * values.min():
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    else:
        axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    axis.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    """``0.1``, ``1``, ``10``, and further away ``10⁻³``."""
    exponent = round(np.log10(value))
    if -2 <= exponent <= 3:
        return f"{value:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(printable(text), width)


def _embedded(text: str, figure: Figure, prefix: str) -> str:
    """The element alone, with its own identifiers, a name, and the page's colour of text."""
    text = text[text.index("<svg") :].strip()
    # Its style sheet would be that of the whole page.
    text = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", text)
    for pattern in (r'( id=")', r'(href="#)', r"(url\(#)"):
        text = re.sub(pattern, rf"\g<1>{prefix}", text)
    text = text.replace(INK, "currentColor")
    size = re.search(r'viewBox="[^"]+"', text)[0]
    name = escape(printable(figure.title))
    head = f'<svg {size} role="img" aria-label="{name}" xmlns="http://www.w3.org/2000/svg"'
    head += ' stroke-linejoin="round"'
    if "xlink:" in text:
        head += ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    return re.sub(r"<svg[^>]*>", lambda _: f"{head}>", text, count=1)
