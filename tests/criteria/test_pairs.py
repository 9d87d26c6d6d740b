"""Body order: what descriptors are known to see, and toy functions of known order."""

import itertools

import numpy as np
import pytest
from ase.build import molecule

from vicinal import registry
from vicinal.criteria import Section, Setting
from vicinal.criteria.subject import Subject, subject
from vicinal.criteria.uniqueness import pairs
from vicinal.criteria.uniqueness.counterexamples import FAMILIES

G2 = [(0.3, 0.0), (1.0, 1.0), (4.0, 2.0)]

#: body order seen, order of the expansion, mirror images told apart
DEFAULTS = {
    "soap": (3, 3, False),
    "acsf": (3, 3, False),
    "aev": (3, 3, False),
    "chebyshev": (3, 3, False),
    "zernike": (3, 3, False),
    "so3": (3, 3, False),
    "so3_bispectrum": (4, 4, False),
    "so4_bispectrum": (4, 4, False),
    "snap": (4, 4, False),
    "afs": (3, 3, False),
    "ead": (3, 3, False),
    "fchl19": (3, 3, False),
    "mbtr": (3, 3, False),
    "lmbtr": (3, 3, False),
    "valle_oganov": (2, "all", False),
    "slatm": (3, 3, False),
    "overlap_matrix": ("5 or more", "all", False),
    "coulomb_matrix": ("4 or more", "all", False),
    "atomic_coulomb_matrix": ("5 or more", "all", False),
    "sine_matrix": (None, None, None),
    "ewald_matrix": (None, None, None),
    "bag_of_bonds": (2, "all", False),
}

OTHERS = [
    ("acsf", {"g2": G2}, (2, 2, False)),
    ("lmbtr", {"k3": None}, (2, 2, False)),
    ("mbtr", {"k3": None}, (2, 2, False)),
    ("valle_oganov", {"function": "angle"}, (3, "all", False)),
    ("soap", {"species": ["Si"], "normalization": "l2"}, (3, "all", False)),
    ("soap", {"pooling": "mean"}, (3, "all", False)),
    ("soap", {"dtype": "float32"}, (3, 3, False)),
    ("snap", {"dtype": "float32"}, (4, 4, False)),
    ("snap", {"quadratic": True}, (4, 7, False)),
    ("so3_bispectrum", {"parity": "both"}, (4, 4, True)),
    ("atomic_coulomb_matrix", {"permutation": "eigenspectrum"}, ("5 or more", "all", False)),
]


def measured(what, quick=True, **options):
    section = Section("uniqueness", "Uniqueness", "?")
    made = what if isinstance(what, Subject) else subject(what, **options)
    pairs.measure(made, Setting(quick=quick), section)
    return section


def found(section):
    return tuple(section[key].value for key in ("body_order", "expansion", "chirality"))


def test_every_registered_descriptor_is_in_the_list():
    assert sorted(DEFAULTS) == sorted(registry.names())


@pytest.mark.parametrize("name", DEFAULTS)
def test_registered_descriptors(name):
    section = measured(name)
    assert found(section) == DEFAULTS[name]
    assert not [m for m in section.measurements if m.verdict == "failed"]
    if DEFAULTS[name][0] is None:
        assert {m.verdict for m in section.measurements} == {"n/a"}
    # Equal distances from the centre are no order to sort atoms by.
    elif name == "atomic_coulomb_matrix":
        assert section["controls"].verdict == "poor"
        assert "rings" in section["controls"].note
    else:
        assert section["controls"].verdict == "good"


@pytest.mark.parametrize(("name", "parameters", "expected"), OTHERS)
def test_with_other_parameters(name, parameters, expected):
    section = measured(Subject(registry.make(name, **parameters)))
    assert found(section) == expected
    assert section["controls"].verdict == "good"


def test_what_is_taken_for_equal_is_kept():
    section = measured("soap", quick=False)
    a, b = section.structures["taken_for_equal"]
    rows = registry.make("soap").compute([a, b], centers=[[0], [0]]).values
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-9, atol=1e-12)
    table = section.tables[0]
    told = {row[0]: row[3] for row in table.rows}
    assert told[FAMILIES["two_body"].title]
    assert not told[FAMILIES["power_spectrum"].title]


@pytest.mark.parametrize("name", ["coulomb_matrix", "bag_of_bonds", "slatm"])
def test_sizes_learned_from_small_molecules_do_not_matter(name):
    fitted = Subject(registry.make(name)).fitted([molecule("H2O")])
    section = measured(fitted)
    assert found(section) == DEFAULTS[name]
    assert set(section.structures.get("taken_for_equal", [molecule("H2O")])[0].numbers) <= {1, 8}


# -- toys -----------------------------------------------------------------------------------------


def over_neighbors(function, n):
    """A function of frames: sums of x and x², x = ``function`` of each n neighbours of an atom."""

    def compute(frames):
        rows = []
        for frame in frames:
            for i in range(len(frame)):
                vectors = np.delete(frame.positions, i, axis=0) - frame.positions[i]
                chosen = list(itertools.permutations(range(len(vectors)), n))
                x = function(*np.moveaxis(vectors[chosen], 1, 0)) if chosen else np.zeros(0)
                rows.append([x.sum(), (x**2).sum()])
        return np.array(rows)

    return compute


def dot(a, b):
    return (a * b).sum(axis=-1)


COUNT = over_neighbors(lambda a: np.ones(len(a)), 1)
DISTANCES = over_neighbors(lambda a: np.exp(-dot(a, a)), 1)
ANGLES = over_neighbors(lambda a, b: np.exp(-dot(a, a)) * dot(a, b), 2)
HANDS = over_neighbors(
    lambda a, b, c: dot(a, np.cross(b, c)) * dot(a, a) * dot(b, b) ** 2 + dot(a, b), 3
)


@pytest.mark.parametrize(
    ("function", "expected"),
    [(COUNT, (1, 2, False)), (DISTANCES, (2, 2, False)), (ANGLES, (3, 3, False))],
)
def test_functions_of_known_order(function, expected):
    section = measured(function)
    assert found(section) == expected
    assert section["controls"].verdict == "good"
    assert section["body_order"].verdict == ("fair" if expected[0] == 3 else "poor")


def test_a_function_that_knows_left_from_right():
    section = measured(HANDS)
    assert section["chirality"].value is True
    assert section["expansion"].value == 4


def test_constant_rows_see_nothing():
    section = measured(lambda frames: np.ones((sum(map(len, frames)), 3)))
    assert found(section) == (1, 1, False)


def test_single_precision_inside_is_found_out():
    soap = registry.make("soap", species=[1, 6, 8], dtype="float32")
    section = measured(lambda frames: soap.compute(frames).values.astype(float))
    assert found(section) == (3, 3, False)


def test_a_function_that_is_not_invariant():
    section = measured(lambda frames: np.array([[np.exp(f.positions[:, 2]).sum()] for f in frames]))
    assert section["controls"].verdict == "poor"
    assert len(section.structures["taken_for_different"]) == 2
    assert [section[key].verdict for key in ("body_order", "chirality", "expansion")] == ["n/a"] * 3
    assert "not invariant" in section["body_order"].note


def raises(frames):
    if len(frames) > 5:
        raise ZeroDivisionError("division by zero")
    return np.ones((sum(map(len, frames)), 2))


def nan(frames):
    return raises(frames[:5]) if len(frames) < 5 else np.full((sum(map(len, frames)), 2), np.nan)


def too_short(frames):
    return np.ones((sum(map(len, frames)) - (len(frames) > 5), 2))


@pytest.mark.parametrize(
    ("function", "what"), [(raises, "division by zero"), (nan, "NaN"), (too_short, "rows for")]
)
def test_failures_are_reported(function, what):
    section = measured(function)
    for key in ("body_order", "expansion"):
        assert section[key].verdict == "failed"
        assert what in section[key].note


# -- inclusion and exclusion ---------------------------------------------------------------------


def test_interactions_are_the_alternating_sums():
    values = np.random.default_rng(0).normal(size=(16, 2))
    delta = pairs.interactions(values)
    for t in range(16):
        inside = [s for s in range(16) if s & t == s]
        signs = np.array([(-1) ** bin(t ^ s).count("1") for s in inside])
        np.testing.assert_allclose(delta[t], signs @ values[inside], atol=1e-13)


def test_the_same_seed_gives_the_same_numbers():
    one, two = (measured("acsf") for _ in range(2))
    assert one.measurements == two.measurements
