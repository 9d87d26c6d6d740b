"""Every descriptor in the registry passes the battery.

One class for each family, or variant: those of SOAP here, the others in the families' own files.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest

from vicinal import SOAP, registry
from vicinal.testing import Battery

SPECIES = ["H", "C", "O"]


class TestSOAP(Battery):
    def make(self, dtype):
        return SOAP(cutoff=3.5, n_max=3, l_max=3, species=SPECIES, dtype=dtype)


class SmallSOAP(Battery):
    """Variants, in fewer examples."""

    examples = 4
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "n_max": 3, "l_max": 3, "species": SPECIES}
        return SOAP(**(small | self.parameters), dtype=dtype)


class TestSOAPLarger(SmallSOAP):
    parameters = {"cutoff": 4.5, "n_max": 5, "l_max": 6, "sigma": 0.4, "species": ["O", "H"]}


class TestSOAPOnlyRadial(SmallSOAP):
    parameters = {"n_max": 2, "l_max": 0, "species": ["O"]}


class TestSOAPLearnsSpecies(SmallSOAP):
    parameters = {"species": None}


class TestSOAPPolynomial(SmallSOAP):
    parameters = {"radial_basis": "polynomial"}


class TestSOAPBessel(SmallSOAP):
    parameters = {"radial_basis": "bessel", "cutoff_function": "cosine"}


class TestSOAPDelta(SmallSOAP):
    parameters = {"density": "delta", "cutoff_function": "tanh", "central_weight": 0.0}


class TestSOAPWeighted(SmallSOAP):
    parameters = {"weighting": {"function": "pow", "r0": 2.0, "c": 1.0, "d": 1.0, "m": 4.0}}


class TestSOAPMu2(SmallSOAP):
    parameters = {"compression": "mu2"}


class TestSOAPMu1Nu1(SmallSOAP):
    parameters = {"compression": "mu1nu1", "normalization": "l2"}


class TestSOAPCrossover(SmallSOAP):
    parameters = {"compression": "crossover", "pooling": "mean"}


class TestSOAPMixing(SmallSOAP):
    parameters = {"mixing": [[1.0, 0.5, -0.3], [0.0, 0.7, 1.2]], "normalization": "l2"}


class TestSOAPInner(SmallSOAP):
    parameters = {"pooling": "inner", "normalization": "l2"}


class TestSOAPSum(SmallSOAP):
    parameters = {"pooling": "sum"}


class TestSOAPSparse(SmallSOAP):
    parameters = {"sparse": True}


class TestSOAPSparseNormalized(SmallSOAP):
    parameters = {"sparse": True, "normalization": "l2", "pooling": "mean"}


class TestSOAPIgnoresPeriodicity(SmallSOAP):
    parameters = {"periodic": False}


class TestSOAPLikeDScribe(SmallSOAP):
    """DScribe's Gaussians end where they are small, not where they are zero."""

    parameters = {
        "convention": "dscribe",
        "radial_basis": "gto_dscribe",
        "cutoff_function": "padded",
    }


class TestSOAPLikeFeatomic(SmallSOAP):
    parameters = {"convention": "featomic"}


class TestSOAPLikeQUIP(SmallSOAP):
    parameters = {"convention": "quip", "radial_basis": "quip", "normalization": "l2"}


def subclasses(cls) -> set[type]:
    return {cls}.union(*map(subclasses, cls.__subclasses__()))


@pytest.mark.parametrize("entry", registry.ENTRIES, ids=lambda entry: entry.name)
def test_every_descriptor_has_a_battery(entry):
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(path.stem)
    tested = {
        type(battery().make("float64"))
        for battery in subclasses(Battery) - {Battery}
        if "make" in dir(battery)
    }
    assert entry.cls in tested, f"no class in the tests inherits the battery for {entry.name}"


def test_mixing_may_be_an_array():
    mixing = np.array(TestSOAPMixing.parameters["mixing"])
    soap = SOAP(cutoff=3.5, n_max=2, l_max=2, species=SPECIES, mixing=mixing)
    again = SOAP.from_json(soap.to_json())
    assert again.n_features == soap.n_features
    assert again.names().tolist() == soap.names().tolist()
