"""Bispectrum of neighbour densities on the 3-sphere: a term for the native engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase.data import chemical_symbols

from vicinal.basis.spline import tabulate
from vicinal.correlate.sums import native
from vicinal.descriptors.parameters import (
    check_integer,
    check_number,
    species_values,
    table_accuracy,
)
from vicinal.errors import ParameterError

#: Larger ones need more digits than Racah's formula leaves.
MAX_J = 10


def components(n_max: int) -> list[tuple[int, int, int]]:
    """All different (2 j1, 2 j2, 2 j): triangles j1 >= j2, j >= j1 with integer j1 + j2 + j."""
    return [
        (n1, n2, n)
        for n1 in range(n_max + 1)
        for n2 in range(n1 + 1)
        for n in range(n1 - n2, min(n_max, n1 + n2) + 1, 2)
        if n >= n1
    ]


def diagonal_components(n_max: int) -> list[tuple[int, int, int]]:
    """(2 j1, 2 j1, 2 j) with integer j, as AMP has them."""
    return [(n1, n1, n) for n1 in range(n_max + 1) for n in range(0, min(2 * n1, n_max) + 1, 2)]


def name(channels: tuple[int, ...], component: tuple[int, ...], labels: Sequence[str]) -> str:
    """``B[Ta] j1=2 j2=1/2 j=3/2``; one density alone is not repeated."""
    densities = [labels[q] for q in channels] if len(labels) > 1 else labels
    j1, j2, j = (str(n // 2) if n % 2 == 0 else f"{n}/2" for n in component)
    return f"B[{','.join(densities)}] j1={j1} j2={j2} j={j}"


def channel_numbers(channels, species: Sequence[int] | None) -> tuple[list[int], list[str]]:
    """(density of each species, names of the densities); checks the parameter ``channels``.

    None is one density, "species" one for each, a dict says which.
    """
    if channels is not None and not isinstance(channels, dict) and channels != "species":
        raise ParameterError(f"channels must be 'species', None or a dict, not {channels!r}")

    def check(name, value):
        check_integer(name, value, 0)

    number = species_values(
        "channels", channels if isinstance(channels, dict) else 0, species, check
    )
    if channels == "species":
        number = {z: q for q, z in enumerate(species or ())}
    elif isinstance(channels, dict) and set(channels.values()) != set(
        range(len(set(channels.values())))
    ):
        raise ParameterError(f"channels must be numbered 0, 1, ... without gaps, not {channels!r}")
    members: dict[int, list[str]] = {}
    for z, q in number.items():
        members.setdefault(q, []).append(chemical_symbols[z])
    count = max(members, default=-1) + 1
    labels = ["+".join(members.get(q, ["nothing"])) for q in range(count)]
    return list(number.values()), labels


def check_j_max(j_max) -> None:
    check_number("j_max", j_max)
    if j_max < 0 or 2 * j_max != round(2 * j_max) or j_max > MAX_J:
        raise ParameterError(f"j_max must be a multiple of 1/2 in [0, {MAX_J}], not {j_max!r}")


def so4_invariants(
    *,
    n_max: int,
    n_species: int,
    dtype,
    fade: Callable[[np.ndarray], np.ndarray],
    cutoff,
    triples,
    scale,
    breakpoints: Sequence[float] = (),
    n_channels: int = 1,
    channel=0,
    weight=1.0,
    angle_map: str = "linear",
    angle: float = np.pi,
    start: float = 0.0,
    central_weight=1.0,
    central_everywhere: bool = True,
    switch_at=0.0,
    switch_width=0.0,
    relative: bool = False,
):
    r"""The term ``row[f] = scale[f] * sum 3j 3j U_1 U_2 U_3``, sums of triple products of

    .. math:: U^n = w_0 1 + \sum_j w_j f(x_j) U^n(e^{-i \theta(x_j) \hat r_j \cdot \sigma}),

    the matrices of n = 2j = 0..n_max, contracted with Wigner's 3j symbols over rows and columns.

    Parameters
    ----------
    n_max, n_species : int
    dtype : "float64" or "float32"
    fade : callable, the cutoff function f of x = (r - start) / (cutoff - start) in (0, 1)
    cutoff : (n_species, n_species) array, Å, by species of the centre and of the neighbour
    triples : (n_features, 3) int array; each entry ``channel * (n_max + 1) + n``
    scale : (n_features,) array
    breakpoints : distances x where a derivative of f jumps
    n_channels : int, number of densities
    channel, weight : (n_species,) arrays: density and weight w of a neighbour
    angle_map : "linear" or "arcsine": theta = angle * x, or angle * arcsin(x)
    start : float, Å; nearer neighbours do not fade
    central_weight : (n_species,) array: the centre's own w_0
    central_everywhere : bool: in all densities, or only in that of the centre's species
    switch_at, switch_width : (n_species, n_species) arrays, Å
        Neighbours fade out below ``switch_at - switch_width``; width 0: they do not.
    relative : bool: subtract what the centre alone gives
    """
    accuracy = table_accuracy(1e-12, dtype)
    table = tabulate(lambda x: fade(x)[:, None, None], 1.0, breakpoints, accuracy)

    def full(value, shape, kind=float):
        return np.ascontiguousarray(np.broadcast_to(value, shape), dtype=kind)

    pair = (n_species, n_species)
    return native("so4_invariants", dtype)(
        n_max=n_max,
        n_species=n_species,
        n_channels=n_channels,
        angle_map=angle_map,
        angle=float(angle),
        start=float(start),
        cutoff=full(cutoff, pair),
        weight=full(weight, n_species),
        channel=full(channel, n_species, np.int64),
        central_weight=full(central_weight, n_species),
        central_everywhere=bool(central_everywhere),
        switch_at=full(switch_at, pair),
        switch_width=full(switch_width, pair),
        triples=np.ascontiguousarray(triples, dtype=np.int64).reshape(-1, 3),
        scale=full(scale, len(triples)),
        relative=bool(relative),
        edges=table.edges,
        cells=table.cells,
        nodes=table.nodes,
    )
