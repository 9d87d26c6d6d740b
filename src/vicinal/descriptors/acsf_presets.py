"""Sets of symmetry functions by rule, and those of other programs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from ase.units import Bohr

from vicinal.descriptors.parameters import check_integer, check_number, species_numbers
from vicinal.errors import FileError, ParameterError

#: n2p2's ``cutoff_type``; Singraber, Behler, Dellago, J. Chem. Theory Comput. 15, 1827 (2019).
_N2P2_CUTOFFS = (None, "cosine", "tanh", "tanh_one", "exponential", "poly1", "poly2", "poly3",
                 "poly4")  # fmt: skip
_N2P2_TYPES = {2: "G2", 3: "G4", 9: "G5", 12: "G2", 13: "G4", 20: "P2", 21: "P4", 22: "P5",
               23: "P2", 24: "P4", 25: "P5"}  # fmt: skip
_N2P2_WEIGHTED = (12, 13, 23, 24, 25)
_N2P2_CORES = {"p1": "poly1", "p2": "poly2", "p3": "poly3", "p4": "poly4", "e": "exponential"}


def centered(n: int, cutoff: float, start: float = 0.5, stop: float | None = None) -> list:
    """``n`` pairs (eta, 0): Gaussians at the centre whose widths are an even grid of distances.

    eta = 1/(2 r²), r from ``start`` to ``stop`` (cutoff - 1 by default), in Å; Gastegger et al.,
    J. Chem. Phys. 148, 241709 (2018).
    """
    return [(0.5 / r**2, 0.0) for r in _grid(n, cutoff, start, stop)]


def shifted(n: int, cutoff: float, start: float = 0.5, stop: float | None = None) -> list:
    """``n`` pairs (eta, r_s): Gaussians on an even grid of distances, as wide as its spacing.

    The grid is that of :func:`centered`.
    """
    grid = _grid(n, cutoff, start, stop)
    spacing = grid[1] - grid[0] if n > 1 else 1.0
    return [(0.5 / spacing**2, r) for r in grid]


def _grid(n, cutoff, start, stop) -> list[float]:
    check_integer("n", n, 1)
    check_number("cutoff", cutoff, positive=True)
    stop = max(cutoff - 1.0, 2 * start) if stop is None else stop
    if not 0 < start < stop:
        raise ParameterError(f"start={start} must be positive and below stop={stop}")
    return np.linspace(start, stop, n).tolist()


def parse_dscribe(
    *,
    r_cut,
    species,
    g2_params=None,
    g3_params=None,
    g4_params=None,
    g5_params=None,
    periodic=False,
    sparse=False,
    dtype="float64",
) -> dict:
    """Parameters of :class:`~vicinal.ACSF` that give DScribe's."""
    if sparse:
        raise ParameterError("sparse=True is not there: ACSF values are dense")

    def plain(params):
        return None if params is None else np.asarray(params, dtype=float).tolist()

    return {
        "cutoff": float(r_cut),
        "g1": True,
        "g2": plain(g2_params),
        "g3": plain(g3_params),
        "g4": plain(g4_params),
        "g5": plain(g5_params),
        "species": list(species),
        "periodic": None if periodic else False,
        "dtype": dtype,
    }


def parse_amp(elements, Gs=None, *, cutoff=6.5, **parameters) -> dict:
    """Parameters of :class:`~vicinal.ACSF` that give AMP's Gaussian."""
    check_number("cutoff", cutoff, positive=True)
    elements = sorted(set(elements))
    if Gs is None:
        Gs = dict.fromkeys(elements, _amp_defaults(elements))
    alike = all(Gs[z] == Gs[elements[0]] for z in elements)
    functions = []
    for center in elements[:1] if alike else elements:
        for G in Gs[center]:
            f = {"type": G["type"], "eta": G["eta"] / cutoff**2}
            if not alike:
                f["center"] = center
            if G["type"] == "G2":
                f |= {"neighbors": [G["element"]], "rs": G.get("offset", 0.0)}
            elif G["type"] in ("G4", "G5"):
                f |= {"neighbors": list(G["elements"]), "zeta": G["zeta"], "lambda": G["gamma"]}
            else:
                raise ParameterError(f"Gs: AMP has G2, G4 and G5, not {G['type']!r}")
            functions.append(f)
    return {"cutoff": float(cutoff), "functions": functions, "species": elements} | parameters


def _amp_defaults(elements: list[str]) -> list[dict]:
    pairs = [(a, b) for k, a in enumerate(elements) for b in elements[k:]]
    return [
        {"type": "G2", "element": z, "eta": float(eta), "offset": 0.0}
        for eta in np.logspace(np.log10(0.05), np.log10(5.0), 4)
        for z in elements
    ] + [
        {"type": "G4", "elements": pair, "eta": 0.005, "zeta": zeta, "gamma": gamma}
        for zeta in (1.0, 4.0)
        for gamma in (1.0, -1.0)
        for pair in pairs
    ]


def parse_n2p2(source, length_unit="bohr") -> dict:
    """Parameters of :class:`~vicinal.ACSF` from an ``input.nn``, a path or its text."""
    text = _text(source)
    unit = {"bohr": Bohr, "angstrom": 1.0}.get(length_unit, length_unit)
    check_number("length_unit", unit, positive=True)
    unit = float(unit)
    species, cutoff_type, found = None, ["1"], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            if words[0] == "elements":
                species = words[1:]
            elif words[0] == "cutoff_type":
                cutoff_type = words[1:]
            elif words[0] in ("symfunction_short", "symfunction"):
                found.append(_n2p2_function(words[1:], unit))
        except ParameterError:
            raise
        except (ValueError, IndexError, KeyError):
            raise ParameterError(f"line {number} of the input.nn makes no sense: {line}") from None
    if not species or not found:
        raise ParameterError("not an input.nn: it lacks elements, or symmetry functions")
    found.sort(key=_n2p2_order)
    kind = int(cutoff_type[0])
    if not 0 <= kind < len(_N2P2_CUTOFFS):
        raise ParameterError(f"cutoff_type {kind} is unknown")
    # n2p2 gives its "tanh" no inner part.
    inner = float(cutoff_type[1]) if len(cutoff_type) > 1 and kind != 2 else 0.0
    return {
        "cutoff": max(f.get("cutoff", f.get("high")) for f in found),
        "cutoff_function": _N2P2_CUTOFFS[kind],
        "inner_cutoff": inner,
        "functions": found,
        "species": species,
    }


def _n2p2_function(words: list[str], unit: float) -> dict:
    center, kind = words[0], int(words[1])
    if kind not in _N2P2_TYPES:
        raise ParameterError(
            f"symmetry functions of type {kind} are not there, only types "
            f"{', '.join(map(str, _N2P2_TYPES))}"
        )
    f = {"type": _N2P2_TYPES[kind], "center": center}
    n_neighbors = 0 if kind in _N2P2_WEIGHTED else 1 if f["type"] in ("G2", "P2") else 2
    if n_neighbors:
        f["neighbors"] = words[2 : 2 + n_neighbors]
    else:
        f["weighted"] = True
    if kind >= 20:
        *limits, core = words[2 + n_neighbors :]
        f["cutoff_function"] = _N2P2_CORES[core.removesuffix("a")]
        f["asymmetric"] = core.endswith("a")
        f["inner_cutoff"] = 0.0
        names = ("low", "high", "angle_low", "angle_high")[: 2 if f["type"] == "P2" else 4]
        f |= dict(zip(names, map(float, limits), strict=True))
        return f | {"low": f["low"] * unit, "high": f["high"] * unit}
    numbers = [float(w) for w in words[2 + n_neighbors :]]
    if kind in (2, 12):
        eta, rs, cutoff = numbers
    elif kind == 13:
        eta, rs, f["lambda"], f["zeta"], cutoff = numbers
    else:
        eta, f["lambda"], f["zeta"], cutoff, rs = (*numbers, 0.0)[:5]
    return f | {"eta": eta / unit**2, "rs": rs * unit, "cutoff": cutoff * unit}


def _n2p2_order(f: dict) -> tuple:
    """By centre; then as n2p2 sorts."""
    weighted = f.get("weighted", False)
    kind = next(
        k for k, t in _N2P2_TYPES.items() if t == f["type"] and (k in _N2P2_WEIGHTED) == weighted
    )
    neighbors = sorted(species_numbers(one)[0] for one in f.get("neighbors", ()))
    return (
        species_numbers(f["center"])[0],
        kind,
        f.get("cutoff_function", ""),
        f.get("asymmetric", False),
        neighbors if kind >= 20 else [],
        f.get("cutoff", f.get("high")),
        f.get("eta", f.get("low")),
        f.get("rs", f.get("angle_low", 0.0)),
        f.get("angle_high", 0.0),
        f.get("zeta", 0.0),
        f.get("lambda", 0.0),
        neighbors,
    )


def _text(source) -> str:
    if isinstance(source, str) and "\n" in source:
        return source
    try:
        return Path(os.fspath(source)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {source}: {error}") from None
    except TypeError:
        raise ParameterError("source must be a path or the text of an input.nn") from None
