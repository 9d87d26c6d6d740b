"""Coulomb, sine and Ewald matrices, and the bag of bonds."""

import doctest
import importlib
import itertools
import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.special import erfc

from vicinal import BagOfBonds, CoulombMatrix, Descriptor, EwaldMatrix, SineMatrix, load
from vicinal.descriptors import structure
from vicinal.errors import NotFittedError, ParameterError, StructureError
from vicinal.streaming import compute_file
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]

GROWS = {"check_supercell": "the matrix of a supercell is larger"}
NO_ORDER = {"check_permutation": "rows are in the order of the atoms, as asked for"}
OF_CELL = {"check_cell_choice": "the sine matrix depends on the choice of cell vectors"}


class Variant(Battery):
    """Variants, in fewer examples."""

    examples = 3
    parameters = {}
    cls = CoulombMatrix

    def make(self, dtype):
        parameters = {"n_atoms_max": 7, "species": SPECIES} | self.parameters
        return self.cls(**parameters, dtype=dtype)


class TestCoulombMatrix(Battery):
    def make(self, dtype):
        return CoulombMatrix(n_atoms_max=8, species=SPECIES, dtype=dtype)


class TestCoulombMatrixLearns(Variant):
    parameters = {"n_atoms_max": None, "species": None}


class TestCoulombEigenspectrum(Variant):
    parameters = {"permutation": "eigenspectrum"}


class TestCoulombRandom(Variant):
    parameters = {"permutation": "random", "sigma": 5.0, "seed": 3}


class TestCoulombTriangle(Variant):
    parameters = {"layout": "triangle"}


class TestCoulombAsGiven(Variant):
    parameters = {"permutation": "none"}
    exempt = NO_ORDER


class TestSineMatrix(Battery):
    exempt = GROWS | OF_CELL

    def make(self, dtype):
        return SineMatrix(n_atoms_max=8, species=SPECIES, dtype=dtype)


class TestSineEigenspectrum(Variant):
    cls = SineMatrix
    parameters = {"permutation": "eigenspectrum"}
    exempt = GROWS | OF_CELL


class TestEwaldMatrix(Battery):
    exempt = GROWS

    def make(self, dtype):
        return EwaldMatrix(n_atoms_max=8, species=SPECIES, dtype=dtype)


class TestEwaldEigenspectrum(Variant):
    cls = EwaldMatrix
    parameters = {"permutation": "eigenspectrum"}
    exempt = GROWS


class TestEwaldTriangle(Variant):
    cls = EwaldMatrix
    parameters = {"layout": "triangle", "permutation": "none", "w": 3.0}
    exempt = GROWS | NO_ORDER


class TestBagOfBonds(Battery):
    def make(self, dtype):
        return BagOfBonds(asize={"H": 6, "C": 6, "O": 7}, species=SPECIES, dtype=dtype)


class TestBagOfBondsLearns(Battery):
    examples = 3

    def make(self, dtype):
        return BagOfBonds(dtype=dtype)


# -- against the formulas, in loops --------------------------------------------------------------


def slow_matrix(atoms, entry):
    """0.5 Z^2.4 on the diagonal, ``entry(Z, Z', r' - r)`` beside it."""
    n, Z, r = len(atoms), atoms.numbers, atoms.positions
    M = np.diag(0.5 * Z**2.4)
    for i, j in itertools.permutations(range(n), 2):
        M[i, j] = entry(Z[i] * Z[j], r[j] - r[i])
    return M


def slow_coulomb(atoms):
    return slow_matrix(atoms, lambda ZZ, D: ZZ / np.linalg.norm(D))


def slow_sine(atoms):
    cell = atoms.cell.array

    def entry(ZZ, D):
        s = np.linalg.solve(cell.T, D)
        return ZZ / np.linalg.norm(sum(np.sin(np.pi * s[k]) ** 2 * cell[k] for k in range(3)))

    return slow_matrix(atoms, entry)


def slow_ewald(atoms, a=0.9, r_cut=9.0, g_cut=12.0):
    """Sums over boxes of lattice vectors, at a screening that the library would not choose."""
    cell, V = atoms.cell.array, atoms.get_volume()
    back = 2 * np.pi * np.linalg.inv(cell).T

    def box(vectors, radius):
        reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(vectors), axis=0)).astype(int) + 1
        return [
            np.array(k) @ vectors for k in itertools.product(*(range(-n, n + 1) for n in reach))
        ]

    L, G = np.array(box(cell, r_cut)), np.array([g for g in box(back, g_cut) if g @ g > 0])
    G2 = (G**2).sum(axis=1)

    def energy(D):
        D = D - np.round(np.linalg.solve(cell.T, D)) @ cell  # the images are those around zero
        r = np.linalg.norm(L + D, axis=1)
        r = r[r > 1e-6]
        real = (erfc(a * r) / r).sum()
        reciprocal = 4 * np.pi / V * (np.exp(-G2 / (4 * a**2)) * np.cos(G @ D) / G2).sum()
        return real + reciprocal - np.pi / (V * a**2)

    M = slow_matrix(atoms, lambda ZZ, D: ZZ * energy(D))
    own = energy(np.zeros(3)) / 2 - a / np.sqrt(np.pi)
    np.fill_diagonal(M, own * atoms.numbers.astype(float) ** 2)
    return M


def padded(M, size):
    return np.pad(M, (0, size - len(M)))


def slow_features(M, permutation, size):
    if permutation == "eigenspectrum":
        values = np.linalg.eigvalsh(M)
        return np.pad(sorted(values, key=abs, reverse=True), (0, size - len(M)))
    if permutation == "sorted_l2":
        order = sorted(range(len(M)), key=lambda i: -np.linalg.norm(M[i]))
        M = M[np.ix_(order, order)]
    return padded(M, size).ravel()


SLOW = {CoulombMatrix: slow_coulomb, SineMatrix: slow_sine, EwaldMatrix: slow_ewald}


@pytest.mark.parametrize("permutation", ["none", "sorted_l2", "eigenspectrum"])
@pytest.mark.parametrize("kind", ["skewed", "outside", "tiny", "molecule"])
@pytest.mark.parametrize("cls", SLOW)
def test_formulas(cls, kind, permutation):
    if cls is not CoulombMatrix and kind == "molecule":
        return
    atoms = build(kind, (1, 6, 8, 22), 5, seed=4)
    want = slow_features(SLOW[cls](atoms), permutation, 6)
    made = cls(n_atoms_max=6, permutation=permutation)
    got = made.compute(atoms).values[0]
    assert np.abs(got - want).max() < 1e-10 * np.abs(want).max()
    single = cls(n_atoms_max=6, permutation=permutation, dtype="float32").compute(atoms).values[0]
    assert np.abs(single - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("cls", SLOW)
def test_gradients_are_those_of_the_formulas(cls):
    """Finite differences of the slow values, so that no mistake can hide in values of our own."""
    atoms = build("skewed", (1, 6, 8), 4, seed=11)
    random = np.random.default_rng(0)
    cotangent, u, e = (random.normal(size=size) for size in ((4, 4), (4, 3), (3, 3)))
    gradient = cls(permutation="none").vjp(atoms, cotangent.reshape(1, 16))

    def value(step, positions, strain):
        moved = atoms.copy()
        moved.positions += step * positions
        moved.set_cell(moved.cell.array @ (np.eye(3) + step * strain), scale_atoms=False)
        moved.positions = moved.positions @ (np.eye(3) + step * strain)
        return (cotangent * SLOW[cls](moved)).sum()

    h = 1e-5
    by_position = (value(h, u, 0 * e) - value(-h, u, 0 * e)) / (2 * h)
    by_strain = (value(h, 0 * u, e) - value(-h, 0 * u, e)) / (2 * h)
    assert (gradient.positions * u).sum() == pytest.approx(by_position, rel=1e-7)
    assert (gradient.strain[0] * e).sum() == pytest.approx(by_strain, rel=1e-7)


def test_ewald_gives_known_energies():
    """The Wigner crystal on a simple cubic lattice, and the Madelung constant of rock salt."""
    cubic = Atoms("He", cell=[3.0] * 3, pbc=True)
    energy = EwaldMatrix().compute(cubic).values[0, 0]
    assert energy == pytest.approx(-2.837297479480620 / 2 * 4 / 3.0, rel=1e-12)

    salt = bulk("NaCl", "rocksalt", a=2.0, cubic=True)
    salt.numbers[:] = 1
    pairs = EwaldMatrix(permutation="none").compute(salt).values.reshape(8, 8)
    charges = np.where(bulk("NaCl", "rocksalt", a=2.0, cubic=True).numbers == 11, 1, -1)
    energy = (np.triu(pairs) * np.outer(charges, charges)).sum()
    assert energy / 4 == pytest.approx(-1.747564594633182, rel=1e-12)


@pytest.mark.parametrize("parameters", [{"w": 0.1}, {"w": 10.0}, {"a": 1.1}, {"accuracy": 1e-14}])
def test_a_converged_ewald_matrix_does_not_depend_on_how_it_is_summed(parameters):
    atoms = build("skewed", (1, 6, 8), 6, seed=3)
    want, other = EwaldMatrix(), EwaldMatrix(**parameters)
    size = np.abs(want.compute(atoms).values).max()
    assert np.abs(want.compute(atoms).values - other.compute(atoms).values).max() < 1e-10 * size
    cotangent = np.random.default_rng(0).normal(size=(1, 36))
    one, two = want.vjp(atoms, cotangent), other.vjp(atoms, cotangent)
    assert np.abs(one.positions - two.positions).max() < 1e-9 * size
    assert np.abs(one.strain - two.strain).max() < 1e-9 * size


def test_bag_of_bonds_by_hand():
    atoms = build("cluster", (1, 6, 8), 6, seed=5)
    M, Z = slow_coulomb(atoms), atoms.numbers
    room = {1: 3, 6: 4, 8: 5}
    want = []
    for z in room:
        count = (Z == z).sum()
        want += [0.5 * z**2.4] * count + [0.0] * (room[z] - count)
        for other in room:
            if other >= z:
                size = room[z] * (room[z] - 1) // 2 if other == z else room[z] * room[other]
                pairs = itertools.combinations(range(len(Z)), 2)
                bag = [M[i, j] for i, j in pairs if {Z[i], Z[j]} == {z, other}]
                want += sorted(bag, reverse=True) + [0.0] * (size - len(bag))
    made = BagOfBonds(asize={"H": 3, "C": 4, "O": 5}, species=SPECIES)
    assert np.abs(made.compute(atoms).values[0] - want).max() < 1e-12 * max(want)
    assert made.names()[[0, 3, 6]].tolist() == ["BoB[H] 0", "BoB[H,H] 0", "BoB[H,C] 0"]


# -- noise, sizes, bad input ---------------------------------------------------------------------


def test_random_order():
    """Small noise changes nothing, large noise does; each seed has its own order."""
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    plain = CoulombMatrix().compute(atoms).values

    def noisy(sigma, seed=0):
        made = CoulombMatrix(permutation="random", sigma=sigma, seed=seed)
        return made.compute(atoms).values

    assert (noisy(1e-9) == plain).all()
    assert (noisy(20.0) != plain).any()
    assert (noisy(20.0) != noisy(20.0, seed=1)).any()
    assert np.allclose(np.sort(noisy(20.0)), np.sort(plain))


@pytest.mark.parametrize("cls", [CoulombMatrix, BagOfBonds])
def test_sizes_are_learned(cls, tmp_path):
    small, large = molecule("H2O"), molecule("CH3CH2OH")
    made = cls()
    with pytest.raises(NotFittedError):
        _ = made.n_features
    want = made.compute([small, large]).values  # of this batch
    assert made.compute(small).shape[1] < want.shape[1]
    fitted = cls().fit([small, large])
    assert (fitted.transform([small]) == want[:1]).all()
    again = Descriptor.from_json(fitted.to_json())
    assert (again.transform([small, large]) == want).all()
    learns = fitted._learned[1]
    with pytest.raises(NotFittedError, match=learns):
        _ = cls(species=SPECIES).n_features
    with pytest.raises(StructureError, match="structure 1 has"):
        cls().fit(small).set_params(species=SPECIES).compute([small, large])
    ase.io.write(tmp_path / "two.extxyz", [small, large])
    compute_file(cls(), tmp_path / "two.extxyz", tmp_path / "out.npz")
    assert (load(tmp_path / "out.npz").values == want).all()
    document = json.loads(fitted.to_json())
    document[f"{learns}_"] = -1
    with pytest.raises(ParameterError, match=learns):
        Descriptor.from_json(json.dumps(document))


def test_chunks_of_a_large_batch():
    """More structures of one size than are worked on together."""
    atoms = molecule("CH3OH")
    frames = []
    for seed in range(30):
        frames.append(atoms.copy())
        frames[-1].rattle(0.1, seed=seed)
    made = CoulombMatrix(n_atoms_max=6, permutation="eigenspectrum")
    cotangent = np.random.default_rng(0).normal(size=(30, 6))
    want, slopes = made.compute(frames), made.vjp(frames, cotangent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structure, "CHUNK_PAIRS", 100)
        assert (made.compute(frames).values == want.values).all()
        assert (made.vjp(frames, cotangent).positions == slopes.positions).all()


def test_degenerate_eigenvalues_have_finite_derivatives():
    made = CoulombMatrix(permutation="eigenspectrum")
    gradient = made.vjp(molecule("C6H6"), np.ones((1, 12)))
    assert np.isfinite(gradient.positions).all()
    assert np.abs(gradient.positions).max() < 1e-9  # their sum is the trace, which is constant


@pytest.mark.parametrize("cls", [SineMatrix, EwaldMatrix])
def test_crystals_only(cls):
    with pytest.raises(StructureError, match="structure 1 is not periodic"):
        cls().compute([bulk("Si"), molecule("H2O")])


@pytest.mark.parametrize(
    ("cls", "parameters", "word"),
    [
        (CoulombMatrix, {"n_atoms_max": 0}, "n_atoms_max"),
        (CoulombMatrix, {"n_atoms_max": 2.5}, "n_atoms_max"),
        (CoulombMatrix, {"permutation": "sorted"}, "permutation"),
        (CoulombMatrix, {"layout": "upper"}, "layout"),
        (CoulombMatrix, {"sigma": 1.0}, "sigma"),
        (CoulombMatrix, {"permutation": "random"}, "sigma"),
        (CoulombMatrix, {"permutation": "random", "sigma": -1.0}, "sigma"),
        (CoulombMatrix, {"permutation": "random", "sigma": 1.0, "seed": -1}, "seed"),
        (CoulombMatrix, {"permutation": "random", "sigma": 1.0, "seed": 2**32}, "seed"),
        (SineMatrix, {"permutation": "eigenspectrum", "layout": "triangle"}, "layout"),
        (EwaldMatrix, {"accuracy": 0.0}, "accuracy"),
        (EwaldMatrix, {"accuracy": 1.0}, "accuracy"),
        (EwaldMatrix, {"w": 0.0}, "w must"),
        (EwaldMatrix, {"a": -1.0}, "a must"),
        (EwaldMatrix, {"r_cut": 5.0}, "g_cut"),
        (EwaldMatrix, {"r_cut": 5.0, "g_cut": 0.0}, "g_cut"),
        (BagOfBonds, {"asize": {}}, "asize"),
        (BagOfBonds, {"asize": [1, 2]}, "asize"),
        (BagOfBonds, {"asize": {"Xy": 2}}, "Xy"),
        (BagOfBonds, {"asize": {"H": 0}}, "asize"),
    ],
)
def test_bad_parameters(cls, parameters, word):
    with pytest.raises(ParameterError, match=word):
        cls(**parameters)


def test_presets_refuse_what_they_do_not_know():
    with pytest.raises(ParameterError, match="flatten"):
        CoulombMatrix.from_dscribe(n_atoms_max=3, flatten=True)
    with pytest.raises(ParameterError, match="accuracy"):
        SineMatrix.from_dscribe(n_atoms_max=3, accuracy=1e-3)
    with pytest.raises(ParameterError, match="sparse"):
        EwaldMatrix.from_dscribe(n_atoms_max=3, sparse=True)
    with pytest.raises(ParameterError, match="sorting"):
        CoulombMatrix.from_qmllib(sorting="distance")


@pytest.mark.parametrize("cls", [CoulombMatrix, SineMatrix, EwaldMatrix, BagOfBonds])
def test_examples_in_docstrings(cls):
    assert doctest.testmod(importlib.import_module(cls.__module__)).failed == 0
