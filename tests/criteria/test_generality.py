"""What is described and what is refused, by good and bad descriptors."""

import numpy as np
import pytest
from radial_toys import radial

import vicinal as vc
from vicinal.criteria import Section, Setting, generality
from vicinal.criteria.subject import subject


def measured(target, quick=True, **more):
    section = Section("generality", "", "")
    generality.measure(subject(target, **more), Setting(quick=quick), section)
    assert not [m for m in section.measurements if m.verdict == "failed"]
    return section, {row[0]: row[1:] for row in section.tables[0].rows}


@pytest.mark.parametrize("name", ["soap", "acsf", "mbtr", "overlap_matrix", "slatm"])
def test_descriptors_of_everything(name):
    section, table = measured(name)
    assert section["described"].value == 100 and section["described"].verdict == "good"
    assert section["elements"].value == 12 and "of 12 from H to Pu" in section["elements"].note
    assert section["bad_input"].verdict == section["refusals"].verdict == "good"
    assert table["two atoms at one place"][0] == "refused"
    assert "structure 0 has no atoms" in table["no atoms"][1]
    assert "species" in table["unknown species"][1]


def test_all_elements():
    section, table = measured(vc.EAD(species=["Si"]), quick=False)
    assert section["elements"].value == 94  # though it is made for one
    assert table["500 atoms"][0] == "described"
    assert section["described"].verdict == "good"


def test_periodicity_may_be_ignored_or_needed():
    section, table = measured("coulomb_matrix")
    assert table["crystal"] == ("as a molecule", "its periodicity is ignored")
    assert table["molecule"][0] == "described"
    assert section["described"].verdict == "poor" and "slab" in section["described"].note
    section, table = measured("sine_matrix")
    assert table["molecule"][0] == table["slab"][0] == "refused"
    assert "not periodic in all three directions" in table["slab"][1]
    assert table["skewed cell"][0] == table["100 atoms"][0] == "described"
    assert section["refusals"].verdict == "good"


def test_functions_are_noted_but_not_blamed():
    section, table = measured(radial())
    assert table["crystal"][0] == "as a molecule"
    assert section["elements"].value == 12
    assert table["two atoms at one place"][0] == table["unknown species"][0] == "described"
    assert section["bad_input"].value == 0 and section["bad_input"].verdict == ""

    def strict(frames):
        if not all(np.isfinite(frame.positions).all() for frame in frames):
            raise ValueError("positions must be finite")
        return radial()(frames)

    section, table = measured(strict)
    assert table["NaN position"] == ("refused", "ValueError: positions must be finite")
    assert section["bad_input"].value == 25
    assert section["refusals"].value == 0 and section["refusals"].verdict == ""


class Limited(vc.ACSF):
    """Heavy atoms crash it, and of single atoms it knows nothing."""

    def compute(self, frames, centers=None, *, out=None):
        features = super().compute(frames, centers, out=out)
        for frame in frames:
            if frame.numbers.max(initial=0) > 50:
                raise IndexError("list index out of range")
            if len(frame) == 1 and not frame.pbc.any():
                features.values[:] = np.nan
            if frame.numbers.max(initial=0) == 47:
                features.values = features.values[:-1]
        return features


def test_crashes_are_poor_refusals():
    section, table = measured(Limited())
    assert section["elements"].value == 8
    assert table["elements Ag, Ce, Au, Pu"][0] == "wrong"
    assert table["single atom"][0] == "wrong"
    assert table["alloy of Li, Al, Fe, Cu, Au"] == (
        "refused",
        "IndexError: list index out of range",
    )
    assert section["described"].value == pytest.approx(100 * 11 / 13)
    assert section["described"].verdict == "fair" and "single atom" in section["described"].note
    assert section["refusals"].verdict == "poor" and section["bad_input"].verdict == "good"


class Blind(vc.ACSF):
    """It describes something else, whatever it is given."""

    def compute(self, frames, centers=None, *, out=None):
        simple = [frame.copy() for frame in frames]
        for k, frame in enumerate(simple):
            frame.positions = np.arange(len(frame))[:, None] * [1.0, 0.1 * k, 0]
            frame.numbers[:] = self.species_known[0]
        if not len(simple[0]):
            return np.empty((0, 3))
        return super().compute(simple, centers, out=out)


def test_bad_input_that_is_accepted_is_poor():
    section, table = measured(Blind())
    assert section["bad_input"].verdict == "poor" and section["bad_input"].value == 0
    assert table["NaN position"][0] == "described"


def test_functions_that_give_nothing_usable():
    def raises(frames):
        raise RuntimeError("no\nway")

    section, table = measured(raises)
    assert section["described"].value == 0 and section["described"].verdict == "poor"
    assert section["elements"].value == 0
    assert table["molecule"] == ("refused", "RuntimeError: no way")
    section, table = measured(lambda frames: np.zeros(3))
    assert table["molecule"] == ("wrong", "an array of shape (3,), not (rows, features)")
