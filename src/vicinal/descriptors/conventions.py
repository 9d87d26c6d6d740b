"""The SOAP power spectra of DScribe, featomic and QUIP as data.

The engine writes *raw rows*, in the order ``[channel pair][l][n][n']``, of

    raw = prefactor[l] sum_m c^a_nlm c^b_n'lm

where a pair of two equal channels keeps only ``n' >= n``. A convention is a :class:`Layout`: the
prefactor, and which raw value times which factor is feature number k. The coefficients are those of
:mod:`vicinal.basis.radial`, where a Gaussian density has unit norm in L2; where a peer's Gaussian
has unit height the factor mends it.

The ``parse_*`` functions turn a peer's own settings into keyword arguments of
:class:`vicinal.SOAP`.
"""

import re
from dataclasses import dataclass

import numpy as np

from vicinal.errors import ParameterError

__all__ = [
    "COMPRESSIONS",
    "CONVENTIONS",
    "Layout",
    "channel_pairs",
    "layout",
    "parse_dscribe",
    "parse_featomic",
    "parse_quip",
]

CONVENTIONS = ("vicinal", "dscribe", "featomic", "quip")
COMPRESSIONS = (None, "mu2", "mu1nu1", "crossover")


def channel_pairs(n_species, *, compression=None, mixing=None):
    """Which densities a power spectrum is made of.

    Parameters
    ----------
    n_species : int
        Number of species, which are sorted by atomic number.
    compression : {None, "mu2", "mu1nu1", "crossover"}
        ``None``: all pairs of channels. ``"crossover"``: each channel with itself. ``"mu2"``: the
        sum of all channels with itself. ``"mu1nu1"``: each channel with the sum. Darby, Kermode &
        Csanyi, npj Comput. Mater. 8, 166 (2022).
    mixing : array_like, shape (channels, n_species), optional
        Weight of every species in every channel; the identity if not given. Willatt, Musil &
        Ceriotti, Phys. Chem. Chem. Phys. 20, 29661 (2018).

    Returns
    -------
    matrix : ndarray, shape (channels', n_species)
        Weight of every species in every channel that is needed.
    pairs : ndarray of int, shape (pairs, 2)
        Channels ``a <= b`` of each pair, in the order of the features.

    Raises
    ------
    ParameterError
        If `compression` is unknown or `mixing` has the wrong shape.
    """
    if compression not in COMPRESSIONS:
        raise ParameterError(f"compression must be one of {COMPRESSIONS}; got {compression!r}")
    matrix = np.eye(n_species) if mixing is None else mixing_matrix(mixing, n_species)
    total = matrix.sum(axis=0)
    each = np.arange(len(matrix))
    if compression == "mu2":
        return total[None], np.zeros((1, 2), dtype=int)
    if compression == "mu1nu1":
        return np.vstack([matrix, total]), np.stack([each, np.full_like(each, len(each))], axis=1)
    if compression == "crossover":
        return matrix, np.stack([each, each], axis=1)
    return matrix, np.stack(np.triu_indices(len(each)), axis=1)


def mixing_matrix(mixing, n_species=None):
    """`mixing` as an array, refused where it is none of shape (channels, n_species)."""
    try:
        matrix = np.array(mixing, dtype=float)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    columns = matrix.shape[1:] if n_species is None else (n_species,)
    if matrix.ndim != 2 or matrix.size == 0 or matrix.shape[1:] != columns:
        raise ParameterError(
            f"mixing must be an array of shape (channels, {n_species or 'species'}), "
            f"not {matrix.shape or mixing!r}"
        )
    if not np.isfinite(matrix).all():
        raise ParameterError("mixing must be finite")
    return matrix


@dataclass(frozen=True)
class Layout:
    """How features follow from raw rows: ``features = raw[:, index] * scale``.

    Attributes
    ----------
    prefactor : ndarray, shape (l_max + 1,)
        Factor of the raw values by ``l``.
    index : ndarray of int, shape (features,)
        Position in the raw row.
    scale : ndarray, shape (features,)
        Factor of each feature.
    labels : ndarray of int, shape (features, 5)
        Columns ``a, b, n, n', l``: channels, radial functions (from zero), angular momentum. The
        zero at the end of QUIP's rows is labelled -1 throughout.
    """

    prefactor: np.ndarray
    index: np.ndarray
    scale: np.ndarray
    labels: np.ndarray

    @property
    def is_identity(self):
        """Whether features are the raw rows themselves (up to :attr:`scale`)."""
        return np.array_equal(self.index, np.arange(len(self.index)))


def layout(convention, *, pairs, n_max, l_max, density="gaussian", sigma=0.5):
    """The :class:`Layout` of a convention.

    Write ``p = sum_m c^a_nlm c^b_n'lm``, and ``N = (pi sigma^2)^(3/2)`` for the squared norm of a
    Gaussian of unit height (1 for a delta).

    - ``"vicinal"``: ``p / sqrt(2l + 1)``, in the order of the raw rows; what stands for two equal
      features (``a != b`` or ``n != n'``) is there once, times ``sqrt(2)``. The dot product of two
      rows is then the SOAP kernel of Bartok, Kondor & Csanyi, Phys. Rev. B 87, 184115 (2013),
      up to ``8 pi^2``.
    - ``"dscribe"``: ``N pi sqrt(8 / (2l + 1)) p``, in the order of the raw rows, no other factors.
    - ``"featomic"``: ``(-1)^l p / sqrt(2l + 1)``, times ``sqrt(2)`` if ``a != b``, for all
      ``n, n'`` also if ``a = b``. The order ``[pair][l][n][n']`` is that of
      ``keys_to_properties(["neighbor_1_type", "neighbor_2_type"])``; pairs of species that share no
      environment are absent there and zero here.
    - ``"quip"``: ``N p / (16 pi^2 sqrt(2l + 1))``, times ``sqrt(2)`` if ``(a, n) != (b, n')``. The
      order is ``[(b, n')][(a, n) <= (b, n')][l]``, and a zero comes last (it is QUIP's
      ``covariance_sigma0``).

    Parameters
    ----------
    convention : str
        One of :data:`CONVENTIONS`.
    pairs : array_like of int, shape (pairs, 2)
        Pairs of channels, from :func:`channel_pairs`.
    n_max, l_max : int
        Numbers of radial functions and largest angular momentum.
    density : {"gaussian", "delta"}
    sigma : float
        Width of the Gaussian in Angstrom.

    Raises
    ------
    ParameterError
        If the convention is unknown, or is QUIP's and a pair of channels is missing.
    """
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention must be one of {CONVENTIONS}; got {convention!r}")
    pairs = np.asarray(pairs)
    degree = 2.0 * np.arange(l_max + 1) + 1.0
    height = (np.pi * sigma**2) ** 1.5 if density == "gaussian" else 1.0
    prefactor = {
        "vicinal": 1.0 / np.sqrt(degree),
        "dscribe": height * np.pi * np.sqrt(8.0 / degree),
        "featomic": (-1.0) ** np.arange(l_max + 1) / np.sqrt(degree),
        "quip": height / (16.0 * np.pi**2 * np.sqrt(degree)),
    }[convention]

    # [pair][l][n][n'], first with every n, n'; `raw` is where the engine writes each
    pair, l, n, m = np.indices((len(pairs), l_max + 1, n_max, n_max))
    a, b = pairs[pair, 0], pairs[pair, 1]
    labels = np.stack([a, b, n, m, l], axis=-1)
    stored = (a != b) | (n <= m)
    raw = np.cumsum(stored).reshape(stored.shape) - 1
    raw = np.where(stored, raw, raw.swapaxes(2, 3))

    if convention == "featomic":
        scale = np.where(a == b, 1.0, np.sqrt(2.0))
        return Layout(prefactor, raw.ravel(), scale.ravel(), labels.reshape(-1, 5))
    index, labels = raw[stored], labels[stored]
    if convention == "dscribe":
        return Layout(prefactor, index, np.ones(len(index)), labels)
    a, b, n, m, l = labels.T
    scale = np.where((a == b) & (n == m), 1.0, np.sqrt(2.0))
    if convention == "quip":
        channels = pairs.max() + 1
        if len(pairs) != channels * (channels + 1) // 2:
            raise ParameterError("convention='quip' needs all pairs of channels, no compression")
        order = np.append(np.lexsort((l, n, a, m, b)), 0)
        index, scale, labels = index[order], scale[order], labels[order]
        scale[-1], labels[-1] = 0.0, -1
    return Layout(prefactor, index, scale, labels)


# --- the peers' own settings ----------------------------------------------------------------------


def parse_dscribe(
    *,
    r_cut=None,
    n_max=None,
    l_max=None,
    sigma=1.0,
    rbf="gto",
    weighting=None,
    average="off",
    compression=None,
    species=None,
    periodic=False,
    sparse=False,
    dtype="float64",
    **unknown,
):
    """Keyword arguments of :class:`vicinal.SOAP` for those of ``dscribe.descriptors.SOAP``.

    The numbers agree with DScribe 2.1.2 to 1e-10 of the largest feature, or as far as DScribe's own
    orthonormalisation is accurate (``sqrtm(inv(S))``; it loses digits for many functions).
    ``periodic`` is not passed on: Vicinal follows the ``pbc`` of each structure, which DScribe
    does with ``periodic=True`` only.

    Returns
    -------
    dict

    Raises
    ------
    ParameterError
        If an argument is missing or has no counterpart; the message names it.
    """
    _refuse_rest("DScribe", unknown)
    for name, value in (("n_max", n_max), ("l_max", l_max), ("species", species)):
        if value is None:
            raise ParameterError(f"DScribe's SOAP needs {name}")
    basis = _choose("rbf", rbf, {"gto": "gto_dscribe", "polynomial": "polynomial"})
    pooling = _choose("average", average, {"off": None, "inner": "inner", "outer": "mean"})
    weighting = dict(weighting or {})
    threshold = weighting.pop("threshold", 0.01)
    if not r_cut:
        r_cut = _dscribe_cutoff(weighting, threshold)
    compression = {"mode": "off", **(compression or {})}
    weights = compression.pop("species_weighting", None)
    mode = _choose(
        "compression['mode']",
        compression.pop("mode"),
        {"off": None, **dict(zip(COMPRESSIONS[1:], COMPRESSIONS[1:], strict=True))},
    )
    _refuse_rest("compression", compression)
    species = sorted(_atomic_number(s) for s in species)
    mixing = None
    if weights is not None:
        weights = {_atomic_number(s): float(w) for s, w in weights.items()}
        if sorted(weights) != species:
            raise ParameterError("compression['species_weighting'] must name exactly the species")
        mixing = np.diag([weights[z] for z in species])
    return {
        "cutoff": float(r_cut),
        "n_max": n_max,
        "l_max": l_max,
        "sigma": float(sigma),
        "species": species,
        "radial_basis": basis,
        "cutoff_function": "padded",
        "weighting": weighting or None,
        "compression": mode,
        "mixing": mixing,
        "pooling": pooling,
        "convention": "dscribe",
        "periodic": None if periodic else False,
        "sparse": bool(sparse),
        "dtype": dtype,
    }


def _dscribe_cutoff(weighting, threshold):
    """DScribe's ``r_cut`` where there is only a weighting: where the weight falls to threshold."""
    function, p = weighting.get("function"), weighting
    try:
        if function == "poly":
            return p["r0"]
        if function == "pow":
            return p["r0"] * (p["c"] / threshold - p["d"]) ** (1.0 / p["m"])
        if function == "exp":
            return p["r0"] * np.log(p["c"] / threshold - p["d"])
    except KeyError as missing:
        raise ParameterError(f"weighting: {missing} is missing (function={function!r})") from None
    raise ParameterError("DScribe's SOAP needs r_cut, or a weighting function that implies it")


def parse_featomic(hypers):
    """Keyword arguments of :class:`vicinal.SOAP` for the hypers of ``featomic.SoapPowerSpectrum``.

    The numbers agree with featomic 0.6.7 to 1e-12 of the largest feature if its
    ``spline_accuracy`` is None, otherwise as far as its splines do. Density ``Gaussian``;
    basis ``TensorProduct`` with ``Gto``; smoothing ``ShiftedCosine`` and ``Step``; scaling
    ``Willatt2018``: all that featomic has without splines made in Python.

    Parameters
    ----------
    hypers : dict
        With the keys ``cutoff``, ``density`` and ``basis``, as JSON-like dictionaries.

    Raises
    ------
    ParameterError
        If a key is missing, unknown or has no counterpart; the message names it.
    """
    cutoff, density, basis = _take("hypers", hypers, "cutoff", "density", "basis")
    radius, smoothing = _take("cutoff", cutoff, "radius", "smoothing")
    kind, rest = _typed("cutoff.smoothing", smoothing, "ShiftedCosine", "Step")
    parameters = {"cutoff": float(radius), "convention": "featomic", "radial_basis": "gto"}
    if kind == "ShiftedCosine":
        (width,) = _take("cutoff.smoothing", rest, "width")
        parameters |= {"cutoff_function": "shifted_cosine", "cutoff_width": float(width)}
    else:
        _refuse_rest("cutoff.smoothing", rest)
        parameters["cutoff_function"] = None

    _, rest = _typed("density", density, "Gaussian")
    parameters["central_weight"] = float(rest.pop("center_atom_weight", 1.0))
    scaling = rest.pop("scaling", None)
    parameters["sigma"] = float(*_take("density", rest, "width"))
    if scaling is not None:
        _, scaling = _typed("density.scaling", scaling, "Willatt2018")
        rate, scale, exponent = _take("density.scaling", scaling, "rate", "scale", "exponent")
        weighting = {"function": "pow", "c": rate, "d": rate, "r0": scale, "m": exponent}
        parameters["weighting"] = weighting

    _, basis = _typed("basis", basis, "TensorProduct")
    basis.pop("spline_accuracy", None)
    l_max, radial = _take("basis", basis, "max_angular", "radial")
    _, radial = _typed("basis.radial", radial, "Gto")
    if radial.pop("radius", None) not in (None, radius):
        raise ParameterError("featomic: basis.radial.radius must be that of the cutoff")
    (n_max,) = _take("basis.radial", radial, "max_radial")
    return parameters | {"n_max": int(n_max) + 1, "l_max": int(l_max)}


def parse_quip(string):
    """Keyword arguments of :class:`vicinal.SOAP` for a QUIP descriptor string ``"soap ..."``.

    The numbers agree with quippy-ase 0.10.3 to 1e-12 of the largest feature. Without ``species_Z``
    all species are one, as in QUIP. ``Z`` and ``n_Z`` are not passed on: they choose which atoms
    are centres, which here ``centers`` of ``transform`` does.

    Raises
    ------
    ParameterError
        If a key is missing, unknown or has a value with no counterpart; the message names it.
    """
    settings = _quip_settings(string)

    def take(*keys, default=None, kind=float):
        for key in keys:
            if key in settings:
                text = settings.pop(key)
                try:
                    return _LOGICAL[text.upper()] if kind is bool else kind(text)
                except (KeyError, ValueError):
                    raise ParameterError(f"QUIP: {key}={text} is not readable") from None
        if default is None:
            raise ParameterError(f"QUIP: {keys[0]} is missing")
        return default

    parameters = {
        "cutoff": take("cutoff"),
        "cutoff_function": "shifted_cosine",
        "cutoff_width": take("cutoff_transition_width", default=0.5),
        "n_max": take("n_max", kind=int),
        "l_max": take("l_max", kind=int),
        "sigma": take("atom_sigma", "atom_gaussian_width"),
        "central_weight": take("central_weight", default=1.0),
        "radial_basis": "quip",
        "convention": "quip",
    }
    normalise = take("normalise", "normalize", default=True, kind=bool)
    parameters["normalization"] = "l2" if normalise else None
    if take("average", default=False, kind=bool):
        if not normalise:
            raise ParameterError("QUIP: average=T needs normalise=T (it does not divide by N)")
        parameters["pooling"] = "inner"
    exponent = take("cutoff_dexp", default=0)
    scale, rate = take("cutoff_scale", default=1.0), take("cutoff_rate", default=1.0)
    if exponent:
        weighting = {"function": "pow", "c": rate, "d": rate, "r0": scale, "m": exponent}
        parameters["weighting"] = weighting
    species = [int(z) for z in take("species_Z", default="0", kind=str).split()]
    if take("n_species", default=len(species), kind=int) != len(species):
        raise ParameterError("QUIP: n_species is not the number of species in species_Z")
    if species == [0]:
        parameters["compression"] = "mu2"
    elif species != sorted(set(species)):
        raise ParameterError("QUIP: species_Z must be ascending, as the species here are")
    else:
        parameters["species"] = species
    for key in ("Z", "n_Z", "xml_version"):
        settings.pop(key, None)
    for key, only in _QUIP_FIXED.items():
        text = settings.pop(key, only).upper()
        if text != only and not (
            _is_number(only) and _is_number(text) and float(text) == float(only)
        ):
            raise ParameterError(f"QUIP: {key}={text} has no counterpart (only {only})")
    _refuse_rest("QUIP", settings)
    return parameters


_LOGICAL = {"T": True, "TRUE": True, ".TRUE.": True, "F": False, "FALSE": False, ".FALSE.": False}
# Settings of QUIP that must have their default value.
_QUIP_FIXED = {
    "basis_error_exponent": "10",
    "covariance_sigma0": "0",
    "central_reference_all_species": "F",
    "diagonal_radial": "F",
    "nu_R": "2",
    "nu_S": "2",
    "Z_mix": "F",
    "R_mix": "F",
    "sym_mix": "F",
    "coupling": "T",
    "K": "0",
    "mix_shift": "0",
    "radial_basis": "EQUISPACED_GAUSS",
}


def _quip_settings(string):
    """The ``key=value`` pairs of a QUIP string; values may be quoted or in braces."""
    words = re.findall(r'(\w+)\s*=\s*(?:\{+([^{}]*)\}+|"([^"]*)"|(\S+))|(\S+)', string)
    bare = [word for *_, word in words if word]
    if bare != ["soap"]:
        raise ParameterError(f"expected a QUIP string 'soap key=value ...', got {string!r}")
    return {
        key: (braces or quoted or plain).strip() for key, braces, quoted, plain, _ in words if key
    }


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _atomic_number(species):
    from ase.data import atomic_numbers

    if isinstance(species, str) and species not in atomic_numbers:
        raise ParameterError(f"species: {species!r} is not a chemical symbol")
    return atomic_numbers[species] if isinstance(species, str) else int(species)


def _choose(name, value, choices):
    if value not in choices:
        raise ParameterError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
    return choices[value]


def _refuse_rest(name, rest):
    if rest:
        raise ParameterError(f"{name}: no counterpart for {', '.join(map(repr, rest))}")


def _take(name, mapping, *keys):
    """The values of exactly these keys of a mapping."""
    for key in keys:
        if not isinstance(mapping, dict) or key not in mapping:
            raise ParameterError(f"featomic: {name}.{key} is missing")
    _refuse_rest(f"featomic: {name}", {k: v for k, v in mapping.items() if k not in keys})
    return [mapping[key] for key in keys]


def _typed(name, mapping, *types):
    """The ``type`` of a featomic dictionary and a copy of the rest of it."""
    rest = dict(mapping) if isinstance(mapping, dict) else {}
    kind = rest.pop("type", None)
    if kind not in types:
        raise ParameterError(f"featomic: {name}.type must be {' or '.join(types)}; got {kind!r}")
    return kind, rest
