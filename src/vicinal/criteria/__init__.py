"""The six requirements of a good descriptor, measured.

Invariance; uniqueness; continuity and differentiability; efficiency; structure; generality
(M. F. Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8, 41 (2022)). :func:`check` measures them
for any descriptor of the registry, any object with ``compute``, and any function from structures to
an array::

    report = vc.criteria.check("soap")
    print(report)
    report["uniqueness"]["body_order"].value
    report.save("soap.html")

    print(vc.criteria.check_all(["soap", "acsf"], quick=True))
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from vicinal.criteria.about import about
from vicinal.criteria.results import Measurement, Report, Section, timed
from vicinal.criteria.subject import Subject, SubjectError, subject
from vicinal.criteria.summary import Summary
from vicinal.environments import as_frames
from vicinal.errors import ParameterError, VicinalError

__all__ = [
    "CRITERIA",
    "Measurement",
    "Report",
    "Section",
    "Setting",
    "SubjectError",
    "Summary",
    "check",
    "check_all",
]


@dataclass(frozen=True)
class Criterion:
    """One requirement: its question, and the modules (each with ``measure``) that answer it."""

    key: str
    title: str
    question: str
    modules: tuple[str, ...]


CRITERIA = (
    Criterion(
        "invariance",
        "Invariance",
        "Do the numbers stay the same when only the point of view changes?",
        ("invariance",),
    ),
    Criterion(
        "uniqueness",
        "Uniqueness",
        "Do different environments get different numbers?",
        (
            "uniqueness.pairs",
            "uniqueness.manifold",
            "uniqueness.sensitivity",
            "uniqueness.search",
            "uniqueness.reconstruction",
        ),
    ),
    Criterion(
        "continuity",
        "Continuity and differentiability",
        "Do the numbers change smoothly as atoms move?",
        ("continuity",),
    ),
    Criterion(
        "efficiency",
        "Efficiency",
        "What does a row cost, and how does the cost grow?",
        ("efficiency",),
    ),
    Criterion(
        "structure",
        "Structure",
        "How many numbers are there, and how many of them say something of their own?",
        ("structure", "comparison"),
    ),
    Criterion(
        "generality",
        "Generality",
        "Which structures can be described at all?",
        ("generality",),
    ),
)


@dataclass(frozen=True)
class Setting:
    """What the measures get beside the subject.

    Attributes
    ----------
    frames : list of ase.Atoms or None, the user's structures
    quick : bool, fewer repeats: a criterion in about a second
    seed : int
    against : tuple of Subject, descriptors to compare with
    progress : function (step as text), called as the work goes on
    """

    frames: list[Atoms] | None = None
    quick: bool = False
    seed: int = 0
    against: tuple[Subject, ...] = ()
    progress: Callable[[str], None] = lambda step: None

    def rng(self, name: str) -> np.random.Generator:
        """Random numbers of their own for each measure, so that one does not shift another's."""
        return np.random.default_rng([self.seed, *name.encode()])


def check(
    descriptor,
    frames=None,
    *,
    criteria: Sequence[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    against: Sequence = ("soap", "acsf", "so3_bispectrum"),
    cutoff: float | None = None,
    species: Sequence | None = None,
    progress: Callable[[str, str], None] | None = None,
) -> Report:
    """Measure what makes a descriptor good.

    Parameters
    ----------
    descriptor : name, Descriptor, object with ``compute``, or function
        A function (or ``compute``) takes a list of ``ase.Atoms`` and gives an array with one row
        an atom, in order, or one row a structure.
    frames : structures, optional
        Yours; built-in ones by default.
    criteria : some of ``invariance``, ``uniqueness``, ``continuity``, ``efficiency``,
        ``structure``, ``generality``; all by default
    quick : bool
        Fewer repeats and smaller cases, in seconds.
    seed : int
        Of everything random.
    against : names or descriptors that "structure" compares with: which contains which
    cutoff, species : where your own object or function does not say (Å; symbols or numbers)
    progress : function (criterion, step) called as the work goes on

    Returns
    -------
    Report
        Numbers, tables and figures; printed, or saved as HTML or JSON. Whatever the descriptor
        does not survive is reported where it happened, and the rest goes on.

    Raises
    ------
    ParameterError
        No such descriptor or criterion.
    """
    from vicinal.descriptors import registry

    chosen = _chosen(criteria)
    frames = None if frames is None else [_as_atoms(frame) for frame in as_frames(frames)]
    if frames is not None and not frames:
        raise ParameterError("no structures to check with")
    checked = subject(descriptor, cutoff=cutoff, species=species)
    if frames is not None:
        checked = checked.fitted(frames)
    others = [name for name in against if name not in registry.names() or name != checked.name]
    others = tuple(subject(other) for other in others)
    start = time.perf_counter()
    sections = []
    for criterion in CRITERIA:
        if criterion.key not in chosen:
            continue

        def step(text: str, criterion: Criterion = criterion) -> None:
            if progress is not None:
                progress(criterion.key, text)

        setting = Setting(frames, quick, seed, others, step)
        section = Section(criterion.key, criterion.title, criterion.question)
        with timed(section):
            for name in criterion.modules:
                module = importlib.import_module(f"vicinal.criteria.{name}")
                # One that fails as a whole must not take the others along.
                with section.attempt(name.split(".")[-1], module.TITLE):
                    module.measure(checked, setting, section)
        sections.append(section)
    facts = about(
        checked,
        frames,
        quick=quick,
        seed=seed,
        against=", ".join(other.name for other in others),
        seconds=time.perf_counter() - start,
    )
    return Report(checked.name, checked.parameters, sections, facts)


def check_all(
    descriptors: Sequence | None = None,
    frames=None,
    *,
    criteria: Sequence[str] | None = None,
    progress: Callable[[str, str, str], None] | None = None,
    **options,
) -> Summary:
    """Measure several descriptors, one after the other so that timings are fair.

    Parameters
    ----------
    descriptors : names or whatever else :func:`check` takes; all of the registry by default
    frames, criteria : as for :func:`check`
    progress : function (name, criterion, step) called as the work goes on
    **options : of :func:`check`: ``quick``, ``seed``, ``against``

    Returns
    -------
    Summary
        A table of all, with every report. A descriptor that refuses the structures as a whole is
        in its ``errors``.

    Raises
    ------
    ParameterError
        No such descriptor or criterion.
    """
    from vicinal.descriptors import registry

    criteria = _chosen(criteria)
    frames = None if frames is None else as_frames(frames)
    wanted = registry.names() if descriptors is None else descriptors
    subjects = [subject(one) for one in wanted]
    summary = Summary([])
    for one in subjects:

        def step(criterion: str, text: str, name: str = one.name) -> None:
            if progress is not None:
                progress(name, criterion, text)

        try:
            report = check(one, frames, criteria=criteria, progress=step, **options)
            summary.reports.append(report)
        except VicinalError as error:
            summary.errors[one.name] = str(error)
    return summary


def _chosen(criteria: Sequence[str] | None) -> list[str]:
    known = [criterion.key for criterion in CRITERIA]
    chosen = known if criteria is None else [str(key) for key in criteria]
    for key in chosen:
        if key not in known:
            raise ParameterError(f"no criterion {key!r}; there are: {', '.join(known)}")
    return chosen


def _as_atoms(frame) -> Atoms:
    return frame if isinstance(frame, Atoms) else Atoms(**frame)
