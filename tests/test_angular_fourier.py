"""Angular Fourier series."""

import numpy as np
import pytest
from reference.neighbors import cosines, environments

from vicinal import AngularFourierSeries
from vicinal.basis.radial import RadialFunctions
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]


class TestAngularFourierSeries(Battery):
    def make(self, dtype):
        return AngularFourierSeries(cutoff=3.5, n_max=3, l_max=3, species=SPECIES, dtype=dtype)


class TestDistinctNeighbors(Battery):
    """All sums cancel where an atom has one neighbour."""

    examples = 3

    def make(self, dtype):
        small = {"cutoff": 3.5, "n_max": 3, "l_max": 3, "species": SPECIES}
        return AngularFourierSeries(**small, self_terms=False, dtype=dtype)


class TestOtherBasis(Battery):
    examples = 3

    def make(self, dtype):
        return AngularFourierSeries(
            cutoff=3.5,
            n_max=3,
            l_max=4,
            species=SPECIES,
            channels="number",
            radial_basis="gto",
            cutoff_function="cosine",
            pooling="mean",
            dtype=dtype,
        )


def bartok(r, n_max, cutoff):
    """The functions of the paper, equations 23 to 25."""
    alpha = np.arange(1, n_max + 1)
    norm = np.sqrt(cutoff ** (2 * alpha + 5) / (2 * alpha + 5))
    phi = (cutoff - r[:, None]) ** (alpha + 2) / norm
    root = np.sqrt((5 + 2 * alpha)[:, None] * (5 + 2 * alpha))
    values, vectors = np.linalg.eigh(root / (5 + alpha[:, None] + alpha))
    return phi @ (vectors / np.sqrt(values) @ vectors.T)


def other(name):
    def functions(r, n_max, cutoff):
        radial = RadialFunctions(
            radial_basis=name,
            density="delta",
            cutoff=cutoff,
            n_max=n_max,
            l_max=0,
            cutoff_function="cosine",
        )
        return radial.evaluate(r)[:, 0]

    return functions


@pytest.mark.parametrize("channels", ["species", "number", "one"])
@pytest.mark.parametrize("self_terms", [True, False])
@pytest.mark.parametrize("basis", ["bartok", "gto", "bessel"])
def test_explicit_sums(channels, self_terms, basis):
    frames = [build(kind, [1, 6, 8], 6, 4) for kind in ("cluster", "skewed")]
    cutoff, n_max, l_max = 3.8, 3, 5
    functions = bartok if basis == "bartok" else other(basis)
    weights = {"number": [[1.0, 6.0, 8.0]], "one": [[1.0, 1.0, 1.0]], "species": np.eye(3)}
    weights = np.array(weights[channels])
    expected = []
    for D, r, numbers in environments(frames, cutoff):
        g, angle = functions(r, n_max, cutoff), np.arccos(cosines(D, r))
        w = weights[:, np.searchsorted([1, 6, 8], numbers)]
        row = []
        for a in range(len(weights)):
            for b in range(a, len(weights)):
                mask = 1.0 - np.eye(len(r)) * (not self_terms)
                if a == b and not self_terms:
                    mask = np.tril(mask)
                row += [
                    np.sum(mask * np.outer(w[a] * g[:, n], w[b] * g[:, n]) * np.cos(l * angle))
                    for n in range(n_max)
                    for l in range(l_max + 1)
                ]
        expected.append(row)
    descriptor = AngularFourierSeries(
        cutoff=cutoff,
        n_max=n_max,
        l_max=l_max,
        species=SPECIES,
        channels=channels,
        self_terms=self_terms,
        radial_basis=basis,
        cutoff_function=None if basis == "bartok" else "cosine",
    )
    expected = np.array(expected)
    values = descriptor.compute(frames).values
    assert values == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


def test_smoothness_and_names():
    series = AngularFourierSeries(n_max=1, l_max=1, species=["O", "H"])
    assert series.smoothness == 2
    assert series.names().tolist() == [
        f"AFS[{pair}] n=0 l={l}" for pair in ("H,H", "H,O", "O,O") for l in (0, 1)
    ]
    assert AngularFourierSeries(radial_basis="gto").smoothness == -1
    assert AngularFourierSeries(radial_basis="gto", cutoff_function="tanh").smoothness == 2


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"cutoff": np.inf}, "cutoff"),
        ({"n_max": 0}, "n_max"),
        ({"l_max": -1}, "l_max"),
        ({"radial_basis": "quip"}, "density"),
        ({"radial_basis": "none"}, "radial_basis"),
        ({"channels": 3}, "channels"),
        ({"self_terms": 1}, "self_terms"),
        ({"cutoff_function": "padded"}, "cutoff_function"),
        ({"accuracy": None}, "accuracy"),
    ],
)
def test_bad_parameters_are_named(parameters, named):
    with pytest.raises(ParameterError, match=named):
        AngularFourierSeries(**parameters)
