"""Dimensions, duplicates and growth of features, on known cases."""

import numpy as np
import pytest

import vicinal as vc
from vicinal.criteria import Setting, samples, structure
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject, subject

NAMES = vc.registry.names()
rng = np.random.default_rng(2)


def measured(what, **setting) -> Section:
    section = Section("structure", "", "")
    structure.measure(subject(what), Setting(quick=True, **setting), section)
    return section


# -- dimensions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8])
def test_two_nn_of_gaussians(d):
    """Of a Gaussian the estimate is a little low in many dimensions: its density is not uniform."""
    X = rng.normal(size=(2000, d)) @ rng.normal(size=(d, 20))
    assert structure.two_nn(X) == pytest.approx(d, rel=0.1)


def test_two_nn_of_a_curved_surface():
    angles = rng.uniform(0, 2 * np.pi, (1500, 2))
    torus = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    assert structure.two_nn(torus) == pytest.approx(2, rel=0.1)


def test_two_nn_ignores_copies_and_turns():
    X = rng.normal(size=(300, 3))
    alone = structure.two_nn(X)
    assert structure.two_nn(np.concatenate([X, X[::3]])) == pytest.approx(alone, rel=1e-9)
    wide = np.linalg.qr(rng.normal(size=(350, 350)))[0][:3]
    assert structure.two_nn(4 * X @ wide + 1) == pytest.approx(alone, rel=1e-6)


def test_two_nn_of_too_little():
    for rows in (np.ones((50, 3)), rng.normal(size=(9, 3)), np.arange(50.0)[:, None]):
        with pytest.raises(NotApplicable):
            structure.two_nn(rows)


def test_effective_dimension():
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T  # uncorrelated, variance 1
    wide = np.zeros((8, 6))
    wide[:, :3] = signs
    assert structure.effective_dimension(wide @ turn + 2) == pytest.approx(3)
    wide[:, :3] = signs * [2, 1, 0]  # variances 4, 1: 25 / 17
    assert structure.effective_dimension(wide @ turn) == pytest.approx(25 / 17)
    assert structure.effective_dimension(np.ones((5, 4))) == 0


def test_components():
    assert structure.components([90, 9, 0.9, 0.1], 0.9) == 1
    assert structure.components([90, 9, 0.9, 0.1], 0.99) == 2
    assert structure.components([90, 9, 0.9, 0.1], 0.999) == 3
    assert structure.components([90, 9, 0.9, 0.1], 1) == 4
    assert structure.components([0, 0], 0.99) == 0


def test_variances_are_those_of_the_covariance():
    for shape in ((40, 5), (20, 60)):
        X = rng.normal(size=shape) * np.arange(1, shape[1] + 1)
        expected = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1][: min(shape)]
        assert structure.principal_variances(X) == pytest.approx(expected, abs=1e-9 * expected[0])


def test_reduced_rows_keep_their_distances():
    X = rng.normal(size=(20, 300)) + 7
    small = structure.reduced(X)
    assert small.shape == (20, 20)
    assert small @ small.T == pytest.approx((X - X.mean(0)) @ (X - X.mean(0)).T)
    assert structure.reduced(X.T).shape == (300, 20)


# -- features -----------------------------------------------------------------------------------


def test_idle_features():
    x, y = rng.normal(size=(2, 100))
    X = np.stack([x, np.full(100, 3.0), 5 - 2 * x, y, x + 1e-3 * y, np.zeros(100), y], axis=1)
    constant, redundant = structure.idle_features(X)
    assert np.flatnonzero(constant).tolist() == [1, 5]
    assert np.flatnonzero(redundant).tolist() == [2, 6]


def test_kernel_values():
    X = np.array([[1.0, 0], [0, 2], [3, 3], [0, 0]])
    assert np.sort(structure.kernel_values(X)) == pytest.approx([0, 0.5**0.5, 0.5**0.5])


@pytest.mark.parametrize(
    "name, power",
    [("soap", 2), ("ead", 1), ("so3", 0), ("overlap_matrix", 0), ("snap", 3), ("afs", 2)],
)
def test_features_grow_with_species(name, power):
    section = Section("structure", "", "")
    structure._growth(subject(name), section)
    assert section["exponent_features_species"].value == pytest.approx(power, abs=0.3)


def test_features_of_a_larger_basis():
    """SO(3) power spectrum: n (n + 1) / 2 (l + 1) features."""
    section = Section("structure", "", "")
    structure._growth(subject(vc.SO3PowerSpectrum(n_max=3, l_max=2)), section)
    assert section["features_basis"].value == (6 * 7 / 2 * 5) / (3 * 4 / 2 * 3)
    assert ("n_max x 2", 21 * 3) in section.tables[0].rows
    assert ("l_max x 2", 6 * 5) in section.tables[0].rows


# -- descriptors --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_descriptor_has_a_structure(name):
    frames = samples.structures(subject(name), 6, size=6)
    section = measured(name, frames=frames)
    assert not [m for m in section.measurements if m.verdict == "failed"]
    assert section["features"].value > 0
    assert section["constant_size"].value is True
    assert 1 <= section["effective_dimension"].value <= section["features"].value
    assert section["components_99"].value <= section["components_999"].value
    assert {figure.title for figure in section.figures} == {"Principal components", "Kernel values"}


def test_symmetric_matrices_repeat_themselves():
    """The two triangles of a Coulomb matrix; the layout "triangle" has one."""
    section = measured(vc.CoulombMatrix(permutation="sorted_l2"))
    assert section["redundant_features"].value == pytest.approx(0.45)
    assert section["redundant_features"].verdict == "poor"
    section = measured(vc.CoulombMatrix(permutation="sorted_l2", layout="triangle"))
    assert section["redundant_features"].value == 0
    assert section["redundant_features"].verdict == "good"


def test_built_in_rows_without_structures():
    section = measured("ead")
    assert "200 rows" in section["features"].note
    assert section["constant_features"].value == section["redundant_features"].value == 0


def test_rows_of_changing_length():
    def distances(frames):
        return np.stack([np.sort(frame.get_all_distances().ravel()) for frame in frames])

    section = measured(Subject(distances, species=["H", "O"]))
    assert section["constant_size"].value is False
    assert section["constant_size"].verdict == "poor"
    assert section["features"].value == 100  # of 10 atoms each
    assert section["constant_features"].value == 0.1  # zeros
    assert section["redundant_features"].value == 0.45  # each distance twice
    assert section["exponent_features_species"].value == pytest.approx(0)


def test_functions_that_say_nothing_or_fail():
    def blind(frames):
        return np.ones((sum(map(len, frames)), 3))

    section = measured(blind)
    assert section["constant_features"].value == 1
    assert section["effective_dimension"].verdict == "n/a"
    assert section["intrinsic_dimension"].verdict == "n/a"
    assert section["kernel_spread"].value == pytest.approx(0, abs=1e-12)

    def broken(frames):
        return np.full((len(frames), 3), np.nan)

    section = measured(broken)
    assert {m.verdict for m in section.measurements} <= {"failed", "n/a"}
    assert "NaN" in section["features"].note
    assert "effective_dimension" not in section


def test_one_structure_alone():
    section = measured("soap", frames=samples.structures(subject("soap"), 1, size=6))
    assert section["constant_size"].verdict == "n/a"
    assert section["features"].value == 2100
    section = measured("coulomb_matrix", frames=samples.structures(subject("soap"), 1, size=6))
    assert section["effective_dimension"].verdict == "n/a"
