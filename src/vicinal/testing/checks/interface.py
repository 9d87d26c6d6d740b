"""What surrounds the numbers: names, copies and JSON, scikit-learn, files, untouched arguments."""

from __future__ import annotations

import copy
import json
import os
import pickle
import tempfile

import numpy as np

from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.errors import NotFittedError
from vicinal.features import load
from vicinal.testing.checks.comparing import dense, identical, values
from vicinal.testing.checks.inputs import reference_structure, some_centers, variant
from vicinal.testing.checks.running import check


@check(examples=1)
def check_names(descriptor, frames, rng):
    """Names and their number are known before any structure is, and no two are the same."""
    names, n_features = descriptor.names(), descriptor.n_features
    assert len(names) == n_features, f"{len(names)} names, {n_features} features"
    once, counts = np.unique(names, return_counts=True)
    assert (counts == 1).all(), f"names are not unique: {once[counts > 1][:5].tolist()}"
    features = descriptor.compute(frames)
    assert features.shape[1] == len(names), f"{len(names)} names, {features.shape[1]} columns"
    identical(features.names, names, "names of the features differ from names of the descriptor")
    out = descriptor.get_feature_names_out()
    assert out.dtype == object, f"get_feature_names_out gives {out.dtype}, not object"
    identical(out.astype(str), names.astype(str), "get_feature_names_out differs from names")


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
        from_json.__dict__.update({k: v for k, v in document.items() if k.endswith("_")})
    others = {
        "pickle": pickle.loads(pickle.dumps(descriptor)),
        "JSON": from_json,
        "deepcopy": copy.deepcopy(descriptor),
        "clone": clone(descriptor),
        "set_params": type(descriptor)().set_params(**parameters),
    }
    for how, other in others.items():
        assert type(other) is type(descriptor), f"{how} gives a {type(other).__name__}"
        for key, value in vars(descriptor).items():
            if key.endswith("_"):  # clone forgets what fit has learned, and should
                vars(other).setdefault(key, value)
        assert other.to_json() == text, f"{how} changes parameters: {other.to_json()}, not {text}"
        identical(values(other, frames), want, f"{how} changes values")
    other = "float32" if np.dtype(descriptor.dtype) == np.float64 else "float64"
    changed = copy.deepcopy(descriptor).set_params(dtype=other)
    got = changed.compute(frames).values.dtype
    assert got == other, f"after set_params(dtype={other!r}) values are {got}"
    again = descriptor.get_params(deep=False)
    assert all(again[k] is v for k, v in parameters.items()), "use changes parameters"


@check(examples=2)
def check_sklearn(descriptor, frames, rng):
    """``fit`` and ``transform`` give what ``compute`` gives, alone, in a pipeline, with pandas."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    fitted = copy.deepcopy(descriptor).fit(frames)  # which may learn other sizes
    want = fitted.compute(frames).values
    identical(dense(fitted.transform(frames)), dense(want), "transform differs from compute")
    got = copy.deepcopy(descriptor).fit_transform(frames)
    identical(dense(got), dense(want), "fit_transform differs from compute")
    pipeline = make_pipeline(copy.deepcopy(descriptor), MaxAbsScaler())
    scaled = pipeline.fit(frames).transform(frames)
    assert scaled.shape == want.shape, f"a pipeline gives {scaled.shape}, not {want.shape}"
    learning = variant(descriptor, species=None)
    if learning is not None:
        frames = [*frames, reference_structure(descriptor, rng)]  # every species
        learning = copy.deepcopy(learning)
        learning.__dict__.pop("species_", None)
        try:
            unknown = learning.n_features
        except NotFittedError:
            pass
        else:
            raise AssertionError(f"n_features is {unknown} before species are known")
        learning.fit(frames)
        assert learning.species_known == descriptor.species_known, "fit learns other species"
        assert learning.transform(frames).shape[1] == learning.n_features
    if not getattr(descriptor, "sparse", False):
        fitted.fit(frames)
        want = values(fitted, frames)
        table = copy.deepcopy(descriptor).set_output(transform="pandas").fit_transform(frames)
        columns = np.asarray(table.columns, dtype=str)
        identical(columns, fitted.names(), 'columns of set_output(transform="pandas")')
        identical(table.to_numpy(), want, 'values of set_output(transform="pandas")')


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
    identical(again.dense(), features.dense(), "values change in a file")
    identical(again.samples, features.samples, "samples change in a file")
    identical(again.names, features.names, "names change in a file")


@check(examples=1)
def check_inputs_untouched(descriptor, frames, rng):
    """Nothing that is handed in is changed; read-only arrays will do."""
    before = copy.deepcopy(frames)
    parameters = copy.deepcopy(descriptor.get_params(deep=False))
    for atoms in frames:
        for array in atoms.arrays.values():
            array.flags.writeable = False
    try:
        chosen = some_centers(descriptor, frames, rng)
        got = values(descriptor, frames, centers=chosen)
        given = [chosen, rng.normal(size=got.shape), rng.normal(size=(sum(map(len, frames)), 3))]
        copies = copy.deepcopy(given)
        for array in given:
            if array is not None:
                array.flags.writeable = False
        descriptor.vjp(frames, given[1], chosen)
        descriptor.jvp(frames, given[2], centers=chosen)
        descriptor.jacobian(frames, chosen)
        if not getattr(descriptor, "sparse", False):
            strided = np.asfortranarray(np.repeat(given[1], 2, axis=0))[::2]
            a, b = descriptor.vjp(frames, given[1], chosen), descriptor.vjp(frames, strided, chosen)
            identical(a.positions, b.positions, "vjp depends on the strides of the cotangent")
    finally:
        for atoms in frames:
            for array in atoms.arrays.values():
                array.flags.writeable = True
    for array, old in zip(given, copies, strict=True):
        identical(array, old, "an argument is changed")
    for atoms, old in zip(frames, before, strict=True):
        assert atoms == old, "a structure is changed"
    after = descriptor.get_params(deep=False)
    assert repr(after) == repr(parameters), f"parameters are changed: {after}, not {parameters}"
