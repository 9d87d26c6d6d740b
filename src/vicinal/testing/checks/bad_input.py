"""Bad input: each mistake gives a VicinalError that says what is wrong, and where."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import scipy.sparse
from ase import Atoms
from ase.data import chemical_symbols

from vicinal.descriptors.base import Descriptor
from vicinal.environments import Environments
from vicinal.errors import VicinalError
from vicinal.features import Features
from vicinal.testing.checks.inputs import follows_pbc, reference_structure
from vicinal.testing.checks.running import check


@check(kinds=())
def check_bad_structures(descriptor, frames, rng):
    """Each bad structure gives a VicinalError that says which structure, and which atom."""
    good = reference_structure(descriptor, rng)
    known = descriptor.species_known
    unknown = next(z for z in range(1, 119) if z not in known)

    def broken(change) -> Atoms:
        atoms = good.copy()
        change(atoms)
        return atoms

    def put(place):
        return lambda atoms: atoms.positions.__setitem__(2, place)

    def flat(atoms):
        atoms.cell, atoms.pbc = [[5, 0, 0], [0, 5, 0], [5, 5, 0]], True

    def no_cell(atoms):
        atoms.cell, atoms.pbc = np.zeros((3, 3)), True

    cases = {
        "a NaN position": (put([0, np.nan, 0]), ("structure 1", "atom 2")),
        "an infinite position": (put([np.inf, 0, 0]), ("structure 1", "atom 2")),
        "coincident atoms": (put(good.positions[1]), ("structure 1", "atom 1", "atom 2")),
        "an unknown species": (
            lambda atoms: atoms.numbers.__setitem__(2, unknown),
            ("structure 1", "atom 2", chemical_symbols[unknown]),
        ),
        "no atoms": (lambda atoms: atoms.__delitem__(slice(None)), ("structure 1",)),
    }
    if follows_pbc(descriptor):
        cases |= {
            "a cell of no volume": (flat, ("structure 1",)),
            "a periodic cell of zeros": (no_cell, ("structure 1",)),
        }
    calls = []
    for what, (change, words) in cases.items():
        bad = [good, broken(change), good]
        calls.append((what, lambda bad=bad: descriptor.compute(bad), words))
    for what, frame in (
        ("positions of the wrong shape", {"numbers": [1, 1], "positions": [[0, 0], [1, 1]]}),
        ("too few numbers", {"numbers": [1], "positions": np.eye(3)}),
        ("no numbers", {"positions": np.eye(3)}),
        ("no structure at all", 5),
    ):
        bad = [good, frame]
        calls.append((what, lambda bad=bad: descriptor.compute(bad), ("structure 1",)))
    calls.append(("a number for structures", lambda: descriptor.compute(5)))
    calls.append(("a string for structures", lambda: descriptor.compute("water.xyz")))
    _all_fail(calls)


@check(kinds=())
def check_bad_arguments(descriptor, frames, rng):
    """Each wrong parameter, cotangent, tangent or choice of centres gives a VicinalError."""
    good = [reference_structure(descriptor, rng)] * 2
    n_atoms = sum(map(len, good))
    parameters = descriptor.get_params(deep=False)
    wrong = {
        "cutoff": (0, -1.0, np.nan, np.inf, "far", None),
        "dtype": ("float16", "int64", None),
        "pooling": ("median", 3),
        "n_threads": (0, -2, 1.5),
        "species": ([], ["Xy"], [1.5], [-1]),
    }
    calls = []

    def add(what, call):
        calls.append((what, call))

    for name, bad in wrong.items():
        for value in bad if name in parameters else ():
            parts = {**parameters, name: value}
            add(f"{name}={value!r}", lambda parts=parts: type(descriptor)(**parts))
            other = copy.deepcopy(descriptor).set_params(**{name: value})
            add(f"set_params({name}={value!r})", lambda other=other: other.compute(good))
    m, f = descriptor.compute(good).shape
    for shape in ((m + 1, f), (m - 1, f), (m, f + 1), (m,), (f, m) if m != f else (m, f, 1)):
        add(f"a cotangent {shape}", lambda s=shape: descriptor.vjp(good, np.ones(s)))
    add("a sparse cotangent", lambda: descriptor.vjp(good, scipy.sparse.csr_array((m + 1, f))))
    add("a cotangent of words", lambda: descriptor.vjp(good, [["a"] * f] * m))
    add("a tangent", lambda: descriptor.jvp(good, np.ones((n_atoms - 1, 3))))
    add("a flat tangent", lambda: descriptor.jvp(good, np.ones(n_atoms * 3)))
    add("a strain", lambda: descriptor.jvp(good, strain=np.ones((3, 3, 3))))
    add("one strain for two", lambda: descriptor.jvp(good, strain=np.ones((3, 3))))
    add("a strain of six", lambda: descriptor.jvp(good, strain=np.ones((2, 6))))
    for centers in (
        [n_atoms],
        [-n_atoms - 1],
        [0.5],
        np.zeros(n_atoms + 1, dtype=bool),
        [[0], [len(good[0])]],
        [[0], [0], [0]],
        [[0], [0.5]],
        [[0], [[0]]],
        [[0, 1], [0], [2]],
        0,
        "all",
    ):
        add(f"centers={centers!r}", lambda c=centers: descriptor.compute(good, c))
    if not descriptor.whole_structure:
        short = Environments(good, descriptor.neighbor_cutoff * 0.9)
        add("environments of too small a cutoff", lambda: descriptor.compute(short))
    if not getattr(descriptor, "sparse", False):
        for out in (np.empty((m, f + 1), descriptor.dtype), np.empty((m, f), np.int32)):
            add(f"out of {out.dtype} {out.shape}", lambda o=out: descriptor.compute(good, out=o))
    _all_fail(calls)


def _all_fail(calls) -> None:
    """Assert :func:`_fails` of each, and say of all at once which do not."""
    problems = []
    for call in calls:
        try:
            _fails(*call)
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n  ".join(problems)


def _fails(what: str, call: Callable, words=()) -> None:
    """Assert that a call raises a VicinalError whose message has these words."""
    try:
        result = call()
    except VicinalError as error:
        message = str(error)
        missing = [word for word in words if word not in message]
        assert not missing, f"the error for {what} does not say {missing}: {message!r}"
        assert message.strip(), f"the error for {what} says nothing"
    except Exception as error:
        raise AssertionError(
            f"{what} raises {type(error).__name__}, which is no VicinalError: {error}"
        ) from error
    else:
        result = result if isinstance(result, Features | Descriptor) else type(result).__name__
        raise AssertionError(f"{what} raises no error but gives {result!r}")
