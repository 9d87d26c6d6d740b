"""Maps of structures and environments: projections, properties, files, and the command."""

import gzip
import json
import subprocess
import sys

import ase.io
import matplotlib.image
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from scipy.spatial.transform import Rotation
from sklearn.decomposition import PCA

import vicinal as vc
from vicinal import cli, maps
from vicinal.errors import FileError, MissingExtraError, ParameterError, StructureError
from vicinal.maps import projection
from vicinal.maps.chemiscope import document
from vicinal.maps.picture import draw
from vicinal.similarity import Gaussian

NAMES = ("H2O", "CH4", "NH3", "CH3OH", "C2H6", "C6H6", "HCN", "H2CO", "CO2", "C2H4")


@pytest.fixture(scope="module")
def frames():
    """Molecules with all kinds of properties."""
    rng = np.random.default_rng(3)
    found = [molecule(name) for name in NAMES for _ in range(3)]
    for k, atoms in enumerate(found):
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        energy, forces = rng.normal(), rng.normal(size=(len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        atoms.arrays["shift"] = rng.normal(size=len(atoms))
        atoms.info |= {"gap": rng.normal(), "id": k, "group": "ab"[k % 2], "good": k % 3 == 0}
    return found


def soap(**parameters):
    return vc.SOAP(cutoff=4.0, n_max=3, l_max=2, **parameters)


def rows(frames, per):
    features = soap().fit(frames).compute(frames)
    return (features.pool("mean") if per == "structure" else features).dense()


# -- coordinates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["structure", "atom"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_pca_is_that_of_the_features(frames, per, dimensions):
    made = maps.make(frames, soap(), per=per, dimensions=dimensions)
    pca = PCA(dimensions, svd_solver="full")
    expected = pca.fit_transform(rows(frames, per))
    assert made.coordinates.shape == expected.shape
    assert np.allclose(np.abs(made.coordinates), np.abs(expected), atol=1e-8)
    assert np.allclose(made.explained, pca.explained_variance_ratio_)
    largest = np.abs(made.coordinates).argmax(axis=0)
    assert (made.coordinates[largest, range(dimensions)] > 0).all()


def test_standardized_features_count_alike(frames):
    X = rows(frames, "structure")
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 1e-12, X.std(axis=0), 1)
    expected = PCA(2, svd_solver="full").fit_transform(X)
    made = maps.make(frames, soap(), standardize=True)
    assert np.allclose(np.abs(made.coordinates), np.abs(expected), atol=1e-7)
    assert not np.allclose(made.coordinates, maps.make(frames, soap()).coordinates, atol=0.1)


def test_kernel_pca_with_a_linear_kernel_is_pca(frames):
    plain = maps.make(frames, soap(), per="atom")
    kernel = maps.make(frames, soap(), per="atom", method="kpca", kernel="linear")
    assert np.allclose(kernel.coordinates, plain.coordinates, atol=1e-8)
    assert np.allclose(kernel.explained, plain.explained)


def test_kernel_pca_of_the_centred_kernel(frames):
    made = maps.make(frames, soap(), method="kpca", kernel=Gaussian(0.7))
    X = rows(frames, "structure")
    K = np.exp(-((X[:, None] - X) ** 2).sum(axis=2) / (2 * 0.7**2))
    H = np.eye(len(X)) - 1 / len(X)
    values, vectors = np.linalg.eigh(H @ K @ H)
    expected = (vectors * np.sqrt(values.clip(0)))[:, [-1, -2]]
    assert np.allclose(np.abs(made.coordinates), np.abs(expected), atol=1e-8)
    assert np.allclose(made.explained, values[[-1, -2]] / values.sum())


def test_a_named_kernel_takes_the_mean_distance(frames):
    X = rows(frames, "structure")
    distances = np.linalg.norm(X[:, None] - X, axis=2)[np.triu_indices(len(X), 1)]
    named = maps.make(frames, soap(), method="kpca")
    given = maps.make(frames, soap(), method="kpca", kernel=Gaussian(float(distances.mean())))
    assert np.allclose(named.coordinates, given.coordinates)


def test_landmarks(frames):
    """As many as points change nothing; fewer project the others as the full formula says."""
    pytest.importorskip("skmatter")
    options = {"per": "atom", "method": "kpca", "kernel": Gaussian(1.0)}
    full = maps.make(frames, soap(), **options)
    n = len(full.coordinates)
    same = maps.make(frames, soap(), **options, landmarks=n)
    assert np.array_equal(same.coordinates, full.coordinates)
    most = maps.make(frames, soap(), **options, landmarks=n - 1)
    assert not np.array_equal(most.coordinates, full.coordinates)
    for a, b in zip(most.coordinates.T, full.coordinates.T, strict=True):
        assert abs(np.corrcoef(a, b)[0, 1]) > 0.99
    # The linear kernel of few landmarks: a projection on their principal components.
    few = maps.make(frames, soap(), per="atom", method="kpca", kernel="linear", landmarks=20)
    X = rows(frames, "atom")
    chosen = projection._far_apart(X, 20, projection._sampling(), 0)
    assert len(set(chosen)) == 20
    expected = PCA(2, svd_solver="full").fit(X[chosen]).transform(X)
    assert np.allclose(np.abs(few.coordinates), np.abs(expected), atol=1e-8)


@pytest.mark.parametrize("method", ["pca", "kpca"])
def test_rotated_structures_are_at_the_same_place(frames, method):
    turned = [atoms.copy() for atoms in frames]
    for k, atoms in enumerate(turned):
        atoms.positions = Rotation.random(random_state=k).apply(atoms.positions) + k
    first = maps.make(frames, soap(), per="atom", method=method)
    second = maps.make(turned, soap(), per="atom", method=method)
    assert np.allclose(first.coordinates, second.coordinates, atol=1e-7)
    assert np.ptp(first.coordinates, axis=0).min() > 0.1


def test_umap(frames):
    pytest.importorskip("umap")
    made = maps.make(frames, soap(), method="umap", seed=1)
    again = maps.make(frames, soap(), method="umap", seed=1)
    assert np.array_equal(made.coordinates, again.coordinates)
    assert made.coordinates.shape == (len(frames), 2) and made.explained is None
    # Conformations of one molecule stay together.
    apart = np.linalg.norm(made.coordinates[:, None] - made.coordinates, axis=2)
    nearest = np.argsort(apart, axis=1)[:, 1]
    assert np.mean(nearest // 3 == np.arange(len(frames)) // 3) > 0.6
    assert draw(made).startswith(b"\x89PNG")


def test_missing_extras(frames, monkeypatch):
    for name in ("umap", "skmatter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"vicinal\[umap\]"):
        maps.make(frames, soap(), method="umap")
    with pytest.raises(MissingExtraError, match=r"vicinal\[metrics\]"):
        maps.make(frames, soap(), method="kpca", landmarks=10)


def test_points_at_most(frames):
    n = sum(map(len, frames))
    with pytest.warns(UserWarning, match=f"40 of {n} atoms"):
        some = maps.make(frames, soap(), per="atom", max_points=40, color="shift")
    with pytest.warns(UserWarning):
        again = maps.make(frames, soap(), per="atom", max_points=40, color="shift")
    with pytest.warns(UserWarning):
        other = maps.make(frames, soap(), per="atom", max_points=40, color="shift", seed=1)
    assert some.coordinates.shape == (40, 2)
    assert np.array_equal(some.coordinates, again.coordinates)
    assert not np.array_equal(some.coordinates, other.coordinates)
    for sample, value, number in zip(
        some.samples, some.properties["shift"].values, some.samples["number"], strict=True
    ):
        atoms = some.frames[sample["structure"]]
        assert atoms.arrays["shift"][sample["atom"]] == value
        assert atoms.numbers[sample["atom"]] == number
    assert set(some.samples["structure"]) == set(range(len(some.frames)))
    X = soap().fit(frames).compute(some.frames).dense()
    first = np.cumsum([0, *map(len, some.frames)])
    X = X[first[some.samples["structure"]] + some.samples["atom"]]
    expected = PCA(2, svd_solver="full").fit_transform(X)
    assert np.allclose(np.abs(some.coordinates), np.abs(expected), atol=1e-8)


def test_descriptors_of_structures_and_by_name(frames):
    made = maps.make(frames, "coulomb_matrix")
    X = vc.CoulombMatrix().fit(frames).transform(frames)
    expected = PCA(2, svd_solver="full").fit_transform(X)
    assert np.allclose(np.abs(made.coordinates), np.abs(expected), atol=1e-7)
    untouched = soap()
    maps.make(frames, untouched)
    assert not untouched.__sklearn_is_fitted__()
    sparse = maps.make(frames, soap(sparse=True))
    assert np.allclose(sparse.coordinates, maps.make(frames, soap()).coordinates, atol=1e-8)


# -- properties -----------------------------------------------------------------------------------


def test_properties_of_structures(frames):
    made = maps.make(frames, soap(), units={"energy": "eV"})
    found = made.properties
    names = {"composition", "n_atoms", "energy", "gap", "id", "group", "good", "shift", "forces"}
    assert set(found) == names
    assert made.color == "energy" and found["energy"].unit == "eV"
    for s, atoms in enumerate(frames):
        assert found["energy"].values[s] == atoms.get_potential_energy()
        assert found["gap"].values[s] == atoms.info["gap"]
        assert found["group"].values[s] == atoms.info["group"]
        assert found["good"].values[s] == ("yes" if atoms.info["good"] else "no")
        assert found["shift"].values[s] == pytest.approx(atoms.arrays["shift"].mean())
        lengths = np.linalg.norm(atoms.get_forces(), axis=1)
        assert found["forces"].values[s] == pytest.approx(lengths.mean())
        assert found["composition"].values[s] == atoms.get_chemical_formula()
        assert found["n_atoms"].values[s] == len(atoms)


def test_properties_of_atoms(frames):
    found = maps.make(frames, soap(), per="atom").properties
    symbols = np.concatenate([atoms.symbols for atoms in frames])
    assert np.array_equal(found["element"].values, symbols)
    forces = np.concatenate([atoms.get_forces() for atoms in frames])
    assert np.allclose(found["forces"].values, np.linalg.norm(forces, axis=1))
    assert np.array_equal(
        found["shift"].values, np.concatenate([a.arrays["shift"] for a in frames])
    )
    energies = [atoms.get_potential_energy() for atoms in frames]
    assert np.array_equal(found["energy"].values, np.repeat(energies, [len(a) for a in frames]))


def test_missing_values(frames, tmp_path):
    some = [atoms.copy() for atoms in frames[:9]]
    del some[2].info["gap"], some[3].info["group"]
    some[4].info["gap"] = "unknown"
    some[5].info["gap"] = np.inf
    made = maps.make(some, soap(), color="gap")
    assert np.flatnonzero(made.properties["gap"].missing).tolist() == [2, 4, 5]
    assert np.flatnonzero(made.properties["group"].missing).tolist() == [3]
    with pytest.warns(UserWarning, match="left out of its file: group, gap$"):
        made.save(tmp_path / "map.json")
    found = json.loads((tmp_path / "map.json").read_text())
    assert not {"gap", "group"} & set(found["properties"])
    assert found["settings"]["map"]["color"] == {"property": ""}
    assert draw(made) != draw(maps.make(frames[:9], soap(), color="gap"))


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["structure", "atom"])
def test_format_against_chemiscope(frames, per, tmp_path):
    chemiscope = pytest.importorskip("chemiscope")
    crystals = [bulk("Si"), bulk("NaCl", "rocksalt", a=5.6), bulk("ZnO", "wurtzite", a=3.25, c=5.2)]
    for atoms in crystals:
        atoms.info["gap"] = 1.5
    made = maps.make(
        [*frames, *crystals], soap(), per=per, color="gap", units={"gap": "eV"}, dimensions=3
    )
    with pytest.warns(UserWarning, match="left out"):
        made.save(tmp_path / "map.json.gz")
    found = json.loads(gzip.decompress((tmp_path / "map.json.gz").read_bytes()))
    environments = [(s, a, 4.0) for s, f in enumerate(made.frames) for a in range(len(f))]
    properties = {
        f"PCA[{k + 1}]": {
            "target": per,
            "values": made.coordinates[:, k],
            "description": f"{made.explained[k]:.1%} of the variance",
        }
        for k in range(3)
    }
    for name in ("composition", "n_atoms", *(["element"] if per == "atom" else [])):
        one = made.properties[name]
        properties[name] = {"target": per, "values": list(one.values)}
        properties[name] |= {"description": one.description}
    properties["gap"] = {"target": per, "values": made.properties["gap"].values, "units": "eV"}
    expected = chemiscope.create_input(
        made.frames,
        metadata=found["meta"],
        properties=properties,
        environments=environments if per == "atom" else None,
        settings=found["settings"],
    )
    periodic = [one.pop("pbc", None) for one in found["structures"]]
    assert periodic == [None] * len(frames) + [[True] * 3] * len(crystals)
    assert found == expected
    quick = chemiscope.quick_settings(x="PCA[1]", y="PCA[2]", z="PCA[3]", target=per)
    assert found["settings"].keys() == quick.keys()
    for axis in "xyz":
        assert found["settings"]["map"][axis] == quick["map"][axis]


def test_rules_of_the_format(frames):
    """What its documentation asks for, without the package."""
    found = document(maps.make(frames, soap(), per="atom", color="group"))
    assert set(found) == {"meta", "structures", "properties", "settings", "environments"}
    assert found["meta"]["name"] and found["meta"]["references"]
    n = sum(one["size"] for one in found["structures"])
    assert n == len(found["environments"]) == sum(map(len, frames))
    for one in found["structures"]:
        assert all(len(one[key]) == one["size"] for key in ("names", "x", "y", "z"))
        assert "cell" not in one
    for one in found["properties"].values():
        assert one["target"] == "atom" and len(one["values"]) == n
        assert len({type(value) for value in one["values"]}) == 1
        assert isinstance(one["values"][0], float | str)
    for axis in "xy":
        assert found["settings"]["map"][axis]["property"] in found["properties"]
    assert found["settings"]["map"]["symbol"] == "group"
    order = found["properties"]["group (order)"]["values"]
    assert order == ["ab".index(value) for value in found["properties"]["group"]["values"]]
    assert found["settings"]["map"]["color"]["property"] == "group (order)"
    colored = document(maps.make(frames, soap(), color="gap"))["settings"]["map"]["color"]
    assert colored["property"] == "gap"


def test_texts_of_many_kinds_are_left_out(frames):
    many = [frames[k % len(frames)].copy() for k in range(52)]
    for k, atoms in enumerate(many):
        atoms.info["note"] = f"note {k}"
    assert "note" not in document(maps.make(many, soap()))["properties"]
    found = document(maps.make(many[:50], soap(), color="note"))
    assert found["properties"]["note"]["values"] == [f"note {k}" for k in range(50)]
    assert found["settings"]["map"]["color"] == {"property": ""}


def test_a_property_called_like_an_axis_does_not_replace_it(frames):
    some = [atoms.copy() for atoms in frames[:6]]
    for atoms in some:
        atoms.info["PCA[1]"] = 7.5
    made = maps.make(some, soap())
    assert document(made)["properties"]["PCA[1]"]["values"] == made.coordinates[:, 0].tolist()


def test_same_map_same_bytes(frames, tmp_path, monkeypatch):
    for k in range(2):
        made = maps.make(frames, soap(), per="atom", method="kpca")
        for name in ("json.gz", "json", "png"):
            made.save(tmp_path / f"{k}.{name}")
        monkeypatch.setattr("time.time", lambda: 1e9)
    for name in ("json.gz", "json", "png"):
        assert (tmp_path / f"0.{name}").read_bytes() == (tmp_path / f"1.{name}").read_bytes()
    packed = (tmp_path / "0.json.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "0.json").read_bytes()
    assert packed[4:8] == bytes(4)


@pytest.mark.parametrize("color", ["energy", "group", "composition", "id", "n_atoms"])
def test_picture(frames, color, tmp_path):
    maps.make(frames, soap(), color=color, dimensions=3).save(tmp_path / "map.png")
    image = matplotlib.image.imread(tmp_path / "map.png")
    height, width, _ = image.shape
    assert (height, width) == (720, 960)
    assert np.allclose(image[0, 0, :3], 1)
    assert len(np.unique(image.reshape(height * width, -1), axis=0)) > 50
    assert (tmp_path / "map.png").stat().st_size < 200_000


def test_picture_leaves_the_users_style_alone(frames):
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw(maps.make(frames, soap()))
    assert dict(matplotlib.rcParams) == before


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "tsne"}, "method must be one of 'pca', 'kpca', 'umap'"),
        ({"per": "molecule"}, "per must be one of"),
        ({"dimensions": 4}, "dimensions must be 2 or 3"),
        ({"color": "mass"}, "no property is called 'mass'; there are: composition, n_atoms, group"),
        ({"kernel": "linear"}, 'a kernel is for method="kpca"'),
        ({"method": "kpca", "kernel": "cubic"}, "no kernel is called 'cubic'"),
        ({"method": "kpca", "kernel": 3}, "kernel must be a kernel"),
        ({"method": "kpca", "landmarks": 2}, "landmarks must be an integer of at least 3"),
        ({"max_points": 2}, "max_points must be"),
        ({"descriptor": vc.CoulombMatrix(), "per": "atom"}, "describes whole structures"),
        ({"descriptor": vc.SOAP(cutoff=3, pooling="sum"), "per": "atom"}, "has pooling='sum'"),
        ({"descriptor": "nothing"}, "no descriptor is called 'nothing'"),
    ],
)
def test_parameters_that_make_no_sense(frames, options, message):
    with pytest.raises(ParameterError, match=message):
        maps.make(frames, **{"descriptor": soap(), **options})


def test_too_few_or_equal_structures(frames):
    with pytest.raises(ParameterError, match="more than 2 points: there is 1"):
        maps.make(frames[:1], soap())
    with pytest.raises(ParameterError, match="more than 3 points: there are 3"):
        maps.make(frames[:3], soap(), dimensions=3)
    water = molecule("H2O")
    turned = [water.copy() for _ in range(4)]
    for k, atoms in enumerate(turned):
        atoms.rotate(30 * k, "x")
    with pytest.raises(ParameterError, match="same features"):
        maps.make(turned, soap())
    with pytest.raises(StructureError, match="no structures"):
        maps.make([], soap())
    with pytest.raises(StructureError, match="structure 1 has no atoms"):
        maps.make([frames[0], Atoms(), *frames], soap())
    with pytest.raises(StructureError, match="structure 0 is dict, not ase.Atoms"):
        maps.make([{"positions": np.zeros((1, 3)), "numbers": [1]}] * 4, soap())


def test_names_of_files(frames, tmp_path):
    made = maps.make(frames, soap())
    for name in ("map.gz", "map.svg", "map", ".png", "nowhere/map.png"):
        with pytest.raises(FileError):
            made.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


# -- the command ----------------------------------------------------------------------------------

SMALL = ["--set", "n_max=3", "--set", "l_max=2", "--set", "cutoff=4"]


def call(*arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main(["map", *map(str, arguments)])
    return exit.value.code, *capsys.readouterr()


@pytest.fixture
def source(frames, tmp_path):
    ase.io.write(tmp_path / "some.extxyz", frames)
    return tmp_path / "some.extxyz"


def test_command(source, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "vicinal", "map", source, *SMALL, "-o", "map.json.gz",
         "--png", "map.png", "--color", "gap", "--unit", "eV", "--index", ":20"],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr
    made = maps.make(source, soap(), color="gap", index=":20")
    share = f"{made.explained.sum():.1%}"
    assert done.stdout == (
        f"map.json.gz, map.png: 20 structures, {share} of the variance in 2 dimensions; "
        "coloured by gap\n"
    )
    found = json.loads(gzip.decompress((tmp_path / "map.json.gz").read_bytes()))
    assert found["properties"]["PCA[1]"]["values"] == made.coordinates[:, 0].tolist()
    assert found["properties"]["gap"]["units"] == "eV"
    assert found["meta"]["name"] == "some.extxyz"
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_command_knows_data_sets_and_options(tmp_path, capsys):
    out = tmp_path / "map.json"
    status, text, warned = call(
        "dataset:qm7-subset", *SMALL, "--index", ":40", "-o", out, "--per", "atom", "--method",
        "kpca", "--kernel", "polynomial,degree=3", "--max-points", 200, "--dimensions", 3,
        capsys=capsys,
    )  # fmt: skip
    assert not status and "200 atoms" in text
    assert warned.startswith("vicinal: warning:") and "drawn at random" in warned
    assert len(warned.splitlines()) == 1
    found = json.loads(out.read_text())
    assert found["properties"]["atomization_energy"]["units"] == "kcal/mol"
    assert found["settings"]["map"]["z"] == {"property": "kernel PCA[3]"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["-o", "map.txt"], "a map is called something.json.gz"),
        (["-o", "map.json", "--png", "map.json"], "a map is called something.png"),
        (["-o", "no/map.json"], "no such folder"),
        (["-o", "map.json", "--method", "som"], "method must be one of"),
        (["-o", "map.json", "--color", "mass"], "no property is called 'mass'"),
        (["-o", "map.json", "--index", "0"], "more than 2 points"),
        (["-o", "map.json", "--set", "colour=1"], "soap has no parameter 'colour'"),
        (["-o", "map.json", "-d", "nothing"], "no descriptor is called"),
        (["-o", "map.json", "--set", "species=H"], r"some.extxyz: .* structure 0 is of a species"),
        (["-o", "map.json", "--unit", "eV"], "say which property"),
    ],
)
def test_command_says_what_is_wrong(source, arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(source.parent)
    status, out, error = call("some.extxyz", *arguments, capsys=capsys)
    assert status == 2 and not out
    assert len(error.splitlines()) == 1
    with pytest.raises(ParameterError, match=message):
        raise ParameterError(error)
    assert [path.name for path in source.parent.iterdir()] == ["some.extxyz"]


def test_unreadable_file(tmp_path, capsys):
    (tmp_path / "bad.extxyz").write_text("3\nnot finished\nH 0 0 0\n")
    status, _, error = call(tmp_path / "bad.extxyz", "-o", tmp_path / "map.png", capsys=capsys)
    assert status == 2 and "bad.extxyz: cannot be read" in error
    assert not (tmp_path / "map.png").exists()
