"""One result, whichever way it is asked for: in batches, in either precision, for some centres."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse

from vicinal.environments import Environments
from vicinal.testing.checks.comparing import (
    close,
    dense,
    identical,
    largest,
    place_of,
    random_cotangent,
    same,
    same_gradient,
    tolerance,
    values,
)
from vicinal.testing.checks.inputs import (
    follows_pbc,
    lone_atom,
    offsets,
    reference_structure,
    some_centers,
    variant,
)
from vicinal.testing.checks.running import check


@check()
def check_batch(descriptor, frames, rng):
    """A batch gives what its structures give one by one: values, ``vjp`` and ``jvp``."""
    lone = lone_atom(descriptor, descriptor.species_known[0])
    frames = [*frames, lone, reference_structure(descriptor, rng)]
    features = descriptor.compute(frames)
    got = dense(features.values)
    cotangent = random_cotangent(descriptor, rng, got)
    u = rng.normal(size=(sum(map(len, frames)), 3))
    gradient, pushed = descriptor.vjp(frames, cotangent), dense(descriptor.jvp(frames, u))
    starts = offsets(frames)
    of = features.samples["structure"]
    assert (np.diff(of) >= 0).all(), "rows of a batch are not in the order of its structures"
    for s, atoms in enumerate(frames):
        rows, inside = of == s, slice(starts[s], starts[s + 1])
        where = place_of(s, frames)
        same(descriptor, got[rows], values(descriptor, atoms), f"batch is not a loop ({where})")
        alone = descriptor.vjp(atoms, cotangent[rows])
        for kind, part in (
            ("positions", gradient.positions[inside]),
            ("strain", gradient.strain[s : s + 1]),
        ):
            want = getattr(alone, kind)
            bound = 10 * tolerance(descriptor) * largest(gradient.positions)
            close(part, want, bound, f"vjp {kind} of a batch are not those of a loop ({where})")
        want = dense(descriptor.jvp(atoms, u[inside]))
        bound = 10 * tolerance(descriptor) * largest(pushed)
        close(pushed[rows], want, bound, f"jvp of a batch is not that of a loop ({where})")


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
    if len(np.unique(high)) >= 30:
        assert telling.any(), "float64 has only the digits of float32"


@check(examples=2)
def check_threads(descriptor, frames, rng):
    """Results are the same to the last bit with one thread and with two."""
    frames = [atoms for atoms in frames for _ in range(12)] + [reference_structure(descriptor, rng)]
    one, two = (variant(descriptor, n_threads=n) for n in (1, 2))
    got = values(one, frames)
    identical(got, values(two, frames), "values depend on n_threads")
    cotangent = random_cotangent(descriptor, rng, got)
    a, b = one.vjp(frames, cotangent), two.vjp(frames, cotangent)
    identical(a.positions, b.positions, "vjp positions depend on n_threads")
    identical(a.strain, b.strain, "vjp strain depends on n_threads")
    u = rng.normal(size=a.positions.shape)
    identical(dense(one.jvp(frames, u)), dense(two.jvp(frames, u)), "jvp depends on n_threads")


@check()
def check_centers(descriptor, frames, rng):
    """Some centres give their rows of the whole; derivatives too; any way of choosing them."""
    if descriptor.whole_structure:  # check_bad_arguments sees that it refuses centres
        return
    chosen = some_centers(descriptor, frames, rng)
    starts = offsets(frames)
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
        same(descriptor, got, dense(full.values)[chosen], "values of some centres")
    for field in full.samples.dtype.names:
        want = full.samples[field][chosen]
        identical(rows.samples[field], want, f"samples of some centres: {field}")
    cotangent = np.zeros(full.shape)
    cotangent[chosen] = random_cotangent(descriptor, rng, dense(rows.values))
    some, every = whole.vjp(frames, cotangent[chosen], chosen), whole.vjp(frames, cotangent)
    same_gradient(descriptor, some, every, "of some centres")
    u = rng.normal(size=every.positions.shape)
    want = dense(whole.jvp(frames, u))
    bound = 10 * tolerance(descriptor) * largest(want)
    close(dense(whole.jvp(frames, u, centers=chosen)), want[chosen], bound, "jvp of some centres")


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
        identical(got.samples, want.samples, f"samples of pooling={how!r}")
        a, b = dense(got.values), dense(want.values)
        close(a, b, tolerance(descriptor) * largest(b), f"pooling={how!r} is not that of rows")
        cotangent = random_cotangent(descriptor, rng, a)
        of = apart.samples["structure"]
        share = 1 / np.bincount(of)[of] if how == "mean" else np.ones(len(of))
        spread = rows.vjp(frames, cotangent[of] * share[:, None])
        gradient = pooled.vjp(frames, cotangent)
        same_gradient(descriptor, gradient, spread, f"of pooling={how!r} are not those of rows")


@check()
def check_environments(descriptor, frames, rng):
    """Environments serve as structures do, also ones of a larger cutoff; so do generators."""
    want = values(descriptor, frames)
    cutoff = 4.0 if descriptor.whole_structure else descriptor.neighbor_cutoff
    periodic = None if follows_pbc(descriptor) else False
    for factor in (1.0, 1.2):
        got = values(descriptor, Environments(frames, cutoff * factor, periodic=periodic))
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
    sparse, full = (variant(descriptor, sparse=flag) for flag in (True, False))
    if sparse is None or full is None:
        return
    got, want = sparse.compute(frames).values, full.compute(frames).values
    assert isinstance(got, scipy.sparse.csr_array), f"sparse=True gives {type(got).__name__}"
    assert isinstance(want, np.ndarray), f"sparse=False gives {type(want).__name__}"
    assert got.dtype == want.dtype, f"sparse=True gives {got.dtype}, not {want.dtype}"
    canonical = got.copy()
    canonical.sum_duplicates()
    assert canonical.nnz == got.nnz, "the csr_array has several entries for one element"
    same(descriptor, got.toarray(), want, "sparse=True differs from sparse=False")
    cotangent = random_cotangent(descriptor, rng, want)
    some = np.where(rng.random(cotangent.shape) < 0.5, cotangent, 0)
    for how, given in (("dense", some), ("csr", scipy.sparse.csr_array(some))):
        a, b = sparse.vjp(frames, given), full.vjp(frames, some)
        same_gradient(descriptor, a, b, f"with sparse=True and a {how} cotangent")
    u = rng.normal(size=(sum(map(len, frames)), 3))
    a, b = sparse.jvp(frames, u), full.jvp(frames, u)
    assert isinstance(a, scipy.sparse.csr_array), f"jvp with sparse=True gives {type(a).__name__}"
    close(a.toarray(), b, 10 * tolerance(descriptor) * largest(b), "jvp with sparse=True")
