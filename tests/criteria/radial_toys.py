"""Descriptors as plain functions, made by hand with known properties."""

import numpy as np

CUTOFF = 4.0

#: Functions of x = r / cutoff < 1, and how many derivatives are continuous at 1.
FADES = {
    "step": (lambda x: np.ones_like(x), -1),
    "tail": (lambda x: np.exp(-10 * x**2), -1),  # a jump of 5e-5
    "linear": (lambda x: 1 - x, 0),
    "root": (lambda x: np.sqrt(1 - x), 0),
    "steep linear": (lambda x: np.clip((1 - x) / 0.02, 0, 1), 0),
    "quadratic": (lambda x: (1 - x) ** 2, 1),
    "steep cosine": (lambda x: np.sin(np.pi / 2 * np.clip((1 - x) / 0.02, 0, 1)) ** 2, 1),
    "power 1.5": (lambda x: (1 - x) ** 1.5, 1),
    "cubic": (lambda x: (1 - x) ** 3, 2),
    "quartic": (lambda x: (1 - x**2) ** 4, 3),
    "bump": (lambda x: np.exp(1 - 1 / (1 - x**2)), 3),
}


def pairs(frame):
    """Vectors (n, n, 3) and distances of a finite structure, that of an atom to itself infinite."""
    D = frame.positions[None] - frame.positions[:, None]
    d = np.linalg.norm(D, axis=-1)
    np.fill_diagonal(d, np.inf)
    return D, d


def faded(d, fade, cutoff=CUTOFF):
    x = np.minimum(d / cutoff, 1 - 1e-16)
    return np.where(d < cutoff, fade(x), 0.0)


def radial(fade=FADES["quadratic"][0], cutoff=CUTOFF, extra=None, whole=False):
    """Sums of three functions of distances; ``extra(frame)`` (atoms, any) is put beside them."""

    def compute(frames):
        rows = []
        for frame in frames:
            _, d = pairs(frame)
            f = faded(d, fade, cutoff)
            columns = [(np.sin(k * np.where(f != 0, d, 0)) * f).sum(axis=1) for k in (0.5, 1, 1.7)]
            values = np.stack(columns, axis=1)
            if extra is not None:
                values = np.concatenate([values, np.atleast_2d(extra(frame))], axis=1)
            rows.append(values.sum(axis=0, keepdims=True) if whole else values)
        return np.concatenate(rows)

    return compute
