"""SO(3) power spectrum and bispectrum."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from ase import Atoms
from oracles.make_moments_peers import FILE, QUIP, quip, structure
from reference.neighbors import environments, position_jacobian
from reference.soap_numpy import real_harmonics
from scipy.special import factorial, lpmv

from vicinal import SO3Bispectrum, SO3PowerSpectrum
from vicinal.basis.angular import complex_harmonics
from vicinal.basis.radial import RadialFunctions
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

needs_wigners = pytest.mark.skipif(find_spec("wigners") is None, reason="wigners is missing")

SPECIES = ["H", "C", "O"]
SMALL = {"cutoff": 3.5, "n_max": 2, "l_max": 3, "species": SPECIES}


class TestPowerSpectrum(Battery):
    def make(self, dtype):
        return SO3PowerSpectrum(**SMALL, dtype=dtype)


class TestPowerSpectrumOfEachSpecies(Battery):
    examples = 3

    def make(self, dtype):
        return SO3PowerSpectrum(
            **SMALL, channels="species", radial_coupling=False, pooling="sum", dtype=dtype
        )


@needs_wigners
class TestBispectrum(Battery):
    def make(self, dtype):
        return SO3Bispectrum(**SMALL, dtype=dtype)


@needs_wigners
class TestBispectrumOfBothParities(Battery):
    examples = 2
    exempt = {"check_reflection": "odd components change their sign"}

    def make(self, dtype):
        parameters = {"l_max": 4, "n_max": 1, "channels": "number", "parity": "both"}
        return SO3Bispectrum(**(SMALL | parameters), dtype=dtype)


WEIGHTS = {"number": [[1.0, 6.0, 8.0]], "one": [[1.0, 1.0, 1.0]], "species": np.eye(3)}


def coefficients(frames, parameters, channels, harmonics):
    """c[channel, n, lm] of each atom, with Gaussians of height 1."""
    radial = RadialFunctions(**parameters)
    height = (np.pi * radial.sigma**2) ** 0.75 if radial.density == "gaussian" else 1.0
    degree = np.repeat(np.arange(radial.l_max + 1), 2 * np.arange(radial.l_max + 1) + 1)
    for D, r, numbers in environments(frames, radial.cutoff):
        w = np.array(WEIGHTS[channels])[:, np.searchsorted([1, 6, 8], numbers)]
        R = height * radial.evaluate(r)[:, degree]
        Y = harmonics(radial.l_max, D) if len(D) else np.zeros((0, len(degree)))
        yield np.einsum("cj,jkn,jk->cnk", w, R, Y)


def complex_ylm(l_max, vectors):
    """Complex conjugates of the harmonics with the Condon-Shortley phase, from Legendre functions:
    SciPy has renamed its own."""
    x, y, z = vectors.T
    cosine, phi = z / np.linalg.norm(vectors, axis=1), np.arctan2(y, x)
    columns = []
    for l in range(l_max + 1):
        for m in range(-l, l + 1):
            k = abs(m)
            norm = np.sqrt((2 * l + 1) / (4 * np.pi) * factorial(l - k) / factorial(l + k))
            value = norm * lpmv(k, l, cosine) * np.exp(1j * k * phi)
            columns.append((-1) ** k * value if m < 0 else value.conj())
    return np.stack(columns, axis=1)


RADIAL = {"cutoff": 3.8, "n_max": 3, "l_max": 4, "sigma": 0.45}


@pytest.mark.parametrize("channels", WEIGHTS)
@pytest.mark.parametrize("coupling", [True, False])
@pytest.mark.parametrize(
    "radial",
    [
        {"radial_basis": "polynomial_normalized", "cutoff_function": "cosine"},
        {"radial_basis": "bartok", "density": "delta", "cutoff_function": None},
    ],
)
def test_power_spectrum(channels, coupling, radial):
    frames = [build(kind, [1, 6, 8], 6, 8) for kind in ("cluster", "skewed")]
    expected = []
    for c in coefficients(frames, RADIAL | radial, channels, real_harmonics):
        expected.append(
            [
                c[a, n, l * l : (l + 1) ** 2] @ c[b, m, l * l : (l + 1) ** 2]
                for a in range(len(c))
                for b in range(a, len(c))
                for n in range(3)
                for m in range(n + 1 if a == b else 3)
                if coupling or n == m
                for l in range(5)
            ]
        )
    parameters = RADIAL | radial | {"species": SPECIES, "channels": channels}
    values = SO3PowerSpectrum(**parameters, radial_coupling=coupling).compute(frames).values
    expected = np.array(expected)
    assert values == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


@needs_wigners
@pytest.mark.parametrize(("channels", "density"), [("species", "gaussian"), ("number", "delta")])
def test_bispectrum(channels, density):
    """Sums over complex harmonics and Clebsch-Gordan coefficients, component after component."""
    from wigners import clebsch_gordan

    frames = [build(kind, [1, 6, 8], 5, 8) for kind in ("cluster", "skewed")]
    radial = {"density": density, "cutoff_function": "cosine", "n_max": 2}
    triples = [
        (l1, l2, l)
        for l1 in range(5)
        for l2 in range(l1, 5)
        for l in range(l2, min(l1 + l2, 4) + 1)
        if (l1 + l2 + l) % 2 == 0 or l1 < l2 < l
    ]
    parameters = RADIAL | radial | {"radial_basis": "polynomial_normalized"}
    expected = []
    for c in coefficients(frames, parameters, channels, complex_ylm):
        row = []
        for a in range(len(c)):
            for l1, l2, l in triples:
                total = np.zeros(2, dtype=complex)
                for m1 in range(-l1, l1 + 1):
                    for m2 in range(-l2, l2 + 1):
                        if abs(m1 + m2) <= l:
                            total += (
                                clebsch_gordan(l1, m1, l2, m2, l, m1 + m2)
                                * c[a, :, l1 * l1 + l1 + m1]
                                * c[a, :, l2 * l2 + l2 + m2]
                                * c[a, :, l * l + l + m1 + m2].conj()
                            )
                other = total.real if (l1 + l2 + l) % 2 else total.imag
                assert np.abs(other).max() < 1e-10
                row += list(total.imag if (l1 + l2 + l) % 2 else total.real)
        expected.append(row)
    descriptor = SO3Bispectrum(
        **(RADIAL | radial), species=SPECIES, channels=channels, parity="both"
    )
    expected = np.array(expected)
    features = descriptor.compute(frames)
    assert features.values == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())
    even = SO3Bispectrum(**(RADIAL | radial), species=SPECIES, channels=channels).compute(frames)
    odd = SO3Bispectrum(**(RADIAL | radial), species=SPECIES, channels=channels, parity="odd")
    odd = odd.compute(frames)
    assert sorted([*even.names, *odd.names]) == sorted(features.names)
    assert np.abs(odd.values).max() > 1e-6 * np.abs(even.values).max()
    mirrored = [Atoms(f.numbers, -f.positions, cell=-f.cell.array, pbc=f.pbc) for f in frames]
    turned = descriptor.compute(mirrored).values
    sign = [-1 if name in set(odd.names) else 1 for name in features.names]
    assert turned == pytest.approx(sign * features.values, abs=1e-9 * np.abs(expected).max())


@needs_wigners
def test_components_left_out_vanish_or_are_equal():
    """Of all (l1, l2, l), those that are not given follow from those that are."""
    from wigners import clebsch_gordan_array

    rng = np.random.default_rng(0)
    c = []
    for l in range(5):
        real = rng.normal(size=2 * l + 1)
        c.append(complex_harmonics(l).conj() @ real)

    def component(l1, l2, l):
        C = clebsch_gordan_array(l1, l2, l)
        return np.einsum("abc,a,b,c->", C, c[l1], c[l2], c[l].conj())

    for l1 in range(5):
        for l2 in range(5):
            for l in range(abs(l1 - l2), min(l1 + l2, 4) + 1):
                value = component(l1, l2, l)
                low, middle, high = sorted((l1, l2, l))
                kept = component(low, middle, high) * np.sqrt((2 * l + 1) / (2 * high + 1))
                assert abs(value) == pytest.approx(abs(kept), abs=1e-12)
                if (l1 + l2 + l) % 2 and len({l1, l2, l}) < 3:
                    assert abs(value) < 1e-12


@pytest.mark.parametrize("name", ["Si2_triclinic", "NaCl_8"])
def test_pyxtal_ff(name):
    stored = np.load(FILE)
    atoms = structure(stored, name)
    descriptor = SO3PowerSpectrum.from_pyxtal_ff(nmax=3, lmax=3, rcut=5.0, alpha=2.0)
    values = descriptor.compute(atoms).values
    assert values == pytest.approx(stored[f"{name}/so3"], abs=1e-10 * values.max())
    got = position_jacobian(descriptor, atoms)
    want = np.zeros_like(got)
    want[tuple(stored[f"{name}/so3_seq"].T)] = stored[f"{name}/so3_dxdr"]
    assert got == pytest.approx(want, abs=1e-8 * np.abs(want).max())


def quip_values(name, live):
    stored = np.load(FILE)
    atoms = structure(stored, "Si5")
    if live:
        pytest.importorskip("quippy")
        return atoms, quip(name, atoms)
    return atoms, stored[f"Si5/{name}"]


LIVE = [False, pytest.param(True, marks=pytest.mark.peers)]


@pytest.mark.parametrize("live", LIVE)
def test_power_spectrum_of_quip(live):
    atoms, expected = quip_values("power_so3", live)
    assert "n_max=3 l_max=4" in QUIP["power_so3"]
    descriptor = SO3PowerSpectrum.from_quip(cutoff=4.0, n_max=3, l_max=4)
    values = descriptor.compute(atoms).values
    assert values == pytest.approx(expected, abs=1e-9 * expected.max())


@needs_wigners
@pytest.mark.parametrize("live", LIVE)
def test_bispectrum_of_quip(live):
    """QUIP has (l1, l1, l), in that order: those that we call (l1, l1, l) or (l, l1, l1)."""
    atoms, expected = quip_values("bispectrum_so3", live)
    assert "n_max=2 l_max=3" in QUIP["bispectrum_so3"]
    descriptor = SO3Bispectrum(
        cutoff=4.0,
        n_max=2,
        l_max=3,
        density="delta",
        radial_basis="bartok",
        cutoff_function=None,
        channels="one",
    )
    features = descriptor.compute(atoms)
    values = dict(zip(features.names, features.values.T, strict=True))
    ours = []
    for n in range(2):
        for l1 in range(4):
            for l in range(min(2 * l1, 3) + 1):
                if l % 2:
                    continue  # vanish, and QUIP leaves some of them out
                low, middle, high = sorted((l1, l1, l))
                value = values[f"B[Si] l1={low} l2={middle} l={high} n={n}"]
                sign = (-1) ** (l1 if high != l else 0)
                ours.append(sign * np.sqrt((2 * l + 1) / (2 * high + 1)) * value)
    theirs = expected[:, np.abs(expected).max(axis=0) > 1e-12 * np.abs(expected).max()]
    assert np.transpose(ours) == pytest.approx(theirs, abs=1e-9 * np.abs(theirs).max())


def test_names():
    names = SO3PowerSpectrum(n_max=2, l_max=0, species=["H", "O"]).names().tolist()
    assert names == [f"SO3[H+O,H+O] n={n} n'={m} l=0" for n, m in ((0, 0), (1, 0), (1, 1))]


@needs_wigners
def test_names_of_bispectrum():
    names = SO3Bispectrum(n_max=1, l_max=1, species=["H", "O"]).names().tolist()
    assert names == [
        f"B[{species}] l1={l1} l2={l2} l={l} n=0"
        for species in "HO"
        for l1, l2, l in ((0, 0, 0), (0, 1, 1))
    ]


@needs_wigners
def test_odd_components_need_degrees_up_to_4():
    names = SO3Bispectrum(n_max=1, l_max=4, parity="odd", species=["H"]).names().tolist()
    assert names == ["B[H] l1=2 l2=3 l=4 n=0"]
    with pytest.raises(ParameterError, match="l_max"):
        SO3Bispectrum(l_max=3, parity="odd")


@pytest.mark.parametrize("cls", [SO3PowerSpectrum, SO3Bispectrum])
@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"cutoff": -2}, "cutoff"),
        ({"n_max": 0}, "n_max"),
        ({"l_max": 1.5}, "l_max"),
        ({"sigma": 0}, "sigma"),
        ({"channels": "element"}, "channels"),
        ({"density": "box"}, "density"),
        ({"density": "delta", "radial_basis": "quip"}, "density"),
        ({"radial_basis": "powers"}, "radial_basis"),
        ({"cutoff_function": "step"}, "cutoff_function"),
        ({"accuracy": 0.0}, "accuracy"),
    ],
)
def test_bad_parameters_are_named(cls, parameters, named):
    with pytest.raises(ParameterError, match=named):
        cls(**parameters)


def test_bad_parameters_of_one_class():
    for cls, parameters in (
        (SO3PowerSpectrum, {"radial_coupling": None}),
        (SO3PowerSpectrum, {"prefactor": 2}),
        (SO3Bispectrum, {"parity": "none"}),
    ):
        with pytest.raises(ParameterError, match=next(iter(parameters))):
            cls(**parameters)
    for parameters in ({"weight_on": True}, {"cutoff_function": "poly1"}, {"alpha": 0}):
        with pytest.raises(ParameterError, match=next(iter(parameters))):
            SO3PowerSpectrum.from_pyxtal_ff(**parameters)


def test_missing_wigners_is_named():
    script = """
import sys
sys.modules["wigners"] = None
import vicinal as vc
from vicinal.errors import MissingExtraError
descriptor = vc.SO3Bispectrum(species=["H"])
try:
    descriptor.names()
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'pip install "vicinal[bispectrum]"' in done.stdout, done.stderr
