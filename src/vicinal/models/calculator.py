"""A model as a calculator of ASE."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from vicinal.descriptors.parameters import check_flag
from vicinal.errors import ParameterError


class ModelCalculator(Calculator):
    """Energy, forces and stress of a fitted model, for everything that ASE does with them.

    Forces and stress are exact derivatives of the energy: one ``compute`` and one ``vjp`` of the
    descriptor. ``results`` has ``energy`` (eV), and where the model has them ``energies``,
    ``forces`` (eV/Å), ``stress`` (eV/Å³; structures periodic in all directions) and ``energy_std``
    (eV), the standard deviation of the energy.

    Parameters
    ----------
    model : Model, fitted to energies in eV
    std : bool, optional
        Standard deviations too; where the model has them if not given.

    Raises
    ------
    ParameterError
        The model's unit is not eV.
    """

    def __init__(self, model, *, std: bool | None = None, **kwargs):
        if model.unit != "eV":
            raise ParameterError(
                f"ASE computes in eV, but this model predicts {model.target} in {model.unit}"
            )
        if model.per_atom:
            raise ParameterError(f"{model.target} is a property of atoms, not an energy")
        if std is not None:
            check_flag("std", std)
        self.model = model
        self.std = model.has_std if std is None else std
        self.implemented_properties = ["energy", "free_energy"]
        self.implemented_properties += ["energies"] * model.has_energies
        self.implemented_properties += ["forces", "stress"] * model.has_forces
        self.implemented_properties += ["energy_std"] * self.std
        super().__init__(**kwargs)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = self.model.has_forces and not {"energy", "free_energy", "energy_std"} >= set(
            properties
        )
        found = self.model.evaluate(self.atoms, std=self.std, forces=forces)
        energy = float(found.values[0])
        self.results = {"energy": energy, "free_energy": energy}
        if found.energies is not None:
            self.results["energies"] = found.energies
        if found.forces is not None:
            self.results["forces"] = found.forces
            if np.isfinite(found.stress[0]).all():
                self.results["stress"] = found.stress[0]
        if found.std is not None:
            self.results["energy_std"] = float(found.std[0])
