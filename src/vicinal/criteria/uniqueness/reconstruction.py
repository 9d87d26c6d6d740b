"""Does a row determine its environment? Displaced atoms are led back by the row alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from vicinal.criteria import Setting, samples
from vicinal.criteria.results import Section
from vicinal.criteria.subject import Subject
from vicinal.criteria.uniqueness.coordinates import (
    DENSITY,
    Coordinates,
    environments,
    not_in_cells,
)
from vicinal.criteria.uniqueness.descent import descend
from vicinal.pages.parts import Figure, Series, Table

TITLE = "Environments from their rows"

#: Neighbours are displaced by this much (Å, root mean square): beyond a thermal vibration, and
#: still near enough that searches seldom end elsewhere for their own reasons.
DISPLACEMENT = 0.2

#: An environment has come back if it is this near (Å, root mean square).
BACK = 0.01

#: A row has been matched if it is nearer by this factor than where the search began.
MATCHED = 1e-6

#: Shares of environments that come back: good, fair.
GOOD, FAIR = 0.95, 0.5

#: Numbers of neighbours: from 4 to 19 as in the publication.
SIZES = (4, 7, 10, 13, 16, 19)


@dataclass(frozen=True)
class Reconstruction:
    """Where a search for an environment with a given row ended.

    Attributes
    ----------
    found : Atoms
    error : float, Å, root mean square distance from the true environment, after the best rotation
        and matching of like atoms
    mismatch : float, distance of the rows over that where the search began
    """

    found: Atoms
    error: float
    mismatch: float


def reconstruct(
    subject: Subject,
    frame: Atoms,
    *,
    displacement: float = DISPLACEMENT,
    seed: int | np.random.Generator = 0,
    effort: int = 100,
) -> Reconstruction:
    r"""Displace the neighbours at random, and lead them back by the row alone.

    Minimises :math:`|f(B) - f(A)|^2` over the neighbours of B with a quasi-Newton search
    (gradients by ``vjp``), then by least squares.

    Parameters
    ----------
    subject : Subject, with species and sizes known (see :meth:`Subject.fitted`)
    frame : Atoms
        The true environment A; atom 0 is the centre. If rows are structures, all atoms move.
    displacement : float, Å, root mean square over the atoms
    seed : int or numpy.random.Generator
    effort : int, most evaluations in the second search; the first has a tenth of it

    Returns
    -------
    Reconstruction
        Mirror images count as equal if the descriptor does not tell them apart.

    Source: A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013), section IV.
    """
    rng = np.random.default_rng(seed)
    one = Coordinates(subject, frame)
    target = one.row(one.start)
    start = one.start + one.displacement(one.start, displacement, rng)
    scale = np.linalg.norm(one.row(start) - target) or 1.0

    def residuals(x):
        return (one.row(x) - target) / scale

    def gradient(x):
        off = residuals(x)
        return off @ off, 2 * one.gradient(x, off / scale)

    x = descend(
        gradient,
        residuals,
        lambda x: one.jacobian(x) / scale,
        start,
        first=effort // 10,
        then=effort,
    )
    error = one.distance(one.start, x, proper=one.sees_mirror())
    return Reconstruction(one.at(x), float(error), float(np.linalg.norm(residuals(x))))


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    with section.attempt("faithful", "Environments that their row leads back to"):
        not_in_cells(subject, setting.frames)
        setting.progress("environments from their rows")
        _measure(subject, setting, section)


def _measure(subject: Subject, setting: Setting, section: Section) -> None:
    rng = setting.rng("reconstruction")
    exact = subject.descriptor is not None
    if setting.frames is not None:
        frames = environments(subject, setting.frames, 2 if setting.quick else 12, rng)
        frames = [frame for frame in frames if len(frame) <= 1 + SIZES[-1]] or frames[:1]
    else:
        sizes = SIZES[:2] if setting.quick or not exact else SIZES
        repeats = 1 if setting.quick else 3
        frames = [
            samples.random_environment(subject, n, rng, density=DENSITY)
            for n in sizes
            for _ in range(repeats)
        ]
    by_size: dict[int, list[Reconstruction]] = {}
    for frame in frames:
        one = subject.refitted([frame])
        by_size.setdefault(len(frame) - 1, []).append(reconstruct(one, frame, seed=rng))
    table = Table(
        "Environments that their row leads back to",
        ("neighbours", "searches", "came back", "same row elsewhere", "got stuck", "distance / Å"),
        note=f"Neighbours displaced by {DISPLACEMENT} Å, then moved until the row is the old one; "
        f"back: within {BACK} Å (root mean square); stuck: the row was not reached; "
        "narrow functions of distance give no way back; the distance is the median.",
    )
    for n, found in sorted(by_size.items()):
        back = sum(one.error < BACK for one in found)
        same = sum(one.error >= BACK and one.mismatch < MATCHED for one in found)
        error = float(np.median([one.error for one in found]))
        table.rows.append((n, len(found), back, same, len(found) - back - same, error))
    section.tables.append(table)
    everything = [one for found in by_size.values() for one in found]
    share = sum(one.error < BACK for one in everything) / len(everything)
    stuck = sum(one.error >= BACK and one.mismatch >= MATCHED for one in everything)
    section.add(
        "faithful",
        "Environments that their row leads back to",
        share,
        "good" if share >= GOOD else "fair" if share >= FAIR else "poor",
        note=f"share of {len(everything)} searches that found the environment within {BACK} Å"
        + (f"; {stuck} got stuck before they reached the row" if stuck else ""),
    )
    figure = Figure(
        "How well a row determines its environment",
        "neighbours",
        "distance of the environment found / Å",
        yscale="log",
    )
    points = [(n, max(one.error, 1e-16)) for n, found in sorted(by_size.items()) for one in found]
    figure.series.append(Series("", *zip(*points, strict=True), "points"))
    section.figures.append(figure)
