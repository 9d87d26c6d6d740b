"""Do the numbers change smoothly as atoms move?

At the cutoff (:mod:`.cutoff`), through high symmetry and along a path (:mod:`.kinks`); are the
derivatives right (:mod:`.derivatives`), and how steep are the numbers (:mod:`.steepness`)?
"""

from __future__ import annotations

from ase import Atoms

from vicinal.criteria.continuity import cutoff, derivatives, kinks, steepness
from vicinal.criteria.results import Section
from vicinal.criteria.subject import Subject

TITLE = "Smoothness"

#: Atoms of a kind that descriptors of a fixed size must have room for: built-in environments have
#: fewer.
ROOM = 12


def measure(subject: Subject, setting, section: Section) -> None:
    frames = [Atoms(numbers=[number] * ROOM) for number in subject.species]
    if "dtype" in subject.parameters:  # rounding in float32 hides what is to be measured
        subject = subject.changed(dtype="float64")
    subject = subject.fitted(frames + (setting.frames or []))
    for part in (cutoff, kinks, derivatives, steepness):
        part.measure(subject, setting, section)
