"""A small descriptor in NumPy on the base contract: radial functions of each species, G2-like.

It passes the battery; ``test_battery_can_fail.py`` breaks it, one fault at a time.
"""

import numpy as np
import scipy.sparse
from ase.data import chemical_symbols

from vicinal import Descriptor


class Toy(Descriptor):
    """``sum_j exp(-eta_k d^2) (1 - (d/cutoff)^2)^2`` for each species and ``eta_k``."""

    registry_name = "toy"
    plan = property(lambda self: ToyPlan)

    def __init__(
        self,
        *,
        cutoff=3.5,
        etas=(0.05, 0.3, 1.0),
        species=("H", "C", "O"),
        pooling=None,
        sparse=False,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.etas = etas
        self.species = species
        self.pooling = pooling
        self.sparse = sparse
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    def _make_plan(self, species):
        return self.plan(self.neighbor_cutoff, self.etas, species, np.dtype(self.dtype))


class ToyPlan:
    def __init__(self, cutoff, etas, species, dtype):
        self.cutoff, self.etas = dtype.type(cutoff), np.asarray(etas, dtype=dtype)
        self.species, self.dtype = species, dtype
        self.n_features = len(species) * len(etas)

    def names(self):
        return [f"{chemical_symbols[z]} eta={eta:g}" for z in self.species for eta in self.etas]

    def fade(self, x):
        """The cutoff function and its derivative at ``x = d / cutoff``."""
        return (1 - x**2) ** 2, -4 * x * (1 - x**2)

    def pairs_of(self, pairs):
        """(indices of the selected pairs, row, columns of their features, inside?)"""
        count = pairs.stop - pairs.start
        row = np.repeat(np.arange(pairs.n_samples), count)
        first = np.cumsum(count) - count
        q = np.arange(len(row)) - np.repeat(first, count) + np.repeat(pairs.start, count)
        K = len(self.etas)
        return q, row, pairs.species[pairs.j[q]][:, None] * K + np.arange(K)

    def terms(self, D):
        """Each pair's features (pairs, K), and their derivatives over ``D`` (pairs, 3, K)."""
        D = D.astype(self.dtype)
        d = np.sqrt((D**2).sum(axis=1))[:, None]
        x = d / self.cutoff
        fade, slope = self.fade(x)
        inside = x < 1
        gauss = np.exp(-self.etas * d**2)
        radial = np.where(inside, gauss * fade, 0)
        along = np.where(inside, gauss * (slope / self.cutoff - 2 * self.etas * d * fade), 0)
        return radial, (D / d)[:, :, None] * along[:, None, :]

    def compute(self, pairs, out):
        q, row, columns = self.pairs_of(pairs)
        out[:] = 0
        np.add.at(out, (row[:, None], columns), self.terms(pairs.D[q])[0])

    def vjp(self, pairs, cotangent):
        q, row, columns = self.pairs_of(pairs)
        if scipy.sparse.issparse(cotangent):
            cotangent = cotangent.toarray()
        slopes = self.terms(pairs.D[q])[1]
        pulled = np.einsum("pdk,pk->pd", slopes, cotangent[row[:, None], columns])
        return np.ascontiguousarray(pulled, dtype=float)

    def jvp(self, pairs, tangent, out):
        q, row, columns = self.pairs_of(pairs)
        out[:] = 0
        pushed = np.einsum("pdk,pd->pk", self.terms(pairs.D[q])[1], tangent.astype(self.dtype))
        np.add.at(out, (row[:, None], columns), pushed)

    def jacobian(self, pairs, pair_block, center_block, out):
        q, row, columns = self.pairs_of(pairs)
        slopes = self.terms(pairs.D[q])[1].transpose(0, 2, 1)
        np.add.at(out.transpose(0, 2, 1), (pair_block[:, None], columns), slopes)
        np.add.at(out.transpose(0, 2, 1), (center_block[row][:, None], columns), -slopes)

    def compute_sparse(self, pairs):
        out = np.empty((pairs.n_samples, self.n_features), self.dtype)
        self.compute(pairs, out)
        return scipy.sparse.csr_array(out)

    def jvp_sparse(self, pairs, tangent):
        out = np.empty((pairs.n_samples, self.n_features), self.dtype)
        self.jvp(pairs, tangent, out)
        return scipy.sparse.csr_array(out)
