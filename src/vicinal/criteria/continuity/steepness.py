"""How much the numbers change for how little: an estimate of the Lipschitz constant."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.spatial.distance import pdist

from vicinal.criteria import samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.pages.parts import Figure, Series

#: Length (Å) of displacements, summed over atoms in squares: about that of one atom in a step of
#: molecular dynamics.
LENGTH = 0.01
#: Steepest over usual response up to which one length scale serves everywhere; and from which
#: some environments are told apart by noise before others are at all.
EVEN, UNEVEN = 10.0, 100.0


def steepness(
    subject: Subject, frames: list[Atoms], rng: np.random.Generator, n: int = 4
) -> np.ndarray:
    """``|f(x + dx) - f(x)| / |dx|`` in each of ``n`` random directions, (frames, n).

    In units of the median distance between the rows of the frames, in 1/Å: a value of 2 says that
    a displacement by 0.5 Å, if it went on like this, would change as much as another environment.
    Rows are those of atom 0, or of the structure.
    """
    moved = []
    for frame in frames:
        for _ in range(n):
            direction = rng.normal(size=frame.positions.shape)
            moved.append(frame.copy())
            moved[-1].positions += LENGTH * direction / np.linalg.norm(direction)
    rows = np.asarray(subject.at(frames), dtype=float)
    change = np.asarray(subject.at(moved), dtype=float).reshape(len(frames), n, -1) - rows[:, None]
    typical = np.median(pdist(rows))
    if typical == 0:
        raise NotApplicable("most environments have the same numbers")
    return np.linalg.norm(change, axis=2) / LENGTH / typical


def measure(subject: Subject, setting, section: Section) -> None:
    label = "Steepest response over the usual one"
    with section.attempt("steepest", label):
        setting.progress("how steep the numbers are")
        rng = setting.rng("steepness")
        n = 12 if setting.quick else 60
        frames = _environments(subject, setting, rng, n)
        found = steepness(subject.fitted(frames), frames, rng).ravel()
        largest, median = found.max(), np.median(found)
        if median == 0:
            raise NotApplicable("most displacements change nothing")
        ratio = largest / median
        verdict = "good" if ratio < EVEN else "fair" if ratio < UNEVEN else "poor"
        note = "largest change by a small displacement, over the median one"
        section.add("steepest", label, ratio, verdict, note=note)
        note = "by a displacement, in units of the distance between environments"
        section.add("lipschitz", "Largest change of the numbers", largest, unit="1/Å", note=note)
        section.add("steepness", "Usual change of the numbers", median, unit="1/Å", note=note)
        shares = np.linspace(0, 1, len(found))
        section.figures.append(
            Figure(
                "Change of the numbers by small displacements",
                "share of displacements",
                "change over displacement, in distances between environments (1/Å)",
                [Series(subject.name, shares, np.sort(found))],
                yscale="log",
                note="The flatter, the more alike environments respond.",
            )
        )


def _environments(subject: Subject, setting, rng, n: int) -> list[Atoms]:
    if setting.frames is None:
        return [samples.random_environment(subject, 8, rng, mixed=True) for _ in range(n)]
    if len(setting.frames) < 2:
        raise NotApplicable("a single structure has no distance to others")
    return samples.some(setting.frames, n, rng)
