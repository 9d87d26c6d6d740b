"""Every build of the kernels that this machine can run gives the same numbers."""

import os
import subprocess
import sys

import numpy as np

from vicinal import _cpu, registry

SCRIPT = """
import sys
import numpy as np
import vicinal as vc
from vicinal.testing.frames import build

frames = [build(kind, [1, 6, 8], 6, 1) for kind in ("molecule", "skewed")]
results = {}
for entry in vc.registry.ENTRIES:
    atoms = frames[1:] if entry.cls.needs_cell else frames
    for dtype in ("float64", "float32"):
        descriptor = entry.cls(species=["H", "C", "O"], dtype=dtype)
        if hasattr(descriptor, "cutoff") and "crystal" not in entry.locality:
            descriptor.set_params(cutoff=4.0)
        descriptor.fit(atoms)
        values = descriptor.compute(atoms).values
        cotangent = np.cos(np.arange(values.size)).reshape(values.shape)
        results[f"{entry.name} {dtype} values"] = values
        results[f"{entry.name} {dtype} vjp"] = descriptor.vjp(atoms, cotangent).positions
np.savez(sys.argv[1], **results)
"""


def test_all_descriptors_agree(tmp_path):
    levels = _cpu.built_levels()
    levels = levels[: levels.index(_cpu.best_level()) + 1]
    results = []
    for level in levels:
        out = tmp_path / f"{level}.npz"
        env = os.environ | {"VICINAL_ISA": level}
        subprocess.run([sys.executable, "-c", SCRIPT, str(out)], check=True, env=env)
        results.append(np.load(out))
    for name in results[0].files:
        want = results[-1][name]
        # Sums of many terms in other orders, and fused multiply-adds or not.
        bound = (1e-9 if "float64" in name else 1e-3) * np.abs(want).max()
        for result, level in zip(results, levels, strict=True):
            worst = np.abs(result[name] - want).max()
            assert worst <= bound, f"{name}: {level} differs by {worst}"
    assert len(results[0].files) == 4 * len(registry.ENTRIES)


def test_unknown_level():
    unknown = subprocess.run(
        [sys.executable, "-c", "import vicinal; vicinal.SOAP()"],
        capture_output=True,
        env=os.environ | {"VICINAL_ISA": "v9"},
    )
    assert b"VICINAL_ISA=v9" in unknown.stderr
