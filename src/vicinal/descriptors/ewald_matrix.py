"""The Ewald sum matrix of crystals."""

from __future__ import annotations

import numpy as np
from scipy.special import erfc

from vicinal.correlate.matrices import Matrices
from vicinal.descriptors.parameters import check_number
from vicinal.descriptors.structure import Group
from vicinal.descriptors.structure_matrix import StructureMatrix
from vicinal.errors import ParameterError

#: Distances evaluated at a time.
CHUNK = 1_000_000


class EwaldMatrix(StructureMatrix):
    """Ewald sum matrix: the electrostatic energy of pairs of nuclei in a crystal.

    ::

        M_ij  =  Z_i Z_j [ Σ_L erfc(a |D + L|) / |D + L|
                           + (4π/V) Σ_{G≠0} exp(−G²/4a²) cos(G·D) / G²  −  π / (V a²) ]
        M_ii  =  Z_i² [ half of the same without L = 0  −  a / √π ]

    with D = r_j − r_i, lattice vectors L and G of the crystal and of its reciprocal lattice. Each
    nucleus has a uniform neutralising background; the diagonal and one triangle add up to the
    energy of the cell. The screening a drops out when both sums have converged.

    Parameters
    ----------
    n_atoms_max : int, optional
        Atoms that there is room for; learned by ``fit`` if not given.
    permutation : "sorted_l2", "eigenspectrum", "random" or "none"
        What makes the order of atoms irrelevant, see ``CoulombMatrix``.
    layout : "full" or "triangle"
        The whole matrix row by row; or, of each row, what is left of and on the diagonal.
    accuracy : float
        Both sums leave out terms whose exponential is below this: r_cut = f / a, g_cut = 2 a f
        with f = sqrt(−ln accuracy). DScribe's default is 1e-5.
    w : float
        Cost of a term of the sum over L, relative to one of that over G. It chooses a.
    r_cut : float, optional, Å
        Cutoff of the sum over L, instead of that from ``accuracy``; with ``g_cut``.
    g_cut : float, optional, 1/Å
        Cutoff of the sum over G, instead of that from ``accuracy``; with ``r_cut``.
    a : float, optional, 1/Å
        Screening; √π (w n_atoms / V²)^(1/6) if not given.
    sigma : float, optional
        Standard deviation of the noise, for "random" only.
    seed : int
        Seed of the noise.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        For the search for coincident atoms. Results do not depend on it.

    Notes
    -----
    Structures must be periodic in all three directions. The matrix is the same for every cell of
    equal volume of a lattice; that of a supercell is larger. Derivatives are those at fixed a and
    for the terms that are in the sums: with the default accuracy neither matters, while those of a
    coarse sum (DScribe's default) are as accurate as the sum itself. Cost grows as the number of
    atoms to the power 2.5. For jumps and degeneracies see ``CoulombMatrix``.

    References
    ----------
    F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Int. J. Quantum Chem. 115, 1094 (2015).
    Choice of a and of the cutoffs: R. A. Jackson, C. R. A. Catlow, Mol. Simul. 1, 207 (1988).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import bulk
    >>> vc.EwaldMatrix().compute(bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    Features(1 samples x 64 features, float64)
    """

    registry_name = "ewald_matrix"
    usual_kernel = "laplacian"
    search_space = {"permutation": ("sorted_l2", "eigenspectrum")}
    needs_cell = True
    _kind = "EwaldMatrix"
    _dscribe = StructureMatrix._dscribe | {
        "accuracy": 1e-5,
        "w": 1.0,
        "r_cut": None,
        "g_cut": None,
        "a": None,
    }

    def __init__(
        self,
        *,
        n_atoms_max=None,
        permutation="sorted_l2",
        layout="full",
        accuracy=1e-12,
        w=1.0,
        r_cut=None,
        g_cut=None,
        a=None,
        sigma=None,
        seed=0,
        species=None,
        dtype="float64",
        n_threads=None,
    ):
        self.n_atoms_max = n_atoms_max
        self.permutation = permutation
        self.layout = layout
        self.accuracy = accuracy
        self.w = w
        self.r_cut = r_cut
        self.g_cut = g_cut
        self.a = a
        self.sigma = sigma
        self.seed = seed
        self.species = species
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _validate(self) -> None:
        super()._validate()
        if self.accuracy >= 1:
            raise ParameterError(f"accuracy must be below 1, not {self.accuracy!r}")
        check_number("w", self.w, positive=True)
        for name in ("r_cut", "g_cut", "a"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), positive=True)
        if (self.r_cut is None) != (self.g_cut is None):
            raise ParameterError("give both r_cut and g_cut, or neither")

    def _matrices(self, group: Group, dtype: np.dtype, derivatives: bool) -> Matrices:
        m, n = group.numbers.shape
        # The value; the slope in three directions; strain, as nine products of two directions.
        parts = np.empty((m, 13 if derivatives else 1, n, n), dtype)
        for part, positions, cell, numbers in zip(
            parts, group.positions, group.cells, group.numbers, strict=True
        ):
            Z = numbers.astype(dtype)
            part[:] = self._sums(positions, cell, dtype, derivatives) * (Z[:, None] * Z)
        if not derivatives:
            return Matrices(parts[:, 0])
        parts = np.moveaxis(parts, 1, 3)
        return Matrices(parts[..., 0], parts[..., 1:4], parts[..., 4:].reshape(m, n, n, 3, 3))

    def _sums(self, positions, cell, dtype, derivatives) -> np.ndarray:
        """Sums for unit charges: values (1, n, n), or these, slopes and strain (13, n, n)."""
        n, volume = len(positions), abs(np.linalg.det(cell))
        a = self.a or np.sqrt(np.pi) * (n * self.w / volume**2) ** (1 / 6)
        f = np.sqrt(-np.log(self.accuracy))
        r_cut, g_cut = (self.r_cut, self.g_cut) if self.r_cut else (f / a, 2 * a * f)
        s = positions @ np.linalg.inv(cell)
        s -= np.floor(s)
        total = _reciprocal(s, cell, a, g_cut, dtype, derivatives)
        total += _real(s, cell, a, r_cut, dtype, derivatives)
        background = np.pi / (volume * a**2)
        total[0] -= background
        if derivatives:
            total[4::4] += background  # the diagonal of the strain: the volume grows
        # Half of the interaction of an atom with its own images belongs to it.
        diagonal = np.arange(n)
        total[:, diagonal, diagonal] /= 2
        total[1:4, diagonal, diagonal] = 0
        total[0, diagonal, diagonal] -= a / np.sqrt(np.pi)
        return total


def _real(s, cell, a, r_cut, dtype, derivatives) -> np.ndarray:
    """The sum over the crystal, without the atom itself."""
    n = len(s)
    i, j = np.triu_indices(n)
    D = (s[j] - s[i] - np.round(s[j] - s[i])) @ cell
    out = np.zeros((13 if derivatives else 1, len(i)), dtype)
    images = _lattice(cell, r_cut + np.linalg.norm(cell, axis=1).sum() / 2)  # D: half a cell each
    step = max(1, CHUNK // len(i))
    for first in range(0, len(images), step):
        x = (D + images[first : first + step, None]).astype(dtype)
        r = np.sqrt((x**2).sum(axis=2))
        image, pair = np.nonzero((r < r_cut) & (r > 1e-8))
        x, r = x[image, pair], r[image, pair]
        value = erfc(dtype.type(a) * r) / r
        terms = [value]
        if derivatives:
            gauss = dtype.type(2 * a / np.sqrt(np.pi)) * np.exp(-((dtype.type(a) * r) ** 2))
            slope = (-(value + gauss) / r**2)[:, None] * x
            terms += [*slope.T, *(slope[:, k] * x[:, q] for k in range(3) for q in range(3))]
        for row, term in zip(out, terms, strict=True):
            row += np.bincount(pair, term, len(i))
    full = np.empty((len(out), n, n), dtype)
    full[:, i, j] = full[:, j, i] = out
    full[1:4, j, i] *= -1
    return full


def _reciprocal(s, cell, a, g_cut, dtype, derivatives) -> np.ndarray:
    """The sum over the reciprocal lattice, without its origin.

    cos G·(r_j - r_i) is a product of the cosines and sines of atoms: all is matrix products.
    """
    volume = abs(np.linalg.det(cell))
    G = _lattice(2 * np.pi * np.linalg.inv(cell).T, g_cut)
    G = G[_half(G)]  # that of -G is the same term
    square = (G**2).sum(axis=1)
    weight = 8 * np.pi / volume * np.exp(-square / (4 * a**2)) / square
    phase = (s @ (cell @ G.T)).astype(dtype)
    c, z = np.cos(phase), np.sin(phase)

    def even(weights):
        weights = weights.astype(dtype)
        return (c * weights) @ c.T + (z * weights) @ z.T

    def odd(weights):
        product = (c * weights.astype(dtype)) @ z.T
        return product - product.T

    if not derivatives:
        return even(weight)[None]
    # Under strain G·D stays, G shrinks, V grows.
    shrink = 2 * weight * (1 / (4 * a**2) + 1 / square)
    rows = [even(weight), *(odd(-weight * G[:, k]) for k in range(3))]
    rows += [
        even(shrink * G[:, k] * G[:, q] - weight * (k == q)) for k in range(3) for q in range(3)
    ]
    return np.stack(rows)


def _lattice(cell: np.ndarray, radius: float) -> np.ndarray:
    """The lattice vectors within a radius of the origin."""
    planes = np.linalg.norm(np.linalg.inv(cell), axis=0)  # one over their distances
    ranges = (np.arange(-n, n + 1) for n in np.floor(radius * planes).astype(int))
    vectors = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    return vectors[(vectors**2).sum(axis=1) <= radius**2]


def _half(vectors: np.ndarray) -> slice:
    """One of each v and -v of lattice vectors in the order of :func:`_lattice`, not the origin."""
    return slice(len(vectors) // 2 + 1, None)
