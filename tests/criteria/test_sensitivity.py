"""Jacobian ranks and slopes against functions whose answers are known."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from blindness import blind, constant, environment, fails, not_a_number, of_wrong_shape, triangles

from vicinal.criteria import Setting, samples
from vicinal.criteria.results import Section
from vicinal.criteria.subject import Subject, subject
from vicinal.criteria.uniqueness import sensitivity
from vicinal.criteria.uniqueness.coordinates import Coordinates, carve
from vicinal.criteria.uniqueness.sensitivity import jacobian_spectrum


def distances(frame):
    return frame.get_all_distances()


def measured(target, frames=None, quick=True, **options):
    section = Section("uniqueness", "", "")
    sensitivity.measure(subject(target, **options), Setting(frames, quick), section)
    return section


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_a_function_of_distances_has_rank_n(n):
    one = subject(blind, cutoff=6.0)
    spectrum = jacobian_spectrum(one, environment(one, n))
    assert spectrum.expected == max(3 * n - 3, 1)
    assert spectrum.rank == n
    assert spectrum.invisible == spectrum.expected - n
    assert spectrum.condition == np.inf if n > 2 else spectrum.condition >= 1


def test_singular_values_are_those_of_a_known_jacobian():
    # One neighbour of two: the row (2 r) has derivative 2 along the bond, nothing else.
    one = subject(
        lambda frames: np.concatenate([2 * distances(f).sum(axis=1) for f in frames])[:, None]
    )
    frame = Atoms("HO", [[0, 0, 0], [0.3, 0.4, 1.2]])
    spectrum = jacobian_spectrum(one, frame)
    np.testing.assert_allclose(spectrum.singular_values, [2.0], rtol=1e-6)
    along = np.abs(spectrum.displacements[0, 0] @ frame.positions[1] / 1.3)
    assert along == pytest.approx(1, abs=1e-6)


def test_all_distances_notice_everything_but_rigid_motion():
    frame = environment(subject(triangles), 4)
    spectrum = jacobian_spectrum(subject(triangles), frame)
    assert (spectrum.expected, spectrum.rank) == (3 * 5 - 6, 3 * 5 - 6)
    # In a periodic structure rotations of the atoms alone are no symmetry.
    frame.set_cell(40 * np.eye(3))
    frame.pbc = True
    assert jacobian_spectrum(subject(triangles), frame).expected == 3 * 5 - 3
    frame.pbc = (True, False, False)
    assert jacobian_spectrum(subject(triangles), frame).expected == 3 * 5 - 4


@pytest.mark.parametrize("name", ["soap", "so4_bispectrum", "afs", "fchl19"])
def test_full_rank_in_random_environments(name):
    one = subject(name)
    frame = environment(one, 6, mixed=True)
    spectrum = jacobian_spectrum(one.fitted([frame]), frame)
    assert spectrum.rank == spectrum.expected == 15
    assert 1 < spectrum.condition < 1e4


def test_eigenvalues_are_as_many_as_atoms():
    """Less one: the diagonal, and with it their sum, depends on the elements alone."""
    one = subject("coulomb_matrix", {"permutation": "eigenspectrum"})
    frame = environment(one, 6)
    spectrum = jacobian_spectrum(one.fitted([frame]), frame)
    assert (spectrum.expected, spectrum.rank) == (15, 6)


def test_separate_species_do_not_see_their_relative_orientation():
    """The SO(3) bispectrum has one channel a species and none for two together."""
    one = subject("so3_bispectrum")
    vectors = [[1.5, 0, 0], [0.3, 1.7, 0], [0.1, 0.4, 1.6], [-1.8, 0.2, 0.5]]
    for numbers, invisible in (([1, 1, 1, 1], 0), ([1, 1, 6, 6], 3)):
        frame = samples.environment(one, vectors, numbers)
        spectrum = jacobian_spectrum(one.fitted([frame]), frame)
        assert spectrum.invisible == invisible


def test_symmetry_hides_displacements_and_rattling_shows_them():
    crystal = bulk("Si", cubic=True)
    one = subject("soap").fitted([crystal])
    perfect = jacobian_spectrum(one, carve(one, crystal, 0))
    assert perfect.rank < perfect.expected
    section = measured("soap", [crystal])
    assert section["invisible_modes"].value == 0


def test_trivial_modes_are_noticed_by_nothing():
    one = subject("soap")
    frame = environment(one, 5)
    coordinates = Coordinates(one.fitted([frame]), frame)
    x = coordinates.start
    trivial = coordinates.trivial(x)
    assert trivial.shape == (15, 3)
    assert np.abs(coordinates.jacobian(x) @ trivial).max() < 1e-12
    move = coordinates.displacement(x, 0.2, np.random.default_rng(0))
    assert np.abs(trivial.T @ move).max() < 1e-12
    assert np.sqrt(np.mean(np.sum(move.reshape(-1, 3) ** 2, axis=1))) == pytest.approx(0.2)


# -- slopes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda r: r, 1.0),
        (lambda r: (r - 2.0) ** 2, 2.0),
        (lambda r: (r - 2.0) ** 3, 3.0),
        (lambda r: r > 2.0 + 1e-6, 0.0),
    ],
)
def test_slopes_of_known_functions(function, slope):
    def target(frames):
        return np.array([[1.0, function(distances(f)[0, 1])] for f in frames for _ in f])

    frame = Atoms("Si2", [[0, 0, 0], [0, 0, 2.0]])
    changes, found = sensitivity.sensitivity(Subject(target), frame, 1, tangential=False)
    assert found == pytest.approx(slope, abs=1e-6)
    assert (changes > 0).all()
    changes, found = sensitivity.sensitivity(Subject(target), frame, 1, tangential=True)
    assert np.isnan(found) and changes.max() < 1e-13


def test_changes_are_relative():
    def target(frames):
        return np.array([[3.0 * distances(f)[0, 1]] for f in frames for _ in f])

    frame = Atoms("Si2", [[0, 0, 0], [0, 0, 2.0]])
    steps = np.array([0.01, 0.02, 0.04])
    changes, _ = sensitivity.sensitivity(Subject(target), frame, 1, tangential=False, steps=steps)
    np.testing.assert_allclose(changes, steps / 2.0)


@pytest.mark.parametrize("name", ["soap", "acsf", "so3_bispectrum", "so4_bispectrum", "aev"])
def test_silicon_as_published(name):
    section = measured(name)
    assert section["slope_radial"].value == pytest.approx(1.0, abs=0.05)
    assert section["slope_tangential"].value == pytest.approx(2.0, abs=0.05)
    assert section["slope_tangential_perturbed"].value == pytest.approx(1.0, abs=0.25)
    assert section["slope_radial"].verdict == "good"


def test_diamond_has_the_shells_of_silicon():
    vectors = sensitivity.diamond(subject("soap")).positions[1:]
    shells, sizes = np.unique(np.linalg.norm(vectors, axis=1).round(6), return_counts=True)
    assert sizes.tolist() == [4, 12, 12, 6, 12]
    assert shells.max() < 5.0


# -- the measure --------------------------------------------------------------------------------


def test_blindness_is_reported():
    section = measured(blind, cutoff=6.0)
    assert section["rank"].verdict == "poor"
    assert section["invisible_modes"].value == 9  # six neighbours: 15 displacements, 6 distances
    assert section["condition"].value is None
    assert section["slope_radial"].value == pytest.approx(1.0, abs=0.05)
    assert section["slope_tangential"].value is None
    assert section["slope_tangential_perturbed"].verdict == "poor"


def test_jumps_are_reported():
    section = measured("atomic_coulomb_matrix")
    assert section["slope_radial"].value == pytest.approx(0.0, abs=0.05)
    assert (section["slope_radial"].verdict, "jumps" in section["slope_radial"].note) == (
        "poor",
        True,
    )


def test_good_descriptors_are_reported_as_good():
    section = measured("soap")
    for key in ("rank", "invisible_modes", "condition"):
        assert section[key].verdict == "good"
    assert section["rank"].value == 1.0
    assert section.tables and len(section.figures) == 2


def test_single_precision():
    section = measured(subject("soap", {"dtype": "float32"}))
    assert section["invisible_modes"].value == 0
    assert section["slope_tangential"].value == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("name", ["soap", "mbtr"])
def test_your_molecules(name):
    section = measured(name, [molecule("CH3OH"), molecule("H2O"), Atoms("H")])
    assert section["invisible_modes"].value == 0


def test_crystals_as_rows():
    section = measured("sine_matrix")
    assert not [m for m in section.measurements if m.verdict == "failed"]


@pytest.mark.parametrize(
    "target",
    [
        fails,
        not_a_number,
        of_wrong_shape,
    ],
)
def test_what_does_not_work_is_reported(target):
    section = measured(target, cutoff=5.0)
    assert [m.verdict for m in section.measurements] == ["failed", "failed"]


def test_constants_notice_nothing():
    section = measured(constant, cutoff=5.0)
    assert section["rank"].value == 0.0
    assert section["slope_radial"].verdict == "poor"
