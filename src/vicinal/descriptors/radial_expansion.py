"""Descriptors that expand neighbours in radial functions: what SOAP, SO(3) and AFS share."""

from __future__ import annotations

from inspect import signature

from vicinal.basis.radial import RadialFunctions
from vicinal.basis.spline import Table
from vicinal.basis.tables import radial_functions, radial_table
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import table_accuracy

_PARAMETERS = tuple(signature(RadialFunctions).parameters)


class RadialExpansion(Descriptor):
    """Base class of descriptors with the parameters of :class:`.RadialFunctions`, or some of them.

    Attributes of the class do as well, where a family leaves no choice.
    """

    @property
    def neighbor_cutoff(self) -> float:
        return self._radial().end

    @property
    def smoothness(self) -> float:
        """Continuous derivatives as a neighbour crosses the cutoff; -1 is a jump."""
        return self._radial().smoothness

    def _radial_parameters(self) -> dict:
        return {name: getattr(self, name) for name in _PARAMETERS if hasattr(self, name)}

    def _radial(self) -> RadialFunctions:
        return radial_functions(**self._radial_parameters())

    def _table(self) -> Table:
        return radial_table(table_accuracy(self.accuracy, self.dtype), **self._radial_parameters())

    def _validate(self) -> None:
        super()._validate()
        self._radial()  # which checks its own parameters
