"""Symmetries are measured: of functions that break one of them, and of all descriptors."""

import numpy as np
import pytest
from ase.build import bulk, molecule
from radial_toys import CUTOFF, faded, pairs, radial

import vicinal as vc
from vicinal.criteria import Section, Setting, invariance, samples
from vicinal.criteria.subject import SubjectError, subject
from vicinal.descriptors import registry

HOLD = ("rotation", "translation", "permutation", "cell")


def measured(target, frames=None, quick=True):
    one = subject(target)
    one = one if frames is None else one.fitted(frames)
    section = Section("invariance", "", "")
    invariance.measure(one, Setting(frames=frames, quick=quick), section)
    for table in section.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    return section


def verdicts(section):
    return {key: section[key].verdict for key in HOLD if section[key].verdict != "n/a"}


def test_a_function_of_distances_is_invariant():
    section = measured(radial())
    assert verdicts(section) == dict.fromkeys(HOLD[:3], "good")
    assert section["invariance"].value < 1e-12 and section["invariance"].verdict == "good"
    assert section["ties"].verdict == "good"
    assert section["chiral"].value is False
    assert section["cell"].verdict == section["supercell"].verdict == "n/a"  # it sees no cells
    assert "float32" not in section


def second_moment(frame):
    D, d = pairs(frame)
    return (D[:, :, :1] ** 2 * faded(d, lambda x: 1 - x)[:, :, None]).sum(axis=1)


def chirality(frame):
    """Signed volumes of neighbours weighted by their distances."""
    D, d = pairs(frame)
    f = faded(d, lambda x: (1 - x) ** 2, 6.0)
    first, second, third = (
        (D * (f * np.exp(-k * np.minimum(d, 9)))[:, :, None]).sum(1) for k in (0, 0.5, 2)
    )
    return np.einsum("ni,ni->n", first, np.cross(second, third))[:, None]


@pytest.mark.parametrize(
    "extra, broken",
    [
        (second_moment, {"rotation"}),
        (lambda frame: np.sin(frame.positions[:, :1]), {"rotation", "translation"}),
        (lambda frame: np.linalg.norm(frame.positions, axis=1)[:, None], {"translation"}),
        (lambda frame: np.arange(len(frame))[:, None], {"permutation"}),
        (lambda frame: np.full((len(frame), 1), frame.numbers[0]), {"permutation"}),
        (lambda frame: np.sort(pairs(frame)[1].min(axis=1))[:, None], {"permutation"}),
        (lambda frame: np.full((len(frame), 1), frame.cell.lengths().sum()), {"cell"}),
        (chirality, set()),
    ],
)
def test_each_broken_symmetry_is_found(extra, broken):
    section = measured(radial(extra=extra))
    got = verdicts(section)
    assert {key for key, verdict in got.items() if verdict == "poor"} == broken, got
    assert {key for key, verdict in got.items() if verdict == "good"} == set(got) - broken
    assert section["invariance"].verdict == ("poor" if broken else "good")
    if "rotation" in broken:
        assert section["chiral"].verdict == "n/a"
    else:
        assert section["chiral"].value is (extra is chirality)
    for key in broken:
        frame, moved = section.structures[f"invariance-{key}"]
        assert len(frame) == len(moved)


def test_a_small_dependence_is_fair_and_its_size_is_right():
    section = measured(radial(extra=lambda frame: 1e-6 * np.arange(len(frame))[:, None]))
    assert section["permutation"].verdict == "fair"
    frames = samples.structures(subject("acsf"), 1)
    moved = [invariance.permuted(frames[0], np.random.default_rng(3))]

    def numbered(frames):  # 7 is the largest of 8
        return np.concatenate([np.arange(len(frame))[:, None] for frame in frames])

    found = invariance.residuals(subject(numbered), frames, moved)
    assert found == pytest.approx(np.abs(moved[0].order - np.arange(8)).max() / 7)


def test_rows_of_vectors_turn_with_the_structure():
    def vectors(frames):
        rows = []
        for frame in frames:
            D, d = pairs(frame)
            rows.append((D * faded(d, lambda x: 1 - x)[:, :, None]).sum(axis=1))
        return np.concatenate(rows)

    class Vectors:
        cutoff = CUTOFF

        def compute(self, frames):
            return vectors(frames)

        def rotate_values(self, values, Q):
            return values @ Q

    assert measured(vectors)["rotation"].verdict == "poor"
    assert measured(Vectors())["rotation"].verdict == "good"
    wrong = Vectors()
    wrong.rotate_values = lambda values, Q: values @ Q.T
    assert measured(wrong)["rotation"].verdict == "poor"


def density(power):
    """A row a structure: number of atoms, to a power, times one that knows the lattice."""

    def compute(frames):
        rows = []
        for frame in frames:
            volume = frame.get_volume() if frame.pbc.all() else 1.0
            rows.append([len(frame) ** power * len(frame) / volume])
        return np.array(rows)

    return compute


@pytest.mark.parametrize("power, kind", [(0, "intensive"), (1, "extensive"), (2, "neither")])
def test_supercells_of_rows_of_structures(power, kind):
    frames = [bulk("Cu", cubic=True), bulk("Al")]
    assert measured(density(power), frames)["supercell"].value == kind


def test_users_structures_are_taken():
    frames = [molecule("C6H6"), molecule("CH3CH2OH")]
    section = measured("acsf", frames)
    assert section["cell"].note == "no structure is periodic"
    assert section["invariance"].verdict == "good"
    assert len(measured("acsf", [*frames, bulk("C")])["cell"].text) > 1


def test_equal_rows_are_found_in_users_structures():
    frames = [molecule("C6H6"), molecule("C2H6")]
    assert measured("coulomb_matrix", frames)["invariance"].verdict == "poor"
    assert measured("bag_of_bonds", frames)["invariance"].verdict == "good"


def test_failures_are_reported_and_no_verdict_is_drawn_from_nothing():
    def raises(frames):
        raise RuntimeError("no\nway")

    def nan(frames):
        return radial()(frames) * np.nan

    for target, words in ((raises, "RuntimeError: no way"), (nan, "NaN or infinite")):
        section = measured(target)
        assert section["rotation"].verdict == "failed" and words in section["rotation"].note
        assert "invariance" not in section
    with pytest.raises(SubjectError):
        invariance.residuals(subject(nan), [molecule("CH4")], [])


def test_mirror_images_and_other_cells_are_what_they_say():
    rng = np.random.default_rng(0)
    frame = bulk("NaCl", "rocksalt", 5.6)
    for _ in range(5):
        rotation = invariance.rotated(frame, rng).rotation
        assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) > 0
        assert np.linalg.det(invariance.reflected(frame, rng).rotation) < 0
        other = invariance.other_cell(frame, rng).frame
        change = other.cell.array @ np.linalg.inv(frame.cell.array)
        assert np.allclose(change, np.round(change)) and abs(
            np.linalg.det(change)
        ) == pytest.approx(1)
        assert len(invariance.doubled(frame, rng).frame) == 4


@pytest.mark.parametrize("name", registry.names())
def test_all_descriptors(name):
    section = measured(name)
    assert not [m for m in section.measurements if m.verdict == "failed"]
    # A sine matrix is one of the cell, not of the lattice.
    broken = {"cell"} if name == "sine_matrix" else set()
    got = verdicts(section)
    assert {key for key, verdict in got.items() if verdict != "good"} == broken, got
    assert section["invariance"].verdict == ("poor" if broken else "good")
    assert section["float32"].verdict == ("poor" if broken else "good")
    assert 1e-10 < section["float32"].value
    assert section["chiral"].value is False
    # Rows are sorted, and some are equal in symmetric structures.
    tied = name.endswith("_matrix") and name != "overlap_matrix"
    assert section["ties"].verdict == ("poor" if tied else "good")


def test_ties_are_none_without_sorting():
    target = vc.CoulombMatrix(permutation="eigenspectrum")
    assert measured(target)["ties"].verdict == "good"
