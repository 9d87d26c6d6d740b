"""The family tree of the registered descriptors, from what the registry says of each.

A descriptor is a choice of chemical channel, radial and angular basis (how one neighbour is
described), and of density, correlation and symmetrisation (how neighbours are combined): M. J.
Willatt, F. Musil, M. Ceriotti, J. Chem. Phys. 150, 154110 (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from vicinal.descriptors.entry import Entry
from vicinal.descriptors.registry import ENTRIES

#: The axes: column heads, and what the registry calls them.
NEIGHBOR_AXES = {
    "chemical channel": "chemistry",
    "radial basis": "radial_basis",
    "angular basis": "angular_basis",
}
COMBINATION_AXES = {
    "density": "density",
    "bodies": "body_order",
    "symmetrisation": "symmetrization",
    "locality": "locality",
    "kind": "kind",
}

#: Mechanisms, by words of the registry's ``symmetrization``; the first that occurs counts.
MECHANISMS = {
    "eigenvalues": "matrix: sorted, or its eigenvalues",
    "sorting": "matrix: sorted, or its eigenvalues",
    "coupling of three": "density expanded, three coupled",
    "contraction of two": "density expanded, two contracted",
    "addition theorem": "density expanded, two contracted",
    "moments": "density expanded, two contracted",
    "geometry functions": "distributions of distances and angles",
    "distances and angles": "sums of functions of distances and angles",
}


def locality(entry: Entry) -> str:
    """What a row describes."""
    return "an atom's environment" if entry.locality.startswith("local") else "a whole structure"


def mechanism(entry: Entry) -> str:
    """How invariance is reached; the registry's own words where no usual mechanism fits."""
    if entry.learned:
        return "learned"
    words = (text for word, text in MECHANISMS.items() if word in entry.symmetrization)
    return next(words, entry.symmetrization)


def bodies(entry: Entry) -> str:
    """Atoms that a single feature relates at most, the centre included."""
    return "all atoms" if entry.bodies is None else f"up to {entry.bodies} bodies"


#: From the root of the tree to its leaves.
LEVELS: tuple[Callable[[Entry], str], ...] = (locality, mechanism, bodies)


@dataclass
class Node:
    """A branch (a label and what is below), or a leaf (a descriptor)."""

    label: str
    children: list[Node] = field(default_factory=list)
    entry: Entry | None = None

    def leaves(self) -> list[Node]:
        if self.entry is not None:
            return [self]
        return [leaf for child in self.children for leaf in child.leaves()]


def tree(entries: Sequence[Entry] = ENTRIES) -> Node:
    """Locality, mechanism, body order, descriptor: in the order of the registry, but that numbers
    of bodies rise."""
    return Node("descriptors", _branches(entries, LEVELS))


def _branches(entries: Sequence[Entry], levels) -> list[Node]:
    if not levels:
        return [Node(entry.name, entry=entry) for entry in entries]
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(levels[0](entry), []).append(entry)
    labels: Sequence[str] = list(groups)
    if levels[0] is bodies:
        labels = sorted(labels, key=lambda label: (not label.startswith("up to"), label))
    return [Node(label, _branches(groups[label], levels[1:])) for label in labels]


def axis(entry: Entry, name: str) -> str:
    """The place of a descriptor on an axis, in words."""
    if name == "kind":
        return "learned" if entry.learned else "fixed"
    return str(getattr(entry, name))


# -- the picture --------------------------------------------------------------------------------

ROW = 24  # pixels between leaves
GAP = 34  # pixels between columns
CHARACTER = 7.0  # pixels, of a wide sans-serif font at 13 pixels: labels never overlap
BOLD = 8.4

#: Colours of the mechanisms, on white and on black.
COLORS = {
    "light": ("#0b65a8", "#b54708", "#08724f", "#a03f7d", "#6f5d00", "#5a4fc4", "#a32a2a"),
    "dark": ("#6db9f2", "#f2a065", "#5ccba0", "#e39ac7", "#d6bf4a", "#b0a8ff", "#f29a9a"),
}


def _style() -> str:
    def colors(scheme: str) -> str:
        return " ".join(f".k{k} {{ color: {c}; }}" for k, c in enumerate(COLORS[scheme]))

    return f"""
svg {{ color: #1c2128; background: #ffffff; }}
text {{ font: 13px system-ui, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif;
  fill: currentColor; dominant-baseline: middle; }}
path {{ fill: none; stroke: currentColor; stroke-width: 1.4; }}
.leaf {{ font-weight: 600; }}
.more {{ color: #57606a; }}
{colors("light")}
@media (prefers-color-scheme: dark) {{
  svg {{ color: #e6eaee; background: #10151b; }}
  .more {{ color: #a0abb7; }}
  {colors("dark")}
}}
"""


def svg(root: Node | None = None) -> str:
    """The tree as a picture, from left to right, in colours by mechanism."""
    root = tree() if root is None else root
    columns = _columns(root)
    lefts = [20.0]
    for labels in columns[:-1]:
        lefts.append(lefts[-1] + CHARACTER * max(map(len, labels)) + GAP)
    summaries = [leaf.entry.summary for leaf in root.leaves()]
    more = lefts[-1] + BOLD * max(map(len, columns[-1])) + 12
    width = more + CHARACTER * max(map(len, summaries)) + 10
    height = ROW * (len(summaries) + 2)
    parts: list[str] = []
    _draw(root, 0, lefts, more, [ROW * 1.5], parts, _palette(root))
    heads = ("a row describes", "from", "relates", "descriptor")
    places = zip(lefts, heads, strict=True)
    head = "".join(_text("more", left, 0.6 * ROW, name) for left, name in places)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="title">\n'
        f'<title id="title">Family tree of {len(summaries)} descriptors</title>\n'
        f"<style>{_style()}</style>\n{head}\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _columns(root: Node) -> list[list[str]]:
    """Labels of each level below the root."""
    columns, level = [], root.children
    while level:
        columns.append([node.label for node in level])
        level = [child for node in level for child in node.children]
    return columns


def _palette(root: Node) -> dict[str, str]:
    """The class of each mechanism, the same wherever it occurs."""
    names = dict.fromkeys(node.label for child in root.children for node in child.children)
    return {name: f"k{k % len(COLORS['light'])}" for k, name in enumerate(names)}


def _draw(node: Node, depth: int, lefts, more, cursor, parts, palette, color="") -> list[float]:
    """Draw what is below a node; returns the heights of its children.

    ``cursor`` holds where the next leaf begins.
    """
    heights = []
    for child in node.children:
        own = palette[child.label] if depth == 1 else color
        left, leaf = lefts[depth], child.entry is not None
        if leaf:
            y = cursor[0] + ROW / 2
            cursor[0] += ROW
            parts.append(_text("more", more, y, child.entry.summary))
        else:
            below = _draw(child, depth + 1, lefts, more, cursor, parts, palette, own)
            y = (below[0] + below[-1]) / 2
            start, end = left + CHARACTER * len(child.label) + 8, lefts[depth + 1] - 6
            parts += [_curve(own, start, y, end, to) for to in below]
        parts.append(_text(f"{own} leaf" if leaf else own, left, y, child.label))
        heights.append(y)
    return heights


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _curve(kind: str, x0: float, y0: float, x1: float, y1: float) -> str:
    middle = (x0 + x1) / 2
    path = f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    return f'<path class="{kind}" d="{path}"/>'
