"""Parts of stored values of torchani 2 (CPU, float64) for test_aev.py.

    python make_aev.py FOLDER OUTPUT.npz

FOLDER holds ``structures.extxyz`` and ``torchani.npz``: the AEV of ``AEVComputer.like_1x()`` and
``like_2x()`` (all species of these networks), and derivatives of atom 0's by all positions. Only
columns that are not zero everywhere are kept, the others are counted.
"""

import sys
from pathlib import Path

import numpy as np
from ase.io import read


def main(folder: Path, output: str) -> None:
    frames = {atoms.info["name"]: atoms for atoms in read(folder / "structures.extxyz", ":")}
    values = np.load(folder / "torchani.npz")
    arrays = {}
    for key in values.files:
        name, what = key.split("/")
        arrays[f"{name}/numbers"] = frames[name].numbers
        arrays[f"{name}/positions"] = frames[name].positions
        found = values[key]
        rows = found if what.startswith("daev") else found.T
        columns = np.flatnonzero(np.abs(rows).reshape(len(rows), -1).max(axis=1))
        arrays[f"{key}/columns"] = columns
        arrays[f"{key}/size"] = len(rows)
        arrays[key] = rows[columns] if what.startswith("daev") else found[:, columns]
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
