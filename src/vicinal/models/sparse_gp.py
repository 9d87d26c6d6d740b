"""Sparse Gaussian process on environments: GAP's kind of potential."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from vicinal.descriptors.parameters import check_choice, check_integer, check_number
from vicinal.environments import Environments
from vicinal.errors import MissingExtraError, ParameterError
from vicinal.features import Features
from vicinal.models.local import KernelBasis
from vicinal.models.potential import Potential, sums
from vicinal.similarity import Laplacian, Polynomial, structure_diagonal

SELECTIONS = ("fps", "cur", "random")

#: Environments that representatives are chosen from, for each of these.
CANDIDATES = 20


class SparseGP(Potential):
    r"""Sparse Gaussian process: energies from similarities with representative environments.

    .. math::
        E = \sum_i \sum_{m : Z_m = Z_i} c_m\, k(x_i, x_m), \qquad
        \min_c \sum_r \left(\frac{\hat y_r - y_r}{\sigma_r}\right)^2 + c^T K_{MM} c

    with rows r of energies per atom, components of forces and of virials per atom (subset of
    regressors). Solved by a QR decomposition of :math:`[\Sigma^{-1/2} K_{NM};\; L^T]`, where
    :math:`L L^T = K_{MM}`, to which the rows of a few structures are added at a time: stable where
    normal equations are not, in memory that does not grow with the data. Derivatives of kernels are
    matrix products with blocks of the descriptor's Jacobian.

    Parameters
    ----------
    descriptor : Descriptor of atoms; SOAP for GAP
    kernel : Kernel with a gradient
        Between environments; the fourth power of their cosine by default.
    n_sparse : int
        Representative environments of each element (all, where there are fewer).
    selection : "fps", "cur" or "random"
        Farthest points, leverage in a singular value decomposition (both scikit-matter; the latter
        no more than there are features), or by chance.
    sigma_energy : float, eV per atom, error that energies may have where the prior has the variance
        of ``kernel``
    sigma_forces : float, eV/Å
    sigma_virial : float, eV per atom
    jitter : float
        Added to the diagonal of :math:`K_{MM}`, relative to its mean.
    baseline : "composition", "mean" or None
        Subtracted before; see :class:`Baseline`.
    target, unit : str
        Name and unit of what is predicted, for files and messages.
    random_state : int

    Attributes
    ----------
    scale_ : float
        Factor of the prior's and of all errors' standard deviation that makes the data most likely;
        it changes standard deviations of predictions, not predictions.
    coefficients_ : of each representative of each element of ``bases_``, one after the other

    Notes
    -----
    ``std`` is that of an observation by the deterministic training conditional: its square is
    :math:`k_{**} - k^T K_{MM}^{-1} k + k^T (K_{MM} + K_{MN} \Sigma^{-1} K_{NM})^{-1} k + (N
    \sigma)^2` times the square of ``scale_``, with :math:`k_m = \sum_i k(x_i, x_m)` summed over
    the N atoms and :math:`\sigma` of energies per atom.

    References
    ----------
    A. P. Bartók, G. Csányi, Int. J. Quantum Chem. 115, 1051 (2015); J. Quiñonero-Candela,
    C. E. Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005); L. Foster et al., J. Mach. Learn. Res. 10,
    857 (2009).
    """

    def __init__(
        self,
        descriptor,
        *,
        kernel=Polynomial(4),  # noqa: B008 (frozen)
        n_sparse=500,
        selection="fps",
        sigma_energy=0.001,
        sigma_forces=0.05,
        sigma_virial=0.01,
        jitter=1e-10,
        baseline="composition",
        target="energy",
        unit="eV",
        random_state=0,
    ):
        self.descriptor = descriptor
        self.kernel = kernel
        self.n_sparse = n_sparse
        self.selection = selection
        self.sigma_energy = sigma_energy
        self.sigma_forces = sigma_forces
        self.sigma_virial = sigma_virial
        self.jitter = jitter
        self.baseline = baseline
        self.target = target
        self.unit = unit
        self.random_state = random_state

    @property
    def has_std(self) -> bool:
        return True

    @property
    def has_forces(self) -> bool:
        return not isinstance(self.kernel, Laplacian)

    def _make_bases(self, frames):
        check_integer("n_sparse", self.n_sparse, 1)
        check_choice("selection", self.selection, SELECTIONS)
        check_number("jitter", self.jitter, positive=True)
        rng = np.random.default_rng(self.random_state)
        candidates = self._candidates(frames, rng)
        return {z: KernelBasis(self.kernel, X[self._select(X, rng)]) for z, X in candidates.items()}

    def _candidates(self, frames, rng) -> dict[int, np.ndarray]:
        """Environments of each element, a random sample where there are very many."""
        limit = CANDIDATES * self.n_sparse
        held: dict[int, list] = {int(z): [] for z in self.baseline_.species_}
        counts = dict.fromkeys(held, 0)
        for s, frame in enumerate(frames):
            numbers = Environments.numbers_of(frame, s)
            for z in held:
                counts[z] += int((numbers == z).sum())
        for X, numbers in self._environment_rows(frames):
            for z, rows in held.items():
                own = np.flatnonzero(numbers == z)
                rows.append(X[own[rng.random(len(own)) * counts[z] < limit]])
        return {z: np.concatenate(rows) for z, rows in held.items()}

    def _select(self, X: np.ndarray, rng) -> np.ndarray:
        if len(X) <= self.n_sparse:
            return np.arange(len(X))
        if self.selection == "cur" and self.n_sparse > X.shape[1]:
            raise ParameterError(
                f'selection="cur" tells no more than {X.shape[1]} environments of as many features '
                f"apart, not n_sparse={self.n_sparse}"
            )
        if self.selection == "random":
            return np.sort(rng.choice(len(X), self.n_sparse, replace=False))
        try:
            from skmatter import sample_selection
        except ImportError:
            raise MissingExtraError(
                f'selection={self.selection!r} needs scikit-matter: pip install "vicinal[metrics]"'
            ) from None
        if isinstance(self.kernel, Polynomial) and self.kernel.normalize:
            X = X / np.linalg.norm(X, axis=1, keepdims=True).clip(1e-300)  # length does not matter
        method = {"fps": sample_selection.FPS, "cur": sample_selection.CUR}[self.selection]
        options = {"initialize": int(rng.integers(len(X)))} if self.selection == "fps" else {}
        return method(n_to_select=self.n_sparse, **options).fit(X).selected_idx_

    def _solve(self, folds):
        (rows,) = folds
        n_data = rows.n_rows
        columns = self._columns()
        self.prior_ = np.zeros((rows.n, rows.n))  # L^T, upper triangle
        for z, basis in self.bases_.items():
            K = basis.values(basis.Y)
            K[np.diag_indices_from(K)] += self.jitter * np.trace(K) / len(K)
            try:
                self.prior_[columns[z], columns[z]] = cholesky(K)
            except np.linalg.LinAlgError:
                raise ParameterError(
                    f"the kernel of the representatives is not positive definite with "
                    f"jitter={self.jitter:g}: use a larger one"
                ) from None
        rows.add(self.prior_, 0.0)
        self.posterior_ = rows.R.copy()
        coefficients = rows.solve()
        self.scale_ = float(np.sqrt(rows.squares(coefficients) / n_data))
        return coefficients

    def _forward(self, env, features, std, slope):
        found = super()._forward(env, features, std, slope)
        if not std:
            return found
        k = np.zeros((env.n_structures, self._n_columns))
        for z, columns in self._columns().items():
            own = np.flatnonzero(env.numbers == z)
            onto = sums(env.structure[own], env.n_structures)
            k[:, columns] = onto @ self.bases_[z].values(features.values[own])
        rows = Features(features.values, features.samples, ())
        variance = structure_diagonal(rows, kernel=self.kernel)
        variance -= (solve_triangular(self.prior_, k.T, trans="T") ** 2).sum(axis=0)
        variance = variance.clip(0)
        variance += (solve_triangular(self.posterior_, k.T, trans="T") ** 2).sum(axis=0)
        variance += (np.diff(env.atom_offsets) * self.sigma_energy) ** 2
        return type(found)(
            found.values, self.scale_ * np.sqrt(variance), found.energies, found.cotangent
        )
