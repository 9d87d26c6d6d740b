"""Kernels between structures, from kernels between their environments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from vicinal import _engine
from vicinal.descriptors.parameters import check_choice, check_flag, check_number
from vicinal.errors import ShapeError
from vicinal.features import Features
from vicinal.similarity.kernels import Gaussian, Kernel

#: Similarities of environments that are held at a time (64 MB).
BLOCK = 8_000_000

HOW = ("sum", "average", "best_match", "rematch")


def structure_kernel(
    a: Features,
    b: Features | None = None,
    *,
    kernel: Kernel,
    how: str = "sum",
    like_atoms: bool = True,
    gamma: float = 1.0,
    normalize: bool = False,
    n_threads: int | None = None,
) -> np.ndarray:
    r"""Similarity of structures from that of their environments :math:`C_{ij} = k(x_i, x_j)`.

    ================ ==============================================================================
    ``"sum"``        :math:`K_{AB} = \sum_{i \in A} \sum_{j \in B} C_{ij}`, for extensive
                     properties (Langer et al., npj Comput. Mater. 8, 41 (2022))
    ``"average"``    the sum divided by the numbers of atoms, :math:`N_A N_B`
    ``"best_match"`` :math:`\max_P \sum_{ij} P_{ij} C_{ij}` over matrices with rows that sum to
                     :math:`1 / N_A` and columns that sum to :math:`1 / N_B`
    ``"rematch"``    the same sum for the :math:`P` that minimises
                     :math:`\sum_{ij} P_{ij} (1 - C_{ij}) + \gamma P_{ij} \ln P_{ij}`
    ================ ==============================================================================

    Parameters
    ----------
    a, b : Features
        One row an atom, as ``compute`` returns them with ``pooling=None``; ``b`` is ``a`` by
        default.
    kernel : Kernel
        Between environments.
    how : str
        One of the above.
    like_atoms : bool
        Atoms of different elements count as nothing alike (:math:`C_{ij} = 0`).
    gamma : float
        Of ``"rematch"``: from best match (0) to average (infinity).
    normalize : bool
        Divide by :math:`\sqrt{K_{AA} K_{BB}}`.

    Returns
    -------
    (structures of a, structures of b) float64 array
        Structures in ascending order of ``samples["structure"]``. Memory beside it and the
        features stays below some 200 MB.

    Raises
    ------
    ShapeError
        Features of structures, or of different descriptors.

    References
    ----------
    Best match and REMatch: S. De, A. P. Bartók, G. Csányi, M. Ceriotti, Phys. Chem. Chem. Phys.
    18, 13754 (2016).
    """
    check_choice("how", how, HOW)
    check_flag("like_atoms", like_atoms)
    check_flag("normalize", normalize)
    check_number("gamma", gamma, positive=True)
    left = _Batch.of(a, like_atoms)
    right = left if b is None else _Batch.of(b, like_atoms)
    if left.X.shape[1] != right.X.shape[1]:
        shapes = f"{left.X.shape[1]} and {right.X.shape[1]}"
        raise ShapeError(f"{shapes} features cannot be compared")
    options = how, kernel, gamma, _engine.threads(n_threads)
    K = _kernel(left, right, *options)
    if normalize:
        length_a = np.sqrt(_diagonal(left, *options))
        length_b = length_a if right is left else np.sqrt(_diagonal(right, *options))
        K /= length_a[:, None] * length_b
    return K


def structure_diagonal(
    a: Features,
    *,
    kernel: Kernel,
    how: str = "sum",
    like_atoms: bool = True,
    gamma: float = 1.0,
    normalize: bool = False,
    n_threads: int | None = None,
) -> np.ndarray:
    """The diagonal of :func:`structure_kernel`: each structure's similarity with itself.

    Returns
    -------
    (structures of a,) float64 array
    """
    batch = _Batch.of(a, like_atoms)
    if normalize:
        return np.ones(batch.n_structures)
    return _diagonal(batch, how, kernel, gamma, _engine.threads(n_threads))


def local_kernel(a: Features, b: Features | None = None, *, sigma: float) -> np.ndarray:
    r"""The kernel of FCHL19: Gaussians between atoms of the same element, summed over two
    structures,

    .. math:: K_{AB} = \sum_{i \in A} \sum_{j \in B} \delta_{Z_i Z_j}
        \exp\left(-\frac{|x_i - x_j|^2}{2\sigma^2}\right)

    (Christensen et al., J. Chem. Phys. 152, 044107 (2020)), for any features of atoms:
    :func:`structure_kernel` with a Gaussian. About 20 for ``sigma`` suits FCHL19 with its defaults.
    """
    check_number("sigma", sigma, positive=True)
    return structure_kernel(a, b, kernel=Gaussian(sigma))


# -- inside -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Batch:
    """Environments sorted by structure: rows, kind (element) and structure of each."""

    X: np.ndarray
    kind: np.ndarray
    structure: np.ndarray
    n_structures: int

    @classmethod
    def of(cls, features: Features, like_atoms: bool) -> _Batch:
        if "number" not in (features.samples.dtype.names or ()):
            raise ShapeError(
                "structures are compared atom by atom: this needs features with pooling=None"
            )
        ids, structure = np.unique(features.samples["structure"], return_inverse=True)
        order = np.argsort(structure, kind="stable")
        X = np.asarray(features.dense(), dtype=float)
        kind = np.asarray(features.samples["number"]) * bool(like_atoms)
        if (np.diff(structure) < 0).any():
            X, kind, structure = X[order], kind[order], structure[order]
        return cls(X, kind, structure, len(ids))

    def sizes(self) -> np.ndarray:
        return np.bincount(self.structure, minlength=self.n_structures)

    def of_kind(self, kind: int) -> _Group:
        rows = np.flatnonzero(self.kind == kind)
        X = self.X[rows] if len(rows) < len(self.X) else self.X
        structures, first = np.unique(self.structure[rows], return_index=True)
        return _Group(X, np.append(first, len(rows)), structures)

    def members(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(rows, kinds) of each structure."""
        ends = np.concatenate([[0], np.cumsum(self.sizes())])
        for first, last in zip(ends[:-1], ends[1:], strict=True):
            yield self.X[first:last], self.kind[first:last]


@dataclass(frozen=True)
class _Group:
    """Environments of one kind: rows ``ends[s]:ends[s + 1]`` are of structure ``structures[s]``."""

    X: np.ndarray
    ends: np.ndarray
    structures: np.ndarray

    def blocks(self, limit: int) -> Iterator[_Group]:
        """Parts of at most ``limit`` rows, structures whole (or one structure alone)."""
        first = 0
        while first < len(self.structures):
            last = int(np.searchsorted(self.ends, self.ends[first] + limit, side="right")) - 1
            last = min(max(last, first + 1), len(self.structures))
            a, b = self.ends[first], self.ends[last]
            yield _Group(self.X[a:b], self.ends[first : last + 1] - a, self.structures[first:last])
            first = last


def _kernel(a: _Batch, b: _Batch, how: str, kernel: Kernel, gamma: float, threads: int):
    if how in ("sum", "average"):
        K = _sums(a, b, kernel, threads)
        return K / (a.sizes()[:, None] * b.sizes()) if how == "average" else K
    match = _best_match if how == "best_match" else lambda C: _rematch(C, gamma)
    K = np.empty((a.n_structures, b.n_structures))
    others = list(b.members())
    for s, (X, kinds) in enumerate(a.members()):
        for t, (Y, kinds_b) in enumerate(others):
            if a is b and t < s:
                K[s, t] = K[t, s]
            else:
                K[s, t] = match(kernel(X, Y) * (kinds[:, None] == kinds_b))
    return K


def _diagonal(batch: _Batch, *options) -> np.ndarray:
    """The kernel of each structure with itself."""
    out = np.empty(batch.n_structures)
    for s, (X, kinds) in enumerate(batch.members()):
        one = _Batch(X, kinds, np.zeros(len(X), dtype=np.int64), 1)
        out[s] = _kernel(one, one, *options)[0, 0]
    return out


def _sums(a: _Batch, b: _Batch, kernel: Kernel, threads: int) -> np.ndarray:
    """Sums over pairs of atoms of one kind, in blocks; half of them where a is b."""
    K = np.zeros((a.n_structures, b.n_structures))
    for left, right in _blocks(a, b):
        if isinstance(kernel, Gaussian):  # exponentials and sums in one pass over the products
            _Products.of(left, right).add(K, kernel, threads)
        else:
            alike = np.add.reduceat(kernel(left.X, right.X), right.ends[:-1], axis=1)
            sums = np.add.reduceat(alike, left.ends[:-1], axis=0)
            K[np.ix_(left.structures, right.structures)] += sums
    return _whole(K) if a is b else K


def _blocks(a: _Batch, b: _Batch) -> Iterator[tuple[_Group, _Group]]:
    """Groups of like atoms that are to be compared; where a is b, each two of them once."""
    side = int(BLOCK**0.5)  # square blocks: a product of n x n values reads only 2 n rows
    for kind in np.intersect1d(a.kind, b.kind):
        first, second = _without_zeros(a.of_kind(kind), b.of_kind(kind))
        rows = list(first.blocks(side))
        columns = rows if a is b else list(second.blocks(side))
        for r, left in enumerate(rows):
            for right in columns[r:] if a is b else columns:
                yield left, right


def _without_zeros(a: _Group, b: _Group) -> tuple[_Group, _Group]:
    """Without the columns that are zero in all rows, which no kernel sees: most of them where each
    element at the centre has columns of its own."""
    used = a.X.any(axis=0) | b.X.any(axis=0)
    if used.all() or not used.any():
        return a, b
    columns = np.flatnonzero(used)
    return tuple(_Group(g.X[:, columns], g.ends, g.structures) for g in (a, b))


def _whole(K: np.ndarray) -> np.ndarray:
    """The lower triangle from the upper: blocks on the diagonal are whole, and a structure's atoms
    of one kind lie in one block."""
    upper = np.triu_indices(len(K), 1)
    K.T[upper] = K[upper]
    return K


@dataclass(frozen=True)
class _Products:
    """Dot products of the rows of two groups, with what Gaussians need beside them."""

    left: _Group
    right: _Group
    dots: np.ndarray
    squares: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, left: _Group, right: _Group) -> _Products:
        dots = np.ascontiguousarray(left.X @ right.X.T)
        squares = tuple(np.einsum("nf,nf->n", group.X, group.X) for group in (left, right))
        return cls(left, right, dots, squares)

    def add(self, K: np.ndarray, kernel: Gaussian, threads: int) -> None:
        """Add the similarities of all pairs to their structures' places in K."""
        left, right = self.left, self.right
        places = left.ends, left.structures, right.ends, right.structures
        _engine.native.add_gaussian_sums(
            self.dots, *self.squares, kernel.gamma, *places, K, threads
        )


class GaussianSums:
    """``structure_kernel(a, kernel=Gaussian(l), how="sum")`` for one length scale after the other.

    The products of rows, which take most of the time, are made once and kept: 8 bytes for each
    pair of like atoms.
    """

    def __init__(self, a: Features, *, like_atoms: bool = True, n_threads: int | None = None):
        batch = _Batch.of(a, like_atoms)
        self._n = batch.n_structures
        self._products = [_Products.of(left, right) for left, right in _blocks(batch, batch)]
        self._threads = _engine.threads(n_threads)

    def __call__(self, length_scale: float) -> np.ndarray:
        """The kernel matrix, (structures, structures)."""
        K = np.zeros((self._n, self._n))
        for products in self._products:
            products.add(K, Gaussian(length_scale), self._threads)
        return _whole(K)


def _best_match(C: np.ndarray) -> float:
    """The best transport of one set of atoms to the other, all of equal weight."""
    n, m = C.shape
    # Copies of each atom, as many as make both sides equally many, are matched one to one.
    both = np.lcm(n, m)
    C = C.repeat(both // n, axis=0).repeat(both // m, axis=1)
    return C[linear_sum_assignment(C, maximize=True)].mean()


def _rematch(C: np.ndarray, gamma: float) -> float:
    """The same with entropy, by Sinkhorn's iteration in logarithms."""
    from scipy.special import logsumexp

    n, m = C.shape
    S = (C - 1) / gamma
    u, v = np.zeros(n), np.zeros(m)
    for _ in range(10_000):
        u = -np.log(n) - logsumexp(S + v, axis=1)
        last, v = v, -np.log(m) - logsumexp(S + u[:, None], axis=0)
        if np.abs(v - last).max() < 1e-12:
            break
    return float((np.exp(S + u[:, None] + v) * C).sum())
