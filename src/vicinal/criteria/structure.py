"""How many features there are, how many say something of their own, and how rows are spread.

Quantities are those of a sample of rows: of the user's structures, or of built-in ones.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from ase import Atoms
from scipy.spatial import cKDTree

from vicinal.criteria import Setting, samples
from vicinal.criteria.growth import (
    basis_parameters,
    exponent,
    of_basis,
    of_species,
    species_sets,
)
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject
from vicinal.pages.parts import Figure, Series, Table

TITLE = "features and rows"

#: Rows of the sample at most: enough for an intrinsic dimension of a few digits.
ROWS, QUICK_ROWS = 500, 200

#: Features that are compared with each other at most, so that correlations fit into memory.
FEATURES = 4000

#: Two features with a larger correlation say the same: the rest is rounding.
SAME = 1 - 1e-10

#: A feature is constant if it varies by less, relative to its size (rounding), or in all.
CONSTANT = 1e-12

#: Share of features that say nothing of their own: hardly any, or a good part of all.
FEW, MANY = 0.02, 0.3

#: A share of the largest distance: rows nearer than this are the same row twice.
TWICE = 1e-9


def reduced(X) -> np.ndarray:
    """The same rows, centred, in no more coordinates than there are rows.

    Distances and angles between them are unchanged: the coordinates are those in an orthonormal
    basis of the space that the rows span.

    Parameters
    ----------
    X : (samples, features) array

    Returns
    -------
    (samples, min(samples, features)) array
    """
    X = np.asarray(X, float)
    X = X - X.mean(axis=0)
    if X.shape[1] <= len(X):
        return X
    return scipy.linalg.qr(X.T, mode="r", check_finite=False)[0][: len(X)].T


def effective_dimension(X) -> float:
    r"""Participation ratio of the variances along principal components.

    :math:`(\sum_i \lambda_i)^2 / \sum_i \lambda_i^2`: 1 if one direction has all the variance, *d*
    if *d* directions share it.

    Parameters
    ----------
    X : (samples, features) array
    """
    variances = principal_variances(X)
    return float(variances.sum() ** 2 / (variances**2).sum()) if variances.sum() > 0 else 0.0


def principal_variances(X) -> np.ndarray:
    """Variances along the principal components, falling: (min(samples, features),) array."""
    return np.linalg.svd(reduced(X), compute_uv=False) ** 2 / len(X)


def components(variances, share: float) -> int:
    """How many principal components hold this share of the variance."""
    variances = np.asarray(variances, float)
    if variances.sum() == 0:
        return 0
    # Sums of rounded numbers may end just below the share that all of them hold.
    return int(np.searchsorted(np.cumsum(variances) / variances.sum(), share - 1e-12)) + 1


def two_nn(X, discard: float = 0.1) -> float:
    r"""Intrinsic dimension from the two nearest neighbours of each row.

    For points of locally uniform density in *d* dimensions the ratio
    :math:`\mu = r_2 / r_1` has the distribution :math:`F(\mu) = 1 - \mu^{-d}`, so *d* is the slope
    through the origin of :math:`-\log(1 - F)` against :math:`\log \mu`.

    Parameters
    ----------
    X : (samples, features) array; rows that occur twice count once
    discard : share of the largest ratios that is left out, as the paper does

    Returns
    -------
    float

    Raises
    ------
    NotApplicable
        Fewer than ten different rows.

    References
    ----------
    E. Facco, M. d'Errico, A. Rodriguez, A. Laio, Sci. Rep. 7, 12140 (2017), eqs. 5-7
    """
    X = reduced(X)
    X = X[_first_of_equals(X)]
    if len(X) < 10:
        raise NotApplicable(f"{len(X)} different rows are too few for a dimension")
    distances = cKDTree(X).query(X, k=3)[0]
    mu = np.sort(distances[:, 2] / distances[:, 1])
    n = len(mu)
    kept = int(n * (1 - discard))
    x = np.log(mu[:kept])
    y = -np.log1p(-np.arange(1, kept + 1) / n)
    if not x.any():
        raise NotApplicable("the two nearest rows are equally far, as on a lattice")
    return float(x @ y / (x @ x))


def kernel_values(X) -> np.ndarray:
    r"""Cosines of the angles between rows, :math:`x \cdot y / |x| |y|`, of all pairs of them."""
    X = np.asarray(X, float)
    lengths = np.linalg.norm(X, axis=1)
    X = X[lengths > 0] / lengths[lengths > 0, None]
    return (X @ X.T)[np.triu_indices(len(X), 1)]


def idle_features(X) -> tuple[np.ndarray, np.ndarray]:
    """Which features are constant, and which repeat an earlier one.

    Parameters
    ----------
    X : (samples, features) array

    Returns
    -------
    constant, redundant : (features,) bool arrays
        Redundant is what has a correlation (of either sign) above :data:`SAME` with an earlier
        feature; constant ones are not counted again.
    """
    X = np.asarray(X, float)
    size = np.abs(X).max(axis=0, initial=0)
    X = X - X.mean(axis=0)
    # Rounding of a feature that is summed up is relative to the largest ones.
    constant = np.ptp(X, axis=0) <= CONSTANT * np.maximum(size, size.max(initial=0) * 1e-3)
    live = np.flatnonzero(~constant)
    X = X[:, live] / np.linalg.norm(X[:, live], axis=0)
    earlier = np.triu(np.abs(X.T @ X) > SAME, 1).any(axis=0)
    redundant = np.zeros_like(constant)
    redundant[live[earlier]] = True
    return constant, redundant


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    with section.attempt("features_growth", "Growth of the number of features"):
        setting.progress("number of features")
        _growth(subject, section)
    with section.attempt("constant_size", "Number of features is the same for all structures"):
        setting.progress("size")
        _constant_size(subject, setting, section)
    with section.attempt("features", "Number of features"):
        setting.progress("rows of a sample")
        X = sample(subject, setting)
        _idle(X, section, setting)
        points = reduced(X)
        for key, label, step, rows in (
            ("effective_dimension", "Effective dimension", _spectrum, points),
            ("intrinsic_dimension", "Intrinsic dimension", _intrinsic, points),
            ("kernel_spread", "Spread of kernel values", _kernel, X),
        ):
            setting.progress(label.lower())
            with section.attempt(key, label):
                if len(X) < 3:
                    raise NotApplicable(f"a sample of {len(X)} rows has no distribution")
                step(rows, section)


def sample(subject: Subject, setting: Setting) -> np.ndarray:
    """Rows of the user's structures, or of built-in ones: (at most some hundred, features)."""
    rng, most = setting.rng("structure"), QUICK_ROWS if setting.quick else ROWS
    if setting.frames is None:
        n = most // (10 if subject.per_atom else 4)  # making structures takes longer than rows
        frames = samples.structures(subject, n, setting.seed, size=10)
    else:
        frames = some(setting.frames, most, subject.per_atom, rng)
    X = np.concatenate(subject.fitted(frames).rows(frames)).astype(float)
    return X[np.sort(rng.permutation(len(X))[:most])]


def some(frames: list[Atoms], rows: int, per_atom: bool, rng: np.random.Generator) -> list[Atoms]:
    """Structures at random, in order, that have this many rows or slightly more, if all do."""
    order = rng.permutation(len(frames))
    sizes = [len(frames[k]) if per_atom else 1 for k in order]
    enough = int(np.searchsorted(np.cumsum(sizes), rows)) + 1
    return [frames[k] for k in sorted(order[:enough])]


# -- the measures -------------------------------------------------------------------------------


def _growth(subject: Subject, section: Section) -> None:
    """Features against species and against the basis."""
    rows = []
    with section.attempt("exponent_features_species", "Features grow with species"):
        sets = species_sets(subject)
        if len(sets) < 2:
            raise NotApplicable("it knows a single species")
        place = samples.structures(subject, 1, size=16)[0]
        sizes = []
        for species in sets:
            frame = place.copy()
            frame.numbers = np.resize(species, len(frame))
            sizes.append(_width(of_species(subject, species), frame))
            rows.append((f"{len(species)} species", sizes[-1]))
        section.add(
            "exponent_features_species",
            "Number of features grows with species to the power",
            exponent([len(species) for species in sets], sizes),
            note=f"{sizes[-1]:,} features for {len(sets[-1])} species; 0: species are in numbers, "
            "1: a channel each, 2: pairs of species",
        )
    with section.attempt("features_basis", "Features grow with the basis"):
        frame = samples.structures(subject, 1, size=16)[0]
        names = list(basis_parameters(subject))
        before = _width(subject, frame)
        for name in names:
            rows.append((f"{name} x 2", _width(of_basis(subject, 2, [name]), frame)))
        after = _width(of_basis(subject, 2), frame)
        section.add(
            "features_basis",
            "Features of a basis twice as large",
            after / before,
            unit="times as many",
            note=f"{', '.join(names)} doubled",
        )
    if rows:
        section.tables.append(Table("Number of features", ("with", "features"), rows))


def _width(subject: Subject, frame: Atoms) -> int:
    """Number of features, from parameters and species alone where the subject knows it."""
    fitted = subject.fitted([frame])
    if fitted.descriptor is not None:
        return int(fitted.descriptor.n_features)
    return fitted.rows([frame])[0].shape[1]


def _constant_size(subject: Subject, setting: Setting, section: Section) -> None:
    frames = [samples.structures(subject, 1, seed=size, size=size)[0] for size in (3, 8, 16)]
    if setting.frames is not None:
        frames = sorted(setting.frames, key=len)[:: max(1, len(setting.frames) - 1)]
    subject = subject.fitted(frames)
    widths = {frame.get_chemical_formula(): subject.rows([frame])[0].shape[1] for frame in frames}
    if len(frames) < 2:
        raise NotApplicable("a single structure")
    same = len(set(widths.values())) == 1
    found = ", ".join(f"{width} for {formula}" for formula, width in widths.items())
    section.add(
        "constant_size",
        "Number of features is the same for all structures",
        same,
        "good" if same else "poor",
        note="" if same else f"models need rows of one length: {found}",
    )


def _idle(X: np.ndarray, section: Section, setting: Setting) -> None:
    n = X.shape[1]
    section.add("features", "Number of features", n, note=f"in a sample of {len(X)} rows")
    looked_at = n
    if n > FEATURES:
        looked_at = FEATURES
        X = X[:, np.sort(setting.rng("features").permutation(n)[:FEATURES])]
    constant, redundant = (float(idle.mean()) for idle in idle_features(X))
    among = "" if looked_at == n else f", among {looked_at:,} of them chosen at random"
    section.add(
        "constant_features",
        "Share of features that never vary",
        constant,
        _grade(constant),
        note=f"in these structures{among}",
    )
    section.add(
        "redundant_features",
        "Share of features that repeat another",
        redundant,
        _grade(redundant),
        note=f"exactly proportional to an earlier one, but for an offset{among}",
    )


def _spectrum(X: np.ndarray, section: Section) -> None:
    most, variances = min(X.shape[1], len(X) - 1), principal_variances(X)
    if variances.sum() == 0:
        raise NotApplicable("all rows are the same")
    section.add(
        "effective_dimension",
        "Effective dimension",
        effective_dimension(X),
        note="so many directions share the variance (participation ratio of the covariance)",
    )
    for key, share in (("components_99", 0.99), ("components_999", 0.999)):
        section.add(
            key,
            f"Principal components for {share:.1%} of the variance",
            components(variances, share),
            note=f"of {most} that a sample of {len(X)} rows can have",
        )
    shares = variances[variances > 1e-16 * variances[0]] / variances.sum()
    section.figures.append(
        Figure(
            "Principal components",
            "component",
            "share of the variance",
            [Series("variance", np.arange(1, len(shares) + 1).tolist(), shares.tolist())],
            "log",
            "log",
        )
    )


def _intrinsic(X: np.ndarray, section: Section) -> None:
    section.add(
        "intrinsic_dimension",
        "Intrinsic dimension",
        two_nn(X),
        note="rows lie on a surface of so many dimensions (TwoNN); an environment of n atoms has "
        "3 n - 3 to vary in, and a small sample shows fewer",
    )


def _kernel(X: np.ndarray, section: Section) -> None:
    values = kernel_values(X)
    if not len(values):
        raise NotApplicable("fewer than two rows are not zero")
    section.add(
        "kernel_spread",
        "Spread of kernel values",
        float(values.std()),
        note=f"of cosines between rows, {values.mean():.3g} on average: near 0, all rows look "
        "alike to a linear model",
    )
    counts, edges = np.histogram(values, bins=40)
    middles = (edges[1:] + edges[:-1]) / 2
    share = counts / counts.sum()
    section.figures.append(
        Figure(
            "Kernel values",
            "cosine of two rows",
            "share of pairs",
            [Series("pairs of rows", middles.tolist(), share.tolist(), "bars")],
        )
    )


# -- rows ---------------------------------------------------------------------------------------


def _first_of_equals(X: np.ndarray) -> np.ndarray:
    """Rows that do not repeat an earlier one, as a mask."""
    tree = cKDTree(X)
    pairs = tree.query_pairs(TWICE * np.linalg.norm(X, axis=1).max(), output_type="ndarray")
    first = np.ones(len(X), dtype=bool)
    first[pairs[:, 1]] = False  # pairs have i < j
    return first


def _grade(share: float) -> str:
    return "good" if share <= FEW else "fair" if share <= MANY else "poor"
