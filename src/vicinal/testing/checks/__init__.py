"""The checks of the conformance battery; see :mod:`vicinal.testing`."""

from __future__ import annotations

from vicinal.descriptors.base import Descriptor
from vicinal.testing.checks import bad_input, consistency, derivatives, interface, symmetries

#: Every check, in the order in which ``check_descriptor`` runs them: whatever these modules call
#: ``check_...``.
CHECKS = [
    one
    for group in (symmetries, derivatives, consistency, interface, bad_input)
    for name, one in vars(group).items()
    if name.startswith("check_")
]
globals().update({one.__name__: one for one in CHECKS})


def check_descriptor(descriptor: Descriptor, *, smoothness: int | None = None, exempt=()) -> None:
    """Run every check on a descriptor.

    Parameters
    ----------
    descriptor : Descriptor
    smoothness : int, optional
        Continuous derivatives at the cutoff that the descriptor promises (its attribute
        ``smoothness`` by default, or else 1); -1 where its definition makes the value jump.
    exempt : names of checks to leave out

    Raises
    ------
    AssertionError
        For the first check that fails, with how to reproduce it.
    """
    for check in CHECKS:
        if check.__name__ not in exempt:
            check(descriptor, smoothness=smoothness)


__all__ = ["CHECKS", "check_descriptor", *(one.__name__ for one in CHECKS)]
