"""The family tree holds every registered descriptor, and its picture can be read."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import pytest

import vicinal as vc
from vicinal import cli
from vicinal.descriptors import classification, registry


@pytest.fixture(scope="module")
def root():
    return classification.tree()


def path(node, name, above=()):
    """Labels from the root to a leaf."""
    if node.entry is not None:
        return above if node.label == name else None
    found = (path(child, name, (*above, child.label)) for child in node.children)
    return next((one for one in found if one), None)


def test_every_descriptor_is_a_leaf_once(root):
    assert sorted(leaf.label for leaf in root.leaves()) == sorted(vc.registry.names())


@pytest.mark.parametrize(
    "name, locality, mechanism, bodies",
    [
        ("soap", "an atom's environment", "density expanded, two contracted", "up to 3 bodies"),
        ("ead", "an atom's environment", "density expanded, two contracted", "up to 3 bodies"),
        ("snap", "an atom's environment", "density expanded, three coupled", "up to 4 bodies"),
        ("acsf", "an atom's environment", "sums of functions", "up to 3 bodies"),
        ("slatm", "an atom's environment", "distributions", "up to 3 bodies"),
        ("mbtr", "a whole structure", "distributions", "up to 3 bodies"),
        ("overlap_matrix", "an atom's environment", "matrix", "all atoms"),
        ("sine_matrix", "a whole structure", "matrix", "all atoms"),
        ("bag_of_bonds", "a whole structure", "matrix", "up to 2 bodies"),
    ],
)
def test_places(root, name, locality, mechanism, bodies):
    labels = path(root, name)
    assert labels[0] == locality and labels[1].startswith(mechanism)
    assert labels[2:] == (bodies, name)


def test_no_registered_descriptor_is_without_a_known_mechanism():
    known = set(classification.MECHANISMS.values())
    assert {classification.mechanism(entry) for entry in registry.ENTRIES} <= known


def test_a_new_kind_gets_a_branch_of_its_own():
    new = dataclasses.replace(
        registry.get("soap"), name="new", symmetrization="a novel idea", bodies=9
    )
    learned = dataclasses.replace(new, name="learned_one", learned=True)
    root = classification.tree([*registry.ENTRIES, new, learned])
    assert path(root, "new")[1:3] == ("a novel idea", "up to 9 bodies")
    assert path(root, "learned_one")[1] == "learned"
    assert classification.axis(learned, "kind") == "learned"
    assert "a novel idea" in classification.svg(root)


def test_the_picture_has_no_overlaps(root):
    drawn = classification.svg()
    assert drawn == classification.svg(root)
    image = ElementTree.fromstring(drawn)
    width, height = map(float, image.attrib["viewBox"].split()[2:])
    texts = [one for one in image.iter() if one.tag.endswith("text")]
    shown = [text.text for text in texts]
    assert set(vc.registry.names()) <= set(shown)
    assert {entry.summary for entry in registry.ENTRIES} <= set(shown)
    boxes = []
    for text in texts:
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        character = 8.4 if "leaf" in text.attrib["class"] else 6.9  # as wide as fonts are
        boxes.append((x, y, x + character * len(text.text)))
        assert 0 < x and boxes[-1][2] < width and 10 < y < height - 10
    for k, (x0, y0, x1) in enumerate(boxes):
        for x2, y2, x3 in boxes[:k]:
            assert abs(y0 - y2) > 15 or x1 < x2 or x3 < x0


@pytest.fixture
def run(capsys):
    def run(*arguments, code=0):
        with pytest.raises(SystemExit) as exit:
            cli.main(["classify", *map(str, arguments)])
        captured = capsys.readouterr()
        assert exit.value.code == code, captured.err
        return captured

    return run


def test_command(run, tmp_path):
    shown = run("-o", tmp_path / "tree.svg").out
    tree, tables = shown.split("How one neighbour is described")
    for entry in registry.ENTRIES:
        assert re.search(rf"─ {entry.name} ", tree)
        assert len(re.findall(rf"^\s+{entry.name}\s", tables, flags=re.MULTILINE)) == 2
    for head in (*classification.NEIGHBOR_AXES, *classification.COMBINATION_AXES):
        assert head in tables
    assert (tmp_path / "tree.svg").read_text(encoding="utf-8") == classification.svg()
    assert shown.endswith(f"written: {tmp_path / 'tree.svg'}\n")


def test_wrong_outputs(run, tmp_path):
    for name, part in (("tree.png", "something.svg"), ("no/tree.svg", "no such folder")):
        captured = run("-o", tmp_path / name, code=2)
        assert not captured.out and re.fullmatch(rf"vicinal: error: .*{part}.*\n", captured.err)
    assert not list(tmp_path.iterdir())
