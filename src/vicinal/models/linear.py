"""Linear potentials: SNAP's kind, with any descriptor."""

from __future__ import annotations

import numpy as np

from vicinal.descriptors.parameters import check_integer
from vicinal.models.base import check_penalty
from vicinal.models.least_squares import LeastSquares
from vicinal.models.local import LinearBasis
from vicinal.models.potential import Potential

#: Penalties that are tried where none is given.
ALPHAS = 10.0 ** np.arange(-18, 1)


class LinearModel(Potential):
    r"""Energies that are linear in the features, with exact forces and stress.

    .. math::
        E = \sum_i w_{Z_i} \cdot x_i + b_{Z_i}, \qquad
        \min_{w, b} \sum_r \left(\frac{\hat y_r - y_r}{\sigma_r}\right)^2
        + \alpha \sum_f s_f^2 w_f^2

    over rows r of energies per atom, components of forces and of virials per atom, with
    :math:`s_f^2` the sum of squares of column f, so that the penalty does not depend on units. Each
    element has its own weights. Rows are made for a few structures at a time and reduced to a
    triangle: memory does not grow with the data.

    Parameters
    ----------
    descriptor : Descriptor of atoms; SNAP with ``quadratic=True`` for quadratic SNAP
    sigma_energy : float, eV per atom, error that energies may have
    sigma_forces : float, eV/Å
    sigma_virial : float, eV per atom
    alpha : float, optional
        Penalty, relative to the squares of a column; by cross-validation if not given.
    folds : int
        Parts of the data for the cross-validation, drawn at random.
    baseline : "composition", "mean" or None
        Subtracted before; see :class:`Baseline`.
    target, unit : str
        Name and unit of what is predicted, for files and messages.
    random_state : int

    Attributes
    ----------
    alpha_ : float, the penalty used
    coefficients_ : weights and constant of each element of ``bases_``, one after the other

    References
    ----------
    A. P. Thompson et al., J. Comput. Phys. 285, 316 (2015); M. A. Wood, A. P. Thompson, J. Chem.
    Phys. 148, 241721 (2018).
    """

    def __init__(
        self,
        descriptor,
        *,
        sigma_energy=0.001,
        sigma_forces=0.1,
        sigma_virial=0.01,
        alpha=None,
        folds=5,
        baseline="composition",
        target="energy",
        unit="eV",
        random_state=0,
    ):
        self.descriptor = descriptor
        self.sigma_energy = sigma_energy
        self.sigma_forces = sigma_forces
        self.sigma_virial = sigma_virial
        self.alpha = alpha
        self.folds = folds
        self.baseline = baseline
        self.target = target
        self.unit = unit
        self.random_state = random_state

    def _make_bases(self, frames):
        if self.alpha is not None:
            check_penalty("alpha", self.alpha)
        return {int(z): LinearBasis(self.descriptor_.n_features) for z in self.baseline_.species_}

    def _folds(self, n):
        check_integer("folds", self.folds, 2)
        if self.alpha is not None or n < 2:
            return super()._folds(n)
        shuffled = np.random.default_rng(self.random_state).permutation(n)
        return [np.sort(part) for part in np.array_split(shuffled, min(self.folds, n))]

    def _solve(self, folds):
        whole = folds[0].merged(*folds[1:])
        scale = np.linalg.norm(whole.R, axis=0)
        scale[scale == 0] = 1.0
        if self.alpha is not None:
            self.alpha_ = float(self.alpha)
        elif len(folds) == 1:
            self.alpha_ = float(ALPHAS[0])
        else:
            errors = np.zeros(len(ALPHAS))
            for k, held_out in enumerate(folds):
                others = [fold for s, fold in enumerate(folds) if s != k]
                path = _ridge_path(others[0].merged(*others[1:]), scale, ALPHAS)
                errors += [held_out.squares(c) for c in path]
            self.alpha_ = float(ALPHAS[np.argmin(errors)])
        return _ridge_path(whole, scale, [self.alpha_])[0]


def _ridge_path(rows: LeastSquares, scale: np.ndarray, alphas) -> np.ndarray:
    """The coefficients (n_alphas, n) for penalties relative to the squares of columns."""
    U, s, Vt = np.linalg.svd(rows.R / scale)
    known = s > len(s) * np.finfo(float).eps * s.max(initial=0)
    U, s, Vt = U[:, known], s[known], Vt[known]  # the data say nothing about other directions
    filters = s / (s**2 + np.asarray(alphas, dtype=float)[:, None])
    return (filters * (U.T @ rows.rhs)) @ Vt / scale
