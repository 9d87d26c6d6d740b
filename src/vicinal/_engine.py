"""The native kernels, in the build for the best instruction level that this processor has.

The same sources are compiled once for each level (x86-64-v2, -v3, -v4; one for other
architectures) into modules of their own, so that no symbol of a higher level can be linked into
a lower one. ``VICINAL_ISA=v2|v3|v4`` overrides the choice, for tests and comparisons.
"""

from __future__ import annotations

import importlib
import os

from vicinal.errors import ParameterError


def _load():
    from vicinal import _cpu

    built = _cpu.built_levels()
    asked = os.environ.get("VICINAL_ISA")
    if asked is not None and asked not in built:
        raise ParameterError(f"VICINAL_ISA={asked}: this build has {', '.join(built)}")
    best = _cpu.best_level()
    if asked is not None and built.index(asked) > built.index(best):
        raise ParameterError(f"VICINAL_ISA={asked}: this processor only reaches {best}")
    level = asked or best
    return importlib.import_module(f"vicinal._native_{level}"), level


native, isa = _load()


def threads(n_threads: int | None) -> int:
    """The number of threads to use: those asked for, or one for each core we may run on."""
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not isinstance(n_threads, int) or n_threads < 1:
        raise ParameterError(f"n_threads must be a positive integer or None, not {n_threads!r}")
    return n_threads
