"""What people see of a report: text, page, figures, files."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import ase.io
import matplotlib
import numpy as np
import pytest
from made_up import EVIL, report, section
from rich.console import Console

import vicinal as vc
from vicinal.criteria import again, html, terminal, verdicts
from vicinal.criteria.results import Report, Section
from vicinal.criteria.summary import COLUMNS, Summary
from vicinal.errors import FileError
from vicinal.pages import html as pages
from vicinal.pages.figures import svg
from vicinal.pages.parts import Figure, Series, printable

VOID = {"wbr", "meta", "link", "br", "img", "col"}


class Page(HTMLParser):
    """Every element is closed, in order; collects identifiers, links, names and text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.text = [], [], [], [], ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        link = attributes.get("href", attributes.get("xlink:href", ""))
        self.links += [link[1:]] if link.startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page():
    return html.page(report(EVIL, name="soap"))


# -- the page -----------------------------------------------------------------------------------


def test_page_is_well_formed_and_needs_nothing_else(page):
    read = Page(page)
    assert page.startswith("<!DOCTYPE html>")
    assert len(read.ids) == len(set(read.ids))
    assert set(read.links) <= set(read.ids) and "uniqueness" in read.links
    assert not re.search(r"""(src|href)=["'](https?:)?//|@import|url\((?!#)""", page)
    tags = [tag for tag, _ in read.tags]
    assert "script" not in tags and tags.count("h1") == 1 and tags.count("title") == 1
    assert dict(read.tags)["html"] == {"lang": "en"}
    assert all(attributes.get("scope") for tag, attributes in read.tags if tag == "th")
    assert all(a.get("role") == "img" and a["aria-label"] for tag, a in read.tags if tag == "svg")


def test_whatever_users_write_is_text(page):
    read = Page(page)
    assert "<script" not in page and "\x00" not in page and "\x1b" not in page
    assert read.text.count('<script>alert("1")</script> & [bold]x[/]') >= 5
    evil = Report(EVIL, {"a": EVIL}, [Section(EVIL, EVIL, EVIL)], {"x": EVIL, "command": EVIL})
    for made in (html.page(evil), html.fragment(evil)):
        Page(made)
        assert "<script" not in made


def test_page_says_everything(page):
    read = Page(page)
    for one in verdicts.measurements(report(EVIL)):
        assert printable(one.label) in read.text
        assert printable(one.text) in read.text
        assert printable(one.note) in read.text
    for tag, attributes in read.tags:
        if "verdict" in attributes.get("class", "").split():
            assert tag == "span"
    assert "2.9" in read.text  # all rows of a table
    assert "vicinal check soap --criteria invariance,uniqueness --quick --seed 3" in read.text
    assert "vc.criteria.check('soap', criteria=" in read.text
    assert sum(tag == "svg" for tag, _ in read.tags) == 2  # figures without data are left out
    assert "Nothing to see" not in read.text


def test_fragments_can_share_a_page():
    one, two = html.fragment(report("one")), html.fragment(report("two"))
    assert report()._repr_html_() == html.fragment(report())
    assert not set(Page(one).ids) & set(Page(two).ids)
    assert "<html" not in one and "\nbody {" not in one
    rules = re.sub(r"/\*.*?\*/", "", pages.style(), flags=re.DOTALL)
    for selectors in re.findall(r"^\s*([^@{}\n]+)\{", rules, flags=re.MULTILINE):
        assert all(one.strip().startswith(".vicinal") for one in selectors.split(",")), selectors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme):
    """WCAG's 4.5 to 1 for every text on its background."""
    light, dark = pages.style().split("@media (prefers-color-scheme: dark)")
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", light if scheme == "light" else dark))
    pairs = [(name, f"{name}-bg") for name in ("good", "fair", "poor", "failed")]
    pairs += [(a, b) for a in ("ink", "soft") for b in ("paper", "sheet")] + [("link", "paper")]
    for text, ground in pairs:
        bright, dim = sorted((luminance(colors[text]), luminance(colors[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) > 4.5, (text, ground)


def luminance(color):
    channels = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_browser_scrolls_no_page_sideways(tmp_path, page):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    # A script of the test's, not of the pages', says how much wider they are than their frames.
    script = (
        "<script>onload = () => document.title = [...document.querySelectorAll('iframe')].map("
        "frame => frame.contentDocument.documentElement).map("
        "page => page.scrollWidth - page.clientWidth + ' too wide').join()</script>"
    )
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    folded = Summary([report(EVIL), report()]).to_html()
    (tmp_path / "summary.html").write_text(folded.replace("<details>", "<details open>"))
    frames = [
        f'<iframe src="{name}.html" width="{width}" height="800"></iframe>'
        for name in ("report", "summary")
        for width in (390, 1200)
    ]
    (tmp_path / "outer.html").write_text(f"<title>-</title>{''.join(frames)}{script}")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--allow-file-access-from-files",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000",
         "--dump-dom", str(tmp_path / "outer.html")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    title = re.search("<title>(.*?)</title>", done.stdout)[1]
    assert title == ",".join(["0 too wide"] * 4)


# -- figures ------------------------------------------------------------------------------------


def test_figures_are_xml_with_their_data_and_names():
    plotted = section(text=EVIL).figures
    root = ElementTree.fromstring(svg(plotted[0], "p-"))
    texts = " ".join(root.itertext())
    assert printable(EVIL) in texts and "b" in texts
    assert all(one.attrib["id"].startswith("p-") for one in root.iter() if "id" in one.attrib)
    uses = [one for one in root.iter() if one.tag.endswith("use")]
    inside = [u for u in uses if "clip-path" not in u.attrib]
    assert len(inside) > 4
    assert svg(plotted[2]) == svg(plotted[3]) == ""


def test_points_that_cannot_be_shown_are_left_out():
    x, y = [1, 2, 3, 4, 5], [1.0, np.nan, -1, 0, np.inf]
    for scales, n in ((("linear", "linear"), 3), (("linear", "log"), 1), (("log", "log"), 1)):
        drawn = svg(Figure("f", "x", "y", [Series("a", x, y, "points")], *scales))
        markers = re.findall(r"<g clip-path=.*?</g>", drawn, flags=re.DOTALL)
        assert sum(group.count("<use") for group in markers) == n
    assert svg(Figure("f", "x", "y", [Series("a", [None, 1], [1, None])])) == ""


@pytest.mark.parametrize("kind", ["line", "points", "bars"])
@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("x", [[2], [1, 1], [1, 2, 4], np.logspace(-30, 30, 4)])
def test_every_kind_on_every_scale(kind, scale, x):
    drawn = svg(Figure("f", "x", "y", [Series("a", x, x, kind), Series("b", x, x)], scale, scale))
    ElementTree.fromstring(drawn)


def test_figures_are_reproducible_and_leave_no_trace():
    before = dict(matplotlib.rcParams)
    figure = section().figures[0]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        changed = svg(figure)
    assert svg(figure) == changed == svg(section().figures[0])
    assert dict(matplotlib.rcParams) == before
    assert "currentColor" in changed and "#010203" not in changed and "<style" not in changed


def test_many_points_stay_small():
    x = np.random.default_rng(0).normal(size=(2, 20_000))
    assert len(svg(Figure("f", "x", "y", [Series("a", *x, "points")]))) < 200_000


# -- the terminal -------------------------------------------------------------------------------


def printed(parts, width, **options):
    console = Console(width=width, record=True, file=open("/dev/null", "w"), **options)
    console.print(*parts, sep="\n")
    return console.export_text()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_columns_fit_and_words_say_what_colours_say(width):
    shown = printed(terminal.renderables(report("a label")), width)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(shown.split())
    for verdict in ("good", "fair", "poor", "failed", "n/a"):
        assert re.search(rf"\b{verdict}\b", words)
    assert "soap: 3 good, 1 fair, 1 poor, 1 failed, 1 n/a, 2 plain numbers (2 s)" in words
    for one in ("Body order: a label", "ValueError: a label", "no cutoff", "15 more rows"):
        assert one in words
    # A verdict stands in the line of its measurement.
    (line,) = [line for line in lines if line.startswith((" Closest pair", "Closest pair"))]
    assert "poor" in line


def test_text_is_the_same_everywhere(monkeypatch):
    plain = str(report(EVIL))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    assert str(report(EVIL)) == plain
    assert "\x1b" not in plain and "\x00" not in plain and "[bold]x[/]" in plain


def test_sentences():
    made = report()
    assert verdicts.sentence(made["invariance"]) == "Good."
    assert verdicts.sentence(made["uniqueness"]) == (
        "2 of 5 good; failed: Error of E4; poor: Closest pair; fair: Body order: a label (3)."
    )
    assert verdicts.worst(made["uniqueness"].measurements) == "failed"
    empty = Section("a", "A", "?")
    assert verdicts.sentence(empty) == "Nothing was measured."
    empty.add("x", "X", None, "n/a")
    assert verdicts.sentence(empty) == "Not applicable."
    empty.add("y", "Y", 1)
    assert "neither" in verdicts.sentence(empty)


# -- files --------------------------------------------------------------------------------------


def test_json_is_strict_and_complete(tmp_path):
    made = report(EVIL, parameters={"cutoff": 5.0})
    (path, *_) = made.save(tmp_path / "a.json")

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads(open(path).read(), parse_constant=refuse)
    assert read == made.to_dict() == json.loads(made.to_json())
    uniqueness = read["sections"][1]
    assert uniqueness["measurements"][0]["value"] == 3
    assert uniqueness["measurements"][2]["value"] is None  # NaN
    assert uniqueness["measurements"][0]["label"].endswith(EVIL)
    assert uniqueness["tables"][0]["rows"][-1] == ["none", None]
    assert uniqueness["figures"][0]["series"][0]["x"] == [1, 10, 100, None]
    assert uniqueness["structures"] == {"pair": 2}
    assert read["parameters"] == {"cutoff": 5.0}


def test_saved_files(tmp_path):
    written = report().save(tmp_path / "deep.soap.html")
    assert written == [str(tmp_path / name) for name in ("deep.soap.html", "deep.soap-pair.extxyz")]
    assert open(written[0], encoding="utf-8").read() == html.page(report())
    assert [len(frame) for frame in ase.io.read(written[1], ":")] == [2, 1]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["a.txt", "a", "no/such/a.html", "folder.html"])
def test_nothing_half_written_where_nothing_can_be_written(tmp_path, name):
    (tmp_path / "folder.html").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for made in (report(), Summary([report()])):
        with pytest.raises(FileError, match=name.split("/")[-1]):
            made.save(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_half_written_when_something_fails(tmp_path):
    made = report()
    made.sections[-1].structures["strange"] = ["not a structure"]
    (tmp_path / "a.html").write_text("older")
    with pytest.raises(Exception, match="."):
        made.save(tmp_path / "a.html")
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
    assert (tmp_path / "a.html").read_text() == "older"


# -- how to run it again ------------------------------------------------------------------------


def test_how_to_run_it_again():
    parameters = vc.SOAP(n_max=4, species=["H", "O"]).get_params(deep=False)
    made = report(parameters=parameters)
    command = again.command(made)
    assert "--set n_max=4" in command and "cutoff" not in command
    assert """--set 'species=["H", "O"]'""" in command
    assert again.python(made).startswith(
        "vc.criteria.check(vc.registry.make('soap', n_max=4, species=['H', 'O']), criteria="
    )
    own = report(name="mine")
    own.about |= {"structures": "3 of the user's", "command": "vicinal check a.py:mine b.xyz"}
    assert again.python(own).startswith("vc.criteria.check(mine, frames, ")
    assert again.command(own) == "vicinal check a.py:mine b.xyz"
    function = report(name="soap", parameters={})  # a user's function of the same name
    assert again.python(function).startswith("vc.criteria.check(soap, ")
    assert "Smooth overlap" in html.page(report()) and "Smooth" not in html.page(function)


# -- many descriptors ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def summary():
    return Summary([report(EVIL), report(name="acsf")], {"slatm": f"refused: {EVIL}"})


def test_summary_has_a_number_and_a_verdict_in_every_cell(summary):
    columns = {one.key: one for one in summary.columns}
    assert {one.criterion for one in summary.columns} == {"invariance", "uniqueness"}
    assert list(columns) == [c.key for c in COLUMNS if c.criterion in ("invariance", "uniqueness")]
    words = {key: summary.words(summary["acsf"], one) for key, one in columns.items()}
    assert words["invariance"] == ("1.0e-15", "good")
    assert words["body_order"] == ("3", "fair")
    assert words["invisible_modes"] == ("", "n/a")
    assert words["slope_tangential"] == ("-", "")
    assert summary.heading(columns["closest_pair"]) == "closest pair (Å)"


def test_summary_in_all_forms(summary, tmp_path):
    lines = summary.to_markdown().splitlines()
    cells = [re.split(r"(?<!\\)\|", line) for line in lines[:4]]
    assert len({len(row) for row in cells}) == 1 and len(cells[0]) == len(summary.columns) + 3
    assert lines[2].startswith("| soap | 1.0e-15 good | 3 fair |")
    assert "slatm could not be checked" in lines[-3]
    assert "<script" not in lines[-3].replace("\\<", "")
    assert lines[-1].startswith("Made by `vicinal check --all")
    for width in (80, 120):
        shown = printed(terminal.summary_renderables(summary), width)
        assert max(map(len, shown.splitlines())) <= width
        for column in summary.columns:
            assert all(word in shown for word in column.heading.split())
        assert "1.0e-15 good" in shown and "3 fair" in shown and "slatm could not" in shown
    for name, n in (("a.html", 3), ("a.json", 3), ("a.md", 1)):
        assert len(summary.save(tmp_path / name)) == n
    assert (tmp_path / "a-acsf-pair.extxyz").exists()
    read = Page((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert len(read.ids) == len(set(read.ids)) and set(read.links) <= set(read.ids)
    assert sum(tag == "details" for tag, _ in read.tags) == 2
    assert sum(tag == "svg" for tag, _ in read.tags) == 4
    assert sum(tag == "h1" for tag, _ in read.tags) == 1
    document = json.loads(summary.to_json())
    assert [one["descriptor"] for one in document["reports"]] == ["soap", "acsf"]
    assert "slatm" in document["errors"]


def test_summary_str_and_lookup(summary):
    assert "Invariance" in str(summary) and "\x1b" not in str(summary)
    with pytest.raises(KeyError, match="soap, acsf"):
        summary["nope"]
