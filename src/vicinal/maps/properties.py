"""What is known of the points of a map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from vicinal.compare.targets import TargetError, as_kind, candidates, value_of
from vicinal.pages.parts import printable

#: Lead to colours that mean something, before whole numbers, which often are labels.
_TELLING = ("structure", "atom", "forces")


@dataclass(frozen=True, eq=False)
class Property:
    """One value for each point.

    Attributes
    ----------
    values : (n_points,) array of float (NaN where it is missing) or str ("")
    unit, description : str
    kind : what it is in the source: "structure", "label" (a whole number), "atom", "forces", "text"
        or, where Vicinal made it, "made"
    """

    values: np.ndarray
    unit: str = ""
    description: str = ""
    kind: str = "made"

    @property
    def is_text(self) -> bool:
        return self.values.dtype.kind == "U"

    @property
    def missing(self) -> np.ndarray:
        """(n_points,) bool array."""
        return self.values == "" if self.is_text else np.isnan(self.values)


def collect(
    frames: Sequence[Atoms], samples: np.ndarray, units: Mapping[str, str]
) -> dict[str, Property]:
    """All properties of the points ``samples`` of some structures, by name."""
    made = {
        "composition": ([f.get_chemical_formula("hill") for f in frames], "chemical formula"),
        "n_atoms": ([float(len(f)) for f in frames], "number of atoms"),
    }
    found = {
        name: Property(np.array(values)[samples["structure"]], description=what)
        for name, (values, what) in made.items()
    }
    if "number" in samples.dtype.names:
        symbols = np.array(chemical_symbols)[samples["number"]]
        found["element"] = Property(symbols, description="element of the atom")
    for name in _texts(frames):
        values = np.array([_text(atoms.info.get(name)) for atoms in frames])
        found[name] = Property(values[samples["structure"]], kind="text")
    for name, (kind, _) in candidates(frames).items():
        values, what = _numbers(frames, samples, name, kind)
        values[~np.isfinite(values)] = np.nan
        found[name] = Property(values, units.get(name, ""), what, kind)
    return found


def default_color(properties: Mapping[str, Property], targets: Iterable[str], per: str) -> str:
    """The element of atoms; for structures what the data set is known for, what looks like a
    target, or their size."""
    if per == "atom":
        return "element"
    for name in targets:
        if name in properties:
            return name
    whole = {n: p for n, p in properties.items() if p.kind in _TELLING and not p.missing.any()}
    return min(whole, key=lambda name: _TELLING.index(whole[name].kind), default="n_atoms")


def _numbers(frames, samples: np.ndarray, name: str, kind: str) -> tuple[np.ndarray, str]:
    """Values of the points, and what they are."""
    rows = [_shaped(atoms, name) for atoms in frames]
    what = "length" if kind == "forces" else ""
    if kind in ("structure", "label"):
        values = np.array([np.nan if row is None else float(row) for row in rows])
        return values[samples["structure"]], what
    rows = [
        np.full(len(atoms), np.nan) if row is None else _lengths(row)
        for row, atoms in zip(rows, frames, strict=True)
    ]
    if "atom" not in samples.dtype.names:
        values = np.array([row.mean() for row in rows])
        return values[samples["structure"]], f"mean {what}".strip() + " over atoms"
    first = np.cumsum([0, *map(len, frames)])
    return np.concatenate(rows)[first[samples["structure"]] + samples["atom"]], what


def _shaped(atoms: Atoms, name: str) -> np.ndarray | None:
    value = value_of(atoms, name)
    try:
        return None if value is None else as_kind([value], [atoms], name, "", [0])[1][0]
    except TargetError:  # not a number here, though in other structures
        return None


def _lengths(row: np.ndarray) -> np.ndarray:
    return np.linalg.norm(row, axis=1) if row.ndim == 2 else row


def _texts(frames: Sequence[Atoms]) -> list[str]:
    names = (k for f in frames for k, v in f.info.items() if isinstance(v, str | bool | np.bool_))
    return list(dict.fromkeys(names))


def _text(value) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return printable(value) if isinstance(value, str) else ""
