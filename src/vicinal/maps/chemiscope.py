"""Chemiscope's input format (https://chemiscope.org/docs/getting-started/json-format.html)."""

from __future__ import annotations

import gzip
import io
import json
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from vicinal.descriptors import registry
from vicinal.maps.properties import Property
from vicinal.pages.parts import printable

if TYPE_CHECKING:
    from vicinal.maps import Map

#: Different texts that chemiscope takes for categories, and those that can be told apart.
MOST_TEXTS = 50
FEW_TEXTS = 10


def encode(map: Map, *, compress: bool) -> bytes:
    """The file: strict JSON, the same for the same map."""
    text = json.dumps(document(map), allow_nan=False, separators=(",", ":")).encode()
    if not compress:
        return text
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(text)
    return packed.getvalue()


def document(map: Map) -> dict[str, Any]:
    """The map as the format wants it.

    Every property has a value for each point, those of structures repeated where points are atoms,
    so that all of them can colour the map. Texts of more than 50 kinds, which chemiscope refuses as
    categories, are left out.
    """
    coordinates = {
        name: Property(map.coordinates[:, k], description=_variance(map, k))
        for k, name in enumerate(map.axes)
    }
    known = {name: one for name, one in map.properties.items() if name not in coordinates}
    whole = {name: one for name, one in known.items() if not one.missing.any()}
    whole = {n: one for n, one in whole.items() if not one.is_text or _kinds(one) <= MOST_TEXTS}
    lacking = [name for name, one in known.items() if one.missing.any()]
    if lacking:
        warnings.warn(
            f"missing for some {map.per}s, which chemiscope does not allow, so left out of its "
            f"file: {', '.join(lacking)}",
            stacklevel=4,
        )
    color = whole.get(map.color)
    if color is not None and color.is_text and _kinds(color) <= FEW_TEXTS:
        # Only numbers can be colours.
        order = np.unique(color.values, return_inverse=True)[1].astype(float)
        whole[_order(map.color)] = Property(order, description="place in alphabetical order")
    entry = registry.get(map.descriptor.registry_name)
    found = {
        "meta": {
            "name": printable(os.path.basename(map.source) or "structures"),
            "description": f"{map.axes[0][:-3]} of {map.descriptor!r}",
            "references": list(entry.citations),
        },
        "structures": [structure(atoms) for atoms in map.frames],
        "properties": {
            printable(name): _property(one, map.per) for name, one in (coordinates | whole).items()
        },
        "settings": _settings(map, whole),
    }
    if map.per == "atom":
        cutoff = map.descriptor.neighbor_cutoff
        found["environments"] = [
            {"structure": int(s), "center": int(a), "cutoff": cutoff}
            for s, a in map.samples[["structure", "atom"]]
        ]
    return found


def structure(atoms: Atoms) -> dict[str, Any]:
    """One structure; positions and cell in Å."""
    x, y, z = atoms.positions.T.tolist()
    found = {"size": len(atoms), "names": list(atoms.symbols), "x": x, "y": y, "z": z}
    if atoms.pbc.any() and atoms.cell.rank == 3:
        found["cell"] = atoms.cell.array.ravel().tolist()
        found["pbc"] = atoms.pbc.tolist()
    return found


def _property(one: Property, target: str) -> dict[str, Any]:
    found = {"target": target, "values": one.values.tolist()}
    if one.unit:
        found["units"] = printable(one.unit)
    if one.description:
        found["description"] = one.description
    return found


def _variance(map: Map, k: int) -> str:
    if map.explained is None:
        return ""
    return f"{map.explained[k]:.1%} of the variance"


def _kinds(one: Property) -> int:
    return len(np.unique(one.values))


def _order(name: str) -> str:
    return f"{name} (order)"


def _settings(map: Map, whole: dict[str, Property]) -> dict[str, Any]:
    axes = dict(zip("xyz", [*map.axes, ""], strict=False))
    shown = {axis: {"property": name} for axis, name in axes.items()}
    if _order(map.color) in whole:
        shown["symbol"] = printable(map.color)
        shown["color"] = {"property": printable(_order(map.color)), "palette": "tab10"}
        shown["color"] |= {"min": 0, "max": FEW_TEXTS - 1}
    elif map.color in whole and not whole[map.color].is_text:
        shown["color"] = {"property": printable(map.color), "palette": "viridis"}
    else:
        shown["color"] = {"property": ""}
    cells = any(atoms.pbc.any() for atoms in map.frames)
    return {"target": map.per, "map": shown, "structure": [{"unitCell": cells}]}
