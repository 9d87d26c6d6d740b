"""The command line, run as users run it; error paths in this process, where that is enough."""

import bz2
import gzip
import json
import lzma
import os
import re
import signal
import subprocess
import sys
import time

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

import vicinal as vc
from vicinal import cli, streaming

SMALL = ["--set", "n_max=3", "--set", "l_max=2"]
PARAMETERS = {"n_max": 3, "l_max": 2}


def run(*arguments, cwd=None, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "vicinal", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, timeout=120, **kwargs,
    )  # fmt: skip


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(11)
    found = [molecule(name) for name in ("H2O", "CH3CH2OH", "C6H6", "NH3", "CH4")]
    found.append(bulk("Si", cubic=True) * (2, 1, 1))
    for atoms in found:
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    return found


@pytest.fixture
def source(frames, tmp_path):
    path = tmp_path / "some.extxyz"
    ase.io.write(path, frames)
    return path


def read(path):
    """Frames as they are in the file (positions are rounded there)."""
    return ase.io.read(path, ":")


# -- list, show, help ---------------------------------------------------------------------------


def test_list_help_version():
    listed = run("list")
    assert listed.returncode == 0 and not listed.stderr
    for name in vc.registry.names():
        assert re.search(rf"\b{name}\b", listed.stdout)
    for command in ([], ["compute"], ["show"], ["list"]):
        helped = run(*command, "--help")
        assert helped.returncode == 0 and "Usage" in helped.stdout
    assert run("--version").stdout == f"vicinal {vc.__version__}\n"


def test_help_does_not_wait_for_slow_imports():
    code = "import sys, vicinal.cli; print({'sklearn', 'scipy', 'ase', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("name", vc.registry.names())
def test_show_names_every_parameter(name, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main(["show", name])
    shown = capsys.readouterr().out
    entry = vc.registry.get(name)
    doc = cli.Docstring(entry.cls)
    assert exit.value.code == 0
    # The docstring documents exactly the parameters that there are, in their order.
    assert [name for name, _, _ in doc.parameters] == list(doc.defaults)
    assert all(re.search(rf"│ {parameter}\s", shown) for parameter in doc.defaults)
    assert all(meaning for _, _, meaning in doc.parameters)
    assert all(citation in " ".join(shown.split()) for citation in entry.citations)


def test_show_has_units_defaults_and_formula(capsys):
    with pytest.raises(SystemExit):
        cli.main(["show", "SOAP"])
    shown = capsys.readouterr().out
    assert re.search(r"│ cutoff +│ float, Å +│ 5.0 +│ Radius", shown)
    assert "c^Z" in shown and "::" not in shown
    assert "body order" in shown and "Phys. Rev. B 87, 184115" in shown


# -- compute ------------------------------------------------------------------------------------


def test_compute_is_what_python_gives(source, tmp_path):
    done = run("compute", "soap", source, "-o", tmp_path / "out.npz", *SMALL)
    assert done.returncode == 0, done.stderr
    assert not done.stderr  # no progress bar where nobody looks
    expected = vc.SOAP(**PARAMETERS).compute(read(source))
    features = vc.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(features.values, expected.values)
    np.testing.assert_array_equal(features.samples, expected.samples)
    np.testing.assert_array_equal(features.names, expected.names)
    assert re.search(rf"6 structures, {len(expected)} environments, .* s, .* µs", done.stdout)
    assert done.stdout.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.npz", "some.extxyz"]


@pytest.fixture
def compute(tmp_path, capsys):
    """Run ``vicinal compute soap`` in this process, and load what it wrote."""

    def compute(*arguments, to="out.npz"):
        with pytest.raises(SystemExit) as exit:
            cli.main(["compute", "soap", *map(str, arguments), "-o", str(tmp_path / to)])
        assert exit.value.code == 0, capsys.readouterr().err
        return vc.load(tmp_path / to) if to.endswith(".npz") else read(tmp_path / to)

    return compute


@pytest.mark.parametrize("suffix, packer", [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_compressed_input(suffix, packer, source, compute):
    packed = source.with_name(f"packed.extxyz.{suffix}")
    packed.write_bytes(packer.compress(source.read_bytes()))
    np.testing.assert_array_equal(compute(packed, *SMALL).values, compute(source, *SMALL).values)


@pytest.mark.parametrize("name", ["POSCAR", "POSCAR.gz", "some.cif", "some.traj", "some.traj.xz"])
def test_formats_of_ase(name, tmp_path, compute):
    """One structure or many, text or binary; formats of one structure take an index too."""
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    path = tmp_path / name.removesuffix(".xz").removesuffix(".gz")
    ase.io.write(path, atoms)
    if path.name != name:
        packer = gzip if name.endswith("gz") else lzma
        (tmp_path / name).write_bytes(packer.compress(path.read_bytes()))
    expected = vc.SOAP(**PARAMETERS).compute(ase.io.read(path)).values
    for extra in ([], ["--index", "0"], ["--index", "-1:"]):
        features = compute(tmp_path / name, *SMALL, *extra)
        np.testing.assert_allclose(features.values, expected, atol=1e-12)


def test_bundled_data_set(compute):
    features = compute("dataset:qm7-subset", "--index", ":20", *SMALL)
    frames = vc.datasets.load_qm7_subset().frames[:20]
    np.testing.assert_array_equal(features.values, vc.SOAP(**PARAMETERS).compute(frames).values)


def test_pooled_and_float32(source, compute):
    for how in ("mean", "sum"):
        features = compute(source, "--pool", how, "--dtype", "float32", "--threads", "2", *SMALL)
        soap = vc.SOAP(pooling=how, dtype="float32", **PARAMETERS)
        expected = soap.compute(read(source))
        assert features.values.dtype == np.float32
        assert features.samples.dtype.names == ("structure",)
        np.testing.assert_array_equal(features.values, expected.values)


def test_sparse(source, compute):
    features = compute(source, "--set", "sparse=true", *SMALL)
    expected = vc.SOAP(sparse=True, **PARAMETERS).compute(read(source))
    assert features.values.format == "csr"
    assert (features.values != expected.values).nnz == 0


@pytest.mark.parametrize("index", ["3", ":2", "1:4", "::2", "-2:", "-1"])
def test_index_keeps_the_numbers_of_the_file(index, source, compute):
    features = compute(source, "--index", index, *SMALL)
    chosen = np.arange(6)[streaming._slice(index)]
    assert np.unique(features.samples["structure"]).tolist() == chosen.tolist()
    expected = vc.SOAP(**PARAMETERS).compute([read(source)[s] for s in chosen])
    np.testing.assert_array_equal(features.values, expected.values)


def test_extxyz_keeps_every_digit(source, compute):
    expected = vc.SOAP(**PARAMETERS).compute(read(source))
    frames = compute(source, *SMALL, to="out.extxyz")
    values = np.concatenate([atoms.arrays["soap"] for atoms in frames])
    np.testing.assert_array_equal(values, expected.values)
    for got, given in zip(frames, read(source), strict=True):
        assert got.symbols.formula == given.symbols.formula
        np.testing.assert_allclose(got.positions, given.positions, atol=1e-8)
        np.testing.assert_allclose(got.cell, given.cell)
        assert (got.pbc == given.pbc).all()


def test_extxyz_pooled_and_again(source, tmp_path, compute):
    compute(source, *SMALL, to="first.extxyz")
    # Its output may be its input: the old column goes.
    frames = compute(tmp_path / "first.extxyz", "--pool", "mean", *SMALL, to="second.extxyz")
    expected = vc.SOAP(pooling="mean", **PARAMETERS).compute(read(source)).values
    np.testing.assert_array_equal([atoms.info["soap"] for atoms in frames], expected)
    assert all("soap" not in atoms.arrays for atoms in frames)


def test_extxyz_keeps_what_was_there(tmp_path, compute):
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = bulk("NaCl", "rocksalt", a=5.6)
    atoms.calc = SinglePointCalculator(atoms, energy=-3.5, forces=np.ones((2, 3)))
    atoms.info["source"] = "Properties=none"
    atoms.arrays["charge_guess"] = np.array([1.0, -1.0])
    ase.io.write(tmp_path / "in.extxyz", atoms)
    for extra in ([], ["--pool", "sum"]):
        (got,) = compute(tmp_path / "in.extxyz", *SMALL, *extra, to="out.extxyz")
        assert got.get_potential_energy() == -3.5
        np.testing.assert_array_equal(got.get_forces(), 1)
        assert got.info["source"] == "Properties=none"
        np.testing.assert_array_equal(got.arrays["charge_guess"], [1, -1])


@pytest.mark.parametrize("to", ["out.npz", "out.extxyz"])
@pytest.mark.parametrize("extra", [[], ["--pool", "mean"], ["--set", "sparse=true"]])
def test_streaming_changes_no_number(to, extra, source, compute, monkeypatch):
    def numbers(result):
        if to.endswith("npz"):
            return result.dense()
        where = "info" if "--pool" in extra else "arrays"
        return np.concatenate([np.atleast_2d(getattr(a, where)["soap"]) for a in result])

    whole = numbers(compute(source, *SMALL, *extra, to=to))
    monkeypatch.setattr(streaming, "HELD_ATOMS", 10)  # read twice
    monkeypatch.setattr(streaming, "CHUNK_ATOMS", 5)  # chunks of one or two structures,
    monkeypatch.setattr(streaming, "BLOCK_VALUES", 900)  # large ones of those in parts
    np.testing.assert_array_equal(numbers(compute(source, *SMALL, *extra, to=to)), whole)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Ten times the structures, the same memory (not the 100 MB that the values take)."""
    resource = pytest.importorskip("resource")
    del resource
    frames = vc.datasets.load_qm7_subset().frames
    code = (
        "import resource, sys\n"
        "from vicinal import streaming, cli\n"
        "streaming.HELD_ATOMS = 1000; streaming.BLOCK_VALUES = 200_000\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for n in (50, 500):
        ase.io.write(tmp_path / "in.extxyz", frames[:n])
        arguments = ["compute", "soap", tmp_path / "in.extxyz", "-o", tmp_path / "out.npz"]
        arguments += ["--set", "n_max=6", "--set", "l_max=4", "--threads", "1"]
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout.split()[-1]) / (1024 if sys.platform != "darwin" else 1024**2))
    size = os.path.getsize(tmp_path / "out.npz") / 1024**2
    assert size > 100
    assert peaks[1] - peaks[0] < 0.3 * size, (peaks, size)


# -- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, value",
    [
        ("5", 5),
        ("1e-3", 1e-3),
        ("true", True),
        ("null", None),
        ("gto", "gto"),
        ("H,C,O", ["H", "C", "O"]),
        ("H, 8", ["H", 8]),
        ('["H", "C"]', ["H", "C"]),
        ('{"a": 1}', {"a": 1}),
        ('"quoted"', "quoted"),
        ("a=b", "a=b"),
    ],
)
def test_settings(text, value):
    assert cli.options.setting(f"name={text}") == ("name", value)


def test_configuration_files(source, tmp_path, compute):
    expected = compute(source, *SMALL, "--set", "species=H,C,N,O,Si", "--set", "cutoff=4").values
    written = {
        "c.toml": 'n_max = 3\nl_max = 2\ncutoff = 4.0\nspecies = ["H", "C", "N", "O", "Si"]\n',
        "c.json": json.dumps(PARAMETERS | {"cutoff": 4, "species": [1, 6, 7, 8, 14]}),
        "d.json": vc.SOAP(cutoff=4.0, **PARAMETERS).fit(read(source)).to_json(indent=2),
    }
    for name, text in written.items():
        if name.endswith("toml") and sys.version_info < (3, 11):
            continue
        (tmp_path / name).write_text(text)
        values = compute(source, "--config", tmp_path / name).values
        np.testing.assert_array_equal(values, expected)
    features = compute(source, "--config", tmp_path / "c.json", "--set", "n_max=2")
    assert features.shape[1] == vc.SOAP(n_max=2, l_max=2, species=[1, 6, 7, 8, 14]).n_features


# -- errors: one line, status 2, nothing left behind --------------------------------------------


def check_failure(status, out, err, *parts, code=2):
    assert status == code
    assert not out
    assert re.fullmatch(r"vicinal: error: [^\n]+\n", err), err
    for part in parts:
        assert re.search(part, err), (part, err)


@pytest.fixture
def failure(tmp_path, capsys, monkeypatch):
    """Run a command that fails as it must."""

    def failure(*arguments, parts=()):
        capsys.readouterr()
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as exit:
            cli.main(list(map(str, arguments)))
        captured = capsys.readouterr()
        check_failure(exit.value.code, captured.out, captured.err, *parts)
        assert sorted(tmp_path.rglob("*")) == before

    return failure


def test_wrong_commands(failure, source, tmp_path):
    out = ["-o", tmp_path / "out.npz"]
    for arguments, *parts in (
        (["frobnicate"], "frobnicate"),
        (["show", "nope"], "nope", "soap"),
        (["compute", "soap"], "FILE", "--help"),
        (["compute", "soap", source], "output"),
        (["compute", "soap", source, *out, "--nope"], "--nope"),
        (["compute", "soap", source, *out, "--threads", "many"], "threads", "integer"),
        (["compute", "soap", source, *out, "--threads", "0"], "n_threads"),
        (["compute", "nope", source, *out], "no descriptor is called 'nope'"),
        (["compute", "soap", source, *out, "--set", "cutof=5"], "'cutof'", "cutoff, .*n_max"),
        (["compute", "soap", source, *out, "--set", "cutoff"], "NAME=VALUE"),
        (["compute", "soap", source, *out, "--set", "cutoff=-1"], "cutoff"),
        (["compute", "soap", source, *out, "--set", "cutoff=wide"], "cutoff"),
        (["compute", "soap", source, *out, "--set", "cutoff=NaN"], "cutoff"),
        (["compute", "soap", source, *out, "--set", "species=H,Xyz"], "Xyz"),
        (["compute", "soap", source, *out, "--set", "species={}"], "species"),
        (["compute", "soap", source, *out, "--set", "weighting=3"], "parameters|weighting"),
        (["compute", "soap", source, *out, "--pool", "median"], "pooling", "median"),
        (["compute", "soap", source, *out, "--dtype", "int8"], "dtype", "int8"),
        (["compute", "soap", source, *out, "--index", "one"], "index", "one"),
        (["compute", "soap", source, *out, "--index", "::0"], "index"),
        (["compute", "soap", source, *out, "--index", "99:"], "no structures"),
        (["compute", "soap", source, *out, "--format", "csv"], "format", "csv"),
        (["compute", "soap", source, "-o", tmp_path / "out.csv"], "npz", "out.csv"),
        (["compute", "soap", source, "-o", tmp_path / "no/such/out.npz"], "cannot be written"),
        (["compute", "soap", source, "-o", tmp_path, "--format", "npz"], "directory"),
    ):
        failure(*arguments, parts=parts)


def test_wrong_configurations(failure, source, tmp_path):
    for name, text, part in (
        ("missing.json", None, "no such file"),
        ("broken.json", "{", "cannot be read"),
        ("broken.toml", "a = = 1", "cannot be read|Python 3.11"),
        ("list.json", "[1]", "not a table"),
        ("strange.yaml", "a: 1", "toml"),
        ("unknown.json", '{"cutof": 5}', "cutof"),
        ("other.json", '{"descriptor": "acsf", "parameters": {}}', "acsf"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        arguments = ["compute", "soap", source, "-o", tmp_path / "out.npz"]
        failure(*arguments, "--config", tmp_path / name, parts=[part])


def test_wrong_files(failure, source, tmp_path):
    text = source.read_text()
    packed = gzip.compress(text.encode())
    for name, content, part in (
        ("missing.xyz", None, "no such file"),
        ("empty.extxyz", b"", "some|empty"),
        ("noise.bin", bytes(range(256)) * 8, "not a format"),
        ("noise.extxyz", b"hello\nworld\n", "cannot be read"),
        ("latin.extxyz", b"1\n\xff\xfe\nH 0 0 0\n", "cannot be read"),
        ("cut.extxyz", text[: int(0.8 * len(text))].encode(), "cannot be read after 5 structures"),
        ("cut.extxyz.gz", packed[: len(packed) // 2], "cannot be decompressed"),
        ("cut.extxyz.xz", lzma.compress(text.encode())[:-40], "cannot be decompressed"),
        ("false.extxyz.bz2", b"this is not bzip2", "cannot be decompressed"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        failure("compute", "soap", path, "-o", tmp_path / "out.npz", parts=[part, re.escape(name)])
    failure("compute", "soap", "dataset:qm8", "-o", tmp_path / "o.npz", parts=["qm8", "qm7-subset"])
    failure("compute", "soap", tmp_path, "-o", tmp_path / "out.npz")


@pytest.mark.parametrize("chunk", [1, 4000])
@pytest.mark.parametrize("to", ["out.npz", "out.extxyz"])
def test_bad_structures_are_named_by_their_place_in_the_file(
    chunk, to, failure, frames, tmp_path, monkeypatch
):
    monkeypatch.setattr(streaming, "CHUNK_ATOMS", chunk)
    path, out = tmp_path / "in.extxyz", tmp_path / to
    out.write_text("an older result")
    nan = molecule("H2O")
    nan.positions[1, 2] = np.nan
    same = Atoms("OH", positions=np.zeros((2, 3)))
    other = molecule("SO2")
    for bad, parts in (
        (nan, [r"atom 1 \(H\) of structure 4 is NaN"]),
        (same, [r"atom 0 \(O\) of structure 4", "same place"]),
        (other, [r"atom 0 \(S\) of structure 4", "does not know"]),
    ):
        ase.io.write(path, [*frames[:4], bad, *frames[4:]])
        extra = ["--set", "species=H,C,N,O,Si"]
        parts = [*parts, re.escape(str(path))]
        failure("compute", "soap", path, "-o", out, *SMALL, *extra, parts=parts)
        arguments = [*SMALL, *extra, "--index", "2:6"]
        failure("compute", "soap", path, "-o", out, *arguments, parts=parts)
    assert out.read_text() == "an older result"


def test_failure_in_a_process_of_its_own(tmp_path):
    missing = run("compute", "soap", tmp_path / "no.xyz", "-o", tmp_path / "out.npz")
    check_failure(missing.returncode, missing.stdout, missing.stderr, "no such file")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_leaves_nothing(number, status, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    frames = vc.datasets.load_qm7_subset().frames * 60
    ase.io.write(tmp_path / "in.extxyz", frames)
    command = [sys.executable, "-m", "vicinal", "compute", "soap", str(tmp_path / "in.extxyz")]
    process = subprocess.Popen(
        [*command, "-o", str(out / "out.npz")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Whatever runs the tests in the background may have told its children to ignore it.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )  # fmt: skip
    while process.poll() is None and not list(out.iterdir()):
        time.sleep(0.02)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    assert not list(out.iterdir())
    assert not stdout
    if number == signal.SIGINT:
        check_failure(process.returncode, stdout, stderr, "interrupted", code=130)
