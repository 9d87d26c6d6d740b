"""Forces and stress as they are in files: arrays, info, and results of calculators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from vicinal.errors import ParameterError


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
