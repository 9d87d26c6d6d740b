"""FCHL19 by qmllib 1.2.0: representations, a gradient, and the local kernel, for test_fchl19.py.

    python make_fchl19.py OUTPUT.npz

Random molecules; coordinates are rounded, so that they are the same everywhere.
"""

import json
import sys

import numpy as np
from qmllib.kernels import get_local_kernel
from qmllib.representations import generate_fchl19

ELEMENTS = [1, 6, 8]
SETTINGS = {
    "default": {},
    "other": {"nRs2": 10, "nRs3": 7, "nFourier": 2, "rcut": 6.0, "acut": 4.5, "eta2": 0.25,
              "eta3": 2.0, "zeta": 1.5, "two_body_decay": 2.0, "three_body_decay": 0.8,
              "three_body_weight": 9.0},
}  # fmt: skip
SIGMA = 0.7


def molecules():
    random = np.random.default_rng(7)
    found = []
    for n in (3, 5, 6):
        while True:
            positions = np.round(random.uniform(-1.7, 1.7, (n, 3)), 3)
            apart = np.linalg.norm(positions[:, None] - positions, axis=-1) + 9 * np.eye(n)
            if apart.min() > 0.8:
                break
        found.append((random.choice(ELEMENTS, n), positions))
    return found


def main(output: str) -> None:
    settings = {"elements": ELEMENTS, "settings": SETTINGS, "sigma": SIGMA}
    arrays, padded = {"parameters": json.dumps(settings)}, []
    for k, (numbers, positions) in enumerate(molecules()):
        arrays[f"{k}/numbers"], arrays[f"{k}/positions"] = numbers, positions
        for name, settings in SETTINGS.items():
            arrays[f"{k}/{name}"] = generate_fchl19(
                numbers, positions, elements=ELEMENTS, **settings
            )
        padded.append(generate_fchl19(numbers, positions, elements=ELEMENTS, pad=6))
    _, arrays["1/gradient"] = generate_fchl19(
        *molecules()[1], elements=ELEMENTS, nRs2=10, nRs3=7, gradients=True
    )
    charges = [numbers for numbers, _ in molecules()]
    stack = np.array(padded)
    arrays["kernel"] = get_local_kernel(stack, stack, charges, charges, SIGMA)
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
