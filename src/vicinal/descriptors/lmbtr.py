"""LMBTR, the many-body tensor representation of an atom's environment."""

from __future__ import annotations

import numpy as np

from vicinal.descriptors.mbtr import K2, K3
from vicinal.descriptors.parameters import check_choice
from vicinal.descriptors.spectra import Spectra
from vicinal.errors import ParameterError


class LMBTR(Spectra):
    """Local many-body tensor representation: distances and angles about a centre, by species.

    ::

        f_k(x; Z_1 ... Z_k)  =  Σ_{tuples of k atoms with these species}  w_k  N(x; g_k, σ_k)

    over the tuples that hold the centre, which is X among the species whatever it is itself. For
    k = 3 the centre is the vertex of the angle, [O,X,H], or at its end, [X,O,H].

    Parameters
    ----------
    k2 : dict or None
        What is computed for pairs, as in :class:`vicinal.MBTR`; None for nothing.
    k3 : dict or None
        The same for triples. Where the weight is the product over the sides at the vertex, the
        environment reaches to twice its ``cutoff``: as far as the other end of an angle that begins
        at the centre.
    cutoff_function : None, "cosine", "polynomial", "tanh" or "exponential"
        Fades the weightings "unity", "exp" and "inverse_square" out (over half the perimeter where
        they are functions of it); None lets them jump at the cutoff, as DScribe does.
    normalization : None, "l2" or "l2_each"
        Divide the row by its length, or each k by its own. Rows then jump where an atom gets its
        first neighbour.
    gaussian : "integrated" or "sampled"
        A grid point gets the mean of the Gaussian over one step about it, or its value there.
    normalize_gaussians : bool
        Gaussians of unit area, or else of unit height.
    convention : "vicinal" or "dscribe"
        With "dscribe" there are also blocks of tuples with X twice; they are zero.
    species : list of symbols or atomic numbers, optional
        Species that may occur; learned by ``fit`` if not given.
    pooling : None, "mean" or "sum"
        One row an atom; or one a structure, mean or sum of the rows.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    dtype : "float64" or "float32"
        Type of the values; sums are made in it, geometry in float64.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    Cost is linear in the neighbours for k2, quadratic for k3. The species of the centre itself is
    not seen, and distributions forget which angle goes with which distance.

    References
    ----------
    H. Huo, M. Rupp, Mach. Learn.: Sci. Technol. 3, 045017 (2022); arXiv:1704.06439.
    The local form: L. Himanen et al., DScribe, Comput. Phys. Commun. 247, 106949 (2020).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> vc.LMBTR(k3=None).compute(molecule("CH3CH2OH"))
    Features(9 samples x 153 features, float64)
    """

    registry_name = "lmbtr"
    _label = "LMBTR"

    def __init__(
        self,
        *,
        k2=K2,
        k3=K3,
        cutoff_function="cosine",
        normalization=None,
        gaussian="integrated",
        normalize_gaussians=True,
        convention="vicinal",
        species=None,
        pooling=None,
        periodic=None,
        dtype="float64",
        n_threads=None,
    ):
        self.k2 = k2
        self.k3 = k3
        self.cutoff_function = cutoff_function
        self.normalization = normalization
        self.gaussian = gaussian
        self.normalize_gaussians = normalize_gaussians
        self.convention = convention
        self.species = species
        self.pooling = pooling
        self.periodic = periodic
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    @property
    def neighbor_cutoff(self) -> float:
        return max(order.reach(ends=True) for order in self._orders())

    @property
    def smoothness(self) -> float:
        """A normalised row jumps where the first neighbour of an atom comes in."""
        return super().smoothness if self.normalization is None else -1

    def _validate(self) -> None:
        super()._validate()
        check_choice("normalization", self.normalization, (None, "l2", "l2_each"))
        if not self._orders():
            raise ParameterError("k2 and k3 are both None: nothing to compute")

    def _term(self, order, grid, number, species):
        blocks = _blocks(number, order.k, len(species))
        return order.term(grid, self.cutoff_function, 1.0, *blocks)

    def _tuples(self, k: int, n: int) -> list[tuple[int, ...]]:
        some = range(-1 if self.convention == "dscribe" else 0, n)
        if k == 2:
            return [(-1, a) for a in some]
        around = [(a, -1, b) for a in some for b in some if a <= b]
        return around + [(-1, v, b) for v in range(n) for b in some]


def _blocks(number: dict[tuple[int, ...], int], k: int, n: int) -> list[np.ndarray]:
    """Number of the block by the species of centre and neighbours; for k = 3 of the angle at the
    centre, and of that at the first neighbour."""
    if k == 2:
        return [np.array([[number[-1, a] for a in range(n)]] * n)]
    vertex = [[number[min(a, b), -1, max(a, b)] for b in range(n)] for a in range(n)]
    end = [[number[-1, v, b] for b in range(n)] for v in range(n)]
    return [np.array([vertex] * n), np.array([end] * n)]
