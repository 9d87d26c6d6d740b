"""Environments come back from rows that determine them, and only from those."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from blindness import (
    RADIAL,
    blind,
    constant,
    environment,
    fails,
    not_a_number,
    of_wrong_shape,
    triangles,
)

from vicinal.criteria import Setting, geometry
from vicinal.criteria.results import Section
from vicinal.criteria.subject import subject
from vicinal.criteria.uniqueness import reconstruction
from vicinal.criteria.uniqueness.reconstruction import BACK, MATCHED, reconstruct


def measured(target, frames=None, **options):
    section = Section("uniqueness", "", "")
    reconstruction.measure(subject(target, **options), Setting(frames, quick=True), section)
    return section


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("soap", 4),
        ("soap", 12),
        ("so3_bispectrum", 6),
        ("so4_bispectrum", 6),
        ("coulomb_matrix", 5),
    ],
)
def test_faithful_descriptors(name, n):
    one = subject(name)
    frame = environment(one, n)
    one = one.fitted([frame])
    found = reconstruct(one, frame)
    assert found.error < 1e-6
    assert found.mismatch < MATCHED
    assert geometry.distance(frame, found.found, proper=False) < 1e-6
    np.testing.assert_allclose(one.at([found.found]), one.at([frame]), atol=1e-6)


def test_it_began_elsewhere():
    """The way back is as long as said: with no steps at all the displacement remains."""
    one = subject("soap")
    frame = environment(one, 5)
    one = one.fitted([frame])
    still = reconstruct(one, frame, displacement=0.05, effort=1)
    assert 0.005 < still.error <= 0.05
    assert still.mismatch == pytest.approx(1.0)
    assert reconstruct(one, frame, displacement=0.0).error < 1e-9


def test_distances_alone_lead_elsewhere():
    one = subject("acsf", RADIAL)
    frame = environment(one, 5)
    one = one.fitted([frame])
    found = reconstruct(one, frame)
    assert found.mismatch < MATCHED  # the row is the old one,
    assert found.error > 5 * BACK  # the environment is not
    lengths = [np.sort(np.linalg.norm(f.positions[1:], axis=1)) for f in (frame, found.found)]
    np.testing.assert_allclose(*lengths, atol=1e-6)  # but all distances are


def test_all_distances_give_a_structure_back():
    one = subject(triangles)
    found = reconstruct(one, environment(one, 5))
    assert found.error < 1e-6


def test_the_measure_tells_them_apart():
    assert measured("soap")["faithful"].value == 1.0
    assert measured("soap")["faithful"].verdict == "good"
    section = measured(blind, cutoff=5.0)
    assert section["faithful"].value == 0.0
    assert section["faithful"].verdict == "poor"
    (table,) = section.tables
    assert [row[:5] for row in table.rows] == [(4, 1, 0, 1, 0), (7, 1, 0, 1, 0)]
    assert min(section.figures[0].series[0].y) > BACK


def test_a_search_that_gets_stuck_says_so():
    """Narrow functions on a grid are far from linear over the displacement."""
    section = measured("lmbtr")
    assert section["faithful"].value < 1
    assert "stuck" in section["faithful"].note
    for _, searches, back, same, stuck, _ in section.tables[0].rows:
        assert back + same + stuck == searches


def test_your_environments():
    section = measured("soap", [molecule("CH3OH"), bulk("NaCl", "rocksalt", a=5.0)])
    assert section["faithful"].value is not None


def test_what_makes_no_sense():
    assert measured("sine_matrix")["faithful"].verdict == "n/a"
    assert measured("soap", [Atoms("Ar")])["faithful"].verdict == "n/a"


@pytest.mark.parametrize(
    "target",
    [fails, not_a_number, of_wrong_shape],
)
def test_what_does_not_work_is_reported(target):
    assert measured(target, cutoff=5.0)["faithful"].verdict == "failed"


def test_a_constant_leads_nowhere():
    section = measured(constant, cutoff=5.0)
    assert section["faithful"].value == 0.0
