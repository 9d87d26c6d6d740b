"""Where and with what a report was made."""

from __future__ import annotations

import platform
from typing import Any

import ase
import numpy as np

from vicinal import _engine
from vicinal.criteria.subject import Subject, symbols


def about(subject: Subject, frames, **facts) -> dict[str, Any]:
    """Versions, machine and structures, and whatever else is handed over."""
    import vicinal

    given = "built-in" if frames is None else f"{len(frames)} of the user's"
    return {
        "vicinal": vicinal.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ase": ase.__version__,
        "machine": platform.machine(),
        "cores": _engine.threads(None),
        "structures": given,
        "species": symbols(subject.species),
    } | facts
