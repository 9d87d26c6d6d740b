"""Models: structures in, energies and other properties out.

================  =================================================================================
StructureModel    kernel ridge regression, which is a Gaussian process, on structures
RidgeModel        ridge regression on pooled features
LinearModel       energies linear in the features, from energies, forces and stress (SNAP)
SparseGP          sparse Gaussian process on environments, from the same (GAP)
KernelRidge       the regression itself, on kernels that are given
Baseline          composition regression
================  =================================================================================
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vicinal.models.base import Model, Prediction
    from vicinal.models.baseline import Baseline
    from vicinal.models.calculator import ModelCalculator
    from vicinal.models.kernel_ridge import KernelRidge, loo_for_noises
    from vicinal.models.least_squares import LeastSquares
    from vicinal.models.linear import LinearModel
    from vicinal.models.ridge import RidgeModel
    from vicinal.models.sparse_gp import SparseGP
    from vicinal.models.storage import load_model
    from vicinal.models.structure_model import StructureModel
    from vicinal.models.targets import read_forces, read_stress

# Imported when first asked for, as in the package itself: the command line lies in here too.
_HOME = {
    "Baseline": "baseline",
    "KernelRidge": "kernel_ridge",
    "LeastSquares": "least_squares",
    "LinearModel": "linear",
    "load_model": "storage",
    "loo_for_noises": "kernel_ridge",
    "Model": "base",
    "ModelCalculator": "calculator",
    "Prediction": "base",
    "read_forces": "targets",
    "read_stress": "targets",
    "RidgeModel": "ridge",
    "SparseGP": "sparse_gp",
    "StructureModel": "structure_model",
}

__all__ = [
    "Baseline",
    "KernelRidge",
    "LeastSquares",
    "LinearModel",
    "load_model",
    "loo_for_noises",
    "Model",
    "ModelCalculator",
    "Prediction",
    "read_forces",
    "read_stress",
    "RidgeModel",
    "SparseGP",
    "StructureModel",
]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'vicinal.models' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"vicinal.models.{_HOME[name]}"), name)
    globals()[name] = value
    return value
