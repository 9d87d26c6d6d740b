"""Cutoff functions: what makes a neighbour fade out before it leaves the environment.

Every function is one on (or near) the centre and zero from the cutoff radius on. The registry
:data:`CUTOFF_FUNCTIONS` says, for each, where inside the sphere it is not infinitely
differentiable and how many of its derivatives vanish at the cutoff; tables and the conformance
battery read both. A family with a cutoff function of its own adds an entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import comb

import numpy as np

from vicinal.errors import ParameterError

__all__ = [
    "CUTOFF_FUNCTIONS",
    "PLAIN_CUTOFF_FUNCTIONS",
    "CutoffFunction",
    "get_cutoff_function",
    "polynomial",
]


@dataclass(frozen=True)
class CutoffFunction:
    """One kind of cutoff function.

    Attributes
    ----------
    value : callable
        ``value(x, w)``, the function at the reduced distances ``0 <= x = r/R_c < 1``; ``w`` is the
        width of the switching zone over the cutoff.
    smoothness : float
        Number of continuous derivatives at the cutoff: -1 for a jump, ``inf`` for C-infinity.
    uses_width : bool
        Whether ``w`` matters: the function is then one up to ``R_c - width``, and not infinitely
        differentiable there.
    """

    value: Callable
    smoothness: float
    uses_width: bool = False

    def __call__(self, r, *, cutoff, width=0.5):
        """Values at the distances `r` (Angstrom, any shape); zero for ``r >= cutoff``."""
        self.check(cutoff=cutoff, width=width)
        x = np.asarray(r, dtype=float) / cutoff
        inside = x < 1.0
        return np.where(inside, self.value(np.where(inside, x, 0.0), width / cutoff), 0.0)

    def breakpoints(self, *, cutoff, width=0.5):
        """Distances in ``(0, cutoff)`` where the function is not infinitely differentiable."""
        self.check(cutoff=cutoff, width=width)
        return [cutoff - width] if self.uses_width and width < cutoff else []

    def check(self, *, cutoff, width):
        """Raise :class:`~vicinal.errors.ParameterError` if the lengths make no sense."""
        if not (np.isfinite(cutoff) and cutoff > 0):
            raise ParameterError(f"cutoff must be a positive distance in Angstrom, got {cutoff}")
        if self.uses_width and not 0 < width <= cutoff:
            raise ParameterError(f"cutoff_width must be in (0, cutoff={cutoff}], got {width}")


def _step(x, w):
    """One inside, a jump at the cutoff."""
    return np.ones_like(x)


def _cosine(x, w):
    """``(1 + cos(pi x)) / 2``; Behler & Parrinello, Phys. Rev. Lett. 98, 146401 (2007)."""
    return np.cos(0.5 * np.pi * x) ** 2


def _shifted_cosine(x, w):
    """One up to ``1 - w``, then a cosine; Bartok & Csanyi, IJQC 115, 1051 (2015)."""
    return np.cos(0.5 * np.pi * np.clip((x - 1.0) / w + 1.0, 0.0, 1.0)) ** 2


def _polynomial(x, w, gamma=4.0):
    """``1 + g x^(g+1) - (g+1) x^g`` with ``g = 4``; AMP, Comput. Phys. Commun. 207, 310 (2016)."""
    return 1.0 + gamma * x ** (gamma + 1.0) - (gamma + 1.0) * x**gamma


def polynomial(gamma):
    """The :class:`CutoffFunction` ``1 + g x^(g+1) - (g+1) x^g`` for any ``g`` of at least 2."""
    if not (np.isfinite(gamma) and gamma >= 2):
        raise ParameterError(f"gamma must be a number of at least 2, got {gamma}")
    return CutoffFunction(partial(_polynomial, gamma=float(gamma)), 1)


def _smoothstep(x, w, order):
    """The polynomial of degree ``2 order + 1`` from one to zero that is flattest at both ends.

    n2p2's poly1 to poly4; Singraber, Behler, Dellago, J. Chem. Theory Comput. 15, 1827 (2019).
    """
    y = 1.0 - x
    return y ** (order + 1) * sum(comb(order + k, k) * x**k for k in range(order + 1))


def _tanh(x, w):
    """``tanh(1 - x)^3``; Behler, J. Chem. Phys. 134, 074106 (2011)."""
    return np.tanh(1.0 - x) ** 3


def _tanh_one(x, w):
    """``tanh(1 - x)^3 / tanh(1)^3``: one at the centre."""
    return (np.tanh(1.0 - x) / np.tanh(1.0)) ** 3


def _exponential(x, w):
    """``exp(1 - 1/(1 - x^2))``; n2p2, J. Chem. Theory Comput. 15, 1827 (2019)."""
    return np.exp(1.0 - 1.0 / ((1.0 - x) * (1.0 + x)))


#: All cutoff functions by name. ``None`` is the sharp step.
CUTOFF_FUNCTIONS = {
    None: CutoffFunction(_step, -1),
    "cosine": CutoffFunction(_cosine, 1),
    "shifted_cosine": CutoffFunction(_shifted_cosine, 1, uses_width=True),
    "polynomial": CutoffFunction(_polynomial, 1),
    "poly1": CutoffFunction(partial(_smoothstep, order=1), 1),
    "poly2": CutoffFunction(partial(_smoothstep, order=2), 2),
    "poly3": CutoffFunction(partial(_smoothstep, order=3), 3),
    "poly4": CutoffFunction(partial(_smoothstep, order=4), 4),
    "tanh": CutoffFunction(_tanh, 2),
    "tanh_one": CutoffFunction(_tanh_one, 2),
    "exponential": CutoffFunction(_exponential, np.inf),
}

#: Those that have no width.
PLAIN_CUTOFF_FUNCTIONS = tuple(n for n, f in CUTOFF_FUNCTIONS.items() if not f.uses_width)


def get_cutoff_function(name):
    """The :class:`CutoffFunction` called `name`.

    Raises
    ------
    ParameterError
        If there is none.
    """
    try:
        return CUTOFF_FUNCTIONS[name]
    except (KeyError, TypeError):
        known = ", ".join(map(repr, CUTOFF_FUNCTIONS))
        raise ParameterError(f"cutoff_function must be one of {known}; got {name!r}") from None
