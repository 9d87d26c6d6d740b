"""Targets as they are in files: ``frame.info``, ``frame.arrays``, and results of calculators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from vicinal.errors import ParameterError


def read_target(frames: Sequence[Atoms], name: str) -> np.ndarray:
    """The number called ``name`` of each structure: of ``info``, or else of its calculator.

    ASE's reader of extended XYZ hands energy, forces and stress to a calculator.

    Returns
    -------
    (n_structures,) array

    Raises
    ------
    ParameterError
        Structures without it, naming the first and what there is instead; or it is no number.
    """
    values = []
    for s, frame in enumerate(frames):
        found = frame.info.get(name, _results(frame).get(name))
        if found is None:
            raise ParameterError(
                f"structure {s} has no target {name!r}; it has: {_there_is(frame)}"
            )
        try:
            values.append(float(found))
        except (TypeError, ValueError):
            raise ParameterError(f"target {name!r} of structure {s} is not a number") from None
    return np.array(values)


def is_of_atoms(frames: Sequence[Atoms], name: str) -> bool:
    """Does the first structure have a number called ``name`` for each atom?"""
    found = [_of_atoms(frame, name) for frame in frames[:1]]
    return bool(found) and name not in frames[0].info and np.shape(found[0]) == (len(frames[0]),)


def read_atom_target(frames: Sequence[Atoms], name: str) -> np.ndarray:
    """The numbers called ``name`` of all atoms: of ``arrays``, or else of the calculator.

    Returns
    -------
    (n_atoms,) array, one structure after the other

    Raises
    ------
    ParameterError
        A structure without them.
    """
    values = []
    for s, frame in enumerate(frames):
        found = np.asarray(_of_atoms(frame, name))
        if found.shape != (len(frame),) or not np.can_cast(found.dtype, float):
            raise ParameterError(f"structure {s} has no number {name!r} for each atom")
        values.append(found.astype(float))
    return np.concatenate(values)


def read_forces(frames: Sequence[Atoms], name: str = "forces") -> list[np.ndarray | None]:
    """Forces (n_atoms, 3) of each structure, eV/Å; None for a structure without."""
    return [_of_atoms(frame, name) for frame in frames]


def read_stress(frames: Sequence[Atoms]) -> list[np.ndarray | None]:
    """Stress (6,) of each structure, eV/Å³, in Voigt's order; None for a structure without.

    ``stress`` of the calculator or of ``info``, or ``virial`` of ``info`` (eV), which is minus the
    stress times the volume; each as (6,) or (3, 3).
    """
    found = []
    for s, frame in enumerate(frames):
        stress = frame.info.get("stress", _results(frame).get("stress"))
        if stress is None and frame.info.get("virial") is not None:
            stress = -np.asarray(frame.info["virial"], dtype=float) / frame.get_volume()
        if stress is not None:
            stress = np.asarray(stress, dtype=float)
            if stress.size == 9:
                stress = full_3x3_to_voigt_6_stress(stress.reshape(3, 3))
            if stress.shape != (6,):
                raise ParameterError(f"the stress of structure {s} has shape {stress.shape}")
        found.append(stress)
    return found


def _of_atoms(frame: Atoms, name: str):
    return frame.arrays.get(name, _results(frame).get(name))


def _results(frame: Atoms) -> dict:
    return getattr(frame.calc, "results", None) or {}


def _there_is(frame: Atoms) -> str:
    names = sorted({*frame.info, *_results(frame), *frame.arrays} - {"numbers", "positions"})
    return ", ".join(map(str, names)) or "nothing but atoms"
