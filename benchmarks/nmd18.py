"""NMD18: formation energies and band gaps of oxides, extrapolation, learning curves.

    python benchmarks/nmd18.py [DATA] [--repeats 10] [--search] [--output FOLDER]

DATA is the folder with nmd18_train.extxyz.xz and nmd18_test.extxyz.xz, else $VICINAL_DATA. Kernel
ridge regression with a Gaussian kernel on the means of the rows of a cell's atoms, on what a
regression on the fractions of elements leaves; length scale (a multiple of the median distance of
rows) and noise have the least leave-one-out error in training. Writes results/nmd18.md and
results/nmd18.json: errors on the 600 test structures of all models trained on 2,400; of each
lattice when all others are trained on; and learning curves. --search prints leave-one-out errors
of settings of SOAP on 1,200 training structures.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import common
import numpy as np
from scipy.linalg import eigh

import vicinal as vc
from vicinal.datasets import load_nmd18
from vicinal.descriptors.acsf_presets import shifted
from vicinal.models import Baseline, KernelRidge, loo_for_noises
from vicinal.similarity import Gaussian

common.PACKAGES = ("vicinal", "ase", "numpy", "scipy", "scikit-learn")
NOISES = 10.0 ** np.arange(-9, 0)  # relative to the kernel's diagonal
LENGTHS = (1, 4, 16)  # times the median distance of training rows
N_TUNING = 1200  # training structures that length scale and noise are chosen on
SIZES = (100, 160, 250, 400, 650, 1000, 1600)
TARGETS = {"formation_energy": "meV/cation", "bandgap": "meV"}
#: MAE of the best models of the competition: Sutton et al., npj Comput. Mater. 5, 111 (2019).
PUBLISHED = {
    "n-gram, kernel ridge": (14, 106),
    "c/BOP, LightGBM": (15, 93),
    "SOAP, neural network": (13, 98),
}


def soap(cutoff=8.0, sigma=0.5, r0=3.0, m=4.0):
    weighting = {"function": "pow", "r0": r0, "c": 1.0, "d": 1.0, "m": m}
    return vc.SOAP(
        cutoff=cutoff, n_max=8, l_max=4, sigma=sigma, weighting=weighting, pooling="mean"
    )


def symmetry_functions():
    angles = [(eta, zeta, sign) for eta in (0.01, 0.1) for zeta in (1, 2, 4, 8) for sign in (-1, 1)]
    return vc.ACSF(cutoff=6.0, g2=shifted(10, 6.0, 1.0), g4=angles, pooling="mean")


def mbtr():
    pairs = {
        "geometry": "inverse_distance",
        "grid": {"min": 0.0, "max": 1.0, "n": 100, "sigma": 0.02},
        "weighting": {"function": "exp", "cutoff": 8.0, "threshold": 1e-3},
    }
    triples = {
        "geometry": "cosine",
        "grid": {"min": -1.0, "max": 1.0, "n": 60, "sigma": 0.05},
        "weighting": {"function": "exp", "cutoff": 4.0, "threshold": 1e-3},
    }
    return vc.MBTR(k2=pairs, k3=triples, normalization="n_atoms")


#: The first is the best of --search, and the one that is left to extrapolate.
DESCRIPTORS = {"SOAP": soap, "SF(2,3)": symmetry_functions, "MBTR(2,3)": mbtr}


class Data:
    def __init__(self, folder):
        found = load_nmd18(folder)
        self.frames, self.train, self.test = found.frames, found.train, found.test
        self.targets = {key: 1e3 * found.targets[key] for key in TARGETS}
        self.numbers = [frame.numbers for frame in found.frames]
        self.lattice = np.array([frame.info["spacegroup"] for frame in found.frames])


def rows(descriptor, frames, n: int = 100) -> np.ndarray:
    """In parts: there are up to 80 atoms in a cell."""
    descriptor.fit(frames)
    parts = [descriptor.compute(frames[k : k + n]).dense() for k in range(0, len(frames), n)]
    return np.concatenate(parts).astype(float)


class Model:
    """The same kernels for several targets and training sets; the median distance is that of
    ``known`` structures."""

    def __init__(self, data: Data, X: np.ndarray, known: np.ndarray):
        self.data = data
        other = np.random.default_rng(0).permutation(known)
        distance = np.linalg.norm(X[known] - X[other], axis=1)
        self.kernels = {
            length: Gaussian(length * np.median(distance[distance > 0]))(X, X) for length in LENGTHS
        }

    def errors(self, train, test, target: str, groups=None) -> dict:
        """Learn and test. Length scale and noise have the least error in leaving out single
        training structures; with ``groups`` (labels of all structures) in leaving out these."""
        loo, length, noise = self._tune(train, target, groups)
        base, rest = self._baseline(train, target)
        K = self.kernels[length]
        found = KernelRidge(noise=noise).fit(K[np.ix_(train, train)], rest[train])
        error = found.predict(K[np.ix_(test, train)]) - rest[test]
        return {
            "n": [len(train), len(test)],
            "mae": float(np.abs(error).mean()),
            "rmse": float(np.sqrt((error**2).mean())),
            "baseline_mae": float(np.abs(rest[test]).mean()),
            "tuning_mae": loo,
            "multiple": length,
            "noise": noise,
        }

    def _baseline(self, train, target: str):
        """Regression on fractions of elements, and what it leaves of all structures."""
        y, numbers = self.data.targets[target], self.data.numbers
        base = Baseline("composition", extensive=False)
        base.fit([numbers[i] for i in train], y[train])
        return base, y - base.predict(numbers)

    def _tune(self, train, target: str, groups) -> tuple[float, float, float]:
        """The least error, its length scale and noise."""
        some = np.random.default_rng(0).permutation(train)[:N_TUNING]
        best = (np.inf,)
        for length, K in self.kernels.items():
            if groups is None:
                rest = self._baseline(train, target)[1][some]
                errors = np.abs(loo_for_noises(K[np.ix_(some, some)], rest, NOISES)).mean(axis=1)
            else:
                labels = np.unique(groups[some])
                errors = np.mean(
                    [self._left_out(K, some, groups[some] == g, target) for g in labels], axis=0
                )
            best = min(best, (float(errors.min()), length, float(NOISES[errors.argmin()])))
        return best

    def _left_out(self, K, some, out, target: str) -> np.ndarray:
        """Errors of those left out for each noise."""
        train, test = some[~out], some[out]
        rest = self._baseline(train, target)[1]
        s, U = eigh(K[np.ix_(train, train)])
        alpha = U @ ((U.T @ rest[train])[:, None] / (s.clip(0)[:, None] + NOISES))
        return np.abs(K[np.ix_(test, train)] @ alpha - rest[test][:, None]).mean(axis=0)


def accuracy(model: Model) -> dict:
    data = model.data
    return {target: model.errors(data.train, data.test, target) for target in TARGETS}


def extrapolation(model: Model) -> dict:
    """Of each lattice, from all structures of the others: tuned on single structures, as if new
    ones were alike, and on whole lattices left out of training."""
    found, lattices = {}, model.data.lattice
    for lattice in np.unique(lattices):
        train, test = np.flatnonzero(lattices != lattice), np.flatnonzero(lattices == lattice)
        found[str(lattice)] = {
            how: {target: model.errors(train, test, target, groups) for target in TARGETS}
            for how, groups in (("structures", None), ("lattices", lattices))
        }
    return found


def learning_curve(model: Model, repeats: int) -> dict:
    """Errors on the test structures for nested random training sets, the same of all models."""
    data, found = model.data, {str(size): [] for size in SIZES}
    for repeat in range(repeats):
        order = np.random.default_rng(repeat).permutation(data.train)
        for size in SIZES:
            train = order[:size]
            found[str(size)].append(model.errors(train, data.test, "formation_energy"))
    return found


def measure(options) -> dict:
    data, found = Data(options.data), {"descriptors": {}, "repeats": options.repeats}
    for name, make in DESCRIPTORS.items():
        begin = time.perf_counter()
        X = rows(make(), data.frames)
        result = {"features": X.shape[1], "seconds": time.perf_counter() - begin}
        model = Model(data, X, data.train)
        result["accuracy"] = accuracy(model)
        print(name, json.dumps(result), file=sys.stderr, flush=True)
        result["curve"] = learning_curve(model, options.repeats)
        if make is soap:
            result["lattices"] = extrapolation(model)
        found["descriptors"][name] = result
    return found | {"machine": common.machine()}


def search(options) -> None:
    data = Data(options.data)
    some = np.sort(np.random.default_rng(1).permutation(data.train)[:N_TUNING])
    for settings in ((5.0, 0.4, 3.0, 4.0), (5.0, 0.3, 2.0, 4.0), (8.0, 0.5, 3.0, 4.0)):
        own = rows(soap(*settings), [data.frames[i] for i in some])
        X = np.zeros((len(data.frames), own.shape[1]))
        X[some] = own
        model = Model(data, X, some)
        for target in TARGETS:
            loo = model.errors(some, some, target)["tuning_mae"]
            print(f"cutoff, sigma, r0, m = {settings}: {target} {loo:.2f}", flush=True)


# -- report -----------------------------------------------------------------------------------


def report(found: dict) -> list[str]:
    best, first = next(iter(found["descriptors"].items()))
    lines = [
        "# NMD18: formation energy and band gap of (Al, Ga, In)₂O₃",
        "",
        "Written by `benchmarks/nmd18.py`. Gaussian kernel of the means of a cell's rows, ideal "
        "geometries, baseline of the fractions of elements; length scale and noise by "
        f"leave-one-out on up to {N_TUNING:,} training structures. MAE (RMSE), "
        "energies in meV/cation, gaps in meV.",
        *common.machine_lines(found["machine"]),
        "",
        "## 2,400 structures to train on, 600 to test on",
        "",
        *common.table(
            ["model", "features", "formation energy", "band gap", "features of all, s"],
            [
                [name, str(one["features"]), *(_both(one["accuracy"][t]) for t in TARGETS),
                 common.number(one["seconds"])]
                for name, one in found["descriptors"].items()
            ]
            + [[f"published: {name}", "", *map(str, errors), ""]
               for name, errors in PUBLISHED.items()],
        ),
        "",
        f"## {best}: each lattice from all others",
        "",
        *common.table(
            ["space group", "structures", "formation energy", "band gap", "tuned on structures: "
             "energy", "gap", "fractions alone: energy", "gap"],
            [
                [lattice, str(of["lattices"]["bandgap"]["n"][1]),
                 *(_both(of[how][t]) for how in ("lattices", "structures") for t in TARGETS),
                 *(common.number(of["lattices"][t]["baseline_mae"]) for t in TARGETS)]
                for lattice, of in first["lattices"].items()
            ],
        ),
        "",
        "Length scale and noise have the least error in leaving out each of the five lattices of "
        "the training set; beside it, as above, in leaving out single structures, which says "
        "nothing of other lattices. "
        "Published for Ia-3 (206), three winners: formation energy 53, 36 to 40, 132; gap 179, 111 "
        "to 180, 527.",
        "",
        "## Learning curves: formation energy",
        "",
        f"MAE on the 600 test structures, mean ± standard deviation over {found['repeats']} random "
        "training sets, which are the same for all.",
        "",
        *common.table(
            ["model", *map(str, SIZES), "learning rate"],
            [_curve(name, one["curve"]) for name, one in found["descriptors"].items()],
        ),
    ]  # fmt: skip
    return lines


def _both(errors: dict) -> str:
    return f"{errors['mae']:.1f} ({errors['rmse']:.0f})"


def _curve(name: str, curve: dict) -> list[str]:
    maes = [[run["mae"] for run in curve[str(size)]] for size in SIZES]
    cells = [f"{np.mean(m):.1f} ± {np.std(m, ddof=1):.1f}" for m in maes]
    slope = np.polyfit(np.log(SIZES), np.log([np.mean(m) for m in maes]), 1)[0]
    return [name, *cells, f"{-slope:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--output", type=Path, default=common.RESULTS)
    options = parser.parse_args()
    if options.search:
        search(options)
        return
    found = measure(options)
    common.write("nmd18", report(found), found, options.output)


if __name__ == "__main__":
    main()
