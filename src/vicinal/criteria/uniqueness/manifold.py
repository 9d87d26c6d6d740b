"""Can a four-body quantity be learned? E4 of CH4 (B. Parsaeifard, S. Goedecker, Manifolds of
quasi-constant SOAP and ACSF fingerprints and the resulting failure to machine learn four-body
interactions, J. Chem. Phys. 156, 034302 (2022), doi:10.1063/5.0070488).

Where a descriptor hardly changes while four atoms twist against each other, no model can learn
what depends on the twist.
"""

from __future__ import annotations

import itertools

import numpy as np
from ase import Atoms
from ase.units import Bohr
from scipy.spatial.distance import cdist, pdist

from vicinal.criteria import Setting
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.samples import environment
from vicinal.criteria.subject import Subject
from vicinal.pages.parts import Figure, Series

TITLE = "Learning a quantity of four atoms"

#: C-H distances, and the least H-H distance (Å).
BONDS, NEAREST = (0.9, 1.4), 0.8

#: Geometries to learn from, and to test on.
N_TRAIN, N_TRAIN_QUICK, N_TEST = 400, 250, 200
#: Length scales of the kernel that are tried, in the median distance of two rows; and noise.
LENGTHS, NOISE = (0.5, 1.0, 2.0, 4.0), (1e-8, 1e-6, 1e-4, 1e-2, 1e-1)
#: Test error in standard deviations of the target: most of it is learned below the first, where
#: bispectra are; hardly anything beyond the second, where distances alone are.
LEARNED, NOT_LEARNED = 0.35, 0.8

TRIPLES = np.array(list(itertools.combinations(range(4), 3)))


def four_body_energy(positions) -> np.ndarray:
    """E4: how much the planes of four points are tilted against each other.

    Parameters
    ----------
    positions : (..., 4, 3) array, Å

    Returns
    -------
    (...) array
        ``sum over pairs of triples t < t' of (n_t · n_t')²``, with the normals
        ``n_ijk = (r_j - r_i) x (r_k - r_i)`` of the four triples, positions in bohr.
    """
    corners = np.asarray(positions, dtype=float)[..., TRIPLES, :] / Bohr
    i, j, k = np.moveaxis(corners, -2, 0)
    normals = np.cross(j - i, k - i)
    products = normals @ np.swapaxes(normals, -1, -2)
    first, second = np.triu_indices(4, 1)
    return np.sum(products[..., first, second] ** 2, axis=-1)


def methane_geometries(n: int, rng: np.random.Generator) -> np.ndarray:
    """Random places of the hydrogens about the carbon, (n, 4, 3) in Å."""
    places = []
    while len(places) < n:
        vectors = rng.normal(size=(4, 3))
        vectors *= rng.uniform(*BONDS, (4, 1)) / np.linalg.norm(vectors, axis=1)[:, None]
        if pdist(vectors).min() > NEAREST:
            places.append(vectors)
    return np.array(places)


def learn(rows: np.ndarray, target: np.ndarray, n_train: int) -> np.ndarray:
    """Predictions by kernel ridge regression for all but the first ``n_train`` rows.

    Gaussian kernel; features scaled one by one or left as they are, length scale and noise,
    whichever is best in leave-one-out cross-validation on the first ``n_train`` (C. E. Rasmussen,
    C. K. I. Williams, Gaussian processes for machine learning, MIT Press 2006, eq. 5.12).

    Parameters
    ----------
    rows : (n, features) array
    target : (n,) array
    n_train : int

    Returns
    -------
    (n - n_train,) array
    """
    mean = target[:n_train].mean()
    known = target[:n_train] - mean
    best, prediction = np.inf, None
    for squared in _squared_distances(rows, n_train):
        for length in LENGTHS:
            kernel = np.exp(-squared / (2 * length**2))
            values, vectors = np.linalg.eigh(kernel[:n_train])
            for noise in NOISE:
                inverse = 1 / (np.maximum(values, 0) + noise)
                weights = vectors @ (inverse * (known @ vectors))
                left_out = weights / (vectors**2 @ inverse)
                if left_out @ left_out < best:
                    best = left_out @ left_out
                    prediction = mean + kernel[n_train:] @ weights
    return prediction


def _squared_distances(rows: np.ndarray, n_train: int):
    """To the first rows, in units of the median: of scaled features, and of features as they are.

    Often the small features are mere detail, but some descriptors mix features of all sizes.
    """
    spread = rows[:n_train].std(axis=0)
    varied = spread > 1e-8 * spread.max()  # by more than rounding
    rows, spread = rows[:, varied], spread[varied]
    for scaled in (rows / spread, rows):
        squared = cdist(scaled, scaled[:n_train], "sqeuclidean")
        yield squared / (np.median(squared) or 1.0)


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    label = "Error of a four-body energy learned from it"
    setting.progress("learning a four-body energy")
    with section.attempt("e4_error", label):
        if subject.needs_cell:
            raise NotApplicable("describes crystals: a molecule in a cell is another one if turned")
        n_train = N_TRAIN_QUICK if setting.quick else N_TRAIN
        places = methane_geometries(n_train + N_TEST, setting.rng("manifold"))
        target = four_body_energy(places)
        frames = [_methane(subject, place) for place in places]
        predicted = learn(subject.refitted(frames).at(frames).astype(float), target, n_train)
        true = target[n_train:]
        error = float(np.sqrt(np.mean((predicted - true) ** 2)) / true.std())
        verdict = "good" if error < LEARNED else "fair" if error < NOT_LEARNED else "poor"
        note = (
            "1: nothing is learned. From rows of the carbon, distances alone reach about 0.85, "
            "angles 0.6, four atoms at once 0.1 to 0.25. Kernel ridge regression on "
            f"{n_train} geometries of CH4"
        )
        section.add("e4_error", label, error, verdict, "standard deviations", note)
        section.figures.append(_figure(true, predicted))


def _methane(subject: Subject, vectors) -> Atoms:
    """Carbon and hydrogen, if the subject knows them, or else the first and last that it does."""
    known = {1, 6} <= set(subject.species)
    h, c = (1, 6) if known else (subject.species[0], subject.species[-1])
    return environment(subject, vectors, [h] * 4, c)


def _figure(true, predicted) -> Figure:
    unit = true.std()
    ends = [float(true.min() / unit), float(true.max() / unit)]
    return Figure(
        "A four-body energy of CH4, learned from the descriptor",
        "true (standard deviations)",
        "predicted",
        [
            Series(
                "test geometries", (true / unit).tolist(), (predicted / unit).tolist(), "points"
            ),
            Series("equal", ends, ends),
        ],
        note="Points far from the line: geometries that differ but have nearly the same row.",
    )
