"""Who takes part in a comparison: descriptors, and what may be tuned in them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import vicinal
from vicinal.compare.data import Task
from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.errors import ParameterError, VicinalError
from vicinal.models.base import numbered
from vicinal.pages.parts import plain

#: Characters of a name; of a longer one the end is replaced by a checksum.
LONGEST_NAME = 60


@dataclass(frozen=True)
class Entrant:
    """A descriptor with what is fixed in it, and the choices that are left to tuning.

    Attributes
    ----------
    name : str, unique in a comparison
    cls : class of the descriptor
    given : dict, choices that are fixed: values of what :meth:`Descriptor.from_choices` takes
    fixed : dict, parameters that are fixed, whatever the choices say
    space : dict, candidates of each choice that is left, in order of size where they have one
    kernel : ``gaussian`` or ``laplacian``
    python : str, Python of what :func:`entrant` makes the same from
    """

    name: str
    cls: type[Descriptor]
    given: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Sequence] = field(default_factory=dict)
    kernel: str = "gaussian"
    python: str = ""

    def make(self, **choices) -> Descriptor:
        """The descriptor with these choices; the usual ones take the place of those not named."""
        choices = {**self.given, **choices}
        if not choices:
            return self.cls(**self.fixed)
        return self.cls.from_choices(**{**self.usual(), **choices}).set_params(**self.fixed)

    def usual(self) -> dict[str, Any]:
        """The class's own default for each choice that is left, or else the middle of the grid."""
        defaults = _defaults(self.cls)
        return {
            name: defaults[name] if defaults.get(name) in values else values[len(values) // 2]
            for name, values in self.space.items()
        }

    def smallest(self) -> dict[str, Any]:
        """The first candidate of each choice that is left."""
        return {name: values[0] for name, values in self.space.items()}

    def refusal(self, task: Task) -> str | None:
        """Why the descriptor cannot treat a task; None if it can."""
        try:
            descriptor = self.make(**self.smallest()).fit(task.frames)
            some = _representatives(task)
            with numbered(task.index[some]):
                features = descriptor.compute([task.frames[s] for s in some])
        except VicinalError as error:
            return str(error)
        periodic = [s for s in some if task.frames[s].pbc.any()]
        if periodic and getattr(self.cls, "periodic", None) is False:  # not the user's choice
            return f"it knows no periodicity, which structure {task.index[periodic[0]]} has"
        if task.kind == "atom" and len(features.samples) != task.n_atoms[some].sum():
            return f"{task.name} is a property of atoms, which it does not describe one by one"
        return None

    def signature(self) -> str:
        """Everything that decides its numbers, as text."""
        own = self.given, self.fixed, self.space
        return json.dumps([self.cls.__qualname__, self.kernel, *map(plain, own)], sort_keys=True)


def _representatives(task: Task) -> np.ndarray:
    """Structures that hold all elements and all kinds of periodicity of a task, and the largest."""
    seen: set = set()
    chosen = {int(np.argmax(task.n_atoms))}
    for s, atoms in enumerate(task.frames):
        kinds = {*atoms.numbers.tolist(), tuple(atoms.pbc.tolist())}
        if not kinds <= seen:
            chosen.add(s)
            seen |= kinds
    return np.array(sorted(chosen))


def entrant(what: str | Mapping | Descriptor, *, kernel: str | None = None) -> Entrant:
    """An entrant from a registered name, a name with parameters, or a descriptor.

    ``"soap"`` is tuned in its whole search space; ``{"name": "soap", "cutoff": 5.0}`` in what is
    left of it; a descriptor as it is. Besides parameters, choices of the search space may be fixed.

    Raises
    ------
    ParameterError
        An unknown name, or what is fixed is neither a parameter nor a choice.
    """
    if isinstance(what, Descriptor):
        python = spelled(what)
        fixed = what.get_params(deep=False)
        kernel = kernel or what.usual_kernel
        return Entrant(_short(python), type(what), {}, fixed, {}, kernel, python)
    if isinstance(what, Mapping):
        fixed = dict(what)
        name = fixed.pop("name", None)
        if not isinstance(name, str):
            raise ParameterError(f"a descriptor is named by text under 'name': {what!r}")
    elif isinstance(what, str):
        fixed, name = {}, what
    else:
        raise ParameterError(f"a descriptor, its name, or a mapping with its name, not {what!r}")
    entry = registry.get(name)
    space, known = entry.cls.search_space, entry.cls._get_param_names()
    for key in fixed:
        if key not in known and key not in space:
            names = ", ".join(sorted({*known, *space}))
            raise ParameterError(f"{name} has no parameter or choice {key!r}; it has: {names}")
    return Entrant(
        _short(",".join([entry.name, *(f"{key}={value}" for key, value in fixed.items())])),
        entry.cls,
        {key: value for key, value in fixed.items() if key in space},
        {key: value for key, value in fixed.items() if key not in space},
        {key: values for key, values in space.items() if key not in fixed},
        kernel or entry.cls.usual_kernel,
        repr({"name": entry.name, **plain(fixed)} if fixed else entry.name),
    )


def spelled(descriptor: Descriptor) -> str:
    """The Python that makes a descriptor."""
    cls = type(descriptor)
    defaults = plain(_defaults(cls))
    own = plain(descriptor.get_params(deep=False))
    given = ", ".join(f"{key}={value!r}" for key, value in own.items() if value != defaults[key])
    home = "vc." if getattr(vicinal, cls.__name__, None) is cls else ""
    return f"{home}{cls.__name__}({given})"


def _defaults(cls: type[Descriptor]) -> dict[str, Any]:
    return {name: one.default for name, one in inspect.signature(cls).parameters.items()}


def _short(name: str) -> str:
    """A name that is not too long for a table or a file; different ones stay different."""
    name = name.removeprefix("vc.")
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 12]}...#{hashlib.sha256(name.encode()).hexdigest()[:8]}"
