"""Kernel ridge regression and Gaussian processes on structures."""

from __future__ import annotations

import numpy as np

from vicinal.descriptors.parameters import check_choice, check_number
from vicinal.errors import ParameterError
from vicinal.features import Features
from vicinal.models.base import Forward, Model, chunks, numbered
from vicinal.models.kernel_ridge import KernelRidge, loo_for_noises
from vicinal.models.local import KernelBasis, local_values
from vicinal.similarity import (
    Gaussian,
    Kernel,
    Laplacian,
    make_kernel,
    structure_diagonal,
    structure_kernel,
)
from vicinal.similarity.structures import HOW

#: Noises tried where none is given, relative to the mean of the kernel's diagonal.
NOISES = 10.0 ** np.arange(-11, 1)
#: Length scales tried where none is given, relative to the median distance of training rows.
LENGTHS = 2.0 ** np.arange(-2, 5)
#: Rows of each element from which that median is estimated, and structures that are tuned on.
SAMPLE, TUNING = 500, 400
#: Atoms described at a time in training.
CHUNK_ATOMS = 5_000


class StructureModel(Model):
    r"""Gaussian process (kernel ridge regression) on structures.

    .. math::
        \hat y(A) = b(A) + \sum_B K_{AB} \alpha_B, \qquad \alpha = (K + \lambda I)^{-1} (y - b)

    with a baseline b. For a descriptor of atoms K is made from similarities of environments
    (:func:`vicinal.similarity.structure_kernel`); for a descriptor of structures, or one with
    ``pooling``, it is the kernel of their rows.

    Parameters
    ----------
    descriptor : Descriptor
    kernel : Kernel, "gaussian" or "laplacian"
        Between rows. A name stands for the length scale of the least leave-one-out error among
        multiples (1/4 to 16) of the median distance of two rows.
    how : "sum", "average", "best_match", "rematch" or "atoms"
        Structures from environments: "sum" for what grows with the number of atoms (energies),
        "average" for what does not. Predictions have forces with "sum" and "average". With "atoms"
        targets are those of atoms, one after the other (charges, shieldings), and K compares
        environments themselves.
    like_atoms : bool
        Atoms of different elements are nothing alike.
    gamma : float, of "rematch"
    normalize : bool
        Divide by :math:`\sqrt{K_{AA} K_{BB}}`.
    noise : float, optional
        :math:`\lambda`, relative to the mean of the kernel's diagonal; by leave-one-out if not
        given.
    baseline : "composition", "mean" or None
        Subtracted before; see :class:`Baseline`.
    target, unit : str
        Name and unit of what is predicted, for files and messages.

    Attributes
    ----------
    kernel_ : Kernel, the one used
    noise_ : float, :math:`\lambda` in units of the kernel
    loo_rmse_ : float, leave-one-out root mean square error in training, unit of the target
    regression_ : KernelRidge

    Notes
    -----
    ``std`` is that of an observation, noise included, with the prior's scale that makes the targets
    most likely.

    References
    ----------
    M. F. Langer, A. Gößmann, M. Rupp, npj Comput. Mater. 8, 41 (2022).
    """

    def __init__(
        self,
        descriptor,
        *,
        kernel="gaussian",
        how="sum",
        like_atoms=True,
        gamma=1.0,
        normalize=False,
        noise=None,
        baseline="composition",
        target="energy",
        unit="eV",
    ):
        self.descriptor = descriptor
        self.kernel = kernel
        self.how = how
        self.like_atoms = like_atoms
        self.gamma = gamma
        self.normalize = normalize
        self.noise = noise
        self.baseline = baseline
        self.target = target
        self.unit = unit

    def fit(self, X, y) -> StructureModel:
        """Learn from structures and their targets (n_structures,), or (n_atoms,) of all atoms."""
        check_choice("how", self.how, (*HOW, "atoms"))
        if self.noise is not None:
            check_number("noise", self.noise, positive=True)
        frames, rest = self._start(X, y, pooling="as it is", extensive=self.how == "sum")
        if self.per_atom and not self._local:
            raise ParameterError('how="atoms" needs a descriptor of atoms, without pooling')
        training = self._describe(frames)
        self.X_, self.structure_ = training.values, training.samples["structure"]
        local = "number" in training.samples.dtype.names
        self.number_ = training.samples["number"] if local else np.zeros(len(self.X_), int)
        self.kernel_, relative = self._choose(rest)
        K = self._compare(training, None, self.kernel_)
        self.noise_ = float(relative * np.trace(K) / len(K))
        self.regression_ = KernelRidge(noise=self.noise_).fit(K, rest)
        self.loo_rmse_ = float(np.sqrt(np.mean(self.regression_.loo_residuals() ** 2)))
        return self

    # -- what it can do -------------------------------------------------------------------------

    @property
    def has_std(self) -> bool:
        return True

    @property
    def has_forces(self) -> bool:
        smooth = getattr(self, "kernel_", self.kernel)
        if isinstance(smooth, Laplacian) or smooth == "laplacian" or self.normalize:
            return False
        return not self._local or self.how in ("sum", "average")

    @property
    def per_atom(self) -> bool:
        return self.how == "atoms"

    @property
    def has_energies(self) -> bool:
        return self._local and self.how == "sum" and self.has_forces

    @property
    def _local(self) -> bool:
        """Are rows those of atoms?"""
        descriptor = getattr(self, "descriptor_", self.descriptor)
        return descriptor.pooling is None and not descriptor.whole_structure

    # -- inside ---------------------------------------------------------------------------------

    def _forward(self, env, features, std, slope):
        features = self._counted(features)
        K = self._compare(features, self._training(), self.kernel_)
        spread = energies = cotangent = None
        if std:
            diagonal = self._self_similarity(features)
            values, spread = self.regression_.predict(K, diagonal)
            spread = self.regression_.scale * np.sqrt(spread**2 + self.noise_)
        else:
            values = self.regression_.predict(K)
        if slope:
            numbers = env.numbers if self._local else np.zeros(len(features), int)
            energies, cotangent = self._sums(features, numbers)
            if self._local and self.how == "average":
                cotangent /= np.diff(env.atom_offsets)[env.structure, None]
        return Forward(values, spread, energies if self.has_energies else None, cotangent)

    def _sums(self, features: Features, numbers: np.ndarray):
        """Similarities with all training rows, weighted by their structures' coefficients; and
        their derivatives by the features."""
        alpha = self.regression_.alpha_
        if self.how == "average" and self._local:
            alpha = alpha / np.bincount(self.structure_)
        kinds = np.unique(self.number_) if self._local and self.like_atoms else [0]
        groups = {}
        for z in kinds:
            own = self.number_ == z if z else slice(None)
            basis = KernelBasis(self.kernel_, self.X_[own])
            groups[int(z)] = basis, alpha[self.structure_[own]]
        return local_values(groups, features.values, numbers, gradient=True)

    def _training(self) -> Features:
        fields = [("structure", int)] + [("number", int)] * self._local
        samples = np.zeros(len(self.X_), fields)
        samples["structure"] = self.structure_
        if self._local:
            samples["number"] = self.number_
        return Features(self.X_, samples, ())

    def _compare(self, a: Features, b: Features | None, kernel: Kernel) -> np.ndarray:
        if self._local:
            return structure_kernel(a, b, kernel=kernel, **self._options())
        K = kernel(a.values, (b or a).values)
        if self.normalize:
            K /= np.sqrt(kernel.diagonal(a.values))[:, None] * np.sqrt(
                kernel.diagonal((b or a).values)
            )
        return K

    def _self_similarity(self, features: Features) -> np.ndarray:
        if self._local:
            return structure_diagonal(features, kernel=self.kernel_, **self._options())
        return np.ones(len(features)) if self.normalize else self.kernel_.diagonal(features.values)

    def _options(self) -> dict:
        names = ("like_atoms", "gamma", "normalize")
        how = "sum" if self.per_atom else self.how
        return {"how": how} | {name: getattr(self, name) for name in names}

    def _describe(self, frames) -> Features:
        """Rows of all structures, in order."""
        values, samples = [], []
        for numbers, part in chunks(frames, CHUNK_ATOMS):
            with numbered(numbers):
                found = self._features(part)
            found.samples["structure"] += numbers[0]
            values.append(found.values)
            samples.append(found.samples)
        return self._counted(Features(np.concatenate(values), np.concatenate(samples), ()))

    def _counted(self, features: Features) -> Features:
        """With ``how="atoms"`` each atom counts as a structure."""
        if self.per_atom:
            features.samples["structure"] = np.arange(len(features))
        return features

    def _choose(self, y: np.ndarray) -> tuple[Kernel, float]:
        """Kernel and relative noise, by leave-one-out on some structures where not given."""
        kernels = self._kernels()
        noises = NOISES if self.noise is None else np.array([self.noise])
        if len(kernels) == len(noises) == 1:
            return kernels[0], float(noises[0])
        some = np.sort(np.random.default_rng(0).permutation(len(y))[:TUNING])
        training = self._training()
        rows = np.isin(self.structure_, some)
        sample = Features(training.values[rows], training.samples[rows], ())
        best, chosen = np.inf, None
        for kernel in kernels:
            K = self._compare(sample, None, kernel)
            errors = loo_for_noises(K, y[some], noises * np.trace(K) / len(K))
            squares = np.mean(errors**2, axis=1)
            if squares.min() < best:
                best, chosen = squares.min(), (kernel, float(noises[squares.argmin()]))
        return chosen

    def _kernels(self) -> list[Kernel]:
        """The kernel, or those to choose from."""
        if self.kernel not in ("gaussian", "laplacian"):
            return [make_kernel(self.kernel)]
        cls, order = {"gaussian": (Gaussian, 2), "laplacian": (Laplacian, 1)}[self.kernel]
        rng = np.random.default_rng(0)
        distances = [np.zeros(0)]
        for kind in np.unique(self.number_):
            rows = rng.permutation(np.flatnonzero(self.number_ == kind))[:SAMPLE]
            between = self.X_[rows] - self.X_[np.roll(rows, 1)]
            distances.append(np.linalg.norm(between, ord=order, axis=1))
        distances = np.concatenate(distances)
        distances = distances[distances > 0]
        if not len(distances):
            raise ParameterError(
                "all training rows look the same: give a kernel with its length scale"
            )
        return [cls(float(length * np.median(distances))) for length in LENGTHS]
