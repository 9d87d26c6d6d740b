"""Which descriptor contains which, on known cases."""

import sys

import numpy as np
import pytest

import vicinal as vc
from vicinal.criteria import Setting, comparison, samples
from vicinal.criteria.comparison import compare, compare_features, information_imbalance, relation
from vicinal.criteria.results import Section
from vicinal.criteria.subject import Subject, subject
from vicinal.errors import MissingExtraError, ShapeError

rng = np.random.default_rng(1)
CLOUD = rng.normal(size=(300, 3))
FINITE = [samples.random_environment(subject("soap"), 3, rng) for _ in range(45)]


def measured(what, against, quick=True, **setting) -> Section:
    section = Section("structure", "", "")
    against = tuple(map(subject, against))
    comparison.measure(subject(what), Setting(quick=quick, against=against, **setting), section)
    return section


# -- information imbalance ----------------------------------------------------------------------


def test_identical_rows_have_no_imbalance():
    assert information_imbalance(CLOUD, CLOUD) == pytest.approx(2 / 300, abs=1e-12)
    turned = 7 * CLOUD @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + 5
    assert information_imbalance(CLOUD, turned) == pytest.approx(2 / 300, abs=1e-12)


def test_independent_rows_say_nothing():
    other = rng.normal(size=(300, 3))
    assert information_imbalance(CLOUD, other) == pytest.approx(1, abs=0.1)
    assert information_imbalance(other, CLOUD) == pytest.approx(1, abs=0.1)


def test_a_part_says_less_than_the_whole():
    part = CLOUD[:, :1]
    from_whole = information_imbalance(CLOUD, part)
    from_part = information_imbalance(part, CLOUD)
    assert from_whole < 0.25 < 0.35 < from_part < 0.9


def test_imbalance_by_hand():
    A = np.array([[0.0], [1.0], [3.0], [7.0]])
    B = np.array([[0.0], [5.0], [1.0], [3.5]])
    # nearest in A: 1, 0, 1, 2; their ranks in B: 3, 3, 3, 2
    assert information_imbalance(A, B) == pytest.approx(2 / 4 * (3 + 3 + 3 + 2) / 4)


def test_constant_rows_say_nothing():
    constant = np.ones((300, 2))
    assert information_imbalance(constant, CLOUD) == pytest.approx(1, abs=0.01)
    assert information_imbalance(CLOUD, constant) == pytest.approx(1, abs=0.01)


def test_imbalance_needs_the_same_samples():
    with pytest.raises(ShapeError, match="300 and 299 samples"):
        information_imbalance(CLOUD, CLOUD[1:])


# -- reconstruction -----------------------------------------------------------------------------


def test_degenerate_methane():
    """Scikit-matter's set: the power spectrum is blind to what the bispectrum sees."""
    data = pytest.importorskip("skmatter.datasets").load_degenerate_CH4_manifold().data
    both = [data.SOAP_power_spectrum, data.SOAP_bispectrum]
    found = compare_features(both, ["power spectrum", "bispectrum"], local=False)
    assert found.gfre[0, 1] == pytest.approx(0.2291, abs=1e-4)
    assert found.gfre[1, 0] == pytest.approx(0.0, abs=1e-4)
    assert found.gfrd[0, 1] == pytest.approx(0.0225, abs=1e-4)
    assert found.gfrd[1, 0] == pytest.approx(0.2302, abs=1e-4)
    assert found.lfre is None
    assert found.relation().startswith("bispectrum contains power spectrum")
    assert found.imbalance[0, 1] > 2 * found.imbalance[1, 0]


def test_coordinates_that_do_not_matter():
    """More features than rows, turned: errors are the same as with few."""
    pytest.importorskip("skmatter")
    X, Y = CLOUD[:50, :2], CLOUD[:50] ** 2
    wide = np.linalg.qr(rng.normal(size=(80, 80)))[0]
    for kind in ("gfre", "gfrd", "lfre"):
        few = comparison.reconstruction(X, Y, kind)
        many = comparison.reconstruction(X @ wide[:2], Y @ wide[:3] + 3, kind)
        assert many == pytest.approx(few, rel=1e-6)


def test_linear_and_smooth_functions():
    pytest.importorskip("skmatter")
    linear, square = CLOUD @ rng.normal(size=(3, 4)), CLOUD[:, :2] ** 2
    assert comparison.reconstruction(CLOUD, linear) < 1e-6
    assert comparison.reconstruction(CLOUD, linear, "gfrd") > 0.1
    assert comparison.reconstruction(CLOUD, square) > 0.9
    assert comparison.reconstruction(CLOUD, square, "lfre") < 0.4


def methane(y, z):
    """Neighbours of equal power spectra at y and -y (Pozdnyakov et al., PRL 125, 166001 (2020))."""
    vectors = [(1.0, 0, 0.8), (0.7, 0.9, -0.5), (-0.7, -0.9, -0.5), (0, y, z)]
    return samples.environment(subject("so3"), vectors)


def test_power_spectrum_is_blind_where_the_bispectrum_sees():
    parameters = dict(cutoff=4.0, n_max=3, l_max=3, channels="number", species=["H", "O"])
    blind = subject(vc.SO3PowerSpectrum(**parameters))
    seeing = subject(vc.SO3Bispectrum(**parameters, parity="both"))
    places = rng.uniform(-1.5, 1.5, (150, 2))
    frames = [methane(y, z) for y, z in places]
    mirrored = [methane(-y, z) for y, z in places]
    P, B = blind.at(frames), seeing.at(frames)
    assert np.abs(P - blind.at(mirrored)).max() < 1e-8 * np.abs(P).max()
    assert np.abs(B - seeing.at(mirrored)).max() > 1e-2 * np.abs(B).max()
    assert information_imbalance(P, B) > 1.5 * information_imbalance(B, P)
    pytest.importorskip("skmatter")
    for kind in ("gfre", "lfre"):
        error, back = (comparison.reconstruction(*one, kind) for one in ((P, B), (B, P)))
        assert error > 0.1 and back < 0.02


# -- in words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gfre, imbalance, words",
    [
        ((0.01, 0.01), (0.01, 0.01), "know the same"),
        ((0.01, 0.5), (0.01, 0.1), "a contains b"),
        ((0.5, 0.01), (0.1, 0.01), "b contains a"),
        ((0.5, 0.5), (0.03, 0.04), "alike, but neither is linear"),
        ((0.5, 0.5), (0.03, 0.3), "a knows more than b"),
        ((0.5, 0.5), (0.3, 0.03), "b knows more than a"),
        ((0.5, 0.5), (0.3, 0.3), "neither contains the other"),
    ],
)
def test_relations(gfre, imbalance, words):
    assert words in relation("a", "b", gfre, imbalance)


# -- descriptors --------------------------------------------------------------------------------


def test_soap_contains_embedded_densities(monkeypatch):
    pytest.importorskip("skmatter")
    monkeypatch.setattr(comparison, "QUICK_ENVIRONMENTS", 300)
    section = measured("soap", ["ead"])
    assert section["relation_ead"].value.startswith("soap contains ead")
    assert section["gfre_to_ead"].value < 0.02 < 0.1 < section["gfre_from_ead"].value
    assert len(section.tables[0].rows) == 2
    assert section["relation_ead"].note.startswith("on 300 environments")


def test_the_same_twice():
    pytest.importorskip("skmatter")
    section = measured("so3", [vc.SO3PowerSpectrum()])
    assert "know the same" in section["relation_so3"].value


def test_a_part_of_a_descriptor():
    """Distances alone say nothing of angles."""
    pytest.importorskip("skmatter")

    def nearest(frames):
        return np.concatenate([np.sort(f.get_all_distances(), axis=1)[:, 1:2] for f in frames])

    section = measured(Subject(nearest, cutoff=5.0, species=["H", "O"]), ["so3"])
    assert section["imbalance_to_so3"].value > 2 * section["imbalance_from_so3"].value


def test_structures_with_environments():
    section = measured("coulomb_matrix", ["soap"], frames=FINITE)
    assert "45 structures" in section["relation_soap"].note


def test_users_structures_are_used():
    section = measured("acsf", ["so3"], frames=FINITE)
    assert "180 environments" in section["relation_so3"].note


def test_what_cannot_be_compared():
    assert measured("ead", ["sine_matrix"])["relation_sine_matrix"].verdict == "n/a"
    section = measured("ead", [vc.SOAP(species=["Si"]), "acsf"])
    assert section["relation_soap"].verdict == "n/a"
    assert "cannot describe" in section["relation_soap"].note
    assert section["relation_acsf"].value
    assert measured("ead", ["acsf"], frames=FINITE[:2])["relation_acsf"].verdict == "n/a"

    def blind(frames):
        return np.ones((sum(map(len, frames)), 2))

    assert "same row for all" in measured(blind, ["ead"])["relation_ead"].note

    def broken(frames):
        raise ValueError("never works")

    assert measured(broken, ["ead"])["relation_ead"].verdict == "failed"


def test_without_scikit_matter(monkeypatch):
    monkeypatch.setitem(sys.modules, "skmatter", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vicinal\[metrics\]"'):
        comparison.reconstruction(CLOUD, CLOUD)
    section = measured("ead", ["acsf"])
    assert section["gfre_to_acsf"].verdict == "n/a"
    assert "vicinal[metrics]" in section["gfre_to_acsf"].note
    assert 0 < section["imbalance_to_acsf"].value < 1
    assert section["relation_acsf"].value


def test_a_set_of_descriptors():
    found = compare(["ead", "acsf", "so3"], FINITE[:20], local=False)
    assert found.names == ["ead", "acsf", "so3"]
    assert found.imbalance.shape == (3, 3)
    assert "so3" in found.relation(0, 2)
