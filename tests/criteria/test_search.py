"""The search finds degenerate pairs where there are some, and none where there are none."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from blindness import RADIAL, blind, constant, environment, fails, not_a_number
from scipy.optimize import approx_fprime

from vicinal.criteria import Setting, geometry
from vicinal.criteria.results import Section
from vicinal.criteria.subject import subject
from vicinal.criteria.uniqueness import search
from vicinal.criteria.uniqueness.descent import Fence, descend
from vicinal.criteria.uniqueness.search import closest, near_known_pair


def measured(target, frames=None, **options):
    section = Section("uniqueness", "", "")
    search.measure(subject(target, **options), Setting(frames, quick=True), section)
    return section


def check(one, pair, ratio):
    """What a pair says of itself, worked out again."""
    rows = one.at([pair.first]), one.at([pair.second])
    assert np.linalg.norm(rows[0] - rows[1]) == pytest.approx(pair.descriptor_distance, abs=1e-12)
    apart = geometry.distance(pair.first, pair.second, proper=False)
    assert apart == pytest.approx(pair.geometric_distance, abs=1e-8)
    assert apart > 0.9 * search.BOUND
    assert pair.ratio < ratio
    assert pair.first.numbers.tolist() == pair.second.numbers.tolist()


@pytest.mark.parametrize(
    ("name", "seed"), [("soap", 0), ("soap", 1), ("afs", 2), ("aev", 3), ("fchl19", 4)]
)
def test_three_body_descriptors_have_a_pair_near_the_known_family(name, seed):
    rng = np.random.default_rng(seed)
    one = subject(name)
    first, second = near_known_pair(one, 0.05, rng)
    one = one.fitted([first])
    rows = one.at([first, second])
    assert np.linalg.norm(rows[0] - rows[1]) > 1e-4 * np.linalg.norm(rows[0])
    pair = closest(one, first, partner=second, free=True, seed=rng)
    check(one, pair, 1e-7)
    moved = pair.first.positions - first.positions
    assert np.abs(moved).max() < 0.3
    # Another density tells nothing apart either: the pair is degenerate, not badly described.
    if name == "soap":
        other = subject("afs").fitted([first])
        rows = other.at([pair.first, pair.second])
        assert np.linalg.norm(rows[0] - rows[1]) < 1e-6 * np.linalg.norm(rows[0])


def test_acsf_with_angles_too():
    g4 = [(eta, zeta, sign) for eta in (0.01, 0.1) for zeta in (1, 2, 4, 8) for sign in (1, -1)]
    one = subject("acsf", RADIAL | {"g4": g4})
    rng = np.random.default_rng(0)
    first, second = near_known_pair(one, 0.05, rng)
    one = one.fitted([first])
    check(one, closest(one, first, partner=second, free=True, seed=rng), 1e-7)


@pytest.mark.parametrize("name", ["so3_bispectrum", "so4_bispectrum"])
def test_four_body_descriptors_have_none_there(name):
    rng = np.random.default_rng(0)
    one = subject(name)
    first, second = near_known_pair(one, 0.05, rng)
    pair = closest(one.fitted([first]), first, partner=second, free=True, seed=rng)
    assert pair.ratio > 1e-3


def test_an_environment_turned_around_is_no_partner():
    one = subject("soap")
    frame = environment(one, 5)
    turned = frame[[0, 3, 1, 2, 5, 4]]
    turned.rotate(40, (1, 2, 3))
    assert closest(one.fitted([frame]), frame, partner=turned, effort=1) is None


def test_the_known_pair_is_degenerate():
    one = subject("soap")
    pair = near_known_pair(one, 0.0, np.random.default_rng(0))
    rows = one.fitted(pair).at(pair)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-14)
    assert geometry.distance(*pair, proper=False) > 0.3
    rows = subject("so4_bispectrum").fitted(pair).at(pair)
    assert np.linalg.norm(rows[0] - rows[1]) > 1e-3 * np.linalg.norm(rows[0])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_distances_alone_have_partners_anywhere(seed):
    one = subject("acsf", RADIAL)
    frame = environment(one, 5, seed)
    pair = closest(one.fitted([frame]), frame, starts=3, seed=seed)
    check(one.fitted([frame]), pair, 1e-7)
    np.testing.assert_array_equal(pair.first.positions, frame.positions)


def test_a_generic_environment_has_no_exact_partner_for_soap():
    one = subject("soap")
    frame = environment(one, 5)
    pair = closest(one.fitted([frame]), frame, starts=3, effort=40)
    assert 1e-3 < pair.ratio < 1.0
    assert pair.geometric_distance > 0.9 * search.BOUND


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("name", ["soap", "coulomb_matrix"])
def test_derivatives_of_the_objective(name, free):
    one = subject(name)
    frame = environment(one, 4)
    rng = np.random.default_rng(1)
    objective = search._Search(one.fitted([frame]), frame, free=free, bound=0.5, roam=0.05, rng=rng)
    # Inside the bound on the distance, outside of where A may roam: all residuals are at work.
    b = objective.a + objective.coordinates.displacement(objective.a, 0.3, rng)
    a = objective.a + objective.coordinates.displacement(objective.a, 0.1, rng)
    # Numbered otherwise in B: what belongs together must be found.
    b = b.reshape(-1, 3)[[2, 0, 3, 1]].ravel() if name == "soap" else b
    x = np.concatenate([a, b]) if free else b
    objective.realign(x)
    assert 0 < objective.align(x, None)[0] < 0.5
    step = 1e-6
    columns = [
        (objective.residuals(x + step * e) - objective.residuals(x - step * e)) / (2 * step)
        for e in np.eye(len(x))
    ]
    np.testing.assert_allclose(objective.jacobian(x), np.transpose(columns), atol=2e-5)
    value, gradient = objective.gradient(x)
    residuals = objective.residuals(x)
    assert value == pytest.approx(residuals @ residuals)
    np.testing.assert_allclose(gradient, 2 * residuals @ objective.jacobian(x), atol=1e-8)


def test_fence():
    home = np.array([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0]]).ravel()
    fence = Fence(3, np.zeros(3), apart=1.0, hollow=0.8, within=3.5, home=home, roam=0.5)
    assert not fence(home)[0].any()
    for move, excess in (
        ([0, 0, 0, 0, 0, 0, 0, 0, 1.0], [0.5, 0.5]),  # beyond reach, and far from home
        ([-0.4, 0, 0, 0, 0, 0, 0, 0, 0], [0.2]),  # into the centre
        ([0, 0, 0, 0.8, -1.7, 0, 0, 0, 0], [0.6394448, 1.378829]),  # into another
    ):
        x = home + np.array(move)
        values, jacobian = fence(x)
        np.testing.assert_allclose(sorted(values[values > 0]), excess, atol=1e-6)
        numeric = [
            approx_fprime(x, lambda y, k=k: fence(y)[0][k], 1e-7) for k in range(len(values))
        ]
        np.testing.assert_allclose(jacobian, numeric, atol=1e-5)


def test_descent_comes_down_to_rounding():
    def residuals(x):  # Rosenbrock's valley
        return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    def jacobian(x):
        return np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])

    def gradient(x):
        return residuals(x) @ residuals(x), 2 * residuals(x) @ jacobian(x)

    x = descend(gradient, residuals, jacobian, np.array([-1.2, 1.0]), first=5, then=100)
    np.testing.assert_allclose(x, [1, 1], atol=1e-14)


# -- the measure --------------------------------------------------------------------------------


def test_soap_is_found_out():
    section = measured("soap")
    assert section["closest_pair"].value < search.DEGENERATE
    assert section["closest_pair"].verdict == "poor"
    assert section["closest_partner"].value > 1e-3
    first, second = section.structures["worst-pair"]
    assert first.info["geometric_distance"] > 0.3
    assert first.info["descriptor_distance"] < 1e-7
    assert geometry.distance(first, second, proper=False) > 0.3


def test_a_bispectrum_is_not():
    section = measured("so3_bispectrum")
    assert section["closest_pair"].value > 1e-3
    assert section["closest_pair"].verdict in ("good", "fair")


def test_blindness_is_found_in_any_function():
    section = measured(blind, cutoff=5.0)
    assert section["closest_partner"].value < search.DEGENERATE
    assert section["closest_partner"].verdict == "poor"


def test_your_environments():
    section = measured("soap", [molecule("CH3OH"), bulk("NaCl", "rocksalt", a=4.0)])
    assert section["closest_partner"].value > 1e-4
    assert {m.verdict for m in section.measurements} <= {"good", "fair", "poor"}


def test_the_same_seed_finds_the_same_pair():
    target = subject("acsf", RADIAL)
    one, two = (measured(target).structures["worst-pair"][1] for _ in range(2))
    np.testing.assert_array_equal(one.positions, two.positions)


def test_whole_structures():
    section = measured("bag_of_bonds")
    assert section["closest_partner"].value is not None
    crystals = measured("ewald_matrix")
    assert [m.verdict for m in crystals.measurements] == ["n/a", "n/a"]
    crystals = measured("mbtr", [bulk("Si")])
    assert [m.verdict for m in crystals.measurements] == ["n/a", "n/a"]


@pytest.mark.parametrize("target", [fails, not_a_number])
def test_what_does_not_work_is_reported(target):
    section = measured(target, cutoff=5.0)
    assert [m.verdict for m in section.measurements] == ["failed", "failed"]
    assert not section.structures


def test_a_constant_is_the_same_for_all():
    section = measured(constant, cutoff=5.0)
    assert section["closest_partner"].value == 0.0
    assert section["closest_partner"].verdict == "poor"


def test_a_single_atom_has_nothing_to_search():
    section = measured("soap", [Atoms("Ar")])
    assert [m.verdict for m in section.measurements][0] == "n/a"
