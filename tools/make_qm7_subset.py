"""Draw the bundled QM7 subset: 500 molecules at random, in their old order.

    python tools/make_qm7_subset.py qm7.extxyz.xz

The input is QM7 as in the tests of the qml package, written as extended XYZ. Molecules are copied
as text, so that no digit changes.
"""

import lzma
import sys
from pathlib import Path

import numpy as np

N_MOLECULES = 500
SEED = 7
OUTPUT = Path(__file__).parent.parent / "src/vicinal/datasets/qm7_subset.extxyz.xz"


def molecules(lines: list[str]) -> list[str]:
    found, k = [], 0
    while k < len(lines):
        n_lines = int(lines[k]) + 2
        found.append("".join(lines[k : k + n_lines]))
        k += n_lines
    return found


def main(source: str) -> None:
    with lzma.open(source, "rt", encoding="utf-8") as file:
        everything = molecules(file.readlines())
    rng = np.random.default_rng(SEED)
    chosen = np.sort(rng.choice(len(everything), N_MOLECULES, replace=False))
    text = "".join(everything[m] for m in chosen)
    OUTPUT.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(
        f"{OUTPUT.name}: {N_MOLECULES} of {len(everything)} molecules, "
        f"{OUTPUT.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
