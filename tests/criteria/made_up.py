"""Reports, sections and a criterion that are made up, for the tests of what people see."""

import dataclasses
import sys
import types

import numpy as np
from ase import Atoms

from vicinal import criteria, registry
from vicinal.criteria.results import Report, Section
from vicinal.pages.parts import Figure, Series, Table

EVIL = '<script>alert("1")</script> & [bold]x[/] $a_b$ \x00\x1b[31m | `c`'


def section(key="uniqueness", title="Uniqueness", text="a label"):
    made = Section(key, title, "Do different environments get different numbers?", seconds=1.5)
    made.add("body_order", f"Body order: {text}", 3, "fair", note="Not told apart: " + 20 * "abc ")
    made.add("condition", "Condition", np.float64(1.5e7), "good")
    made.add("closest_pair", "Closest pair", float("nan"), "poor", "Å", text)
    made.add("expansion", "Terms", np.int64(4))
    made.add("words", "In words", "neither contains the other: " + 8 * "both know something ")
    made.add("faithful", "Leads back", True, "good")
    with made.attempt("e4_error", "Error of E4"):
        raise ValueError(text)
    made.add("invisible_modes", "Modes", None, "n/a", note="no cutoff")
    table = Table(f"Pairs {text}", ["pair", "distance"], note=text)
    table.rows = [[text, 0.1 * k] for k in range(30)] + [["none", float("inf")]]
    made.tables.append(table)
    x = np.array([1.0, 10, 100, np.nan])
    made.figures += [
        Figure(f"Time {text}", f"x {text}", f"y {text}",
               [Series(text, x, x**2), Series("b", x, [0, 1, -1, 2], "points")], "log", "log"),
        Figure("Spectrum", "component", "variance",
               [Series("a", [1, 2, 3], [3, 2, 1], "bars"), Series("b", [1, 2], [1, 2], "bars")]),
        Figure("Nothing to see", "x", "y", [Series("a", [1, 2], [np.nan, np.inf])]),
        Figure("Nothing at all", "x", "y"),
    ]  # fmt: skip
    made.structures["pair"] = [Atoms("OH", [[0, 0, 0], [0, 0, 1.0]]), Atoms("O")]
    return made


def report(text="a label", name="soap", parameters=None):
    others = [Section("invariance", "Invariance", "Do they stay the same?")]
    others[0].add("invariance", "Largest change", 1e-15, "good")
    about = {"vicinal": "0", "structures": "built-in", "quick": True, "seed": 3, "seconds": 2.0}
    if parameters is None:
        parameters = registry.make(name).get_params(deep=False) if name in registry.names() else {}
    return Report(name, parameters, [*others, section(text=text)], about)


def measure(subject, setting, section):
    """The made-up criterion: what it says is seen in the report."""
    setting.progress("measuring")
    frames = setting.frames or [Atoms("OH", [[0, 0, 0], [0, 0, 1.0]])]
    with section.attempt("rows", "Rows"):
        section.add("rows", "Rows", sum(map(len, subject.rows(frames))), "good")
    section.add("cutoff", "Cutoff", subject.cutoff)
    section.add("against", "Against", ",".join(one.name for one in setting.against))
    section.add("seed", "Seed", setting.seed)
    section.structures["pair"] = frames[:2]


def use(monkeypatch):
    """Let every criterion be the made-up one."""
    module = types.ModuleType("vicinal.criteria.made_up")
    module.TITLE, module.measure = "made up", measure
    monkeypatch.setitem(sys.modules, module.__name__, module)
    made = [dataclasses.replace(c, modules=("made_up",)) for c in criteria.CRITERIA]
    monkeypatch.setattr(criteria, "CRITERIA", tuple(made))
