"""Which motions of the atoms a descriptor does not notice, and how strongly it notices others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import bulk

from vicinal.criteria import Setting, samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.criteria.uniqueness.coordinates import (
    DENSITY,
    Coordinates,
    environments,
)
from vicinal.pages.parts import Figure, Series, Table

TITLE = "Sensitivity to small displacements"

#: A singular value below this share of the largest one counts as zero. Exact derivatives are good
#: to about 1e-8 (tables of radial functions to 1e-10, and a step of the table lies between),
TOLERANCE = 1e-8
#: central differences to their truncation,
TOLERANCE_DIFFERENCES = 1e-6
#: and single precision to 6e-8 for each of some hundred terms.
TOLERANCE_SINGLE = 1e-5

#: Your environments are rattled by this much (Å): at perfect symmetry no descriptor notices to
#: first order what breaks it, and that would be counted against all of them.
RATTLE = 0.05

#: Condition numbers up to here are good, fair: the softest motion changes the row by as many times
#: less than the stiffest. Derivatives of that motion lose as many digits.
CONDITION_GOOD, CONDITION_FAIR = 1e3, 1e6

#: Slopes this far from 1 are good, fair: 2 means that the first order is lost, 0 that the row
#: jumps. Published ones in perturbed silicon are 1.22 (SOAP), 1.23 (ACSF) and 1.01 (ACE).
SLOPE_GOOD, SLOPE_FAIR = 0.2, 0.5

#: Diamond silicon is known by its shells: 2.77 bonds within the cutoff in the publication.
BONDS_IN_CUTOFF = 6.5 / 2.35

#: Displacements (Å). Larger ones leave the leading order, smaller ones reach rounding errors.
STEPS = np.geomspace(1e-3, 3e-2, 9)
#: In single precision the quadratic change of a small displacement is below rounding.
STEPS_SINGLE = np.geomspace(3e-2, 3e-1, 9)


@dataclass(frozen=True)
class Spectrum:
    """How the row of an environment answers to displacements.

    Attributes
    ----------
    singular_values : (modes,) array, 1/Å, largest first: change of the row for a unit displacement
    displacements : (modes, atoms, 3) array, the displacements that belong to them
    tolerance : float, share of the largest value below which one counts as zero
    """

    singular_values: np.ndarray
    displacements: np.ndarray
    tolerance: float

    @property
    def expected(self) -> int:
        """Number of displacements other than rotations: 3 n - 3 for n neighbours."""
        return len(self.singular_values)

    @property
    def rank(self) -> int:
        """Number of independent displacements that change the row to first order."""
        largest = self.singular_values.max(initial=0.0)
        return int(np.sum(self.singular_values > max(self.tolerance * largest, 1e-300)))

    @property
    def invisible(self) -> int:
        return self.expected - self.rank

    @property
    def condition(self) -> float:
        """Largest over smallest singular value; infinite where a displacement is invisible."""
        if self.invisible or not self.expected:
            return np.inf
        return float(self.singular_values[0] / self.singular_values[-1])


def jacobian_spectrum(subject: Subject, frame: Atoms, *, tolerance: float | None = None):
    r"""Singular values of the derivatives of a row by the positions of the neighbours.

    Parameters
    ----------
    subject : Subject, with species and sizes known (see :meth:`Subject.fitted`)
    frame : Atoms
        Atom 0 is the centre. If rows are structures, all atoms move.
    tolerance : float, optional
        Share of the largest singular value below which one counts as zero; by default what the
        accuracy of the derivatives allows.

    Returns
    -------
    Spectrum
        Of :math:`J P`, where *P* projects out rotations about the centre (for structures also
        translations): 3 n - 3 values for n neighbours that are not in line, 1 for a single one.
        As many zeros are appended as there are too few features. Zeros are displacements that the
        descriptor does not notice to first order; symmetric environments have some with every
        descriptor.

    Sources: B. Parsaeifard et al., Mach. Learn.: Sci. Technol. 2, 015018 (2021) (the sensitivity
    matrix :math:`J^T J`); S. N. Pozdnyakov et al., Open Res. Europe 1, 126 (2021).
    """
    coordinates = Coordinates(subject, frame)
    x = coordinates.start
    trivial = coordinates.trivial(x)
    # The left singular vectors beyond those of the trivial modes span all other displacements.
    basis = np.linalg.svd(trivial, full_matrices=True)[0][:, trivial.shape[1] :]
    if not basis.size:
        return Spectrum(np.zeros(0), np.zeros((0, len(x) // 3, 3)), 0.0)
    jacobian = coordinates.jacobian(x) @ basis
    # All right singular vectors are wanted, also those without a feature of their own.
    few = jacobian.shape[0] < jacobian.shape[1]
    _, values, modes = np.linalg.svd(jacobian, full_matrices=few)
    values = np.pad(values, (0, len(modes) - len(values)))
    if tolerance is None:
        tolerance = _tolerance(subject)
    return Spectrum(values, (modes @ basis.T).reshape(len(modes), -1, 3), tolerance)


def _single(subject: Subject) -> bool:
    return str(getattr(subject.target, "dtype", None)) == "float32"


def _tolerance(subject: Subject) -> float:
    if _single(subject):
        return TOLERANCE_SINGLE
    return TOLERANCE_DIFFERENCES if subject.descriptor is None else TOLERANCE


def sensitivity(
    subject: Subject, frame: Atoms, moved: int, *, tangential: bool, steps=STEPS, seed=0
) -> tuple[np.ndarray, float]:
    """Relative change of the row of atom 0 as one neighbour moves, and its log-log slope.

    Parameters
    ----------
    moved : int, the atom that moves
    tangential : bool
        About the centre at constant distance, else away from it.
    steps : displacements in Å
    seed : int or numpy.random.Generator, chooses the tangential direction

    Returns
    -------
    (changes, slope)
        ``|row(t) - row(0)| / |row(0)|``, and the slope of its logarithm against that of t: 1 is a
        response of first order, 2 says that the first order is lost. NaN if there is no change.

    Source: B. Onat, C. Ortner, J. R. Kermode, J. Chem. Phys. 153, 144106 (2020).
    """
    vector = frame.positions[moved] - frame.positions[0]
    length = np.linalg.norm(vector)
    away = vector / length
    rng = np.random.default_rng(seed)
    across = np.cross(away, rng.normal(size=3))
    across /= np.linalg.norm(across)
    frames = [frame.copy() for _ in range(1 + len(steps))]
    for one, t in zip(frames[1:], steps, strict=True):
        turned = length * (np.cos(t / length) * away + np.sin(t / length) * across)
        one.positions[moved] = frame.positions[0] + (turned if tangential else vector + t * away)
    rows = subject.at(frames).astype(float)
    size = np.linalg.norm(rows[0])
    changes = np.linalg.norm(rows[1:] - rows[0], axis=1) / (size or 1.0)
    # Below this a change is as good as rounding.
    known = changes > (1e-5 if _single(subject) else 1e-13)
    if known.sum() < 3:
        return changes, np.nan
    slope = np.polyfit(np.log(np.asarray(steps)[known]), np.log(changes[known]), 1)[0]
    return changes, float(slope)


def diamond(subject: Subject) -> Atoms:
    """Diamond, of the first species known, with as many shells in the cutoff as silicon in 6.5 Å.

    A cluster around atom 0, or the conventional cell for what needs periodicity.
    """
    bond = subject.reach / BONDS_IN_CUTOFF
    a = bond * 4 / np.sqrt(3)
    crystal = bulk("Si", "diamond", a=a, cubic=True)
    if subject.needs_cell:
        crystal.numbers[:] = subject.species[0]
        return crystal
    n = int(np.ceil(subject.reach / a))
    crystal = crystal.repeat(2 * n + 1)
    center = np.argmin(np.linalg.norm(crystal.positions - crystal.cell.sum(axis=0) / 2, axis=1))
    vectors = np.delete(crystal.positions, center, axis=0) - crystal.positions[center]
    distances = np.linalg.norm(vectors, axis=1)
    vectors = vectors[np.argsort(distances, kind="stable")][: np.sum(distances < subject.reach)]
    return samples.environment(subject, vectors, center=subject.species[0])


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    with section.attempt("rank", "Displacements that the descriptor notices"):
        setting.progress("invisible displacements")
        _measure_rank(subject, setting, section)
    with section.attempt("slope_radial", "Response to small displacements in diamond"):
        setting.progress("response to small displacements")
        _measure_slopes(subject, setting, section)


def _measure_rank(subject: Subject, setting: Setting, section: Section) -> None:
    rng = setting.rng("sensitivity")
    if setting.frames is not None:
        frames = environments(subject, setting.frames, 4 if setting.quick else 12, rng)
        for frame in frames:
            frame.positions += rng.uniform(-RATTLE, RATTLE, frame.positions.shape)
    else:
        sizes = (2, 4, 6) if setting.quick else (1, 2, 3, 4, 6, 8, 12)
        frames = _built_in(subject, sizes, setting.seed, rng)
        subject = subject.refitted(frames)
    spectra = [jacobian_spectrum(subject, frame) for frame in frames]
    table = Table(
        "Displacements that the descriptor does not notice",
        (
            "structure",
            "atoms that move",
            "displacements",
            "noticed",
            "not noticed",
            "condition number",
        ),
        note="Displacements without rotations (and translations); a condition number is the change "
        "of the row by the most noticed displacement over that by the least noticed.",
    )
    for frame, s in zip(frames, spectra, strict=True):
        if s.expected:
            n, formula = s.displacements.shape[1], frame.get_chemical_formula()
            table.rows.append((formula, n, s.expected, s.rank, s.invisible, s.condition))
    spectra = [s for s in spectra if s.expected]
    if not spectra:
        raise NotApplicable("no structure has more than one atom")
    section.tables.append(table)
    share = sum(s.rank for s in spectra) / sum(s.expected for s in spectra)
    section.add(
        "rank",
        "Displacements that change the row to first order",
        share,
        "good" if share == 1 else "fair" if share > 0.9 else "poor",
        note=f"share of all displacements other than rotations, in {len(spectra)} environments",
    )
    most = max(s.invisible for s in spectra)
    section.add(
        "invisible_modes",
        "Invisible displacements, at most",
        most,
        "good" if most == 0 else "poor",
        note=f"atoms can move in {most} ways without the descriptor noticing"
        if most
        else "whichever way atoms move, the row changes",
    )
    condition = float(np.median([s.condition for s in spectra]))
    section.add(
        "condition",
        "Condition number of the derivatives (median)",
        condition if np.isfinite(condition) else None,
        "good"
        if condition <= CONDITION_GOOD
        else "fair"
        if condition <= CONDITION_FAIR
        else "poor",
        note="change of the row by the most noticed displacement over that by the least noticed"
        + ("" if np.isfinite(condition) else ": infinite, some are not noticed at all"),
    )
    figure = Figure(
        "How strongly displacements change the row",
        "displacement, most noticed first",
        "singular value over the largest",
        yscale="log",
    )
    by_size = {s.expected: s for s in spectra}  # one of each size
    sizes = sorted(by_size)
    for s in (by_size[size] for size in sizes[:: -(-len(sizes) // 5)]):
        relative = s.singular_values / (s.singular_values[0] or 1.0)
        label = f"{s.displacements.shape[1]} atoms"
        seen = np.maximum(relative, 1e-16)  # zeros have no place on a logarithmic axis
        figure.series.append(Series(label, list(range(1, s.expected + 1)), list(seen), "points"))
    section.figures.append(figure)


def _built_in(subject: Subject, sizes, seed: int, rng) -> list[Atoms]:
    if subject.needs_cell and not subject.per_atom:
        return samples.structures(subject, len(sizes), seed, size=6)
    return [
        samples.random_environment(subject, n, rng, mixed=mixed, density=DENSITY)
        for n in sizes
        for mixed in ((False, True) if len(subject.species) > 1 else (False,))
    ]


def _measure_slopes(subject: Subject, setting: Setting, section: Section) -> None:
    rng = setting.rng("slopes")
    perfect = diamond(subject)
    subject = subject.refitted([perfect])
    # At the amplitude of a warm crystal, a fiftieth of a bond.
    perturbed = []
    for _ in range(1 if setting.quick else 3):
        one = perfect.copy()
        one.positions += rng.normal(0, subject.reach / BONDS_IN_CUTOFF / 50, one.positions.shape)
        perturbed.append(one)
    steps = STEPS_SINGLE if _single(subject) else STEPS
    cases = (
        ("slope_radial", "away from the centre, perfect crystal", [perfect], False),
        ("slope_tangential", "about the centre, perfect crystal", [perfect], True),
        ("slope_tangential_perturbed", "about the centre, perturbed crystal", perturbed, True),
    )
    figure = Figure(
        "Response to the displacement of one neighbour in diamond",
        "displacement / Å",
        "relative change of the row",
        xscale="log",
        yscale="log",
    )
    for key, what, frames, tangential in cases:
        # To a row of the whole structure every atom of a perfect crystal is at a symmetric site.
        by_symmetry = frames[0] is perfect and (tangential or not subject.per_atom)
        curves = [
            sensitivity(subject, frame, moved, tangential=tangential, steps=steps, seed=rng)
            for frame in frames
            for moved in ((1,) if setting.quick else (1, 2))
        ]
        slope = float(np.mean([slope for _, slope in curves]))
        label = f"Order of the response to a neighbour moving {what}"
        if np.isnan(slope):
            section.add(key, label, None, "poor", note="the row does not change at all")
            continue
        off = abs(slope - 1)
        verdict = "good" if off < SLOPE_GOOD else "fair" if off < SLOPE_FAIR else "poor"
        note = "1: the row changes in proportion; 2: the first order is lost"
        if slope < 1 - SLOPE_FAIR:
            note = "the row jumps as soon as the neighbour moves"
        elif by_symmetry:
            verdict, note = "", "2 is expected: the symmetry of the perfect crystal hides the rest"
        section.add(key, label, slope, verdict, note=note)
        figure.series.append(Series(f"{what} ({slope:.2f})", list(steps), list(curves[0][0])))
    section.figures.append(figure)
