"""``vicinal check`` as users run it, with criteria that are made up, and ``check_all``."""

import json
import re
import subprocess
import sys
import textwrap

import ase.io
import made_up
import numpy as np
import pytest
from ase.build import molecule

import vicinal as vc
from vicinal import cli, criteria


@pytest.fixture(autouse=True)
def quick_criteria(monkeypatch):
    made_up.use(monkeypatch)


@pytest.fixture
def clean_path(monkeypatch):
    """What is imported from a user's folder goes again."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("mine"):
            del sys.modules[name]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "some.extxyz"
    ase.io.write(path, [molecule("H2O"), molecule("CH4"), molecule("CH3OH")])
    return path


@pytest.fixture
def mine(tmp_path, clean_path):
    path = tmp_path / "mine.py"
    path.write_text(
        textwrap.dedent(
            """
            import numpy as np
            import mine_beside

            def distances(frames):
                return np.array([[d.sum()] for f in frames for d in f.get_all_distances()])

            def raises(frames):
                raise ValueError("no <such> thing")

            class Scaled:
                def __init__(self, scale=1.0):
                    if scale < 0:
                        raise ValueError("scale")
                    self.scale = scale
                def compute(self, frames):
                    return self.scale * distances(frames)

            made = Scaled(2.0)
            number = 3
            """
        )
    )
    (tmp_path / "mine_beside.py").write_text("")
    return path


@pytest.fixture
def check(capsys):
    def check(*arguments, code=0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit:
            cli.main(["check", *map(str, arguments)])
        captured = capsys.readouterr()
        assert exit.value.code == code, captured.err
        return captured

    return check


def saved(path):
    document = json.loads(path.read_text())
    return {
        section["key"]: {one["key"]: one["value"] for one in section["measurements"]}
        for section in document["sections"]
    }


# -- what it does -------------------------------------------------------------------------------


def test_report_in_the_terminal_and_in_files(check, source, tmp_path):
    out = tmp_path / "a.html"
    shown = check(
        "soap", source, "-o", out, "--set", "n_max=2", "--criteria", "structure,invariance"
    )
    assert not shown.err  # no progress bar where nobody looks
    assert shown.out.startswith("soap: 2 good")
    assert "Invariance" in shown.out and "Uniqueness" not in shown.out
    written = f"{out}, {tmp_path / 'a-pair.extxyz'}"
    assert shown.out.endswith(f"written: {written}\n")
    page = out.read_text(encoding="utf-8")
    assert f"vicinal check soap {source} -o {out} --set n_max=2" in page
    assert "vc.registry.make(&#x27;soap&#x27;, n_max=2), frames" in page


def test_options_arrive(check, source, tmp_path):
    out = tmp_path / "a.json"
    check(
        "soap",
        source,
        "-o",
        out,
        "--seed",
        7,
        "--against",
        "acsf, snap",
        "--index",
        ":2",
        "--quick",
    )
    found = saved(out)
    assert list(found) == [criterion.key for criterion in criteria.CRITERIA]
    values = {"rows": 8, "cutoff": 5.0, "against": "acsf,snap", "seed": 7}
    assert found["uniqueness"] == values
    about = json.loads(out.read_text())["about"]
    assert about["quick"] is True and about["structures"] == "2 of the user's"


def test_data_set_and_configuration(check, tmp_path):
    (tmp_path / "c.json").write_text('{"cutoff": 4.0, "pooling": "mean"}')
    arguments = ["dataset:qm7-subset", "--index", ":5", "--config", tmp_path / "c.json"]
    check("soap", *arguments, "-o", tmp_path / "a.json", "--criteria", "generality")
    assert saved(tmp_path / "a.json")["generality"] == pytest.approx(
        {"rows": 5, "cutoff": 4.0, "against": "acsf,so3_bispectrum", "seed": 0}
    )


@pytest.mark.parametrize("what", ["distances", "made", "Scaled"])
def test_own_descriptors(check, mine, what, tmp_path):
    out = tmp_path / "a.json"
    check(f"{mine}:{what}", "--cutoff", 4.5, "--species", "H,O", "-o", out)
    assert saved(out)["invariance"]["rows"] == 2
    assert saved(out)["invariance"]["cutoff"] == 4.5


def test_own_class_takes_parameters_and_modules_are_found(check, mine, monkeypatch, tmp_path):
    monkeypatch.chdir(mine.parent)
    out = tmp_path / "a.json"
    check("mine:Scaled", "--set", "scale=3", "-o", out, "--against", "soap,mine:distances")
    assert saved(out)["structure"]["against"] == "soap,distances"
    shown = check("vicinal.descriptors.soap:SOAP", "--set", "n_max=2").out
    assert shown.startswith("soap: 6 good")


def test_what_a_user_function_does_not_survive_is_reported(check, mine):
    shown = check(f"{mine}:raises", "--criteria", "invariance").out
    assert "failed" in shown and "ValueError: no <such> thing" in shown


# -- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["html", "json", "md"])
def test_all(check, tmp_path, source, suffix, monkeypatch):
    monkeypatch.setattr(vc.registry, "names", lambda: ["soap", "acsf"])
    out = tmp_path / f"all.{suffix}"
    shown = check("--all", source, "-o", out, "--criteria", "invariance", "--quick").out
    assert re.search(r"^ soap ", shown, flags=re.MULTILINE) and f"written: {out}" in shown
    text = out.read_text(encoding="utf-8")
    assert "acsf" in text
    if suffix == "json":
        assert [one["about"]["structures"] for one in json.loads(text)["reports"]] == [
            "3 of the user's"
        ] * 2


def test_check_all():
    steps = []
    frames = (frame for frame in [molecule("H2O"), molecule("CH4")])
    found = vc.criteria.check_all(
        ["soap", vc.ACSF(species=["H"]), np.linalg.norm], frames, criteria=["invariance"],
        progress=lambda *where: steps.append(where),
    )  # fmt: skip
    assert [report.name for report in found.reports] == ["soap", "acsf", "norm"]
    assert found["soap"]["invariance"]["rows"].value == 8
    assert found["acsf"]["invariance"]["rows"].verdict == "failed"  # knows no oxygen
    assert steps[0] == ("soap", "invariance", "measuring")
    assert "acsf" in str(found)
    for wrong in ({"criteria": ["beauty"]}, {"descriptors": ["nope"]}):
        with pytest.raises(vc.VicinalError):
            vc.criteria.check_all(**wrong)


def test_all_holds_the_whole_registry():
    found = vc.criteria.check_all(criteria=["generality"])
    assert [report.name for report in found.reports] == vc.registry.names()
    assert not found.errors


# -- errors: one line, status 2, nothing left behind --------------------------------------------


def test_errors(check, source, mine, tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "script.py").write_text("import sys; sys.exit(0)\n")
    (tmp_path / "syntax.py").write_text("def :\n")
    before = sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in str(p))
    for arguments, *parts in (
        ([], "which descriptor"),
        (["nope"], "no descriptor is called 'nope'"),
        (["soap", "--criteria", "beauty"], "no criterion 'beauty'", "uniqueness"),
        (["soap", tmp_path / "missing.xyz"], "missing.xyz: no such file"),
        (["soap", mine], "not a format|cannot be read"),
        (["soap", "dataset:qm9"], "qm9"),
        (["soap", source, "--index", "9:"], "no structures"),
        (["soap", "--index", "9"], "--index"),
        (["soap", "--set", "cutof=3"], "cutof"),
        (["soap", "--set", "cutoff=-3"], "cutoff"),
        (["soap", "--set", "species={}"], "species"),
        (["soap", "--cutoff", "3"], "--set"),
        (["soap", "--seed", "-1"], "seed"),
        (["soap", "--against", "nope"], "nope"),
        (["soap", "-o", tmp_path / "a.txt"], "a.txt", "html or something.json"),
        (["soap", "-o", tmp_path / "a.md"], "a.md"),
        (["soap", "-o", tmp_path / "no" / "a.html"], "no such folder"),
        (["--all", "-o", tmp_path / "a.pdf"], "a.pdf", "something.md"),
        (["--all", source, source], "--all"),
        (["--all", "--set", "cutoff=3"], "--all"),
        (["no_such_module:f"], "no_such_module: cannot be imported", "ModuleNotFoundError"),
        ([tmp_path / "none.py:f"], "none.py: no such file"),
        ([tmp_path / "broken.py:f"], "broken.py: cannot be imported", "ZeroDivisionError"),
        ([tmp_path / "script.py:f"], "script.py: cannot be imported", "SystemExit"),
        ([tmp_path / "syntax.py:f"], "syntax.py: cannot be imported", "SyntaxError"),
        ([f"{mine}:nothing"], "has no 'nothing'"),
        ([f"{mine}:number"], "neither a function nor has compute"),
        ([f"{mine}:distances", "--set", "a=1"], "takes no parameters"),
        ([f"{mine}:Scaled", "--set", "scale=-1"], "cannot be made .*ValueError: scale"),
        ([f"{mine}:Scaled", "--set", "skale=1"], "cannot be made .*TypeError"),
        ([f"{mine}:distances", "--species", "H,Xx1"], "Xx1"),
        ([f"{mine}:"], "not module:object"),
    ):
        captured = check(*arguments, code=2)
        assert not captured.out
        assert re.fullmatch(r"vicinal: error: [^\n]+\n", captured.err), captured.err
        assert all(re.search(part, captured.err) for part in parts), (parts, captured.err)
    after = sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in str(p))
    assert after == before


def test_interrupted(check, monkeypatch, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["vicinal.criteria.made_up"], "measure", interrupt)
    captured = check("soap", "-o", tmp_path / "a.html", code=130)
    assert captured.err == "vicinal: error: interrupted\n" and not list(tmp_path.iterdir())


def test_help():
    done = subprocess.run(
        [sys.executable, "-m", "vicinal", "check", "--help"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "--criteria" in done.stdout
