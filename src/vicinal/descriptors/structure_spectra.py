"""Whole-structure descriptors made of Gaussians on grids: what MBTR and Valle-Oganov share."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from vicinal.basis.species import unordered_pairs
from vicinal.correlate.grids import center_rows
from vicinal.descriptors.base import _array, _choose
from vicinal.descriptors.spectra import Spectra
from vicinal.errors import ParameterError
from vicinal.features import Features, Gradient, Jacobian


class StructureSpectra(Spectra):
    """One row a structure: sums over the tuples of its atoms, side by side for each order k.

    Normalisation may be by its number of atoms, or by its volume, which changes with strain.
    """

    _grouped = True

    @property
    def pooling(self) -> str:
        """How rows of centres would give those of structures: "mean" where they are intensive."""
        return "sum" if self.normalization is None else "mean"

    @property
    def neighbor_cutoff(self) -> float:
        return max([order.reach() for order in self._orders() if order.k > 1], default=1.0)

    def _validate(self) -> None:
        super()._validate()
        for order in self._orders():
            if self.normalization == "valle_oganov" and order.k not in (2, 3):
                raise ParameterError("normalization='valle_oganov' is there for k2 and k3 only")

    # -- the plan -------------------------------------------------------------------------------

    def _term(self, order, grid, number, species):
        if order.k == 1:
            return center_rows(np.array([grid.spectrum(z) for z in species]), self.dtype)
        # A pair is met at both of its atoms.
        factor = 0.5 if order.k == 2 else 1.0
        block = _blocks(number, order.k, len(species))
        return order.term(grid, self.cutoff_function, factor, block)

    def _tuples(self, k: int, n: int) -> list[tuple[int, ...]]:
        """In DScribe's order; the second of three is the vertex."""
        if k == 1:
            return [(a,) for a in range(n)]
        if k == 2:
            return unordered_pairs(n)
        if k == 3:
            return [(a, v, b) for v in range(n) for a, b in unordered_pairs(n)]
        chains = np.ndindex((n,) * 4)
        return [chain for chain in chains if chain <= chain[::-1]]

    # -- normalisation by volume, which strain changes ------------------------------------------

    def compute(self, frames, centers=None, *, out=None) -> Features:
        if self.normalization != "valle_oganov":
            return super().compute(frames, centers, out=out)
        env, factor, _ = self._densities(frames, centers)
        features = super().compute(env, centers, out=out)
        features.values[:] *= factor
        return features

    def vjp(self, frames, cotangent, centers=None) -> Gradient:
        if self.normalization != "valle_oganov":
            return super().vjp(frames, cotangent, centers)
        env, factor, growth = self._densities(frames, centers)
        if scipy.sparse.issparse(cotangent):
            cotangent = cotangent.toarray()
        cotangent = _array("cotangent", cotangent, factor.shape, None) * factor
        gradient = super().vjp(env, cotangent, centers)
        raw = super().compute(env, centers)
        along = np.einsum("mf,mf,mf->m", raw.values, cotangent, growth)
        gradient.strain[raw.samples["structure"]] += along[:, None, None] * np.eye(3)
        return gradient

    def jvp(self, frames, positions=None, strain=None, centers=None) -> np.ndarray:
        if self.normalization != "valle_oganov":
            return super().jvp(frames, positions, strain, centers)
        env, factor, growth = self._densities(frames, centers)
        out = super().jvp(env, positions, strain, centers)
        if strain is not None:
            raw = super().compute(env, centers)
            strain = np.reshape(strain, (env.n_structures, 3, 3))[raw.samples["structure"]]
            expansion = np.trace(strain, axis1=1, axis2=2)[:, None].astype(out.dtype)
            out += expansion * growth * raw.values
        return out * factor

    def jacobian(self, frames, centers=None) -> Jacobian:
        if self.normalization != "valle_oganov":
            return super().jacobian(frames, centers)
        env, factor, _ = self._densities(frames, centers)
        found = super().jacobian(env, centers)
        return Jacobian(found.sample, found.atom, found.values * factor[found.sample][:, None])

    def _densities(self, frames, centers):
        """(environments, factor of each value, its logarithmic derivative by the volume's)

        The factor is V / (4 pi N_A N_B) for pairs (half of N_A² where the species are the same),
        V² / (N_A N_B N_C) for triples.
        """
        _, species, cutoff = self._state()
        env = self._environments(frames, cutoff)
        species = species or tuple(env.species)
        structures = np.unique(env.structure[_choose(env, centers)])
        counts = np.zeros((env.n_structures, len(species)))
        np.add.at(counts, (env.structure, self._species_index(env, species)), 1)
        counts = counts[structures]
        crystal = env.pbc[structures].all(axis=1)
        volume = np.abs(np.linalg.det(env.cells[structures]))
        volume = np.where(crystal, volume, counts.sum(axis=1))
        factors, powers = [], []
        for order in self._orders():
            power = order.k - 1 if self.convention == "vicinal" else 1
            for one in self._tuples(order.k, len(species)):
                product = counts[:, one].prod(axis=1)
                if order.k == 2:
                    product *= 4 * np.pi * (0.5 if one[0] == one[1] else 1.0)
                factor = np.divide(
                    volume**power, product, out=np.zeros_like(volume), where=product > 0
                )
                factors += [factor] * order.grid["n"]
                powers += [power] * order.grid["n"]
        factor, growth = np.transpose(factors), crystal[:, None] * np.array(powers)
        return env, factor.astype(self.dtype), growth.astype(self.dtype)


def _blocks(number: dict[tuple[int, ...], int], k: int, n: int) -> np.ndarray:
    """Number of the block by the species of the centre, and of the others as in terms."""
    block = np.empty((n,) * k, dtype=np.int64)
    for at in np.ndindex(block.shape):
        center, first, *rest = at
        one = (first, center, *rest)
        block[at] = number[min(one, one[::-1])]
    return block
