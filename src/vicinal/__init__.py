"""Vicinal: local atomic environment descriptors, with exact derivatives."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vicinal.errors import VicinalError

if TYPE_CHECKING:
    from vicinal import datasets, testing
    from vicinal.descriptors import registry
    from vicinal.descriptors.angular_fourier import AngularFourierSeries
    from vicinal.descriptors.acsf import ACSF
    from vicinal.descriptors.aev import AEV
    from vicinal.descriptors.base import Descriptor
    from vicinal.descriptors.snap import SNAP
    from vicinal.descriptors.so4_bispectrum import SO4Bispectrum
    from vicinal.descriptors.lmbtr import LMBTR
    from vicinal.descriptors.mbtr import MBTR
    from vicinal.descriptors.soap import SOAP
    from vicinal.descriptors.valle_oganov import ValleOganov
    from vicinal.descriptors.chebyshev import ChebyshevAUC
    from vicinal.descriptors.ead import EAD
    from vicinal.descriptors.so3 import SO3Bispectrum, SO3PowerSpectrum
    from vicinal.descriptors.soap import SOAP
    from vicinal.descriptors.zernike import Zernike
    from vicinal.environments import Environments
    from vicinal.features import Features, Gradient, Jacobian, load

__version__ = "0.1.0"

# Imported when first asked for: scikit-learn and SciPy take a second, which a command that only
# prints its help should not cost.
_HOME = {
    "SNAP": "vicinal.descriptors.snap",
    "SO4Bispectrum": "vicinal.descriptors.so4_bispectrum",
    "LMBTR": "vicinal.descriptors.lmbtr",
    "MBTR": "vicinal.descriptors.mbtr",
    "ACSF": "vicinal.descriptors.acsf",
    "AEV": "vicinal.descriptors.aev",
    "SOAP": "vicinal.descriptors.soap",
    "ValleOganov": "vicinal.descriptors.valle_oganov",
    "EAD": "vicinal.descriptors.ead",
    "SOAP": "vicinal.descriptors.soap",
    "AngularFourierSeries": "vicinal.descriptors.angular_fourier",
    "ChebyshevAUC": "vicinal.descriptors.chebyshev",
    "Descriptor": "vicinal.descriptors.base",
    "Environments": "vicinal.environments",
    "Features": "vicinal.features",
    "Gradient": "vicinal.features",
    "Jacobian": "vicinal.features",
    "SO3Bispectrum": "vicinal.descriptors.so3",
    "SO3PowerSpectrum": "vicinal.descriptors.so3",
    "Zernike": "vicinal.descriptors.zernike",
    "load": "vicinal.features",
}
_MODULES = {
    "datasets": "vicinal.datasets",
    "registry": "vicinal.descriptors.registry",
    "testing": "vicinal.testing",
}

__all__ = [
    "SNAP",
    "LMBTR",
    "MBTR",
    "ACSF",
    "AEV",
    "SOAP",
    "SO4Bispectrum",
    "EAD",
    "SOAP",
    "AngularFourierSeries",
    "ChebyshevAUC",
    "Descriptor",
    "Environments",
    "Features",
    "Gradient",
    "Jacobian",
    "ValleOganov",
    "SO3Bispectrum",
    "SO3PowerSpectrum",
    "VicinalError",
    "Zernike",
    "datasets",
    "load",
    "registry",
    "testing",
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
