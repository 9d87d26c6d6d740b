"""What the registry says of each descriptor is what is measured."""

import re
from pathlib import Path

import pytest

from vicinal import registry
from vicinal.criteria import Section, Setting
from vicinal.criteria.continuity import cutoff
from vicinal.criteria.subject import subject
from vicinal.criteria.uniqueness import pairs

#: Exponents are those of times, over a limited range of sizes.
EXPONENT_ERROR = 0.4

TABLE = (Path(__file__).parents[2] / "docs" / "criteria-table.md").read_text(encoding="utf-8")


def measured(module, entry):
    section = Section("any", "Any", "?")
    module.measure(subject(entry.name), Setting(quick=True), section)
    return section


@pytest.mark.parametrize("entry", registry.ENTRIES, ids=lambda entry: entry.name)
def test_body_order(entry):
    found = measured(pairs, entry)["body_order"]
    if found.verdict == "n/a":
        assert entry.cls.needs_cell
    elif entry.bodies is None:
        assert "or more" in str(found.value)
    else:
        assert found.value == entry.bodies


@pytest.mark.parametrize("entry", registry.ENTRIES, ids=lambda entry: entry.name)
def test_smoothness_at_the_cutoff(entry):
    found = measured(cutoff, entry)["smoothness"]
    claimed = getattr(entry.cls(), "smoothness", None)
    if claimed is None:
        assert found.verdict == "n/a"
        assert entry.smoothness.startswith("no cutoff")
    else:
        assert found.value == claimed
        words = entry.smoothness
        assert {-1: "jump", 1: "1", 2: "2", 3: "3"}[claimed] in words


def column(heading: str) -> dict[str, float]:
    """A column of the committed table, by descriptor."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines()]
    at = next(k for k, head in enumerate(rows[0]) if head.endswith(heading))
    cells = {row[0]: row[at] for row in rows if row[0] in registry.names()}
    numbers = {name: re.match(r"-?[\d.]+", cell) for name, cell in cells.items()}
    return {name: float(number[0]) for name, number in numbers.items() if number}


@pytest.mark.parametrize(
    "heading, claim",
    [("power of neighbours", "neighbor_power"), ("power of species", "species_power")],
)
def test_costs_of_the_committed_table(heading, claim):
    """Times are measured when the table is made, not here: machines are noisy."""
    powers = column(heading)
    assert set(powers) == set(registry.names())
    for name, power in powers.items():
        assert power <= getattr(registry.get(name), claim) + EXPONENT_ERROR, name
    if claim == "neighbor_power":  # a claim that is far too modest is wrong as well
        for name, power in powers.items():
            assert power >= getattr(registry.get(name), claim) - 1.3, name


def test_the_committed_table_is_of_all_descriptors():
    bodies = column("body order")
    assert {name for name, value in bodies.items() if value} >= {
        entry.name for entry in registry.ENTRIES if not entry.cls.needs_cell
    }
    for name, value in bodies.items():
        claimed = registry.get(name).bodies
        assert value == claimed or claimed is None
