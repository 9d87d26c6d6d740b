"""The conformance battery: what every descriptor owes its users, as checks that anyone can run.

On a descriptor of your own::

    from vicinal.testing import check_descriptor
    check_descriptor(MyDescriptor(cutoff=4.0, species=["H", "O"]))

or, with one result for each check and precision, as a pytest class::

    from vicinal.testing import Battery

    class TestMine(Battery):
        def make(self, dtype):
            return MyDescriptor(cutoff=4.0, species=["H", "O"], dtype=dtype)

Every check can also be called by itself, ``check_rotation(descriptor)``: Hypothesis then draws the
structures (extra ``test``). ``check_rotation(descriptor, frames)`` takes yours instead. A check
raises AssertionError, with a message that says how to reproduce the failure.
"""

from vicinal.testing.checks import *  # noqa: F403
from vicinal.testing.checks import __all__ as _checks

__all__ = ["Battery", *_checks]  # noqa: F405


def __getattr__(name: str):
    if name == "Battery":  # needs pytest, which the checks do not
        from vicinal.testing.battery import Battery

        return Battery
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
