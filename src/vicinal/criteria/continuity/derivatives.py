"""Are the derivatives that a descriptor gives those of its values?"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from vicinal.criteria import samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.descriptors.base import Descriptor
from vicinal.pages.parts import Table

#: Steps of differences (Å; of strain, 1). A derivative must be right at one of them: atoms that
#: cross a cutoff, or entries that change places, within a long one spoil it.
STEPS = (1e-3, 1e-4, 1e-5)
#: Relative errors that rounding and curvature leave in such differences, and that which a
#: minimisation of energies notices.
RIGHT, NEAR = 1e-6, 1e-3
#: The largest structures of the user's that are taken, in atoms.
MAX_ATOMS = 40
#: Displacement (Å) of their atoms: at high symmetry, what is sorted has no derivative.
RATTLE = 0.05
#: Points and weights of central differences of fourth order.
POINTS = np.array([-2, -1, 1, 2])
WEIGHTS = np.array([1, -8, 8, -1]) / 12


def errors(
    descriptor: Descriptor, frame: Atoms, rng: np.random.Generator, n: int = 4
) -> tuple[float, float]:
    """Relative errors of ``vjp``: of positions, and of strain.

    The gradient of a random combination of features, along ``n`` random directions, is compared
    with central differences: norm of what differs over norm of the differences.
    """
    cotangent = rng.normal(size=descriptor.compute([frame]).shape)
    gradient = descriptor.vjp([frame], cotangent)

    def displaced(u: np.ndarray) -> Atoms:
        moved = frame.copy()
        moved.positions += u
        return moved

    def strained(e: np.ndarray) -> Atoms:
        F = np.eye(3) + e
        return Atoms(frame.numbers, frame.positions @ F, cell=frame.cell.array @ F, pbc=frame.pbc)

    found = []
    for exact, change in ((gradient.positions, displaced), (gradient.strain[0], strained)):
        directions = rng.normal(size=(n, *exact.shape))
        directions /= np.linalg.norm(directions, axis=(1, 2), keepdims=True)
        moved = [change(point * step * u) for u in directions for step in STEPS for point in POINTS]
        rows = descriptor.compute(moved).dense().reshape(len(moved), -1)
        values = (rows @ cotangent.ravel()).reshape(n, len(STEPS), len(POINTS))
        want = values @ WEIGHTS / STEPS
        off = want - np.tensordot(directions, exact)[:, None]
        best = np.abs(off).argmin(axis=1)[:, None]
        off, want = (np.take_along_axis(one, best, axis=1) for one in (off, want))
        size = np.linalg.norm(want)
        found.append(float(np.linalg.norm(off) / (size or 1.0)))
    return found[0], found[1]


def measure(subject: Subject, setting, section: Section) -> None:
    label = "Derivatives by positions against differences"
    with section.attempt("derivatives", label):
        if subject.descriptor is None:
            raise NotApplicable("it gives no derivatives")
        setting.progress("derivatives against differences")
        rng = setting.rng("derivatives")
        n = 2 if setting.quick else 6
        if setting.frames is None:
            frames = samples.structures(subject, n, setting.seed)
        else:
            frames = [one.copy() for one in samples.some(setting.frames, n, rng, MAX_ATOMS)]
            for frame in frames:
                frame.positions += rng.uniform(-RATTLE, RATTLE, frame.positions.shape)
        descriptor = subject.fitted(frames).descriptor
        found = np.array([errors(descriptor, frame, rng) for frame in frames])
        note = "relative error of the gradient of a random combination of features"
        names = (
            ("derivatives", label),
            ("strain_derivatives", "Derivatives by strain against differences"),
        )
        for (key, name), worst in zip(names, found.max(axis=0), strict=True):
            verdict = "good" if worst < RIGHT else "fair" if worst < NEAR else "poor"
            section.add(key, name, worst, verdict, note=note)
        table = Table("Relative errors of derivatives", ("structure", "positions", "strain"))
        for frame, row in zip(frames, found, strict=True):
            table.rows.append((frame.get_chemical_formula(), *row))
        section.tables.append(table)
