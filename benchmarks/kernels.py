"""Speed and memory of sums over pairs of environments, and of the solver.

    python benchmarks/kernels.py [--full] [--threads 1 2] [--output FOLDER]

Molecules of QM7 (the 500 that come with Vicinal, over again and rattled), FCHL19 rows of atoms.
Writes results/kernels.md and results/kernels.json. By default 3,000 molecules, in some seconds;
--full takes 10,000, whose kernel and Cholesky decomposition take some minutes and 4 GB.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import common
import numpy as np

import vicinal as vc
from vicinal.models import KernelRidge
from vicinal.similarity import Gaussian, structure_kernel
from vicinal.similarity.structures import BLOCK

common.PACKAGES = ("vicinal", "ase", "numpy", "scipy")
#: With short rows the exponentials weigh more.
DESCRIPTORS = {
    "ACSF": lambda n: vc.ACSF(n_threads=n),
    "FCHL19": lambda n: vc.FCHL19(n_threads=n),
}


def product_rate(n_features: int, seconds: float = 2.0) -> float:
    """Operations per second of numpy's matrix product, in blocks as the kernel's."""
    side = int(BLOCK**0.5)
    a, b = np.random.default_rng(0).random((2, side, n_features))
    out = a @ b.T
    n, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        np.matmul(a, b.T, out=out)
        n += 1
    return n * 2 * side**2 * n_features / (time.perf_counter() - begin)


def measure(n_molecules: int, descriptor: str, n_threads: int) -> dict:
    """Seconds of each step, operations per second, and peak memory after each."""
    frames = common.molecules(n_molecules)
    clock = Clock()
    features = DESCRIPTORS[descriptor](n_threads).compute(frames)
    clock.stop("features")
    K = structure_kernel(features, kernel=Gaussian(20.0), n_threads=n_threads)
    clock.stop("kernel")
    numbers = features.samples["number"]
    n_features = features.shape[1]
    del features
    # Half of the pairs: what is symmetric is done once.
    pairs = int(sum(n * (n + 1) // 2 for n in np.unique(numbers, return_counts=True)[1]))
    y = np.random.default_rng(0).normal(size=len(K))
    clock = Clock(clock)
    KernelRidge(noise=1e-6 * np.trace(K) / len(K)).fit(K, y)
    clock.stop("solver")
    kernel = 2 * n_features * pairs / clock.seconds["kernel"] / 1e9
    peak = product_rate(n_features) / 1e9
    return {
        "molecules": n_molecules,
        "atoms": len(numbers),
        "features": n_features,
        "pairs": pairs,
        "seconds": clock.seconds,
        "memory": clock.memory,
        "kernel_gflops": kernel,
        "product_gflops": peak,
        "solver_gflops": len(K) ** 3 / 3 / clock.seconds["solver"] / 1e9,
    }


class Clock:
    """Seconds of steps and the process's peak memory in GB after each."""

    def __init__(self, before=None):
        self.seconds = before.seconds if before else {}
        self.memory = before.memory if before else {}
        self.begin = time.perf_counter()

    def stop(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self.begin
        self.memory[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.begin = now


def report(found: dict) -> list[str]:
    header = [
        "rows", "threads", "atoms", "features", "features, s", "kernel, s", "kernel, GFLOP/s",
        "of matrix product", "solver, s", "solver, GFLOP/s", "peak after kernel, GB", "of all, GB",
    ]  # fmt: skip
    rows = []
    for run in found["runs"]:
        seconds, memory = run["seconds"], run["memory"]
        rows.append([
            run["descriptor"], str(run["threads"]), f"{run['atoms']:,}", str(run["features"]),
            *(common.number(value) for value in (seconds["features"], seconds["kernel"])),
            common.number(run["kernel_gflops"]),
            f"{100 * run['kernel_gflops'] / run['product_gflops']:.0f} %",
            common.number(seconds["solver"]), common.number(run["solver_gflops"]),
            *(common.number(memory[name]) for name in ("kernel", "solver")),
        ])  # fmt: skip
    n = found["molecules"]
    return [
        "# Kernel matrices and solver",
        "",
        f"Written by `benchmarks/kernels.py`: {n:,} molecules, their {n:,} x {n:,} kernel of "
        "Gaussians between atoms of the same element, summed; then the Cholesky decomposition of "
        "kernel ridge regression. Float64.",
        *common.machine_lines(found["machine"]),
        "",
        *common.table(header, rows),
        "",
        "Operations of the kernel: 2 F for each pair of like atoms, half of the pairs, the "
        "exponentials and sums not counted though they take time; they are compared with numpy's "
        f"matrix product of blocks of {int(BLOCK**0.5):,} rows of the same length. Operations of "
        "the solver: n³/3. Memory: the largest of the process, of which the kernel itself takes "
        f"{8 * n**2 / 1e9:.2g} GB.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="10,000 molecules, not 3,000")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--descriptors", nargs="+", choices=DESCRIPTORS, default=[*DESCRIPTORS])
    parser.add_argument("--output", type=Path, default=common.RESULTS)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    n = 10_000 if options.full else 3_000
    if options.worker:
        name, threads = options.worker
        print(json.dumps(measure(n, name, int(threads))))
        return
    found = {"molecules": n, "runs": [], "machine": common.machine()}
    for name in options.descriptors:
        for threads in options.threads:
            arguments = ["--worker", name, threads, *["--full"] * options.full]
            run = common.in_subprocess(__file__, *arguments, n_threads=threads)
            found["runs"].append({"descriptor": name, "threads": threads} | run)
    common.write("kernels", report(found), found, options.output)


if __name__ == "__main__":
    main()
