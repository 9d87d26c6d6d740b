"""Hyper-parameters: their checks, and their form in JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from vicinal.errors import ParameterError


def species_numbers(species) -> tuple[int, ...]:
    """Symbols and atomic numbers, mixed at will, as sorted atomic numbers."""
    if isinstance(species, str | int | np.integer):
        species = [species]
    numbers = set()
    for one in species:
        number = atomic_numbers.get(one) if isinstance(one, str) else one
        if not isinstance(number, int | np.integer) or not 0 <= number < len(chemical_symbols):
            raise ParameterError(f"species: {one!r} is not a chemical symbol or atomic number")
        numbers.add(int(number))
    if not numbers:
        raise ParameterError("species is empty")
    return tuple(sorted(numbers))


def species_values(name: str, value, species: Sequence[int] | None, check) -> dict[int, object]:
    """A parameter that may differ by species, by atomic number: one value for all, or a dict.

    ``check(name, value)`` sees each value. With ``species`` None a dict gives what it has, and a
    single value nothing.
    """
    if not isinstance(value, dict):
        check(name, value)
        return dict.fromkeys(species or (), value)
    given = {}
    for key, one in value.items():
        if isinstance(key, str) and key.isdecimal():  # JSON has no other keys
            key = int(key)
        given[species_numbers([key])[0]] = one
        check(f"{name}[{key!r}]", one)
    for number in species or ():
        if number not in given:
            raise ParameterError(f"{name} has no value for {chemical_symbols[number]}")
    return given if species is None else {number: given[number] for number in species}


def check_choice(name: str, value, choices: Sequence) -> None:
    if not (value is None or isinstance(value, str)) or value not in choices:
        known = ", ".join(map(repr, choices))
        raise ParameterError(f"{name} must be one of {known}, not {value!r}")


def check_dtype(value) -> None:
    try:
        known = value is not None and np.dtype(value).name in ("float64", "float32")
    except TypeError:
        known = False
    if not known:
        raise ParameterError(f"dtype must be 'float64' or 'float32', not {value!r}")


def check_integer(name: str, value, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(f"{name} must be an integer of at least {least}, not {value!r}")


def check_number(name: str, value, *, positive: bool = False) -> None:
    try:
        good = np.isfinite(float(value)) and (float(value) > 0 or not positive)
        good = good and not isinstance(value, str)
    except (TypeError, ValueError):
        good = False
    if not good:
        kind = "a positive finite number" if positive else "a finite number"
        raise ParameterError(f"{name} must be {kind}, not {value!r}")


def check_numbers(name: str, values, *, positive: bool = False) -> None:
    """Raise ParameterError unless this is a list of at least one such number."""
    if not np.iterable(values) or isinstance(values, str) or not len(values):
        raise ParameterError(f"{name} must be a list of numbers, not {values!r}")
    for value in values:
        check_number(name, value, positive=positive)


def check_flag(name: str, value) -> None:
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(f"{name} must be True or False, not {value!r}")


def table_accuracy(accuracy: float, dtype) -> float:
    """Single precision cannot use a finer table, and a coarse one stays in cache."""
    return max(accuracy, 1e-7) if np.dtype(dtype) == np.float32 else accuracy


def plain(value):
    """A parameter as JSON can hold it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if isinstance(value, type | np.dtype):
        return np.dtype(value).name
    return value
