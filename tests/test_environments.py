"""Neighbours, against ASE's search and a plain sum over images."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.neighborlist import primitive_neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

import vicinal.environments
from vicinal import Environments
from vicinal.errors import ParameterError, ShapeError, StructureError, VicinalError
from vicinal.testing.strategies import KINDS, batches, build, structures

SPECIES = (1, 6, 8)
few = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def by_ase(atoms, cutoff):
    """(i, j, S, D) from ASE."""
    cell = atoms.get_cell(complete=True)
    return primitive_neighbor_list("ijSD", atoms.pbc, cell, atoms.positions, cutoff)


def by_images(atoms, cutoff):
    """(i, j, S, D) from all images of the cell that can matter."""
    lattice = atoms.cell.array * atoms.pbc[:, None]
    reach = np.zeros(3, dtype=int)
    if atoms.pbc.any():
        spread = np.linalg.norm(np.ptp(atoms.positions, axis=0))
        height = 1 / np.linalg.norm(np.linalg.pinv(lattice)[:, atoms.pbc], axis=0)
        reach[atoms.pbc] = np.ceil((cutoff + spread) / height)
    shifts = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))))
    r = atoms.positions
    D = r[None, :, None] - r[:, None, None] + shifts @ lattice
    near = np.linalg.norm(D, axis=-1) < cutoff
    own = (shifts == 0).all(axis=1)
    near &= ~(np.eye(len(r), dtype=bool)[:, :, None] & own)
    i, j, s = np.nonzero(near)
    return i, j, shifts[s], D[near]


def table(i, j, S, D):
    """Pairs in an order of their own: integers, and vectors."""
    whole = np.column_stack([i, j, S]).astype(int)
    order = np.lexsort(whole.T[::-1])
    return whole[order], np.asarray(D)[order]


def assert_same_pairs(got, want):
    (pairs, D), (pairs_, D_) = table(*got), table(*want)
    np.testing.assert_array_equal(pairs, pairs_)
    np.testing.assert_allclose(D, D_, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reference", [by_ase, by_images])
@pytest.mark.parametrize("cutoff", [1.7, 4.1])
@few
@given(frames=batches(SPECIES))
def test_pairs_of_a_batch(reference, cutoff, frames):
    env = Environments(frames, cutoff)
    for s, atoms in enumerate(frames):
        a, b = env.atom_offsets[s : s + 2]
        pairs = slice(env.pair_offsets[a], env.pair_offsets[b])
        got = env.i[pairs] - a, env.j[pairs] - a, env.S[pairs], env.D[pairs]
        assert_same_pairs(got, reference(atoms, cutoff))


@few
@given(frames=batches(SPECIES))
def test_arrays_fit_together(frames):
    env = Environments(frames, 3.9)
    assert env.n_structures == len(env) == len(frames)
    assert env.n_atoms == sum(map(len, frames)) == len(env.positions)
    np.testing.assert_array_equal(env.atom_offsets, np.cumsum([0, *map(len, frames)]))
    np.testing.assert_array_equal(env.numbers, np.concatenate([a.numbers for a in frames]))
    np.testing.assert_array_equal(env.pbc, [a.pbc for a in frames])
    np.testing.assert_array_equal(env.cells, [a.cell.array for a in frames])
    within = np.concatenate([np.arange(len(a)) for a in frames])
    np.testing.assert_array_equal(env.atom_in_structure(), within)
    assert env.pair_offsets[0] == 0 and env.pair_offsets[-1] == env.n_pairs
    assert len(env.pair_offsets) == env.n_atoms + 1
    i, j = env.i, env.j
    assert (np.diff(i) >= 0).all(), "pairs are not sorted by centre"
    np.testing.assert_array_equal(env.structure[i], env.structure[j])
    cells = env.cells[env.structure[i]]
    D = env.positions[j] - env.positions[i] + np.einsum("pa,pab->pb", env.S, cells)
    np.testing.assert_allclose(env.D, D, rtol=0, atol=1e-12)
    np.testing.assert_allclose(env.d, np.linalg.norm(D, axis=1), rtol=1e-12)
    assert (env.d < 3.9).all()
    assert not env.S[~env.pbc[env.structure[i]]].any()
    types = env.j.dtype, env.S.dtype, env.D.dtype, env.pair_offsets.dtype, env.structure.dtype
    assert types == (np.int32, np.int32, np.float64, np.int64, np.int32)


@few
@given(atoms=structures(SPECIES), cutoff=st.floats(1.0, 6.0))
def test_each_pair_is_there_both_ways(atoms, cutoff):
    env = Environments(atoms, cutoff)
    there = env.i, env.j, env.S, env.D
    back = env.j, env.i, -env.S, -env.D
    assert_same_pairs(there, back)


@few
@given(frames=batches(SPECIES, max_structures=4))
def test_threads_do_not_matter(frames):
    one, two = (Environments(frames, 4.0, n_threads=n) for n in (1, 2))
    for name in ("pair_offsets", "j", "S", "D"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@few
@given(frames=batches(SPECIES, kinds=("molecule", "cluster", "isolated")))
def test_both_searches_agree(frames):
    """The quadratic loop for small structures, and the cell list for larger ones."""
    small = Environments(frames, 3.0)
    threshold = vicinal.environments.SMALL_STRUCTURE
    try:
        vicinal.environments.SMALL_STRUCTURE = 0
        large = Environments(frames, 3.0)
    finally:
        vicinal.environments.SMALL_STRUCTURE = threshold
    np.testing.assert_array_equal(small.pair_offsets, large.pair_offsets)
    assert_same_pairs((small.i, small.j, small.S, small.D), (large.i, large.j, large.S, large.D))


@pytest.mark.parametrize("more", [-1, 0, 1, 60])
def test_molecules_around_the_threshold(more):
    n = vicinal.environments.SMALL_STRUCTURE + more
    rng = np.random.default_rng(n)
    atoms = Atoms(f"C{n}", rng.uniform(0, 1.8 * n ** (1 / 3), (n, 3)))
    env = Environments([molecule("H2O"), atoms, molecule("CH4")], 3.5)
    pairs = slice(env.pair_offsets[3], env.pair_offsets[3 + n])
    got = env.i[pairs] - 3, env.j[pairs] - 3, env.S[pairs], env.D[pairs]
    assert_same_pairs(got, by_ase(atoms, 3.5))
    assert (np.diff(env.i) >= 0).all()


def test_fcc_shells():
    atoms = bulk("Cu", a=4.0)
    counts = [Environments(atoms, 4.0 * x).n_pairs for x in (0.70, 0.71, 0.99, 1.01, 1.23)]
    assert counts == [0, 12, 12, 18, 42]


def test_slab_without_a_third_vector():
    slab = fcc111("Cu", (2, 2, 2), a=3.6)
    assert not slab.cell.array[2].any() and list(slab.pbc) == [True, True, False]
    thick = slab.copy()
    thick.center(vacuum=20, axis=2)
    flat, padded = Environments(slab, 4.0), Environments(thick, 4.0)
    assert flat.n_pairs == padded.n_pairs > 0
    np.testing.assert_allclose(np.sort(flat.d), np.sort(padded.d))


def test_the_cutoff_itself_is_outside():
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 2.0]])
    assert Environments(atoms, 2.0).n_pairs == 0
    assert Environments(atoms, np.nextafter(2.0, 3)).n_pairs == 2


@pytest.mark.parametrize("kind", KINDS)
def test_periodic_false_ignores_periodicity(kind):
    atoms = build(kind, SPECIES, 4, 0)
    env = Environments(atoms, 4.0, periodic=False)
    assert not env.pbc.any() and not env.S.any()
    atoms.pbc = False
    assert env.n_pairs == Environments(atoms, 4.0).n_pairs


# -- ways to say what the structures are --------------------------------------------------------


def as_mapping(atoms):
    return {
        "positions": atoms.positions.tolist(),
        "numbers": atoms.numbers.tolist(),
        "cell": atoms.cell.array,
        "pbc": atoms.pbc,
    }


@few
@given(frames=batches(SPECIES))
def test_mappings_are_structures(frames):
    want = Environments(frames, 4.0)
    for given_ in (
        [as_mapping(a) for a in frames],
        tuple(frames),
        iter(frames),
        (as_mapping(a) for a in frames),
    ):
        got = Environments(given_, 4.0)
        np.testing.assert_array_equal(got.D, want.D)
        np.testing.assert_array_equal(got.structure, want.structure)


def test_one_structure_is_a_batch_of_one():
    water = molecule("H2O")
    assert len(Environments(water, 3.0)) == 1
    assert len(Environments({"positions": water.positions, "numbers": water.numbers}, 3.0)) == 1
    empty = Environments([], 3.0)
    assert (len(empty), empty.n_atoms, empty.n_pairs, empty.species) == (0, 0, 0, [])


def test_mapping_defaults_and_short_forms():
    bare = {"positions": np.zeros((1, 3)), "numbers": [6]}
    assert Environments(bare, 3.0).n_pairs == 0
    cube = bare | {"cell": [2.0, 2.0, 2.0], "pbc": True}
    assert Environments(cube, 2.1).n_pairs == 6
    assert Environments(cube | {"pbc": [True, False, False]}, 2.1).n_pairs == 2


def test_inputs_are_not_changed_nor_kept():
    atoms = bulk("NaCl", "rocksalt", a=5.6)
    before = atoms.copy()
    env = Environments(atoms, 4.0)
    assert atoms == before
    kept = env.positions.copy()
    atoms.positions += 1
    np.testing.assert_array_equal(env.positions, kept)


def test_it_says_what_it_is():
    env = Environments([molecule("H2O"), bulk("Cu")], 3.0)
    assert env.species == [1, 8, 29]
    assert env.where(3) == "atom 0 (Cu) of structure 1"
    assert "2 structures, 4 atoms" in repr(env)
    assert Environments.numbers_of(molecule("H2O")).tolist() == [8, 1, 1]


# -- errors -------------------------------------------------------------------------------------

GOOD = Atoms("OH2", [[0, 0, 0], [0, 0, 1], [0, 1, 0]])


def bad(**changes):
    atoms = GOOD.copy()
    if "place" in changes:
        atoms.positions[2] = changes["place"]
    atoms.cell = changes.get("cell", atoms.cell)
    atoms.pbc = changes.get("pbc", False)
    return atoms


def flat(*c):
    return {"cell": [[5, 0, 0], [0, 5, 0], c], "pbc": True}


@pytest.mark.parametrize(
    "frame, words",
    [
        (bad(place=[0, np.nan, 0]), ["atom 2 (H) of structure 1", "NaN"]),
        (bad(place=[0, -np.inf, 0]), ["atom 2 (H) of structure 1", "infinite"]),
        (bad(place=[0, 0, 1 + 1e-8]), ["atom 1", "atom 2", "structure 1", "same place"]),
        (bad(place=[5, 0, 0], cell=[5, 5, 5], pbc=True), ["atom 0", "atom 2", "same place"]),
        (bad(cell=[[np.nan] * 3] * 3, pbc=True), ["cell of structure 1", "NaN"]),
        (bad(**flat(5, 5, 0)), ["structure 1", "no volume"]),
        (bad(**flat(0, 0, 0)), ["structure 1"]),
        (bad(pbc=True), ["structure 1"]),
        (bad(pbc=[False, True, False]), ["structure 1"]),
        (Atoms(), ["structure 1", "no atoms"]),
        ({"positions": [], "numbers": []}, ["structure 1"]),
        ({"positions": [[0, 0, 0]]}, ["structure 1", "numbers"]),
        ({"positions": [[0, 0, 0]], "numbers": [1], "charge": 0}, ["structure 1", "charge"]),
        ({"positions": [[0, 0]], "numbers": [1]}, ["structure 1", "(1, 2)"]),
        ({"positions": [["x", 0, 0]], "numbers": [1]}, ["structure 1"]),
        ({"positions": [[0, 0, 0], [1]], "numbers": [1, 1]}, ["structure 1"]),
        ({"positions": [[0, 0, 0]], "numbers": [1, 1]}, ["structure 1", "1 integers"]),
        ({"positions": [[0, 0, 0]], "numbers": [1.5]}, ["structure 1", "integers"]),
        ({"positions": [[0, 0, 0]], "numbers": ["H"]}, ["structure 1", "integers"]),
        ({"positions": [[0, 0, 0]], "numbers": [-1]}, ["structure 1"]),
        ({"positions": [[0, 0, 0]], "numbers": [500]}, ["structure 1"]),
        ({"positions": [[0, 0, 0]], "numbers": [1], "cell": np.eye(2)}, ["structure 1", "cell"]),
        ({"positions": [[0, 0, 0]], "numbers": [1], "pbc": [True, True]}, ["structure 1"]),
        (None, ["structure 1", "NoneType"]),
        ("water.xyz", ["structure 1", "str"]),
    ],
)
def test_a_bad_structure_is_named(frame, words):
    with pytest.raises(VicinalError) as caught:
        Environments([GOOD, frame, GOOD], 3.0)
    assert isinstance(caught.value, StructureError | ShapeError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("frames", [5, None, "water.xyz", b"H2O"])
def test_no_structures_at_all(frames):
    with pytest.raises(StructureError, match="expected ase.Atoms"):
        Environments(frames, 3.0)


@pytest.mark.parametrize("cutoff", [0, -1, np.nan, np.inf, "far", None, [3.0]])
def test_bad_cutoff(cutoff):
    with pytest.raises(ParameterError, match="cutoff"):
        Environments(GOOD, cutoff)


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "many"])
def test_bad_threads(n_threads):
    with pytest.raises(ParameterError, match="n_threads"):
        Environments(GOOD, 3.0, n_threads=n_threads)
