"""What the benchmarks share: structures, fair timing, the machine, and tables.

Peers are other people's programs; one that is not installed is left out, and the report says so.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "vicinal", "dscribe", "featomic", "quippy-ase", "MDescriptor", "vesin", "ase", "numpy", "scipy"
)  # fmt: skip
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)  # fmt: skip


# -- structures ---------------------------------------------------------------------------------


def silicon(n_cells: int, seed: int = 1):
    """Diamond silicon, 8 n_cells³ atoms, a = 5.431 Å, rattled by 0.1 Å."""
    from ase.build import bulk

    atoms = bulk("Si", "diamond", a=5.431, cubic=True).repeat(n_cells)
    atoms.rattle(0.1, seed=seed)
    return atoms


def fcc108(n_species: int, seed: int = 2):
    """A random alloy on 108 fcc sites, a = 4.0 Å, rattled by 0.1 Å."""
    import numpy as np
    from ase.build import bulk

    symbols = ["Al", "Cu", "Ni", "Ag", "Au", "Pd", "Pt", "Fe"][:n_species]
    atoms = bulk("Cu", "fcc", a=4.0, cubic=True).repeat(3)
    atoms.symbols[:] = np.random.default_rng(seed).permutation(np.resize(symbols, len(atoms)))
    atoms.rattle(0.1, seed=seed)
    return atoms


def molecules(n: int):
    """Bundled QM7 molecules, over again (rattled by 0.01 Å) where there are too few."""
    from vicinal.datasets import load_qm7_subset

    bundled = load_qm7_subset().frames
    frames = []
    for k in range(n):
        atoms = bundled[k % len(bundled)].copy()
        if k >= len(bundled):
            atoms.rattle(0.01, seed=k)
        frames.append(atoms)
    return frames


# -- timing -------------------------------------------------------------------------------------


def interleaved(contestants: dict, *, seconds: float, repeats: int) -> dict:
    """Median seconds of each contestant, run in turns (A B C A B C ...).

    Turns spread whatever else the machine does over all of them. Each runs once beforehand, then
    ``repeats`` times, or as often as fits into ``seconds``, but three times at least. A turn of a
    short call begins with one that is not timed: caches are then one's own, threads awake, and
    those of the program before no longer spinning.
    A contestant that raises is reported as such.
    """
    times, failures, first = {}, {}, {}
    for name, work in contestants.items():
        try:
            first[name] = _time(work)
            times[name] = []
        except Exception as error:  # other people's programs
            failures[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    total = sum(first.values())
    for _ in range(max(min(3, repeats), min(repeats, int(seconds / total)))) if times else ():
        for name in times:
            if first[name] < 0.1:
                time.sleep(0.02)
                contestants[name]()
            times[name].append(_time(contestants[name]))
    medians = {name: statistics.median(all) for name, all in times.items()}
    return {"seconds": medians, "all": times, "failed": failures}


def _time(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def pinned(n_threads: int) -> dict:
    """An environment in which every program uses so many threads."""
    return os.environ | {name: str(n_threads) for name in THREAD_VARIABLES}


def in_subprocess(script: str, *arguments, n_threads: int) -> dict:
    """Run a script with its threads pinned from the start; it prints JSON on its last line."""
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, env=pinned(n_threads), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{Path(script).name} {' '.join(map(str, arguments))} failed")
    return json.loads(done.stdout.splitlines()[-1])


def run_on_one_thread(script: str, doc: str, work, report) -> None:
    """The command of a benchmark: ``work(quick)`` in a process with one thread, whose dictionary
    ``report`` turns into the lines of a page; "quick" is in it too."""
    options = _parser(doc).parse_args()
    if options.worker:
        print(json.dumps(work(options.quick)))
        return
    quick = ["--quick"] if options.quick else []
    found = in_subprocess(script, *quick, "--worker", "work", n_threads=1)
    found["quick"] = options.quick
    write(Path(script).stem, report(found), found, options.output)


def run_on_threads(script: str, doc: str, work, report, memory=None) -> None:
    """The same for several numbers of threads: ``work(n, quick)`` in a process for each, which
    makes "runs"; and "memory", functions of ``quick`` by name, each in a process of its own."""
    parser = _parser(doc)
    parser.add_argument("--threads", type=int, nargs="+", help="1 2 (quick: 1)")
    options = parser.parse_args()
    if options.worker:
        job = (memory or {}).get(options.worker) or partial(work, int(options.worker))
        print(json.dumps(job(options.quick)))
        return
    start = partial(in_subprocess, script, *["--quick"] * options.quick, "--worker")
    threads = options.threads or ([1] if options.quick else [1, 2])
    found = {"quick": options.quick, "threads": threads}
    found["runs"] = {str(n): start(n, n_threads=n) for n in threads}
    if memory:
        found["memory"] = {name: start(name, n_threads=1) for name in memory}
    write(Path(script).stem, report(found), found, options.output)


def _parser(doc: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


# -- the machine --------------------------------------------------------------------------------


def machine() -> dict:
    """Where the numbers come from."""
    from vicinal import _engine

    peak = {}
    for dtype in ("64", "32"):
        measure = getattr(_engine.native, f"fma_peak{dtype}", None)
        if measure is not None:
            peak[f"float{dtype}"] = measure(0.3) / 1e9
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "compiler": getattr(_engine.native, "compiler", None),
        "isa": _engine.isa,
        "fma_peak_gflops": peak,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "missing": [name for name in PACKAGES if not _version(name)],
        "date": time.strftime("%Y-%m-%d"),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def machine_lines(found: dict) -> list[str]:
    versions = ", ".join(f"{name} {v}" for name, v in found["versions"].items())
    peak = ", ".join(f"{rate:.1f} GFLOP/s in {t}" for t, rate in found["fma_peak_gflops"].items())
    lines = [
        f"{found['processor']}, {found['cores']} cores, {found['system']}, "
        f"Python {found['python']}, {found['date']}. Vicinal's kernels: "
        f"{found['isa']}" + (f", {found['compiler']}." if found["compiler"] else "."),
        f"Versions: {versions}.",
    ]
    if peak:
        lines.append(f"Measured multiply-add peak of one core: {peak}.")
    if found["missing"]:
        lines.append(f"Not installed, so left out: {', '.join(found['missing'])}.")
    return lines


# -- tables -------------------------------------------------------------------------------------


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    align = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in (header, align, *rows)]


def number(value: float | None, digits: int = 3) -> str:
    """Three digits, no exponent."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def write(name: str, lines: list[str], data: dict, folder: Path = RESULTS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(f"\nwritten: {name}.md and {name}.json in {folder.name}/", file=sys.stderr)
