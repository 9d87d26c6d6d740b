"""Data sets: the bundled one, those of the data folder, formats of the sources, downloads."""

import bz2
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import vicinal as vc
from vicinal import datasets
from vicinal.datasets import catalogue, store
from vicinal.datasets.catalogue import DATA_SETS, File
from vicinal.errors import FileError, ParameterError

DATA = Path(os.environ.get("VICINAL_DATA") or Path(__file__).parents[1] / "../shared/data")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """An empty data folder and an empty cache."""
    monkeypatch.setenv("VICINAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data", tmp_path / "cache/vicinal/datasets"


# -- what comes with Vicinal, and what is said of each set -----------------------------------------


def test_qm7_subset():
    qm7 = datasets.load_qm7_subset()
    assert len(qm7.frames) == 500
    assert {symbol for atoms in qm7.frames for symbol in atoms.symbols} == set("HCNOS")
    assert sum(map(len, qm7.frames)) == 7714
    assert "Rupp" in qm7.DESCR and "MIT" in qm7.DESCR
    assert qm7.units == {"atomization_energy": "kcal/mol", "delta_energy": "kcal/mol"}
    for name in ("atomization_energy", "delta_energy"):
        energies = qm7.targets[name]
        assert energies.shape == (500,) and np.isfinite(energies).all() and (energies < 0).all()
    # About 90 kcal/mol an atom, as everywhere in QM7.
    per_atom = qm7.targets["atomization_energy"] / [len(atoms) for atoms in qm7.frames]
    assert -140 < per_atom.min() and per_atom.max() < -60
    names = [atoms.info["name"] for atoms in qm7.frames]
    assert names == sorted(set(names))
    path = datasets.path("qm7-subset")
    assert 0 < path.stat().st_size < 150_000
    with pytest.raises(FileError, match="'qm8'.*qm7-subset"):
        datasets.path("qm8")


@pytest.mark.parametrize("name", datasets.names())
def test_facts(name):
    data_set = datasets.info(name)
    assert data_set.name == name and data_set.parts and data_set.targets
    assert "doi:" in data_set.citation and data_set.licence
    assert set(data_set.extensive) <= set(data_set.targets)
    digits = {"": 64, "md5": 32, "git": 40}
    for files in data_set.parts.values():
        for file in (*files, *(c for f in files for c in f.companions)):
            assert not Path(file.name).is_absolute() and ".." not in file.name
            assert file.url is None or file.url.startswith("https://")
            if file.checksum:
                algorithm, _, value = file.checksum.rpartition(":")
                assert len(value) == digits[algorithm] and int(value, 16)
        if data_set.may_download and name != "qm7-subset":
            assert any(file.url for file in files)
    assert len({f.name for fs in data_set.parts.values() for f in fs}) == sum(
        map(len, data_set.parts.values())
    )


@pytest.mark.parametrize(
    "load, there",
    [
        (lambda: datasets.load("qm9"), "dsgdb9nsd.xyz.tar.bz2.*figshare.*uncharacterized.txt"),
        (lambda: datasets.load_zuo("Ni"), "zuo_Ni_train.extxyz.xz or mlearn/data/Ni/training.json"),
        (lambda: datasets.load_rmd17("aspirin"), "rmd17_aspirin.npz.*download=True"),
        (lambda: datasets.load_nmd18(), "nmd18_train.extxyz.xz.*licence: none stated"),
        (lambda: datasets.load_nmd18(download=True), "not downloaded.*licence: none stated"),
        (lambda: datasets.path("3bpa/test_300K"), "dataset_3BPA/test_300K.xyz"),
        (lambda: datasets.path("3bpa/test"), "no part 'test'.*test_600K"),
        (lambda: datasets.load("qm7", "/no/such/file"), "/no/such/file"),
    ],
)
def test_missing_files_say_what_to_put_where(folders, load, there):
    with pytest.raises(FileError, match=there) as error:
        load()
    if "put" in str(error.value):
        assert str(folders[0]) in str(error.value)


# -- the files of the data folder ------------------------------------------------------------------

HERE = {  # set: structures, atoms, species, (target, lowest, highest)
    "qm7": (7101, 109_600, "HCNOS", ("atomization_energy", -2200, -200)),
    "nmd18": (3000, 185_070, ["Al", "Ga", "In", "O"], ("bandgap", 0, 6)),
    "zuo-si": (239, None, ["Si"], ("energy", -510, 0)),
    "zuo-li": (270, None, ["Li"], ("energy", -250, 0)),
    "random-ch4": (1000, 5000, "HC", ("energy", -1110, -1000)),
}


@pytest.mark.parametrize("name", HERE)
def test_real_files(name, recwarn):
    n, n_atoms, species, (target, low, high) = HERE[name]
    if store.find(next(iter(DATA_SETS[name].parts.values())), [DATA]) is None:
        pytest.skip(f"the files of {name} are not in {DATA}")
    found = datasets.load(name, DATA)
    assert len(found.frames) == n
    assert not recwarn.list, "checksums"
    assert {s for atoms in found.frames for s in atoms.symbols} == set(species)
    assert n_atoms is None or sum(map(len, found.frames)) == n_atoms
    values = found.targets[target]
    assert values.shape == (n,) and low < values.min() and values.max() < high
    assert (
        set(found.units)
        == set(found.targets)
        == set(found.extensive) | (set(found.targets) & {"forces", "virial_stress_kbar", "stress"})
    )
    if "forces" in found.targets:
        assert [f.shape for f in found.targets["forces"]] == [(len(a), 3) for a in found.frames]
    if name in ("nmd18", "zuo-si", "zuo-li"):
        both = np.concatenate([found.train, found.test])
        assert both.tolist() == list(range(n)) and len(found.test) < len(found.train)


def test_stress_is_the_derivative_of_the_energy():
    """Sign and order, from strained cells: dE = V (stress of both ends) / 2 : strain."""
    if not (DATA / "zuo_Si_train.extxyz.xz").is_file():
        pytest.skip(f"zuo-si is not in {DATA}")
    found = datasets.load_zuo("Si", DATA)
    elastic = [k for k, a in enumerate(found.frames) if a.info["group"] == "Elastic"]
    stress, energy = found.targets["stress"][elastic], found.targets["energy"][elastic]
    cells = np.array([found.frames[k].cell[:] for k in elastic])
    relaxed = np.argmin(np.abs(stress).max(axis=1))
    deformed = np.linalg.solve(cells[relaxed], cells)
    strain = (deformed @ deformed.transpose(0, 2, 1) - np.eye(3)) / 2
    voigt = strain[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    volumes = np.abs(np.linalg.det(cells))
    work = volumes * (((stress + stress[relaxed]) / 2 * voigt) @ [1, 1, 1, 2, 2, 2])
    slope = np.polyfit(work, energy - energy[relaxed], 1)[0]
    assert slope == pytest.approx(1, abs=0.1)
    for k in (3, 4, 5):  # each shear stress goes with its own shear
        assert np.corrcoef(voigt[:, k], stress[:, k])[0, 1] > 0.99


def test_parts_index_and_path(monkeypatch):
    if not (DATA / "3BPA_train_300K.extxyz.xz").is_file():
        pytest.skip(f"3BPA is not in {DATA}")
    with pytest.warns(UserWarning, match="only train_300K, train_mixedT are here, not test_300K"):
        both = datasets.load_3bpa(DATA, index=":10")
    assert {part: rows.tolist() for part, rows in both.parts.items()} == {
        "train_300K": list(range(10)),
        "train_mixedT": list(range(10, 20)),
    }
    one = datasets.load_3bpa(DATA / "3BPA_train_mixedT.extxyz.xz", index="-3:")
    assert list(one.parts) == ["train_mixedT"] and len(one.frames) == 3
    with pytest.raises(FileError, match="3bpa/test_300K is not in"):
        datasets.load_3bpa(DATA, parts="test_300K")
    with pytest.raises(ParameterError, match="is the part 'train_mixedT' of 3bpa"):
        datasets.load_3bpa(DATA / "3BPA_train_mixedT.extxyz.xz", parts="train_300K")
    monkeypatch.setenv("VICINAL_DATA", str(DATA))
    assert datasets.path("3bpa/train_mixedT").name == "3BPA_train_mixedT.extxyz.xz"
    assert datasets.path("3bpa").name == "3BPA_train_300K.extxyz.xz"


def test_command_line_reads_data_sets(folders, tmp_path):
    write_mlearn(folders[0] / "mlearn/data/Ge/test.json")
    out = tmp_path / "ge.npz"
    done = subprocess.run(
        [sys.executable, "-m", "vicinal", "compute", "soap", "dataset:zuo-ge/test", "-o", str(out),
         "--set", "n_max=2", "--set", "l_max=1"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(vc.load(out).samples) == 3
    # Converted once, in the cache, as ASE reads it.
    assert (folders[1] / "converted/zuo-ge-test.extxyz").is_file()
    atoms = datasets.load("zuo-ge", folders[1] / "converted/zuo-ge-test.extxyz").frames[0]
    assert atoms.get_potential_energy() == -8.5 and atoms.info["group"] == "Surface"
    assert atoms.get_forces()[1].tolist() == [0.1, -0.2, 0.3]


# -- formats of the sources ------------------------------------------------------------------------


def tar(path, files, mode="w:gz"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def write_mlearn(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "structure": {
            "lattice": {"matrix": [[5, 0, 0], [0, 6, 0], [1, 0, 7]]},
            "sites": [
                {"species": [{"element": "Ge", "occu": 1}], "abc": [0, 0, 0], "xyz": [x, 0, 0]}
                for x in (0.0, 2.4, 4.0)
            ],
        },
        "group": "Surface",
        "num_atoms": 3,
        "outputs": {
            "energy": -8.5,
            "forces": [[0, 0, 0], [0.1, -0.2, 0.3], [0, 0, 1]],
            "virial_stress": [1, 2, 3, 4, 5, 6],
        },
    }
    path.write_text(json.dumps([entry]))


def small(name, monkeypatch, n):
    """The set with as many structures as the files of the test have."""
    data_set = DATA_SETS[name]
    parts = {
        part: tuple(replace(file, checksum=None, n_structures=n) for file in files)
        for part, files in data_set.parts.items()
    }
    monkeypatch.setitem(catalogue.DATA_SETS, name, replace(data_set, parts=parts))


def test_mlearn(folders, monkeypatch):
    small("zuo-ge", monkeypatch, 1)
    write_mlearn(folders[0] / "mlearn/data/Ge/training.json")
    write_mlearn(folders[0] / "mlearn/data/Ge/test.json")
    found = datasets.load_zuo("Ge")
    assert found.train.tolist() == [0] and found.test.tolist() == [1]
    atoms = found.frames[0]
    assert atoms.pbc.all() and atoms.cell[2].tolist() == [1, 0, 7]
    assert atoms.positions[:, 0].tolist() == [0, 2.4, 4]
    assert found.targets["virial_stress_kbar"][1].tolist() == [1, 2, 3, 4, 5, 6]
    assert found.units["forces"] == "eV/Å"


def test_qm7_of_the_qml_package(folders, monkeypatch):
    small("qm7", monkeypatch, 2)
    xyz = "{}\ncharge = 0\n C 1.0 -0.5 0.0\n H 2.0 -0.5 0.0\n H 0.0 0.0 1.0"
    files = {
        "qml-8bb/tests/data/hof_qm7.txt": "0001.xyz -417.031 -431.787\n0007.xyz -711.1 -730.8\n",
        "qml-8bb/tests/qm7/0001.xyz": xyz.format(3),
        "qml-8bb/tests/qm7/0007.xyz": xyz.format(2),
    }
    path = folders[0] / DATA_SETS["qm7"].parts["all"][1].name
    tar(path, files)
    found = datasets.load_qm7()
    assert found.targets["atomization_energy"].tolist() == [-417.031, -711.1]
    assert found.targets["delta_energy"].tolist() == [-431.787, -730.8]
    assert [str(atoms.symbols) for atoms in found.frames] == ["CH2", "CH"]
    assert found.frames[1].info["name"] == 7
    tar(path, {name: text for name, text in files.items() if "0007" not in name})
    with pytest.raises(FileError, match="truncated, or not what its name says.*0007"):
        datasets.load_qm7()


def test_qm7_of_quantum_machine(tmp_path, monkeypatch):
    import scipy.io

    small("qm7", monkeypatch, 2)
    scipy.io.savemat(
        tmp_path / "qm7.mat",
        {
            "R": np.arange(12, dtype=np.float32).reshape(2, 2, 3),
            "Z": np.array([[6, 1], [8, 0]], np.float32),
            "T": np.array([[-400, -100]], np.float32),
            "P": np.array([[1], [0]]),
        },
    )
    found = datasets.load("qm7", tmp_path / "qm7.mat")
    assert [str(atoms.symbols) for atoms in found.frames] == ["CH", "O"]
    bohr = 0.529177210903
    np.testing.assert_allclose(found.frames[0].positions[1], np.array([3, 4, 5]) * bohr, rtol=1e-7)
    assert [atoms.info["fold"] for atoms in found.frames] == [1, 0]
    assert list(found.targets) == ["atomization_energy"] == list(found.units)


def test_nmd18(tmp_path, monkeypatch):
    small("nmd18", monkeypatch, 1)
    head = "id,spacegroup,percent_atom_al,formation_energy_ev_natom,bandgap_energy_ev\n"
    geometry = (
        "#====\nlattice_vector 9 0 0\nlattice_vector 0 8.5 0.1\nlattice_vector 0 0 7\n"
        "atom 1.5 2 3 In\natom 4 5 6 O\n"
    )
    for table, folder in (("train.csv", "train"), ("labeled_test.csv", "test")):
        (tmp_path / table).write_text(head + "17,227,0.5,0.25,3.5\n")
        (tmp_path / folder / "17").mkdir(parents=True)
        (tmp_path / folder / "17/geometry.xyz").write_text(geometry)
    found = datasets.load_nmd18(tmp_path)
    assert found.targets["formation_energy"].tolist() == [0.25, 0.25]
    assert found.targets["bandgap"].tolist() == [3.5, 3.5]
    assert found.units["formation_energy"] == "eV/cation"
    atoms = found.frames[1]
    assert atoms.info["spacegroup"] == 227 and str(atoms.symbols) == "InO"
    assert atoms.cell[1].tolist() == [0, 8.5, 0.1] and atoms.pbc.all()
    (tmp_path / "test/17/geometry.xyz").unlink()
    with pytest.raises(FileError, match="geometry.xyz: no such file, which labeled_test.csv"):
        datasets.load_nmd18(tmp_path)


def test_rmd17(tmp_path):
    arrays = {
        "nuclear_charges": np.array([6, 1, 1], np.uint8),
        "coords": np.arange(18.0).reshape(2, 3, 3),
        "energies": np.array([-100.0, -200.0]),
        "forces": np.ones((2, 3, 3)),
        "old_indices": np.array([5, 9]),
    }
    np.savez(tmp_path / "rmd17_ethanol.npz", **arrays)
    with pytest.warns(UserWarning, match="rmd17_ethanol.npz is not the file.*md5"):
        found = datasets.load_rmd17("ethanol", tmp_path)
    kcal = 0.0433641153  # eV per kcal/mol
    np.testing.assert_allclose(found.targets["energy"], [-100 * kcal, -200 * kcal], rtol=1e-6)
    np.testing.assert_allclose(found.targets["forces"][1], np.full((3, 3), kcal), rtol=1e-6)
    assert str(found.frames[0].symbols) == "CH2" and found.frames[1].info["step"] == 9
    # Nothing that is loaded is executed.
    np.savez(tmp_path / "evil.npz", **arrays | {"coords": np.array([{}], object)})
    with pytest.raises(FileError, match="evil.npz: cannot be read.*pickle"):
        datasets.load_rmd17("ethanol", tmp_path / "evil.npz")


def test_qm9(folders, monkeypatch):
    small("qm9", monkeypatch, 1)
    methane = (
        "5\ngdb 1\t157.7118\t157.70997\t157.70699\t0.\t13.21\t-0.3877\t0.1171\t0.5048\t35.3641\t"
        "0.044749\t-40.47893\t-40.476062\t-40.475117\t-40.498597\t6.469\t\n"
        "C\t-0.0126981359\t 1.0858041578\t 0.0080009958\t-0.535689\n"
        "H\t 0.002150416\t-6.0313176*^-3\t 0.0019761204\t 0.133921\n"
        "H\t 1.0117308433\t 1.4637511618\t 0.0002765748\t 0.133922\n"
        "H\t-0.540815069\t 1.4475266138\t-0.8766437152\t 0.133923\n"
        "H\t-0.5238136345\t 1.4379326443\t 0.9063972942\t 0.133923\n"
        "1341.307\t1341.3284\nC\tC\t\nInChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4\n"
    )
    tar(
        folders[0] / "dsgdb9nsd.xyz.tar.bz2",
        {
            "dsgdb9nsd_000001.xyz": methane,
            "dsgdb9nsd_000021.xyz": methane.replace("gdb 1", "gdb 21"),
        },
        "w:bz2",
    )
    with pytest.raises(FileError, match="uncharacterized.txt: no such file"):
        datasets.load_qm9()
    listed = "=====\n" * 9 + "     21  CC(C)C  -0.1\n3054 compounds\n"
    (folders[0] / "uncharacterized.txt").write_text(listed)
    found = datasets.load_qm9()
    (atoms,) = found.frames
    assert atoms.info["index"] == 1 and atoms.info["smiles"] == "C" and str(atoms.symbols) == "CH4"
    assert atoms.positions[1, 1] == -6.0313176e-3
    # -395.999595 kcal/mol, as in the tables that DeepChem and others derive from QM9.
    np.testing.assert_allclose(found.targets["U0_atomization"] * 23.060548, -395.9996, atol=5e-4)
    np.testing.assert_allclose(found.targets["gap"], 0.5048 * 27.211386, rtol=1e-6)
    assert found.targets["alpha"].tolist() == [13.21] and found.units["alpha"] == "bohr³"
    assert found.targets["mulliken_charges"][0][0] == -0.535689
    assert datasets.load_qm9(index="-1:").frames[0] == atoms


def test_wrong_number_of_structures(tmp_path):
    path = tmp_path / "qm7.extxyz.xz"
    path.write_bytes(datasets.path("qm7-subset").read_bytes())
    with (
        pytest.warns(UserWarning, match="is not the file that Vicinal knows: sha256 d22a.*8937"),
        pytest.raises(FileError, match="500 structures where there should be 7101"),
    ):
        datasets.load_qm7(path)


# -- downloads -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    content = b"2\n\nH 0 0 0\nH 0 0 0.74\n" * 20000

    class Handler(BaseHTTPRequestHandler):
        requests = []

        def do_GET(self):
            self.requests.append(self.path)
            if self.path == "/missing":
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if self.path == "/short" else content)

        def log_message(self, *_): ...

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", content, Handler.requests
    httpd.shutdown()
    httpd.server_close()


def git_blob(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def everything(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_download_once_and_verified(server, tmp_path):
    address, content, requests = server
    sums = (
        hashlib.sha256(content).hexdigest(),
        "md5:" + hashlib.md5(content).hexdigest(),
        "git:" + git_blob(content),
        None,
    )
    for k, checksum in enumerate(sums):
        file = File(f"set/{k}.xyz", checksum, f"{address}/{k}")
        assert store.download(file, tmp_path).read_bytes() == content
        store.download(file, tmp_path)  # is there
    assert [r for r in requests if r in ("/0", "/1", "/2", "/3")] == ["/0", "/1", "/2", "/3"]
    assert everything(tmp_path) == [f"set/{k}.xyz" for k in range(4)]
    (tmp_path / "set/0.xyz").write_bytes(b"half")  # spoilt later on
    store.download(File("set/0.xyz", sums[0], f"{address}/again"), tmp_path)
    assert (tmp_path / "set/0.xyz").read_bytes() == content


@pytest.mark.parametrize(
    "what, checksum, message",
    [
        ("/whole", "0" * 64, "not the file that it should be.*not kept"),
        ("/whole", "git:" + "0" * 40, "not the file that it should be.*not kept"),
        ("/short", None, "ended after 220000 of 440000 bytes; not kept"),
        ("/missing", None, "cannot be downloaded.*Not Found"),
    ],
)
def test_failed_downloads_leave_nothing(server, tmp_path, what, checksum, message):
    with pytest.raises(FileError, match=message):
        store.download(File("a.xyz", checksum, server[0] + what), tmp_path)
    assert everything(tmp_path) == []


def test_no_network(tmp_path):
    with pytest.raises(FileError, match="cannot be downloaded.*refused"):
        store.download(File("a.xyz", None, "http://127.0.0.1:9/a.xyz"), tmp_path)
    with pytest.raises(ParameterError, match="no address"):
        store.download(File("a.xyz"), tmp_path)


def test_load_downloads_what_is_missing(server, folders, monkeypatch):
    address, content, requests = server
    checksum = hashlib.sha256(content).hexdigest()
    data_set = replace(
        DATA_SETS["random-ch4"],
        parts={"all": (File("h2.xyz", checksum, f"{address}/h2", n_structures=20000),)},
        may_download=True,
    )
    monkeypatch.setitem(catalogue.DATA_SETS, "h2", data_set)
    with pytest.raises(FileError, match="h2.xyz"):
        datasets.load("h2")
    found = datasets.load("h2", download=True, index=":5")
    assert len(found.frames) == 5 and found.files == [folders[1] / "h2.xyz"]
    datasets.load("h2", index=":5")  # from the cache
    assert requests.count("/h2") == 1
    bad = replace(data_set.parts["all"][0], name="h2_bad.xyz", checksum="1" * 64)
    monkeypatch.setitem(catalogue.DATA_SETS, "h2", replace(data_set, parts={"all": (bad,)}))
    with pytest.raises(FileError, match="not kept.*put h2_bad.xyz"):
        datasets.load("h2", download=True)
    assert everything(folders[1]) == ["h2.xyz"]


def test_units_are_those_of_the_file(folders):
    (folders[0] / "methane.extxyz.gz").write_bytes(b"")
    assert datasets.units("random-ch4") == {"energy": "Ha", "forces": "Ha/bohr"}
    (folders[0] / "random_ch4.extxyz.xz").write_bytes(b"")
    assert datasets.units("random-ch4")["forces"] == "eV/Å"
    assert datasets.units("qm7-subset")["delta_energy"] == "kcal/mol"


def test_compressed_rubbish(tmp_path):
    (tmp_path / "dsgdb9nsd.xyz.tar.bz2").write_bytes(bz2.compress(b"no tar")[:-8])
    (tmp_path / "uncharacterized.txt").write_text("=\n" * 10)
    with (
        pytest.warns(UserWarning, match="is not the file"),
        pytest.raises(FileError, match="dsgdb9nsd.xyz.tar.bz2: cannot be read"),
    ):
        datasets.load_qm9(tmp_path)
