"""What is subtracted from targets before a model sees them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols
from sklearn.base import BaseEstimator

from vicinal.descriptors.parameters import check_choice, check_flag
from vicinal.errors import SpeciesError

KINDS = (None, "mean", "composition")


class Baseline(BaseEstimator):
    r"""A guess of the target that needs no geometry.

    =================  ========================================================================
    ``None``           nothing
    ``"mean"``         the mean of the training targets
    ``"composition"``  :math:`\sum_Z n_Z b_Z`, with the number of atoms :math:`n_Z` of each
                       element; :math:`b_Z` by least squares, the shortest solution where
                       compositions do not determine it
    =================  ========================================================================

    Parameters
    ----------
    kind : None, "mean" or "composition"
    extensive : bool
        Does the target grow with the number of atoms? Otherwise fractions take the place of the
        numbers of atoms.

    Attributes
    ----------
    species_ : (n_species,) array, atomic numbers seen in training
    values_ : (n_species,) array, :math:`b_Z` in the unit of the target
    mean_ : float
    """

    def __init__(self, kind: str | None = "composition", *, extensive: bool = True):
        self.kind = kind
        self.extensive = extensive

    def fit(self, numbers: Sequence[np.ndarray], y: np.ndarray) -> Baseline:
        """Learn from the atomic numbers of each structure, and targets (n_structures,)."""
        check_choice("baseline", self.kind, KINDS)
        check_flag("extensive", self.extensive)
        self.species_ = np.unique(np.concatenate(numbers)).astype(int)
        self.values_, self.mean_ = np.zeros(len(self.species_)), 0.0
        if self.kind == "mean":
            self.mean_ = float(np.mean(y))
        elif self.kind == "composition":
            self.values_ = np.linalg.lstsq(self._counts(numbers), y, rcond=None)[0]
        return self

    def predict(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        """The guess for each structure, (n_structures,).

        Raises
        ------
        SpeciesError
            An element that did not occur in training.
        """
        return self._counts(numbers) @ self.values_ + self.mean_

    def atoms(self, numbers: np.ndarray) -> np.ndarray:
        """The share of each atom of one structure in its guess, (n_atoms,)."""
        index = np.searchsorted(self.species_, numbers)
        share = self.values_[index] if self.extensive else self.values_[index] / len(numbers)
        return share + self.mean_ / len(numbers)

    def _counts(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        counts = np.zeros((len(numbers), len(self.species_)))
        for s, own in enumerate(numbers):
            unknown = np.setdiff1d(own, self.species_)
            if len(unknown):
                known = ", ".join(chemical_symbols[z] for z in self.species_)
                raise SpeciesError(
                    f"structure {s} contains {chemical_symbols[unknown[0]]}, which the model has "
                    f"not been trained on (it knows {known})"
                )
            counts[s] = (own[:, None] == self.species_).sum(axis=0)
        return counts if self.extensive else counts / counts.sum(axis=1, keepdims=True)
