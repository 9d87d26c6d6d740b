"""From many features to two or three coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA, KernelPCA

from vicinal.descriptors.parameters import check_integer
from vicinal.errors import MissingExtraError, ParameterError
from vicinal.similarity import Kernel, make_kernel

#: Methods, and what their axes are called.
METHODS = {"pca": "PCA", "kpca": "kernel PCA", "umap": "UMAP"}

#: Values of the kernel that are held at a time, beside those between landmarks (64 MB).
BLOCK = 8_000_000

#: Principal components in which landmarks are far apart: near enough to all features, and sooner.
LEADING = 50

#: Rows from which the typical distance is taken.
SAMPLE_ROWS = 500


@dataclass(frozen=True)
class Projection:
    """Coordinates (n, d), and the fraction of the variance along each, where there is one."""

    coordinates: np.ndarray
    explained: np.ndarray | None


def reducer(
    method: str,
    n_rows: int,
    *,
    dimensions: int,
    kernel: str | Kernel | None,
    landmarks: int,
    seed: int,
) -> Callable[[np.ndarray], Projection]:
    """The function that projects rows; what is wrong or missing is noticed before there are any."""
    check_integer("dimensions", dimensions, 2)
    check_integer("landmarks", landmarks, dimensions + 1)
    if dimensions > 3:
        raise ParameterError(f"dimensions must be 2 or 3, not {dimensions}")
    if n_rows <= dimensions:
        raise ParameterError(
            f"a map of {dimensions} dimensions needs more than {dimensions} points: there "
            + ("is 1" if n_rows == 1 else f"are {n_rows}")
        )
    if kernel is not None and method != "kpca":
        raise ParameterError(f'a kernel is for method="kpca", not {method!r}')
    if method == "pca":
        return lambda X: _pca(X, dimensions, seed)
    if method == "umap":
        umap = _umap()
        return lambda X: _neighbours_stay(umap, X, dimensions, seed)
    chosen = make_kernel("gaussian" if kernel is None else kernel)
    if not callable(chosen):
        raise ParameterError(f"kernel must be a kernel or the name of one, not {kernel!r}")
    named = kernel is None or isinstance(kernel, str)
    sampling = _sampling() if n_rows > landmarks else None

    def reduce(X: np.ndarray) -> Projection:
        k = chosen
        if named and hasattr(k, "length_scale"):
            k = type(k)(_typical_distance(X, type(k).__name__, seed))
        Y = X if sampling is None else X[_far_apart(X, landmarks, sampling, seed)]
        return _kernel_pca(X, Y, k, dimensions, seed)

    return reduce


def _pca(X: np.ndarray, dimensions: int, seed: int) -> Projection:
    """Exact, or randomised where there are many rows and features, as scikit-learn decides."""
    if X.shape[1] < dimensions:
        raise ParameterError(f"{X.shape[1]} features have no {dimensions} principal components")
    pca = PCA(dimensions, random_state=seed)
    return Projection(_oriented(pca.fit_transform(X)), pca.explained_variance_ratio_)


def _kernel_pca(X, Y, kernel: Kernel, dimensions: int, seed: int) -> Projection:
    """The axes are those of the landmarks Y."""
    K = kernel(Y, Y)
    variance = np.trace(K) - K.sum() / len(K)  # trace of the centred matrix
    pca = KernelPCA(dimensions, kernel="precomputed", random_state=seed).fit(K)
    step = max(1, BLOCK // len(Y))
    blocks = [pca.transform(kernel(X[first : first + step], Y)) for first in range(0, len(X), step)]
    return Projection(_oriented(np.concatenate(blocks)), pca.eigenvalues_ / variance)


def _neighbours_stay(umap, X: np.ndarray, dimensions: int, seed: int) -> Projection:
    # From principal components: starts like the other methods, and also where points are few.
    model = umap.UMAP(
        n_components=dimensions,
        n_neighbors=min(15, len(X) - 1),
        init="pca",
        random_state=seed,
        n_jobs=1,
    )
    return Projection(np.asarray(model.fit_transform(X), dtype=float), None)


def _oriented(coordinates: np.ndarray) -> np.ndarray:
    """Signs such that the largest absolute value of each column is positive, the first of those
    that only differ by rounding."""
    size = np.abs(coordinates)
    largest = np.argmax(size >= (1 - 1e-6) * size.max(axis=0), axis=0)
    signs = np.sign(coordinates[largest, np.arange(coordinates.shape[1])])
    return coordinates * np.where(signs == 0, 1.0, signs)


def _far_apart(X: np.ndarray, n: int, sampling, seed: int) -> np.ndarray:
    """Rows chosen by farthest-point sampling, from the one that is farthest from the mean."""
    if min(X.shape) > LEADING:
        X = PCA(LEADING, random_state=seed).fit_transform(X)
    start = int(np.argmax(np.sum((X - X.mean(axis=0)) ** 2, axis=1)))
    return np.sort(sampling.FPS(n_to_select=n, initialize=start).fit(X).selected_idx_)


def _typical_distance(X: np.ndarray, kernel: str, seed: int) -> float:
    rng = np.random.default_rng(seed)
    some = X if len(X) <= SAMPLE_ROWS else X[rng.choice(len(X), SAMPLE_ROWS, replace=False)]
    return float(pdist(some, "cityblock" if kernel == "Laplacian" else "euclidean").mean()) or 1.0


def _umap():
    try:
        import umap
    except ImportError:
        raise MissingExtraError('UMAP needs umap-learn: pip install "vicinal[umap]"') from None
    return umap


def _sampling():
    try:
        from skmatter import sample_selection
    except ImportError:
        raise MissingExtraError(
            'landmarks of kernel PCA need scikit-matter: pip install "vicinal[metrics]"'
        ) from None
    return sample_selection
