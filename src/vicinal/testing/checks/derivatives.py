"""Derivatives, against values and against each other, and values fit to be differentiated."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from vicinal.testing.checks.comparing import (
    close,
    dense,
    finite,
    largest,
    place_of,
    random_cotangent,
    same,
    tolerance,
    values,
)
from vicinal.testing.checks.inputs import (
    cutoffs,
    follows_pbc,
    lone_atom,
    moved,
    offsets,
    reference_structure,
    some_centers,
    variant,
)
from vicinal.testing.checks.running import check


@check(examples=6)
def check_finite(descriptor, frames, rng):
    """Every value and derivative is a finite number, for lone atoms and tiny cells too."""
    frames = [*frames, *(lone_atom(descriptor, z) for z in descriptor.species_known)]
    got = values(descriptor, frames)
    finite(got, "values are", descriptor)
    gradient = descriptor.vjp(frames, np.ones(got.shape))
    finite(gradient.positions, "vjp positions are")
    finite(gradient.strain, "vjp strain is")


@check(kinds=())
def check_cutoff(descriptor, frames, rng, smoothness=None):
    """Value and derivatives pass through the cutoff without a jump.

    An atom crosses it by a distance so small that a smooth function stays the same.
    ``smoothness``: the continuous derivatives that are promised.
    """
    if smoothness is None:
        smoothness = getattr(descriptor, "smoothness", 1)
    if smoothness < 0:
        return
    eps = np.finfo(descriptor.dtype).eps
    rest = reference_structure(descriptor, rng)
    for cutoff in cutoffs(descriptor):
        step = max(1e-9, 30 * eps)
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        for number in descriptor.species_known:
            inside, outside = (
                rest + Atoms([number], [rest.positions[0] + direction * cutoff * (1 + side * step)])
                for side in (-1, 1)
            )
            before, after = values(descriptor, inside), values(descriptor, outside)
            name = chemical_symbols[number]
            what = f"values jump where an atom of {name} crosses {cutoff:g} Å"
            same(descriptor, after, before, what, extra=10 * cutoff * step)
            if smoothness < 1:
                continue
            cotangent = random_cotangent(descriptor, rng, before)
            before, after = (descriptor.vjp(atoms, cotangent) for atoms in (inside, outside))
            for kind in ("positions", "strain"):
                got, want = getattr(after, kind), getattr(before, kind)
                what = f"derivatives ({kind}) jump where an atom of {name} crosses {cutoff:g} Å"
                bound = (10 * tolerance(descriptor) + 200 * cutoff * step) * largest(want)
                close(got, want, bound, what)


@check()
def check_position_gradient(descriptor, frames, rng):
    """``vjp`` gives the derivatives with respect to positions that finite differences give."""

    def move(atoms, direction):
        return moved(atoms, atoms.positions + direction)

    def directions(atoms):
        one = np.zeros((len(atoms), 3))  # an atom by itself, then all of them
        one[rng.integers(len(atoms))] = rng.normal(size=3)
        return one, rng.normal(size=(len(atoms), 3))

    _check_gradient(descriptor, frames, rng, "positions", move, directions)


@check()
def check_strain_gradient(descriptor, frames, rng):
    """``vjp`` gives the derivatives with respect to strain that finite differences give."""

    def move(atoms, e):
        return moved(atoms, atoms.positions @ (np.eye(3) + e), atoms.cell.array @ (np.eye(3) + e))

    def directions(atoms):
        return rng.normal(size=(3, 3)), np.diag(rng.normal(size=3))

    _check_gradient(descriptor, frames, rng, "strain", move, directions)


def _check_gradient(descriptor, frames, rng, kind, move, directions):
    """Finite differences for float64; a float32 gradient is compared with the float64 one."""
    frames = [reference_structure(descriptor, rng), *frames]
    features = descriptor.compute(frames)
    cotangent = random_cotangent(descriptor, rng, dense(features.values))
    gradient = getattr(descriptor.vjp(frames, cotangent), kind)
    cuts = offsets(frames) if kind == "positions" else np.arange(len(frames) + 1)
    parts = np.split(gradient, cuts[1:-1])
    assert np.abs(parts[0]).max() > 0, f"vjp gives {kind} gradients that are zero everywhere"
    if np.dtype(descriptor.dtype) == np.float32:
        double = variant(descriptor, dtype="float64")
        want = getattr(double.vjp(frames, cotangent), kind)
        bound = 10 * tolerance(descriptor) * largest(want)
        close(gradient, want, bound, f"vjp {kind} in float32 differ from those in float64")
        return
    h = np.finfo(float).eps ** (1 / 3)
    of = features.samples["structure"]
    for tangents in zip(*map(directions, frames), strict=True):
        ends = [
            np.einsum(
                "mf,mf->m",
                cotangent,
                values(
                    descriptor,
                    [move(a, side * h * t) for a, t in zip(frames, tangents, strict=True)],
                ),
            )
            for side in (1, -1)
        ]
        want = np.bincount(of, (ends[0] - ends[1]) / (2 * h))
        rounding = np.bincount(of, np.abs(ends[0]) + np.abs(ends[1])).max()
        for s, (part, tangent) in enumerate(zip(parts, tangents, strict=True)):
            got = float((part.reshape(tangent.shape) * tangent).sum())
            norm = np.linalg.norm(part) * max(1, np.linalg.norm(tangent))
            bound = 1e-6 * (norm + abs(want[s])) + 1e3 * np.finfo(float).eps / h * rounding
            assert abs(got - want[s]) <= bound, (  # so that NaN fails
                f"vjp {kind} disagree with finite differences: {got:.10g}, not {want[s]:.10g} "
                f"+- {bound:.1g} ({place_of(s, frames)})"
            )


@check()
def check_jvp(descriptor, frames, rng):
    """``jvp`` is the transpose of ``vjp``: for positions, for strain, for some centres."""
    for centers in (None, some_centers(descriptor, frames, rng)):
        features = descriptor.compute(frames, centers)
        cotangent = random_cotangent(descriptor, rng, dense(features.values))
        gradient = descriptor.vjp(frames, cotangent, centers)
        u = rng.normal(size=gradient.positions.shape)
        e = rng.normal(size=gradient.strain.shape)
        for what, tangent, product in (
            ("positions", {"positions": u}, gradient.positions * u),
            ("strain", {"strain": e}, gradient.strain * e),
        ):
            pushed = descriptor.jvp(frames, **tangent, centers=centers)
            assert pushed.dtype == descriptor.dtype, f"jvp gives {pushed.dtype}"
            got = np.einsum("mf,mf->m", cotangent, dense(pushed))
            bound = tolerance(descriptor) * (1 + np.abs(got).sum() + np.abs(product).sum())
            close(got.sum(), product.sum(), 10 * bound, f"jvp of {what} disagrees with vjp")
        both = dense(descriptor.jvp(frames, u, e, centers))
        apart = [dense(descriptor.jvp(frames, centers=centers, positions=u))]
        apart.append(dense(descriptor.jvp(frames, centers=centers, strain=e)))
        same(descriptor, both, sum(apart), "jvp of positions and strain together is not the sum")


@check()
def check_jacobian(descriptor, frames, rng):
    """``jacobian`` contracted with a cotangent is ``vjp``; its blocks are all different."""
    n_atoms = sum(map(len, frames))
    for centers in (None, some_centers(descriptor, frames, rng)):
        cotangent = random_cotangent(descriptor, rng, values(descriptor, frames, centers))
        jacobian = descriptor.jacobian(frames, centers)
        assert jacobian.values.dtype == descriptor.dtype, f"jacobian gives {jacobian.values.dtype}"
        blocks = list(zip(jacobian.sample.tolist(), jacobian.atom.tolist(), strict=True))
        assert len(set(blocks)) == len(blocks), "jacobian has two blocks for one sample and atom"
        terms = np.einsum("bdf,bf->bd", jacobian.values, cotangent[jacobian.sample])
        got = np.zeros((n_atoms, 3))
        np.add.at(got, jacobian.atom, terms)
        want = descriptor.vjp(frames, cotangent, centers).positions
        bound = 10 * tolerance(descriptor) * max(1, largest(want), largest(terms))
        close(got, want, bound, "jacobian disagrees with vjp")


@check()
def check_sum_rules(descriptor, frames, rng):
    """Moving or turning everything changes nothing, so derivatives have no net force or torque."""
    cotangent = random_cotangent(descriptor, rng, values(descriptor, frames))
    gradient = descriptor.vjp(frames, cotangent)
    bound = 10 * tolerance(descriptor)
    parts = np.split(gradient.positions, offsets(frames)[1:-1])
    for s, (atoms, part, strain) in enumerate(zip(frames, parts, gradient.strain, strict=True)):
        size = 1 + largest(part) * len(atoms) + largest(strain)
        where = place_of(s, frames)
        close(part.sum(axis=0), 0, bound * size, f"gradients do not add up to zero ({where})")
        if hasattr(descriptor, "rotate_values"):
            continue
        close(strain, strain.T, bound * size, f"gradients have a torque: strain ({where})")
        if not (atoms.pbc & follows_pbc(descriptor)).any():
            centered = atoms.positions - atoms.positions.mean(axis=0)
            reach = bound * size * (1 + largest(centered))
            what = f"strain is not the virial of the position gradients ({where})"
            close(strain, centered.T @ part, reach, what)
