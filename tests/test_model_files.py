"""Models in files, as calculators of ASE, and on the command line."""

import json
import os
import re
import zipfile

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.verlet import VelocityVerlet
from ase.stress import voigt_6_to_full_3x3_stress
from sklearn.base import clone

import vicinal as vc
from vicinal import cli
from vicinal.errors import FileError, NotFittedError, ParameterError
from vicinal.models import LinearModel, RidgeModel, SparseGP, StructureModel
from vicinal.similarity import Gaussian, Polynomial

SOAP = vc.SOAP(cutoff=3.5, n_max=2, l_max=2)
PARAMETERS = ["--set", "cutoff=3.5", "--set", "n_max=2", "--set", "l_max=2"]


def silicon(n, seed=0):
    """Rattled and strained cells with energies and forces (of springs, in any unit)."""
    rng, frames = np.random.default_rng(seed), []
    for _ in range(n):
        atoms = bulk("Si", "diamond", a=5.43, cubic=True)
        atoms.numbers[: rng.integers(1, 4)] = 32
        moves = 0.1 * rng.normal(size=(8, 3))
        atoms.positions += moves
        energy = 3 * np.sum(moves**2) - 5.0 * (atoms.numbers == 14).sum()
        atoms.calc = SinglePointCalculator(
            atoms, energy=energy, forces=-6 * moves, stress=np.zeros(6)
        )
        atoms.info["gap"] = float(np.abs(moves).max())
        frames.append(atoms)
    return frames


FRAMES, TEST = silicon(8), silicon(3, seed=1)
ENERGIES = np.array([atoms.get_potential_energy() for atoms in FRAMES])
MODELS = [
    StructureModel(SOAP),
    StructureModel(SOAP, kernel=Polynomial(2), how="average", baseline=None),
    StructureModel(vc.SineMatrix(permutation="eigenspectrum"), kernel="laplacian"),
    RidgeModel(SOAP, alpha=1e-3),
    LinearModel(SOAP),
    SparseGP(SOAP, n_sparse=10),
    SparseGP(SOAP, n_sparse=10, kernel=Gaussian(0.5), selection="random"),
]
NAMES = ["sum", "average", "matrix", "ridge", "linear", "sparse", "gaussian"]


def fitted(model):
    return clone(model).fit(FRAMES, ENERGIES)


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_what_is_read_predicts_the_same(model, tmp_path):
    model = fitted(model)
    model.save(tmp_path / "model.vicinal")
    again = vc.load_model(tmp_path / "model.vicinal")
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    options = {"std": model.has_std, "forces": model.has_forces}
    before, after = (m.evaluate(TEST, **options) for m in (model, again))
    for name in ("values", "std", "energies", "forces", "stress"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    again.fit(FRAMES[:5], ENERGIES[:5])  # still a model that can learn
    assert os.listdir(tmp_path) == ["model.vicinal"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.vicinal"
    fitted(SparseGP(SOAP, n_sparse=10)).save(path)
    return path


def test_files_hold_no_pickles(saved):
    with np.load(saved, allow_pickle=False) as npz:
        document = json.loads(npz["model"].tobytes())
        assert all(npz[name].dtype != object for name in npz)
    assert document["model"]["type"] == "SparseGP"


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_truncated_files_are_refused(saved, tmp_path, keep):
    whole, path = saved.read_bytes(), tmp_path / "part.vicinal"
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(FileError, match="part.vicinal: not a readable model"):
        vc.load_model(path)


def test_damaged_bytes_are_noticed(saved, tmp_path):
    whole = saved.read_bytes()
    for place in range(100, len(whole), len(whole) // 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path = tmp_path / "damaged.vicinal"
        path.write_bytes(damaged)
        try:
            model = vc.load_model(path)
        except FileError:
            continue
        # Bytes that carry nothing (times, attributes) may change.
        np.testing.assert_array_equal(model.predict(TEST), vc.load_model(saved).predict(TEST))


def _changed(saved, path, change):
    with np.load(saved) as npz:
        arrays = dict(npz)
    document = json.loads(arrays["model"].tobytes())
    change(document, arrays)
    arrays["model"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    with open(path, "wb") as file:
        np.savez(file, **arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda d, a: d.update(format="another"),
        lambda d, a: d.update(model=3),
        lambda d, a: d["model"].update(type="Popen"),
        lambda d, a: d["model"]["fields"]["kernel"].update(fields={"degree": -1}),
        lambda d, a: d["model"]["fields"].update(descriptor={"descriptor": "{}"}),
        lambda d, a: a.pop("a0"),
        lambda d, a: d.pop("version"),
    ],
)
def test_foreign_contents_are_refused(saved, tmp_path, change):
    _changed(saved, tmp_path / "x.vicinal", change)
    with pytest.raises(FileError, match="not a readable model"):
        vc.load_model(tmp_path / "x.vicinal")


def test_other_files_are_refused(saved, tmp_path):
    _changed(saved, tmp_path / "new.vicinal", lambda d, a: d.update(version=99))
    with pytest.raises(FileError, match="newer"):
        vc.load_model(tmp_path / "new.vicinal")
    with pytest.raises(FileError, match="no such file"):
        vc.load_model(tmp_path / "none.vicinal")
    clone(SOAP).compute(TEST).save(tmp_path / "features.npz")
    with pytest.raises(FileError, match="not a readable model"):
        vc.load_model(tmp_path / "features.npz")
    np.savez(tmp_path / "pickle.npz", model=np.array([print], dtype=object))
    with pytest.raises(FileError, match="not a readable model"):
        vc.load_model(tmp_path / "pickle.npz")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(FileError, match="not a readable model"):
        vc.load_model(tmp_path / "foreign.zip")
    with pytest.raises(NotFittedError, match="nothing to save"):
        RidgeModel(SOAP).save(tmp_path / "x.vicinal")
    with pytest.raises(FileError, match="cannot be written"):
        vc.load_model(saved).save(tmp_path / "no folder" / "x.vicinal")


# -- calculator ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [MODELS[0], MODELS[3], MODELS[4], MODELS[5]], ids=lambda m: str(m)[:9]
)
def test_calculator_is_consistent(model):
    model = fitted(model)
    atoms = TEST[0].copy()
    atoms.calc = model.calculator()
    expected = model.evaluate([atoms], forces=True, std=model.has_std)
    assert atoms.get_potential_energy() == pytest.approx(expected.values[0])
    forces = atoms.get_forces()
    stress, step = atoms.get_stress(), 1e-4
    for a, axis in ((0, 0), (5, 2)):
        energies = []
        for h in (step, -step):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[a, axis] += h
            energies.append(moved.get_potential_energy())
        slope = (energies[1] - energies[0]) / (2 * step)
        assert slope == pytest.approx(forces[a, axis], abs=1e-5)
    strain = np.array([[0.3, 0.1, -0.2], [0.1, -0.5, 0.4], [-0.2, 0.4, 0.2]])
    energies = []
    for h in (step, -step):
        moved = atoms.copy()
        moved.calc = atoms.calc
        moved.set_cell(atoms.cell @ (np.eye(3) + h * strain), scale_atoms=True)
        energies.append(moved.get_potential_energy())
    slope = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
    assert slope == pytest.approx(np.sum(voigt_6_to_full_3x3_stress(stress) * strain), abs=1e-7)
    atoms.get_potential_energy()
    if model.has_std:
        assert atoms.calc.results["energy_std"] == pytest.approx(expected.std[0])
    if model.has_energies:
        assert atoms.get_potential_energies().sum() == pytest.approx(expected.values[0])


def test_calculator_runs_dynamics():
    """Energy is conserved, which it is only with exact forces."""
    atoms = TEST[1].copy()
    atoms.calc = fitted(LinearModel(SOAP, alpha=1e-6)).calculator()
    before, moved = atoms.get_potential_energy(), atoms.copy()
    VelocityVerlet(atoms, timestep=0.5).run(40)
    kinetic = atoms.get_kinetic_energy()
    assert kinetic > 1e-3
    assert atoms.get_potential_energy() + kinetic == pytest.approx(before, abs=0.02 * kinetic)
    assert np.abs(atoms.positions - moved.positions).max() > 1e-3


def test_calculator_says_what_it_has_not():
    atoms = TEST[0].copy()
    atoms.calc = fitted(StructureModel(SOAP, how="rematch")).calculator(std=False)
    assert np.isfinite(atoms.get_potential_energy())
    assert "energy_std" not in atoms.calc.results
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_forces()
    atoms = TEST[0].copy()
    atoms.pbc = [True, True, False]
    atoms.calc = fitted(RidgeModel(SOAP)).calculator()
    assert atoms.get_forces().shape == (8, 3)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    with pytest.raises(ParameterError, match="predicts gap in"):
        RidgeModel(SOAP, target="gap", unit="").calculator()


# -- command line -------------------------------------------------------------------------------


def command(capsys, *arguments):
    """(status, output, errors) of a command run in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return stop.value.code, out, err


@pytest.fixture
def files(tmp_path):
    ase.io.write(tmp_path / "train.extxyz", FRAMES)
    ase.io.write(tmp_path / "test.extxyz", TEST)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "cls"),
    [
        ([], "StructureModel"),
        (["--kernel", "polynomial,degree=3", "--model-set", "noise=1e-4"], "StructureModel"),
        (["--model", "ridge"], "RidgeModel"),
        (["--model", "linear", "--forces"], "LinearModel"),
        (["--model", "sparse-gp", "--forces", "--model-set", "n_sparse=20"], "SparseGP"),
    ],
)
def test_fit_and_predict(files, capsys, options, cls):
    where = files / "train.extxyz", "-d", "soap", "--target", "energy"
    status, out, err = command(
        capsys, "fit", *where, *PARAMETERS, *options, "-o", files / "m.vicinal"
    )
    assert (status, err) == (0, "") and f"{cls} of energy from 8 structures" in out
    model = vc.load_model(files / "m.vicinal")
    assert type(model).__name__ == cls and model.unit == "eV"
    status, out, err = command(
        capsys, "predict", files / "m.vicinal", files / "test.extxyz", "-o", files / "out.extxyz"
    )
    assert (status, err) == (0, "")
    frames = ase.io.read(files / "test.extxyz", ":")
    found = model.evaluate(frames, std=model.has_std, forces=True)
    written = ase.io.read(files / "out.extxyz", ":")
    errors = found.values - [atoms.get_potential_energy() for atoms in frames]
    assert float(re.search(r"MAE (\S+),", out)[1]) == pytest.approx(np.abs(errors).mean(), rel=1e-3)
    for s, atoms in enumerate(written):
        assert atoms.info["energy_predicted"] == pytest.approx(found.values[s])
        assert ("energy_std" in atoms.info) == model.has_std
        np.testing.assert_allclose(
            atoms.arrays["forces_predicted"], found.forces[8 * s : 8 * s + 8], atol=1e-7
        )
        np.testing.assert_allclose(atoms.info["stress_predicted"], found.stress[s], atol=1e-7)
        assert atoms.get_potential_energy() == pytest.approx(frames[s].get_potential_energy())


def test_other_properties_have_no_forces(files, capsys):
    where = files / "train.extxyz", "-d", "soap", "--target", "gap", "--unit", "meV"
    model = "--model-set", "how=average", "--model-set", "baseline=mean"
    assert command(capsys, "fit", *where, *PARAMETERS, *model, "-o", files / "m")[0] == 0
    for atoms in (frames := ase.io.read(files / "test.extxyz", ":")):
        del atoms.info["gap"]
    ase.io.write(files / "new.extxyz", frames)
    status, out, _ = command(
        capsys, "predict", files / "m", files / "new.extxyz", "-o", files / "o.xyz"
    )
    assert status == 0 and "MAE" not in out
    atoms = ase.io.read(files / "o.xyz", format="extxyz")
    assert {"gap_predicted", "gap_std"} <= set(atoms.info)
    assert "forces_predicted" not in atoms.arrays


def test_properties_of_atoms(files, capsys):
    frames = [atoms.copy() for atoms in FRAMES + TEST]
    for atoms in frames:
        atoms.arrays["shift"] = atoms.numbers + atoms.positions[:, 0]
    ase.io.write(files / "shifts.extxyz", frames)
    where = files / "shifts.extxyz", "-d", "soap", *PARAMETERS, "--target", "shift"
    status, out, err = command(capsys, "fit", *where, "--index", ":8", "-o", files / "m")
    assert (status, err) == (0, "")
    status, out, err = command(
        capsys, "predict", files / "m", where[0], "--index", "8:", "-o", files / "o.xyz"
    )
    assert (status, err) == (0, "") and "MAE" in out
    found, std = vc.load_model(files / "m").predict(frames[8:], return_std=True)
    written = ase.io.read(files / "o.xyz", ":", format="extxyz")
    for name, values in (("predicted", found), ("std", std)):
        column = np.concatenate([atoms.arrays[f"shift_{name}"] for atoms in written])
        np.testing.assert_allclose(column, values, atol=1e-6)
    status, _, err = command(capsys, "fit", *where, "--model", "ridge", "-o", files / "n")
    assert status == 2 and "property of atoms" in err


def test_errors_are_one_line(files, capsys):
    soap = "-d", "soap", *PARAMETERS
    train, out = files / "train.extxyz", ("-o", files / "m.vicinal")
    bare = files / "bare.extxyz"
    frames = [atoms.copy() for atoms in FRAMES]
    frames[3].info.pop("gap")
    ase.io.write(bare, frames)
    iron = files / "iron.extxyz"
    ase.io.write(iron, [TEST[0].copy(), bulk("Fe")])
    fit = ("fit", train, *soap, "--target", "energy")
    assert command(capsys, *fit, *out)[0] == 0
    (files / "m.vicinal").rename(files / "good")
    for arguments, message in [
        (
            ("fit", bare, *soap, "--target", "energy", *out),
            "no structure has 'energy'; there are: gap",
        ),
        (("fit", bare, *soap, "--target", "gap", *out), "gap is missing in structure 3 of 8"),
        (
            (
                "fit",
                bare,
                *soap,
                "--target",
                "gap",
                "--model",
                "linear",
                "--forces",
                "--index",
                ":3",
                *out,
            ),
            "no structure has forces",
        ),
        ((*fit, "--forces", *out), "--forces is for linear"),
        ((*fit, "--model", "forest", *out), "--model must be one of"),
        ((*fit, "--kernel", "fancy,a=1", *out), "no kernel is called"),
        ((*fit, "--model-set", "colour=red", *out), "colour"),
        ((*fit, "--model-set", "noise=-1", *out), "noise must be"),
        (("fit", files / "none.xyz", *soap, "--target", "energy", *out), "no such file"),
        ((*fit, "-o", files / "no" / "m"), "cannot be written"),
        (("predict", files / "good", iron, *out), "atom 0 (Fe) of structure 1"),
        (("predict", train, train, *out), "not a readable model"),
        (("predict", files / "none", train, *out), "no such file"),
        (("predict", files / "good", files / "none", *out), "no such file"),
    ]:
        status, _, err = command(capsys, *arguments)
        assert status == 2 and message in err and err.count("\n") == 1, (arguments, err)
        assert not (files / "m.vicinal").exists()
