"""Every descriptor that Vicinal knows, by name; :mod:`.catalogue` lists them."""

from __future__ import annotations

from vicinal.descriptors.catalogue import ENTRIES, Entry
from vicinal.errors import ParameterError

__all__ = ["ENTRIES", "Entry", "get", "make", "names"]


def names() -> list[str]:
    return [entry.name for entry in ENTRIES]


def get(name: str) -> Entry:
    for entry in ENTRIES:
        if entry.name == str(name).lower():
            return entry
    raise ParameterError(f"no descriptor is called {name!r}; there are: {', '.join(names())}")


def make(name: str, **parameters):
    """A descriptor by name, with an error that lists the parameters where one is unknown."""
    cls = get(name).cls
    known = cls._get_param_names()
    for key in parameters:
        if key not in known:
            raise ParameterError(f"{name} has no parameter {key!r}; it has: {', '.join(known)}")
    return cls(**parameters)
