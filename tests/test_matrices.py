"""Coulomb, sine and Ewald matrices, and the bag of bonds."""

from vicinal import BagOfBonds, CoulombMatrix, EwaldMatrix, SineMatrix
from vicinal.testing import Battery

SPECIES = ["H", "C", "O"]

GROWS = {"check_supercell": "the matrix of a supercell is larger"}
NO_ORDER = {"check_permutation": "rows are in the order of the atoms, as asked for"}
OF_CELL = {"check_cell_choice": "the sine matrix depends on the choice of cell vectors"}


class Variant(Battery):
    """Variants, in fewer examples."""

    examples = 3
    parameters = {}
    cls = CoulombMatrix

    def make(self, dtype):
        parameters = {"n_atoms_max": 7, "species": SPECIES} | self.parameters
        return self.cls(**parameters, dtype=dtype)


class TestCoulombMatrix(Battery):
    def make(self, dtype):
        return CoulombMatrix(n_atoms_max=8, species=SPECIES, dtype=dtype)


class TestCoulombMatrixLearns(Variant):
    parameters = {"n_atoms_max": None, "species": None}


class TestCoulombEigenspectrum(Variant):
    parameters = {"permutation": "eigenspectrum"}


class TestCoulombRandom(Variant):
    parameters = {"permutation": "random", "sigma": 5.0, "seed": 3}


class TestCoulombTriangle(Variant):
    parameters = {"layout": "triangle"}


class TestCoulombAsGiven(Variant):
    parameters = {"permutation": "none"}
    exempt = NO_ORDER


class TestSineMatrix(Battery):
    exempt = GROWS | OF_CELL

    def make(self, dtype):
        return SineMatrix(n_atoms_max=8, species=SPECIES, dtype=dtype)


class TestSineEigenspectrum(Variant):
    cls = SineMatrix
    parameters = {"permutation": "eigenspectrum"}
    exempt = GROWS | OF_CELL


class TestEwaldMatrix(Battery):
    exempt = GROWS

    def make(self, dtype):
        return EwaldMatrix(n_atoms_max=8, species=SPECIES, dtype=dtype)


class TestEwaldEigenspectrum(Variant):
    cls = EwaldMatrix
    parameters = {"permutation": "eigenspectrum"}
    exempt = GROWS


class TestEwaldTriangle(Variant):
    cls = EwaldMatrix
    parameters = {"layout": "triangle", "permutation": "none", "w": 3.0}
    exempt = GROWS | NO_ORDER


class TestBagOfBonds(Battery):
    def make(self, dtype):
        return BagOfBonds(asize={"H": 6, "C": 6, "O": 7}, species=SPECIES, dtype=dtype)


class TestBagOfBondsLearns(Battery):
    examples = 3

    def make(self, dtype):
        return BagOfBonds(dtype=dtype)
