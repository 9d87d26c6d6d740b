"""Hypothesis strategies for structures.

Hypothesis draws what a structure *is* (its kind, how many atoms, a seed); NumPy makes the
coordinates, in :mod:`vicinal.testing.frames`. So drawing is fast, and shrinking finds the kind and
the smallest number of atoms.
"""

from __future__ import annotations

from vicinal.errors import MissingExtraError
from vicinal.testing.frames import FINITE, KINDS, MIN_DISTANCE, PERIODIC, build

try:
    from hypothesis import strategies as st
except ImportError:
    raise MissingExtraError(
        'drawing structures needs Hypothesis: pip install "vicinal[test]"'
    ) from None

__all__ = ["FINITE", "KINDS", "MIN_DISTANCE", "PERIODIC", "batches", "build", "structures"]


def structures(species, *, kinds=KINDS, max_atoms: int = 6):
    """Strategy for one ``ase.Atoms``.

    Parameters
    ----------
    species : atomic numbers to choose from
    kinds : some of :data:`KINDS`
    max_atoms : largest number of atoms
    """
    return st.builds(
        build,
        st.sampled_from(tuple(kinds)),
        st.just(tuple(species)),
        st.integers(2, max_atoms),
        st.integers(0, 2**32 - 1),
    )


def batches(species, *, kinds=KINDS, max_atoms: int = 6, max_structures: int = 3):
    """Strategy for a list of structures, of several kinds."""
    one = structures(species, kinds=kinds, max_atoms=max_atoms)
    return st.lists(one, min_size=1, max_size=max_structures)
