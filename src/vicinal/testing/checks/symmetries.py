"""Symmetries: of space, of the order of atoms, and of the ways to give a periodic structure."""

from __future__ import annotations

import itertools

import numpy as np
from ase import Atoms

from vicinal.testing.checks.comparing import same, values
from vicinal.testing.checks.inputs import follows_pbc, moved, offsets
from vicinal.testing.checks.running import check
from vicinal.testing.frames import PERIODIC


@check()
def check_rotation(descriptor, frames, rng):
    """Rotating structures and cells leaves the values as they are.

    An equivariant descriptor has a method ``rotate_values(values, Q)`` that says how they change
    when vectors become ``v @ Q``.
    """
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    _check_orthogonal(descriptor, frames, Q * np.linalg.det(Q), "rotation")


@check()
def check_reflection(descriptor, frames, rng):
    """So does reflecting them."""
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    _check_orthogonal(descriptor, frames, -Q * np.linalg.det(Q), "reflection")


def _check_orthogonal(descriptor, frames, Q, what):
    want = values(descriptor, frames)
    if hasattr(descriptor, "rotate_values"):
        want = descriptor.rotate_values(want, Q)
    turned = [moved(atoms, atoms.positions @ Q, atoms.cell.array @ Q) for atoms in frames]
    same(descriptor, values(descriptor, turned), want, f"values change under a {what}")


@check()
def check_translation(descriptor, frames, rng):
    """Moving a structure as a whole leaves the values as they are."""
    others = [moved(atoms, atoms.positions + rng.uniform(-20, 20, 3)) for atoms in frames]
    want = values(descriptor, frames)
    same(descriptor, values(descriptor, others), want, "values change under a translation")


@check()
def check_permutation(descriptor, frames, rng):
    """The order of atoms does not matter: rows of centres follow their atoms."""
    order = [rng.permutation(len(atoms)) for atoms in frames]
    shuffled = [atoms[o] for atoms, o in zip(frames, order, strict=True)]
    want = values(descriptor, frames)
    if descriptor.pooling is None:
        starts = offsets(frames)[:-1]
        want = want[np.concatenate([o + a for o, a in zip(order, starts, strict=True)])]
    same(descriptor, values(descriptor, shuffled), want, "values do not follow reordered atoms")


@check(kinds=PERIODIC)
def check_supercell(descriptor, frames, rng):
    """A supercell has the environments of its cell."""
    for atoms in frames:
        periodic = np.flatnonzero(atoms.pbc & follows_pbc(descriptor))
        if not len(periodic):
            continue
        repeats = np.ones(3, dtype=int)
        repeats[rng.choice(periodic)] = 2
        want = values(descriptor, atoms)
        want = want * 2 if descriptor.pooling == "sum" else want
        if descriptor.pooling is None:
            want = np.tile(want, (2, 1))
        got = values(descriptor, atoms.repeat(repeats))
        same(descriptor, got, want, f"values of the {repeats} supercell differ from the cell's")


@check(kinds=PERIODIC)
def check_cell_choice(descriptor, frames, rng):
    """Neither the choice of cell vectors nor which image of an atom is given matters."""
    want = values(descriptor, frames)
    others, wrapped = [], []
    for atoms in frames:
        pbc = atoms.pbc & follows_pbc(descriptor)
        periodic = np.flatnonzero(pbc)
        change = np.eye(3, dtype=int)
        if len(periodic) > 1:  # a unimodular matrix that mixes periodic directions only
            for a, b in [rng.choice(periodic, 2, replace=False) for _ in range(2)]:
                change[a] += rng.choice([-1, 1]) * change[b]
        cell = atoms.cell.array
        shifts = rng.integers(-3, 4, (len(atoms), 3)) * pbc
        other = np.where(pbc[:, None], change @ cell, rng.normal(size=(3, 3)))
        others.append(moved(atoms, atoms.positions + shifts @ cell, other))
        wrapped.append(atoms.copy())
        wrapped[-1].wrap(pbc=pbc)
    what = "values depend on the choice of the cell vectors and of the images of atoms"
    same(descriptor, values(descriptor, others), want, what)
    same(descriptor, values(descriptor, wrapped), want, "values change when atoms are wrapped")


@check(kinds=PERIODIC)
def check_periodic_images(descriptor, frames, rng):
    """A periodic structure is its cell among explicit images, as many as the cutoff reaches.

    Where the descriptor has ``periodic=False``, it is its atoms alone.
    """
    for atoms in frames:
        if not atoms.pbc.any():
            continue
        pbc = atoms.pbc & follows_pbc(descriptor)
        if descriptor.whole_structure and pbc.any():  # no finite number of images is the same
            continue
        atoms = atoms.copy()
        atoms.wrap(pbc=pbc)
        centers = None if descriptor.whole_structure else np.arange(len(atoms))
        reach = 0.0 if descriptor.whole_structure else descriptor.neighbor_cutoff
        cluster = _explicit_images(atoms, pbc, reach)
        same(
            descriptor,
            values(descriptor, cluster, centers=centers),
            values(descriptor, atoms),
            "values of the periodic structure differ from those among explicit images",
        )


def _explicit_images(atoms: Atoms, pbc: np.ndarray, cutoff: float) -> Atoms:
    """The atoms of the cell, and then every image of one within the cutoff of any of them."""
    lattice = atoms.cell.array * pbc[:, None]
    spread = np.linalg.norm(np.ptp(atoms.positions, axis=0))
    # Distances between lattice planes tell how many cells the cutoff reaches.
    planes = np.linalg.norm(np.linalg.pinv(lattice), axis=0)
    reach = np.ceil((cutoff + spread) * planes).astype(int) * pbc
    numbers, positions = [atoms.numbers], [atoms.positions]
    for shift in itertools.product(*(range(-n, n + 1) for n in reach)):
        if any(shift):
            image = atoms.positions + np.array(shift) @ lattice
            apart = np.linalg.norm(image[:, None] - atoms.positions, axis=-1)
            near = apart.min(axis=1) < cutoff * (1 + 1e-9)
            numbers.append(atoms.numbers[near])
            positions.append(image[near])
    return Atoms(np.concatenate(numbers), np.concatenate(positions))
