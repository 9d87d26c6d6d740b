"""AEV: the battery, the formula in plain NumPy, torchani, presets, bad input."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from vicinal import AEV, Environments
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
STORED = np.load(Path(__file__).parent / "oracles" / "aev.npz")
SMALL = {
    "cutoff": 3.5,
    "angular_cutoff": 3.0,
    "radial_eta": 4.0,
    "angular_eta": 3.0,
    "radial_shifts": 3,
    "angular_shifts": [1.0, 1.5],
    "angular_sections": 3,
    "zeta": 4.0,
}


class TestAEV(Battery):
    def make(self, dtype):
        return AEV(**SMALL, species=SPECIES, dtype=dtype)


class TestAEVDefaults(Battery):
    examples = 3

    def make(self, dtype):
        order = ["O", "H", "C"]
        return AEV(
            cutoff=3.5, angular_cutoff=2.8, species=SPECIES, species_order=order, dtype=dtype
        )


def slow(atoms, aev, species):
    """The rows, species in this order."""
    env = Environments(atoms, aev.cutoff)
    shifts = np.linspace(aev.start, aev.cutoff, aev.radial_shifts, endpoint=False)
    n = aev.angular_sections
    sections = (np.arange(n) + 0.5) * np.pi / n

    def fade(r, cutoff):
        return 0.5 * (1 + np.cos(np.pi * r / cutoff)) if r < cutoff else 0.0

    rows = []
    for i in range(env.n_atoms):
        inside = slice(env.pair_offsets[i], env.pair_offsets[i + 1])
        D, Z = env.D[inside], env.numbers[env.j[inside]]
        r = np.linalg.norm(D, axis=1)
        row = []
        for z in species:
            for shift in shifts:
                row.append(
                    sum(
                        0.25
                        * np.exp(-aev.radial_eta * (r[j] - shift) ** 2)
                        * fade(r[j], aev.cutoff)
                        for j in np.flatnonzero(Z == z)
                    )
                )
        for a, b in itertools.combinations_with_replacement(species, 2):
            part = np.zeros((len(aev.angular_shifts), n))
            for j, k in itertools.combinations(range(len(r)), 2):
                if sorted([Z[j], Z[k]]) != sorted([a, b]):
                    continue
                theta = np.arccos(0.95 * (D[j] @ D[k]) / (r[j] * r[k]))
                weight = fade(r[j], aev.angular_cutoff) * fade(r[k], aev.angular_cutoff)
                for p, shift in enumerate(aev.angular_shifts):
                    mean = np.exp(-aev.angular_eta * ((r[j] + r[k]) / 2 - shift) ** 2)
                    angle = 2 ** (1 - aev.zeta) * (1 + np.cos(theta - sections)) ** aev.zeta
                    part[p] += weight * mean * angle
            row.extend(part.ravel())
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("kind", ["molecule", "cluster", "skewed", "tiny"])
def test_against_the_formula(kind):
    atoms = build(kind, (1, 6, 8), 7, seed=2)
    for order in (None, ["C", "O", "H"]):
        aev = AEV(**SMALL, species=SPECIES, species_order=order, accuracy=1e-12)
        expected = slow(atoms, aev, (6, 8, 1) if order else (1, 6, 8))
        np.testing.assert_allclose(aev.compute(atoms).values, expected, rtol=1e-10, atol=1e-10)


# -- torchani -----------------------------------------------------------------------------------


def like_torchani(name, **parameters):
    """torchani keeps its constants in single precision, whatever it computes in."""
    aev = getattr(AEV, f"ani{name}")(accuracy=1e-12, **parameters)
    radial, angular, sections = (grid.astype(np.float32).tolist() for grid in aev._grids())
    single = {
        key: float(np.float32(getattr(aev, key))) for key in ("radial_eta", "angular_eta", "zeta")
    }
    return aev.set_params(
        radial_shifts=radial, angular_shifts=angular, angular_sections=sections, **single
    )


@pytest.mark.parametrize("name", ["ethanol_rattled", "qm7_0500", "acac_600K_0"])
@pytest.mark.parametrize("network", ["1x", "2x"])
def test_torchani_stored(name, network):
    key = f"{name}/aev{network}"
    atoms = Atoms(STORED[f"{name}/numbers"], STORED[f"{name}/positions"])
    expected = np.zeros((len(atoms), STORED[f"{key}/size"]))
    expected[:, STORED[f"{key}/columns"]] = STORED[key]
    values = like_torchani(network).compute(atoms).values
    np.testing.assert_allclose(values, expected, rtol=1e-8, atol=1e-9)
    # With the constants as published.
    published = getattr(AEV, f"ani{network}")().compute(atoms).values
    np.testing.assert_allclose(published, expected, rtol=1e-6, atol=1e-6)


def test_torchani_derivatives():
    key = "ethanol_rattled/daev1x_atom0"
    atoms = Atoms(STORED["ethanol_rattled/numbers"], STORED["ethanol_rattled/positions"])
    expected = np.zeros((STORED[f"{key}/size"], len(atoms), 3))
    expected[STORED[f"{key}/columns"]] = STORED[key]
    jacobian = like_torchani("1x").jacobian(atoms, centers=[0])
    values = np.zeros_like(expected)
    values[:, jacobian.atom] = jacobian.values.transpose(2, 0, 1)
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-7)
    assert np.abs(expected).max() > 1


def test_presets():
    assert AEV.ani1x().n_features == 384 and AEV.ani2x().n_features == 1008
    names = AEV.ani2x().names()
    assert names[0] == "AEV[H] rs=0.8" and names[16 * 4] == "AEV[S] rs=0.8"
    assert names[-1] == "AEV[Cl,Cl] rs=3.1625 theta_s=2.74889"
    assert AEV.ani1x(dtype="float32").dtype == "float32"


def test_collinear_neighbours():
    atoms = Atoms("COHH", [[0, 0, 0], [0, 0, 1.2], [0, 0, -1.1], [0, 0, 2.1]])
    aev = AEV.ani1x()
    features = aev.compute(atoms).values
    gradient = aev.vjp(atoms, np.ones_like(features)).positions
    assert np.isfinite(features).all() and np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[:, :2], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cutoff": 0}, "cutoff"),
        ({"angular_cutoff": 6.0}, "angular_cutoff"),
        ({"start": 4.0}, "start"),
        ({"zeta": 0.5}, "zeta"),
        ({"radial_eta": -1}, "radial_eta"),
        ({"radial_shifts": 0}, "radial_shifts"),
        ({"angular_shifts": []}, "angular_shifts"),
        ({"angular_sections": "many"}, "angular_sections"),
        ({"cutoff_function": "padded"}, "cutoff_function"),
        ({"species": ["H", "C"], "species_order": ["H"]}, "species_order"),
        ({"species": ["H"], "species_order": ["H", "H"]}, "species_order"),
        ({"periodic": 1}, "periodic"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ParameterError, match=message):
        AEV(**parameters)
