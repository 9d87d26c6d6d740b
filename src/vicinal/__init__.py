"""Vicinal: local atomic environment descriptors, with exact derivatives."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vicinal.errors import VicinalError

if TYPE_CHECKING:
    from vicinal import compare, criteria, datasets, maps, models, testing
    from vicinal.descriptors import registry
    from vicinal.descriptors.acsf import ACSF
    from vicinal.descriptors.aev import AEV
    from vicinal.descriptors.angular_fourier import AngularFourierSeries
    from vicinal.descriptors.atomic_coulomb_matrix import AtomicCoulombMatrix
    from vicinal.descriptors.bag_of_bonds import BagOfBonds
    from vicinal.descriptors.base import Descriptor
    from vicinal.descriptors.chebyshev import ChebyshevAUC
    from vicinal.descriptors.coulomb_matrix import CoulombMatrix
    from vicinal.descriptors.ead import EAD
    from vicinal.descriptors.ewald_matrix import EwaldMatrix
    from vicinal.descriptors.fchl19 import FCHL19
    from vicinal.descriptors.lmbtr import LMBTR
    from vicinal.descriptors.mbtr import MBTR
    from vicinal.descriptors.overlap_matrix import OverlapMatrix
    from vicinal.descriptors.sine_matrix import SineMatrix
    from vicinal.descriptors.slatm import SLATM
    from vicinal.descriptors.snap import SNAP
    from vicinal.descriptors.so3 import SO3Bispectrum, SO3PowerSpectrum
    from vicinal.descriptors.so4_bispectrum import SO4Bispectrum
    from vicinal.descriptors.soap import SOAP
    from vicinal.descriptors.valle_oganov import ValleOganov
    from vicinal.descriptors.zernike import Zernike
    from vicinal.environments import Environments
    from vicinal.features import Features, Gradient, Jacobian, load
    from vicinal.models.storage import load_model

__version__ = "0.1.0"

# Imported when first asked for: scikit-learn and SciPy take a second, which a command that only
# prints its help should not cost.
_HOME = {
    "ACSF": "vicinal.descriptors.acsf",
    "AEV": "vicinal.descriptors.aev",
    "AngularFourierSeries": "vicinal.descriptors.angular_fourier",
    "AtomicCoulombMatrix": "vicinal.descriptors.atomic_coulomb_matrix",
    "BagOfBonds": "vicinal.descriptors.bag_of_bonds",
    "ChebyshevAUC": "vicinal.descriptors.chebyshev",
    "CoulombMatrix": "vicinal.descriptors.coulomb_matrix",
    "Descriptor": "vicinal.descriptors.base",
    "EAD": "vicinal.descriptors.ead",
    "Environments": "vicinal.environments",
    "EwaldMatrix": "vicinal.descriptors.ewald_matrix",
    "FCHL19": "vicinal.descriptors.fchl19",
    "Features": "vicinal.features",
    "Gradient": "vicinal.features",
    "Jacobian": "vicinal.features",
    "LMBTR": "vicinal.descriptors.lmbtr",
    "load": "vicinal.features",
    "load_model": "vicinal.models.storage",
    "MBTR": "vicinal.descriptors.mbtr",
    "OverlapMatrix": "vicinal.descriptors.overlap_matrix",
    "SineMatrix": "vicinal.descriptors.sine_matrix",
    "SLATM": "vicinal.descriptors.slatm",
    "SNAP": "vicinal.descriptors.snap",
    "SO3Bispectrum": "vicinal.descriptors.so3",
    "SO3PowerSpectrum": "vicinal.descriptors.so3",
    "SO4Bispectrum": "vicinal.descriptors.so4_bispectrum",
    "SOAP": "vicinal.descriptors.soap",
    "ValleOganov": "vicinal.descriptors.valle_oganov",
    "Zernike": "vicinal.descriptors.zernike",
}
_MODULES = {
    "compare": "vicinal.compare",
    "criteria": "vicinal.criteria",
    "datasets": "vicinal.datasets",
    "maps": "vicinal.maps",
    "models": "vicinal.models",
    "registry": "vicinal.descriptors.registry",
    "testing": "vicinal.testing",
}

__all__ = [
    "ACSF",
    "AEV",
    "AngularFourierSeries",
    "AtomicCoulombMatrix",
    "BagOfBonds",
    "ChebyshevAUC",
    "CoulombMatrix",
    "compare",
    "criteria",
    "datasets",
    "Descriptor",
    "EAD",
    "Environments",
    "EwaldMatrix",
    "FCHL19",
    "Features",
    "Gradient",
    "Jacobian",
    "LMBTR",
    "load",
    "load_model",
    "maps",
    "MBTR",
    "models",
    "OverlapMatrix",
    "registry",
    "SineMatrix",
    "SLATM",
    "SNAP",
    "SO3Bispectrum",
    "SO3PowerSpectrum",
    "SO4Bispectrum",
    "SOAP",
    "testing",
    "ValleOganov",
    "VicinalError",
    "Zernike",
]


def __getattr__(name: str):
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'vicinal' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
