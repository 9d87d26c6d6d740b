"""Chemical channels: with which weights the species of neighbours enter a density."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement

import numpy as np
from ase.data import chemical_symbols

from vicinal.descriptors.parameters import check_choice, check_number, species_values
from vicinal.errors import ParameterError

CHANNELS = ("species", "number", "one")


def check_weights(name: str, weights) -> None:
    """Raise ParameterError unless this maps species to finite numbers."""
    if not weights:
        raise ParameterError(f"{name}: no species has a weight")
    species_values(name, dict(weights), None, check_number)


def check_channels(channels) -> None:
    """Raise ParameterError unless this is one of :data:`CHANNELS` or maps species to numbers."""
    if isinstance(channels, Mapping):
        check_weights("channels", channels)
    else:
        check_choice("channels", channels, CHANNELS)


def given_weights(name: str, weights: Mapping, species: tuple[int, ...]) -> np.ndarray:
    """The weight of each species, from a mapping."""
    values = species_values(name, dict(weights), species, check_number)
    return np.array(list(values.values()), dtype=float)


def mixing_matrix(channels, species: tuple[int, ...]) -> np.ndarray:
    """Weight (n_channels, n_species) of each species in each channel.

    Parameters
    ----------
    channels : "species", "number", "one", or mapping
        A channel for each species; or one for all, with their atomic numbers, or ones, or these
        numbers as weights.
    species : tuple of atomic numbers
    """
    if isinstance(channels, Mapping):
        return given_weights("channels", channels, species)[None]
    n = len(species)
    return {
        "species": np.eye(n),
        "number": np.array([species], dtype=float),
        "one": np.ones((1, n)),
    }[channels]


def channel_names(mixing: np.ndarray, species: tuple[int, ...]) -> list[str]:
    """Each channel is named after all its species, ``H+O``."""
    return [
        "+".join(chemical_symbols[z] for z, w in zip(species, weights, strict=True) if w)
        for weights in mixing
    ]


def unordered_pairs(n: int) -> list[tuple[int, int]]:
    """Pairs (a, b) of n species or channels, a <= b: 00, 01, 02, .., 11, 12, ..."""
    return list(combinations_with_replacement(range(n), 2))
