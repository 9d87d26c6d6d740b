"""Vicinal: local atomic environment descriptors, with exact derivatives."""

from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.soap import SOAP
from vicinal.environments import Environments
from vicinal.errors import VicinalError
from vicinal.features import Features, Gradient, Jacobian, load

__all__ = [
    "SOAP",
    "Descriptor",
    "Environments",
    "Features",
    "Gradient",
    "Jacobian",
    "VicinalError",
    "load",
    "registry",
]
__version__ = "0.1.0"
