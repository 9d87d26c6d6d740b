"""MBTR, LMBTR and Valle-Oganov: the battery, slow sums, DScribe, and what they refuse."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from oracles.make_mbtr_dscribe import CASES, FILE, ROWS, compute, structures
from reference import spectra_numpy as slow

import vicinal as vc
from vicinal.errors import ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
EXP = {"function": "exp", "cutoff": 3.5, "threshold": 1e-2}
SMOOTH = {"function": "smooth_cutoff", "cutoff": 3.5}
K2 = {"geometry": "inverse_distance", "grid": {"n": 20, "sigma": 0.05}, "weighting": EXP}
K3 = {"geometry": "cosine", "grid": {"n": 12, "sigma": 0.2}, "weighting": EXP}
SHORT = {"function": "smooth_cutoff", "cutoff": 2.0}
NOT_OF_IMAGES = {
    "check_periodic_images": "the volume is that of the periodic cell, which images alone lack"
}

# -- the battery --------------------------------------------------------------------------------


class TestMBTR(Battery):
    parameters = {}

    def make(self, dtype):
        small = {"k2": K2, "k3": K3, "species": SPECIES}
        return vc.MBTR(**(small | self.parameters), dtype=dtype)


class SmallMBTR(TestMBTR):
    __test__ = False
    examples = 3


class TestMBTRNormalized(SmallMBTR):
    __test__ = True
    parameters = {
        "k1": {"geometry": "atomic_number", "grid": {"min": 0, "max": 10, "n": 11, "sigma": 1.0}},
        "k3": None,
        "normalization": "l2",
    }


class TestMBTREachNormalized(SmallMBTR):
    __test__ = True
    parameters = {
        "k2": {"geometry": "distance", "grid": {"n": 15, "sigma": 0.3}, "weighting": SMOOTH},
        "k3": {"geometry": "angle", "grid": {"n": 12, "sigma": 15.0}, "weighting": SMOOTH},
        "normalization": "l2_each",
        "gaussian": "sampled",
    }


class TestMBTRPerAtom(SmallMBTR):
    __test__ = True
    parameters = {
        "k2": {"geometry": "inverse_square_distance", "grid": {"n": 9, "sigma": 0.1}}
        | {"weighting": {"function": "inverse_square", "cutoff": 3.5}},
        "k3": None,
        "normalization": "n_atoms",
        "cutoff_function": "polynomial",
        "species": None,
    }


class TestMBTRDihedral(SmallMBTR):
    __test__ = True
    parameters = {
        "k3": None,
        "k4": {
            "geometry": "dihedral_cosine",
            "grid": {"n": 9, "sigma": 0.3},
            "weighting": {"function": "smooth_cutoff", "cutoff": 2.6},
        },
        "species": ["H", "O"],
    }


class TestMBTRVolume(SmallMBTR):
    __test__ = True
    exempt = NOT_OF_IMAGES
    parameters = {"normalization": "valle_oganov"}


class TestMBTRLikeDScribe(SmallMBTR):
    """Weightings end in a jump there."""

    __test__ = True
    parameters = {"cutoff_function": None, "periodic": False}


class TestLMBTR(Battery):
    parameters = {}

    def make(self, dtype):
        small = {"k2": K2, "k3": K3, "species": SPECIES}
        return vc.LMBTR(**(small | self.parameters), dtype=dtype)


class SmallLMBTR(TestLMBTR):
    __test__ = False
    examples = 3


class TestLMBTRNormalized(SmallLMBTR):
    __test__ = True
    parameters = {"normalization": "l2", "pooling": "mean", "convention": "dscribe"}


class TestLMBTRLegs(SmallLMBTR):
    """Angles that begin at the centre reach to twice the cutoff."""

    __test__ = True
    parameters = {
        "k2": {"geometry": "distance", "grid": {"n": 15, "sigma": 0.3}, "weighting": SMOOTH},
        "k3": {"geometry": "angle", "grid": {"n": 12, "sigma": 15.0}, "weighting": SHORT},
        "normalization": "l2_each",
        "species": None,
    }


class TestValleOganov(Battery):
    exempt = NOT_OF_IMAGES
    parameters = {"cutoff_function": "cosine"}
    examples = 4

    def make(self, dtype):
        small = {"cutoff": 3.5, "n": 15, "sigma": 0.3, "species": SPECIES}
        return vc.ValleOganov(**(small | self.parameters), dtype=dtype)


class TestValleOganovAngle(TestValleOganov):
    examples = 2
    parameters = {"function": "angle", "sigma": 12.0}


# -- slow sums ----------------------------------------------------------------------------------

FRAMES = {
    "molecule": build("molecule", [1, 6, 8], 6, 3),
    "bulk": build("bulk", [1, 8], 4, 5),
    "slab": build("slab", [1, 6], 3, 1),
    "tiny": build("tiny", [1, 8], 2, 2),
}

frames = pytest.mark.parametrize("name", FRAMES)


def close(values, expected, tolerance=1e-10):
    assert values.shape == expected.shape
    assert np.abs(expected).max() > 0
    assert np.abs(values - expected).max() <= tolerance * np.abs(expected).max()


def spectrum(found, grid, sampled=False):
    """The sum of Gaussians of (x, weight)."""
    points = np.linspace(grid["min"], grid["max"], grid["n"])
    step = points[1] - points[0]
    return sum(
        (w * np.array([slow.gaussian(x, g, grid["sigma"], step, sampled) for x in points]))
        for g, w in found
        if w
    ) + np.zeros(grid["n"])


def rows_by_kind(atoms, grid, found, kinds, sampled=False):
    """One row: the spectra of tuples whose sorted or mirrored kind is each of ``kinds``."""
    parts = [spectrum([(g, w) for kind, g, w in found if kind == k], grid, sampled) for k in kinds]
    return np.concatenate(parts)[None]


def pair_kinds(species):
    return [(a, b) for q, a in enumerate(species) for b in species[q:]]


@frames
@pytest.mark.parametrize("gaussian", ["integrated", "sampled"])
def test_pairs_are_the_slow_sums(name, gaussian):
    atoms = FRAMES[name]
    species = sorted(set(atoms.numbers.tolist()))
    grid = {"min": 0.2, "max": 0.9, "n": 14, "sigma": 0.06}
    k2 = {"geometry": "inverse_distance", "grid": grid}
    k2["weighting"] = {"function": "inverse_square", "cutoff": 4.0}
    found = [
        (tuple(sorted((int(atoms.numbers[i]), z))), 1 / r, 0.5 * w)
        for i in range(len(atoms))
        for z, r, w in slow.pairs(atoms, i, lambda r: slow.fade(r / 4.0) / r**2, 4.0)
    ]
    mbtr = vc.MBTR(k2=k2, k3=None, gaussian=gaussian)
    want = rows_by_kind(atoms, grid, found, pair_kinds(species), gaussian == "sampled")
    close(mbtr.compute(atoms).values, want)


def weight_of(weighting, cutoff):
    """The weight of a triangle, by the sides at the vertex and the one opposite."""
    if weighting == "exp":  # to 0.01 at this half perimeter
        scale = -0.5 * np.log(0.01) / cutoff
        return lambda p, q, o: np.exp(-scale * (p + q + o)) * slow.fade((p + q + o) / (2 * cutoff))
    return lambda p, q, o: slow.smooth_cutoff(p, cutoff) * slow.smooth_cutoff(q, cutoff)


def k3_of(weighting, cutoff, geometry):
    grid = {"min": 10.0, "max": 170.0, "n": 11, "sigma": 11.0}
    if geometry == "cosine":
        grid = {"min": -0.8, "max": 0.9, "n": 11, "sigma": 0.13}
    more = {"threshold": 0.01} if weighting == "exp" else {}
    k3 = {"geometry": geometry, "grid": grid}
    return k3 | {"weighting": {"function": weighting, "cutoff": cutoff, **more}}


GEOMETRY = {"angle": lambda x: x, "cosine": lambda x: np.cos(np.radians(x))}


@frames
@pytest.mark.parametrize("weighting", ["exp", "smooth_cutoff"])
@pytest.mark.parametrize("geometry", GEOMETRY)
def test_angles_are_the_slow_sums(name, weighting, geometry):
    atoms, cutoff = FRAMES[name], 4.0 if weighting == "exp" else 2.7
    species = sorted(set(atoms.numbers.tolist()))
    k3 = k3_of(weighting, cutoff, geometry)
    grid, weight = k3["grid"], weight_of(weighting, cutoff)
    found, local = [], []
    reach = cutoff if weighting == "exp" else 2 * cutoff
    for i in range(len(atoms)):
        local.append([])
        for place, (z1, z2), x, w in slow.triples(atoms, i, weight, reach):
            x = GEOMETRY[geometry](x)
            if place == "vertex":
                kind = (min(z1, z2), int(atoms.numbers[i]), max(z1, z2))
                found.append((kind, x, w))
                local[-1].append(((min(z1, z2), 0, max(z1, z2)), x, w))
            else:
                local[-1].append(((0, z1, z2), x, w))
    kinds = [(a, v, b) for v in species for a, b in pair_kinds(species)]
    values = vc.MBTR(k2=None, k3=k3).compute(atoms).values
    close(values, rows_by_kind(atoms, grid, found, kinds), 1e-9)
    kinds = [(a, 0, b) for a, b in pair_kinds(species)]
    kinds += [(0, v, b) for v in species for b in species]
    want = np.concatenate([rows_by_kind(atoms, grid, one, kinds) for one in local])
    close(vc.LMBTR(k2=None, k3=k3).compute(atoms).values, want, 1e-9)


@frames
def test_dihedrals_are_the_slow_sums(name):
    atoms, cutoff = FRAMES[name], 2.4
    species = sorted(set(atoms.numbers.tolist()))
    grid = {"min": 0.0, "max": 180.0, "n": 10, "sigma": 14.0}
    k4 = {"geometry": "dihedral", "grid": grid}
    k4["weighting"] = {"function": "smooth_cutoff", "cutoff": cutoff}
    found = []
    for i in range(len(atoms)):
        weight = lambda r: slow.smooth_cutoff(r, cutoff)  # noqa: E731
        for (z1, z2, z3), x, w in slow.chains(atoms, i, weight, 2 * cutoff):
            kind = (z1, int(atoms.numbers[i]), z2, z3)
            found.append((min(kind, kind[::-1]), x, w))
    kinds = [
        (a, b, c, d)
        for a in species
        for b in species
        for c in species
        for d in species
        if (a, b, c, d) <= (d, c, b, a)
    ]
    mbtr = vc.MBTR(k2=None, k3=None, k4=k4)
    close(mbtr.compute(atoms).values, rows_by_kind(atoms, grid, found, kinds), 1e-9)


def test_a_flat_dihedral_is_zero_or_180_degrees():
    k4 = {"geometry": "dihedral", "grid": {"n": 181, "sigma": 1.0}}
    k4["weighting"] = {"function": "unity", "cutoff": 1.2}
    mbtr = vc.MBTR(k2=None, k3=None, k4=k4, cutoff_function=None)
    for z, want in ((1.0, 0), (-1.0, 180)):
        chain = Atoms("H4", [[0, 1, 0], [0, 0, 0], [1, 0, 0], [1, z, 0]])
        assert np.argmax(mbtr.compute(chain).values[0]) == want


def test_derivatives_are_those_of_the_slow_sums():
    """So that a mistake which values and derivatives share cannot hide; a jump is none here."""
    atoms, cutoff = FRAMES["molecule"], 3.1
    k3 = k3_of("exp", cutoff, "angle")
    species = sorted(set(atoms.numbers.tolist()))
    kinds = [(a, v, b) for v in species for a, b in pair_kinds(species)]
    cotangent = np.random.default_rng(0).normal(size=(1, 11 * len(kinds)))
    direction = np.random.default_rng(1).normal(size=(len(atoms), 3))

    def value(step):
        moved = atoms.copy()
        moved.positions += step * direction
        found = [
            ((min(kind), int(moved.numbers[i]), max(kind)), x, w)
            for i in range(len(moved))
            for place, kind, x, w in slow.triples(moved, i, weight_of("exp", cutoff), cutoff)
            if place == "vertex"
        ]
        return (cotangent * rows_by_kind(moved, k3["grid"], found, kinds)).sum()

    gradient = vc.MBTR(k2=None, k3=k3).vjp(atoms, cotangent)
    numeric = (value(1e-5) - value(-1e-5)) / 2e-5
    assert (gradient.positions * direction).sum() == pytest.approx(numeric, rel=1e-7)


@pytest.mark.parametrize("geometry", ["angle", "cosine", "dihedral", "dihedral_cosine"])
def test_atoms_in_a_line_have_finite_derivatives(geometry):
    given = {"geometry": geometry, "weighting": {"function": "smooth_cutoff", "cutoff": 4.0}}
    orders = {"k2": None, "k3": None, "k4" if "dihedral" in geometry else "k3": given}
    mbtr = vc.MBTR(**orders)
    line = Atoms("H4", [[0, 0, 0], [0, 0, 1.1], [0, 0, 2.0], [0, 0, 3.2]])
    gradient = mbtr.vjp(line, np.ones(mbtr.compute(line).shape))
    assert np.abs(gradient.positions).max() < 1e3


# -- DScribe ------------------------------------------------------------------------------------


def native(name):
    kind, structure, settings = CASES[name]
    return getattr(vc, kind).from_dscribe(**settings).compute(structures()[structure]).values


# DScribe takes straight angles from the cosine, where half of the digits are lost.
TOLERANCE = {"valle oganov/angle": 1e-8}


@pytest.mark.parametrize("name", CASES)
def test_migration_gives_the_stored_values_of_dscribe(name):
    with np.load(FILE) as stored:
        close(native(name)[:ROWS], stored[name], TOLERANCE.get(name, 1e-11))


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_migration_gives_the_values_of_dscribe(name):
    pytest.importorskip("dscribe")
    try:
        want = compute(name)
    except TypeError:
        pytest.skip("DScribe's MBTR, LMBTR and ValleOganov do not work with this ASE")
    close(native(name)[:ROWS], want, TOLERANCE.get(name, 1e-11))


def test_migration_refuses_what_is_not_there():
    settings = CASES["k2/scale"][2]
    for cls in (vc.MBTR, vc.LMBTR):
        with pytest.raises(ParameterError, match="sparse"):
            cls.from_dscribe(**settings, sparse=True)
        with pytest.raises(ParameterError, match="geometry"):
            cls.from_dscribe(**settings | {"geometry": {"function": "dihedral angle"}})
    with pytest.raises(ParameterError, match="k = 1"):
        vc.LMBTR.from_dscribe(**CASES["k1"][2])
    with pytest.raises(ParameterError, match="cutoff"):  # DScribe refuses it as well
        vc.MBTR.from_dscribe(**CASES["k2/unity"][2], periodic=True)


# -- what is special ----------------------------------------------------------------------------


def test_a_supercell_has_the_same_row_with_any_normalization():
    salt = bulk("NaCl", "rocksalt", a=5.64)
    salt.rattle(0.05, seed=1)
    for how in ("l2", "l2_each", "n_atoms", "valle_oganov"):
        mbtr = vc.MBTR(k2=K2, k3=K3, normalization=how)
        one, two = (mbtr.compute(atoms).values for atoms in (salt, salt.repeat((2, 1, 2))))
        close(two, one)


def test_the_fingerprint_tends_to_one_in_an_ideal_gas():
    random = np.random.default_rng(0)
    gas = Atoms("He700", random.uniform(0, 18, (700, 3)), cell=[18] * 3, pbc=True)
    gas.numbers[::2] = 10
    values = vc.ValleOganov(cutoff=7.0, n=70, sigma=0.2).compute(gas).values.reshape(3, 70)
    assert np.abs(values[:, 40:60].mean(axis=1) - 1).max() < 0.1


def test_strain_derivatives_hold_those_of_the_volume():
    """Uniform expansion, at which every distance and the volume change."""
    salt = bulk("NaCl", "rocksalt", a=5.64)
    descriptor = vc.ValleOganov(cutoff=5.0, n=30, sigma=0.3, cutoff_function="cosine").fit(salt)
    h = 1e-5

    def value(e):
        atoms = salt.copy()
        atoms.set_cell(atoms.cell.array * (1 + e), scale_atoms=True)
        return descriptor.compute(atoms).values

    pushed = descriptor.jvp(salt, strain=np.eye(3))
    close(pushed, (value(h) - value(-h)) / (2 * h), 1e-7)


def test_molecules_of_any_size_have_all_their_pairs_without_a_cutoff():
    k2 = {"geometry": "distance", "grid": {"min": 0, "max": 60, "n": 61, "sigma": 0.5}}
    mbtr = vc.MBTR(k2=k2, k3=None, periodic=False, normalize_gaussians=False)
    far = Atoms("H3", [[0, 0, 0], [0, 0, 50.0], [0, 0, 25.0]])
    row = mbtr.compute(far).values[0]
    assert row[50] == pytest.approx(row[25] / 2, rel=1e-9)
    assert mbtr.smoothness == np.inf


def test_names_say_which_atom_is_the_vertex():
    water = molecule("H2O")
    weighting = {"function": "smooth_cutoff", "cutoff": 3.0}
    k3 = {"geometry": "angle", "grid": {"n": 181, "sigma": 1.0}, "weighting": weighting}
    for cls, block, label in (
        (vc.MBTR, "MBTR[H,O,H]", "angle=104"),
        (vc.MBTR, "MBTR[H,H,O]", "angle=38"),
        (vc.LMBTR, "LMBTR[H,X,H]", "angle=104"),
        (vc.LMBTR, "LMBTR[X,H,H]", "angle=38"),
    ):
        row = cls(k2=None, k3=k3).compute(water)
        inside = np.char.startswith(row.names, block)
        assert inside.sum() == 181
        assert row.names[inside][np.argmax(row.values[0, inside])] == f"{block} {label}"


def test_an_empty_row_stays_empty_when_normalized():
    lone = Atoms("H")
    for how in ("l2", "l2_each"):
        mbtr = vc.MBTR(k2=K2, k3=K3, normalization=how, species=["H"])
        assert not mbtr.compute(lone).values.any()


def k2(**weighting):
    return {"k2": {"geometry": "distance", "weighting": weighting}}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"k2": None, "k3": None}, ("k1", "nothing")),
        ({"k2": 3}, ("k2", "dictionary")),
        ({"k2": {"geometry": "angle"}}, ("k2", "geometry")),
        ({"k2": {"geometry": "distance", "weight": {}}}, ("k2", "weight")),
        ({"k2": {"geometry": "distance"}}, ("k2", "unity", "cutoff")),
        (k2(function="smooth_cutoff"), ("k2", "cutoff")),
        (k2(function="smooth_cutoff", cutoff=-1.0), ("k2", "cutoff")),
        (k2(function="smooth_cutoff", cutoff=3.0, scale=1.0), ("k2", "scale")),
        (k2(function="exp", cutoff=3.0, scale=1.0), ("k2", "scale", "cutoff")),
        (k2(function="exp", threshold=0.1), ("k2", "scale", "cutoff")),
        (k2(function="exp", cutoff=3.0, threshold=1.5), ("k2", "threshold")),
        (k2(function="cosine", cutoff=3.0), ("k2", "function")),
        (k2(cutoff=3.0), ("k2", "function")),
        ({"k2": K2 | {"grid": {"n": 1}}}, ("k2", "n")),
        ({"k2": K2 | {"grid": {"sigma": 0}}}, ("k2", "sigma")),
        ({"k2": K2 | {"grid": {"sigma": 1e-9}}}, ("k2", "sigma")),
        ({"k2": K2 | {"grid": {"min": 2.0}}}, ("k2", "min", "max")),
        ({"k2": K2 | {"grid": {"points": 5}}}, ("k2", "points")),
        ({"k3": K3 | {"weighting": {"function": "inverse_square", "cutoff": 2.0}}}, ("k3",)),
        ({"cutoff_function": "shifted_cosine"}, ("cutoff_function",)),
        ({"gaussian": "round"}, ("gaussian",)),
        ({"normalize_gaussians": 1}, ("normalize_gaussians",)),
        ({"normalization": "l1"}, ("normalization",)),
        ({"periodic": True}, ("periodic",)),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(parameters, words):
    for cls in (vc.MBTR, vc.LMBTR):
        with pytest.raises(ParameterError) as error:
            cls(**parameters)
        found = str(error.value)
        assert all(word in found for word in words if (cls, word) != (vc.LMBTR, "k1")), found


def test_what_only_one_of_them_refuses():
    dihedral = {"geometry": "dihedral", "weighting": SHORT}
    with pytest.raises(ParameterError, match="valle_oganov"):
        vc.MBTR(k4=dihedral, normalization="valle_oganov")
    with pytest.raises(ParameterError, match="normalization"):
        vc.LMBTR(normalization="n_atoms")
    with pytest.raises(ParameterError, match="convention"):
        vc.LMBTR(convention="peer")
    for parameters in ({"function": "cosine"}, {"sharpness": 0}, {"n": 1}, {"sigma": -1}):
        with pytest.raises(ParameterError, match=next(iter(parameters))):
            vc.ValleOganov(**parameters)


def test_default_descriptors_describe():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cls in (vc.MBTR, vc.LMBTR, vc.ValleOganov):
            assert cls().compute(molecule("CH3CH2OH")).values.any()
