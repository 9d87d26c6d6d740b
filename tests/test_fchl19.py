"""FCHL19 and its kernel: the battery, the formula in plain NumPy, qmllib, bad input."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from vicinal import FCHL19, Environments
from vicinal.errors import ParameterError, ShapeError
from vicinal.similarity import local_kernel
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
STORED = np.load(Path(__file__).parent / "oracles" / "fchl19.npz")
QMLLIB = json.loads(str(STORED["parameters"]))
ELEMENTS, SETTINGS, SIGMA = QMLLIB["elements"], QMLLIB["settings"], QMLLIB["sigma"]
SMALL = {"cutoff": 3.5, "angular_cutoff": 3.0, "n_two_body": 5, "n_three_body": 4, "zeta": 1.0}


class TestFCHL19(Battery):
    def make(self, dtype):
        return FCHL19(**SMALL, species=SPECIES, dtype=dtype)


class TestFCHL19Fourier(Battery):
    examples = 3

    def make(self, dtype):
        return FCHL19(**SMALL | {"n_fourier": 2, "pooling": "sum"}, dtype=dtype)


def slow(atoms, fchl, species=(1, 6, 8)):
    env = Environments(atoms, fchl.neighbor_cutoff)
    two, three = fchl._shells()
    rows = []

    def fade(r, cutoff):
        return 0.5 * (1 + np.cos(np.pi * r / cutoff)) if r < cutoff else 0.0

    for i in range(env.n_atoms):
        inside = slice(env.pair_offsets[i], env.pair_offsets[i + 1])
        D, Z = env.D[inside], env.numbers[env.j[inside]]
        r = np.linalg.norm(D, axis=1)
        pairs = {z: np.zeros(len(two)) for z in species}
        for j in range(len(r)):
            variance = np.log(1 + fchl.eta2 / r[j] ** 2)
            mu = np.log(r[j] / np.sqrt(1 + fchl.eta2 / r[j] ** 2))
            normal = np.exp(-((np.log(two) - mu) ** 2) / (2 * variance))
            normal /= np.sqrt(2 * np.pi * variance) * two
            pairs[Z[j]] += fade(r[j], fchl.cutoff) * r[j] ** -fchl.two_body_decay * normal
        triples = {
            pair: np.zeros((len(three), fchl.n_fourier, 2))
            for pair in itertools.combinations_with_replacement(species, 2)
        }
        for j, k in itertools.combinations(range(len(r)), 2):
            far = np.linalg.norm(D[j] - D[k])
            cos_i = np.clip(D[j] @ D[k] / (r[j] * r[k]), -1, 1)
            cos_j = D[j] @ (D[j] - D[k]) / (r[j] * far)
            cos_k = D[k] @ (D[k] - D[j]) / (r[k] * far)
            weight = fchl.three_body_weight * np.sqrt(fchl.eta3 / np.pi)
            weight *= 1 + 3 * cos_i * cos_j * cos_k
            weight /= (r[j] * r[k] * far) ** fchl.three_body_decay
            weight *= fade(r[j], fchl.angular_cutoff) * fade(r[k], fchl.angular_cutoff)
            mean = np.exp(-fchl.eta3 * ((r[j] + r[k]) / 2 - three) ** 2)
            for n in range(fchl.n_fourier):
                o, theta = 2 * n + 1, np.arccos(cos_i)
                damping = 2 * np.exp(-((fchl.zeta * o) ** 2) / 2)
                waves = damping * np.array([np.cos(o * theta), np.sin(o * theta)])
                triples[tuple(sorted([Z[j], Z[k]]))][:, n] += weight * mean[:, None] * waves
        rows.append(np.concatenate([v.ravel() for v in (*pairs.values(), *triples.values())]))
    return np.array(rows)


@pytest.mark.parametrize("kind", ["molecule", "cluster", "skewed", "tiny", "wire"])
@pytest.mark.parametrize("more", [{}, {"n_fourier": 2, "eta2": 0.5, "angular_cutoff": 4.0}])
def test_against_the_formula(kind, more):
    atoms = build(kind, (1, 6, 8), 7, seed=2)
    fchl = FCHL19(**SMALL | more, species=SPECIES, accuracy=1e-12)
    expected = slow(atoms, fchl)
    np.testing.assert_allclose(fchl.compute(atoms).values, expected, rtol=1e-9, atol=1e-10)


def test_derivatives_with_the_default_weight():
    """Central differences of every feature, away from straight lines."""
    atoms = build("cluster", (1, 6, 8), 5, seed=4)
    fchl = FCHL19(species=SPECIES, accuracy=1e-13, zeta=1.0)
    jacobian = fchl.jacobian(atoms)
    h = 1e-5
    for atom, axis in itertools.product(range(len(atoms)), range(3)):
        sides = []
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            sides.append(fchl.compute(moved).values)
        expected = (sides[0] - sides[1]) / (2 * h)
        for sample, by, block in zip(jacobian.sample, jacobian.atom, jacobian.values, strict=True):
            if by == atom:
                np.testing.assert_allclose(block[axis], expected[sample], atol=1e-6)


# -- qmllib -------------------------------------------------------------------------------------


def molecule(k):
    return Atoms(STORED[f"{k}/numbers"], STORED[f"{k}/positions"])


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("name", SETTINGS)
def test_qmllib_stored(k, name):
    fchl = FCHL19.from_qmllib(ELEMENTS, **SETTINGS[name], accuracy=1e-12)
    values = fchl.compute(molecule(k)).values
    np.testing.assert_allclose(values, STORED[f"{k}/{name}"], rtol=1e-9, atol=1e-11)


def test_qmllib_gradient():
    expected = STORED["1/gradient"]  # [atom, feature, moved, axis]
    fchl = FCHL19.from_qmllib(ELEMENTS, nRs2=10, nRs3=7, accuracy=1e-12)
    jacobian = fchl.jacobian(molecule(1))
    values = np.zeros_like(expected)
    values[jacobian.sample, :, jacobian.atom] = jacobian.values.transpose(0, 2, 1)
    np.testing.assert_allclose(values, expected, rtol=1e-7, atol=1e-9)
    assert np.abs(expected).max() > 0.1


def test_qmllib_kernel():
    frames = [molecule(k) for k in range(3)]
    fchl = FCHL19.from_qmllib(ELEMENTS)
    features = fchl.compute(frames)
    kernel = local_kernel(features, sigma=SIGMA)
    np.testing.assert_allclose(kernel, STORED["kernel"], rtol=1e-8)
    part = local_kernel(fchl.compute(frames[1:]), features, sigma=SIGMA)
    np.testing.assert_allclose(part, kernel[1:], rtol=1e-12)


def test_kernel_in_pieces_and_of_other_descriptors(monkeypatch):
    frames = [build("cluster", (1, 6, 8), n, seed=n) for n in (3, 6, 4)]
    features = FCHL19(**SMALL, species=SPECIES).compute(frames)
    kernel = local_kernel(features, sigma=0.5)
    number, structure = features.samples["number"], features.samples["structure"]
    apart = ((features.values[:, None] - features.values) ** 2).sum(axis=-1)
    alike = np.exp(-apart / 0.5) * (number[:, None] == number)
    expected = [
        [alike[structure == A][:, structure == B].sum() for B in range(3)] for A in range(3)
    ]
    np.testing.assert_allclose(kernel, expected, rtol=1e-9)
    monkeypatch.setattr("vicinal.similarity.structures.BLOCK", 5)
    np.testing.assert_allclose(local_kernel(features, sigma=0.5), kernel, rtol=1e-12)
    pooled = FCHL19(**SMALL, species=SPECIES, pooling="sum").compute(frames)
    with pytest.raises(ShapeError, match="pooling"):
        local_kernel(pooled, sigma=1.0)
    with pytest.raises(ShapeError, match="compared"):
        local_kernel(features, FCHL19(species=SPECIES).compute(frames), sigma=1.0)
    with pytest.raises(ParameterError, match="sigma"):
        local_kernel(features, sigma=0)


# -- the rest -----------------------------------------------------------------------------------


def test_atoms_in_line():
    atoms = Atoms("COHH", [[0, 0, 0], [0, 0, 1.2], [0, 0, -1.1], [0, 0, 2.1]])
    fchl = FCHL19(zeta=1.0)
    features = fchl.compute(atoms).values
    gradient = fchl.vjp(atoms, np.ones_like(features)).positions
    assert np.isfinite(features).all() and np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[:, :2], 0, atol=1e-12)
    atoms.positions[1, 0] = 1e-9  # almost: the slope of a kink, not more
    almost = fchl.vjp(atoms, np.ones_like(features)).positions
    assert np.abs(almost).max() < 10 * np.abs(gradient).max()


def test_names():
    fchl = FCHL19(cutoff=4.0, angular_cutoff=3.0, n_two_body=2, n_three_body=1, species=["O", "H"])
    assert fchl.names().tolist() == [
        "FCHL19[H] R=2", "FCHL19[H] R=4", "FCHL19[O] R=2", "FCHL19[O] R=4",
        "FCHL19[H,H] R=3 cos 1 theta", "FCHL19[H,H] R=3 sin 1 theta",
        "FCHL19[H,O] R=3 cos 1 theta", "FCHL19[H,O] R=3 sin 1 theta",
        "FCHL19[O,O] R=3 cos 1 theta", "FCHL19[O,O] R=3 sin 1 theta",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cutoff": 0.0}, "cutoff"),
        ({"cutoff": 0.2}, "cutoff"),
        ({"angular_cutoff": -1.0}, "angular_cutoff"),
        ({"n_two_body": 0}, "n_two_body"),
        ({"n_three_body": 2.5}, "n_three_body"),
        ({"n_fourier": 0}, "n_fourier"),
        ({"eta2": 0}, "eta2"),
        ({"eta3": np.inf}, "eta3"),
        ({"zeta": "pi"}, "zeta"),
        ({"two_body_decay": np.nan}, "two_body_decay"),
        ({"periodic": True}, "periodic"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ParameterError, match=message):
        FCHL19(**parameters)


def test_qmllib_elements_in_order():
    with pytest.raises(ParameterError, match="elements"):
        FCHL19.from_qmllib([6, 1])
