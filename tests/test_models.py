"""Models of structures: their own data, finite differences, and what goes wrong."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from sklearn.base import clone

import vicinal as vc
from vicinal.errors import NotFittedError, ParameterError, ShapeError, SpeciesError, StructureError
from vicinal.models import (
    LinearModel,
    RidgeModel,
    SparseGP,
    StructureModel,
    read_forces,
    read_stress,
)
from vicinal.similarity import Gaussian, Laplacian, Polynomial, structure_kernel

RNG = np.random.default_rng(5)


def alloys(n, seed=0):
    """Small periodic cells of copper and gold, rattled and strained."""
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(n):
        atoms = bulk("Cu", "fcc", a=3.9, cubic=True)
        if k % 3 == 1:
            atoms *= (2, 1, 1)
        atoms.numbers[rng.permutation(len(atoms))[: 1 + k % 3]] = 79
        atoms.set_cell(atoms.cell @ (np.eye(3) + 0.04 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += 0.12 * rng.normal(size=atoms.positions.shape)
        frames.append(atoms)
    return frames


FRAMES = alloys(9)
TEST = alloys(3, seed=1)
SMALL = vc.ACSF(cutoff=3.5, g2=[(0.5, 0.0), (2.0, 2.0)], g4=[(0.05, 1, 1)])
SOAP = vc.SOAP(cutoff=3.5, n_max=3, l_max=2)


def toy_labels(frames):
    """Energies, forces and stress of a smooth pair potential, by Morse's formula."""
    energies, forces, stress = [], [], []
    env = vc.Environments(frames, 3.4)
    depth = 0.2 + 0.1 * (env.numbers[env.i] + env.numbers[env.j] - 58) / 50
    x, fade = np.exp(-1.5 * (env.d - 2.7)), (1 - (env.d / 3.4) ** 2) ** 3
    energy = depth * (x**2 - 2 * x) * fade / 2
    slope = depth * (-3.0 * (x**2 - x) * fade / 2)
    slope += depth * (x**2 - 2 * x) / 2 * 3 * (1 - (env.d / 3.4) ** 2) ** 2 * (-2 * env.d / 3.4**2)
    pull = slope[:, None] * env.D / env.d[:, None]
    total = np.zeros((env.n_atoms, 3))
    np.add.at(total, env.i, pull)
    np.add.at(total, env.j, -pull)
    for s, atoms in enumerate(frames):
        own = env.structure[env.i] == s
        energies.append(energy[own].sum() + 3.0 * (atoms.numbers == 79).sum())
        forces.append(total[env.structure == s])
        virial = pull[own].T @ env.D[own] / atoms.get_volume()
        stress.append(virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])
    return np.array(energies), forces, stress


LABELS = toy_labels(FRAMES)


def moved(atoms, step, atom=None, axis=0, strain=None):
    atoms = atoms.copy()
    if strain is None:
        atoms.positions[atom, axis] += step
    else:
        atoms.set_cell(atoms.cell @ (np.eye(3) + step * strain), scale_atoms=True)
    return atoms


def check_derivatives(model, frames, size):
    """Forces and stress against finite differences of the values; none of them all zero."""
    found = model.evaluate(frames, forces=True)
    first, step = 0, 1e-4
    for s, atoms in enumerate(frames):
        own = found.forces[first : first + len(atoms)]
        first += len(atoms)
        a, axis = len(atoms) - 1, s % 3
        plus, minus = model.predict([moved(atoms, h, a, axis) for h in (step, -step)])
        assert abs((minus - plus) / (2 * step) - own[a, axis]) < 1e-6 * size
        for k, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
            strain = np.zeros((3, 3))
            strain[i, j] += 0.5
            strain[j, i] += 0.5
            plus, minus = model.predict([moved(atoms, h, strain=strain) for h in (step, -step)])
            slope = (plus - minus) / (2 * step) / atoms.get_volume()
            assert abs(slope - found.stress[s, k]) < 1e-6 * size
    assert np.abs(found.forces).max() > 1e-2 * size
    assert np.abs(found.stress).max() > 1e-4 * size


def test_toy_labels_are_consistent():
    """The oracle's own forces and stress are those of its energies."""

    class Toy:
        def predict(self, frames):
            return toy_labels(frames)[0]

        def evaluate(self, frames, forces):
            from vicinal.models import Prediction

            energies, forces, stress = toy_labels(frames)
            return Prediction(energies, forces=np.concatenate(forces), stress=np.array(stress))

    check_derivatives(Toy(), TEST, 1.0)


# -- linear -------------------------------------------------------------------------------------


def linear_labels(frames, descriptor, weights, constants):
    """Energies, forces and stress of given weights."""
    env = vc.Environments(frames, 3.5)
    cotangent = np.array([weights[z] for z in env.numbers])
    rows = np.einsum("nf,nf->n", descriptor.compute(env).values, cotangent)
    energies = np.bincount(env.structure, rows + [constants[z] for z in env.numbers])
    gradient = descriptor.vjp(env, cotangent)
    stress = gradient.strain / np.array([f.get_volume() for f in frames])[:, None, None]
    stress = (stress + stress.transpose(0, 2, 1)) / 2
    stress = stress[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return energies, np.split(-gradient.positions, env.atom_offsets[1:-1]), list(stress)


@pytest.mark.parametrize("baseline", [None, "composition"])
def test_linear_model_recovers_a_linear_potential(baseline):
    descriptor, rng = clone(SMALL).fit(FRAMES), np.random.default_rng(1)
    weights = {z: rng.normal(size=descriptor.n_features) for z in (29, 79)}
    truth = descriptor, weights, {29: -3.0, 79: -2.0}
    model = LinearModel(SMALL, alpha=0.0, baseline=baseline)
    model.fit(FRAMES, *linear_labels(FRAMES, *truth))
    energies, forces, stress = linear_labels(TEST, *truth)
    found = model.evaluate(TEST, forces=True)
    np.testing.assert_allclose(found.values, energies, rtol=1e-8)
    np.testing.assert_allclose(found.forces, np.concatenate(forces), atol=1e-7)
    np.testing.assert_allclose(found.stress, stress, atol=1e-8)


def test_linear_model_recovers_weights():
    """Of one element: of two, that of A at B and that of B at A cannot be told apart."""
    frames = [atoms.copy() for atoms in FRAMES]
    for atoms in frames:
        atoms.numbers[:] = 29
    descriptor = clone(SMALL).fit(frames)
    weights = np.random.default_rng(1).normal(size=descriptor.n_features)
    labels = linear_labels(frames, descriptor, {29: weights}, {29: -3.0})
    for rows in (labels, (labels[0] * 1.0, labels[1], None)):
        model = LinearModel(SMALL, alpha=0.0, baseline=None).fit(frames, *rows)
        np.testing.assert_allclose(model.coefficients_, [*weights, -3.0], atol=1e-7)


def test_rows_of_each_kind_matter_alone():
    """Forces of one structure, stress of another: what is None adds no row."""
    energies, forces, stress = LABELS
    some_forces = [forces[0]] + [None] * 8
    some_stress = [None] * 8 + [stress[8]]
    plain = LinearModel(SMALL, alpha=1e-8).fit(FRAMES, energies)
    model = LinearModel(SMALL, alpha=1e-8, sigma_forces=1e-4, sigma_virial=1e-4)
    model.fit(FRAMES, energies, some_forces, some_stress)

    def errors(m):
        found = m.evaluate(FRAMES, forces=True)
        f, s = found.forces[: len(forces[0])] - forces[0], found.stress[8] - stress[8]
        return np.abs(f).mean(), np.abs(s).mean()

    assert errors(model)[0] < 0.5 * errors(plain)[0]
    assert errors(model)[1] < 0.5 * errors(plain)[1]


def test_linear_model_chooses_its_penalty():
    """Few noisy energies, many features: the penalty chosen predicts better than next to none."""
    frames, rng = alloys(40, seed=7), np.random.default_rng(2)
    energies = toy_labels(frames)[0] + 0.03 * rng.normal(size=40)
    descriptor = vc.SNAP(cutoff=3.5, j_max=1.5, channels=None, quadratic=True)
    chosen = LinearModel(descriptor).fit(frames, energies)
    none = LinearModel(descriptor, alpha=1e-16).fit(frames, energies)
    assert 1e-16 < chosen.alpha_ < 1
    new = alloys(20, seed=8)
    errors = [np.abs(m.predict(new) - toy_labels(new)[0]).mean() for m in (chosen, none)]
    assert errors[0] < 0.8 * errors[1]


def test_chunks_of_centres_change_nothing(monkeypatch):
    energies, forces, stress = LABELS
    whole = SparseGP(SOAP, n_sparse=8).fit(FRAMES, energies, forces, stress)
    monkeypatch.setattr("vicinal.models.potential.BLOCK", 3 * 40 * 45 * 2)
    monkeypatch.setattr("vicinal.models.potential.CHUNK_ATOMS", 1)
    parts = SparseGP(SOAP, n_sparse=8).fit(FRAMES, energies, forces, stress)
    np.testing.assert_allclose(parts.predict(TEST), whole.predict(TEST), rtol=1e-6)


# -- sparse Gaussian process --------------------------------------------------------------------


def test_sparse_process_of_all_environments_interpolates():
    energies, sizes = LABELS[0], np.array([len(f) for f in FRAMES])
    model = SparseGP(SOAP, n_sparse=1000, kernel=Gaussian(0.1), sigma_energy=1e-6, jitter=1e-13)
    mean, std = model.fit(FRAMES, energies).predict(FRAMES, return_std=True)
    assert np.abs((mean - energies) / sizes).max() < 1e-5
    assert std.max() < 0.01 * model.predict(TEST, return_std=True)[1].min()


@pytest.mark.parametrize("kernel", [Gaussian(0.3), Polynomial(3)])
def test_sparse_process_recovers_one(kernel):
    """Energies, forces and stress of a sum of kernels are found again."""
    truth = SparseGP(SOAP, kernel=kernel, n_sparse=6, jitter=1e-12).fit(FRAMES, LABELS[0])
    found = truth.evaluate(FRAMES, forces=True)
    forces = np.split(found.forces, np.cumsum([len(f) for f in FRAMES])[:-1])
    tight = {"sigma_energy": 1e-6, "sigma_forces": 1e-6, "sigma_virial": 1e-6}
    for labels in ((forces, list(found.stress)), (forces, None), (None, list(found.stress))):
        model = SparseGP(SOAP, kernel=kernel, n_sparse=6, jitter=1e-12, **tight)
        again = model.fit(FRAMES, found.values, *labels).evaluate(TEST, forces=True)
        there = truth.evaluate(TEST, forces=True)
        np.testing.assert_allclose(again.values, there.values, atol=1e-4)
        np.testing.assert_allclose(again.forces, there.forces, atol=1e-3)
        np.testing.assert_allclose(again.stress, there.stress, atol=1e-4)


def test_sparse_process_of_all_environments_is_the_gaussian_process():
    """Mean and variance of the exact process on sums over atoms."""
    energies = LABELS[0]
    kernel, sizes = Polynomial(3), np.array([len(f) for f in FRAMES])
    model = SparseGP(SOAP, n_sparse=1000, kernel=kernel, sigma_energy=0.01, jitter=1e-13)
    mean, std = model.fit(FRAMES, energies).predict(TEST, return_std=True)
    descriptor = clone(SOAP).fit(FRAMES)
    a, b = descriptor.compute(FRAMES), descriptor.compute(TEST)
    K = structure_kernel(a, kernel=kernel) + np.diag((0.01 * sizes) ** 2)
    k, own = structure_kernel(b, a, kernel=kernel), np.diag(structure_kernel(b, kernel=kernel))
    counts = np.array([[(f.numbers == z).sum() for z in (29, 79)] for f in FRAMES])
    baseline = np.linalg.lstsq(counts, energies, rcond=None)[0]
    rest = energies - counts @ baseline
    new = np.array([[(f.numbers == z).sum() for z in (29, 79)] for f in TEST]) @ baseline
    np.testing.assert_allclose(mean, new + k @ np.linalg.solve(K, rest), atol=1e-6)
    scale = np.sqrt(rest @ np.linalg.solve(K, rest) / len(rest))
    variance = own - np.einsum("sn,ns->s", k, np.linalg.solve(K, k.T))
    variance += [(0.01 * len(f)) ** 2 for f in TEST]
    np.testing.assert_allclose(std, scale * np.sqrt(variance), rtol=1e-4)


@pytest.mark.parametrize("selection", ["fps", "cur", "random"])
def test_representatives_are_training_environments(selection):
    if selection != "random":
        pytest.importorskip("skmatter")
    model = SparseGP(SOAP, n_sparse=5, selection=selection).fit(FRAMES, LABELS[0])
    found = clone(SOAP).fit(FRAMES).compute(FRAMES)
    for z in (29, 79):
        own = found.values[found.samples["number"] == z]
        chosen = model.bases_[z].Y
        assert len(np.unique(chosen, axis=0)) == 5
        assert np.abs(chosen[:, None] - own).sum(axis=2).min(axis=1).max() < 1e-12


# -- ridge --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_ridge_is_that_of_scikit_learn(pooling):
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = RidgeModel(SOAP, pooling=pooling, alpha=0.1, baseline=None).fit(FRAMES, LABELS[0])
    pooled = clone(SOAP).set_params(pooling=pooling)
    peer = make_pipeline(pooled, StandardScaler(), Ridge(0.1)).fit(FRAMES, LABELS[0])
    np.testing.assert_allclose(model.predict(TEST), peer.predict(TEST), rtol=1e-9)


# -- structures ---------------------------------------------------------------------------------


def test_structure_model_is_kernel_ridge():
    energies = LABELS[0]
    model = StructureModel(SOAP, kernel=Gaussian(0.5), noise=1e-4, baseline="mean")
    mean, std = model.fit(FRAMES, energies).predict(TEST, return_std=True)
    descriptor = clone(SOAP).fit(FRAMES)
    a, b = descriptor.compute(FRAMES), descriptor.compute(TEST)
    K, k = structure_kernel(a, kernel=Gaussian(0.5)), structure_kernel(b, a, kernel=Gaussian(0.5))
    noise = 1e-4 * np.trace(K) / len(K)
    inverse = np.linalg.inv(K + noise * np.eye(len(K)))
    rest = energies - energies.mean()
    np.testing.assert_allclose(mean, energies.mean() + k @ inverse @ rest, rtol=1e-8)
    own = np.diag(structure_kernel(b, kernel=Gaussian(0.5)))
    variance = own - np.einsum("sn,nm,sm->s", k, inverse, k) + noise
    np.testing.assert_allclose(std, np.sqrt(variance * (rest @ inverse @ rest) / 9), rtol=1e-8)


def test_length_scale_and_noise_are_chosen():
    """Better than most of the alternatives, on structures that were not there."""
    frames = alloys(40, seed=7)
    energies, test = toy_labels(frames)[0], toy_labels(alloys(20, seed=8))[0]
    model = StructureModel(SOAP).fit(frames, energies)
    error = np.sqrt(np.mean((model.predict(alloys(20, seed=8)) - test) ** 2))
    guess = model.baseline_.predict([f.numbers for f in alloys(20, seed=8)])
    assert error < 0.8 * np.std(test - guess)
    assert 0.3 < error / model.loo_rmse_ < 3
    worse = [
        StructureModel(SOAP, kernel=Gaussian(f * model.kernel_.length_scale)).fit(frames, energies)
        for f in (0.25, 4)
    ]
    assert model.loo_rmse_ <= min(m.loo_rmse_ for m in worse)


POOLED = clone(SOAP).set_params(pooling="mean")


@pytest.mark.parametrize(
    "model",
    [
        LinearModel(SMALL),
        SparseGP(SOAP, n_sparse=20, kernel=Gaussian(0.3)),
        SparseGP(SOAP, n_sparse=20, kernel=Polynomial(4)),
        RidgeModel(SOAP),
        RidgeModel(SOAP, pooling="mean", baseline="mean"),
        StructureModel(SOAP),
        StructureModel(SOAP, kernel=Polynomial(3), how="average", like_atoms=False),
        StructureModel(POOLED, kernel=Gaussian(0.3)),
    ],
    ids=["linear", "sparse", "sparse ζ", "ridge", "mean", "sum", "average", "pooled"],
)
def test_forces_and_stress_are_derivatives(model):
    model = clone(model).fit(FRAMES, LABELS[0])
    check_derivatives(model, TEST, 1.0)
    found = model.evaluate(TEST, forces=True)
    assert (found.energies is not None) == model.has_energies
    if model.has_energies:
        parts = np.split(found.energies, np.cumsum([len(f) for f in TEST])[:-1])
        np.testing.assert_allclose([part.sum() for part in parts], found.values, rtol=1e-10)


def test_matrices_have_forces_too():
    frames = [molecule(name) for name in ("H2O", "NH3", "CH4", "C2H2", "HCN")]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=seed)
    matrix = vc.CoulombMatrix(permutation="eigenspectrum")
    model = StructureModel(matrix, kernel=Gaussian(20.0)).fit(frames, np.arange(5.0))
    found = model.evaluate(frames[:2], forces=True)
    plus, minus = model.predict([moved(frames[0], h, 0, 2) for h in (1e-4, -1e-4)])
    assert found.forces[0, 2] == pytest.approx((minus - plus) / 2e-4, abs=1e-6)
    assert np.isnan(found.stress).all() and found.energies is None


@pytest.mark.parametrize(
    "model",
    [
        StructureModel(SOAP, kernel=Laplacian(1.0)),
        StructureModel(SOAP, how="rematch"),
        StructureModel(SOAP, normalize=True),
        StructureModel(POOLED, kernel=Polynomial(2, normalize=False), normalize=True),
        SparseGP(SOAP, kernel=Laplacian(1.0)),
    ],
    ids=["laplacian", "rematch", "normalized", "pooled", "sparse"],
)
def test_no_forces_where_there_is_no_derivative(model):
    model = clone(model).fit(FRAMES[:5], LABELS[0][:5])
    assert not model.has_forces
    assert model.predict(TEST).shape == (3,)
    with pytest.raises(ParameterError, match="no forces"):
        model.evaluate(TEST, forces=True)


def test_properties_of_atoms():
    """As many targets as atoms: K compares environments of one element."""
    target = np.concatenate([np.linalg.norm(f, axis=1) for f in LABELS[1]])
    kernel = Gaussian(0.3)
    model = StructureModel(SOAP, how="atoms", kernel=kernel, noise=1e-3).fit(FRAMES, target)
    mean, std = model.predict(TEST, return_std=True)
    descriptor = clone(SOAP).fit(FRAMES)
    a, b = descriptor.compute(FRAMES), descriptor.compute(TEST)
    za, zb = a.samples["number"], b.samples["number"]
    K = kernel(a.values, a.values) * (za[:, None] == za) + 1e-3 * np.eye(len(za))
    k = kernel(b.values, a.values) * (zb[:, None] == za)
    base = {z: target[za == z].mean() for z in (29, 79)}
    rest = target - [base[z] for z in za]
    expected = k @ np.linalg.solve(K, rest) + [base[z] for z in zb]
    np.testing.assert_allclose(mean, expected, rtol=1e-8)
    assert std.shape == mean.shape == (sum(len(f) for f in TEST),)
    assert not model.has_forces
    with pytest.raises(ShapeError, match="for each of 48 atoms"):
        model.fit(FRAMES, LABELS[0])
    with pytest.raises(ParameterError, match="descriptor of atoms"):
        StructureModel(POOLED, how="atoms").fit(FRAMES, target)
    with pytest.raises(ParameterError, match="property of atoms"):
        model.calculator()


# -- interface ----------------------------------------------------------------------------------


def test_models_are_scikit_learn_estimators():
    model = StructureModel(SOAP, noise=1e-3)
    same = clone(model).set_params(how="average", descriptor__n_max=2)
    assert (same.how, same.descriptor.n_max, model.descriptor.n_max) == ("average", 2, 3)
    assert same.fit(FRAMES, LABELS[0]).score(FRAMES, LABELS[0]) > 0.9
    assert not hasattr(same.descriptor, "species_")


def test_predictions_in_chunks_are_those_of_all(monkeypatch):
    model = StructureModel(SOAP).fit(FRAMES, LABELS[0])
    whole = model.evaluate(TEST, std=True, forces=True)
    monkeypatch.setattr("vicinal.models.base.CHUNK_ATOMS", 1)
    parts = model.evaluate(TEST, std=True, forces=True)
    for name in ("values", "std", "energies", "forces", "stress"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-8)


@pytest.mark.parametrize("cls", [LinearModel, SparseGP, RidgeModel, StructureModel])
def test_bad_input(cls, monkeypatch):
    energies = LABELS[0]
    with pytest.raises(NotFittedError, match="fit"):
        cls(SMALL).predict(TEST)
    with pytest.raises(ShapeError, match="not one number for each of 9"):
        cls(SMALL).fit(FRAMES, energies[:5])
    missing = energies.copy()
    missing[[2, 4]] = np.nan
    with pytest.raises(ShapeError, match="structure 2 and of 1 others is missing"):
        cls(SMALL).fit(FRAMES, missing)
    with pytest.raises(ShapeError, match="no structures"):
        cls(SMALL).fit([], [])
    with pytest.raises(ParameterError, match="baseline"):
        cls(SMALL, baseline="wrong").fit(FRAMES, energies)
    broken = [atoms.copy() for atoms in FRAMES]
    broken[4].positions[3] = np.nan
    with pytest.raises(StructureError, match=r"atom 3 \(.*\) of structure 4 is NaN"):
        cls(SMALL).fit(broken, energies)
    model = cls(SMALL).fit(FRAMES, energies)
    silver = FRAMES[0].copy()
    silver.symbols[1] = "Ag"
    monkeypatch.setattr("vicinal.models.base.CHUNK_ATOMS", 1)
    with pytest.raises(SpeciesError, match=r"atom 1 \(Ag\) of structure 2"):
        model.predict([*FRAMES[:2], silver])
    known = cls(clone(SMALL).set_params(species=["Cu", "Au", "Ag"])).fit(FRAMES, energies)
    with pytest.raises(SpeciesError, match="structure 2 contains Ag"):
        known.predict([*FRAMES[:2], silver])


def test_bad_potentials():
    energies, forces, stress = LABELS
    model = LinearModel(SMALL)
    with pytest.raises(ShapeError, match="forces are given for 8 structures, not for 9"):
        model.fit(FRAMES, energies, forces[:8])
    with pytest.raises(ShapeError, match=r"forces of structure 0 must be \(4, 3\)"):
        model.fit(FRAMES, energies, [f[1:] for f in forces])
    with pytest.raises(ShapeError, match="stress of structure 1"):
        model.fit(FRAMES, energies, None, [stress[0], np.full(6, np.nan), *stress[2:]])
    with pytest.raises(ParameterError, match="sigma_forces"):
        LinearModel(SMALL, sigma_forces=0).fit(FRAMES, energies)
    with pytest.raises(ParameterError, match="whole structures"):
        LinearModel(vc.SineMatrix()).fit(FRAMES, energies)
    few = vc.ACSF(cutoff=3.5, g2=[(0.5, 0.0)])
    with pytest.raises(ParameterError, match="no more than 2 environments"):
        SparseGP(few, n_sparse=5, selection="cur").fit(FRAMES, energies)
    with pytest.raises(ParameterError, match="no gradient"):
        SparseGP(SMALL, kernel=Laplacian(1.0)).fit(FRAMES, energies, forces)
    for cls in (LinearModel, RidgeModel):
        with pytest.raises(ParameterError, match="alpha must not be negative"):
            cls(SMALL, alpha=-1.0).fit(FRAMES, energies)
    many = vc.SNAP(cutoff=3.5, j_max=4, quadratic=True)
    with pytest.raises(ParameterError, match="coefficients .* do not fit into memory"):
        LinearModel(many).fit(FRAMES, energies)
    with pytest.raises(ParameterError, match="no standard deviations"):
        LinearModel(SMALL).fit(FRAMES, energies).predict(TEST, return_std=True)


# -- targets ------------------------------------------------------------------------------------


def test_forces_and_stress_are_read_from_wherever_they_are():
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = Atoms("Cu", cell=[2, 2, 2], pbc=True)
    atoms.calc = SinglePointCalculator(
        atoms, energy=-3.0, forces=np.ones((1, 3)), stress=np.arange(6.0)
    )
    other = Atoms("Cu", cell=[2, 2, 2], pbc=True, info={"virial": 8 * np.eye(3)})
    pulls = read_forces([atoms, other])
    assert pulls[0].tolist() == [[1.0] * 3] and pulls[1] is None
    stress = read_stress([atoms, other, Atoms("H")])
    assert stress[0].tolist() == list(range(6))
    assert stress[1] == pytest.approx([-1, -1, -1, 0, 0, 0]) and stress[2] is None
