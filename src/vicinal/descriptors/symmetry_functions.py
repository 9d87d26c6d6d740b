"""Behler–Parrinello symmetry functions: what one is, and terms for the engine from a list of them.

Each function is one column of the features. Functions that different species have in common are
evaluated together: the terms hold blocks, and a sparse matrix puts their rows into columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from ase.data import chemical_symbols

from vicinal.basis.cutoff import CutoffFunction, get_cutoff_function, polynomial
from vicinal.basis.spline import tabulate
from vicinal.correlate.moments import angular_sums, legendre_series
from vicinal.correlate.sums import radial_sums
from vicinal.correlate.triplets import triplets
from vicinal.descriptors.parameters import check_choice, check_flag, check_number, species_numbers
from vicinal.errors import ParameterError

KINDS = ("G1", "G2", "G3", "G4", "G5", "P2", "P4", "P5")
CUTOFFS = ("cosine", "polynomial", "poly1", "poly2", "poly3", "poly4", "tanh", "tanh_one",
           "exponential", None)  # fmt: skip

#: Up to this zeta, G5 is cheaper and still exact enough as a polynomial of the cosine.
MOMENTS_ZETA = 16

#: Parameters of each kind, in the order of a tuple, and whether one may be left out.
_TUPLES = {
    "G1": {},
    "G2": {"eta": True, "rs": False},
    "G3": {"kappa": True},
    "G4": {"eta": True, "zeta": True, "lambda": True, "rs": False},
    "G5": {"eta": True, "zeta": True, "lambda": True, "rs": False},
    "P2": {"low": True, "high": True},
    "P4": {"low": True, "high": True, "angle_low": True, "angle_high": True},
    "P5": {"low": True, "high": True, "angle_low": True, "angle_high": True},
}
_COMMON = ("cutoff", "cutoff_function", "inner_cutoff", "gamma", "center", "neighbors", "weighted",
           "asymmetric")  # fmt: skip


@dataclass(frozen=True)
class SymmetryFunction:
    """One symmetry function; lengths in Å, species by atomic number.

    ``center`` None stands for all species, ``neighbors`` None for all (in the end only where
    ``weighted``: the sum over all neighbours, weighted by atomic numbers).
    """

    kind: str
    cutoff: float
    cutoff_function: str | None = "cosine"
    inner_cutoff: float = 0.0
    gamma: float = 4.0
    eta: float = 0.0
    rs: float = 0.0
    kappa: float = 0.0
    zeta: float = 1.0
    lam: float = 1.0
    low: float = 0.0
    high: float = 0.0
    angle_low: float = 0.0
    angle_high: float = 0.0
    asymmetric: bool = False
    center: int | None = None
    neighbors: tuple[int, ...] | None = None
    weighted: bool = False

    @property
    def angular(self) -> bool:
        return self.kind in ("G4", "G5", "P4", "P5")

    @property
    def compact(self) -> bool:
        return self.kind.startswith("P")

    def fade(self) -> CutoffFunction:
        if self.cutoff_function == "polynomial":
            return polynomial(self.gamma)
        return get_cutoff_function(self.cutoff_function)

    @property
    def pair_key(self) -> tuple:
        """What the functions of distances depend on."""
        return (self.kind, self.eta, self.rs, self.kappa, self.cutoff, self.cutoff_function,
                self.inner_cutoff, self.gamma, self.low, self.high,
                self.asymmetric)  # fmt: skip

    @property
    def angle_key(self) -> tuple:
        return self.zeta, self.lam, self.angle_low, self.angle_high

    def radial(self, r: np.ndarray) -> np.ndarray:
        """The factor of one distance, cutoff included."""
        if self.compact:
            return self._window(r, self.low, self.high, self.asymmetric)
        inner = self.inner_cutoff * self.cutoff
        value = self.fade()(np.maximum(r - inner, 0), cutoff=self.cutoff - inner)
        if self.kind == "G3":
            return np.cos(self.kappa * r) * value
        return np.exp(-self.eta * (r - self.rs) ** 2) * value

    def _window(self, x: np.ndarray, low: float, high: float, asymmetric: bool) -> np.ndarray:
        """The cutoff function to both sides of the middle of an interval."""
        half = 0.5 * (high - low)
        x = np.minimum(np.abs(x - (low + half)) / half, 1.0)
        return self.fade()(x * (2 - x) if asymmetric else x, cutoff=1.0)

    def angle(self, cosine: np.ndarray) -> np.ndarray:
        if self.compact:
            angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            return self._window(angle, self.angle_low, self.angle_high, False)
        return 2.0 ** (1 - self.zeta) * np.maximum(1 + self.lam * cosine, 0) ** self.zeta

    def breakpoints(self) -> list[float]:
        if self.compact:
            return [self.low, 0.5 * (self.low + self.high), self.high]
        return [self.cutoff, self.inner_cutoff * self.cutoff]

    def angle_breakpoints(self) -> list[float]:
        """In radians."""
        low, high = np.radians([self.angle_low, self.angle_high]).tolist()
        return [low, 0.5 * (low + high), high]

    def for_moments(self) -> bool:
        return self.kind == "G5" and self.zeta == int(self.zeta) and self.center is None

    def name(self, cutoff: float) -> str:
        text = f"w{self.kind}" if self.weighted else self.kind
        if self.neighbors is not None and not self.weighted:
            text += f"[{','.join(chemical_symbols[z] for z in self.neighbors)}]"
        if self.center is not None:
            text += f" at {chemical_symbols[self.center]}"
        shown = {"eta": self.eta, "rs": self.rs, "kappa": self.kappa, "zeta": self.zeta,
                 "lambda": self.lam, "low": self.low, "high": self.high,
                 "angle_low": self.angle_low, "angle_high": self.angle_high}  # fmt: skip
        for key, needed in _TUPLES[self.kind].items():
            if needed or self.kind == "G2" or shown[key]:
                text += f" {key}={shown[key]:.6g}"
        if self.asymmetric:
            text += " asymmetric"
        return text if self.compact or self.cutoff == cutoff else f"{text} cutoff={self.cutoff:.6g}"


# -- from parameters ----------------------------------------------------------------------------


def parse(kind: str, given, where: str, defaults: dict) -> SymmetryFunction:
    """One entry of a parameter: a number, a tuple, or a dictionary."""
    names = _TUPLES[kind]
    if not isinstance(given, dict):
        values = list(given) if np.iterable(given) and not isinstance(given, str) else [given]
        if not sum(names.values()) <= len(values) <= len(names):
            raise ParameterError(f"{where} must be ({', '.join(names)}), not {given!r}")
        given = dict(zip(names, values, strict=False))
    for key in given:
        if key not in names and key not in _COMMON:
            known = ", ".join((*names, *_COMMON))
            raise ParameterError(f"{where} has no {key!r}; {kind} has: {known}")
    for key, needed in names.items():
        if needed and key not in given:
            raise ParameterError(f"{where} lacks {key!r}")
    merged = defaults | given
    if "high" in names:  # which is what a compact function has for a cutoff
        merged["cutoff"] = merged["high"]
    for key in ("cutoff", "inner_cutoff", "gamma", *names):
        if key in merged:
            check_number(f"{where}: {key}", merged[key], positive=key in ("cutoff", "gamma"))
            merged[key] = float(merged[key])
    check_choice(f"{where}: cutoff_function", merged["cutoff_function"], CUTOFFS)
    for key in ("weighted", "asymmetric"):
        check_flag(f"{where}: {key}", merged.setdefault(key, False))
        merged[key] = bool(merged[key])
    merged["center"] = _species(where, "center", merged.get("center"), 1)
    wanted = 2 if "lambda" in names or "angle_low" in names else 1
    merged["neighbors"] = _species(where, "neighbors", merged.get("neighbors"), wanted)
    if merged["center"] is not None:
        merged["center"] = merged["center"][0]
    merged["lam"] = merged.pop("lambda", 1.0)
    function = SymmetryFunction(kind, **merged)
    _check(function, where, defaults["cutoff"])
    return function


def _species(where: str, name: str, given, count: int) -> tuple[int, ...] | None:
    if given is None:
        return None
    given = [given] if isinstance(given, str | int | np.integer) else list(given)
    if len(given) != count:
        raise ParameterError(f"{where}: {name} must be {count} species, not {given!r}")
    return tuple(sorted(species_numbers(one)[0] for one in given))


def _check(f: SymmetryFunction, where: str, cutoff: float) -> None:
    if f.cutoff > cutoff:
        raise ParameterError(
            f"{where}: its cutoff of {f.cutoff:g} Å is beyond cutoff={cutoff:g}, the reach of the "
            "neighbour list"
        )
    if not 0 <= f.inner_cutoff < 1:
        raise ParameterError(
            f"{where}: inner_cutoff must be a fraction in [0, 1), not {f.inner_cutoff}"
        )
    f.fade()  # which checks gamma
    if f.compact:
        if f.low >= f.high or (f.angular and f.angle_low >= f.angle_high):
            raise ParameterError(f"{where}: low must be below high, angle_low below angle_high")
        if f.cutoff_function is None or f.inner_cutoff:
            raise ParameterError(f"{where}: {f.kind} needs a cutoff_function, and no inner_cutoff")
    elif f.asymmetric:
        raise ParameterError(f"{where}: asymmetric is for P2, P4 and P5")
    if f.eta < 0:
        raise ParameterError(f"{where}: eta must not be negative")
    if f.zeta < 1:
        raise ParameterError(
            f"{where}: zeta must be at least 1; below, derivatives are infinite where 1 + lambda "
            "cos(theta) vanishes"
        )
    if abs(f.lam) > 1:
        raise ParameterError(f"{where}: lambda must be between -1 and 1")
    if f.weighted and f.neighbors is not None:
        raise ParameterError(
            f"{where}: neighbors say which species count, weighted that all do: choose one"
        )


def expand(functions: Sequence[SymmetryFunction], species) -> list[SymmetryFunction]:
    """The functions for each species (pair of species) where they do not say which."""
    out = []
    for f in functions:
        if f.weighted or f.neighbors is not None:
            out.append(f)
        else:
            choices = pairs_of(species) if f.angular else [(z,) for z in species]
            out += [replace(f, neighbors=choice) for choice in choices]
    return out


def pairs_of(species) -> list[tuple[int, int]]:
    """Unordered pairs, as DScribe lists them: 00, 01, 11, 02, 12, 22, ..."""
    return [(a, b) for k, b in enumerate(species) for a in species[: k + 1]]


# -- terms for the engine -----------------------------------------------------------------------


def terms_and_matrix(
    functions: Sequence[SymmetryFunction],
    species: Sequence[int],
    dtype,
    *,
    accuracy: float,
    by_moments: Callable[[SymmetryFunction], bool],
):
    """(terms, matrix) whose product is one column a function, for ``SumsPlan``."""
    parts = []
    for weighted in (False, True):
        for angular, kind in ((False, None), *((True, k) for k in ("G4", "G5", "P4", "P5"))):
            for moments in (False, True):
                chosen = [
                    (column, f)
                    for column, f in enumerate(functions)
                    if f.weighted == weighted
                    and f.angular == angular
                    and kind in (None, f.kind)
                    and by_moments(f) == moments
                ]
                make = _moments if moments else _angular if angular else _radial
                for members in _shared(chosen, species, angular):
                    parts.append(make(members, species, dtype, accuracy, weighted))
    terms, blocks = [], []
    for term, columns, matrix in parts:
        terms += term
        # Row q of the part is added to column columns[q].
        place = scipy.sparse.coo_array(
            (np.ones(len(columns)), (columns, np.arange(len(columns)))),
            shape=(len(functions), len(columns)),
        )
        blocks.append(place @ matrix)
    if not terms:
        raise ParameterError("none of the functions is for these species")
    return terms, scipy.sparse.csr_array(scipy.sparse.hstack(blocks))


def _shared(chosen, species, angular: bool):
    """Groups of (functions, [(columns, places)]) of the same functions.

    A place is the species (index) of the centre and of the neighbours; the places of one entry
    feed the same columns.
    """
    index = {z: k for k, z in enumerate(species)}
    fed = defaultdict(list)  # place -> [(column, function)]
    for column, f in chosen:
        centers = range(len(species)) if f.center is None else [index.get(f.center, -1)]
        wanted = pairs_of(species) if angular else [(z,) for z in species]
        if f.neighbors is not None:
            wanted = [f.neighbors] if set(f.neighbors) <= set(species) else []
        for c in centers:
            for inside in wanted if c >= 0 else ():
                fed[(c, *(index[z] for z in inside))].append((column, f))
    blocks = defaultdict(list)  # columns -> places
    alike = {}  # columns -> the functions
    for place, members in fed.items():
        columns = tuple(column for column, _ in members)
        blocks[columns].append(place)
        alike[columns] = [f for _, f in members]
    groups = defaultdict(list)
    for columns, places in blocks.items():
        key = tuple((f.pair_key, f.angle_key) for f in alike[columns])
        groups[key].append((columns, places))
    return [(alike[entries[0][0]], entries) for entries in groups.values()]


def _table(functions: Sequence[SymmetryFunction], accuracy: float):
    def radial(r):
        return np.stack([f.radial(r) for f in functions], axis=-1)[:, None]

    return tabulate(radial, *_reach(functions), accuracy)


def _reach(functions):
    """(end, breakpoints)"""
    return max(f.cutoff for f in functions), sorted({b for f in functions for b in f.breakpoints()})


def _blocks(entries, species, rank: int, weighted: bool):
    """block and weight of a term, by the species of a centre and its neighbours."""
    block = np.full((len(species),) * rank, -1)
    for k, (_, places) in enumerate(entries):
        for place in places:
            block[place] = k
    Z = np.asarray(species, dtype=float) if weighted else np.ones(len(species))
    weight = Z if rank == 2 else np.multiply.outer(Z, Z)
    return block, weight


def _radial(members, species, dtype, accuracy, weighted):
    functions, entries = members
    block, weight = _blocks(entries, species, 2, weighted)
    table = _table(functions, accuracy)
    term = radial_sums(table, len(species), dtype, block=block, weight=weight)
    return [term], np.concatenate([c for c, _ in entries]), scipy.sparse.eye_array(term.size)


def _angular(members, species, dtype, accuracy, weighted):
    functions, entries = members
    block, weight = _blocks(entries, species, 3, weighted)
    pair_keys = list(dict.fromkeys(f.pair_key for f in functions))
    angle_keys = list(dict.fromkeys(f.angle_key for f in functions))
    # All products of distinct factors, or each function by itself: what takes fewer steps of eight.
    n_pair, n_angle, n = (-(-k // 8) for k in (len(pair_keys), len(angle_keys), len(functions)))
    paired = 14 * n < (len(angle_keys) + 7) * n_pair + 6 * n_angle
    if paired:
        by_pair = by_angle = functions
    else:
        by_pair = [next(f for f in functions if f.pair_key == key) for key in pair_keys]
        by_angle = [next(f for f in functions if f.angle_key == key) for key in angle_keys]

    compact = functions[0].compact  # a function of the angle itself, not of its cosine

    def angle(x):
        cosine = np.cos(x) if compact else x - 1
        return np.stack([f.angle(cosine) for f in by_angle], axis=-1)[:, None]

    pair = _table(by_pair, accuracy)
    breakpoints = {b for f in by_angle for b in f.angle_breakpoints()} if compact else ()
    term = triplets(
        pair,
        tabulate(angle, np.pi if compact else 2.0, sorted(breakpoints), accuracy),
        len(species),
        dtype,
        side=pair if functions[0].kind in ("G4", "P4") else None,
        theta=compact,
        paired=paired,
        block=block,
        weight=weight,
    )
    if paired:
        select = np.arange(len(functions))
    else:
        select = np.array(
            [
                angle_keys.index(f.angle_key) * len(pair_keys) + pair_keys.index(f.pair_key)
                for f in functions
            ]
        )
    per_block = term.size // len(entries)
    rows = np.arange(len(entries) * len(functions))
    places = (np.arange(len(entries))[:, None] * per_block + select).ravel()
    matrix = scipy.sparse.coo_array(
        (np.ones(len(rows)), (rows, places)), shape=(len(rows), term.size)
    )
    return [term], np.concatenate([c for c, _ in entries]), matrix


def _moments(members, species, dtype, accuracy, weighted):
    """G5 as a polynomial of the cosine."""
    functions, entries = members
    pair_keys = list(dict.fromkeys(f.pair_key for f in functions))
    by_pair = [next(f for f in functions if f.pair_key == key) for key in pair_keys]
    end, breakpoints = _reach(by_pair)
    features = [
        (pair_keys.index(f.pair_key), legendre_series(f.angle, int(f.zeta))) for f in functions
    ]
    pairs = [(0, 0)] if weighted else [places[0][1:] for _, places in entries]
    terms, matrix = angular_sums(
        lambda r: np.stack([f.radial(r) for f in by_pair], axis=-1),
        end,
        features,
        n_species=len(species),
        dtype=dtype,
        pairs=pairs,
        mixing=np.array([species], dtype=float) if weighted else None,
        breakpoints=breakpoints,
        accuracy=accuracy,
    )
    return terms, np.concatenate([c for c, _ in entries]), matrix
