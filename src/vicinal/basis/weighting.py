"""Weights of the atomic density that depend on the distance from the centre."""

from collections.abc import Mapping

import numpy as np

from vicinal.errors import ParameterError

__all__ = ["Weighting"]

_KEYS = {"poly": {"c", "m", "r0"}, "pow": {"c", "d", "m", "r0"}, "exp": {"c", "d", "r0"}}


class Weighting:
    """Weight ``w(r)`` of a neighbour's density, with DScribe's names.

    Parameters
    ----------
    weighting : dict or None
        ``None`` is the weight one. Otherwise ``function`` and its parameters:

        - ``"poly"``: ``c (1 + 2 (r/r0)^3 - 3 (r/r0)^2)^m`` up to ``r0``, then zero. Caro, Phys.
          Rev. B 100, 024112 (2019).
        - ``"pow"``: ``c / (d + (r/r0)^m)``. Willatt, Musil & Ceriotti, Phys. Chem. Chem. Phys. 20,
          29661 (2018); featomic's ``Willatt2018`` is ``c = d = rate``, ``r0 = scale``,
          ``m = exponent``.
        - ``"exp"``: ``c / (d + exp(-r/r0))``, which grows with the distance (sic, as in DScribe).

        ``w0``, with a function or alone, is the weight of the central atom, otherwise ``w(0)``.
        Lengths are in Angstrom.

    Attributes
    ----------
    end : float
        Distance from which on the weight is zero, in Angstrom (``inf`` if there is none).
    smoothness : float
        Number of continuous derivatives at `end`.
    central : float
        Weight of the central atom.

    Raises
    ------
    ParameterError
        If a key is unknown, missing or out of range.
    """

    def __init__(self, weighting=None):
        if weighting is not None and not isinstance(weighting, Mapping):
            raise ParameterError(f"weighting must be a dict or None, not {weighting!r}")
        parameters = dict(weighting or {})
        w0 = parameters.pop("w0", None)
        self.function = parameters.pop("function", None)
        if self.function not in (None, *_KEYS):
            raise ParameterError(
                f"weighting: function must be one of {', '.join(_KEYS)}; got {self.function!r}"
            )
        needed = _KEYS.get(self.function, set())
        for key in needed ^ set(parameters):
            problem = "is missing" if key in needed else "is not a key of this weighting"
            raise ParameterError(f"weighting: {key!r} {problem} (function={self.function!r})")
        for key, value in {**parameters, "w0": 0.0 if w0 is None else w0}.items():
            positive = key == "r0" or (key, self.function) == ("d", "pow")
            if not np.isfinite(value) or value < 0 or (positive and value == 0):
                kind = "positive" if positive else "at least 0"
                raise ParameterError(f"weighting: {key!r} must be {kind}, got {value}")
        self.parameters = {key: float(value) for key, value in parameters.items()}
        compact = self.function == "poly"
        self.end = self.parameters["r0"] if compact else np.inf
        # near r0 the polynomial is (r0 - r)^(2m)
        self.smoothness = np.ceil(2.0 * self.parameters["m"]) - 1.0 if compact else np.inf
        self.central = float(self(np.zeros(1))[0] if w0 is None else w0)

    def __call__(self, r):
        """Weights at the distances `r` (Angstrom, any shape)."""
        p = self.parameters
        x = np.asarray(r, dtype=float) / p.get("r0", 1.0)
        if self.function == "poly":
            inside, x = x <= 1.0, np.minimum(x, 1.0)
            return inside * p["c"] * ((1.0 - x) ** 2 * (1.0 + 2.0 * x)) ** p["m"]
        if self.function == "pow":
            return p["c"] / (p["d"] + x ** p["m"])
        if self.function == "exp":
            return p["c"] / (p["d"] + np.exp(-x))
        return np.ones_like(x)
