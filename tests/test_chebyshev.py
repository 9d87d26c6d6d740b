"""The Chebyshev descriptor of Artrith, Urban and Ceder."""

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebvander
from oracles.make_moments_peers import FILE, structure
from reference.neighbors import cosines, environments

from vicinal import ChebyshevAUC, Descriptor
from vicinal.descriptors.chebyshev import aenet_weights, balanced_weights
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
SMALL = {"cutoff": 3.5, "angular_cutoff": 3.0, "radial_order": 5, "angular_order": 4}
AENET = {"radial_Rc": 4.0, "radial_N": 10, "angular_Rc": 1.5, "angular_N": 3}


class TestChebyshev(Battery):
    def make(self, dtype):
        return ChebyshevAUC(species=SPECIES, dtype=dtype, **SMALL)


class Small(Battery):
    examples = 3
    parameters = {}

    def make(self, dtype):
        return ChebyshevAUC(**(SMALL | {"species": SPECIES} | self.parameters), dtype=dtype)


class TestOneSpecies(Small):
    examples = 2
    parameters = {"species": ["O"]}


class TestAngularFarther(Small):
    parameters = {"cutoff": 3.0, "angular_cutoff": 3.5, "cutoff_function": "tanh"}


class TestOwnWeights(Small):
    parameters = {"weights": {"H": 0.5, "C": -1.0, "O": 2.0, "Si": 3.0}, "pooling": "sum"}


def slow(frames, parameters, weights):
    """The sums of the paper; weights of atomic numbers, or None for one species."""
    rc, ra = parameters["cutoff"], parameters["angular_cutoff"]
    rows = []
    for D, r, numbers in environments(frames, max(rc, ra)):
        row = []
        for channel in (1, 2) if weights else (1,):
            w = np.ones(len(r)) if channel == 1 else np.array([weights[z] for z in numbers])
            f = np.where(r < rc, 0.5 * (np.cos(np.pi * r / rc) + 1), 0)
            row += list((w * f) @ chebvander(2 * r / rc - 1, parameters["radial_order"]))
            f = np.where(r < ra, 0.5 * (np.cos(np.pi * r / ra) + 1), 0)
            angular = np.zeros(parameters["angular_order"] + 1)
            cosine = cosines(D, r)
            for j in range(len(r)):
                for k in range(j):
                    polynomials = chebvander(cosine[j, k], len(angular) - 1).ravel()
                    angular += w[j] * w[k] * f[j] * f[k] * polynomials
            row += list(angular)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("angular_cutoff", [3.0, 4.0])
def test_explicit_sums(angular_cutoff):
    frames = [build(kind, [1, 6, 8], 7, 5) for kind in ("cluster", "skewed", "slab")]
    parameters = SMALL | {"angular_cutoff": angular_cutoff}
    values = ChebyshevAUC(species=SPECIES, **parameters).compute(frames).values
    expected = slow(frames, parameters, dict(zip([1, 6, 8], balanced_weights(3), strict=True)))
    assert values == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_explicit_sums_of_high_order():
    frames = [build("bulk", [8], 6, 5)]
    parameters = {"cutoff": 4.0, "angular_cutoff": 3.5, "radial_order": 20, "angular_order": 16}
    values = ChebyshevAUC(**parameters).compute(frames).values
    assert values == pytest.approx(slow(frames, parameters, None), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "species"), [("water", ["O", "H"]), ("lmnto", ["Li", "Mo", "Ni", "Ti", "O"])]
)
def test_aenet(name, species):
    stored = np.load(FILE)
    descriptor = ChebyshevAUC.from_aenet(species, **AENET)
    values = descriptor.compute(structure(stored, name)).values
    assert values == pytest.approx(stored[f"{name}/aenet"], abs=1e-10)
    again = Descriptor.from_json(descriptor.to_json())
    assert again.compute(structure(stored, name)).values == pytest.approx(values, abs=0)


def test_names():
    descriptor = ChebyshevAUC(radial_order=1, angular_order=0, species=["Ti", "O"])
    names = [
        f"{kind}[O+Ti] weight={weight} order={order}"
        for weight in "1s"
        for kind, order in (("radial", 0), ("radial", 1), ("angular", 0))
    ]
    assert descriptor.names().tolist() == names


@pytest.mark.parametrize("n", range(2, 40))
def test_balanced_weights_have_no_blind_spot(n):
    weights = balanced_weights(n)
    assert (np.diff(weights) > 0).all() and np.abs(weights).min() > 0.01
    assert weights.sum() == pytest.approx(0) and (weights**2).mean() == pytest.approx(1)


def test_aenet_weights():
    got = [aenet_weights(n).tolist() for n in (2, 3, 4, 5)]
    assert got == [[-1, 1], [-1, 0, 1], [-2, -1, 1, 2], [-2, -1, 0, 1, 2]]


def test_no_species_is_invisible_by_default():
    atoms = build("cluster", [1, 6, 8], 8, 2)
    atoms.numbers[:] = [1, 6, 8, 6, 1, 8, 6, 1]
    for weights, sees in (("balanced", True), ("aenet", False)):
        descriptor = ChebyshevAUC(species=SPECIES, weights=weights, **SMALL)
        weighted = np.flatnonzero(["weight=s" in name for name in descriptor.names()])
        without = atoms[atoms.numbers != 6]
        kept = np.flatnonzero(atoms.numbers != 6)
        same = descriptor.compute(without).values[:, weighted] == pytest.approx(
            descriptor.compute(atoms).values[kept][:, weighted], abs=1e-8
        )
        assert same is not sees


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"cutoff": -1}, "cutoff"),
        ({"angular_cutoff": 0.0}, "angular_cutoff"),
        ({"radial_order": -1}, "radial_order"),
        ({"angular_order": 2.5}, "angular_order"),
        ({"weights": "random"}, "weights"),
        ({"weights": {}}, "weights"),
        ({"weights": {"H": np.nan}}, r"weights\['H'\]"),
        ({"weights": {"H": 1.0}, "species": ["H", "O"]}, "weights has no value for O"),
        ({"cutoff_function": "shifted_cosine"}, "cutoff_function"),
        ({"accuracy": 0}, "accuracy"),
    ],
)
def test_bad_parameters_are_named(parameters, named):
    with pytest.raises(ParameterError, match=named):
        ChebyshevAUC(**parameters)


def test_aenet_needs_different_species():
    with pytest.raises(ParameterError, match="twice"):
        ChebyshevAUC.from_aenet(["O", 8], **AENET)


def test_weights_that_lack_a_species_of_the_structures():
    descriptor = ChebyshevAUC(weights={"H": 1.0})
    with pytest.raises(ParameterError, match="no value for O"):
        descriptor.compute(build("molecule", [1, 8], 6, 1))
