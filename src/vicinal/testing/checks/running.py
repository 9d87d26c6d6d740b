"""How checks run: on structures of the caller's or drawn ones, with a message to reproduce it."""

from __future__ import annotations

import copy
import functools
import inspect
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms

from vicinal.descriptors.base import Descriptor
from vicinal.environments import as_frames
from vicinal.errors import MissingExtraError
from vicinal.testing.checks.inputs import variant
from vicinal.testing.frames import BULK, KINDS

#: Species that structures are drawn from where the descriptor learns its species.
SPECIES = (1, 6, 8)
#: Atoms of the largest structure that is drawn.
MAX_ATOMS = 6


def check(*, kinds=KINDS, examples: int = 8):
    """Make a check of ``body(descriptor, frames, rng)``, which raises AssertionError.

    The check gets ``frames`` from its caller or from Hypothesis, always the same ones. ``kinds``:
    which structures to draw, none for a check that makes its own. A body may take ``smoothness``
    too, as given to the check.
    """

    def decorate(body: Callable) -> Callable:
        takes_smoothness = "smoothness" in inspect.signature(body).parameters

        @functools.wraps(body)
        def run(
            descriptor: Descriptor,
            frames=None,
            *,
            seed: int = 0,
            examples: int = examples,
            shrink: bool = True,
            smoothness: int | None = None,
        ) -> None:
            if descriptor.species_known is None:
                descriptor = variant(descriptor, species=SPECIES)
            if not descriptor.__sklearn_is_fitted__():  # it has sizes to learn
                atoms = Atoms(numbers=np.repeat(descriptor.species_known, MAX_ATOMS))
                descriptor = copy.deepcopy(descriptor).fit([atoms])
            more = {"smoothness": smoothness} if takes_smoothness else {}
            one = functools.partial(_reproducibly, body, descriptor, more)
            if frames is not None:
                one([_atoms(frame) for frame in as_frames(frames)], seed)
            elif kinds:
                _with_hypothesis(one, descriptor, body.__name__, kinds, examples, shrink)
            else:
                one([], seed)

        del run.__wrapped__  # its signature is that of a check, not of its body
        return run

    return decorate


def _reproducibly(body, descriptor, options, frames, seed) -> None:
    """Run a check; a failure says how to see it again."""
    try:
        body(descriptor, frames, np.random.default_rng(seed), **options)
    except Exception as error:
        own = isinstance(error, AssertionError)  # it says what is wrong: no traceback is needed
        what = "" if own else f"{type(error).__name__}: "
        more = "".join(f", {k}={v!r}" for k, v in options.items() if v is not None)
        raise AssertionError(
            f"{body.__name__}: {what}{error}\nTo reproduce:\n"
            f"    from vicinal.testing import {body.__name__}\n"
            f"    descriptor = {_code(descriptor)}\n"
            f"    frames = [{', '.join(map(_frame_code, frames))}]\n"
            f"    {body.__name__}(descriptor, frames, seed={seed}{more})"
        ) from (None if own else error)


def _with_hypothesis(one, descriptor, name, kinds, examples, shrink) -> None:
    """``one(frames, seed)`` for batches and seeds that Hypothesis draws, always the same."""
    try:
        import hypothesis as hp
    except ImportError:
        raise MissingExtraError(
            'a check without frames needs Hypothesis: pip install "vicinal[test]"'
        ) from None
    from vicinal.testing.strategies import batches

    if descriptor.needs_cell:
        kinds = [kind for kind in kinds if kind in BULK]

    phases = [hp.Phase.explicit, hp.Phase.generate] + [hp.Phase.shrink] * shrink

    @hp.seed(zlib.crc32(name.encode()))
    @hp.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=phases,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(hp.HealthCheck),
        verbosity=hp.Verbosity.quiet,
    )
    @hp.given(
        batches(descriptor.species_known, kinds=kinds, max_atoms=MAX_ATOMS),
        hp.strategies.integers(0, 2**32 - 1),
    )
    def run(frames, seed):
        one(frames, seed)

    try:
        run()
    except hp.errors.Flaky as error:
        raise AssertionError(f"{name}: fails once and not again on the same input") from error


def _atoms(frame) -> Atoms:
    if isinstance(frame, Mapping):
        return Atoms(**frame)
    return frame


def _code(descriptor: Descriptor) -> str:
    parameters = descriptor.get_params(deep=False).items()
    return f"{type(descriptor).__name__}({', '.join(f'{k}={v!r}' for k, v in parameters)})"


def _frame_code(atoms: Atoms) -> str:
    parts = {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist()}
    if atoms.pbc.any():
        parts |= {"cell": atoms.cell.array.tolist(), "pbc": atoms.pbc.tolist()}
    return repr(parts)
