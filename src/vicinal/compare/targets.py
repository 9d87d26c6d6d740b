"""Finding targets in structures, and what kind of quantity they are."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from vicinal.environments import Environments
from vicinal.errors import VicinalError

#: Arrays of ASE that describe the structure.
_NOT_TARGETS = {
    "numbers", "positions", "tags", "masses", "momenta", "initial_charges", "initial_magmoms",
}  # fmt: skip
_ATOM_RESULTS = {"charges", "magmoms", "energies"}
_INTENSIVE = re.compile(r"gap|homo|lumo|fermi|temperature|density|per_?(atom|cation|formula)", re.I)
_EXTENSIVE = re.compile(r"energy|enthalpy|volume|polari[sz]ability|capacity|entropy", re.I)


class TargetError(VicinalError, ValueError):
    """The target is missing, ambiguous, or cannot be learned; the message says why."""


def known_set(source: str):
    """What is known of ``dataset:NAME`` (:func:`vicinal.datasets.info`); None for other sources."""
    from vicinal import datasets

    name = _set_name(source)
    return datasets.info(name.partition("/")[0]) if name else None


def known_units(source: str) -> dict[str, str]:
    """Units of the targets of ``dataset:NAME``; none for other sources."""
    from vicinal import datasets

    name = _set_name(source)
    return datasets.units(name) if name else {}


def _set_name(source: str) -> str:
    return source.removeprefix("dataset:") if source.startswith("dataset:") else ""


def value_of(atoms: Atoms, name: str):
    """From ``info``, the calculator, or ``arrays``; None if it is in none of them."""
    results = atoms.calc.results if atoms.calc is not None else {}
    for place in (atoms.info, results, atoms.arrays):
        if place.get(name) is not None:
            return place[name]
    return None


def candidates(frames: Sequence[Atoms]) -> dict[str, tuple[str, int]]:
    """What could be a target: name -> kind ("label" for whole numbers, "structure", "atom" or
    "forces") and number of structures that have it."""
    found: dict[str, tuple[set, int]] = {}
    for atoms in frames:
        results = atoms.calc.results if atoms.calc is not None else {}
        for name in {**atoms.arrays, **results, **atoms.info}:
            kind = _shape_kind(value_of(atoms, name), atoms, name)
            if kind and name not in _NOT_TARGETS:
                kinds, count = found.get(name, (set(), 0))
                found[name] = kinds | {kind}, count + 1
    if "energy" in found:  # which ASE's readers and writers add beside it
        found.pop("free_energy", None)
    kinds = {
        name: next(iter(kinds)) if len(kinds) == 1 else "structure"  # 3 in one frame, 2.5 elsewhere
        for name, (kinds, _) in found.items()
        if len(kinds) == 1 or kinds == {"label", "structure"}
    }
    return {name: (kind, found[name][1]) for name, kind in kinds.items()}


def _shape_kind(value, atoms: Atoms, name: str) -> str | None:
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind not in "iuf":
        return None
    if array.ndim == 0:
        return "label" if array.dtype.kind in "iu" else "structure"
    of_atoms = name in atoms.arrays or name in _ATOM_RESULTS  # a dipole of water has three numbers
    if array.shape in ((len(atoms),), (len(atoms), 1)) and of_atoms:
        return "atom"
    if array.shape == (len(atoms), 3) and "force" in name.lower():
        return "forces"
    return None


def guess_target(frames: Sequence[Atoms], source: str) -> str:
    found = candidates(frames)
    for kinds in (("structure",), ("atom", "forces")):
        names = [name for name, (kind, _) in found.items() if kind in kinds]
        if len(names) == 1:
            return names[0]
        if names:
            raise TargetError(f"{source}: which target? {listing(frames)}")
    raise TargetError(f"{source}: nothing to learn; {listing(frames)}")


def listing(frames: Sequence[Atoms]) -> str:
    words = {
        "structure": "one a structure", "label": "whole numbers", "atom": "one an atom",
        "forces": "forces",
    }  # fmt: skip
    parts = [
        f"{name} ({words[kind]}" + (")" if n == len(frames) else f", in {n} of {len(frames)})")
        for name, (kind, n) in candidates(frames).items()
    ]
    return f"there are: {', '.join(parts)}" if parts else "there are no numbers in info or arrays"


def as_kind(rows, frames, target: str, source: str, where) -> tuple[str, list]:
    """One kind for all structures, and values of its shape; None stays None."""
    kinds, shaped = set(), []
    for row, atoms, s in zip(rows, frames, where, strict=True):
        if row is None:
            shaped.append(None)
            continue
        kind = _shape_kind(row, atoms, target)
        if kind is None:
            what = (
                f"has shape {np.shape(row)}"
                if np.ndim(row)
                else f"is {row!r}, which is not a number"
            )
            raise TargetError(
                f"{source}: {target} of structure {s} {what}; a target is a number for each "
                "structure, a number for each atom, or forces"
            )
        kind = "structure" if kind == "label" else kind
        kinds.add(kind)
        shape = {"structure": (), "atom": (len(atoms),), "forces": (len(atoms), 3)}[kind]
        shaped.append(np.asarray(row, float).reshape(shape))
    if len(kinds) > 1:
        raise TargetError(
            f"{source}: {target} is for structures in some, and for atoms in other structures"
        )
    return kinds.pop(), shaped


def without_missing(frames, where, rows, target: str, source: str, missing: str):
    lacking = np.array([row is None for row in rows])
    bad = np.array([row is not None and not np.isfinite(row).all() for row in rows])
    if missing == "error":
        for which, what in ((lacking, "is missing in"), (bad, "is not finite in")):
            if which.any():
                raise TargetError(
                    f"{source}: {target} {what} {some(where[which])} of {len(frames)}; "
                    'missing="drop" goes on without'
                )
    keep = np.flatnonzero(~(lacking | bad))
    if len(keep) == 0:
        raise TargetError(f"{source}: {target} is not finite in any structure")
    if len(keep) < len(frames):
        gone = where[lacking | bad]
        warnings.warn(
            f"{source}: {target} is missing or not finite in {some(gone)} of {len(frames)}, which "
            "are left out",
            stacklevel=4,
        )
    return [frames[k] for k in keep], where[keep], [rows[k] for k in keep]


def some(numbers: Sequence[int], n: int = 8) -> str:
    """``structure 7``, ``3 structures (1, 4, 9)``, ``120 structures (1, 2, 3, ...)``."""
    numbers = [int(k) for k in numbers]
    if len(numbers) == 1:
        return f"structure {numbers[0]}"
    more = ", ..." if len(numbers) > n else ""
    return f"{len(numbers)} structures ({', '.join(map(str, numbers[:n]))}{more})"


# -- composition -----------------------------------------------------------------------------------


def composition(frames: Sequence[Atoms]) -> tuple[np.ndarray, list[int]]:
    species = np.unique(
        np.concatenate([Environments.numbers_of(a, s) for s, a in enumerate(frames)])
    )
    counts = np.zeros((len(frames), len(species)), int)
    for s, atoms in enumerate(frames):
        np.add.at(counts[s], np.searchsorted(species, atoms.numbers), 1)
    return counts, species.tolist()


def guess_extensive(name: str, values: np.ndarray, counts: np.ndarray) -> tuple[bool, str]:
    """Whether a target grows with the structure, and why that is believed.

    Two linear regressions without intercept are compared by their leave-one-out errors: on the
    numbers of atoms of each element, which suits sums over atoms, and on the fractions of the
    elements, which suits what does not depend on size. If neither is better by a tenth (all
    structures are of one size, say) the name decides, and without a hint there it is not extensive.
    """
    sizes = counts.sum(axis=1)
    if len(values) > counts.shape[1] + 1 and np.ptp(sizes) > 0:
        grows = _left_out_error(counts.astype(float), values)
        stays = _left_out_error(counts / sizes[:, None], values)
        if grows < 0.9 * stays:
            return True, "numbers of atoms predict it better than fractions of elements"
        if stays < 0.9 * grows:
            return False, "fractions of elements predict it better than numbers of atoms"
    if _INTENSIVE.search(name):
        return False, f"by its name, {name}"
    if _EXTENSIVE.search(name):
        return True, f"by its name, {name}"
    return False, "nothing says that it is"


def _left_out_error(features: np.ndarray, values: np.ndarray) -> float:
    """Root mean square of leave-one-out residuals r / (1 - h), h the diagonal of the hat matrix."""
    u, s, _ = np.linalg.svd(features, full_matrices=False)
    u = u[:, s > s[0] * 1e-10]
    residuals = values - u @ (u.T @ values)
    leverage = np.minimum(np.sum(u**2, axis=1), 1 - 1e-9)
    return math.sqrt(np.mean((residuals / (1 - leverage)) ** 2))
