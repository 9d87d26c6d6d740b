"""What comes out: samples, names, pooling, other people's formats, files."""

import os
import pickle
import re

import numpy as np
import pytest
import scipy.sparse
from ase.build import bulk, molecule
from toy import Toy

import vicinal as vc
from vicinal import Features, Jacobian
from vicinal.errors import FileError, ParameterError, ShapeError
from vicinal.features import ATOM_SAMPLES, STRUCTURE_SAMPLES, atomic_file

FRAMES = [molecule("H2O"), bulk("C", "diamond", a=3.567), molecule("CH3OH")]


@pytest.fixture(params=[False, True], ids=["dense", "sparse"])
def features(request):
    return Toy(sparse=request.param).compute(FRAMES)


# -- samples and names --------------------------------------------------------------------------


def test_samples_say_which_atom_a_row_is(features):
    samples = features.samples
    assert samples.dtype == ATOM_SAMPLES
    assert samples["structure"].tolist() == [0] * 3 + [1] * 2 + [2] * 6
    assert samples["atom"].tolist() == [*range(3), *range(2), *range(6)]
    assert samples["number"].tolist() == [z for atoms in FRAMES for z in atoms.numbers]


def test_samples_of_some_centers():
    chosen = Toy().compute(FRAMES, centers=[4, 0, 10]).samples
    assert chosen["structure"].tolist() == [1, 0, 2]
    assert chosen["atom"].tolist() == [1, 0, 5]
    assert Toy(pooling="sum").compute(FRAMES, centers=[[], [0], []]).samples.tolist() == [(1,)]


def test_names(features):
    assert features.names.tolist() == Toy().names().tolist()
    assert features.names[0] == "H eta=0.05"
    assert features.names.dtype.kind == "U"


# -- selection ----------------------------------------------------------------------------------


SELECTIONS = [
    ({"pattern": "SOAP[H,O] l=1*"}, lambda a, b, l: (a, b) == ("H", "O") and l == 1),
    ({"pattern": ["SOAP[[H,H] l=0*", "SOAP[O,O]*"]}, lambda a, b, l: (a, b) == ("O", "O")),
    ({"pattern": "* l=?*"}, None),
    ({"species": "H"}, lambda a, b, l: a == b == "H"),
    ({"species": [1, "O"]}, lambda a, b, l: True),
    ({"involving": ["O"]}, lambda a, b, l: "O" in (a, b)),
    ({"involving": ["O"], "pattern": "* l=0 *"}, lambda a, b, l: "O" in (a, b) and l == 0),
]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("chosen, rule", SELECTIONS)
def test_select(chosen, rule, sparse):
    soap = vc.SOAP(cutoff=3.0, n_max=2, l_max=1, sparse=sparse)
    features = soap.compute(molecule("H2O"))
    if rule is None:
        with pytest.raises(ParameterError, match=r"no feature has pattern='\* l=\?\*'"):
            features.select(**chosen)
        return
    parts = [re.match(r"SOAP\[(\w+),(\w+)\] l=(\d)", name).groups() for name in features.names]
    keep = [rule(a, b, int(l)) for a, b, l in parts]
    assert any(keep)
    picked = features.select(**chosen)
    assert picked.names.tolist() == features.names[keep].tolist()
    assert scipy.sparse.issparse(picked.values) == sparse
    np.testing.assert_array_equal(picked.dense(), features.dense()[:, keep])
    np.testing.assert_array_equal(picked.samples, features.samples)


def test_select_says_what_is_not_there(features):
    with pytest.raises(ParameterError, match=r"no feature has pattern='G2\*'; .* 'H eta=0.05'"):
        features.select("G2*")
    with pytest.raises(ParameterError, match="'Xyz' is not a chemical symbol"):
        features.select(species=["Xyz"])


def test_names_are_made_only_when_asked_for():
    asked = []

    def names():
        asked.append(1)
        return ["a", "b"]

    features = Features(np.zeros((1, 2)), np.zeros(1, STRUCTURE_SAMPLES), names)
    repr(features), len(features), features.pool()
    assert not asked
    assert features.names.tolist() == features.names.tolist() == ["a", "b"]
    assert len(asked) == 1


def test_sizes_and_arrays(features):
    assert features.shape == (11, 9) and len(features) == 11
    assert ("sparse" in repr(features)) == scipy.sparse.issparse(features.values)
    np.testing.assert_array_equal(np.asarray(features), features.dense())
    assert np.asarray(features, dtype=np.float32).dtype == np.float32
    with pytest.raises(ShapeError, match="2 samples do not fit"):
        Features(np.zeros((3, 2)), np.zeros(2, ATOM_SAMPLES), ["a", "b"])
    with pytest.raises(ShapeError):
        Features(np.zeros(3), np.zeros(3, ATOM_SAMPLES), ["a"])


# -- pooling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_pool(features, how):
    pooled = features.pool(how)
    values, of = features.dense(), features.samples["structure"]
    want = np.array([getattr(values[of == s], how)(axis=0) for s in range(3)])
    np.testing.assert_allclose(pooled.dense(), want, rtol=1e-14)
    assert type(pooled.values) is type(features.values)
    assert pooled.samples.dtype == STRUCTURE_SAMPLES
    assert pooled.samples["structure"].tolist() == [0, 1, 2]
    assert pooled.names.tolist() == features.names.tolist()


def test_pool_keeps_the_dtype_and_skips_structures_without_centers():
    features = Toy(dtype="float32").compute(FRAMES, centers=[0, 1, 7])
    pooled = features.pool()
    assert pooled.values.dtype == np.float32
    assert pooled.samples["structure"].tolist() == [0, 2]


@pytest.mark.parametrize("how", ["max", None, "inner"])
def test_pool_takes_mean_or_sum(features, how):
    with pytest.raises(ParameterError, match="mean"):
        features.pool(how)


# -- other people's formats ---------------------------------------------------------------------


def test_to_pandas(features):
    pytest.importorskip("pandas")
    table = features.to_pandas()
    assert table.columns.tolist() == features.names.tolist()
    assert table.index.names == ["structure", "atom", "number"]
    np.testing.assert_array_equal(table.to_numpy(), features.dense())
    np.testing.assert_array_equal(table.loc[(2, 1, 8)], features.dense()[6])
    pooled = features.pool().to_pandas()
    assert pooled.index.name == "structure" and pooled.index.tolist() == [0, 1, 2]


def test_to_metatensor(features):
    pytest.importorskip("metatensor")
    tensor = features.to_metatensor()
    block = tensor.block()
    np.testing.assert_array_equal(block.values, features.dense())
    assert block.samples.names == ["system", "atom", "center_type"]
    np.testing.assert_array_equal(block.samples.column("center_type"), features.samples["number"])
    assert len(block.properties) == features.shape[1]
    assert features.pool().to_metatensor().block().samples.names == ["system"]


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("pooling", [None, "mean"])
def test_save_and_load(tmp_path, dtype, sparse, pooling):
    features = Toy(dtype=dtype, sparse=sparse, pooling=pooling).compute(FRAMES)
    features.save(tmp_path / "f.npz")
    again = vc.load(tmp_path / "f.npz")
    assert type(again.values) is type(features.values)
    assert again.values.dtype == dtype and again.samples.dtype == features.samples.dtype
    np.testing.assert_array_equal(again.dense(), features.dense())
    np.testing.assert_array_equal(again.samples, features.samples)
    np.testing.assert_array_equal(again.names, features.names)


def test_save_keeps_the_name_it_is_given(tmp_path, features):
    features.save(tmp_path / "no-suffix")
    assert os.listdir(tmp_path) == ["no-suffix"]
    assert vc.load(str(tmp_path / "no-suffix")).shape == features.shape


def test_no_features_at_all(tmp_path):
    empty = Toy().compute([])
    assert empty.shape == (0, 9)
    empty.save(tmp_path / "f.npz")
    assert vc.load(tmp_path / "f.npz").shape == (0, 9)
    assert empty.pool().shape == (0, 9)


def test_missing_file(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        vc.load(tmp_path / "none.npz")
    with pytest.raises(FileError):
        vc.load(tmp_path)


@pytest.mark.parametrize("kept", [0, 1, 100, 0.3, 0.6, 0.9, -1])
def test_truncated_file(tmp_path, features, kept):
    path = tmp_path / "f.npz"
    features.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if 0 < kept < 1 else kept])
    with pytest.raises(FileError, match="f.npz"):
        vc.load(path)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", b"\x93NUMPY", pickle.dumps([1])])
def test_file_of_something_else(tmp_path, content):
    path = tmp_path / "f.npz"
    path.write_bytes(content)
    with pytest.raises(FileError, match="f.npz"):
        vc.load(path)


def test_arrays_of_somebody_else(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3))
    np.savez(tmp_path / "a.npz", x=np.eye(3))
    np.savez(tmp_path / "b.npz", values=np.eye(3), samples=np.zeros(2, ATOM_SAMPLES), names=[""])
    for name in ("a.npy", "a.npz", "b.npz"):
        with pytest.raises(FileError, match=name):
            vc.load(tmp_path / name)


class Bomb:
    """Unpickling it would leave a mark."""

    went_off = False

    def __reduce__(self):
        return setattr, (Bomb, "went_off", True)


@pytest.mark.parametrize("place", ["values", "samples", "names"])
def test_pickles_in_files_are_refused(tmp_path, place):
    arrays = {"values": np.eye(2), "samples": np.zeros(2, ATOM_SAMPLES), "names": ["a", "b"]}
    arrays[place] = np.array([Bomb(), Bomb()], dtype=object)
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(FileError, match="f.npz"):
        vc.load(tmp_path / "f.npz")
    (tmp_path / "g.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FileError, match="g.npz"):
        vc.load(tmp_path / "g.npz")
    assert not Bomb.went_off


def test_a_sparse_file_with_indices_beyond_its_shape(tmp_path):
    path = tmp_path / "f.npz"
    Toy(sparse=True).compute(FRAMES).save(path)
    arrays = dict(np.load(path))
    for name, value in (("indices", 10**6), ("indptr", 10**6), ("shape", -1)):
        broken = arrays[name].copy()
        broken[-1] = value
        np.savez(path, **{**arrays, name: broken})
        with pytest.raises(FileError, match="f.npz"):
            vc.load(path)


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path, features):
    path = tmp_path / "f.npz"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError, match="in the middle"), atomic_file(path) as file:
        file.write(b"half")
        raise RuntimeError("in the middle")
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["f.npz"]
    with pytest.raises(FileError, match="cannot be written"):
        features.save(tmp_path / "no" / "folder" / "f.npz")


# -- derivatives --------------------------------------------------------------------------------


def test_dense_jacobian():
    jacobian = Jacobian(np.array([0, 1]), np.array([2, 0]), np.arange(12.0).reshape(2, 3, 2))
    dense = jacobian.dense(2, 3)
    assert dense.shape == (2, 2, 3, 3)
    assert dense[0, :, 2].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert dense[1, :, 0].tolist() == [[6, 8, 10], [7, 9, 11]]
    assert np.count_nonzero(dense) == 11
