"""The checks of the conformance battery; see :mod:`vicinal.testing`.

Tolerances derive from the precision and from the size of the largest feature: a value may be off
by :func:`tolerance` times that. Features much smaller than the largest one are not judged by
their own size; the random cotangents of the derivative checks do weigh all features alike.
"""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import json
import os
import pickle
import tempfile
import weakref
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import scipy.sparse
from ase import Atoms
from ase.data import chemical_symbols

from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.environments import Environments, as_frames
from vicinal.errors import NotFittedError, VicinalError
from vicinal.features import Features, load

#: Species that structures are drawn from where the descriptor learns its species.
SPECIES = (1, 6, 8)

#: Every check, in the order in which ``check_descriptor`` runs them.
CHECKS: list[Callable] = []

_FINITE = ("molecule", "cluster", "isolated")
_PERIODIC = ("slab", "wire", "bulk", "skewed", "tiny", "outside")


def check_descriptor(descriptor: Descriptor, *, smoothness: int | None = None, exempt=()) -> None:
    """Run every check on a descriptor.

    Parameters
    ----------
    descriptor : Descriptor
    smoothness : int, optional
        Continuous derivatives at the cutoff that the descriptor promises (its attribute
        ``smoothness`` by default, or else 1); -1 where its definition makes the value jump.
    exempt : names of checks to leave out

    Raises
    ------
    AssertionError
        For the first check that fails, with how to reproduce it.
    """
    for check in CHECKS:
        if check.__name__ not in exempt:
            check(descriptor, smoothness=smoothness)


def check(*, kinds=_FINITE + _PERIODIC, examples: int = 4):
    """Make a check of ``body(descriptor, frames, rng)``, which raises AssertionError.

    The check gets ``frames`` from its caller or from Hypothesis, always the same ones. ``kinds``:
    which structures to draw, none for a check that makes its own. A body may have options, taken
    from the check's keywords.
    """

    def decorate(body: Callable) -> Callable:
        options = set(list(inspect.signature(body).parameters)[3:])

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
            more = {"smoothness": smoothness} if "smoothness" in options else {}
            one = functools.partial(_reproducibly, body, descriptor, more)
            if frames is not None:
                one([_atoms(frame) for frame in as_frames(frames)], seed)
            elif kinds:
                _with_hypothesis(one, descriptor, body.__name__, kinds, examples, shrink)
            else:
                one([], seed)

        del run.__wrapped__  # its signature is that of a check, not of its body
        CHECKS.append(run)
        return run

    return decorate


# -- symmetries ---------------------------------------------------------------------------------


@check()
def check_rotation(descriptor, frames, rng):
    """Rotating structures and cells leaves the values as they are.

    An equivariant descriptor has a method ``rotate_values(values, Q)`` that says how they change
    when vectors become ``v @ Q``.
    """
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    _check_orthogonal(descriptor, frames, Q * np.linalg.det(Q), "rotation")


@check()
def check_reflection(descriptor, frames, rng):
    """So does reflecting them."""
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    _check_orthogonal(descriptor, frames, -Q * np.linalg.det(Q), "reflection")


def _check_orthogonal(descriptor, frames, Q, what):
    want = values(descriptor, frames)
    if hasattr(descriptor, "rotate_values"):
        want = descriptor.rotate_values(want, Q)
    turned = [_moved(atoms, atoms.positions @ Q, atoms.cell.array @ Q) for atoms in frames]
    same(descriptor, values(descriptor, turned), want, f"values change under a {what}")


@check()
def check_translation(descriptor, frames, rng):
    """Moving a structure as a whole leaves the values as they are."""
    moved = [_moved(atoms, atoms.positions + rng.uniform(-20, 20, 3)) for atoms in frames]
    same(
        descriptor,
        values(descriptor, moved),
        values(descriptor, frames),
        "values change under a translation",
    )


@check()
def check_permutation(descriptor, frames, rng):
    """The order of atoms does not matter: rows of centres follow their atoms."""
    order = [rng.permutation(len(atoms)) for atoms in frames]
    shuffled = [atoms[o] for atoms, o in zip(frames, order, strict=True)]
    want = values(descriptor, frames)
    if descriptor.pooling is None:
        want = want[np.concatenate([o + a for o, a in zip(order, _starts(frames), strict=True)])]
    same(descriptor, values(descriptor, shuffled), want, "values do not follow reordered atoms")


@check(kinds=_PERIODIC)
def check_supercell(descriptor, frames, rng):
    """A supercell has the environments of its cell."""
    for atoms in _periodic(frames):
        repeats = np.ones(3, dtype=int)
        repeats[rng.choice(np.flatnonzero(atoms.pbc))] = 2
        want = values(descriptor, atoms)
        want = want * 2 if descriptor.pooling == "sum" else want
        if descriptor.pooling is None:
            want = np.tile(want, (2, 1))
        got = values(descriptor, atoms.repeat(repeats))
        same(descriptor, got, want, f"values of the {repeats} supercell differ from the cell's")


@check(kinds=_PERIODIC)
def check_cell_choice(descriptor, frames, rng):
    """Neither the choice of cell vectors nor which image of an atom is given matters."""
    want = values(descriptor, frames)
    others, wrapped = [], []
    for atoms in frames:
        periodic = np.flatnonzero(atoms.pbc)
        change = np.eye(3, dtype=int)
        if len(periodic) > 1:  # a unimodular matrix that mixes periodic directions only
            for a, b in [rng.choice(periodic, 2, replace=False) for _ in range(2)]:
                change[a] += rng.choice([-1, 1]) * change[b]
        cell = atoms.cell.array
        shifts = rng.integers(-3, 4, (len(atoms), 3)) * atoms.pbc
        other = np.where(atoms.pbc[:, None], change @ cell, rng.normal(size=(3, 3)))
        others.append(_moved(atoms, atoms.positions + shifts @ cell, other))
        wrapped.append(atoms.copy())
        wrapped[-1].wrap()
    what = "values depend on the choice of the cell vectors and of the images of atoms"
    same(descriptor, values(descriptor, others), want, what)
    same(descriptor, values(descriptor, wrapped), want, "values change when atoms are wrapped")


@check(kinds=_PERIODIC)
def check_periodic_images(descriptor, frames, rng):
    """A periodic structure is its cell among explicit images, as many as the cutoff reaches."""
    for atoms in _periodic(frames):
        atoms = atoms.copy()
        atoms.wrap()
        cluster = _explicit_images(atoms, descriptor.neighbor_cutoff)
        same(
            descriptor,
            values(descriptor, cluster, centers=np.arange(len(atoms))),
            values(descriptor, atoms),
            "values of the periodic structure differ from those among explicit images",
        )


@check(examples=6)
def check_finite(descriptor, frames, rng):
    """Every value and derivative is a finite number, for lone atoms and tiny cells too."""
    got = values(descriptor, frames)
    _finite(got, "values are", descriptor)
    gradient = descriptor.vjp(frames, np.ones(got.shape))
    _finite(gradient.positions, "vjp positions are")
    _finite(gradient.strain, "vjp strain is")


@check(kinds=())
def check_cutoff(descriptor, frames, rng, smoothness=None):
    """Value and derivatives pass through the cutoff without a jump.

    An atom crosses it by a distance so small that a smooth function stays the same.
    ``smoothness``: the continuous derivatives that are promised.
    """
    if smoothness is None:
        smoothness = getattr(descriptor, "smoothness", 1)
    if smoothness < 0:
        return
    eps = np.finfo(descriptor.dtype).eps
    rest = reference_structure(descriptor, rng)
    for cutoff in _cutoffs(descriptor):
        step = max(1e-9, 30 * eps)
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        for number in descriptor.species_known:
            inside, outside = (
                rest + Atoms([number], [rest.positions[0] + direction * cutoff * (1 + side * step)])
                for side in (-1, 1)
            )
            before, after = values(descriptor, inside), values(descriptor, outside)
            name = chemical_symbols[number]
            what = f"values jump where an atom of {name} crosses {cutoff:g} Å"
            same(descriptor, after, before, what, extra=10 * cutoff * step)
            if smoothness < 1:
                continue
            cotangent = random_cotangent(rng, before)
            before, after = (descriptor.vjp(atoms, cotangent) for atoms in (inside, outside))
            for kind in ("positions", "strain"):
                got, want = getattr(after, kind), getattr(before, kind)
                what = f"derivatives ({kind}) jump where an atom of {name} crosses {cutoff:g} Å"
                bound = (10 * tolerance(descriptor) + 200 * cutoff * step) * _largest(want)
                _close(got, want, bound, what)


# -- derivatives --------------------------------------------------------------------------------


@check()
def check_position_gradient(descriptor, frames, rng):
    """``vjp`` gives the derivatives with respect to positions that finite differences give."""

    def move(atoms, direction):
        return _moved(atoms, atoms.positions + direction)

    def directions(atoms):
        one = np.zeros((len(atoms), 3))  # an atom by itself, then all of them
        one[rng.integers(len(atoms))] = rng.normal(size=3)
        return one, rng.normal(size=(len(atoms), 3))

    _check_gradient(descriptor, frames, rng, "positions", move, directions)


@check()
def check_strain_gradient(descriptor, frames, rng):
    """``vjp`` gives the derivatives with respect to strain that finite differences give."""

    def move(atoms, e):
        return _moved(atoms, atoms.positions @ (np.eye(3) + e), atoms.cell.array @ (np.eye(3) + e))

    def directions(atoms):
        return rng.normal(size=(3, 3)), np.diag(rng.normal(size=3))

    _check_gradient(descriptor, frames, rng, "strain", move, directions)


def _check_gradient(descriptor, frames, rng, kind, move, directions):
    """Finite differences for float64; a float32 gradient is compared with the float64 one."""
    frames = [reference_structure(descriptor, rng), *frames]
    features = descriptor.compute(frames)
    cotangent = random_cotangent(rng, _dense(features.values))
    gradient = getattr(descriptor.vjp(frames, cotangent), kind)
    starts = _starts(frames) if kind == "positions" else np.arange(len(frames))
    parts = np.split(gradient, starts[1:])
    assert np.abs(parts[0]).max() > 0, f"vjp gives {kind} gradients that are zero everywhere"
    if descriptor.dtype == "float32":
        double = variant(descriptor, dtype="float64")
        want = getattr(double.vjp(frames, cotangent), kind)
        bound = 10 * tolerance(descriptor) * _largest(want)
        _close(gradient, want, bound, f"vjp {kind} in float32 differ from those in float64")
        return
    h = np.finfo(float).eps ** (1 / 3)
    row_of = np.searchsorted(_with_rows(features), features.samples["structure"])
    for tangents in zip(*map(directions, frames), strict=True):
        ends = [
            np.einsum(
                "mf,mf->m",
                cotangent,
                values(
                    descriptor,
                    [move(a, side * h * t) for a, t in zip(frames, tangents, strict=True)],
                ),
            )
            for side in (1, -1)
        ]
        want = np.bincount(row_of, (ends[0] - ends[1]) / (2 * h))
        rounding = np.bincount(row_of, np.abs(ends[0]) + np.abs(ends[1])).max()
        for s, (part, tangent) in enumerate(zip(parts, tangents, strict=True)):
            got = float((part.reshape(tangent.shape) * tangent).sum())
            norm = np.linalg.norm(part) * max(1, np.linalg.norm(tangent))
            bound = 1e-6 * (norm + abs(want[s])) + 1e3 * np.finfo(float).eps / h * rounding
            assert abs(got - want[s]) <= bound, (  # so that NaN fails
                f"vjp {kind} disagree with finite differences: {got:.10g}, not {want[s]:.10g} "
                f"+- {bound:.1g} ({_place_of(s, frames)})"
            )


@check()
def check_jvp(descriptor, frames, rng):
    """``jvp`` is the transpose of ``vjp``: for positions, for strain, for some centres."""
    for centers in (None, _some_centers(frames, rng)):
        features = descriptor.compute(frames, centers)
        cotangent = random_cotangent(rng, _dense(features.values))
        gradient = descriptor.vjp(frames, cotangent, centers)
        u = rng.normal(size=gradient.positions.shape)
        e = rng.normal(size=gradient.strain.shape)
        for what, tangent, product in (
            ("positions", {"positions": u}, gradient.positions * u),
            ("strain", {"strain": e}, gradient.strain * e),
        ):
            pushed = descriptor.jvp(frames, **tangent, centers=centers)
            assert pushed.dtype == descriptor.dtype, f"jvp gives {pushed.dtype}"
            got = np.einsum("mf,mf->m", cotangent, _dense(pushed))
            bound = tolerance(descriptor) * (np.abs(got).sum() + np.abs(product).sum())
            _close(got.sum(), product.sum(), 10 * bound, f"jvp of {what} disagrees with vjp")
        both = _dense(descriptor.jvp(frames, u, e, centers))
        apart = [_dense(descriptor.jvp(frames, centers=centers, positions=u))]
        apart.append(_dense(descriptor.jvp(frames, centers=centers, strain=e)))
        bound = tolerance(descriptor) * sum(map(_largest, apart))
        _close(both, sum(apart), bound, "jvp of positions and strain together is not the sum")


@check()
def check_jacobian(descriptor, frames, rng):
    """``jacobian`` contracted with a cotangent is ``vjp``; its blocks are all different."""
    n_atoms = sum(map(len, frames))
    for centers in (None, _some_centers(frames, rng)):
        shape = descriptor.compute(frames, centers).shape
        jacobian = descriptor.jacobian(frames, centers)
        assert jacobian.values.dtype == descriptor.dtype, f"jacobian gives {jacobian.values.dtype}"
        blocks = list(zip(jacobian.sample.tolist(), jacobian.atom.tolist(), strict=True))
        assert len(set(blocks)) == len(blocks), "jacobian has two blocks for one sample and atom"
        cotangent = rng.normal(size=shape)
        terms = np.einsum("bdf,bf->bd", jacobian.values, cotangent[jacobian.sample])
        got = np.zeros((n_atoms, 3))
        np.add.at(got, jacobian.atom, terms)
        want = descriptor.vjp(frames, cotangent, centers).positions
        bound = 10 * tolerance(descriptor) * max(_largest(want), _largest(terms))
        _close(got, want, bound, "jacobian disagrees with vjp")


@check()
def check_sum_rules(descriptor, frames, rng):
    """Moving or turning everything changes nothing, so derivatives have no net force or torque."""
    cotangent = random_cotangent(rng, values(descriptor, frames))
    gradient = descriptor.vjp(frames, cotangent)
    bound = 10 * tolerance(descriptor)
    parts = np.split(gradient.positions, _starts(frames)[1:])
    for s, (atoms, part, strain) in enumerate(zip(frames, parts, gradient.strain, strict=True)):
        size = _largest(part) * len(atoms) + _largest(strain)
        where = _place_of(s, frames)
        _close(part.sum(axis=0), 0, bound * size, f"gradients do not add up to zero ({where})")
        if hasattr(descriptor, "rotate_values"):
            continue
        _close(strain, strain.T, bound * size, f"gradients have a torque: strain ({where})")
        if not atoms.pbc.any():
            centered = atoms.positions - atoms.positions.mean(axis=0)
            reach = bound * size * (1 + _largest(centered))
            what = f"strain is not the virial of the position gradients ({where})"
            _close(strain, centered.T @ part, reach, what)


# -- one result, whichever way it is asked for --------------------------------------------------


@check()
def check_batch(descriptor, frames, rng):
    """A batch gives what its structures give one by one: values, ``vjp`` and ``jvp``."""
    lone = Atoms([descriptor.species_known[0]], [[1.0, 2.0, 3.0]])
    frames = [*frames, lone, reference_structure(descriptor, rng)]
    features = descriptor.compute(frames)
    got = _dense(features.values)
    cotangent = random_cotangent(rng, got)
    u = rng.normal(size=(sum(map(len, frames)), 3))
    gradient, pushed = descriptor.vjp(frames, cotangent), _dense(descriptor.jvp(frames, u))
    starts = [*_starts(frames), len(u)]
    of = features.samples["structure"]
    assert (np.diff(of) >= 0).all(), "rows of a batch are not in the order of its structures"
    for s, atoms in enumerate(frames):
        rows, inside = of == s, slice(starts[s], starts[s + 1])
        where = _place_of(s, frames)
        same(descriptor, got[rows], values(descriptor, atoms), f"batch is not a loop ({where})")
        alone = descriptor.vjp(atoms, cotangent[rows])
        for kind, part in (
            ("positions", gradient.positions[inside]),
            ("strain", gradient.strain[s : s + 1]),
        ):
            want = getattr(alone, kind)
            bound = 10 * tolerance(descriptor) * _largest(gradient.positions)
            _close(part, want, bound, f"vjp {kind} of a batch are not those of a loop ({where})")
        want = _dense(descriptor.jvp(atoms, u[inside]))
        bound = 10 * tolerance(descriptor) * _largest(pushed)
        _close(pushed[rows], want, bound, f"jvp of a batch is not that of a loop ({where})")


@check()
def check_precision(descriptor, frames, rng):
    """float32 and float64 agree to the rounding of float32, and float32 is computed in it."""
    frames = [*frames, reference_structure(descriptor, rng)]
    single = variant(descriptor, dtype="float32")
    double = variant(descriptor, dtype="float64")
    low, high = values(single, frames), values(double, frames)
    assert low.dtype == np.float32, f"values of dtype float32 are {low.dtype}"
    assert high.dtype == np.float64, f"values of dtype float64 are {high.dtype}"
    same(single, low, high, "float32 differs from float64")
    # Something computed in float64 and rounded at the end would be the nearest float32, always.
    nearest = high.astype(np.float32)
    telling = (nearest != high) & (np.abs(nearest) > 1e-30)
    if telling.sum() >= 30:
        assert (low != nearest)[telling].any(), "float32 is computed in float64 and rounded"
        below = low.view(np.int32)[telling] & 0xFFF
        assert below.any(), "float32 has fewer digits than float32: computed in less?"
    if np.unique(high[telling]).size >= 30:
        halves = high.astype(np.float32) == high
        assert not halves[telling].any(), "float64 has only the digits of float32"


@check(examples=2)
def check_threads(descriptor, frames, rng):
    """Results are the same to the last bit with one thread and with two."""
    frames = [atoms for atoms in frames for _ in range(12)] + [reference_structure(descriptor, rng)]
    one, two = (variant(descriptor, n_threads=n) for n in (1, 2))
    got = values(one, frames)
    _identical(got, values(two, frames), "values depend on n_threads")
    cotangent = random_cotangent(rng, got)
    a, b = one.vjp(frames, cotangent), two.vjp(frames, cotangent)
    _identical(a.positions, b.positions, "vjp positions depend on n_threads")
    _identical(a.strain, b.strain, "vjp strain depends on n_threads")
    u = rng.normal(size=a.positions.shape)
    _identical(_dense(one.jvp(frames, u)), _dense(two.jvp(frames, u)), "jvp depends on n_threads")


@check()
def check_centers(descriptor, frames, rng):
    """Some centres give their rows of the whole; derivatives too; any way of choosing them."""
    chosen = _some_centers(frames, rng)
    starts = [*_starts(frames), sum(map(len, frames))]
    mask = np.zeros(starts[-1], dtype=bool)
    mask[chosen] = True
    lists = [np.flatnonzero(mask[a:b]).tolist() for a, b in itertools.pairwise(starts)]
    got = values(descriptor, frames, centers=chosen)
    for how, other in (("a mask", mask), ("lists", lists), ("negative", chosen - starts[-1])):
        same(descriptor, values(descriptor, frames, centers=other), got, f"centers as {how}")
    whole = variant(descriptor, pooling=None)
    if whole is None:
        return
    full = whole.compute(frames)
    rows = whole.compute(frames, chosen)
    if descriptor.pooling is None:
        same(descriptor, got, _dense(full.values)[chosen], "values of some centres")
    for field in full.samples.dtype.names:
        want = full.samples[field][chosen]
        _identical(rows.samples[field], want, f"samples of some centres: {field}")
    cotangent = np.zeros(full.shape)
    cotangent[chosen] = random_cotangent(rng, _dense(rows.values))
    some, every = whole.vjp(frames, cotangent[chosen], chosen), whole.vjp(frames, cotangent)
    for kind in ("positions", "strain"):
        want = getattr(every, kind)
        bound = 10 * tolerance(descriptor) * _largest(want)
        _close(getattr(some, kind), want, bound, f"vjp {kind} of some centres")
    u = rng.normal(size=every.positions.shape)
    want = _dense(whole.jvp(frames, u))
    bound = 10 * tolerance(descriptor) * _largest(want)
    _close(_dense(whole.jvp(frames, u, centers=chosen)), want[chosen], bound, "jvp of some centres")


@check()
def check_pooling(descriptor, frames, rng):
    """Pooled values are ``Features.pool`` of the rows, and so are their derivatives."""
    rows = variant(descriptor, pooling=None)
    for how in ("mean", "sum"):
        pooled = variant(descriptor, pooling=how)
        if rows is None or pooled is None:
            continue
        apart = rows.compute(frames)
        want, got = apart.pool(how), pooled.compute(frames)
        _identical(got.samples, want.samples, f"samples of pooling={how!r}")
        bound = tolerance(descriptor) * _largest(_dense(want.values))
        _close(_dense(got.values), _dense(want.values), bound, f"pooling={how!r} is not that of rows")
        cotangent = random_cotangent(rng, _dense(got.values))
        of = apart.samples["structure"]
        share = 1 / np.bincount(of)[of] if how == "mean" else np.ones(len(of))
        spread = rows.vjp(frames, cotangent[of] * share[:, None])
        gradient = pooled.vjp(frames, cotangent)
        for kind in ("positions", "strain"):
            want = getattr(spread, kind)
            bound = 10 * tolerance(descriptor) * _largest(want)
            what = f"vjp {kind} of pooling={how!r} are not those of rows"
            _close(getattr(gradient, kind), want, bound, what)


@check()
def check_environments(descriptor, frames, rng):
    """Environments serve as structures do, also ones of a larger cutoff; so do generators."""
    want = values(descriptor, frames)
    cutoff = descriptor.neighbor_cutoff
    for factor in (1.0, 1.2):
        got = values(descriptor, Environments(frames, cutoff * factor))
        same(descriptor, got, want, f"values from Environments of {factor:g} times the cutoff")
    same(descriptor, values(descriptor, iter(frames)), want, "values from an iterator")


@check()
def check_out(descriptor, frames, rng):
    """``compute(out=array)`` writes there, every element, and gives it back."""
    if getattr(descriptor, "sparse", False):
        return
    want = values(descriptor, frames)
    out = np.full_like(want, np.nan)
    features = descriptor.compute(frames, out=out)
    assert features.values is out, "compute(out=...) does not give back the array it was given"
    same(descriptor, out, want, "values written to out")


@check()
def check_sparse(descriptor, frames, rng):
    """``sparse=True`` gives csr_array of the dense values; ``vjp`` and ``jvp`` agree."""
    sparse, dense = (variant(descriptor, sparse=flag) for flag in (True, False))
    if sparse is None or dense is None:
        return
    got, want = sparse.compute(frames).values, dense.compute(frames).values
    assert isinstance(got, scipy.sparse.csr_array), f"sparse=True gives {type(got).__name__}"
    assert isinstance(want, np.ndarray), f"sparse=False gives {type(want).__name__}"
    assert got.dtype == want.dtype, f"sparse=True gives {got.dtype}, not {want.dtype}"
    assert got.has_canonical_format, "the csr_array has duplicates, or columns out of order"
    same(descriptor, got.toarray(), want, "sparse=True differs from sparse=False")
    cotangent = random_cotangent(rng, want)
    some = np.where(rng.random(cotangent.shape) < 0.5, cotangent, 0)
    for how, given in (("dense", some), ("csr", scipy.sparse.csr_array(some))):
        a, b = sparse.vjp(frames, given), dense.vjp(frames, some)
        for kind in ("positions", "strain"):
            bound = 10 * tolerance(descriptor) * _largest(getattr(b, kind))
            what = f"vjp {kind} with sparse=True and a {how} cotangent"
            _close(getattr(a, kind), getattr(b, kind), bound, what)
    u = rng.normal(size=(sum(map(len, frames)), 3))
    a, b = sparse.jvp(frames, u), dense.jvp(frames, u)
    assert isinstance(a, scipy.sparse.csr_array), f"jvp with sparse=True gives {type(a).__name__}"
    _close(a.toarray(), b, 10 * tolerance(descriptor) * _largest(b), "jvp with sparse=True")


# -- metadata, scikit-learn, files --------------------------------------------------------------


@check(examples=1)
def check_names(descriptor, frames, rng):
    """Names and their number are known before any structure is, and no two are the same."""
    names = descriptor.names()
    assert len(names) == descriptor.n_features, f"{len(names)} names, {descriptor.n_features} features"
    _unique(names)
    features = descriptor.compute(frames)
    assert features.shape[1] == len(names), f"{len(names)} names, {features.shape[1]} columns"
    _identical(features.names, names, "names of the features differ from names of the descriptor")
    out = descriptor.get_feature_names_out()
    assert out.dtype == object, f"get_feature_names_out gives {out.dtype}, not object"
    _identical(out.astype(str), names.astype(str), "get_feature_names_out differs from names")


@check(examples=1)
def check_serialization(descriptor, frames, rng):
    """Pickle, JSON, ``copy``, ``clone`` and parameters give the same descriptor again."""
    from sklearn.base import clone

    want = values(descriptor, frames)
    parameters = descriptor.get_params(deep=False)
    text = descriptor.to_json()
    document = json.loads(text)
    if document["descriptor"] in registry.names():
        from_json = Descriptor.from_json(text)
    else:  # a descriptor of the user's own
        from_json = type(descriptor)(**document["parameters"])
        from_json.__dict__.update({k: v for k, v in document.items() if k == "species_"})
    others = {
        "pickle": pickle.loads(pickle.dumps(descriptor)),
        "JSON": from_json,
        "deepcopy": copy.deepcopy(descriptor),
        "clone": clone(descriptor),
        "set_params": type(descriptor)().set_params(**parameters),
    }
    for how, other in others.items():
        assert type(other) is type(descriptor), f"{how} gives a {type(other).__name__}"
        if other.species_known is None:  # clone forgets what fit has learned, and should
            other.species_ = list(descriptor.species_known)
        assert other.to_json() == text, f"{how} changes parameters: {other.to_json()}, not {text}"
        _identical(values(other, frames), want, f"{how} changes values")
    other = "float32" if descriptor.dtype == "float64" else "float64"
    changed = copy.deepcopy(descriptor).set_params(dtype=other)
    got = changed.compute(frames).values.dtype
    assert got == other, f"after set_params(dtype={other!r}) values are {got}"
    again = descriptor.get_params(deep=False)
    assert all(again[k] is v for k, v in parameters.items()), "using a descriptor changes parameters"


@check(examples=2)
def check_sklearn(descriptor, frames, rng):
    """``fit`` and ``transform`` give what ``compute`` gives, alone, in a pipeline, with pandas."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    want = descriptor.compute(frames).values
    fitted = copy.deepcopy(descriptor).fit(frames)
    _identical(_dense(fitted.transform(frames)), _dense(want), "transform differs from compute")
    got = copy.deepcopy(descriptor).fit_transform(frames)
    _identical(_dense(got), _dense(want), "fit_transform differs from compute")
    pipeline = make_pipeline(copy.deepcopy(descriptor), MaxAbsScaler())
    scaled = pipeline.fit(frames).transform(frames)
    assert scaled.shape == want.shape, f"a pipeline gives {scaled.shape}, not {want.shape}"
    learning = variant(descriptor, species=None)
    if learning is not None:
        learning = copy.deepcopy(learning)
        learning.__dict__.pop("species_", None)
        try:
            unknown = learning.n_features
        except NotFittedError:
            pass
        else:
            raise AssertionError(f"n_features is {unknown} before species are known")
        learning.fit(frames)
        present = tuple(np.unique(np.concatenate([a.numbers for a in frames])).tolist())
        assert learning.species_known == present, f"fit learns {learning.species_known}"
        assert learning.transform(frames).shape[1] == learning.n_features
    if not getattr(descriptor, "sparse", False):
        table = copy.deepcopy(descriptor).set_output(transform="pandas").fit_transform(frames)
        columns = np.asarray(table.columns, dtype=str)
        _identical(columns, descriptor.names(), 'columns of set_output(transform="pandas")')
        _identical(table.to_numpy(), want, 'values of set_output(transform="pandas")')


@check(examples=1)
def check_files(descriptor, frames, rng):
    """``Features.save`` and ``load`` give everything back."""
    features = descriptor.compute(frames)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "features.npz")
        features.save(path)
        again = load(path)
    assert type(again.values) is type(features.values), f"values load as {type(again.values)}"
    assert again.values.dtype == features.values.dtype, f"values load as {again.values.dtype}"
    _identical(again.dense(), features.dense(), "values change in a file")
    _identical(again.samples, features.samples, "samples change in a file")
    _identical(again.names, features.names, "names change in a file")


@check(examples=1)
def check_inputs_untouched(descriptor, frames, rng):
    """Nothing that is handed in is changed; read-only arrays will do."""
    before = copy.deepcopy(frames)
    parameters = copy.deepcopy(descriptor.get_params(deep=False))
    for atoms in frames:
        for array in atoms.arrays.values():
            array.flags.writeable = False
    try:
        chosen = _some_centers(frames, rng)
        got = values(descriptor, frames, centers=chosen)
        given = [chosen, random_cotangent(rng, got), rng.normal(size=(sum(map(len, frames)), 3))]
        copies = copy.deepcopy(given)
        for array in given:
            array.flags.writeable = False
        descriptor.vjp(frames, given[1], chosen)
        descriptor.jvp(frames, given[2], centers=chosen)
        descriptor.jacobian(frames, chosen)
        if not getattr(descriptor, "sparse", False):
            strided = np.asfortranarray(np.repeat(given[1], 2, axis=0))[::2]
            a, b = descriptor.vjp(frames, given[1], chosen), descriptor.vjp(frames, strided, chosen)
            _identical(a.positions, b.positions, "vjp depends on the strides of the cotangent")
    finally:
        for atoms in frames:
            for array in atoms.arrays.values():
                array.flags.writeable = True
    for array, old in zip(given, copies, strict=True):
        _identical(array, old, "an argument is changed")
    for atoms, old in zip(frames, before, strict=True):
        assert atoms == old, "a structure is changed"
    after = descriptor.get_params(deep=False)
    assert repr(after) == repr(parameters), f"parameters are changed: {after}, not {parameters}"


# -- bad input ----------------------------------------------------------------------------------


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

    cases = {
        "a NaN position": (put([0, np.nan, 0]), ("structure 1", "atom 2")),
        "an infinite position": (put([np.inf, 0, 0]), ("structure 1", "atom 2")),
        "coincident atoms": (put(good.positions[1]), ("structure 1", "atom 1", "atom 2")),
        "an unknown species": (
            lambda atoms: atoms.numbers.__setitem__(2, unknown),
            ("structure 1", "atom 2", chemical_symbols[unknown]),
        ),
        "a cell of no volume": (flat, ("structure 1",)),
        "a periodic cell of zeros": (lambda atoms: atoms.set_pbc(True), ("structure 1",)),
        "no atoms": (lambda atoms: atoms.__delitem__(slice(None)), ("structure 1",)),
    }
    for what, (change, words) in cases.items():
        bad = [good, broken(change), good]
        fails(what, lambda bad=bad: descriptor.compute(bad), words)
    for what, frame in (
        ("positions of the wrong shape", {"numbers": [1, 1], "positions": [[0, 0], [1, 1]]}),
        ("too few numbers", {"numbers": [1], "positions": np.eye(3)}),
        ("no numbers", {"positions": np.eye(3)}),
        ("no structure at all", 5),
    ):
        fails(what, lambda frame=frame: descriptor.compute([good, frame]), ("structure 1",))
    fails("a number for structures", lambda: descriptor.compute(5))
    fails("a string for structures", lambda: descriptor.compute("water.xyz"))


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
    for name, bad in wrong.items():
        for value in bad if name in parameters else ():
            parts = {**parameters, name: value}
            fails(f"{name}={value!r}", lambda parts=parts: type(descriptor)(**parts))
            other = copy.deepcopy(descriptor).set_params(**{name: value})
            fails(f"set_params({name}={value!r})", lambda other=other: other.compute(good))
    m, f = descriptor.compute(good).shape
    for shape in ((m + 1, f), (m - 1, f), (m, f + 1), (m,), (f, m) if m != f else (m, f, 1)):
        fails(f"a cotangent {shape}", lambda s=shape: descriptor.vjp(good, np.ones(s)))
    fails("a sparse cotangent", lambda: descriptor.vjp(good, scipy.sparse.csr_array((m + 1, f))))
    fails("a cotangent of words", lambda: descriptor.vjp(good, [["a"] * f] * m))
    fails("a tangent", lambda: descriptor.jvp(good, np.ones((n_atoms - 1, 3))))
    fails("a flat tangent", lambda: descriptor.jvp(good, np.ones(n_atoms * 3)))
    fails("a strain", lambda: descriptor.jvp(good, strain=np.ones((3, 3, 3))))
    fails("one strain for two", lambda: descriptor.jvp(good, strain=np.ones((3, 3))))
    fails("a strain of six", lambda: descriptor.jvp(good, strain=np.ones((2, 6))))
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
        fails(f"centers={centers!r}", lambda c=centers: descriptor.compute(good, c))
    short = Environments(good, descriptor.neighbor_cutoff * 0.9)
    fails("environments of too small a cutoff", lambda: descriptor.compute(short))
    if not getattr(descriptor, "sparse", False):
        for out in (np.empty((m, f + 1), descriptor.dtype), np.empty((m, f), np.int32)):
            fails(f"out of {out.dtype} {out.shape}", lambda o=out: descriptor.compute(good, out=o))


# -- helpers ------------------------------------------------------------------------------------


def tolerance(descriptor: Descriptor) -> float:
    """Relative to the largest feature: two thirds of the digits of the descriptor's dtype."""
    return 4 * float(np.finfo(descriptor.dtype).eps) ** (2 / 3)


def values(descriptor: Descriptor, frames, centers=None) -> np.ndarray:
    """The values, as an ordinary array."""
    return _dense(descriptor.compute(frames, centers).values)


def same(descriptor, got, want, what: str, *, extra: float = 0.0) -> None:
    """Assert that values are the same, to rounding.

    They are measured by the largest feature, here or in the reference structure: what is left of
    a lone neighbour near the cutoff need not be right to many digits of its own.
    """
    cache = _CACHE.setdefault(descriptor, {})
    if "largest" not in cache:
        rng = np.random.default_rng(0)
        cache["largest"] = _largest(values(descriptor, reference_structure(descriptor, rng)))
    largest = max(cache["largest"], _largest(want))
    _close(got, want, (tolerance(descriptor) + extra) * largest, what, descriptor)


def fails(what: str, call: Callable, words=()) -> None:
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


def random_cotangent(rng, values: np.ndarray) -> np.ndarray:
    """Normal random numbers over the size of each feature, so that all of them matter alike."""
    if not values.size:
        return np.zeros(values.shape)
    size = np.abs(values).max(axis=0)
    size = np.maximum(size, 1e-2 * size.max()) if size.max() > 0 else np.ones_like(size)
    return rng.normal(size=values.shape) / size


def reference_structure(descriptor: Descriptor, rng, n: int = 5) -> Atoms:
    """A cluster that holds every species, all of it well within the cutoff."""
    cutoff = min(_cutoffs(descriptor))
    species = np.array(descriptor.species_known or SPECIES)
    numbers = rng.permutation(np.resize(species, max(n, len(species))))
    apart = min(0.9, 0.2 * cutoff)
    places = [np.zeros(3)]
    while len(places) < len(numbers):
        place = rng.uniform(-1, 1, 3) * max(0.4 * cutoff, apart * len(numbers) ** (1 / 3))
        if np.linalg.norm(np.array(places) - place, axis=1).min() > apart:
            places.append(place)
    return Atoms(numbers, places)


#: What has been made for a descriptor already: copies with other parameters, sizes.
_CACHE: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def variant(descriptor: Descriptor, **parameters) -> Descriptor | None:
    """A copy with other parameters; None where the descriptor does not take them."""
    own = descriptor.get_params(deep=False)
    if not set(parameters) <= set(own):
        return None
    if all(own[k] is v or own[k] == v for k, v in parameters.items()):
        return descriptor
    cache = _CACHE.setdefault(descriptor, {})
    key = repr(sorted(parameters.items()))
    if key not in cache:
        other = copy.deepcopy(descriptor).set_params(**parameters)
        if other.species_known is None and descriptor.species_known is not None:
            other.species_ = list(descriptor.species_known)
        try:
            other._validate()
        except VicinalError:
            other = None
        cache[key] = other
    return cache[key]


def _reproducibly(body, descriptor, options, frames, seed) -> None:
    """Run a check; a failure says how to see it again."""
    try:
        body(descriptor, frames, np.random.default_rng(seed), **options)
    except Exception as error:
        what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        more = "".join(f", {k}={v!r}" for k, v in options.items() if v is not None)
        raise AssertionError(
            f"{body.__name__}: {what}\nTo reproduce:\n"
            f"    from vicinal.testing import {body.__name__}\n"
            f"    descriptor = {_code(descriptor)}\n"
            f"    frames = [{', '.join(map(_frame_code, frames))}]\n"
            f"    {body.__name__}(descriptor, frames, seed={seed}{more})"
        ) from error


def _with_hypothesis(one, descriptor, name, kinds, examples, shrink) -> None:
    """``one(frames, seed)`` for batches and seeds that Hypothesis draws, always the same."""
    from vicinal.testing.strategies import batches  # first: says so if Hypothesis is missing

    import hypothesis as hp

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
    @hp.given(batches(descriptor.species_known, kinds=kinds), hp.strategies.integers(0, 2**32 - 1))
    def run(frames, seed):
        one(frames, seed)

    try:
        run()
    except hp.errors.Flaky as error:
        raise AssertionError(f"{name}: fails once and not again on the same input") from error


def _atoms(frame) -> Atoms:
    if isinstance(frame, Mapping):
        return Atoms(**{k: v for k, v in frame.items()})
    return frame


def _code(descriptor: Descriptor) -> str:
    parameters = descriptor.get_params(deep=False).items()
    return f"{type(descriptor).__name__}({', '.join(f'{k}={v!r}' for k, v in parameters)})"


def _frame_code(atoms: Atoms) -> str:
    parts = {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist()}
    if atoms.pbc.any():
        parts |= {"cell": atoms.cell.array.tolist(), "pbc": atoms.pbc.tolist()}
    return repr(parts)


def _dense(values) -> np.ndarray:
    return values.toarray() if scipy.sparse.issparse(values) else np.asarray(values)


def _largest(array) -> float:
    return float(np.max(np.abs(array))) if np.size(array) else 0.0


def _close(got, want, bound: float, what: str, descriptor=None) -> None:
    """Assert ``|got - want| <= bound`` everywhere; NaN is never close."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape or want.ndim == 0, f"{what}: shape {got.shape}, not {want.shape}"
    off = np.abs(got - want)
    bad = ~(off <= bound)
    if bad.any():
        at = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        want = np.broadcast_to(want, got.shape)
        raise AssertionError(
            f"{what}: {got[at]:.10g}, not {want[at]:.10g} +- {bound:.1g}{_name_at(descriptor, at)}; "
            f"{bad.sum()} of {bad.size} differ"
        )


def _identical(got, want, what: str) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, not {want.shape}"
    bad = np.atleast_1d(got != want)
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} differ"


def _finite(array, what: str, descriptor=None) -> None:
    bad = np.argwhere(~np.isfinite(array))
    assert len(bad) == 0, f"{what} not finite: {len(bad)} of them{_name_at(descriptor, bad[0])}"


def _unique(names) -> None:
    names, counts = np.unique(names, return_counts=True)
    assert (counts == 1).all(), f"names are not unique: {names[counts > 1][:5].tolist()}"


def _name_at(descriptor, at) -> str:
    at = tuple(map(int, at))
    if descriptor is None:
        return f" at {at}" if at else ""
    try:
        return f" at row {at[0]}, feature {at[1]} ({descriptor.names()[at[1]]})"
    except Exception:  # the names may be what is broken
        return f" at row {at[0]}, feature {at[1]}"


def _place_of(s: int, frames) -> str:
    return f"structure {s} of {len(frames)}, {frames[s].get_chemical_formula()}"


def _with_rows(features: Features) -> np.ndarray:
    """The structures that have rows."""
    return np.unique(features.samples["structure"])


def _starts(frames) -> np.ndarray:
    """Index of the first atom of each structure."""
    return np.cumsum([0, *map(len, frames)])[:-1]


def _periodic(frames) -> list[Atoms]:
    return [atoms for atoms in frames if atoms.pbc.any()]


def _some_centers(frames, rng) -> np.ndarray:
    """Some atoms of the batch, at least one, in order."""
    n = sum(map(len, frames))
    return np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False))


def _moved(atoms: Atoms, positions, cell=None) -> Atoms:
    cell = atoms.cell if cell is None else cell
    return Atoms(atoms.numbers, positions, cell=cell, pbc=atoms.pbc)


def _cutoffs(descriptor: Descriptor) -> list[float]:
    """The distances at which a neighbour may appear: the outermost, and parameters within it."""
    outer = float(descriptor.neighbor_cutoff)
    own = descriptor.get_params(deep=False).items()
    found = {v for k, v in own if k.split("_")[-1] == "cutoff" and isinstance(v, int | float)}
    return sorted({v for v in found if 0 < v < outer} | {outer})


def _explicit_images(atoms: Atoms, cutoff: float) -> Atoms:
    """The atoms of the cell, and then every image of one within the cutoff of any of them."""
    lattice = atoms.cell.array * atoms.pbc[:, None]
    spread = np.linalg.norm(np.ptp(atoms.positions, axis=0))
    # Distances between lattice planes tell how many cells the cutoff reaches.
    planes = np.linalg.norm(np.linalg.pinv(lattice), axis=0)
    reach = np.ceil((cutoff + spread) * planes).astype(int) * atoms.pbc
    numbers, positions = [atoms.numbers], [atoms.positions]
    for shift in itertools.product(*(range(-n, n + 1) for n in reach)):
        if any(shift):
            image = atoms.positions + np.array(shift) @ lattice
            apart = np.linalg.norm(image[:, None] - atoms.positions, axis=-1)
            near = apart.min(axis=1) < cutoff * (1 + 1e-9)
            numbers.append(atoms.numbers[near])
            positions.append(image[near])
    return Atoms(np.concatenate(numbers), np.concatenate(positions))


__all__ = [
    "CHECKS",
    "check_descriptor",
    *(one.__name__ for one in CHECKS),  # noqa: PLE0604
]
