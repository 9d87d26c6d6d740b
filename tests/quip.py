"""QUIP in a process of its own.

It keeps the coupling coefficients of the first angular momenta that it meets, integer ones or
half-integer ones, and uses them for the others too.
"""

import subprocess
import sys

import numpy as np

SCRIPT = """
import sys
import ase, numpy as np
from quippy.descriptors import Descriptor
with np.load("atoms.npz") as atoms:
    np.save("rows.npy", Descriptor(sys.argv[1]).calc(ase.Atoms(**atoms))["data"])
"""


def calculate(string: str, atoms, folder) -> np.ndarray:
    """The rows of ``quippy.descriptors.Descriptor(string)``."""
    arrays = {"numbers": atoms.numbers, "positions": atoms.positions}
    np.savez(folder / "atoms.npz", **arrays, cell=atoms.cell.array, pbc=atoms.pbc)
    subprocess.run([sys.executable, "-c", SCRIPT, string], cwd=folder, check=True)
    return np.load(folder / "rows.npy")
