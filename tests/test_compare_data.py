"""Tasks: targets found, checked and reported; duplicates."""

import gzip
import os
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from scipy.spatial.transform import Rotation

from vicinal.compare import TargetError, Task
from vicinal.compare.duplicates import find_duplicates
from vicinal.compare.targets import guess_extensive
from vicinal.errors import FileError, ParameterError, StructureError, VicinalError

DATA = Path(os.environ.get("VICINAL_DATA") or Path(__file__).parents[1] / "../shared/data")
ENERGIES = {"H": -1.0, "C": -6.0, "N": -8.0, "O": -9.0}


def make_frames(n=12, seed=0, **info):
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(n):
        atoms = molecule(["H2O", "CH4", "NH3", "C2H6"][k % 4])
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        energy = sum(ENERGIES[s] for s in atoms.symbols) + rng.normal(scale=0.01)
        atoms.calc = SinglePointCalculator(
            atoms, energy=energy, free_energy=energy, forces=rng.normal(size=(len(atoms), 3))
        )
        atoms.info.update({key: value[k] for key, value in info.items()})
        frames.append(atoms)
    return frames


# -- targets ---------------------------------------------------------------------------------------


def test_energy_and_forces_of_a_file(tmp_path):
    frames = make_frames(id=range(12))
    ase.io.write(tmp_path / "a.extxyz", frames)
    packed = gzip.compress((tmp_path / "a.extxyz").read_bytes())
    (tmp_path / "a.extxyz.gz").write_bytes(packed)
    task = Task.read(tmp_path / "a.extxyz.gz", unit="eV", index="2:")
    assert (task.name, task.kind, task.unit) == ("energy", "structure", "eV")
    assert task.index.tolist() == list(range(2, 12)) and task.n_structures == 10
    expected = [atoms.calc.results["energy"] for atoms in frames[2:]]
    np.testing.assert_allclose(task.values, expected, rtol=1e-12)
    assert task.extensive and task.because == "by its name, energy"  # four molecules say little
    assert task.forces().shape == (task.n_atoms.sum(), 3)
    np.testing.assert_allclose(task.forces()[: len(frames[2])], frames[2].get_forces(), atol=1e-7)
    forces = Task.from_frames(frames, "forces")
    assert forces.kind == "forces" and forces.values.shape == (forces.n_atoms.sum(), 3)
    assert not forces.extensive
    assert Task.from_frames([atoms.copy() for atoms in frames], "id").kind == "structure"


@pytest.mark.parametrize(
    "add, found",
    [
        ({"gap": np.linspace(1, 2, 12)}, "energy .one a structure.*gap .one a structure"),
        ({"dipole": [np.ones(3)] * 12}, None),  # no target, even of water
        ({"label": range(12), "name": ["x"] * 12}, None),
    ],
)
def test_guessing(add, found):
    frames = make_frames(**add)
    if found is None:
        assert Task.from_frames(frames).name == "energy"
    else:
        with pytest.raises(TargetError, match=f"which target.*{found}"):
            Task.from_frames(frames)
        assert Task.from_frames(frames, "gap").name == "gap"


def test_guessing_columns():
    frames = make_frames()
    rng = np.random.default_rng(1)
    for atoms in frames:
        atoms.calc = None
        atoms.set_array("shielding", rng.normal(size=len(atoms)))
    task = Task.from_frames(frames)
    assert (task.name, task.kind) == ("shielding", "atom")
    assert task.values.shape == (task.n_atoms.sum(),)
    last = task.rows([11])
    assert np.array_equal(task.values[last], frames[11].arrays["shielding"])
    for atoms in frames:
        atoms.set_array("charge", rng.normal(size=len(atoms)))
    with pytest.raises(TargetError, match="which target.*shielding .one an atom.*charge"):
        Task.from_frames(frames)
    with pytest.raises(TargetError, match="nothing to learn; there are no numbers"):
        Task.from_frames([molecule("H2O")] * 3)


def test_whole_numbers_among_numbers_are_a_target():
    frames = [molecule("H2O") for _ in range(4)]
    for atoms, value in zip(frames, [1, 2.5, 3, 4.5], strict=True):
        atoms.info["value"] = value
    assert Task.from_frames(frames).name == "value"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: f[3].info.pop("y"), "y is missing in structure 3 of 12.*drop"),
        (
            lambda f: [a.info.pop("y") for a in f[:9]],
            r"missing in 9 structures \(0, 1.*7, \.\.\.\)",
        ),
        (lambda f: f[5].info.update(y=np.nan), "y is not finite in structure 5 of 12"),
        (lambda f: [a.info.update(y=2.0) for a in f], "y is 2 everywhere: there is nothing"),
        (lambda f: f[1].info.update(y="high"), "y of structure 1 is 'high', which is not a number"),
        (lambda f: f[1].info.update(y=np.ones(6)), r"y of structure 1 has shape \(6,\)"),
        (lambda f: [a.info.pop("y") for a in f], "no structure has 'y'; there are: energy"),
    ],
)
def test_bad_targets(change, message):
    frames = make_frames(y=np.linspace(0.5, 3, 12))
    change(frames)
    with pytest.raises(TargetError, match=message):
        Task.from_frames(frames, "y", source="frames.xyz")


def test_drop():
    frames = make_frames(y=np.linspace(0.5, 3, 12))
    del frames[3].info["y"]
    frames[7].info["y"] = np.nan
    with pytest.warns(UserWarning, match=r"y is missing or not finite in 2 structures \(3, 7\) of"):
        task = Task.from_frames(frames, "y", missing="drop")
    assert task.index.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
    assert len(task.values) == task.n_structures == 10 and np.isfinite(task.values).all()
    for atoms in frames:
        atoms.info["y"] = np.nan
    with pytest.raises(TargetError, match="not finite in any"):
        Task.from_frames(frames, "y", missing="drop")


def test_bad_arguments(tmp_path):
    frames = make_frames()
    for options, message in (
        ({"per": "mole"}, "per must be"),
        ({"missing": "ignore"}, "missing must be"),
        ({"target": "forces", "extensive": True}, "cannot be extensive"),
    ):
        with pytest.raises(ParameterError, match=message):
            Task.from_frames(frames, **options)
    with pytest.raises(StructureError, match="no structures"):
        Task.from_frames([])
    (tmp_path / "broken.extxyz").write_text("3\nProperties=species:S:1:pos:R:3\nH 0 0 0\n")
    with pytest.raises(FileError, match="broken.extxyz.*truncated"):
        Task.read(tmp_path / "broken.extxyz")
    with pytest.raises(VicinalError, match="no such file"):
        Task.read(tmp_path / "nothing.extxyz")


# -- units, per what, extensive --------------------------------------------------------------------


def test_reported():
    frames = [bulk("NaCl", "rocksalt", a=5.6) * (n, 1, 1) for n in (1, 2, 3, 4, 5)]
    for n, atoms in enumerate(frames, start=1):
        atoms.info["energy"] = -7.0 * n + 0.01 * n**2
    task = Task.from_frames(frames, "energy", per="formula", unit="eV")
    assert task.divisor.tolist() == [1, 2, 3, 4, 5] and task.reported_unit == "eV/formula unit"
    np.testing.assert_allclose(task.reported(task.values), [-6.99, -6.98, -6.97, -6.96, -6.95])
    atom = Task.from_frames(frames, "energy", per="atom", unit="eV")
    np.testing.assert_allclose(atom.reported(task.values[[1]], np.array([1])), [-13.96 / 4])
    assert atom.reported_unit == "eV/atom"
    assert Task.from_frames(frames, "energy").reported_unit == ""
    part = task.select([4, 0])
    assert part.index.tolist() == [4, 0] and part.values[1] == task.values[0]
    assert part.divisor.tolist() == [5, 1] and task.n_structures == 5


def test_intensive_targets_are_not_reported_per_atom():
    rng = np.random.default_rng(0)
    gaps = rng.normal(5, 0.1, size=12)
    frames = make_frames(gap=gaps)
    task = Task.from_frames(frames, "gap")
    assert not task.extensive
    with pytest.raises(ParameterError, match="gap is not extensive.*so not reported per atom"):
        Task.from_frames(frames, "gap", per="atom")
    assert Task.from_frames(frames, "gap", per="atom", extensive=True).because == "as given"


def test_guess_extensive():
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 9, size=(60, 3))
    noise = rng.normal(scale=0.1, size=60)
    grows = counts @ [1.0, -2.0, 5.0] + noise
    stays = (counts / counts.sum(axis=1)[:, None]) @ [1.0, -2.0, 5.0] + noise / 10
    # What the numbers say counts more than the name.
    assert guess_extensive("gap", grows, counts)[0]
    assert not guess_extensive("energy", stays, counts)[0]
    same = np.tile([[2, 1, 4]], (60, 1))
    assert guess_extensive("total_energy", noise, same) == (True, "by its name, total_energy")
    assert guess_extensive("energy_per_atom", noise, same)[0] is False
    assert guess_extensive("y", noise, same) == (False, "nothing says that it is")


def test_data_sets_are_known():
    task = Task.read("dataset:qm7-subset")
    assert task.name == "atomization_energy" and task.unit == "kcal/mol" and task.extensive
    assert task.because == "as known of the data set"
    assert task.species == [1, 6, 7, 8, 16] and task.counts.sum() == 7714
    assert guess_extensive("y", task.values, task.counts)[0]
    assert Task.read("dataset:qm7-subset", "delta_energy", index=":50").n_structures == 50


def test_forces_and_groups():
    frames = make_frames(group=["a", "b"] * 6)
    task = Task.from_frames(frames)
    assert task.groups("group").tolist() == ["a", "b"] * 6
    with pytest.raises(TargetError, match="no 'lattice' in 12 structures"):
        task.groups("lattice")
    frames[2].calc = SinglePointCalculator(frames[2], energy=-3.0)
    assert Task.from_frames(frames).forces() is None


# -- duplicates ------------------------------------------------------------------------------------


def moved(atoms, rng, noise=0.0):
    """The same structure: rotated, perhaps reflected, shifted, atoms in another order."""
    other = atoms.copy()
    matrix = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
    matrix *= rng.choice([-1, 1])
    other.set_cell(other.cell @ matrix)
    other.positions = other.positions @ matrix + rng.normal(size=3)
    other.positions += rng.uniform(-noise, noise, size=other.positions.shape)
    return other[rng.permutation(len(other))]


def rattled(atoms, rng, scale=0.1):
    other = atoms.copy()
    other.positions += rng.normal(scale=scale, size=other.positions.shape)
    return other


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_duplicates_are_found(noise):
    rng = np.random.default_rng(7)
    slab = bulk("Cu", cubic=True)
    slab.pbc = (True, True, False)
    slab.center(vacuum=4, axis=2)
    kinds = [
        molecule("CH3CH2OH"),
        molecule("C6H6"),
        bulk("NaCl", "rocksalt", a=5.6) * (2, 1, 1),
        bulk("Si", cubic=True),
        slab,
        Atoms("H"),
    ]
    frames, groups = [], []
    for atoms in kinds:
        first = rattled(atoms, rng)
        groups.append([len(frames), len(frames) + 1, len(frames) + 3])
        frames += [first, moved(first, rng, noise), rattled(first, rng), moved(first, rng, noise)]
    groups[-1] = list(range(20, 24))  # an atom is an atom
    assert find_duplicates(frames) == groups


def test_cells_in_other_settings_are_equal():
    rng = np.random.default_rng(1)
    one = rattled(bulk("GaAs", "zincblende", a=5.65) * (2, 1, 1), rng)
    skewed = make_supercell(one, [[1, 0, 0], [1, 1, 0], [-2, 1, 1]])
    assert len(skewed) == len(one) and not np.allclose(skewed.cell, one.cell)
    assert find_duplicates([one, skewed]) == [[0, 1]]
    assert find_duplicates([one, one * (2, 1, 1)]) == []


def test_what_is_only_similar_is_no_duplicate():
    perfect = bulk("Si", cubic=True) * (2, 2, 2)
    moved_atom = perfect.copy()
    moved_atom.positions[5] += 0.01  # on a symmetric site, where sums change to second order only
    far, farther = Atoms("He2", [[0, 0, 0], [0, 0, 12]]), Atoms("He2", [[0, 0, 0], [0, 0, 15]])
    swapped = molecule("CH3CH2OH")
    swapped.numbers[[0, 2]] = swapped.numbers[[2, 0]]
    frames = [perfect, moved_atom, far, farther, molecule("CH3CH2OH"), swapped]
    assert find_duplicates(frames) == []
    assert find_duplicates([perfect, moved_atom], tolerance=0.05) == [[0, 1]]


def test_arrangements_on_one_lattice_differ():
    """The same numbers of equal and unequal neighbours, another arrangement."""
    rng = np.random.default_rng(0)
    lattice = bulk("Al", cubic=True) * (2, 2, 2)  # no two atoms are more than 7 Å apart
    frames = []
    for _ in range(60):
        atoms = lattice.copy()
        atoms.numbers[rng.choice(len(atoms), 3, replace=False)] = 31
        frames.append(atoms)

    def key(atoms):  # all that symmetry can do: distances among the three
        three = atoms[atoms.numbers == 31]
        return tuple(np.sort(three.get_all_distances(mic=True).ravel()).round(6))

    expected = {}
    for k, atoms in enumerate(frames):
        expected.setdefault(key(atoms), []).append(k)
    expected = sorted(group for group in expected.values() if len(group) > 1)
    found = find_duplicates(frames)
    assert len(found) > 3
    # Three distances do not say all about three places on a torus: groups may be finer.
    owner = {k: g for g, group in enumerate(expected) for k in group}
    assert all(len({owner[k] for k in group}) == 1 for group in found)


def test_real_duplicates():
    if not (DATA / "qm7.extxyz.xz").is_file():
        pytest.skip(f"QM7 is not in {DATA}")
    task = Task.read(DATA / "qm7.extxyz.xz", "atomization_energy", index="4600:4800")
    assert task.duplicates
    for group in task.duplicates:
        assert np.ptp(task.values[group]) < 1e-6  # known twice, with the same energy
