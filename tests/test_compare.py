"""The comparison itself: who takes part, tuning, the protocol, going on after an interruption."""

import dataclasses
import json
import multiprocessing
import os

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.distance import cdist

import vicinal as vc
from vicinal.compare import Plan, Task, entrant, outer_splits, protocol, tuning
from vicinal.compare.protocol import Job, evaluate, run
from vicinal.compare.similarity import judged
from vicinal.compare.tuning import Settings, tune
from vicinal.errors import FileError, ParameterError, VicinalError

SMALL_SOAP = {"name": "soap", "n_max": 2, "l_max": 2, "sigma": 0.5, "normalization": None}


def molecules(n=36, seed=0):
    """Distorted molecules with an energy, a gap and charges that depend on their geometry."""
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(n):
        atoms = molecule(["H2O", "CH4", "NH3", "CH3OH"][k % 4])
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        d = atoms.get_all_distances() + 10 * np.eye(len(atoms))
        atoms.info["energy"] = float(-2.0 * len(atoms) + np.sum(1 / d**2))
        atoms.info["gap"] = float(3 + d.min())
        atoms.arrays["charge"] = atoms.numbers / 8 + np.sum(1 / d**2, axis=1)
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def task():
    return Task.from_frames(molecules(), "energy", extensive=True, unit="eV")


def make_plan(task, descriptors=(SMALL_SOAP, "coulomb_matrix"), repeats=1, trials=2, **options):
    splits = outer_splits(task, sizes=[8, 16], test_size=8, repeats=repeats)
    able = tuple(entrant(one) for one in descriptors)
    return Plan(task, able, tuple(splits), trials, **options)


def numbers(results):
    """All of results but times."""
    return [
        (r.entrant, r.repeat, r.size, r.settings, r.test, r.predicted, r.std, r.failed)
        for r in results
    ]


@pytest.fixture(scope="module")
def plan(task):
    return make_plan(task, repeats=2)


@pytest.fixture(scope="module")
def results(plan, tmp_path_factory):
    return run(plan, tmp_path_factory.mktemp("whole") / "a.sqlite")


# -- entrants -----------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", vc.registry.ENTRIES, ids=lambda entry: entry.name)
def test_search_spaces_make_descriptors(entry):
    one = entrant(entry.name)
    assert one.name == entry.name and one.make().get_params() == entry.cls().get_params()
    first, usual = one.smallest(), one.usual()
    expected = entry.cls.from_choices(**first).get_params() if first else entry.cls().get_params()
    assert one.make(**first).get_params() == expected
    for name, values in one.space.items():
        assert usual[name] in values
        fixed = entrant({"name": entry.name, name: values[-1]})
        assert name not in fixed.space and fixed.name.startswith(entry.name)
        rest = {key: value for key, value in first.items() if key != name}
        wanted = entry.cls.from_choices(**first | {name: values[-1]}).get_params()
        assert fixed.make(**rest).get_params() == wanted
        assert type(fixed.make()) is entry.cls


def test_fixed_parameters_and_choices():
    soap = entrant({"name": "soap", "cutoff": 5.0, "species": ["H", "O"]})
    assert soap.name == "soap,cutoff=5.0,species=['H', 'O']"
    made = soap.make(**soap.smallest())
    assert made.cutoff == 5.0 and made.species == ["H", "O"] and "cutoff" not in soap.space
    # A choice that is no parameter, and a parameter that is no choice.
    acsf = entrant({"name": "acsf", "n_radial": 4, "cutoff": 5.0, "dtype": "float32"})
    made = acsf.make(**acsf.smallest() | {"n_angular": 1})
    assert len(made.g2) == 4 and len(made.g4) == 2 and made.cutoff == 5.0
    assert made.dtype == "float32" and set(acsf.space) == {"radial", "n_angular", "eta"}
    assert entrant({"name": "bag_of_bonds", "n_threads": 1}).make().n_threads == 1


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("sop", "no descriptor is called 'sop'"),
        ({"cutoff": 5.0}, "named by text"),
        ({"name": "soap", "n_radial": 4}, "soap has no parameter or choice 'n_radial'; it has:.*"),
        (3, "not 3"),
    ],
)
def test_entrants_that_make_no_sense(wrong, message):
    with pytest.raises(ParameterError, match=message):
        entrant(wrong)


def test_descriptors_as_they_are():
    given = vc.ACSF(cutoff=5.0, g2=[(k, 0.0) for k in range(1, 30)], g4=None)
    one, other = entrant(given), entrant(given.set_params(cutoff=6.0))
    assert not one.space and one.make().get_params() == given.get_params() | {"cutoff": 5.0}
    assert max(len(one.name), len(other.name)) <= 60 and one.name != other.name
    assert entrant(vc.SOAP(cutoff=4.0)).name == "SOAP(cutoff=4.0)"
    assert entrant(vc.SOAP()).name != entrant("soap").name
    made = eval(one.python, {"vc": vc})
    assert json.loads(made.to_json()) == json.loads(one.make().to_json())


def test_refusals():
    frames = molecules(24)
    crystal = bulk("NaCl", "rocksalt", a=5.64)
    crystal.info["energy"] = -3.0
    mixed = Task.from_frames([*frames, crystal], "energy")
    assert entrant("soap").refusal(mixed) is None
    assert "structure 24" in entrant("coulomb_matrix").refusal(mixed)  # behind all others
    assert "structure 24" in entrant({"name": "soap", "species": [1, 6, 7, 8]}).refusal(mixed)
    assert "positive" in entrant({"name": "soap", "cutoff": -1.0}).refusal(mixed)
    charges = Task.from_frames(frames, "charge")
    assert "property of atoms" in entrant("coulomb_matrix").refusal(charges)
    assert "property of atoms" in entrant(vc.SOAP(pooling="mean")).refusal(charges)
    assert entrant("soap").refusal(charges) is None


# -- tuning -------------------------------------------------------------------------------------


def reference_kernel(descriptor, frames, others, kernel, length_scale, how):
    """Similarity of structures (or of all their atoms), written out."""
    k = {
        "gaussian": lambda x, y: np.exp(-(cdist(x, y) ** 2) / (2 * length_scale**2)),
        "laplacian": lambda x, y: np.exp(-cdist(x, y, "cityblock") / length_scale),
    }[kernel]
    rows = [[descriptor.compute([atoms]).dense() for atoms in some] for some in (frames, others)]
    blocks = []
    for x, a in zip(rows[0], frames, strict=True):
        line = []
        for y, b in zip(rows[1], others, strict=True):
            C = k(x, y)
            if how != "whole":
                C = C * (a.numbers[:, None] == b.numbers)
            line.append({"sum": C.sum(), "average": C.mean()}.get(how, C))
        blocks.append(line)
    return np.block(blocks) if how in ("atoms", "whole") else np.array(blocks)


def reference_baseline(frames, y, others, how):
    def table(frames):
        counts = np.array([[np.sum(a.numbers == z) for z in (1, 6, 7, 8)] for a in frames], float)
        if how == "atoms":
            return (np.concatenate([a.numbers for a in frames])[:, None] == (1, 6, 7, 8)) * 1.0
        return counts / counts.sum(axis=1, keepdims=True) if how == "average" else counts

    known = np.linalg.lstsq(table(frames), y, rcond=None)[0]
    return table(frames) @ known, table(others) @ known


CASES = {
    "extensive": ("energy", True, vc.SOAP(n_max=2, l_max=2), "gaussian", "sum"),
    "intensive": ("gap", False, vc.SOAP(n_max=2, l_max=2), "gaussian", "average"),
    "atoms": ("charge", None, vc.SOAP(n_max=2, l_max=2), "gaussian", "atoms"),
    "whole": ("energy", True, vc.CoulombMatrix(), "laplacian", "whole"),
}


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_kernel_ridge_regression(case):
    target, extensive, descriptor, kernel, how = CASES[case]
    task = Task.from_frames(molecules(), target, extensive=extensive)
    train, test = np.arange(0, 24), np.arange(24, 36)
    length, noise = 3.0, 1e-5
    settings = Settings({}, length, noise, 0.0, 1)
    job = Job(entrant(descriptor, kernel=kernel), 0, len(train))
    result = evaluate(task, job, settings, train, test)

    frames = [[task.frames[s] for s in part] for part in (train, test)]
    descriptor = descriptor.fit(task.frames)
    y = task.values[task.rows(train)]
    known, asked = reference_baseline(frames[0], y, frames[1], how)

    def k(a, b):
        return reference_kernel(descriptor, a, b, kernel, length, how)

    K = k(frames[0], frames[0])
    added = noise * np.mean(np.diag(K))
    inverse = np.linalg.inv(K + added * np.eye(len(K)))
    across = k(frames[1], frames[0])
    expected = across @ inverse @ (y - known) + asked
    np.testing.assert_allclose(result.predicted, expected, rtol=1e-6)
    own = np.diag(k(frames[1], frames[1]))
    variance = own - np.einsum("ij,jk,ik->i", across, inverse, across) + added
    scale = (y - known) @ inverse @ (y - known) / len(y)
    np.testing.assert_allclose(result.std, np.sqrt(scale * variance), rtol=1e-5)
    assert result.test == task.rows(test).tolist() and result.n_features > 1
    assert result.describe_us > 0 and result.kernel_us > 0
    error = np.abs(task.values[result.test] - result.predicted).mean()
    assert error < np.abs(task.values[result.test] - asked).mean()


def test_tuning_judges_by_leaving_one_out(task):
    study = tuning.open_study()
    train = np.arange(12)
    found = tune(entrant(SMALL_SOAP), task, train, trials=3, study=study)
    frames = [task.frames[s] for s in train]
    y = task.values[train]
    rest = y - reference_baseline(frames, y, frames, "sum")[0]
    descriptor = entrant(SMALL_SOAP).make(**found.choices)
    scale = found.length_scale
    K = reference_kernel(descriptor.fit(frames), frames, frames, "gaussian", scale, "sum")
    K += found.noise * np.mean(np.diag(K)) * np.eye(len(K))
    errors = []
    for out in range(len(K)):
        others = np.arange(len(K)) != out
        alpha = np.linalg.solve(K[np.ix_(others, others)], rest[others])
        errors.append(rest[out] - K[out, others] @ alpha)
    assert found.error == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-3)
    assert found.error <= min(trial.value for trial in study.trials)
    assert found.steps == len(study.trials) == 3
    first = study.trials[0].params  # the defaults of the class, if there is time for nothing else
    assert entrant(SMALL_SOAP).space["cutoff"][first["cutoff"]] == vc.SOAP().cutoff


def test_tuning_goes_on_as_if_not_interrupted(task, monkeypatch):
    one, train, calls = entrant({"name": "soap", "l_max": 2}), np.arange(8), []

    def steps(study, seed=5):
        found = tune(one, task, train, trials=12, seed=seed, study=study)
        return found, [trial.params for trial in study.trials if trial.value is not None]

    whole = steps(tuning.open_study())
    assert steps(tuning.open_study(), seed=6)[1] != whole[1]
    assert len({str(params) for params in whole[1][:8]}) > 6  # at random first
    describe = tuning.describe

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) in (1, 11):
            raise KeyboardInterrupt
        return describe(*arguments)

    monkeypatch.setattr(tuning, "describe", interrupted)
    study = tuning.open_study()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            steps(study)
    assert steps(study) == whole
    assert len(calls) == 2 + 12 + 1  # interrupted, steps, and the refinement


def test_tuning_without_time_takes_the_usual(task):
    found = tune(entrant(SMALL_SOAP), task, np.arange(8), trials=50, seconds=0.0)
    assert found.steps == 1 and found.choices == {"cutoff": vc.SOAP().cutoff}


class Fussy(vc.SOAP):
    """Some of its choices make no sense."""

    registry_name = "fussy"

    def compute(self, X, *arguments):
        if self.cutoff != 4.0:
            raise ParameterError(f"not with {self.cutoff}")
        return super().compute(X, *arguments)


def test_steps_that_fail(task):
    fussy = dataclasses.replace(entrant(SMALL_SOAP), cls=Fussy, space={"cutoff": (4.0, 5.0)})
    found = tune(fussy, task, np.arange(8), trials=6)
    assert found.choices == {"cutoff": 4.0} and found.steps == 6
    hopeless = dataclasses.replace(fussy, space={"cutoff": (5.0, 6.0)})
    with pytest.raises(VicinalError, match="not with [56]"):
        tune(hopeless, task, np.arange(8), trials=2)


def test_tuning_sees_a_fair_sample():
    frames = sorted(molecules(80), key=len)
    task = Task.from_frames(frames, "energy", extensive=True)
    part = tuning.sample(task, np.arange(80), 20)
    assert len(part) == 20 and (np.diff(part) > 0).all()
    assert [len(task.frames[s]) for s in part] == [n for n in (3, 4, 5, 6) for _ in range(5)]
    assert tuning.sample(task, part, 20) is part
    charges = Task.from_frames(frames, "charge")
    seen = tuning.sample(charges, np.arange(80), 400)
    assert len(seen) == 80  # 360 atoms
    many = Task.from_frames(frames * 10, "charge")
    assert many.n_atoms[tuning.sample(many, np.arange(800), 800)].sum() == pytest.approx(1000, 0.05)


# -- the protocol -------------------------------------------------------------------------------


def test_results(plan, results):
    assert [(r.entrant, r.repeat, r.size) for r in results] == [
        (job.entrant.name, job.repeat, job.size) for job in plan.jobs()
    ]
    assert all(r.failed is None and r.seconds > 0 for r in results)
    for r in results:  # the same structures for all
        assert r.test == plan.splits[r.repeat].test.tolist()
        assert len(r.predicted) == len(r.std) == 8 and min(r.std) > 0
        assert set(r.settings["choices"]) == set(entrant(plan_of(plan, r)).space)


def plan_of(plan, result):
    (own,) = [e for e in plan.entrants if e.name == result.entrant]
    return eval(own.python, {"vc": vc})


def test_processes_change_nothing(plan, results, tmp_path):
    assert numbers(run(plan, tmp_path / "b.sqlite", n_jobs=2)) == numbers(results)


def test_test_targets_are_never_seen(plan, results, tmp_path):
    one = dataclasses.replace(plan, splits=plan.splits[:1])
    nonsense = plan.task.values.copy()
    nonsense[one.splits[0].test] = 1e6 * np.random.default_rng(0).normal(size=8)
    blind = dataclasses.replace(one, task=dataclasses.replace(plan.task, values=nonsense))
    assert numbers(run(blind, tmp_path / "c.sqlite")) == numbers(results)[:4]


def test_going_on_after_an_interruption(plan, results, tmp_path, monkeypatch):
    storage, seen = tmp_path / "d.sqlite", []

    def stop(done, total, name):
        seen.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    first = run(plan, storage, progress=stop)
    assert numbers(first) == numbers(results)[:3] and seen == [(k, 8) for k in range(4)]
    worked = []
    run_job = protocol._run_job

    def noted(plan, job, *rest):
        worked.append(job.name)
        return run_job(plan, job, *rest)

    monkeypatch.setattr(protocol, "_run_job", noted)
    again = run(plan, storage)
    assert numbers(again) == numbers(results)
    assert again[:3] == first  # times too: from the file
    assert worked == [job.name for job in plan.jobs()][3:]
    assert run(plan, storage) == again and len(worked) == 5


def test_a_file_of_something_else_is_refused(plan, tmp_path):
    storage = tmp_path / "e.sqlite"

    def stop(*_):
        raise KeyboardInterrupt

    assert run(plan, storage, progress=stop) == []
    moved = [atoms.copy() for atoms in plan.task.frames]
    moved[3].positions[0] += 0.01
    others = [
        make_plan(plan.task, repeats=1),
        dataclasses.replace(plan, trials=3),
        dataclasses.replace(plan, seed=1),
        dataclasses.replace(plan, task=dataclasses.replace(plan.task, frames=moved)),
        dataclasses.replace(plan, task=dataclasses.replace(plan.task, extensive=False)),
        # The same name, other parameters.
        dataclasses.replace(
            plan,
            entrants=(dataclasses.replace(plan.entrants[0], fixed={"l_max": 1}), plan.entrants[1]),
        ),
    ]
    for other in others:
        with pytest.raises(ParameterError, match="of other data or settings"):
            run(other, storage, progress=stop)
    assert run(dataclasses.replace(plan), storage, progress=stop) == []


def test_a_file_that_is_no_database(plan, tmp_path):
    (tmp_path / "f.sqlite").write_text("no database, but long enough to be taken for one" * 100)
    with pytest.raises(FileError, match="f.sqlite: cannot be read or written .*not a database"):
        run(plan, tmp_path / "f.sqlite")
    with pytest.raises(FileError, match="cannot be read or written"):
        run(plan, tmp_path / "nowhere" / "g.sqlite")


class Failing(vc.CoulombMatrix):
    """Describes a few structures, not many."""

    def compute(self, X, *arguments):
        if len(X) > 8:
            raise MemoryError("as large as the sea")
        return super().compute(X, *arguments)


class Dying(vc.CoulombMatrix):
    """Ends its process, as the system does when memory is short."""

    def compute(self, X, *arguments):
        if multiprocessing.parent_process() is not None:
            os._exit(1)
        return super().compute(X, *arguments)


def test_jobs_that_fail(task):
    outcome = vc.compare.compare(
        task,
        descriptors=["coulomb_matrix", Failing(), "ewald_matrix"],
        sizes=[8, 16],
        n_test=8,
        repeats=1,
        trials=1,
        n_jobs=1,
    )
    assert outcome.complete and set(outcome.skipped) == {"ewald_matrix"}
    assert outcome.failures() == {"Failing(), split 0, 16 structures": "as large as the sea"}
    assert [one.name for one in outcome.ranking] == ["coulomb_matrix", "Failing()"]
    assert outcome.ranking[1].best.size == 8  # last, whatever its error
    json.loads(outcome.to_json())


def test_all_fail(task):
    with pytest.raises(VicinalError, match=r"no descriptor gave a result \(Failing.*the sea"):
        vc.compare.compare(
            task, descriptors=[Failing()], sizes=[12], n_test=5, repeats=1, trials=1, n_jobs=1
        )
    with pytest.raises(ParameterError, match="no descriptor can treat the data .ewald_matrix: "):
        vc.compare.compare(task, descriptors=["ewald_matrix"])


def test_a_process_that_dies(task, tmp_path):
    plan = make_plan(task, ["coulomb_matrix", Dying()], trials=1)

    def stop(done, *_):
        if done == 1:
            raise KeyboardInterrupt

    (first,) = run(plan, tmp_path / "h.sqlite", progress=stop)
    with pytest.raises(VicinalError, match="a process ended all of a sudden.* of 4 results"):
        run(plan, tmp_path / "h.sqlite", n_jobs=2)
    kept = run(plan, tmp_path / "h.sqlite", n_jobs=1)
    assert kept[0] == first and len(kept) == 4


def test_budget(task, tmp_path):
    plan = make_plan(task, [SMALL_SOAP], trials=1000)
    results = run(plan, tmp_path / "i.sqlite", budget=1e-6)
    assert [r.settings["steps"] for r in results] == [1, 1]
    assert [r.settings["choices"]["cutoff"] for r in results] == [vc.SOAP().cutoff] * 2


def test_elements_that_training_lacks(task):
    frames = [*molecules(20), Atoms("HCl", [[0, 0, 0], [0, 0, 1.3]])]
    frames[-1].info["energy"] = 3.0
    task = Task.from_frames(frames, "energy", extensive=True)
    train = np.arange(12)
    assert judged(task, train, np.array([14, 20])).tolist() == [14]
    job = Job(entrant(vc.CoulombMatrix()), 0, 12)
    settings = Settings({}, 10.0, 1e-6, 0.0, 1)
    assert evaluate(task, job, settings, train, np.array([14, 20])).test == [14]
    with pytest.raises(VicinalError, match="an element that no training structure has"):
        evaluate(task, job, settings, train, np.array([20]))


def test_targets_that_composition_explains():
    """Nothing is left to learn: no error, and no deviation of zero."""
    frames = molecules(24)
    for atoms in frames:
        atoms.info["energy"] = float(np.sum(atoms.numbers))
    outcome = vc.compare.compare(
        frames, "energy", descriptors=["coulomb_matrix"], sizes=[8, 16], n_test=6, repeats=2,
        trials=1, n_jobs=1, extensive=True,
    )  # fmt: skip
    assert outcome.ranking[0].best.mae[0] < 1e-6
    outcome.uncertainty("coulomb_matrix")


def test_noise_that_rounding_errors_outweigh():
    X = np.linspace(0, 1, 200)[:, None]
    K = np.exp(-(cdist(X, X) ** 2) / 200)
    model = protocol._fitted(K, np.sin(X[:, 0]), 1e-18)
    assert 1e-18 < model.noise < 1e-8
    np.testing.assert_allclose(K @ model.alpha_, np.sin(X[:, 0]), atol=1e-4)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"trials": 0}, "trials must be a positive integer"),
        ({"limit": 0}, "limit must be a positive integer"),
        ({"budget": 0.0}, "budget must be positive"),
        ({"n_jobs": 0}, "positive integer"),
        ({"repeats": 0}, "repeats must be at least 1"),
        ({"descriptors": []}, "descriptors must be given"),
        ({"descriptors": ["soap", "SOAP"]}, "each once"),
    ],
)
def test_options_that_make_no_sense(task, options, message):
    with pytest.raises(ParameterError, match=message):
        vc.compare.compare(task, **options)


def test_forces_are_refused():
    frames = molecules(12)
    for atoms in frames:
        atoms.arrays["forces"] = np.ones((len(atoms), 3)) * atoms.positions
    with pytest.raises(ParameterError, match="forces cannot be compared"):
        vc.compare.compare(frames, "forces")
