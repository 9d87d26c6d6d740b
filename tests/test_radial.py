"""Cutoff functions, weights and radial functions against brute force."""

import copy
import pickle

import numpy as np
import pytest
from scipy.special import eval_legendre, spherical_in, spherical_jn

from vicinal.basis.cutoff import CUTOFF_FUNCTIONS, get_cutoff_function
from vicinal.basis.radial import (
    RADIAL_BASES,
    RadialFunctions,
    scaled_bessel_i,
)
from vicinal.basis.weighting import Weighting
from vicinal.errors import ParameterError

SIGMA, CUTOFF = 0.4, 4.0
PLAIN = {"cutoff_function": None, "cutoff": CUTOFF, "sigma": SIGMA}


# --- cutoff functions -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CUTOFF_FUNCTIONS)
def test_cutoff_is_one_at_the_centre_and_zero_outside(name):
    fade = get_cutoff_function(name)
    values = fade([0.0, 1.0, 3.9, 4.0, 7.0], cutoff=4.0, width=0.5)
    assert values[0] == pytest.approx(np.tanh(1.0) ** 3 if name == "tanh" else 1.0)
    assert (values[3:] == 0).all()
    assert (np.diff(fade(np.linspace(0, 5, 101), cutoff=4.0, width=0.5)) <= 0).all()


@pytest.mark.parametrize("name", [name for name in CUTOFF_FUNCTIONS if name])
def test_cutoff_smoothness_is_as_declared(name):
    """Close to the cutoff the function falls as the distance to the power smoothness + 1."""
    fade = get_cutoff_function(name)
    f1, f2 = fade([4.0 - 2e-3, 4.0 - 1e-3], cutoff=4.0, width=0.5)
    if np.isinf(fade.smoothness):
        assert f1 < 1e-200
    else:
        assert np.log2(f1 / f2) == pytest.approx(fade.smoothness + 1, abs=0.02)


def test_breakpoints_of_the_cutoff():
    fade = get_cutoff_function("shifted_cosine")
    assert fade.breakpoints(cutoff=4.0, width=0.5) == [3.5]
    assert fade.breakpoints(cutoff=4.0, width=4.0) == []
    assert fade([3.2, 3.75], cutoff=4.0, width=0.5) == pytest.approx([1.0, 0.5])
    assert get_cutoff_function("cosine").breakpoints(cutoff=4.0) == []


# --- weights --------------------------------------------------------------------------------------


def test_weights():
    r = np.array([0.0, 1.0, 2.5])
    poly = Weighting({"function": "poly", "c": 2, "m": 1.5, "r0": 2.0})
    assert poly(r) == pytest.approx([2.0, 2.0 * 0.5**1.5, 0.0])
    assert (poly.end, poly.smoothness, poly.central) == (2.0, 2.0, 2.0)
    power = Weighting({"function": "pow", "c": 1, "d": 2, "m": 3, "r0": 2.0, "w0": 0.25})
    assert power(r) == pytest.approx(1 / (2 + (r / 2) ** 3))
    assert (power.end, power.central) == (np.inf, 0.25)
    exponential = Weighting({"function": "exp", "c": 1, "d": 0.5, "r0": 2.0})
    assert exponential(r) == pytest.approx(1 / (0.5 + np.exp(-r / 2)))
    assert Weighting({"w0": 0}).central == 0
    assert (Weighting()(r) == 1).all()


@pytest.mark.parametrize(
    ("weighting", "named"),
    [
        ({"function": "cubic"}, "cubic"),
        ({"function": "poly", "c": 1, "m": 1}, "r0"),
        ({"function": "poly", "c": 1, "m": 1, "r0": 0}, "r0"),
        ({"function": "pow", "c": 1, "m": 1, "r0": 1, "d": 0}, "d"),
        ({"function": "exp", "c": -1, "r0": 1, "d": 1}, "c"),
        ({"function": "exp", "c": 1, "r0": 1, "d": 1, "m": 2}, "m"),
        ({"w0": -1}, "w0"),
    ],
)
def test_bad_weights_are_named(weighting, named):
    with pytest.raises(ParameterError, match=f"'{named}'"):
        RadialFunctions(weighting=weighting)


# --- scaled Bessel functions ----------------------------------------------------------------------


def test_scaled_bessel_against_scipy_and_the_asymptotic_series():
    x = np.linspace(0, 600, 2001)
    expected = np.stack([spherical_in(l, x) * np.exp(-x) for l in range(13)])
    assert scaled_bessel_i(12, x) == pytest.approx(expected, rel=2e-13, abs=1e-300)
    x = np.array([1e7])
    l = np.arange(13)[:, None]
    assert scaled_bessel_i(12, x) == pytest.approx((1 - l * (l + 1) / (2 * x)) / (2 * x), rel=1e-9)
    assert scaled_bessel_i(3, [0.0]).ravel() == pytest.approx([1, 0, 0, 0])


# --- radial functions -----------------------------------------------------------------------------


def rule(end, panels=10):
    """Nodes and weights of a fine composite quadrature on (0, end)."""
    node, weight = np.polynomial.legendre.leggauss(40)
    half = 0.5 * end / panels
    return (half * (2 * np.arange(panels)[:, None] + 1 + node)).ravel(), np.tile(
        half * weight, panels
    )


def loewdin(primitives, end, measure=2):
    """``S^(-1/2)`` of primitives."""
    x, w = rule(end)
    f = np.stack([f(x) for f in primitives])
    values, vectors = np.linalg.eigh((f * w * x**measure) @ f.T)
    return vectors / np.sqrt(values) @ vectors.T


def gto(n_max, l):
    x, w = rule(30.0)
    functions = []
    for n in range(n_max):
        s = CUTOFF * np.sqrt(max(n, 1)) / n_max
        norm = np.sqrt(w @ (x * x**n * np.exp(-(x**2) / (2 * s**2))) ** 2)
        functions.append(lambda r, n=n, s=s, c=norm: r**n * np.exp(-(r**2) / (2 * s**2)) / c)
    return functions, 30.0


def gto_dscribe(n_max, l):
    decay = [-np.log(1e-3 / a**l) / a**2 for a in np.linspace(1, CUTOFF, n_max)]
    return [lambda r, a=a: r**l * np.exp(-a * r**2) for a in decay], 30.0


def polynomial(n_max, l):
    return [lambda r, n=n: (CUTOFF - r) ** (n + 3) for n in range(n_max)], CUTOFF


def bessel(n_max, l):
    grid = np.linspace(1e-6, 40, 4000)
    sign = np.flatnonzero(np.diff(np.sign(spherical_jn(l, grid))))[:n_max]
    zeros = [grid[k] for k in sign]
    for _ in range(8):
        zeros = [z - spherical_jn(l, z) / spherical_jn(l, z, derivative=True) for z in zeros]
    return [lambda r, z=z: spherical_jn(l, z * r / CUTOFF) for z in zeros], CUTOFF


def polynomial_normalized(n_max, l, measure=2):
    x, w = rule(CUTOFF)
    powers, _ = polynomial(n_max, l)
    norms = [np.sqrt(w @ (x**measure * f(x) ** 2)) for f in powers]
    return [lambda r, f=f, c=c: f(r) / c for f, c in zip(powers, norms, strict=True)], CUTOFF


BRUTE = {
    "gto": gto,
    "gto_dscribe": gto_dscribe,
    "polynomial": polynomial,
    "polynomial_normalized": polynomial_normalized,
    "bessel": bessel,
}


@pytest.mark.parametrize("l", [0, 1, 4])
@pytest.mark.parametrize("name", BRUTE)
def test_basis_functions(name, l):
    """With a delta density the radial factor is the basis itself."""
    primitives, end = BRUTE[name](4, l)
    radial = RadialFunctions(radial_basis=name, density="delta", n_max=4, l_max=4, **PLAIN)
    r = np.linspace(0.05, CUTOFF - 0.05, 9)
    expected = np.stack([f(r) for f in primitives], axis=1) @ loewdin(primitives, end)
    assert radial.evaluate(r)[:, l] == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


def test_powers_orthonormal_on_a_line():
    """In the integral over dr, as Bartok, Kondor and Csanyi write them."""
    primitives, _ = polynomial_normalized(4, 0, measure=0)
    r = np.linspace(0, CUTOFF, 9)
    expected = np.stack([f(r) for f in primitives], axis=1) @ loewdin(primitives, CUTOFF, measure=0)
    radial = RadialFunctions(radial_basis="bartok", density="delta", n_max=4, l_max=1, **PLAIN)
    assert radial.smoothness == 2
    assert radial.evaluate(r)[:, 1] == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())
    x, w = rule(CUTOFF)
    many = RadialFunctions(radial_basis="bartok", density="delta", n_max=12, l_max=0, **PLAIN)
    many = many.evaluate(x)[:, 0]
    assert (many.T * w) @ many == pytest.approx(np.eye(12), abs=1e-12)


@pytest.mark.parametrize("r", [0.0, 0.3, 2.2, 3.9])
@pytest.mark.parametrize("name", [*BRUTE, "bartok"])
def test_gaussian_density_against_a_two_dimensional_quadrature(name, r):
    """The Gaussian, integrated over angle and radius without any Bessel function."""
    angle, angle_weight = np.polynomial.legendre.leggauss(120)
    for l in (0, 1, 4):
        end = CUTOFF if name == "bartok" else BRUTE[name](4, l)[1]
        x, w = rule(min(end, CUTOFF + 10 * SIGMA))
        square = x[:, None] ** 2 + r**2 - 2 * x[:, None] * r * angle
        density = np.exp(-square / (2 * SIGMA**2)) * (np.pi * SIGMA**2) ** -0.75
        density = 2 * np.pi * density @ (angle_weight * eval_legendre(l, angle))
        delta = RadialFunctions(radial_basis=name, density="delta", n_max=4, l_max=4, **PLAIN)
        delta.end = np.inf  # the Gaussian basis functions go on beyond the cutoff
        expected = (w * x**2 * density) @ delta.evaluate(x)[:, l]
        radial = RadialFunctions(radial_basis=name, n_max=4, l_max=4, **PLAIN)
        assert radial.evaluate([r])[0, l] == pytest.approx(expected, abs=3e-13)


def test_quip_basis_meets_the_density_at_its_points():
    """QUIP's expansion equals the density where the Gaussians of the basis are centred."""
    n_max, l, r = 5, 2, 1.7
    radial = RadialFunctions(radial_basis="quip", n_max=n_max, l_max=3, **PLAIN)
    centre = np.arange(n_max) / n_max * (CUTOFF + SIGMA * np.sqrt(20 * np.log(10)))

    def gaussians(x):
        return np.exp(-0.5 * ((np.asarray(x)[:, None] - centre) / SIGMA) ** 2)

    x, dx = np.linspace(0, 12, 24001, retstep=True)
    overlap = (gaussians(x).T * x**2 * dx) @ gaussians(x)
    expansion = np.linalg.solve(np.linalg.cholesky(overlap), radial.evaluate([r])[0].T).T
    # coefficients of the Gaussians themselves
    coefficient = np.linalg.solve(overlap, np.linalg.cholesky(overlap) @ radial.evaluate([r])[0, l])
    density = scaled_bessel_i(3, r * centre / SIGMA**2)[l]
    density = density * np.exp(-0.5 * ((centre - r) / SIGMA) ** 2)
    density *= 4 * np.pi * (np.pi * SIGMA**2) ** -0.75
    assert gaussians(centre) @ coefficient == pytest.approx(density, abs=1e-12)
    assert expansion.shape == (4, n_max)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.5])
@pytest.mark.parametrize("name", RADIAL_BASES)
def test_large_expansions_are_finite_smooth_and_bounded(name, sigma):
    """A unit Gaussian has no component above one in an orthonormal basis."""
    radial = RadialFunctions(
        radial_basis=name, n_max=12, l_max=12, sigma=sigma, cutoff=10.0, cutoff_function=None
    )
    r = np.linspace(0, 10, 101)
    values = radial.evaluate(r)
    assert np.isfinite(values).all()
    if name not in ("quip", "bartok"):  # which are no projections
        l = np.arange(13)
        # |c|^2 = sum_nlm R^2 Y^2 = sum_l (2l + 1) / (4 pi) sum_n R_nl^2
        norm = ((2 * l + 1) / (4 * np.pi) * (values**2).sum(axis=2)).sum(axis=1)
        assert norm.max() < 1 + 1e-12
    # noise would show in high derivatives: compare with interpolation on a Chebyshev grid
    a, b = 4.0, 4.0 + sigma
    nodes = 0.5 * (a + b) + 0.5 * (b - a) * np.cos(np.pi * (np.arange(32) + 0.5) / 32)
    fit = np.polynomial.Chebyshev.fit(nodes, radial.evaluate(nodes)[:, 12, 11], 31, domain=[a, b])
    largest = np.abs(values).max()
    points = np.linspace(a, b, 17)
    assert fit(points) == pytest.approx(radial.evaluate(points)[:, 12, 11], abs=1e-13 * largest)


def test_cutoff_weight_and_end():
    plain = RadialFunctions(cutoff_function=None)
    r = np.array([0.0, 1.0, 4.7, 5.0, 5.1])
    assert (plain.end, plain.smoothness, plain.breakpoints) == (5.0, -1, [])
    assert (plain.evaluate(r)[4] == 0).all() and (plain.evaluate(r)[3] != 0).any()

    weighting = {"function": "poly", "c": 1, "m": 2, "r0": 4.8, "w0": 0.5}
    both = RadialFunctions(cutoff_width=1.0, weighting=weighting)
    assert (both.end, both.breakpoints, both.smoothness) == (4.8, [4.0], 3.0)
    factor = Weighting(weighting)(r) * get_cutoff_function("shifted_cosine")(r, cutoff=5, width=1)
    assert both.evaluate(r) == pytest.approx(factor[:, None, None] * plain.evaluate(r))
    assert both.central() == pytest.approx(0.5 * plain.evaluate([0.0])[0, 0])

    padded = RadialFunctions(radial_basis="gto_dscribe", cutoff_function="padded", sigma=0.5)
    assert padded.end == pytest.approx(5.0 + 0.5 * np.sqrt(2 * np.log(1000)))
    assert (padded.evaluate([padded.end - 0.01]) != 0).all()

    together = RadialFunctions(weighting={"function": "poly", "c": 1, "m": 2, "r0": 5.0})
    assert (together.end, together.smoothness) == (5.0, 5.0)


def test_only_s_functions_see_the_centre():
    values = RadialFunctions().evaluate([0.0])[0]
    assert (values[0] != 0).all() and (values[1:] == 0).all()


def test_pickle_and_copy():
    radial = RadialFunctions(n_max=3, weighting={"w0": 0.5})
    for other in (pickle.loads(pickle.dumps(radial)), copy.deepcopy(radial)):
        assert (other.evaluate([1.0, 2.0]) == radial.evaluate([1.0, 2.0])).all()


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"radial_basis": "chebyshev"}, "radial_basis"),
        ({"density": "cube"}, "density"),
        ({"radial_basis": "quip", "density": "delta"}, "density"),
        ({"density": "delta", "cutoff_function": "padded"}, "cutoff_function"),
        ({"cutoff_function": "linear"}, "cutoff_function"),
        ({"cutoff": -1}, "cutoff"),
        ({"cutoff": np.nan}, "cutoff"),
        ({"cutoff_width": 6}, "cutoff_width"),
        ({"sigma": 0}, "sigma"),
        ({"n_max": 0}, "n_max"),
        ({"l_max": 1.5}, "l_max"),
        ({"n_max": 40}, "n_max"),
        ({"radial_basis": "gto_dscribe", "n_max": 30}, "n_max"),
        ({"radial_basis": "quip", "n_max": 80}, "n_max"),
        ({"radial_basis": "gto_dscribe", "cutoff": 1.0, "cutoff_width": 0.1}, "cutoff"),
    ],
)
def test_bad_parameters_are_named(parameters, named):
    with pytest.raises(ParameterError, match=named):
        RadialFunctions(**parameters)
