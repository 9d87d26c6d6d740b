"""The native engine and ``vicinal.SOAP`` against the slow SOAP and against other programs."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from ase import Atoms
from oracles.make_soap_peers import CASES, FILE, ROWS, compute, structures
from reference.soap_numpy import soap as slow_soap

import vicinal as vc
from vicinal.basis.radial import RadialFunctions
from vicinal.basis.spline import _hermite, tabulate
from vicinal.errors import ParameterError

MAKE = {
    "dscribe": lambda settings: vc.SOAP.from_dscribe(**settings),
    "featomic": vc.SOAP.from_featomic,
    "quip": vc.SOAP.from_quip,
}
# The peers' own errors, see test_soap_oracles_numpy.py; ours are those of the tables, 1e-10.
TOLERANCE = {"featomic/spline": 1e-7}


def native(name):
    peer, structure, settings = CASES[name]
    atoms = structures()[structure]
    descriptor = MAKE[peer](settings)
    centers = np.flatnonzero(atoms.numbers == 6) if name == "quip/centres" else None
    if descriptor.species is None:
        descriptor.fit(atoms)
    return descriptor.compute(atoms, centers).values


def close(values, expected, tolerance=1e-8):
    assert values.shape == expected.shape
    assert np.abs(values - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("name", CASES)
def test_migration_gives_the_stored_values_of_the_peer(name):
    with np.load(FILE) as stored:
        close(native(name)[:ROWS], stored[name], TOLERANCE.get(name, 1e-8))


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_migration_gives_the_values_of_the_peer(name):
    pytest.importorskip({"quip": "quippy"}.get(CASES[name][0], CASES[name][0]))
    close(native(name), compute(name), TOLERANCE.get(name, 1e-8))


def random_crystal(seed, n, symbols, side):
    random = np.random.default_rng(seed)
    cell = side * (np.eye(3) + 0.25 * random.uniform(-1, 1, size=(3, 3)))
    # Points of a shaken grid, so that no two are very near each other.
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)[random.permutation(64)[:n]]
    scaled = (grid + random.uniform(-0.2, 0.2, size=(n, 3))) / 4
    return Atoms(random.choice(symbols, n), scaled_positions=scaled, cell=cell, pbc=True)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n_max": 12, "l_max": 12, "cutoff": 4.0, "sigma": 0.4},
        {"n_max": 1, "l_max": 0},
        {"n_max": 17, "l_max": 2, "sigma": 0.25, "radial_basis": "polynomial"},
        {"n_max": 9, "l_max": 5, "density": "delta", "radial_basis": "bessel"},
        {"n_max": 3, "l_max": 4, "cutoff_function": "tanh", "normalization": "l2"},
        {"n_max": 5, "l_max": 3, "convention": "featomic", "central_weight": 0.25},
        {"n_max": 4, "l_max": 3, "convention": "quip", "radial_basis": "quip"},
        {"n_max": 4, "l_max": 3, "mixing": [[1.0, 0.5, -0.2], [0.3, 0.0, 2.0]]},
        {"n_max": 4, "l_max": 3, "compression": "mu1nu1", "cutoff_function": "polynomial"},
        {"n_max": 4, "l_max": 3, "pooling": "inner", "compression": "crossover"},
        {"n_max": 4, "l_max": 3, "weighting": {"function": "pow", "c": 1, "d": 1, "m": 4, "r0": 2}},
    ],
    ids=str,
)
def test_engine_agrees_with_the_slow_soap(parameters):
    atoms = random_crystal(5, 40, ["H", "C", "O"], 7.0)  # more neighbours than a chunk holds
    parameters = {"species": [1, 6, 8], "cutoff": 4.5} | parameters
    env = vc.Environments(atoms, 4.5)
    assert np.diff(env.pair_offsets).max() > 64
    expected = np.atleast_2d(slow_soap(atoms, **parameters))
    close(vc.SOAP(**parameters).compute(atoms).values, expected, 2e-9)
    single = vc.SOAP(**parameters, dtype="float32").compute(atoms).values
    assert single.dtype == np.float32
    close(single, expected, 2e-5)


def test_gradients_are_those_of_the_slow_soap():
    """Finite differences of the *slow* values against the engine's vjp, so that a mistake which
    values and derivatives of the engine share cannot hide."""
    atoms = random_crystal(1, 5, ["H", "O"], 3.6)
    parameters = {"species": [1, 8], "cutoff": 4.0, "n_max": 4, "l_max": 4}
    cotangent = np.random.default_rng(0).normal(size=(5, 180))
    gradient = vc.SOAP(**parameters).vjp(atoms, cotangent)
    direction = np.random.default_rng(1).normal(size=(5, 3))
    strain = np.random.default_rng(2).normal(size=(3, 3))

    def value(step, positions, e):
        moved = atoms.copy()
        moved.positions += step * positions
        moved.set_cell(moved.cell.array @ (np.eye(3) + step * e), scale_atoms=True)
        return (cotangent * slow_soap(moved, **parameters)).sum()

    step = 1e-6  # a neighbour may cross a kink of the cutoff function: the error is linear
    zero = np.zeros((3, 3))
    by_position = (value(step, direction, zero) - value(-step, direction, zero)) / (2 * step)
    by_strain = (value(step, 0 * direction, strain) - value(-step, 0 * direction, strain)) / (
        2 * step
    )
    assert (gradient.positions * direction).sum() == pytest.approx(by_position, rel=1e-6)
    assert (gradient.strain[0] * strain).sum() == pytest.approx(by_strain, rel=1e-6)


@pytest.mark.peers
def test_position_jacobian_is_that_of_featomic():
    pytest.importorskip("featomic")
    from featomic import SoapPowerSpectrum

    hypers = CASES["featomic/gto"][2]
    atoms = structures()["molecule"]
    descriptor = SoapPowerSpectrum(**hypers).compute(atoms, gradients=["positions"])
    descriptor = descriptor.keys_to_samples("center_type").keys_to_properties(
        ["neighbor_1_type", "neighbor_2_type"]
    )
    gradient = descriptor.block().gradient("positions")
    expected = {
        (int(sample), int(atom)): np.asarray(values)
        for (sample, _, atom), values in zip(
            np.asarray(gradient.samples.values), gradient.values, strict=True
        )
    }
    ours = vc.SOAP.from_featomic(hypers).fit(atoms).jacobian(atoms)
    found = {
        (int(s), int(a)): v for s, a, v in zip(ours.sample, ours.atom, ours.values, strict=True)
    }
    assert set(expected) <= set(found)
    scale = max(np.abs(v).max() for v in expected.values())
    assert scale > 1e-3
    for block, values in found.items():
        assert np.abs(values - expected.get(block, 0.0)).max() < 1e-8 * scale


def test_many_species_are_block_sparse():
    symbols = "Sc Ti V Cr Mn Fe Co Ni Cu Zn Y Zr Nb Mo Ru Rh Pd Ag Hf Ta W Re Os Ir Pt".split()
    atoms = random_crystal(3, 30, symbols, 9.0)
    parameters = {"species": symbols, "cutoff": 3.5, "n_max": 3, "l_max": 2}
    dense = vc.SOAP(**parameters).compute(atoms)
    sparse = vc.SOAP(**parameters, sparse=True).compute(atoms)
    assert isinstance(sparse.values, scipy.sparse.csr_array)
    assert sparse.values.nnz < 0.2 * dense.values.size
    assert (sparse.values.toarray() == dense.values).all()
    assert sparse.values.has_canonical_format
    absent = dense.values == 0
    absent[sparse.values.nonzero()] = False
    assert (dense.values[absent] == 0).all()


def test_sparse_rows_do_not_need_the_memory_of_dense_ones():
    code = """
import resource, numpy as np, vicinal as vc
from ase import Atoms
random = np.random.default_rng(0)
symbols = [z for z in range(21, 84) if z not in (36, 54)]
grid = np.stack(np.meshgrid(*[np.arange(12)] * 3), -1).reshape(-1, 3) * 3.0
atoms = Atoms(random.choice(symbols, len(grid)), positions=grid)
soap = vc.SOAP(species=symbols, cutoff=3.5, n_max=6, l_max=4, sparse=True, n_threads=1)
soap.compute(atoms[:8])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
values = soap.compute(atoms).values
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
output = (values.data.nbytes + values.indices.nbytes) / 2**20
dense = np.prod(values.shape) * 8 / 2**20
print(peak, output, dense)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak, output, dense = map(float, run.stdout.split())
    assert dense > 4000
    assert peak < output + 64


@pytest.mark.parametrize("radial_basis", ["gto", "gto_dscribe", "polynomial", "bessel", "quip"])
@pytest.mark.parametrize("accuracy", [1e-6, 1e-10])
def test_tables_are_as_accurate_as_they_say(radial_basis, accuracy):
    radial = RadialFunctions(radial_basis=radial_basis, n_max=6, l_max=5)
    table = tabulate(radial.evaluate, radial.end, radial.breakpoints, accuracy)
    random = np.random.default_rng(0)
    scale = np.abs(radial.evaluate(np.linspace(0, radial.end, 500)[:-1])).max()
    first = 0
    for a, b, cells in zip(table.edges[:-1], table.edges[1:], table.cells, strict=True):
        nodes = table.nodes[first : first + cells + 1]
        first += cells + 1
        for t in random.uniform(size=5):
            r = a + (np.arange(cells) + t) * (b - a) / cells
            assert np.abs(_hermite(nodes, t) - radial.evaluate(r)).max() < 1.5 * accuracy * scale
        # The slopes at the nodes are those of the functions.
        h = (b - a) / cells
        inner = np.linspace(a, b, cells + 1)[1:-1]
        d = 1e-5
        slope = (radial.evaluate(inner + d) - radial.evaluate(inner - d)) / (2 * d)
        assert nodes[1:-1, 1] / h == pytest.approx(slope, abs=1e-7 * scale / 0.1)


def test_names_and_rows_belong_together():
    """Feature by feature, from the names alone, against the slow coefficients."""
    atoms = structures()["molecule"]
    descriptor = vc.SOAP(species=["H", "C", "O"], n_max=3, l_max=2, cutoff=4.0)
    features = descriptor.compute(atoms)
    alone = {}
    for pair in (["H"], ["C"], ["O"], ["H", "C"], ["H", "O"], ["C", "O"]):
        wanted = [n for n in features.names if n.startswith(f"SOAP[{pair[0]},{pair[-1]}]")]
        alone[tuple(pair)] = len(wanted)
    assert alone == {
        ("H",): 18, ("C",): 18, ("O",): 18, ("H", "C"): 27, ("H", "O"): 27, ("C", "O"): 27,
    }  # fmt: skip
    no_oxygen = atoms[atoms.numbers != 8]
    values = descriptor.compute(no_oxygen).values
    with_o = np.array(["O" in name.split("]")[0].removeprefix("SOAP[") for name in features.names])
    assert (values[:, with_o] == 0).all() and (values[:, ~with_o] != 0).any(axis=0).all()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"cutoff": -1.0}, "cutoff"),
        ({"cutoff": "five"}, "cutoff"),
        ({"n_max": 0}, "n_max"),
        ({"n_max": 2.5}, "n_max"),
        ({"l_max": -1}, "l_max"),
        ({"sigma": 0.0}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"species": ["Xy"]}, "Xy"),
        ({"species": []}, "species"),
        ({"density": "cubic"}, "density"),
        ({"radial_basis": "wavelet"}, "radial_basis"),
        ({"radial_basis": "quip", "density": "delta"}, "quip"),
        ({"cutoff_function": "sharp"}, "cutoff_function"),
        ({"weighting": {"function": "pow"}}, "weighting"),
        ({"compression": "mu3"}, "compression"),
        ({"normalization": "l1"}, "normalization"),
        ({"convention": "mine"}, "convention"),
        ({"convention": "quip", "sparse": True}, "sparse"),
        ({"pooling": "median"}, "pooling"),
        ({"dtype": "float16"}, "dtype"),
        ({"n_threads": 0}, "n_threads"),
        ({"periodic": True}, "periodic"),
        ({"accuracy": 0.0}, "accuracy"),
    ],
)
def test_wrong_parameters_are_named(wrong, named):
    with pytest.raises(ParameterError, match=named):
        vc.SOAP(**wrong)


def test_wrong_mixing_is_named():
    with pytest.raises(ParameterError, match="mixing"):
        vc.SOAP(species=["H", "O"], mixing=[[1.0, 2.0, 3.0]]).n_features  # noqa: B018
