"""Invariants in 3D Zernike polynomials."""

import numpy as np
import pytest
from oracles.make_moments_peers import FILE, structure
from reference.neighbors import environments
from reference.soap_numpy import real_harmonics
from scipy.special import gamma

from vicinal import Zernike
from vicinal.basis.cutoff import get_cutoff_function
from vicinal.descriptors.zernike import zernike_polynomials
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]


class TestZernike(Battery):
    def make(self, dtype):
        return Zernike(cutoff=3.5, degree=4, species=SPECIES, dtype=dtype)


class TestEachSpecies(Battery):
    examples = 3

    def make(self, dtype):
        parameters = {"channels": "species", "cutoff_function": "polynomial", "pooling": "sum"}
        return Zernike(cutoff=3.5, degree=3, species=SPECIES, dtype=dtype, **parameters)


class TestOwnWeights(Battery):
    examples = 2

    def make(self, dtype):
        return Zernike(cutoff=3.5, degree=5, channels={"H": 1, "C": -0.5, "O": 2}, dtype=dtype)


def slow_polynomial(n, l, x):
    """The sum of powers of the paper."""

    def binomial(a, b):
        return gamma(a + 1) / (gamma(b + 1) * gamma(a - b + 1))

    k = (n - l) // 2
    total = sum(
        (-1) ** s * binomial(k, s) * binomial(n - s + 0.5, k) * x ** (n - 2 * s)
        for s in range(k + 1)
    )
    return np.sqrt(2 * n + 3) * total


@pytest.mark.parametrize("channels", ["number", "species", "one"])
@pytest.mark.parametrize("fade", ["cosine", "polynomial"])
def test_explicit_sums(channels, fade):
    frames = [build(kind, [1, 6, 8], 7, 9) for kind in ("cluster", "skewed")]
    degree, cutoff = 6, 3.8
    weights = {
        "number": [[1, 6, 8]],
        "one": [[1, 1, 1]],
        "species": np.eye(3),
    }[channels]
    expected = []
    for D, r, numbers in environments(frames, cutoff):
        f = get_cutoff_function(fade)(r, cutoff=cutoff)
        Y = real_harmonics(degree, D) if len(r) else np.zeros((0, (degree + 1) ** 2))
        kind = np.searchsorted([1, 6, 8], numbers)
        row = []
        for a in range(len(weights)):
            for b in range(a, len(weights)):
                for n in range(degree + 1):
                    for l in range(n % 2, n + 1, 2):
                        R = f * slow_polynomial(n, l, r / cutoff)
                        ca, cb = (
                            (np.asarray(weights[c])[kind] * R) @ Y[:, l * l : (l + 1) ** 2]
                            for c in (a, b)
                        )
                        row.append(ca @ cb)
        expected.append(row)
    descriptor = Zernike(
        cutoff=cutoff, degree=degree, channels=channels, species=SPECIES, cutoff_function=fade
    )
    values = descriptor.compute(frames).values
    expected = np.array(expected)
    assert values == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


def test_polynomials_are_orthonormal_on_the_unit_ball():
    x, w = np.polynomial.legendre.leggauss(60)
    x, w = (x + 1) / 2, w / 2
    functions = zernike_polynomials(x, 20)
    for l in range(21):
        some = functions[:, l, l::2]
        overlap = np.einsum("x,xn,xm->nm", w * x**2, some, some)
        assert overlap == pytest.approx(np.eye(some.shape[1]), abs=1e-11)


def test_amp():
    stored = np.load(FILE)
    descriptor = Zernike.from_amp(cutoff=6.0, nmax=5, elements=["C", "H", "O"], accuracy=1e-12)
    values = descriptor.compute(structure(stored, "ethanol_rattled")).values
    assert values == pytest.approx(stored["ethanol_rattled/amp"], rel=1e-10, abs=1e-9)


def test_parameters_of_amp():
    polynomial = {"name": "Polynomial", "kwargs": {"Rc": 5.0, "gamma": 4}}
    descriptor = Zernike.from_amp(cutoff=polynomial)
    assert (descriptor.cutoff, descriptor.cutoff_function) == (5.0, "polynomial")
    lengths = [Zernike(degree=n, species=["C"]).n_features for n in range(9)]
    assert lengths == [1, 2, 4, 6, 9, 12, 16, 20, 25]
    for bad in ({"name": "Tanh"}, {"name": "Polynomial", "kwargs": {"Rc": 5.0, "gamma": 2}}):
        with pytest.raises(ParameterError, match="cutoff"):
            Zernike.from_amp(cutoff=bad)


def test_names():
    names = Zernike(degree=2, species=["H", "O"], channels="species").names().tolist()
    assert names[:4] == [f"Zernike[H,H] n={n} l={l}" for n, l in ((0, 0), (1, 1), (2, 0), (2, 2))]
    assert names[4] == "Zernike[H,O] n=0 l=0"
    assert Zernike(degree=0, species=["H", "O"]).names().tolist() == ["Zernike[H+O,H+O] n=0 l=0"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"cutoff": 0}, "cutoff"),
        ({"degree": -1}, "degree"),
        ({"degree": 2.0}, "degree"),
        ({"channels": "elements"}, "channels"),
        ({"channels": {}}, "channels"),
        ({"channels": {"Xx": 1}}, "Xx"),
        ({"channels": {"H": "heavy"}}, r"channels\['H'\]"),
        ({"cutoff_function": "shifted_cosine"}, "cutoff_function"),
        ({"accuracy": -1e-3}, "accuracy"),
    ],
)
def test_bad_parameters_are_named(parameters, named):
    with pytest.raises(ParameterError, match=named):
        Zernike(**parameters)


def test_channels_that_lack_a_species():
    with pytest.raises(ParameterError, match="channels has no value for O"):
        Zernike(channels={"H": 1}).compute(build("molecule", [8], 3, 1))
