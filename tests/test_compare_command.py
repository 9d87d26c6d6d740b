"""``vicinal compare`` as users run it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import ase.io
import pytest
from test_compare import molecules

import vicinal as vc
from vicinal import cli
from vicinal.criteria.results import Report, Section
from vicinal.criteria.summary import Summary

QUICK = (
    *("--descriptors", "coulomb_matrix", "--sizes", "8", "--n-test", "6", "--repeats", "2"),
    *("--trials", "1", "--jobs", "1", "--no-criteria"),
)


@pytest.fixture
def compare(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # stays as pytest has it

    def compare(*arguments, code=0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit:
            cli.main(["compare", *map(str, arguments), "-o", str(tmp_path / "out")])
        captured = capsys.readouterr()
        assert exit.value.code == code, captured.err
        return captured

    return compare


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "some.extxyz"
    ase.io.write(path, molecules(24))
    return path


def written(tmp_path):
    return sorted(p.name for p in (tmp_path / "out").rglob("*.*") if p.suffix != ".sqlite")


def one_line(captured, *texts):
    """What is wrong is said in one line, and all of it."""
    assert captured.err.startswith("vicinal: error: ") and captured.err.count("\n") == 1
    for text in texts:
        assert text in captured.err, captured.err


# -- what it does -------------------------------------------------------------------------------


def test_report(compare, source, tmp_path):
    names = "coulomb_matrix,bag_of_bonds,ewald_matrix"
    shown = compare(source, "--target", "energy", "--unit", "eV", *QUICK, "--descriptors", names)
    assert shown.err == ""  # no progress bar where nobody looks
    assert "MAE / eV" in shown.out and "Use " in shown.out
    assert "left out: ewald_matrix (" in shown.out
    assert written(tmp_path) == [
        "calibration.svg", "cost.svg", "learning.svg", "parity-1.svg", "parity-2.svg",
        "report.html", "results.csv", "results.json",
    ]  # fmt: skip
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert found["complete"] and len(found["results"]) == 4
    assert {one["name"] for one in found["ranking"]} == {"coulomb_matrix", "bag_of_bonds"}
    (command,) = re.findall(
        r"vicinal compare [^<]*", (tmp_path / "out/report.html").read_text(encoding="utf-8")
    )
    assert f"{source} --target energy" in command
    # The same again: nothing to do but to show it.
    again = compare(source, "--target", "energy", "--unit", "eV", *QUICK, "--descriptors", names)
    assert again.out == shown.out


def test_without_a_file(compare, tmp_path):
    shown = compare(*QUICK, "--sizes", "20", "--repeats", "1")
    assert "kcal/mol" in shown.out and "atomization_energy" in shown.out
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert found["structures"] == 500 and found["about"]["data"] == "dataset:qm7-subset"


def test_criteria(compare, source, tmp_path, monkeypatch):
    seen = []

    def check(descriptor, frames, **options):
        seen.append((descriptor, len(frames), options, written(tmp_path)))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return Report("its_name", {}, [Section("invariance", "Invariance", "?")], {})

    monkeypatch.setattr("vicinal.criteria.check", check)
    arguments = [source, "--target", "energy", *QUICK[:-1]]
    compare(*arguments)
    (descriptor, n, options, there) = seen[0]
    assert isinstance(descriptor, vc.CoulombMatrix) and n == 24 and options["quick"]
    assert "report.html" in there  # before
    assert "its_name" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    compare(*arguments, code=130)
    assert "report.html" in written(tmp_path)
    assert isinstance(Summary([], {}), Summary)


def test_interrupted(compare, source, tmp_path, monkeypatch):
    """What was finished is in the report, and the next run goes on."""
    evaluate, calls = vc.compare.protocol.evaluate, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    monkeypatch.setattr("vicinal.compare.protocol.evaluate", interrupted)
    arguments = [source, "--target", "energy", *QUICK]
    shown = compare(*arguments, code=130)
    assert "not finished" in shown.out
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert not found["complete"] and len(found["results"]) == 1
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "not finished" in page and "1 of 2" in page
    compare(*arguments)
    after = json.loads((tmp_path / "out/results.json").read_text())
    assert after["complete"] and len(after["results"]) == 2 and len(calls) == 3
    assert after["results"][0] == found["results"][0]


def test_ctrl_c(source, tmp_path):
    """A real one, with processes, sent to all of them as a terminal does."""
    program = "import sys; from vicinal import cli; cli.main(sys.argv[1:])"
    arguments = ["compare", source, "--target", "energy", "-o", tmp_path, "--trials", "500"]
    arguments += ["--descriptors", "coulomb_matrix", "--sizes", "8,12", "--jobs", "2"]
    started = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    end = time.time() + 300
    while time.time() < end and not steps(tmp_path / "comparison.sqlite"):
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)
    out, err = started.communicate(timeout=240)
    assert started.returncode == 130 and err == ""
    assert "No descriptor could be judged" in out and (tmp_path / "report.html").is_file()
    end = time.time() + 60
    while time.time() < end and alive(started.pid):
        time.sleep(0.1)
    assert not alive(started.pid)


def alive(group):
    """Is anybody left of a group of processes?"""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def steps(path):
    """How many steps of tuning are finished."""
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(path) as database:
            return database.execute("select count(*) from trial_values").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_help(compare):
    text = compare("--help").out
    for name in ("--target", "--descriptors", "--sizes", "--budget", "--missing", "--criteria"):
        assert name in text


# -- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, texts",
    [
        (["--target", "enthalpy"], ["no structure has 'enthalpy'", "energy", "gap", "charge"]),
        ([], ["which target", "energy", "gap"]),
        (["--target", "energy", "--descriptors", "sop"], ["no descriptor is called 'sop'", "soap"]),
        (["--target", "energy", "--descriptors", ","], ["descriptors must be given"]),
        (["--target", "energy", "--sizes", "a"], ["--sizes takes whole numbers"]),
        (["--target", "energy", "--sizes", "23"], ["24 structures", "smallest training size 23"]),
        (["--target", "energy", "--repeats", "0"], ["repeats must be at least 1"]),
        (["--target", "energy", "--budget", "0"], ["budget must be positive"]),
        (["--target", "energy", "--trials", "0"], ["trials must be"]),
        (["--target", "energy", "--jobs", "0"], ["positive integer"]),
        (["--target", "energy", "--per", "molecule"], ["per must be one of"]),
        (["--target", "energy", "--index", "x"], ["'x'"]),
        (["--target", "energy", "--descriptors", "sine_matrix"], ["no descriptor can treat"]),
    ],
)
def test_arguments_that_make_no_sense(compare, source, tmp_path, arguments, texts):
    # The first of two options of one name is overruled.
    captured = compare(source, *QUICK, *arguments, code=2)
    one_line(captured, *texts)
    assert written(tmp_path) == []


def test_missing_targets(compare, tmp_path):
    frames = molecules(24)
    del frames[3].info["energy"]
    frames[7].info["energy"] = float("nan")
    path = tmp_path / "gaps.extxyz"
    ase.io.write(path, frames)
    arguments = [path, "--target", "energy", *QUICK]
    one_line(compare(*arguments, code=2), "energy is missing in structure 3 of 24")
    shown = compare(*arguments, "--missing", "drop")
    assert "warning" in shown.err and "3, 7" in shown.err
    assert json.loads((tmp_path / "out/results.json").read_text())["structures"] == 22


def test_constant_target(compare, tmp_path):
    frames = molecules(24)
    for atoms in frames:
        atoms.info["energy"] = 3.5
    ase.io.write(tmp_path / "flat.extxyz", frames)
    captured = compare(tmp_path / "flat.extxyz", "--target", "energy", *QUICK, code=2)
    one_line(captured, "energy is 3.5 everywhere")


def test_files_that_cannot_be_read(compare, source, tmp_path):
    one_line(compare(tmp_path / "none.xyz", *QUICK, code=2), "none.xyz")
    cut = tmp_path / "cut.extxyz"
    cut.write_text(source.read_text()[:-200])
    one_line(compare(cut, "--target", "energy", *QUICK, code=2), "cut.extxyz")


def test_duplicates_are_listed(compare, tmp_path):
    frames = molecules(24)
    frames[20:] = [atoms.copy() for atoms in frames[:4]]
    for atoms in frames[20:]:
        atoms.rotate(40, "x")
    ase.io.write(tmp_path / "twins.extxyz", frames)
    shown = compare(tmp_path / "twins.extxyz", "--target", "energy", *QUICK, "--sizes", "18")
    assert shown.err.startswith("vicinal: warning: ") and shown.err.count("\n") == 1
    pairs = re.findall(r"\b(\d+), (\d+)\b", shown.err)
    assert pairs and all(int(b) == int(a) + 20 for a, b in pairs)
    report = json.loads((tmp_path / "out/results.json").read_text())
    listed = report["about"]["equal structures in training and test"]
    assert re.findall(r"\[(\d+), (\d+)\]", listed) == pairs


def test_output_that_is_no_folder(compare, source, tmp_path):
    (tmp_path / "out").write_text("mine")
    one_line(compare(source, "--target", "energy", *QUICK, code=2), "out", "not a folder")
    assert (tmp_path / "out").read_text() == "mine"


def test_output_below_a_file(source, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as exit:
        cli.main(
            ["compare", str(source), "--target", "energy", *QUICK, "-o", f"{tmp_path}/file/out"]
        )
    assert exit.value.code == 2
    one_line(capsys.readouterr(), "file/out: cannot be made")


def test_another_comparison_in_the_folder(compare, source, tmp_path):
    compare(source, "--target", "energy", *QUICK)
    before = (tmp_path / "out/report.html").read_bytes()
    captured = compare(source, "--target", "gap", *QUICK, code=2)
    one_line(captured, "of other data or settings", "choose another folder")
    assert (tmp_path / "out/report.html").read_bytes() == before


def test_full_disk(compare, source, tmp_path, monkeypatch):
    """Wherever it is noticed: in one line, and without half a report."""
    arguments = [source, "--target", "energy", *QUICK]

    class Full(sqlite3.Connection):
        def commit(self):
            raise sqlite3.OperationalError("database or disk is full")

    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(
            "sqlite3.dbapi2.connect", lambda *a, **k: connect(*a, **k | {"factory": Full})
        )
        patch.setattr("sqlite3.connect", lambda *a, **k: connect(*a, **k | {"factory": Full}))
        one_line(
            compare(*arguments, code=2),
            "comparison.sqlite: cannot be read or written (database or disk is full)",
        )
    assert written(tmp_path) == []

    def full(name, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    one_line(compare(*arguments, code=2), "No space left on device")
    assert written(tmp_path) == []
