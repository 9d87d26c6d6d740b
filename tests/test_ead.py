"""Embedded atom density."""

from itertools import product
from math import factorial

import numpy as np
import pytest
from oracles.make_moments_peers import FILE, structure
from reference.neighbors import environments, position_jacobian

from vicinal import EAD
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
PYXTAL = {"parameters": {"L": 2, "eta": [0.5, 1.0], "Rs": [1.0, 2.0]}, "Rc": 5.0}


class TestEAD(Battery):
    def make(self, dtype):
        return EAD(cutoff=3.5, l_max=2, eta=[0.1, 1.0], mu=[0.0, 1.5], species=SPECIES, dtype=dtype)


class TestCumulative(Battery):
    examples = 3

    def make(self, dtype):
        return EAD.from_pyxtal_ff(
            {"L": 3, "eta": [0.3], "Rs": [0.0, 1.0]},
            Rc=3.5,
            cutoff="tanh",
            species=SPECIES,
            pooling="mean",
            dtype=dtype,
        )


@pytest.mark.parametrize("cumulative", [False, True])
@pytest.mark.parametrize("channels", ["species", "number", "one"])
def test_explicit_orbitals(channels, cumulative):
    """Squares of the sums over x^lx y^ly z^lz, orbital after orbital."""
    frames = [build(kind, [1, 6, 8], 6, 3) for kind in ("cluster", "skewed")]
    parameters = {"cutoff": 3.8, "l_max": 4, "eta": [0.1, 0.7], "mu": [0.0, 1.0, 2.0]}
    weights = {"number": [[1.0, 6.0, 8.0]], "one": [[1.0, 1.0, 1.0]], "species": np.eye(3)}
    weights = np.array(weights[channels])
    rc = parameters["cutoff"]
    expected = []
    for D, r, numbers in environments(frames, rc):
        f = 0.5 * (np.cos(np.pi * r / rc) + 1)
        row = []
        for w in weights[:, np.searchsorted([1, 6, 8], numbers)]:
            for L, eta, mu in product(range(5), parameters["eta"], parameters["mu"]):
                total = 0.0
                for K in range(0 if cumulative else L, L + 1):
                    for lx, ly, lz in product(range(K + 1), repeat=3):
                        if lx + ly + lz != K:
                            continue
                        orbital = np.prod(D ** np.array([lx, ly, lz]), axis=1)
                        orbital = w * orbital * np.exp(-eta * (r - mu) ** 2) * f
                        times = factorial(lx) * factorial(ly) * factorial(lz)
                        total += factorial(L) / times * orbital.sum() ** 2 / rc ** (2 * L)
                row.append(total)
        expected.append(row)
    descriptor = EAD(**parameters, channels=channels, species=SPECIES, cumulative=cumulative)
    expected = np.array(expected)
    values = descriptor.compute(frames).values
    assert values == pytest.approx(expected, rel=1e-8, abs=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["Si2_triclinic", "NaCl_8"])
def test_pyxtal_ff(name):
    stored = np.load(FILE)
    atoms = structure(stored, name)
    descriptor = EAD.from_pyxtal_ff(**PYXTAL, accuracy=1e-12)
    values = descriptor.compute(atoms).values
    assert values == pytest.approx(stored[f"{name}/ead"], abs=1e-11 * values.max())
    got = position_jacobian(descriptor, atoms)
    want = np.zeros_like(got)
    want[tuple(stored[f"{name}/ead_seq"].T)] = stored[f"{name}/ead_dxdr"]
    assert got == pytest.approx(want, abs=1e-9 * np.abs(want).max())


def test_names():
    names = EAD(l_max=1, eta=[0.5], mu=[0.0, 1.0], species=["O", "H"]).names().tolist()
    assert names[:4] == [f"EAD[H] L={L} eta=0.5 mu={mu}" for L in (0, 1) for mu in (0, 1)]
    assert names[4] == "EAD[O] L=0 eta=0.5 mu=0"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"cutoff": "far"}, "cutoff"),
        ({"l_max": -1}, "l_max"),
        ({"eta": []}, "eta"),
        ({"eta": 0.5}, "eta"),
        ({"eta": [0.5, -1.0]}, "eta"),
        ({"mu": [np.nan]}, "mu"),
        ({"mu": "0"}, "mu"),
        ({"channels": "all"}, "channels"),
        ({"cumulative": "yes"}, "cumulative"),
        ({"cutoff_function": "shifted_cosine"}, "cutoff_function"),
    ],
)
def test_bad_parameters_are_named(parameters, named):
    with pytest.raises(ParameterError, match=named):
        EAD(**parameters)


def test_bad_parameters_of_pyxtal_ff():
    with pytest.raises(ParameterError, match="cutoff"):
        EAD.from_pyxtal_ff(PYXTAL["parameters"], cutoff="poly1")
