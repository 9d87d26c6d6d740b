"""Radial functions of density descriptors: the radial factor of one neighbour.

A neighbour at ``r_j = r u`` gives the coefficients ``c_nlm = R_nl(r) Y_lm(u)``. Here ``R_nl`` is
everything but the spherical harmonic: the overlap of the neighbour's density with the radial basis
``g_nl``, times the cutoff function, times the weight of the density,

    R_nl(r) = f_c(r) w(r) int_0^inf x^2 g_nl(x) rho_l(x, r) dx
    rho_l(x, r) = 4 pi (pi s^2)^(-3/4) exp(-(x^2 + r^2) / 2 s^2) i_l(x r / s^2)      (Gaussian)
    rho_l(x, r) = delta(x - r) / x^2                                                 (delta)

with the modified spherical Bessel functions ``i_l``. The Gaussian has unit norm in L2, as in
Willatt, Musil & Ceriotti, J. Chem. Phys. 150, 154110 (2019); ``rho_l`` is from Bartok, Kondor &
Csanyi, Phys. Rev. B 87, 184115 (2013), where SOAP is introduced.

The integral is one matrix product, ``R_l = rho_l(nodes) @ weights_l``: for an orthonormal basis the
nodes are those of a Gauss-Legendre rule, for QUIP's basis they are the points where its expansion
is made to agree with the density.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache, partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import eval_jacobi, gamma, spherical_jn

from vicinal.basis.cutoff import get_cutoff_function
from vicinal.basis.weighting import Weighting
from vicinal.descriptors.parameters import check_choice, check_integer, check_number
from vicinal.errors import ParameterError

__all__ = ["DENSITIES", "RADIAL_BASES", "RadialFunctions", "orthonormal_powers", "scaled_bessel_i"]

DENSITIES = ("gaussian", "delta")

# A Gaussian is negligible (exp(-45) < 1e-19) this many standard deviations from its centre.
_REACH = 9.5
# Gauss-Legendre panels hold 16 nodes and are 4 sigma long: the error of a Gaussian is below 1e-16.
_NODES, _PANEL = 16, 4.0
# Smallest ratio of singular values of the primitives that is still orthonormalised: the functions
# are then good to 1e-16 / 1e-10.
_SINGULAR = 1e-10
# Power of (R_c - r) with which the functions of a basis vanish at the cutoff, if they do.
_VANISHING = {"polynomial": 3, "polynomial_normalized": 3, "bartok": 3, "bessel": 1}
# DScribe counts neighbours until their Gaussian has decayed to this value at the cutoff.
_DSCRIBE_TAIL = 1e-3


class RadialFunctions:
    """The complete radial factor ``R_nl(r)`` of one neighbour (formula above).

    Parameters
    ----------
    radial_basis : str
        One of :data:`RADIAL_BASES`: ``"gto"``, ``"gto_dscribe"``, ``"polynomial"``,
        ``"polynomial_normalized"``, ``"bartok"``, ``"bessel"``, ``"quip"``.
    density : {"gaussian", "delta"}
        Shape of a neighbour's density. ``"quip"`` has no basis functions that a delta could be
        projected on, and takes Gaussians only.
    sigma : float
        Standard deviation of the Gaussian, in Angstrom.
    cutoff : float
        Cutoff radius, in Angstrom; also the length scale of the radial basis.
    n_max : int
        Number of radial functions (featomic's ``max_radial`` is one less).
    l_max : int
        Largest angular momentum, included.
    cutoff_function : str or None
        A name in :data:`vicinal.basis.cutoff.CUTOFF_FUNCTIONS`; ``None`` is a jump at the cutoff.
        ``"padded"`` is DScribe's: a jump where a neighbour's Gaussian has fallen to 0.001 at the
        cutoff, ``sigma sqrt(2 ln 1000)`` beyond it.
    cutoff_width : float
        Width of the switching zone of ``"shifted_cosine"``, in Angstrom.
    weighting : dict, optional
        Weight of the density by distance, see :class:`vicinal.basis.weighting.Weighting`.

    Attributes
    ----------
    end : float
        Neighbours farther than this contribute nothing, in Angstrom.
    breakpoints : list of float
        Distances in ``(0, end)`` where ``R`` is not infinitely differentiable.
    smoothness : float
        Number of continuous derivatives of ``R`` at `end`; -1 means that it jumps.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or the basis is numerically linearly dependent.
    """

    def __init__(
        self,
        *,
        radial_basis="gto",
        density="gaussian",
        sigma=0.5,
        cutoff=5.0,
        n_max=8,
        l_max=6,
        cutoff_function="shifted_cosine",
        cutoff_width=0.5,
        weighting=None,
    ):
        check_choice("radial_basis", radial_basis, tuple(RADIAL_BASES))
        check_choice("density", density, DENSITIES)
        if density == "delta" and radial_basis == "quip":
            raise ParameterError("radial_basis='quip' needs density='gaussian'")
        check_integer("n_max", n_max, 1)
        check_integer("l_max", l_max, 0)
        for name, value in (("sigma", sigma), ("cutoff", cutoff), ("cutoff_width", cutoff_width)):
            check_number(name, value, positive=True)
        if cutoff_function == "padded" and density == "delta":
            raise ParameterError("cutoff_function='padded' needs density='gaussian'")
        self._parameters = {
            "radial_basis": radial_basis,
            "density": density,
            "sigma": sigma,
            "cutoff": cutoff,
            "n_max": n_max,
            "l_max": l_max,
            "cutoff_function": cutoff_function,
            "cutoff_width": cutoff_width,
            "weighting": weighting,
        }
        self.radial_basis, self.density = radial_basis, density
        self.sigma, self.cutoff = float(sigma), float(cutoff)
        self.n_max, self.l_max = int(n_max), int(l_max)
        self.cutoff_function, self.cutoff_width = cutoff_function, float(cutoff_width)
        self.weighting = Weighting(weighting)

        padded = cutoff_function == "padded"
        padding = self.sigma * np.sqrt(-2.0 * np.log(_DSCRIBE_TAIL)) if padded else 0.0
        fade = get_cutoff_function(None if padded else cutoff_function)
        self._fade = fade
        self.breakpoints = fade.breakpoints(cutoff=self.cutoff, width=self.cutoff_width)
        self.end, self.smoothness = self.cutoff + padding, fade.smoothness
        if density == "delta":
            self.smoothness += _VANISHING.get(radial_basis, 0)
        if self.weighting.end <= self.end:
            together = self.weighting.end == self.end
            self.smoothness = self.weighting.smoothness + together * (self.smoothness + 1)
            self.end = self.weighting.end
        self.breakpoints = [r for r in self.breakpoints if r < self.end]
        self._nodes, self._weights, self._combine = RADIAL_BASES[radial_basis](self)

    def evaluate(self, r):
        """``R_nl`` at the distances `r`.

        Parameters
        ----------
        r : array_like, shape (k,)
            Distances in Angstrom, zero included. At a jump the value is the one inside.

        Returns
        -------
        ndarray, shape (k, l_max + 1, n_max)
        """
        r = np.atleast_1d(np.asarray(r, dtype=float))
        values = np.zeros((len(r), self.l_max + 1, self.n_max))
        inside = np.flatnonzero(r <= self.end)
        chunk = max(1, 2_000_000 // ((self.l_max + 1) * max(1, len(self._nodes))))
        for start in range(0, len(inside), chunk):
            at = inside[start : start + chunk]
            values[at] = self._scale(r[at])[:, None, None] * self._project(r[at])
        return values

    def central(self):
        """``R_n0(0)`` of the central atom itself, with the weight ``w0`` where there is one.

        Returns
        -------
        ndarray, shape (n_max,)
            The other ``l`` vanish by symmetry: a centre adds ``R_n0(0) Y_00`` to ``c_n00``.
        """
        return self.weighting.central * self._project(np.zeros(1))[0, 0]

    def _scale(self, r):
        """Cutoff function times weight."""
        if self._fade.smoothness < 0:  # `r <= end` is already sure
            return self.weighting(r)
        return self._fade(r, cutoff=self.cutoff, width=self.cutoff_width) * self.weighting(r)

    def _project(self, r):
        """The density of a neighbour at `r` on the radial basis, ``(k, l_max + 1, n_max)``."""
        if self.density == "delta":
            # Nearly dependent primitives cancel: long double keeps the noise below 1e-13.
            long = r.astype(np.longdouble)
            return np.stack([combine(long) for combine in self._combine], axis=1).astype(float)
        density = self._expand_gaussian(r, self._nodes)
        return np.matmul(density, self._weights).transpose(1, 0, 2)

    def _expand_gaussian(self, r, x):
        """``rho_l(x, r)``, shape (l_max + 1, len(r), len(x))."""
        values = scaled_bessel_i(self.l_max, np.multiply.outer(r, x) / self.sigma**2)
        values *= np.exp(-0.5 * (np.subtract.outer(r, x) / self.sigma) ** 2)
        return values * (4.0 * np.pi * (np.pi * self.sigma**2) ** -0.75)

    def __reduce__(self):
        return partial(RadialFunctions, **self._parameters), ()


def scaled_bessel_i(l_max, x):
    """Modified spherical Bessel functions ``exp(-x) i_l(x)`` for ``l = 0 .. l_max``.

    They neither overflow nor lose digits: the ratios ``i_l / i_(l-1)`` come from the backward
    recurrence (NIST DLMF 10.51.4), or for large arguments from the forward one.

    Parameters
    ----------
    l_max : int
    x : array_like
        Non-negative arguments, any shape.

    Returns
    -------
    ndarray, shape (l_max + 1,) + x.shape
    """
    x = np.asarray(x, dtype=float)
    values = np.empty((l_max + 1, *x.shape))
    values[0] = -np.expm1(-2.0 * x) / np.where(x > 0, 2.0 * x, 1.0)
    values[0][x == 0] = 1.0
    if l_max == 0:
        return values
    large = x > max(1.0, 2.0 * l_max**2)
    y = x[large]
    forward = [values[0][large]]
    # i_1 exp(-x) = (cosh x - sinh x / x) exp(-x) / x
    forward.append((0.5 * (1.0 + np.exp(-2.0 * y)) - forward[0]) / y)
    for k in range(1, l_max):
        forward.append(forward[k - 1] - (2 * k + 1) / y * forward[k])
    y = x[~large]
    top = l_max + 8 + int(np.sqrt(32.0 * y.max(initial=0.0) + l_max**2))
    ratio = y / (top + np.hypot(top + 1.0, y))
    ratios = np.empty((l_max + 1, len(y)))
    for k in range(top, 0, -1):
        ratio = y / (2 * k + 1 + y * ratio)
        if k <= l_max:
            ratios[k] = ratio
    backward = values[0][~large]
    for k in range(1, l_max + 1):
        backward = backward * ratios[k]
        values[k][large], values[k][~large] = forward[k], backward
    return values


# --- radial bases ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Primitives:
    """Functions that become a radial basis when they are orthonormalised.

    ``values(l, r)`` has the shape (len(r), n_max); beyond ``extent`` all are negligible or zero;
    ``length`` is the shortest distance over which they vary.
    """

    values: Callable
    extent: float
    length: float
    depends_on_l: bool = True


def _gto(f):
    """featomic's Gto: ``r^n exp(-r^2 / 2 s_n^2)``, ``s_n = R_c max(sqrt(n), 1) / n_max``.

    n = 0 .. n_max - 1; normalised, then orthonormalised by Loewdin's method. Musil et al., J. Chem.
    Phys. 154, 114109 (2021), appendix A.
    """
    n = np.arange(f.n_max)
    width = f.cutoff * np.sqrt(np.maximum(n, 1.0)) / f.n_max
    norm = np.sqrt(2.0 / (width**3 * gamma(n + 1.5)))

    def values(l, r):
        x = r[:, None] / width
        return norm * x**n * np.exp(-0.5 * x**2)

    return _Primitives(values, _extent(width, n), width[0], depends_on_l=False)


def _gto_dscribe(f):
    """DScribe's GTO: ``r^l exp(-a_nl r^2)``, ``a_nl`` so that it is 0.001 at 1 .. R_c Angstrom.

    Himanen et al., Comput. Phys. Commun. 247, 106949 (2020). Not normalised before
    Loewdin's orthonormalisation, which therefore depends on the unit of length.
    """
    if f.cutoff <= 1.0:
        raise ParameterError(
            f"radial_basis='gto_dscribe' needs cutoff > 1 Angstrom, got {f.cutoff}"
        )
    reach = np.linspace(1.0, f.cutoff, f.n_max)
    l = np.arange(f.l_max + 1)[:, None]
    decay = (np.log(1e3) + l * np.log(reach)) / reach**2

    def values(l, r):
        return r[:, None] ** l * np.exp(-decay[l] * r[:, None] ** 2)

    width = np.sqrt(0.5 / decay)
    return _Primitives(values, _extent(width, l), width.min())


def _polynomial(f):
    """DScribe's polynomials: ``(R_c - r)^(n + 2)``, n = 1 .. n_max, zero beyond the cutoff.

    Bartok, Kondor & Csanyi, Phys. Rev. B 87, 184115 (2013). Not normalised before
    Loewdin's orthonormalisation, which therefore depends on the unit of length.
    """
    return _powers(f, normalized=False)


def _polynomial_normalized(f):
    """The same, normalised before they are orthonormalised, as in PyXtal_FF."""
    return _powers(f, normalized=True)


def _bartok(f):
    """The same as Bartok, Kondor and Csanyi have them, and QUIP in its SO(3) descriptors:
    normalised, and orthonormal in the integral over dr instead of r^2 dr."""

    def values(r):
        return orthonormal_powers(r, f.n_max, f.cutoff, normalized=True, measure=0)

    x, w = _panels(f.cutoff, min(f.cutoff / (2 * f.n_max), f.sigma))
    weights = values(x) * (x**2 * w)[:, None]
    return x, np.broadcast_to(weights, (f.l_max + 1, *weights.shape)), [values] * (f.l_max + 1)


def _powers(f, normalized):
    def values(l, r):
        return orthonormal_powers(r, f.n_max, f.cutoff, normalized=normalized)

    return _Primitives(values, f.cutoff, f.cutoff / (2 * f.n_max), depends_on_l=False)


def orthonormal_powers(r, n_max, cutoff, *, normalized, measure=2):
    """``(R_c - r)^(n + 2)``, n = 1 .. n_max, orthonormalised by Loewdin's method.

    They are almost linearly dependent, so they are written in the Jacobi polynomials that are
    orthonormal with the weight ``r^measure (R_c - r)^6``, and the rotation from these is computed
    with many digits.

    Parameters
    ----------
    r : array_like, shape (k,)
        Distances in Angstrom; the functions vanish beyond the cutoff.
    n_max : int
    cutoff : float
    normalized : bool
        Whether each power is normalised beforehand, which changes the result.
    measure : 0 or 2
        The functions are orthonormal in the integral over ``r^measure dr``.

    Returns
    -------
    ndarray, shape (k, n_max)
    """
    k = np.arange(n_max)
    norm = np.sqrt(2 * k + 7 + measure) * (-1.0) ** k
    if measure:
        norm *= np.sqrt((k + 8) * (k + 7) / ((k + 2) * (k + 1)))
    x = np.minimum(np.asarray(r, dtype=float)[:, None] / cutoff, 1.0)
    jacobi = norm * (1.0 - x) ** 3 * eval_jacobi(k, 6, measure, 2.0 * x - 1.0)
    jacobi *= cutoff ** (-0.5 * (1 + measure))
    return jacobi @ _powers_rotation(n_max, cutoff, normalized, measure)


@lru_cache(maxsize=8)
def _powers_rotation(n_max, cutoff, normalized, measure):
    """Rotation from the Jacobi polynomials to Loewdin's orthonormalisation of the powers.

    The unitary polar factor of the Cholesky factor of the overlap, by the Newton-Schulz iteration
    (Higham, Functions of Matrices (2008), chapter 8).
    """
    with localcontext() as context:
        context.prec = 100
        n = range(n_max)
        rc = Decimal(cutoff)

        def overlap(i, j):
            p = i + j + 7
            return 2 * rc ** (p + 2) / (p * (p + 1) * (p + 2)) if measure else rc**p / p

        factor = np.full((n_max, n_max), Decimal(0))
        for i in n:
            for j in range(i, n_max):
                rest = overlap(i, j)
                if normalized:
                    rest /= (overlap(i, i) * overlap(j, j)).sqrt()
                rest -= sum(factor[k, i] * factor[k, j] for k in range(i))
                factor[i, j] = rest.sqrt() if i == j else rest / factor[i, i]
        polar = factor / (factor**2).sum().sqrt()
        identity = np.array([[Decimal(int(i == j)) for j in n] for i in n])
        while True:
            square = polar.T @ polar
            polar = (3 * polar - polar @ square) / 2
            if abs(square - identity).max() < 1e-20:
                return polar.astype(float)


def _bessel(f):
    """Laplacian eigenstates in the ball: ``j_l(z_nl r / R_c)``, normalised, zero beyond the cutoff.

    Bigi, Huguenin-Dumittan, Ceriotti & Manolopoulos, J. Chem. Phys. 157, 234101 (2022).
    Here n_max and l_max are independent of each other.
    """
    zeros = _bessel_zeros(f.n_max, f.l_max)

    def values(l, r):
        # j_l of large arguments is accurate only in double precision
        r = np.asarray(r, dtype=float)[:, None]
        norm = np.sqrt(2.0 / f.cutoff**3) / np.abs(spherical_jn(l + 1, zeros[l]))
        return norm * spherical_jn(l, zeros[l] * r / f.cutoff) * (r <= f.cutoff)

    return _Primitives(values, f.cutoff, f.cutoff / zeros.max())


def _extent(width, power):
    """Where ``r^power exp(-r^2 / 2 width^2)`` is below 1e-19 of its maximum."""
    return (width * (np.sqrt(power + 2.0) + _REACH)).max()


def _orthonormal(primitives):
    """A radial basis of Loewdin-orthonormalised `primitives`.

    ``S^(-1/2)`` is never formed: with the quadrature weights in it, the matrix of primitives has
    the orthonormal functions as its unitary polar factor, which its singular value decomposition
    gives with half as many digits lost.
    """

    def basis(f):
        p = primitives(f)
        length = min(p.length, f.sigma) if f.density == "gaussian" else p.length
        x, w = _panels(p.extent, length)
        root = x * np.sqrt(w)
        near = x <= f.end + _REACH * f.sigma
        weights, combine = [], []
        for l in range(f.l_max + 1):
            if l == 0 or p.depends_on_l:
                u, s, vt = np.linalg.svd(root[:, None] * p.values(l, x), full_matrices=False)
                if not s[-1] > _SINGULAR * s[0]:
                    raise ParameterError(
                        f"radial_basis={f.radial_basis!r} with n_max={f.n_max} and cutoff="
                        f"{f.cutoff} is numerically linearly dependent; decrease n_max"
                    )
                polar = (u @ vt) * root[:, None]
                mix = (vt.T / s) @ vt
            weights.append(polar[near])
            combine.append(lambda r, l=l, mix=mix: p.values(l, r) @ mix)
        return x[near], np.stack(weights), combine

    return basis


def _quip(f):
    """QUIP's basis: Gaussians ``exp(-(r - r_n)^2 / 2 sigma^2)`` at equidistant ``r_n``.

    ``r_n = n (R_c + sigma sqrt(20 ln 10)) / n_max``, n = 0 .. n_max - 1. The expansion agrees with
    the density at the ``r_n`` themselves, ``c = C^-1 rho(r_n)``, ``C_mn = g_n(r_m)``, and the
    coefficients are those of the basis orthonormalised with the Cholesky factor of the overlap.
    Bartok & Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), for the idea; that QUIP 0.10.3 does
    precisely this was found by comparing numbers, which agree to 1e-13.
    """
    spacing = (f.cutoff + f.sigma * np.sqrt(20.0 * np.log(10.0))) / f.n_max
    centre = np.arange(f.n_max) * spacing

    def values(r):
        return np.exp(-0.5 * ((r[:, None] - centre) / f.sigma) ** 2)

    x, w = _panels(centre[-1] + _REACH * f.sigma, f.sigma)
    triangle = np.linalg.qr((x * np.sqrt(w))[:, None] * values(x), mode="r")
    triangle *= np.sign(np.diagonal(triangle))[:, None]
    collocation = values(centre)
    if not np.linalg.cond(collocation) < 1.0 / _SINGULAR:
        raise ParameterError(
            f"radial_basis='quip' with n_max={f.n_max}, sigma={f.sigma} and cutoff={f.cutoff} is "
            "numerically linearly dependent; decrease n_max or sigma"
        )
    weights = np.linalg.solve(collocation, triangle.T)
    return centre, np.broadcast_to(weights, (f.l_max + 1, *weights.shape)), None


#: Radial bases by name: functions of a :class:`RadialFunctions` that return the nodes, the weights
#: (l_max + 1, nodes, n_max), and for every l a function that evaluates the basis itself.
RADIAL_BASES = {
    "gto": _orthonormal(_gto),
    "gto_dscribe": _orthonormal(_gto_dscribe),
    "polynomial": _orthonormal(_polynomial),
    "polynomial_normalized": _orthonormal(_polynomial_normalized),
    "bartok": _bartok,
    "bessel": _orthonormal(_bessel),
    "quip": _quip,
}


def _panels(end, length):
    """Nodes and weights of a composite Gauss-Legendre rule on ``(0, end)``."""
    count = int(np.ceil(end / (_PANEL * length)))
    edges = np.linspace(0.0, end, count + 1)
    x, w = np.polynomial.legendre.leggauss(_NODES)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel()


def _bessel_zeros(n_max, l_max):
    """The first n_max positive zeros of ``j_l``, l = 0 .. l_max; shape (l_max + 1, n_max)."""
    zeros = [np.pi * np.arange(1, n_max + l_max + 1)]
    for l in range(1, l_max + 1):  # the zeros of j_l interlace with those of j_(l-1)
        below = zeros[-1]
        pairs = zip(below[:-1], below[1:], strict=True)
        zeros.append(
            np.array([brentq(lambda x, l=l: spherical_jn(l, x), *p, xtol=1e-14) for p in pairs])
        )
    return np.stack([z[:n_max] for z in zeros])
