"""The slow SOAP of ``reference/soap_numpy.py`` and the conventions against other programs.

Agreement is relative to the largest feature. Where it is worse than 1e-10 the reason is the peer's:

- DScribe writes pi, 4 pi^2 and the harmonics with 12 to 15 digits: 1e-11.
- DScribe orthonormalises with ``sqrtm(inv(S))`` and loses digits with n_max: 1e-8 for ten GTOs,
  2e-6 for eight polynomials.
- DScribe's polynomials take the Bessel functions from an upward recurrence and set what becomes
  negative to zero: 1e-3 for l_max = 10, 1e-6 for sigma = 1 Angstrom.
- DScribe's polynomials with ``mu2`` and ``species_weighting`` give weights to the wrong neighbours
  (the centre is taken out of the list of neighbours, but not out of that of the weights).
- DScribe misses periodic images of atoms outside the cell, which the structures here avoid: 1e-3.
- featomic's GTOs lose digits with n_max in the same way: 1e-10 for twelve. Its splines are as good
  as ``spline_accuracy``.
"""

import json
import warnings

import numpy as np
import pytest
from oracles.make_soap_peers import CASES, FILE, ROWS, compute, featomic_values, structures
from reference.soap_numpy import real_harmonics, soap

from vicinal.descriptors.conventions import (
    channel_pairs,
    layout,
    parse_dscribe,
    parse_featomic,
    parse_quip,
)
from vicinal.errors import ParameterError

PARSE = {
    "dscribe": lambda settings: parse_dscribe(**settings),
    "featomic": parse_featomic,
    "quip": parse_quip,
}
TOLERANCE = {"dscribe": 5e-11, "featomic": 1e-12, "quip": 1e-12}
SPECIAL = {"featomic/spline": 1e-7, "dscribe/gto_large": 1e-10}
RUN_BY_THE_DESCRIPTOR = ("sparse", "dtype")


def ours(name):
    """The case by the slow SOAP, all centres."""
    peer, structure, settings = CASES[name]
    atoms = structures()[structure]
    parameters = PARSE[peer](settings)
    for key in RUN_BY_THE_DESCRIPTOR:
        parameters.pop(key, None)
    parameters.setdefault("species", sorted(set(atoms.numbers.tolist())))
    if name == "quip/centres":
        parameters["centers"] = np.flatnonzero(atoms.numbers == 6)
    return np.atleast_2d(soap(atoms, **parameters))


def check(name, expected, values):
    assert values.shape == expected.shape
    tolerance = SPECIAL.get(name, TOLERANCE[CASES[name][0]])
    assert values == pytest.approx(expected, rel=0, abs=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", CASES)
def test_stored_values(name):
    with np.load(FILE) as stored:
        check(name, stored[name], ours(name)[:ROWS])


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_live(name):
    pytest.importorskip({"quip": "quippy"}.get(CASES[name][0], CASES[name][0]))
    check(name, compute(name), ours(name))


def test_stored_values_are_of_all_cases():
    with np.load(FILE) as stored:
        assert set(stored.files) == {"versions", *CASES}
        assert set(json.loads(str(stored["versions"]))) == {"dscribe", "featomic", "quip"}


@pytest.mark.peers
@pytest.mark.parametrize("density", ["gaussian", "delta"])
def test_laplacian_eigenstates_of_featomic(density):
    """featomic has them as splines only; the tolerance is that of the splines."""
    featomic = pytest.importorskip("featomic")
    from featomic.splines import SoapSpliner

    atoms = structures()["molecule"]
    basis = featomic.basis.Explicit(
        by_angular={
            l: featomic.basis.SphericalBessel(angular_channel=l, max_radial=2, radius=4.0)
            for l in range(3)
        },
        spline_accuracy=1e-9,
    )
    kind = {
        "gaussian": featomic.density.Gaussian(width=0.5),
        "delta": featomic.density.DiracDelta(center_atom_weight=0.0),
    }[density]
    cutoff = featomic.cutoff.Cutoff(radius=4.0, smoothing=featomic.cutoff.ShiftedCosine(width=0.7))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hypers = SoapSpliner(cutoff=cutoff, density=kind, basis=basis).get_hypers()
        expected = featomic_values(featomic.SoapPowerSpectrum(**hypers), atoms)
    values = soap(
        atoms,
        species=[1, 6, 8],
        radial_basis="bessel",
        density=density,
        sigma=0.5,
        cutoff=4.0,
        cutoff_width=0.7,
        n_max=3,
        l_max=2,
        central_weight=float(density == "gaussian"),
        convention="featomic",
    )
    assert values == pytest.approx(expected, rel=0, abs=1e-8 * np.abs(expected).max())


# --- the reference and the layouts themselves -----------------------------------------------------


def test_harmonics_are_orthonormal():
    node, weight = np.polynomial.legendre.leggauss(12)
    phi = 2 * np.pi * np.arange(24) / 24
    z, phi = (a.ravel() for a in np.meshgrid(node, phi, indexing="ij"))
    s = np.sqrt(1 - z**2)
    y = real_harmonics(5, 3.0 * np.stack([s * np.cos(phi), s * np.sin(phi), z], axis=1))
    assert (y.T * np.repeat(weight, 24) * 2 * np.pi / 24) @ y == pytest.approx(
        np.eye(36), abs=1e-13
    )


def test_vicinal_rows_give_the_whole_kernel():
    """Every order of species and radial functions counts once in the kernel."""
    parameters = {"species": [1, 6, 8], "n_max": 3, "l_max": 2, "cutoff": 4.0}
    atoms = structures()["molecule"]
    full = soap(atoms, convention="featomic", **parameters)
    rows = soap(atoms, **parameters)
    assert rows.shape[1] < full.shape[1]
    assert rows @ rows.T == pytest.approx(full @ full.T, rel=1e-12)


@pytest.mark.parametrize("compression", [None, "mu2", "mu1nu1", "crossover"])
@pytest.mark.parametrize("convention", ["vicinal", "dscribe", "featomic", "quip"])
def test_layouts_are_consistent(convention, compression):
    _, pairs = channel_pairs(3, compression=compression)
    sizes = {"n_max": 3, "l_max": 2}
    if convention == "quip" and compression in ("mu1nu1", "crossover"):
        with pytest.raises(ParameterError, match="quip"):
            layout(convention, pairs=pairs, **sizes)
        return
    plan = layout(convention, pairs=pairs, **sizes)
    raw = sum(3 * (6 if a == b else 9) for a, b in pairs)
    assert set(plan.index) == set(range(raw))
    assert len(plan.index) == len(plan.scale) == len(plan.labels)
    assert plan.is_identity or convention in ("featomic", "quip")
    real = plan.labels[:, 0] >= 0
    assert len(np.unique(plan.labels[real], axis=0)) == real.sum()
    # a label names the raw value: up to exchange, labels and raw positions are one to one
    native = layout("vicinal", pairs=pairs, **sizes).labels[plan.index]
    a, b, n, m, l = plan.labels.T
    exchanged = np.stack([a, b, m, n, l], axis=1)
    same = (native == plan.labels).all(axis=1)
    assert (same | ((a == b) & (native == exchanged).all(axis=1)) | ~real).all()


def test_channel_pairs():
    mixing = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    matrix, pairs = channel_pairs(3, mixing=mixing)
    assert (matrix == mixing).all() and pairs.tolist() == [[0, 0], [0, 1], [1, 1]]
    matrix, pairs = channel_pairs(3, mixing=mixing, compression="mu1nu1")
    assert matrix[2].tolist() == [1, 1, 1] and pairs.tolist() == [[0, 2], [1, 2]]
    matrix, pairs = channel_pairs(3, mixing=mixing, compression="mu2")
    assert matrix.tolist() == [[1, 1, 1]] and pairs.tolist() == [[0, 0]]
    assert channel_pairs(2, compression="crossover")[1].tolist() == [[0, 0], [1, 1]]
    for wrong in (np.eye(2), np.ones(3), [[np.nan, 1, 1]]):
        with pytest.raises(ParameterError, match="mixing"):
            channel_pairs(3, mixing=wrong)
    with pytest.raises(ParameterError, match="compression"):
        channel_pairs(3, compression="mu3")


# --- what cannot be translated is named -----------------------------------------------------------

DSCRIBE = {"r_cut": 4, "n_max": 2, "l_max": 1, "species": ["H", "O"]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_max": None}, "n_max"),
        ({"species": None}, "species"),
        ({"species": ["Xx"]}, "Xx"),
        ({"r_cut": None}, "r_cut"),
        ({"r_cut": None, "weighting": {"function": "pow", "r0": 1, "c": 1, "d": 1}}, "'m'"),
        ({"rbf": "spline"}, "rbf"),
        ({"average": "all"}, "average"),
        ({"compression": {"mode": "agnostic"}}, "mode"),
        ({"compression": {"mode": "off", "weighting": 3}}, "weighting"),
        ({"compression": {"species_weighting": {"H": 1}}}, "species_weighting"),
        ({"rcut": 4}, "rcut"),
    ],
)
def test_dscribe_settings_that_are_refused(change, named):
    with pytest.raises(ParameterError, match=named):
        parse_dscribe(**{**DSCRIBE, **change})


def featomic_hypers(path=None, value=None):
    hypers = json.loads(json.dumps(CASES["featomic/willatt"][2]))
    if path:
        *parents, last = path.split(".")
        inner = hypers
        for key in parents:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return hypers


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("cutoff", None, "cutoff"),
        ("cutoff.radius", None, "radius"),
        ("cutoff.smoothing.type", "Tanh", "smoothing.type"),
        ("cutoff.smoothing.exponent", 2, "exponent"),
        ("density.type", "SmearedPowerLaw", "density.type"),
        ("density.type", "DiracDelta", "density.type"),
        ("density.width", None, "width"),
        ("density.scaling.rate", None, "rate"),
        ("basis.type", "Explicit", "basis.type"),
        ("basis.radial.type", "Tabulated", "radial.type"),
        ("basis.radial.radius", 3.0, "radius"),
        ("basis.max_angular", None, "max_angular"),
        ("gradients", True, "gradients"),
    ],
)
def test_featomic_hypers_that_are_refused(path, value, named):
    with pytest.raises(ParameterError, match=named):
        parse_featomic(featomic_hypers(path, value))


QUIP = "soap cutoff=4.0 n_max=4 l_max=3 atom_sigma=0.5"


@pytest.mark.parametrize(
    ("string", "named"),
    [
        ("soap_turbo l_max=4", "soap"),
        ("cutoff=3", "soap"),
        (QUIP.replace("n_max=4", ""), "n_max"),
        (QUIP.replace("n_max=4", "n_max=four"), "n_max"),
        (QUIP + " normalise=maybe", "normalise"),
        (QUIP + " n_species=2 species_Z={8 1}", "species_Z"),
        (QUIP + " n_species=3 species_Z={1 8}", "n_species"),
        (QUIP + " average=T normalise=F", "average"),
        (QUIP + " covariance_sigma0=0.1", "covariance_sigma0"),
        (QUIP + " basis_error_exponent=6", "basis_error_exponent"),
        (QUIP + " radial_basis=GTO", "radial_basis"),
        (QUIP + " nu_R=1", "nu_R"),
        (QUIP + " zeta=4", "zeta"),
    ],
)
def test_quip_strings_that_are_refused(string, named):
    with pytest.raises(ParameterError, match=named):
        parse_quip(string)


def test_quip_strings():
    parameters = parse_quip(
        "soap atom_gaussian_width=0.4 n_Z=2 Z={{1 8}} n_species=2 species_Z={{1 8}} normalize=F "
        'cutoff="5.5" cutoff_dexp=0 n_max=8 l_max=6 basis_error_exponent=10.0 xml_version=1426512'
    )
    assert parameters["species"] == [1, 8]
    assert (parameters["cutoff"], parameters["sigma"]) == (5.5, 0.4)
    assert parameters["normalization"] is None and "weighting" not in parameters
    assert parse_quip(QUIP)["compression"] == "mu2"
