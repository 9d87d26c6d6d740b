"""SLATM: the battery, slow sums, qmllib, and what it refuses."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from oracles.make_slatm_qmllib import CASES, FILE, ROWS, TYPES, compute, structures
from reference import spectra_numpy as slow

import vicinal as vc
from vicinal.errors import ParameterError, SpeciesError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
COARSE = {"cutoff": 3.5, "sigmas": (0.2, 0.25), "steps": (0.2, 0.3)}


class TestSLATM(Battery):
    examples = 5
    parameters = {"cutoff_function": "cosine"}

    def make(self, dtype):
        return vc.SLATM(**({**COARSE, "species": SPECIES} | self.parameters), dtype=dtype)


class TestSLATMGlobal(TestSLATM):
    examples = 3
    parameters = {"cutoff_function": "polynomial", "pooling": "sum", "power": 3}


class TestSLATMSomeTypes(TestSLATM):
    examples = 3
    exempt = {"check_sklearn": "the types name the species, so that there are none to learn"}
    parameters = {
        "many_body_types": [["O"], ["H", "O"], ["C", "C"], ["H", "O", "C"], ["C", "H", "C"], ["H"]],
        "species": ["H", "C", "O"],
        "pooling": "mean",
    }


# -- slow sums ----------------------------------------------------------------------------------


def slow_local(atoms, types, *, cutoff, sigmas, steps, power):
    """The definition, atom by atom: rows of the local SLATM."""
    r = np.linspace(0.1, cutoff, int((cutoff - 0.1) / steps[0]) + 1)
    ends = np.radians([-20, 200])
    theta = np.linspace(*ends, int((ends[1] - ends[0]) / steps[1]) + 1)
    height = [steps[q] / np.sqrt(2 * np.pi) / sigmas[q] for q in (0, 1)]
    rows = []
    for i in range(len(atoms)):
        own = int(atoms.numbers[i])
        around = slow.neighbors(atoms, i, cutoff)
        row = []
        for one in types:
            z = np.prod(one)
            if len(one) == 1:
                row.append(np.array([float(own == one[0]) * own]))
            elif len(one) == 2:
                part = np.zeros(len(r))
                for _, other, v in around:
                    if sorted((own, other)) == sorted(one):
                        gauss = np.exp(-((r - np.linalg.norm(v)) ** 2) / (2 * sigmas[0] ** 2))
                        part += 0.5 * z * height[0] * gauss / r**power
                row.append(part)
            else:
                part = np.zeros(len(theta))
                for q, z1, u in around:
                    for p, z2, v in around:
                        apart = np.linalg.norm(u - v)
                        if q >= p or apart >= cutoff or own != one[1]:
                            continue
                        if sorted((z1, z2)) != sorted((one[0], one[2])):
                            continue
                        at, b, c = (
                            np.radians(slow.angle(*e)) for e in ((u, v), (-u, v - u), (-v, u - v))
                        )
                        gauss = np.exp(-((theta - at) ** 2) / (2 * sigmas[1] ** 2))
                        volume = (np.linalg.norm(u) * np.linalg.norm(v) * apart) ** 3
                        energy = (1 + np.cos(theta) * np.cos(b) * np.cos(c)) / volume
                        part += z / 3 * height[1] * energy * gauss
                row.append(part)
        rows.append(np.concatenate(row))
    return np.array(rows)


def close(values, expected, tolerance=1e-10):
    assert values.shape == expected.shape
    assert np.abs(expected).max() > 0
    assert np.abs(values - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize(("kind", "n"), [("molecule", 6), ("bulk", 3), ("tiny", 2)])
def test_spectra_are_the_slow_sums(kind, n):
    atoms = build(kind, [1, 6, 8], n, 4)
    settings = {"cutoff": 3.1, "sigmas": (0.12, 0.2), "steps": (0.15, 0.2), "power": 5}
    slatm = vc.SLATM(**settings).fit(atoms)
    species = slatm.species_known
    pairs = [(a, b) for q, a in enumerate(species) for b in species[q:]]
    types = [(z,) for z in species] + pairs + [(a, v, b) for v in species for a, b in pairs]
    want = slow_local(atoms, types, **settings)
    close(slatm.compute(atoms).values, want)
    close(slatm.set_params(pooling="sum").compute(atoms).values, want.sum(axis=0)[None])


# -- qmllib -------------------------------------------------------------------------------------


def native(name):
    structure, settings = CASES[name]
    slatm = vc.SLATM.from_qmllib(TYPES[structure], **settings)
    return slatm.compute(structures()[structure]).values[:ROWS]


@pytest.mark.parametrize("name", CASES)
def test_migration_gives_the_stored_values_of_qmllib(name):
    with np.load(FILE) as stored:
        close(native(name), stored[name], 1e-11)


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_migration_gives_the_values_of_qmllib(name):
    pytest.importorskip("qmllib")
    close(native(name), compute(name), 1e-11)


# -- what is special ----------------------------------------------------------------------------


def test_types_that_structures_can_form():
    water = vc.SLATM.types_of([molecule("H2O")])
    assert water == [
        ["H"], ["O"], ["H", "H"], ["H", "O"], ["H", "H", "O"], ["H", "O", "H"],
    ]  # fmt: skip
    assert len(vc.SLATM.types_of([molecule("H2O"), molecule("H2O2")])) == 9
    salt = bulk("NaCl", "rocksalt", a=5.64)
    assert len(vc.SLATM.types_of(salt)) == 2 + 3 + 6
    assert len(vc.SLATM.types_of(vc.Environments(salt, 3.0))) == 11
    slatm = vc.SLATM(many_body_types=water)
    assert slatm.species_known == (1, 8)
    row = vc.SLATM(species=["H", "O"]).compute(molecule("H2O"))
    assert set(slatm.names()) <= set(row.names)
    inside = [row.names.tolist().index(name) for name in slatm.names()]
    close(slatm.compute(molecule("H2O")).values, row.values[:, inside])
    with pytest.raises(SpeciesError, match="C"):
        slatm.compute(molecule("CO2"))


def test_an_axilrod_teller_triangle_by_hand():
    """Equilateral, side one: each atom has an angle of 60 degrees, with the weight 1 + 1/8."""
    atoms = Atoms("He3", [[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(0.75), 0]])
    slatm = vc.SLATM(many_body_types=[["He", "He", "He"]], sigmas=(0.05, 0.01), steps=(0.03, 0.001))
    rows = slatm.compute(atoms).values
    assert rows.sum(axis=1) == pytest.approx(8 / 3 * (1 + 1 / 8) * np.ones(3), rel=1e-3)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"cutoff": 0.1}, "cutoff"),
        ({"sigmas": 0.05}, "sigmas"),
        ({"sigmas": (0.05, -1)}, "sigmas"),
        ({"sigmas": (0.05, 1e-9)}, "sigma"),
        ({"steps": (0.03,)}, "steps"),
        ({"steps": (5.0, 0.03)}, "steps"),
        ({"power": 1.5}, "power"),
        ({"cutoff_function": "shifted_cosine"}, "cutoff_function"),
        ({"periodic": True}, "periodic"),
        ({"many_body_types": []}, "many_body_types"),
        ({"many_body_types": ["H", "O"]}, "many_body_types"),
        ({"many_body_types": [["H", "H", "H", "H"]]}, "many_body_types"),
        ({"many_body_types": [["H", "O"], ["O", "H"]]}, "many_body_types"),
        ({"many_body_types": [["H", "Xy"]]}, "species"),
        ({"many_body_types": [["H", "O"]], "species": ["H"]}, "many_body_types"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(parameters, word):
    with pytest.raises(ParameterError, match=word):
        vc.SLATM(**parameters)
