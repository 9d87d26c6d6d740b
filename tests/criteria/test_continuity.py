"""Smoothness is measured: of functions made with a known one, and of all descriptors."""

import numpy as np
import pytest
from ase.build import molecule
from radial_toys import CUTOFF, FADES, faded, pairs, radial
from scipy.spatial.distance import pdist

import vicinal as vc
from vicinal.basis.cutoff import CUTOFF_FUNCTIONS, PLAIN_CUTOFF_FUNCTIONS
from vicinal.criteria import Section, Setting, continuity
from vicinal.criteria.continuity import cutoff, derivatives, kinks, steepness
from vicinal.criteria.results import NotApplicable
from vicinal.criteria.samples import random_environment
from vicinal.criteria.subject import subject
from vicinal.descriptors import registry
from vicinal.features import Gradient


def measured(target, part=continuity, frames=None, **more):
    section = Section("continuity", "", "")
    part.measure(subject(target, **more), Setting(frames=frames, quick=True), section)
    for table in section.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    return section


# -- the cutoff ---------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [0.8, 10])
@pytest.mark.parametrize("power", [0, 0.5, 1, 2, 3, 4])
def test_exponents_are_found_beside_higher_terms_and_noise(power, more):
    h = 0.5 * 0.5 ** np.arange(0, 22, 0.5)
    noise = 1e-10 * np.random.default_rng(0).normal(size=h.shape)
    change = np.abs(0.3 * h**power * (1 + more * h) + noise)
    assert cutoff.exponent(h, change, 1e-8) == pytest.approx(power, abs=0.15)


def test_exponents_give_derivatives():
    powers = {
        0: -1,
        0.1: -1,
        0.5: 0,
        1: 0,
        1.1: 0,
        1.5: 1,
        2: 1,
        2.1: 1,
        3: 2,
        4: 3,
        9: 3,
        np.inf: 3,
    }
    got = {power: cutoff.continuous_derivatives(power) for power in powers}
    assert got == powers


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", FADES)
def test_smoothness_of_functions(name, whole):
    fade, smoothness = FADES[name]
    for stated in (CUTOFF, None):
        section = measured(radial(fade, whole=whole), cutoff, cutoff=stated)
        assert section["smoothness"].value == smoothness
        # What vanishes with a high power is not felt up to the very end.
        assert section["reach"].value == pytest.approx(CUTOFF, rel=0.1 if name == "bump" else 0.005)
        assert section["jump"].verdict == ("poor" if smoothness < 0 else "good")
    text = {-1: "poor", 0: "fair"}.get(smoothness, "good")
    assert section["smoothness"].verdict == text


@pytest.mark.parametrize("name", ["step", "linear", "quadratic", "cubic"])
def test_smoothness_in_float32(name):
    fade, smoothness = FADES[name]

    def single(frames):
        return radial(fade)(frames).astype(np.float32)

    section = measured(single, cutoff, cutoff=CUTOFF)
    assert section["smoothness"].value == smoothness
    assert measured(single, kinks, cutoff=CUTOFF)["jumps"].verdict == "good"


def test_jumps_have_the_right_size():
    """One feature f(r): value, slope and curvature inside the cutoff, over f at 0.6 of it."""
    target = subject(lambda frames: radial(FADES["tail"][0])(frames)[:, :1], cutoff=CUTOFF)
    (crossing,) = cutoff.crossings(target, np.random.default_rng(0), 1)

    def f(r):
        return np.sin(0.5 * r) * np.exp(-10 * (r / CUTOFF) ** 2)

    r, e = CUTOFF, 1e-4
    want = [f(r), (f(r + e) - f(r - e)) / (2 * e), (f(r + e) - 2 * f(r) + f(r - e)) / e**2]
    want = np.abs(want) / f(0.6 * r)
    assert crossing.jumps == pytest.approx(want, rel=0.01)


def test_a_wrong_cutoff_is_noticed():
    note = measured(radial(), cutoff, cutoff=5.0)["reach"].note
    assert note == "its cutoff is said to be 5 Å"


def test_no_cutoff():
    def coulomb(frames):
        return np.concatenate([(1 / pairs(frame)[1]).sum(1, keepdims=True) for frame in frames])

    def count(frames):
        return np.array([[len(frame)] for frame in frames], float)

    assert "is felt at 20" in measured(coulomb, cutoff)["smoothness"].note
    assert "makes no difference" in measured(count, cutoff)["smoothness"].note
    for target in (coulomb, count):
        assert measured(target, cutoff)["smoothness"].verdict == "n/a"


@pytest.mark.parametrize("name", registry.names())
def test_all_descriptors(name):
    section = measured(name)
    assert not [m for m in section.measurements if m.verdict == "failed"]
    descriptor = registry.make(name)
    if descriptor.whole_structure:
        assert section["smoothness"].verdict == "n/a"
    else:
        assert section["smoothness"].value == min(descriptor.smoothness, cutoff.MOST)
        assert section["reach"].value == descriptor.neighbor_cutoff
    assert section["derivatives"].verdict == section["strain_derivatives"].verdict == "good"
    crossing = name.endswith("_matrix") or name in ("bag_of_bonds", "fchl19")
    kink = "poor" if crossing else "fair" if name == "slatm" else "good"
    assert section["kinks"].verdict == kink
    sorts = name.endswith("_matrix") and name != "overlap_matrix"
    assert section["jumps"].verdict == ("poor" if sorts else "good")


@pytest.mark.parametrize("fade", [name for name in PLAIN_CUTOFF_FUNCTIONS if name is not None])
def test_cutoff_functions(fade):
    want = min(CUTOFF_FUNCTIONS[fade].smoothness, cutoff.MOST)
    for family in (vc.EAD, vc.SLATM):
        assert measured(family(cutoff_function=fade), cutoff)["smoothness"].value == want


@pytest.mark.parametrize("fade", ["cosine", "poly2", "poly4", None])
def test_cutoff_functions_of_soap(fade):
    soap = vc.SOAP(n_max=2, l_max=1, cutoff_function=fade, species=["H", "O"])
    want = min(CUTOFF_FUNCTIONS[fade].smoothness, cutoff.MOST)
    assert measured(soap, cutoff)["smoothness"].value == want


def test_dscribes_soap_jumps():
    parameters = dict(r_cut=5.0, n_max=4, l_max=3, species=["H", "O"], periodic=True)
    section = measured(vc.SOAP.from_dscribe(**parameters), cutoff)
    assert section["smoothness"].value == -1
    assert 1e-4 < section["jump"].value < 2e-3
    assert section["reach"].value > 5.5  # a Gaussian that reaches into the sphere


# -- kinks --------------------------------------------------------------------------------------


def test_one_sided_differences():
    def bent(t):
        return np.stack([np.abs(t - 0.3) + 0.2 * t**2, np.sin(t)], axis=1)

    jump, kink, slope = kinks.one_sided(bent, 0.3)
    assert jump < 1e-9 and kink == pytest.approx(2)
    assert slope == pytest.approx(np.hypot(1.12, np.cos(0.3)))
    assert kinks.one_sided(bent, 0.5)[1] < 1e-8
    jump, kink, _ = kinks.one_sided(lambda t: np.sin(t)[:, None] + (t > 0)[:, None], 0.0)
    assert jump == pytest.approx(1, abs=1e-5) and kink < 1e-6


@pytest.mark.parametrize("place", [0.37123, 1.9, 2.71828])
@pytest.mark.parametrize("break_", [lambda t: 0.05 * np.abs(t), lambda t: 1e-3 * (t > 0)])
def test_the_roughest_place_of_a_path_is_found(place, break_):
    def path(t):
        return np.stack([np.sin(3 * t), np.exp(-8 * (t - 1) ** 2) + break_(t - place)], axis=1)

    assert kinks.roughest(path, 0, 3) == pytest.approx(place, abs=1e-5)


def sorted_distances(frames):
    """Of each atom to all others, nearest first: continuous, with a kink where two are equal."""
    return np.concatenate(
        [np.sort(faded(pairs(frame)[1], lambda x: (1 - x) ** 2))[:, -3:] for frame in frames]
    )


def angles(frames):
    """Sums of angles, which turn back at 180 degrees."""
    rows = []
    for frame in frames:
        D, d = pairs(frame)
        f = faded(d, lambda x: (1 - x) ** 2)
        cosines = np.einsum("ijd,ikd->ijk", D, D) / (d[:, :, None] * d[:, None])
        weights = f[:, :, None] * f[:, None] * ~np.eye(len(d), dtype=bool)
        theta = np.arccos(np.clip(np.nan_to_num(cosines), -1, 1))
        rows.append((weights * theta).sum(axis=(1, 2))[:, None])
    return np.concatenate(rows)


def inner_jump(frames):
    """A second cutoff at 2.7 Å, without any function that fades."""
    step = radial(FADES["step"][0], 2.7)
    return np.concatenate([radial()(frames), step(frames)], axis=1)


def test_kinks_are_found_where_they_are():
    smooth = measured(radial(), kinks)
    assert smooth["kinks"].verdict == smooth["jumps"].verdict == "good"
    assert smooth["kinks"].value < 1e-4  # the path goes through a cutoff that nobody has stated

    exchanged = measured(sorted_distances, kinks)
    kink = {row[0]: row[2] for row in exchanged.tables[0].rows}
    assert kink["two neighbours at one distance"] > 0.1 and kink["octahedron"] > 0.1
    assert kink["three atoms in line, centre first"] < 1e-6
    assert exchanged["kinks"].verdict == "poor" and exchanged["jumps"].verdict == "good"

    lines = {row[0]: row[2] for row in measured(angles, kinks).tables[0].rows}
    assert lines["three atoms in line"] > 0.1 and lines["three atoms in line, centre first"] > 0.1
    assert lines["two neighbours at one distance"] < 1e-6 and lines["tetrahedron"] < 1e-6

    inner = measured(inner_jump, kinks, cutoff=CUTOFF)
    assert inner["jumps"].verdict == "poor" and "on its way out" in inner["jumps"].note
    assert measured(inner_jump, cutoff, cutoff=CUTOFF)["smoothness"].value == 1  # at the outer one


def test_known_kinks():
    at_a_line = measured("fchl19", kinks)["kinks"].note
    assert "in line" in at_a_line
    # Sorted by size, two eigenvalues of opposite sign jump where they change places.
    spectrum = measured(vc.CoulombMatrix(permutation="eigenspectrum"), kinks)
    jump = {row[0]: row[1] for row in spectrum.tables[0].rows}
    assert jump["a neighbour on its way out"] > 1e-3 and jump["octahedron"] < 1e-9
    assert spectrum["kinks"].verdict == "poor"


# -- derivatives, steepness ---------------------------------------------------------------------


def test_wrong_derivatives_are_noticed():
    class Wrong(vc.ACSF):
        def vjp(self, frames, cotangent, centers=None):
            right = super().vjp(frames, cotangent, centers)
            return Gradient(1.01 * right.positions, right.strain.transpose(0, 2, 1) * [1, 1, -1])

    section = measured(Wrong(), derivatives)
    assert section["derivatives"].value == pytest.approx(0.01, rel=1e-4)
    assert section["derivatives"].verdict == section["strain_derivatives"].verdict == "poor"
    assert measured(radial(), derivatives)["derivatives"].verdict == "n/a"


def test_derivatives_are_those_where_they_exist():
    """Between places where a sharp cutoff jumps, and entries change places."""
    for target in (vc.MBTR(cutoff_function=None), vc.CoulombMatrix()):
        assert measured(target, derivatives)["derivatives"].verdict == "good"
    symmetric = [molecule("CH4"), molecule("C6H6")]
    target = vc.BagOfBonds().fit(symmetric)
    assert measured(target, derivatives, symmetric)["derivatives"].verdict == "good"


def test_steepness_of_a_linear_function():
    def positions(frames):
        return np.array([frame.positions.ravel() for frame in frames])

    one, rng = subject(positions), np.random.default_rng(0)
    frames = [random_environment(one, 4, rng) for _ in range(6)]
    rows = positions(frames)
    got = steepness.steepness(one, frames, rng)
    assert got.shape == (6, 4)
    assert got == pytest.approx(1 / np.median(pdist(rows)))
    with pytest.raises(NotApplicable, match="most environments"):
        steepness.steepness(subject(lambda frames: np.ones((len(frames), 2))), frames, rng)


def test_steep_functions_stand_out():
    even = measured(radial(), steepness)["steepest"]
    near = measured(radial(lambda x: x**-12 * (1 - x) ** 2), steepness)["steepest"]
    assert even.verdict == "good" and near.value > 5 * even.value


# -- all of it ----------------------------------------------------------------------------------


def test_users_structures_and_float32():
    frames = [vc.testing.frames.build("bulk", [14], n, seed) for seed, n in enumerate((2, 3, 4))]
    section = measured(vc.ACSF(dtype="float32"), frames=frames)
    assert not [m for m in section.measurements if m.verdict == "failed"]
    assert section["derivatives"].verdict == "good" and section["smoothness"].value == 1


def test_failures_are_reported():
    def raises(frames):
        raise KeyError("Xx")

    def nan(frames):
        return radial()(frames) * np.nan

    for target, words in ((raises, "KeyError"), (nan, "NaN or infinite")):
        section = measured(target)
        for key in ("smoothness", "kinks", "steepest"):
            assert section[key].verdict == "failed" and words in section[key].note
