"""The battery as a pytest mix-in."""

from __future__ import annotations

import functools
from typing import ClassVar

from vicinal.errors import MissingExtraError
from vicinal.testing.checks import CHECKS

try:
    import pytest
except ImportError:
    raise MissingExtraError('Battery needs pytest: pip install "vicinal[test]"') from None


class Battery:
    """Runs every check on a descriptor, in float64 and in float32.

    A test class inherits it and says what to test::

        class TestSOAP(Battery):
            def make(self, dtype):
                return SOAP(cutoff=4.0, n_max=3, l_max=3, species=["H", "O"], dtype=dtype)

    Attributes
    ----------
    smoothness : int, optional
        Continuous derivatives at the cutoff that the descriptor promises (its own attribute
        ``smoothness`` by default, or else 1); -1 where its definition makes the value jump.
    examples : int, optional
        How many batches of structures each check draws, where not its own number.
    exempt : dict
        Checks that cannot hold for this descriptor, by name, each with the reason.
    """

    smoothness: int | None = None
    examples: int | None = None
    exempt: ClassVar[dict[str, str]] = {}

    def make(self, dtype: str):
        """The descriptor to test, in this precision."""
        raise NotImplementedError(f"{type(self).__name__} must define make(self, dtype)")

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__[6:])
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_conformance(self, dtype, check):
        if check.__name__ in self.exempt:
            pytest.skip(self.exempt[check.__name__])
        more = {} if self.examples is None else {"examples": self.examples}
        check(_made(type(self), dtype), smoothness=self.smoothness, **more)


@functools.lru_cache(maxsize=2)
def _made(battery: type[Battery], dtype: str):
    """One descriptor for all checks, so that it makes its tables once."""
    return battery().make(dtype)
