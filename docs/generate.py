"""Write descriptors.md and tree.svg from the registry and docstrings, datasets.md from its facts.

python docs/generate.py            write
python docs/generate.py --check    exit 1 if a file is not what would be written
"""

import sys
from pathlib import Path

from vicinal import datasets
from vicinal.cli import Docstring
from vicinal.descriptors import classification, registry

DOCS = Path(__file__).parent

OVERVIEW = {
    "name": "name",
    "body_order": "bodies",
    "density": "density",
    "radial_basis": "radial basis",
    "chemistry": "species",
    "equivariant_rank": "rank",
    "cost_neighbors": "cost in neighbours",
    "cost_species": "cost in species",
}
DETAILS = {
    "locality": "Locality",
    "angular_basis": "Angular basis",
    "symmetrization": "Symmetrisation",
    "smoothness": "Smoothness at the cutoff",
    "complete_in": "Complete in the limit",
}


def document() -> str:
    lines = [
        "<!-- Written by docs/generate.py from the registry: change that, not this. -->",
        "",
        "# Descriptors",
        "",
        "![The descriptors as a tree](tree.svg)",
        "",
        row(OVERVIEW.values()),
        row("---" for _ in OVERVIEW),
    ]
    for entry in registry.ENTRIES:
        cells = [str(getattr(entry, field)) for field in OVERVIEW]
        cells[0] = f"[{entry.name}](#{entry.name})"
        lines.append(row(cells))
    lines += ["", "*bodies*: atoms that a single feature relates, the centre included. "]
    lines[-1] += "*rank*: 0 for invariants."
    for entry in registry.ENTRIES:
        lines += section(entry)
    return "\n".join(lines) + "\n"


def section(entry) -> list[str]:
    doc = Docstring(entry.cls)
    kind = "learned" if entry.learned else "fixed"
    lines = ["", f"## {entry.name}", "", f"{entry.summary}. Class `{entry.cls.__name__}`, {kind}."]
    lines += ["", doc.body]
    lines += ["", *(f"- {title}: {getattr(entry, field)}" for field, title in DETAILS.items())]
    lines += ["", row(["parameter", "type, unit", "default", "meaning"]), row(["---"] * 4)]
    for name, type_, meaning in doc.parameters:
        lines.append(row([f"`{name}`", type_, f"`{doc.defaults[name]!r}`", meaning]))
    lines += ["", "Cite:", "", *(f"- {citation}" for citation in entry.citations)]
    return lines


def data_sets() -> str:
    head = "<!-- Written by docs/generate.py from vicinal.datasets: change that, not this. -->"
    columns = ["name", "what", "targets (unit)", "parts", "licence", "cite"]
    lines = [head, "", "# Data sets", "", row(columns), row("---" for _ in columns)]
    for info in map(datasets.info, datasets.names()):
        targets = (f"{name} ({unit})" if unit else name for name, unit in info.targets.items())
        cells = f"`{info.name}`", info.summary, ", ".join(targets), ", ".join(info.parts)
        lines.append(row([*cells, info.licence, info.citation]))
    return "\n".join(lines) + "\n"


def row(cells) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def written() -> dict[str, str]:
    """What belongs into each file."""
    return {
        "descriptors.md": document(),
        "tree.svg": classification.svg(),
        "datasets.md": data_sets(),
    }


def main() -> int:
    old = []
    for name, text in written().items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            old.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv[1:] and old:
        print(f"out of date, run docs/generate.py: {', '.join(old)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
