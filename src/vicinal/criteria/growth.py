"""How something grows: exponents, and the same descriptor with more species or a larger basis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vicinal.criteria.results import NotApplicable
from vicinal.criteria.subject import Subject
from vicinal.errors import VicinalError

#: Parameters that count functions of a basis, as the families call them.
BASIS = (
    "n_max",
    "l_max",
    "j_max",
    "degree",
    "radial_order",
    "angular_order",
    "radial_shifts",
    "angular_shifts",
    "angular_sections",
    "n_two_body",
    "n_three_body",
    "n",
)

#: Species for descriptors that take any.
ELEMENTS = (1, 6, 8, 7, 9, 16, 17, 14)

#: Numbers of species that are compared.
SPECIES = (1, 2, 4, 8)

#: An exponent is the slope of the last points: constant parts weigh least there.
LAST = 3


def exponent(sizes: Sequence[float], values: Sequence[float], last: int = LAST) -> float:
    """The power p of ``value ~ size**p`` at large sizes.

    Least squares on logarithms of the ``last`` points. What does not grow (features that are
    written whatever their values, the overhead of a call) makes it smaller, never larger.

    Raises
    ------
    NotApplicable
        Fewer than two different sizes.
    """
    order = np.argsort(sizes)[-last:]
    x, y = np.asarray(sizes, float)[order], np.asarray(values, float)[order]
    if len(np.unique(x)) < 2:
        raise NotApplicable("two sizes at least are needed to see growth")
    slope = float(np.polyfit(np.log(x), np.log(y), 1)[0])
    return round(slope, 12) + 0.0  # no -0.0 of rounding


def species_sets(subject: Subject) -> list[tuple[int, ...]]:
    """Sets of 1, 2, 4 and 8 species that the subject, or :func:`of_species` of it, knows."""
    if subject.descriptor is not None:
        known = tuple(dict.fromkeys((*subject.species, *ELEMENTS)))
    else:  # nobody can tell a function to learn others
        known = subject.species
    return [known[:k] for k in SPECIES if k <= len(known)]


def of_species(subject: Subject, species: tuple[int, ...]) -> Subject:
    """The subject made for these species alone, where it can be told.

    Raises
    ------
    NotApplicable
        Other parameters hold for the species that it was made for.
    """
    if subject.descriptor is None:
        return subject
    other = subject.changed(species=list(species))
    try:
        _ = other.fitted([]).descriptor.n_features
    except VicinalError as error:
        raise NotApplicable(f"its parameters hold for its own species alone: {error}") from None
    return other


def basis_parameters(subject: Subject) -> dict[str, int]:
    """The parameters of the subject that count basis functions, with their values.

    Raises
    ------
    NotApplicable
        There are none.
    """
    parameters = subject.parameters
    values = {name: parameters.get(name) for name in BASIS}
    values = {name: value for name, value in values.items() if type(value) is int and value > 0}
    if not values:
        raise NotApplicable("it has no parameter that counts basis functions")
    return values


def of_basis(subject: Subject, factor: float, names: Sequence[str] | None = None) -> Subject:
    """The subject with these (all) counts of basis functions larger by a factor, rounded up."""
    values = basis_parameters(subject)
    names = values if names is None else names
    return subject.changed(**{name: math.ceil(factor * values[name]) for name in names})
