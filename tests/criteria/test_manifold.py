"""The four-body energy, and how well it is learned from rows of known content."""

import itertools

import numpy as np
import pytest
from ase.build import molecule
from ase.units import Bohr
from scipy.spatial.transform import Rotation
from sklearn.kernel_ridge import KernelRidge

from vicinal import registry
from vicinal.criteria import Section, Setting
from vicinal.criteria.geometry import neighbors
from vicinal.criteria.subject import Subject, subject
from vicinal.criteria.uniqueness import manifold
from vicinal.criteria.uniqueness.manifold import four_body_energy, learn, methane_geometries
from vicinal.criteria.uniqueness.pairs import interactions

GEOMETRIES = methane_geometries(60, np.random.default_rng(1))


def measured(what, quick=True):
    section = Section("uniqueness", "Uniqueness", "?")
    made = what if isinstance(what, Subject) else subject(what)
    manifold.measure(made, Setting(quick=quick), section)
    return section


# -- E4 -------------------------------------------------------------------------------------------


def test_energy_against_loops():
    for positions in GEOMETRIES[:5]:
        r = positions / Bohr
        normals = [
            np.cross(r[j] - r[i], r[k] - r[i])
            for i, j, k in ((0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 2, 3))
        ]
        expected = sum((n @ m) ** 2 for n, m in itertools.combinations(normals, 2))
        assert four_body_energy(positions) == pytest.approx(expected, rel=1e-12)
    assert four_body_energy(GEOMETRIES.reshape(3, 20, 4, 3)).shape == (3, 20)


def test_energy_of_a_regular_tetrahedron():
    """Faces of area sqrt(3)/4 a², normals at cosines of 1/3: six terms of (a^4 / 4)²."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    edge = np.sqrt(8)
    assert four_body_energy(corners * Bohr) == pytest.approx(6 * (edge**4 / 4) ** 2)


def test_energy_is_invariant():
    energy = four_body_energy(GEOMETRIES)
    turned = GEOMETRIES @ Rotation.random(random_state=0).as_matrix()
    for same in (turned, -GEOMETRIES, GEOMETRIES[:, [2, 0, 3, 1]], GEOMETRIES + [1, 2, 3]):
        np.testing.assert_allclose(four_body_energy(same), energy, rtol=1e-10)


def test_energy_is_a_term_of_four_atoms():
    """Each atom moves or not: the alternating sum vanishes for sums over triples alone."""
    moves = np.array(list(itertools.product([0, 1], repeat=4)))[:, :, None]
    positions = np.where(moves, *GEOMETRIES[:2])

    def areas(positions):
        sides = positions[:, manifold.TRIPLES[:, 1:]] - positions[:, manifold.TRIPLES[:, :1]]
        return np.linalg.norm(np.cross(sides[:, :, 0], sides[:, :, 1]), axis=-1).sum(axis=-1)

    assert abs(interactions(areas(positions))[-1]) < 1e-12
    energies = four_body_energy(positions)
    assert abs(interactions(energies)[-1]) > 0.1 * np.abs(energies).max()


def test_geometries_are_those_of_a_molecule():
    lengths = np.linalg.norm(GEOMETRIES, axis=2)
    assert np.all((manifold.BONDS[0] <= lengths) & (lengths <= manifold.BONDS[1]))
    apart = np.linalg.norm(GEOMETRIES[:, :, None] - GEOMETRIES[:, None], axis=-1)
    first, second = np.triu_indices(4, 1)
    assert apart[:, first, second].min() > manifold.NEAREST


# -- learning -------------------------------------------------------------------------------------


def test_predictions_are_those_of_kernel_ridge_regression(monkeypatch):
    monkeypatch.setattr(manifold, "LENGTHS", (0.7,))
    monkeypatch.setattr(manifold, "NOISE", (1e-3,))
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 1))
    target = np.sin(2 * rows[:, 0]) + 5
    squared = (rows - rows[:40].T) ** 2
    gamma = 1 / (2 * 0.7**2 * np.median(squared))
    model = KernelRidge(kernel="rbf", gamma=gamma, alpha=1e-3)
    model.fit(rows[:40], target[:40] - target[:40].mean())
    expected = model.predict(rows[40:]) + target[:40].mean()
    np.testing.assert_allclose(learn(rows, target, 40), expected, rtol=1e-8)


def test_noise_is_chosen_by_leaving_one_out(monkeypatch):
    """Pure noise is best predicted by its mean, a smooth function by following it."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(-2, 2, (300, 1))
    smooth = np.sin(2 * rows[:, 0])
    assert np.abs(learn(rows, smooth, 200) - smooth[200:]).max() < 1e-3
    noise = rng.normal(size=300)
    assert learn(rows, noise, 200).std() < 0.4


def test_features_of_all_sizes():
    """What matters may be in the small features: scaled one by one, they count."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2)) * [1, 1e-4]
    target = np.sin(1e4 * rows[:, 1])
    assert np.abs(learn(rows, target, 200) - target[200:]).std() < 0.1


def test_constant_rows_predict_the_mean():
    target = np.arange(30.0)
    np.testing.assert_allclose(learn(np.ones((30, 4)), target, 20), target[:20].mean())


# -- descriptors ----------------------------------------------------------------------------------


def test_more_atoms_at_once_learn_more():
    distances = Subject(registry.make("acsf", g2=[(1.0, 0.8), (4.0, 1.0), (10.0, 1.2)]))
    errors = [measured(what)["e4_error"] for what in (distances, "soap", "so3_bispectrum")]
    assert [error.verdict for error in errors] == ["poor", "fair", "good"]
    assert errors[0].value > errors[1].value > errors[2].value


@pytest.mark.parametrize("name", ["mbtr", "coulomb_matrix", "overlap_matrix", "sine_matrix"])
def test_matrices_and_whole_structures(name):
    error = measured(name)["e4_error"]
    assert error.verdict in ({"n/a"} if name == "sine_matrix" else {"fair", "poor"})


def test_sizes_learned_from_small_molecules_do_not_matter():
    fitted = Subject(registry.make("coulomb_matrix")).fitted([molecule("H2O")])
    assert measured(fitted)["e4_error"].value < 1


def test_species_that_are_known():
    silicon = registry.make("acsf", species=["Si"])
    assert 0.3 < measured(Subject(silicon))["e4_error"].value < 0.9


def test_the_energy_itself_is_learned():
    def answer(frames):
        energies = [four_body_energy(neighbors(frame)[0]) for frame in frames]
        return np.repeat(energies, [len(frame) for frame in frames])[:, None]

    section = measured(answer)
    assert section["e4_error"].value < 0.01
    points, line = section.figures[0].series
    np.testing.assert_allclose(points.x, points.y, atol=0.1)
    assert line.x == line.y


@pytest.mark.parametrize("value", [1.0, "noise"])
def test_nothing_is_learned_from_nothing(value):
    rng = np.random.default_rng(0)

    def empty(frames):
        n = sum(map(len, frames))
        return rng.normal(size=(n, 3)) if value == "noise" else np.full((n, 3), value)

    error = measured(empty)["e4_error"]
    assert error.value > 0.9
    assert error.verdict == "poor"


def test_failures_are_reported():
    def fails(frames):
        if len(frames) > 5:
            raise ValueError("too many")
        return np.ones((sum(map(len, frames)), 1))

    error = measured(fails)["e4_error"]
    assert (error.verdict, error.note) == ("failed", "ValueError: too many")


def test_the_same_seed_gives_the_same_number():
    assert measured("acsf").measurements == measured("acsf").measurements
