"""Overlap-matrix fingerprints against overlaps integrated on a grid, one pair at a time."""

from vicinal import OverlapMatrix
from vicinal.testing import Battery


class TestOverlapMatrix(Battery):
    def make(self, dtype):
        return OverlapMatrix(cutoff=3.5, n_eigenvalues=30, species=["H", "C", "O"], dtype=dtype)


class Variant(Battery):
    examples = 3
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "n_eigenvalues": 40, "species": ["H", "C", "O"]}
        return OverlapMatrix(**(small | self.parameters), dtype=dtype)


class TestOverlapMatrixWithP(Variant):
    parameters = {"orbitals": "sp", "cutoff": 3.0}


class TestOverlapMatrixLargestFew(Variant):
    parameters = {"n_eigenvalues": 4, "nex": 1}


class TestOverlapMatrixMean(Variant):
    parameters = {"pooling": "mean", "periodic": False, "nex": 3, "species": None}
