"""QM7: errors of atomisation energies, and what they cost.

    python benchmarks/qm7.py [DATA] [--models NAME ...] [--repeats 3] [--folds] [--search]
        [--threads 2] [--output FOLDER]

DATA is the folder with qm7.extxyz.xz, else $VICINAL_DATA. Kernel ridge regression on what a
composition regression leaves. Writes results/qm7.md and results/qm7.json: 2,000 molecules to train
on and 1,000 to test on. --folds: five folds instead, about 5,680 to train on and 1,420 to test on,
into results/qm7_folds. Length scale (a multiple of the median distance of rows) and noise have the
least leave-one-out error in training. Settings of descriptors come from --search, which prints the
leave-one-out errors of 1,000 molecules; none of them is in a test set of 2,000/1,000, and of the
five folds the errors of all others are given too.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import common
import numpy as np
from ase.units import Bohr
from sklearn.decomposition import PCA

import vicinal as vc
from vicinal.datasets import load_qm7
from vicinal.features import Features
from vicinal.models import Baseline, KernelRidge, loo_for_noises
from vicinal.similarity import Gaussian, Laplacian, structure_kernel

common.PACKAGES = ("vicinal", "ase", "numpy", "scipy", "scikit-learn")
NOISES = 10.0 ** np.arange(-11, -2)  # relative to the mean of the kernel's diagonal
N_SEARCH = 1000


def slatm(frames, **options):
    return vc.SLATM(many_body_types=vc.SLATM.types_of(frames), **options)


def soap(**options):
    """Near neighbours count more."""
    weighting = {"function": "pow", "r0": 2.0, "c": 1.0, "d": 1.0, "m": 7.0}
    return vc.SOAP(cutoff=5.0, n_max=6, l_max=4, sigma=0.3, weighting=weighting, **options)


def peer_soap(pooling=None):
    """With the peer's settings and radial basis."""
    options = {"species": ["H", "C", "N", "O", "S"], "r_cut": 5.0, "n_max": 6, "l_max": 4}
    return vc.SOAP.from_dscribe(**options, sigma=0.4).set_params(pooling=pooling)


class AtomicUnits(vc.CoulombMatrix):
    """As published: distances in Bohr, so that the diagonal weighs more than with those in Å."""

    def compute(self, frames, **options):
        frames = [frame.copy() for frame in frames]
        for frame in frames:
            frame.positions /= Bohr
        return super().compute(frames, **options)


FINE = {"sigmas": (0.05, 0.1), "steps": (0.05, 0.1)}
SHORT = {
    "cutoff": 5.0, "angular_cutoff": 5.0, "eta2": 0.1, "three_body_decay": 1.0,
    "three_body_weight": 40.0,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A descriptor, made for training structures, its kernel and length scales to choose from."""

    make: callable
    kernel: type = Gaussian
    lengths: tuple = (1, 2, 4, 8)
    peer: float | None = None
    n_components: int | None = None  #: of rows of atoms, by principal components


#: Peers: their own features with the same kernels, 2,000/1,000, one split.
ENTRIES = {
    "Coulomb matrix, sorted": Entry(
        lambda frames: AtomicUnits(n_atoms_max=23, layout="triangle"), Laplacian, (2, 4, 8), 4.94
    ),
    "bag of bonds": Entry(
        lambda frames: vc.BagOfBonds(asize=ASIZE), Laplacian, (8, 16, 32, 64), 2.29
    ),
    "SOAP, rows added": Entry(
        lambda frames: peer_soap(pooling="sum"), lengths=(16, 32, 64, 128), peer=1.08
    ),
    "SOAP, atoms": Entry(
        lambda frames: peer_soap(), lengths=(2, 4, 8, 16), peer=1.08, n_components=400
    ),
    "SOAP with radial weights, rows added": Entry(
        lambda frames: soap(pooling="sum"), lengths=(8, 16, 32, 64), peer=1.08
    ),
    "SOAP with radial weights, atoms": Entry(
        lambda frames: soap(), lengths=(2, 4, 8), peer=1.08, n_components=400
    ),
    "FCHL19, atoms": Entry(lambda frames: vc.FCHL19(), lengths=(2, 4, 8, 16)),
    "FCHL19, shorter, atoms": Entry(lambda frames: vc.FCHL19(**SHORT), lengths=(2, 4, 8, 16)),
    "SLATM, rows added": Entry(
        lambda frames: slatm(frames, pooling="sum"), lengths=(2, 4, 8, 16), peer=0.83
    ),
    "SLATM, atoms": Entry(lambda frames: slatm(frames, **FINE), lengths=(1, 2, 4), peer=0.83),
}

#: Most atoms of an element in one molecule: the length of rows, not their values.
ASIZE = {"H": 16, "C": 7, "N": 3, "O": 3, "S": 1}


# -- data -------------------------------------------------------------------------------------


class Data:
    def __init__(self, folder):
        found = load_qm7(folder)
        self.frames, self.y = found.frames, found.targets["atomization_energy"]
        self.order = np.random.default_rng(7).permutation(len(self.y))

    @property
    def search(self):
        """Molecules that settings of descriptors are chosen on."""
        return self.order[:N_SEARCH]

    def split(self, repeat: int, n_train: int = 2000, n_test: int = 1000):
        """Training and test sets; no molecule of the search is in a test set."""
        rng = np.random.default_rng((7, repeat))
        test = rng.permutation(self.order[N_SEARCH:])[:n_test]
        rest = np.setdiff1d(self.order, test)
        return rng.permutation(rest)[:n_train], test

    def folds(self, n: int = 5):
        order = np.random.default_rng(8).permutation(self.order)
        for test in np.array_split(order, n):
            yield np.setdiff1d(order, test), test

    def of(self, indices):
        return [self.frames[i] for i in indices]


def baseline(data: Data, train, *others) -> list[np.ndarray]:
    """What a composition regression on the training set leaves, of each set."""
    model = Baseline("composition").fit([data.frames[i].numbers for i in train], data.y[train])
    return [
        data.y[part] - model.predict([data.frames[i].numbers for i in part])
        for part in (train, *others)
    ]


# -- kernels ----------------------------------------------------------------------------------


def is_local(features: Features) -> bool:
    return "number" in features.samples.dtype.names


def rows_of(features: Features, structures) -> Features:
    """Rows of some structures, which are numbered anew in that order."""
    structure = features.samples["structure"]
    bounds = np.searchsorted(structure, [structures, np.asarray(structures) + 1])
    rows = np.concatenate([np.arange(a, b) for a, b in bounds.T])
    samples = features.samples[rows].copy()
    samples["structure"] = np.repeat(np.arange(len(structures)), bounds[1] - bounds[0])
    return Features(features.values[rows], samples, ())


def kernel_matrix(a: Features, b: Features | None, kernel) -> np.ndarray:
    if is_local(a):
        return structure_kernel(a, b, kernel=kernel)
    return kernel(a.values, (b or a).values)


def median_distance(features: Features, kernel: type, n: int = 500) -> float:
    """Of pairs of rows, of the same element if they are of atoms."""
    rng = np.random.default_rng(0)
    kinds = features.samples["number"] if is_local(features) else np.zeros(len(features))
    distances = []
    for kind in np.unique(kinds):
        rows = rng.permutation(np.flatnonzero(kinds == kind))[:n]
        between = features.values[rows] - features.values[np.roll(rows, 1)]
        distances.append(np.linalg.norm(between, ord=1 if kernel is Laplacian else 2, axis=1))
    distances = np.concatenate(distances)
    return float(np.median(distances[distances > 0]))


def tune(features: Features, y: np.ndarray, entry: Entry):
    """Kernel and relative noise of the least mean absolute leave-one-out error; that error."""
    typical = median_distance(features, entry.kernel)
    best = (np.inf,)
    for length in entry.lengths:
        kernel = entry.kernel(length * typical)
        K = kernel_matrix(features, None, kernel)
        residuals = loo_for_noises(K, y, NOISES * np.trace(K) / len(K))
        errors = np.abs(residuals).mean(axis=1)
        found = errors.min(), kernel, float(NOISES[errors.argmin()]), length
        best = min(best, found, key=lambda one: one[0])
    return best


def tune_on_some(features: Features, y: np.ndarray, entry: Entry):
    """The same on 1,000 of the structures."""
    some = np.random.default_rng(0).permutation(len(y))[:N_SEARCH]
    return tune(rows_of(features, some), y[some], entry)


def errors_of(predicted, y) -> dict:
    error = predicted - y
    return {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}


def timed(seconds: dict, name: str, work):
    begin = time.perf_counter()
    found = work()
    seconds[name] = seconds.get(name, 0) + time.perf_counter() - begin
    return found


def dense(features: Features) -> Features:
    return Features(np.asarray(features.dense(), dtype=float), features.samples, ())


def compressed(entry: Entry, first: Features, *others: Features) -> list[Features]:
    """Principal components of the first, learned from 3,000 of its rows."""
    if entry.n_components is None:
        return [first, *others]
    rows = np.random.default_rng(0).permutation(len(first))[:3000]
    pca = PCA(entry.n_components, svd_solver="randomized", random_state=0).fit(first.values[rows])
    print(f"variance lost: {1 - pca.explained_variance_ratio_.sum():.1e}", file=sys.stderr)
    return [Features(pca.transform(X.values), X.samples, ()) for X in (first, *others)]


def describe(descriptor, entry: Entry, *parts) -> list[Features]:
    return compressed(entry, *(dense(descriptor.compute(frames)) for frames in parts))


# -- protocols --------------------------------------------------------------------------------


def one_split(data: Data, entry: Entry, train, test) -> dict:
    seconds, (y, y_test) = {}, baseline(data, train, test)
    descriptor = entry.make(data.of(train)).fit(data.of(np.concatenate([train, test])))
    X, X_test = timed(
        seconds,
        "features",
        lambda: describe(descriptor, entry, data.of(train), data.of(test)),
    )
    loo, kernel, noise, length = timed(seconds, "tuning", lambda: tune_on_some(X, y, entry))
    K, K_test = timed(
        seconds,
        "kernel",
        lambda: [kernel_matrix(X, None, kernel), kernel_matrix(X_test, X, kernel)],
    )
    absolute = noise * np.trace(K) / len(K)
    model = timed(seconds, "solve", lambda: KernelRidge(noise=absolute).fit(K, y))
    return errors_of(model.predict(K_test), y_test) | {
        "loo_mae": loo, "length_scale": kernel.length_scale, "multiple": length, "noise": noise,
        "features": X.shape[1], "seconds": seconds,
    }  # fmt: skip


def five_folds(data: Data, entry: Entry) -> dict:
    """One description and one kernel (for each length scale that a fold chooses) of all
    molecules; length scale and noise from 1,000 training molecules of each fold."""
    seconds, kernels, runs = {}, {}, []
    descriptor = entry.make(data.frames).fit(data.frames)
    (X,) = timed(seconds, "features", lambda: describe(descriptor, entry, data.frames))
    unit = median_distance(X, entry.kernel)
    for train, test in data.folds():
        y, y_test = baseline(data, train, test)
        known = rows_of(X, train)
        chosen = timed(seconds, "tuning", lambda x=known, y=y: tune_on_some(x, y, entry))
        loo, _, noise, multiple = chosen
        kernel = entry.kernel(multiple * unit)
        if kernel not in kernels:
            kernels[kernel] = timed(seconds, "kernel", lambda k=kernel: kernel_matrix(X, None, k))
        K = kernels[kernel][np.ix_(train, train)]
        absolute = noise * np.trace(K) / len(K)
        model = timed(seconds, "solve", lambda K=K, a=absolute, y=y: KernelRidge(noise=a).fit(K, y))
        predicted = model.predict(kernels[kernel][np.ix_(test, train)])
        others = ~np.isin(test, data.search)
        run = errors_of(predicted, y_test) | {
            "mae_others": errors_of(predicted[others], y_test[others])["mae"],
            "n": [len(train), len(test)], "loo_mae": loo, "multiple": multiple, "noise": noise,
        }  # fmt: skip
        print(json.dumps(run), file=sys.stderr, flush=True)
        runs.append(run)
    return {"runs": runs, "seconds": seconds, "features": X.shape[1], "kernels": len(kernels)}


GRID = {
    "SLATM, atoms": (
        slatm,
        [
            {"sigmas": (0.05, 0.05), "steps": (0.03, 0.03)},
            {"sigmas": (0.1, 0.1), "steps": (0.1, 0.1)},
            FINE,
            {"sigmas": (0.05, 0.15), "steps": (0.05, 0.12)},
            {"sigmas": (0.1, 0.2), "steps": (0.1, 0.2)},
            {"sigmas": (0.1, 0.1), "steps": (0.1, 0.1), "cutoff": 4.0},
            {"sigmas": (0.1, 0.1), "steps": (0.1, 0.1), "power": 4},
        ],
    ),
    "FCHL19, atoms": (
        lambda frames, **options: vc.FCHL19(**options),
        [
            {},
            {"cutoff": 6.0, "angular_cutoff": 6.0},
            {"cutoff": 5.0, "angular_cutoff": 5.0},
            {"three_body_decay": 1.0, "three_body_weight": 40.0},
            {"eta2": 0.1},
            SHORT,
            SHORT | {"angular_cutoff": 4.0},
        ],
    ),
}


def search(data: Data, names) -> None:
    (y,) = baseline(data, data.search)
    frames = data.of(data.search)
    for name in names:
        make, settings = GRID.get(name, (None, ()))
        for options in settings:
            (X,) = describe(make(frames, **options).fit(frames), ENTRIES[name], frames)
            loo, _, noise, length = tune(X, y, ENTRIES[name])
            print(f"{name} {options}: LOO MAE {loo:.3f}, {length} x median, noise {noise:g}")


# -- report -----------------------------------------------------------------------------------


def average(values, digits: int = 2) -> str:
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def report(found: dict) -> list[str]:
    header = ["model", "features", "MAE", "RMSE", "peer's MAE", "length scale", "features, s",
              "tuning, s", "kernel, s", "solve, s"]  # fmt: skip
    rows = []
    for name, runs in found["models"].items():
        seconds = [run["seconds"] for run in runs]
        rows.append([
            name, str(runs[0]["features"]), average([run["mae"] for run in runs]),
            average([run["rmse"] for run in runs]), common.number(ENTRIES[name].peer),
            ", ".join(str(m) for m in sorted({run["multiple"] for run in runs})) + " x median",
            *(common.number(float(np.mean([s[step] for s in seconds])))
              for step in ("features", "tuning", "kernel", "solve")),
        ])  # fmt: skip
    return [
        "# QM7: 2,000 molecules to train on, 1,000 to test on",
        "",
        "Written by `benchmarks/qm7.py`. PBE0 atomisation energies, kcal/mol; mean and standard "
        f"deviation over {found['repeats']} random splits; kernel ridge regression after "
        f'composition regression (alone {average(found["baseline"], 1)}). "Atoms": the kernel '
        "is the sum over pairs of atoms of the same element. Gaussian kernels, but Laplacian ones "
        "for the Coulomb matrix and bag of bonds, as the peers. Length scale and noise by "
        f"leave-one-out on {N_SEARCH:,} training molecules. {found['threads']} threads, "
        "float64; kernel: training with training and with "
        "test set, at the length scale chosen; tuning: all length scales and noises.",
        *common.machine_lines(found["machine"]),
        "",
        *common.table(header, rows),
        "",
        "Peers: the same kernels on their own features, one split. Its local kernel of FCHL19 did "
        "not finish in twenty minutes on one core.",
    ]


def report_folds(found: dict) -> list[str]:
    header = ["model", "features", "MAE", "RMSE", "MAE of others", "single folds", "features, s",
              "tuning, s", "kernel, s", "solve, s"]  # fmt: skip
    rows = []
    for name, result in found["models"].items():
        runs, seconds = result["runs"], result["seconds"]
        columns = [[run[key] for run in runs] for key in ("mae", "rmse", "mae_others")]
        rows.append([
            name, str(result["features"]), *(average(column, 3) for column in columns),
            " ".join(f"{mae:.3f}" for mae in columns[0]),
            *(common.number(seconds[step]) for step in ("features", "tuning", "kernel", "solve")),
        ])  # fmt: skip
    return [
        "# QM7: five folds",
        "",
        "Written by `benchmarks/qm7.py --folds`. PBE0 atomisation energies, kcal/mol; mean and "
        "standard deviation over the folds, about 5,680 molecules to train on and 1,420 to test "
        "on. Length scale and noise by leave-one-out on 1,000 training molecules of each fold. "
        '"Others": molecules that are not among the 1,000 that the descriptor\'s settings were '
        f"chosen on. Seconds of all folds together, {found['threads']} threads, float64; the "
        "kernel of all molecules is computed once for each length scale chosen.",
        *common.machine_lines(found["machine"]),
        "",
        *common.table(header, rows),
    ]


def measure(options) -> None:
    data = Data(options.data)
    if options.search:
        search(data, options.models)
        return
    name, make_report = ("qm7_folds", report_folds) if options.folds else ("qm7", report)
    splits = [data.split(k) for k in range(options.repeats)]
    for model in options.models:
        entry = ENTRIES[model]
        if options.folds:
            result = five_folds(data, entry)
        else:
            result = [one_split(data, entry, *split) for split in splits]
        # Other models' results are kept: one can be run again alone.
        file = options.output / f"{name}.json"
        found = json.loads(file.read_text()) if file.is_file() else {"models": {}}
        found["models"][model] = result
        found["models"] = {one: found["models"][one] for one in ENTRIES if one in found["models"]}
        found |= {"threads": options.threads, "machine": common.machine()}
        if not options.folds:
            found["repeats"] = options.repeats
            found["baseline"] = [float(np.abs(baseline(data, *s)[1]).mean()) for s in splits]
        common.write(name, make_report(found), found, options.output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--models", nargs="+", choices=ENTRIES, metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--threads", type=int, default=2, help="as OMP_NUM_THREADS says")
    parser.add_argument("--output", type=Path, default=common.RESULTS)
    options = parser.parse_args()
    options.models = options.models or (["SLATM, atoms"] if options.folds else list(ENTRIES))
    measure(options)


if __name__ == "__main__":
    main()
