"""Who takes part in a comparison: descriptors, and what may be tuned in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ase import Atoms

from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.errors import ParameterError, VicinalError

#: Structures on which it is tried whether a descriptor can treat the data.
TRIAL_STRUCTURES = 20


@dataclass(frozen=True)
class Entrant:
    """A descriptor with fixed parameters, and the choices that are left to tuning.

    Attributes
    ----------
    name : str, unique in a comparison
    registered : str, name in the registry
    fixed : dict, parameters that are given
    space : dict, candidates of each choice, in order of size where they have one
    kernel : ``gaussian`` or ``laplacian``
    """

    name: str
    registered: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Sequence] = field(default_factory=dict)
    kernel: str = "gaussian"

    @property
    def cls(self) -> type[Descriptor]:
        return registry.get(self.registered).cls

    def make(self, **choices) -> Descriptor:
        """The descriptor with these choices."""
        parameters = self.cls.from_choices(**choices).get_params(deep=False) if choices else {}
        return registry.make(self.registered, **(parameters | dict(self.fixed)))

    def refusal(self, frames: Sequence[Atoms]) -> str | None:
        """Why the descriptor cannot treat these structures; None if it can."""
        try:
            self.make(**{name: values[0] for name, values in self.space.items()}).compute(
                frames[:TRIAL_STRUCTURES]
            )
        except VicinalError as error:
            return str(error)
        return None


def entrant(what: str | Mapping | Descriptor, *, kernel: str | None = None) -> Entrant:
    """An entrant from a registered name, a name with parameters, or a descriptor.

    ``"soap"`` is tuned in its whole search space; ``{"name": "soap", "cutoff": 5.0}`` in what is
    left of it; a descriptor as it is.
    """
    if isinstance(what, Descriptor):
        return _entrant(what.registry_name, what.get_params(deep=False), {}, kernel)
    if isinstance(what, str):
        what = {"name": what}
    fixed = dict(what)
    try:
        name = fixed.pop("name")
    except KeyError:
        raise ParameterError(f"an entrant has a name: {what!r}") from None
    space = registry.get(name).cls.search_space
    unknown = [key for key in fixed if key not in registry.get(name).cls._get_param_names()]
    if unknown:
        raise ParameterError(f"{name} has no parameter {unknown[0]!r}")
    return _entrant(name, fixed, {k: v for k, v in space.items() if k not in fixed}, kernel)


def _entrant(name: str, fixed: dict, space: dict, kernel: str | None) -> Entrant:
    label = ",".join([name, *(f"{key}={value}" for key, value in fixed.items())])
    return Entrant(label, name, fixed, space, kernel or registry.get(name).cls.usual_kernel)
