"""What the registry says of one descriptor."""

from __future__ import annotations

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One descriptor on the classification axes.

    The command line, the docs table, the tests and the report all read these entries.
    """

    name: str  # as on the command line
    path: str  # module:class
    summary: str
    citations: tuple[str, ...]
    body_order: str  # atoms that a single feature relates, the centre included
    #: The same by default as one number; None where it is all atoms together.
    bodies: int | None
    locality: str
    density: str  # how a neighbour enters: sharp, smooth, none
    radial_basis: str
    angular_basis: str
    chemistry: str  # how species are encoded
    symmetrization: str  # how invariance is reached
    equivariant_rank: int  # 0: invariant
    cost_neighbors: str
    #: By default the cost grows at most with this power of neighbours (of atoms, where a row is a
    #: structure), and of species.
    neighbor_power: float
    cost_species: str
    species_power: float
    smoothness: str  # continuous derivatives at the cutoff
    complete_in: str  # the limit in which it is complete
    learned: bool = False

    @property
    def cls(self) -> type:
        module, name = self.path.split(":")
        return getattr(importlib.import_module(module), name)
