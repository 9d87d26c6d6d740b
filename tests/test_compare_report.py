"""What a comparison says: ranking, recommendation, files and the page; on results made up."""

import csv
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from ase import Atoms

import vicinal as vc
from vicinal.compare import Outcome, Plan, Result, Split, Task, entrant
from vicinal.compare.report import page
from vicinal.criteria.results import Report, Section
from vicinal.criteria.summary import Summary
from vicinal.errors import FileError

EVIL = "<script>alert('1')</script> & \"it\" \x1b[31m http://somewhere.org"
SIZES = (10, 40)
TEST = np.arange(40, 60)


def made_up(errors, *, costs=None, per="structure", entrants=None, **task_options):
    """An outcome with these mean absolute errors: name -> {size: [error of each repeat]}."""
    rng = np.random.default_rng(0)
    frames = [Atoms("H2", [[0, 0, 0], [0, 0, 0.7 + 0.01 * k]]) for k in range(60)]
    for atoms in frames:
        atoms.info["energy"] = float(rng.normal())
    options = {"extensive": True, "unit": "eV", "per": per} | task_options
    task = Task.from_frames(frames, "energy", **options)
    entrants = entrants or tuple(entrant(name) for name in errors)
    lengths = [len(each) for sizes in errors.values() for each in sizes.values()]
    split = Split({size: np.arange(size) for size in SIZES}, TEST)
    plan = Plan(task, entrants, (split,) * max(lengths))
    results = []
    for place, (one, sizes) in enumerate(zip(entrants, errors.values(), strict=True)):
        for size, each in sizes.items():
            for repeat, error in enumerate(each):
                off = rng.normal(size=len(TEST))
                off *= error / np.abs(off).mean()
                settings = {"choices": one.smallest(), "length_scale": 1.0, "steps": 3 + place}
                cost = (costs or {}).get(one.name, 1.0)
                results.append(
                    Result(one.name, repeat, size, settings, TEST.tolist(),
                           (task.values[TEST] + off).tolist(), [error * 1.25] * len(TEST),
                           100, cost * (1 + 0.1 * repeat), 0.1, 2.0)
                )  # fmt: skip
    return Outcome(plan, results, {"sine_matrix": "no cell"})


@pytest.fixture
def outcome():
    return made_up(
        {
            "soap": {10: [2.0, 2.2], 40: [1.0, 1.2]},
            "acsf": {10: [4.0, 4.4], 40: [2.0, 2.2]},
            "mbtr": {10: [3.0, 3.1], 40: [1.5, 1.7]},
            "slatm": {10: [1.0, 1.0]},
        },
        costs={"soap": 10.0, "acsf": 2.0, "mbtr": 20.0, "slatm": 1.0},
    )


# -- what it says -------------------------------------------------------------------------------


def test_ranking(outcome):
    names = [one.name for one in outcome.ranking]
    assert names == ["soap", "mbtr", "acsf", "slatm"]  # what did not get as far comes last
    soap, mbtr, acsf, _ = outcome.ranking
    assert [one.pareto for one in outcome.ranking] == [True, False, True, True]
    assert [errors.size for errors in soap.curve] == [10, 40] and soap.best.repeats == 2
    assert soap.best.mae == pytest.approx((1.1, np.std([1.0, 1.2], ddof=1)))
    truth = outcome.plan.task.values[TEST]
    off = np.array([truth - r.predicted for r in outcome.of("soap", 40)])
    assert soap.best.max_error[0] == pytest.approx(np.abs(off).max(axis=1).mean())
    assert soap.best.rmse[0] == pytest.approx(np.sqrt((off**2).mean(axis=1)).mean())
    r2 = 1 - (off**2).sum(axis=1) / np.sum((truth - truth.mean()) ** 2)
    assert soap.best.r2[0] == pytest.approx(r2.mean())
    logs = [np.mean(np.log(each)) for each in ([2.0, 2.2], [1.0, 1.2])]
    assert soap.rate == pytest.approx((logs[0] - logs[1]) / np.log(4))
    assert soap.rate_interval[0] < soap.rate < soap.rate_interval[1]
    assert np.isnan(outcome.ranking[3].rate)
    assert (soap.describe_us, acsf.describe_us) == pytest.approx((10.5, 2.1))


@pytest.mark.parametrize(
    "errors, costs, expected",
    [
        ({"soap": [1.0, 1.1], "acsf": [2.0, 2.2]}, {}, "Use soap.*The next, acsf, comes to 2.1"),
        ({"soap": [2.0, 2.2], "acsf": [1.0, 1.1]}, {}, "Use acsf: with 40.*to 1.05 ± 0.07 eV"),
        # The same within the scatter, and cheaper.
        (
            {"soap": [1.0, 1.2, 0.9, 1.1], "acsf": [1.1, 1.0, 1.0, 1.11]},
            {"soap": 8.0, "acsf": 2.0},
            "Use soap.*acsf is as good within the scatter of the repeats and 4.0 times cheaper",
        ),
        # As near, but never better: no chance.
        (
            {"soap": [1.0, 1.2, 0.9, 1.1], "acsf": [1.05, 1.26, 0.95, 1.155]},
            {"soap": 8.0, "acsf": 2.0},
            "Use soap.*The next, acsf",
        ),
        ({"soap": [1.0], "acsf": [1.0]}, {"acsf": 0.5}, "Use soap.*acsf is as good.*2.0 times"),
        ({"soap": [1.0], "acsf": [1.3]}, {"acsf": 0.5}, "The next, acsf, comes to 1.3 eV."),
        ({"soap": [1.0], "acsf": [1.01]}, {"acsf": 5.0}, "eV .mean absolute error..$"),
    ],
)
def test_recommendation(errors, costs, expected):
    outcome = made_up(
        {name: {10: [3.0] * len(each), 40: each} for name, each in errors.items()}, costs=costs
    )
    assert outcome.complete
    assert re.search(expected, outcome.recommendation), outcome.recommendation


def test_what_is_not_finished(outcome):
    assert not outcome.complete
    assert outcome.recommendation.endswith("not finished; this is what there is so far.")
    nothing = Outcome(outcome.plan, [], {})
    assert nothing.recommendation == "No descriptor could be judged."
    json.loads(nothing.to_json(), parse_constant=pytest.fail)
    Page(page(nothing))


def test_reported_per_atom():
    whole, each = (made_up({"soap": {10: [4.0], 40: [2.0]}}, per=p) for p in ("structure", "atom"))
    assert whole.ranking[0].best.mae[0] == pytest.approx(2 * each.ranking[0].best.mae[0])
    assert "eV/atom" in each.recommendation and "µs" not in each.recommendation
    np.testing.assert_allclose(whole.pooled("soap")[3], 2 * each.pooled("soap")[3])
    assert "--per atom" not in each.again()[0] and "per='atom'" in each.again()[0]


def test_worst(outcome):
    task, worst = outcome.plan.task, outcome.worst("soap", 3)
    results = outcome.of("soap", 40)
    mean = np.mean([r.predicted for r in results], axis=0)
    off = np.abs(mean - task.values[TEST])
    assert [row[0] for row in worst] == TEST[np.argsort(-off, kind="stable")[:3]].tolist()
    for index, true, predicted in worst:
        assert true == task.values[index] and predicted == pytest.approx(mean[index - 40])


def test_uncertainty(outcome):
    index, truth, predicted, std = outcome.pooled("soap")
    assert index.tolist() == 2 * TEST.tolist() and len(std) == 40
    np.testing.assert_allclose(truth, outcome.plan.task.values[index])
    found = outcome.uncertainty("soap")
    made = index % 2 == 0  # every other structure, in all splits
    scores = np.sort(np.abs(truth - predicted)[made] / std[made])
    q = scores[int(np.ceil(0.9 * (made.sum() + 1))) - 1]
    assert found["conformal_width"] == pytest.approx(np.mean(q * std[~made]))
    inside = np.abs(truth - predicted)[~made] <= q * std[~made]
    assert found["conformal_coverage"] == pytest.approx(inside.mean())
    assert found["sharpness"] > 0 and 0 <= found["coverage_90"] <= 1


def test_python_makes_the_tuned_descriptor(outcome):
    for one in outcome.ranking:
        made = eval(one.python, {"vc": vc})
        tuned = outcome.descriptor(one.name)
        assert json.loads(made.to_json()) == json.loads(tuned.to_json())
        frames = outcome.plan.task.frames[:3]
        np.testing.assert_array_equal(made.compute(frames).dense(), tuned.compute(frames).dense())
    best = outcome.of("soap", 40)[1]
    best.predicted = outcome.plan.task.values[TEST].tolist()  # now the better split
    best.settings["choices"] = best.settings["choices"] | {"cutoff": 9.0}
    assert outcome.descriptor("soap").cutoff == 9.0 and "cutoff=9.0" in outcome.python("soap")


def test_again(tmp_path):
    outcome = made_up({"soap": {10: [1.0], 40: [1.0]}})
    assert outcome.again() == [
        "vc.compare.compare(frames, 'energy', descriptors=['soap'], sizes=[10, 40], n_test=20, "
        "repeats=1, trials=30, limit=400, seed=0, unit='eV', extensive=True)"
    ]
    source = tmp_path / "a b.xyz"
    source.write_text("")
    task = dataclasses.replace(outcome.plan.task, source=str(source), because="its name", unit="")
    for index, expected in (
        (np.arange(60), "--index 0:60"),
        (np.arange(5, 125, 2), "--index 5:124:2"),
        (np.r_[0:30, 31:61], "--index 0:61 --missing drop"),
    ):
        plan = dataclasses.replace(outcome.plan, task=dataclasses.replace(task, index=index))
        command, python = Outcome(plan, outcome.results, {}).again()
        assert command == (
            f"vicinal compare '{source}' --target energy --descriptors soap --sizes 10,40 "
            f"--n-test 20 --repeats 1 --trials 30 --limit 400 --seed 0 {expected}"
        )
        assert python.startswith(f"vc.compare.compare('{source}', 'energy', descriptors=['soap']")
    plan = dataclasses.replace(plan, entrants=(entrant({"name": "soap", "l_max": 1}),))
    (python,) = Outcome(plan, outcome.results, {}).again()  # no command can say this
    assert "descriptors=[{'name': 'soap', 'l_max': 1}]" in python


# -- files --------------------------------------------------------------------------------------


def test_json_and_csv(outcome):
    outcome.results[0].kernel_us = float("nan")
    outcome.results.append(Result("slatm", 1, 40, failed="no memory"))
    found = json.loads(outcome.to_json(), parse_constant=pytest.fail)
    assert found["ranking"][0]["name"] == "soap" and found["results"][0]["kernel_us"] is None
    assert found["skipped"] == {"sine_matrix": "no cell"} and found["unit"] == "eV"
    assert found["failures"] == {"slatm, split 1, 40 structures": "no memory"}
    assert found["about"]["steps of tuning"].startswith("3 to 6 of 30")
    rows = list(csv.DictReader(io.StringIO(outcome.to_csv())))
    assert len(rows) == 14 and {row["descriptor"] for row in rows} == {
        "soap", "acsf", "mbtr", "slatm"
    }  # fmt: skip
    first = rows[0]
    assert (first["descriptor"], first["repeat"], first["size"]) == ("soap", "0", "10")
    assert float(first["mae"]) == pytest.approx(2.0)


def test_saved_files(outcome, tmp_path):
    folder = tmp_path / "a" / "b"
    written = outcome.save(folder)
    names = {"report.html", "results.json", "results.csv"}
    names |= {f"plots/{n}.svg" for n in ("learning", "cost", "calibration")}
    names |= {f"plots/parity-{k}.svg" for k in (1, 2, 3)}
    assert set(written) == {str(folder / name) for name in names}
    assert {str(p) for p in folder.rglob("*") if p.is_file()} == set(written)
    for path in (folder / "plots").iterdir():
        ElementTree.fromstring(path.read_text())
    assert "soap" in (folder / "plots" / "parity-1.svg").read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file: cannot be written"):
        outcome.save(tmp_path / "file")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_disk(outcome, tmp_path, monkeypatch):
    """Noticed only when a file is closed, since what is written waits in a buffer."""
    opened = open

    def full(path, mode="r", *rest, **options):
        if "x" not in mode:
            return opened(path, mode, *rest, **options)
        opened(path, mode).close()
        return opened("/dev/full", "wb", buffering=1 << 24)

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(FileError, match="report.html: cannot be written .No space left on device"):
        outcome.save(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == []


# -- the page -----------------------------------------------------------------------------------


class Page(HTMLParser):
    """Every element is closed, in order; collects tags, identifiers and text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(page)
        assert not self.open
        self.ids = [a["id"] for _, a in self.tags if "id" in a]
        assert len(self.ids) == len(set(self.ids))
        linked = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", page))
        assert linked <= set(self.ids)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_page(outcome):
    made = page(outcome)
    read = Page(made)
    assert made.startswith("<!DOCTYPE html>")
    assert not re.search(r"""(src|href)=["'](https?:)?//|@import|url\((?!#)""", made)
    tags = [tag for tag, _ in read.tags]
    assert "script" not in tags and tags.count("h1") == 1
    labels = [a["aria-label"] for tag, a in read.tags if tag == "svg"]
    assert labels == [
        "Learning curves",
        "Error against cost",
        "soap, 40 training structures",
        "mbtr, 40 training structures",
        "acsf, 40 training structures",
        "Calibration",
    ]
    assert outcome.recommendation in read.text
    for one in outcome.ranking:
        assert one.name in read.text and one.python in read.text
    assert "1.1 ± 0.1" in read.text and "left out: sine_matrix" in read.text
    assert outcome.again()[0] in read.text
    assert "What these descriptors are like" not in read.text
    summary = Summary([Report("soap", {}, [Section("invariance", "Invariance", "?")], {})], {})
    assert "What these descriptors are like" in Page(page(outcome, summary)).text


def evil_outcome():
    """Names that a page must not take for more than text, and long ones."""
    names = EVIL, "x" * 60
    entrants = tuple(dataclasses.replace(entrant("soap"), name=name) for name in names)
    errors = {EVIL: {10: [2.0], 40: [1.0]}, "x" * 60: {10: [2.0], 40: [1.5]}}
    outcome = made_up(errors, entrants=entrants, unit=EVIL)
    task = dataclasses.replace(outcome.plan.task, name=EVIL, source=EVIL)
    plan = dataclasses.replace(outcome.plan, task=task)
    failed = Result(EVIL, 0, 10, failed=EVIL)
    return Outcome(plan, [*outcome.results, failed], {EVIL: EVIL})


def test_whatever_users_write_is_text(tmp_path):
    made = page(evil_outcome())
    read = Page(made)
    assert "<script" not in made and "\x1b" not in made
    assert read.text.count("<script>alert('1')</script> & \"it\"") > 10
    for path in evil_outcome().save(tmp_path):
        assert re.fullmatch(r"[\w./-]+", str(path))


def test_browser_has_no_complaints(tmp_path, outcome):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    script = (
        "<script>onload = () => document.title = [...document.querySelectorAll('iframe')].map("
        "frame => frame.contentDocument.documentElement).map(page => page.scrollWidth - "
        "page.clientWidth + ' too wide ' + [...page.querySelectorAll('svg')].filter("
        "one => one.getBoundingClientRect().height > 100).length).join()</script>"
    )
    pages = {"plain": outcome, "evil": evil_outcome()}
    frames = []
    for name, one in pages.items():
        (tmp_path / f"{name}.html").write_text(page(one), encoding="utf-8")
        frames += [
            f'<iframe src="{name}.html" width="{w}" height="800"></iframe>' for w in (390, 1200)
        ]
    (tmp_path / "outer.html").write_text(f"<title>-</title>{''.join(frames)}{script}")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--allow-file-access-from-files",
         "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=4000", "--dump-dom", str(tmp_path / "outer.html")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    title = re.search("<title>(.*?)</title>", done.stdout)[1]
    assert title == ",".join(["0 too wide 6"] * 2 + ["0 too wide 5"] * 2)
    assert "CONSOLE" not in done.stderr
