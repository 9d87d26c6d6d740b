"""Coulomb matrices of environments."""

from vicinal import AtomicCoulombMatrix
from vicinal.testing import Battery


class TestAtomicCoulombMatrix(Battery):
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "n_atoms_max": 6, "species": ["H", "C", "O"]}
        return AtomicCoulombMatrix(**(small | self.parameters), dtype=dtype)


class TestAtomicCoulombMatrixSorted(TestAtomicCoulombMatrix):
    examples = 3
    parameters = {"permutation": "sorted_l2", "layout": "full", "interaction_cutoff": 2.5}


class TestAtomicCoulombMatrixEigenspectrum(TestAtomicCoulombMatrix):
    examples = 3
    parameters = {"permutation": "eigenspectrum", "interaction_cutoff": 3.0, "pooling": "mean"}


class TestAtomicCoulombMatrixJumps(TestAtomicCoulombMatrix):
    examples = 3
    parameters = {"cutoff_width": 0, "species": None}
