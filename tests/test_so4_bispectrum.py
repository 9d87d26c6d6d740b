"""The SO(4) bispectrum: against a slow one, and against AMP, QUIP, PyXtal_FF and KLIFF.

``oracles/so4_peers.npz`` has values of other programs as ``structure/what`` beside the structures;
``versions`` is a JSON string. Cutoff 5 Å unless said otherwise:

- ``amp``: AMP's ``Bispectrum(jmax=2)``, cutoff Cosine(6.0) (NaCl: 4.0), otherwise its defaults
- ``pyxtal_so4``, ``pyxtal_snap``: PyXtal_FF's SO4_Bispectrum and SO4 SNAP, lmax=3, the neighbours
  weighted by Z and by 1; ``..._derivatives``: (pairs of centre and moved atom, features, 3)
- ``quip``: ``bispectrum_so4 cutoff=5.0 j_max=4``
- ``kliff``: KLIFF's Bispectrum, jmax=4, rfac0=0.99363

AMP and PyXtal_FF do not install beside a recent ASE.
"""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers
from quip import calculate
from reference import so4_numpy

import vicinal as vc
from vicinal.correlate.so4 import components, diagonal_components
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
PEERS = Path(__file__).parent / "oracles" / "so4_peers.npz"


class TestSO4Bispectrum(Battery):
    def make(self, dtype):
        return vc.SO4Bispectrum(cutoff=3.5, j_max=1.5, species=SPECIES, dtype=dtype)


class SmallSO4(Battery):
    examples = 3
    parameters = {}

    def make(self, dtype):
        small = {"cutoff": 3.5, "j_max": 2, "species": SPECIES, "channels": None}
        return vc.SO4Bispectrum(**(small | self.parameters), dtype=dtype)


class TestSO4Diagonal(SmallSO4):
    parameters = {
        "components": "diagonal",
        "weights": {"H": 0.5, "C": 1.0, "O": -0.8},
        "cutoff_function": "shifted_cosine",
        "cutoff_width": 1.0,
        "j_max": 3,
    }


class TestSO4Channels(SmallSO4):
    parameters = {"channels": {"H": 0, "C": 1, "O": 1}, "pooling": "sum", "j_max": 1.5}


class TestSO4LikeAMP(SmallSO4):
    def make(self, dtype):
        gs = {"H": 0.2, "C": 1.2, "O": 1.6}
        return vc.SO4Bispectrum.from_amp(cutoff=3.5, jmax=2, Gs=gs, species=SPECIES, dtype=dtype)


@pytest.mark.parametrize("kind", ["cluster", "skewed"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"components": "all", "channels": None, "j_max": 2},
        {"components": "diagonal", "channels": None, "j_max": 2.5},
        {"components": "all", "channels": "species", "j_max": 1},
        {"components": "diagonal", "channels": None, "angle_map": "arcsine", "angle": 0.4},
    ],
)
def test_values_of_the_formula(kind, parameters):
    atoms = build(kind, SPECIES, 5, 4)
    explicit, n_max = parameters["channels"] is not None, round(2 * parameters.get("j_max", 3))
    parameters = {"angle": 0.9, "angle_map": "linear"} | parameters
    weights = {1: 0.5, 6: 1.0, 8: -0.7}
    so4 = vc.SO4Bispectrum(
        cutoff=3.0, species=SPECIES, weights=weights, central_weight=0.8, **parameters
    )

    def theta(r, rc):
        if parameters["angle_map"] == "linear":
            return parameters["angle"] * np.pi * r / rc
        return 2 * parameters["angle"] * np.arcsin(r / rc)

    order = [1, 6, 8]
    n_channels = 3 if explicit else 1
    U = so4_numpy.densities(
        atoms,
        n_max,
        n_channels,
        channel=order.index if explicit else lambda z: 0,
        cutoff=lambda a, b: 3.0,
        weight=lambda a, b, r: weights[b],
        fade=lambda r, rc: 0.5 + 0.5 * np.cos(np.pi * r / rc),
        theta=theta,
        own=lambda z, q: 0.8 * (not explicit or order.index(z) == q),
    )
    chosen = diagonal_components if parameters["components"] == "diagonal" else components
    seen, triples = set(), []
    for a, b, c in np.ndindex((n_channels,) * 3):
        for n1, n2, n in chosen(n_max):
            densities = tuple(sorted([(a, n1), (b, n2), (c, n)]))
            if densities not in seen:
                triples.append(((a, n1), (b, n2), (c, n)))
            seen.add(densities)
    expected = [[so4_numpy.component(*(u[q][n] for q, n in t)) for t in triples] for u in U]
    values = so4.compute(atoms).values
    assert values.shape == np.shape(expected)
    assert np.abs(values - expected).max() < 1e-10 * np.abs(expected).max()


def structure(name):
    with np.load(PEERS) as stored:
        numbers, positions, cell, pbc = (
            stored[f"{name}/{what}"] for what in ("numbers", "positions", "cell", "pbc")
        )
    return Atoms(numbers, positions, cell=cell, pbc=pbc)


def check(descriptor, name, what):
    with np.load(PEERS) as stored:
        expected = stored[f"{name}/{what}"]
    values = descriptor.compute(structure(name)).values
    assert values.shape == expected.shape
    assert np.abs(values - expected).max() < 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["Si2_triclinic", "NaCl_8", "ethanol_rattled"])
def test_migration_gives_the_stored_values_of_amp(name):
    cutoff = {"name": "Cosine", "kwargs": {"Rc": 4.0 if name == "NaCl_8" else 6.0}}
    numbers = {symbol: atomic_numbers[symbol] for symbol in structure(name).symbols.species()}
    for weights in (None, numbers, dict.fromkeys(numbers, numbers)):
        check(vc.SO4Bispectrum.from_amp(cutoff=cutoff, jmax=2, Gs=weights), name, "amp")


def test_migration_gives_the_stored_values_of_quip():
    so4 = vc.SO4Bispectrum.from_quip("bispectrum_so4 cutoff=5.0 j_max=4")
    check(so4, "Si2_triclinic", "quip")


@pytest.mark.peers
@pytest.mark.parametrize("n_max", [3, 8])
def test_migration_gives_the_values_of_quip(n_max, tmp_path):
    pytest.importorskip("quippy")
    atoms = build("skewed", ["Si"], 6, 2)
    string = f"bispectrum_so4 cutoff=3.9 j_max={n_max}"
    expected = calculate(string, atoms, tmp_path)
    values = vc.SO4Bispectrum.from_quip(string).compute(atoms).values
    assert np.abs(values - expected).max() < 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["Si2_triclinic", "NaCl_8"])
@pytest.mark.parametrize("what", ["so4", "snap"])
def test_values_and_derivatives_of_pyxtal_ff(name, what):
    """Its own SO4 spans the whole sphere, and counts the centre like a neighbour."""
    if what == "so4":
        descriptor = vc.SO4Bispectrum(
            cutoff=5.0, j_max=3, channels=None, angle=1.0, weights="Z", central_weight="weights"
        )
    else:
        descriptor = vc.SNAP(cutoff=5.0, j_max=3, channels=None)
    check(descriptor, name, f"pyxtal_{what}")
    with np.load(PEERS) as stored:
        expected = stored.get(f"{name}/pyxtal_{what}_derivatives")
    if expected is not None:
        jacobian = descriptor.jacobian(structure(name)).values.transpose(0, 2, 1)
        assert jacobian.shape == expected.shape
        assert np.abs(jacobian - expected).max() < 1e-9 * np.abs(expected).max()


def test_values_of_kliff():
    check(vc.SNAP(cutoff=5.0, j_max=4), "Si2_triclinic", "kliff")


def test_amp_has_51_components_by_default():
    assert vc.SO4Bispectrum.from_amp(species=["Si"]).n_features == 51


def test_finite_where_the_angle_has_infinite_slope():
    """A neighbour at the cutoff, to the last bit."""
    so4 = vc.SO4Bispectrum.from_amp(cutoff=3.0, jmax=2, species=["H"])
    for r in (np.nextafter(3.0, 0), np.nextafter(3.0, 4), 3 * (1 - 1e-12)):
        atoms = Atoms("H3", [[0, 0, 0], [0, 0, r], [1.0, 0, 0]])
        values = so4.compute(atoms).values
        gradient = so4.vjp(atoms, np.ones_like(values))
        assert np.isfinite(values).all() and np.isfinite(gradient.positions).all()
        without = so4.compute(atoms[[0, 2]], [0]).values
        assert np.abs(values[:1] - without).max() < 1e-9 * np.abs(without).max()


def test_names():
    so4 = vc.SO4Bispectrum(j_max=0.5, species=["H", "O"])
    assert so4.names()[:4].tolist() == [
        "B[H,H,H] j1=0 j2=0 j=0",
        "B[H,H,H] j1=1/2 j2=0 j=1/2",
        "B[H,H,O] j1=0 j2=0 j=0",
        "B[H,H,O] j1=1/2 j2=0 j=1/2",
    ]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"cutoff": 0}, "cutoff"),
        ({"j_max": -1}, "j_max"),
        ({"j_max": 0.7}, "j_max"),
        ({"components": "some"}, "components"),
        ({"weights": "heavy"}, "weights"),
        ({"weights": {"H": 1}, "species": ["H", "C"]}, "weights"),
        ({"channels": 2}, "channels"),
        ({"channels": {"H": 1}}, "channels"),
        ({"angle_map": "cubic"}, "angle_map"),
        ({"angle": 0}, "angle"),
        ({"angle": 2}, "angle"),
        ({"cutoff_function": "sharp"}, "cutoff_function"),
        ({"cutoff_function": "shifted_cosine", "cutoff_width": 6}, "cutoff_width"),
        ({"angle_map": "arcsine", "cutoff_function": None}, "angle_map"),
        ({"central_weight": None}, "central_weight"),
        ({"central_weight": {"H": 1}, "species": ["H", "C"]}, "central_weight"),
        ({"periodic": True}, "periodic"),
        ({"pooling": "inner"}, "pooling"),
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ParameterError, match=name):
        vc.SO4Bispectrum(**parameters)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"cutoff": {"name": "Polynomial", "kwargs": {"Rc": 6.0}}}, "cutoff"),
        ({"cutoff": {"name": "Cosine"}}, "cutoff"),
        ({"Gs": {"H": {"H": 1.0}, "O": {"H": 2.0}}}, "Gs"),
        ({"jmax": "five"}, "j_max"),
    ],
)
def test_bad_parameters_of_amp_are_named(parameters, name):
    with pytest.raises(ParameterError, match=name):
        vc.SO4Bispectrum.from_amp(**parameters)


@pytest.mark.parametrize(
    "string",
    [
        "",
        "soap cutoff=5 j_max=4",
        "bispectrum_so4 cutoff=5",
        "bispectrum_so4 cutoff=5 j_max=4 n_species=2",
        "bispectrum_so4 cutoff=5 j_max=4 Z",
        "bispectrum_so4 cutoff=5 j_max=2.5",
    ],
)
def test_unreadable_strings_of_quip(string):
    with pytest.raises(ParameterError, match="j_max"):
        vc.SO4Bispectrum.from_quip(string)
