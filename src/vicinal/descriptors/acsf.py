"""Atom-centred symmetry functions."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols

from vicinal.correlate.sums import SumsPlan
from vicinal.descriptors import acsf_presets
from vicinal.descriptors import symmetry_functions as sf
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_choice, check_flag, species_numbers, table_accuracy
from vicinal.descriptors.spaces import integers, powers_of_two, steps
from vicinal.errors import ParameterError


class ACSF(Descriptor):
    """Atom-centred symmetry functions of Behler and Parrinello.

    ::

        G1  =  Σ_j  f_c(r_ij)
        G2  =  Σ_j  exp(−η (r_ij − r_s)²)  f_c(r_ij)
        G3  =  Σ_j  cos(κ r_ij)  f_c(r_ij)
        G4  =  2^(1−ζ)  Σ_{j<k}  (1 + λ cos θ_jik)^ζ  exp(−η (r_ij² + r_ik² + r_jk²))
                                 f_c(r_ij) f_c(r_ik) f_c(r_jk)
        G5  =  2^(1−ζ)  Σ_{j<k}  (1 + λ cos θ_jik)^ζ  exp(−η (r_ij² + r_ik²))  f_c(r_ij) f_c(r_ik)

    one for each species j, or unordered pair of species {j, k}; or summed over all of them with
    weights Z_j and Z_j Z_k (wACSF). With r_s, r² in G4 and G5 is (r − r_s)².

    Columns: for each species G1, G2, G3 in the order given; for each pair of species (11, 12, 22,
    13, 23, 33, ...) G4 and G5; then ``functions``. A function of one kind of centre alone is zero
    for the others, and ``columns(center)`` says which ones a centre has.

    Parameters
    ----------
    cutoff : float, Å
        Reach of the neighbour list, and R_c of every function that has none of its own.
    g1 : bool
        One for each species.
    g2 : list of (eta, r_s), optional
        eta in Å⁻², r_s in Å. :meth:`centered` and :meth:`shifted` make sets. With no function at
        all: ``shifted(8, cutoff)``, and G4 of eta 0.01, zeta 1 and 4, lambda ±1.
    g3 : list of kappa, optional
        In Å⁻¹.
    g4 : list of (eta, zeta, lambda) or (eta, zeta, lambda, r_s), optional
        eta and r_s as for G2, zeta at least 1, lambda from -1 to 1.
    g5 : list of (eta, zeta, lambda) or (eta, zeta, lambda, r_s), optional
        Likewise.
    functions : list of dict, optional
        Any functions, as ``{"type": "G2", "eta": 0.5, "rs": 1.0, "center": "O", "neighbors":
        ["H"], "cutoff": 4.0}``. Keys are ``eta, rs, kappa, zeta, lambda`` as the type wants them;
        and where it is to differ from the parameters of these names, ``cutoff`` (not more than that
        of the descriptor), ``cutoff_function, inner_cutoff, gamma, weighted``; ``center`` (all by
        default) and ``neighbors`` (each species, or pair of them, by default). Entries of g2 to
        g5 may be such dictionaries too, without type. Types "P2", "P4", "P5" are n2p2's compact
        functions (its 20, 21, 22): instead of Gaussian and cutoff, the cutoff function to both
        sides of the middle of ``low`` and ``high`` (Å); instead of the power of the cosine, that of
        ``angle_low`` and ``angle_high`` (degrees); with ``asymmetric``, of x (2 - x) in distances.
    weighted : bool
        Sum over all species with weights Z_j and Z_j Z_k.
    cutoff_function : str or None
        "cosine"; "polynomial" (AMP's, with ``gamma``); "poly1" to "poly4" (n2p2's, the number of
        continuous derivatives); "tanh" (cubed; "tanh_one": one at the centre); "exponential"; or
        None for a jump.
    inner_cutoff : float
        Fraction of the cutoff within which the cutoff function is one (n2p2's alpha).
    gamma : float
        Exponent of "polynomial".
    g5_by : "auto", "moments" or "triplets"
        How G5 is summed. With integer zeta it is a polynomial of cos θ, and by the addition theorem
        a sum over neighbours alone: "moments", at a cost linear in their number that grows with
        zeta². "auto" takes it up to zeta = 16 for functions that all centres have.
    species : list of symbols or atomic numbers, optional
        Learned by ``fit``, or those of the structures, by default.
    pooling : None, "mean" or "sum"
        One row an atom; or the mean or sum of the rows of each structure.
    periodic : None or False
        None follows each structure's ``pbc``; False ignores it.
    accuracy : float
        Largest error of the tabulated factors, relative to their largest value.
    dtype : "float64" or "float32"
        Type of the values, in which they are really computed.
    n_threads : int, optional
        All available cores by default. Results do not depend on it.

    Notes
    -----
    G1 to G3 cost a table look-up a neighbour, G4 two for each pair of neighbours closer to each
    other than R_c; the number of features grows with the square of the number of species, the cost
    does not. Sums of pairs and triples only: some different environments have equal values, and
    with few functions many more do.

    References
    ----------
    J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007).
    J. Behler, J. Chem. Phys. 134, 074106 (2011).
    Weighted: M. Gastegger et al., J. Chem. Phys. 148, 241709 (2018).
    Compact: M. P. Bircher, A. Singraber, C. Dellago, Mach. Learn.: Sci. Technol. 2, 035026 (2021).

    Examples
    --------
    >>> import vicinal as vc
    >>> from ase.build import molecule
    >>> acsf = vc.ACSF(cutoff=6.0, g2=[(1.0, 0.0), (0.5, 2.0)], g4=[(0.01, 1, 1), (0.01, 1, -1)])
    >>> acsf.compute(molecule("CH3CH2OH"))
    Features(9 samples x 18 features, float64)
    """

    registry_name = "acsf"
    search_space = {
        "cutoff": steps(2, 10),
        "radial": ("shifted", "centered"),
        "n_radial": integers(2, 16, 2),
        "n_angular": integers(0, 5),
        "eta": powers_of_two(-9, 0),
    }

    def __init__(
        self,
        *,
        cutoff=6.0,
        g1=False,
        g2=None,
        g3=None,
        g4=None,
        g5=None,
        functions=None,
        weighted=False,
        cutoff_function="cosine",
        inner_cutoff=0.0,
        gamma=4.0,
        g5_by="auto",
        species=None,
        pooling=None,
        periodic=None,
        accuracy=1e-11,
        dtype="float64",
        n_threads=None,
    ):
        self.cutoff = cutoff
        self.g1 = g1
        self.g2 = g2
        self.g3 = g3
        self.g4 = g4
        self.g5 = g5
        self.functions = functions
        self.weighted = weighted
        self.cutoff_function = cutoff_function
        self.inner_cutoff = inner_cutoff
        self.gamma = gamma
        self.g5_by = g5_by
        self.species = species
        self.pooling = pooling
        self.periodic = periodic
        self.accuracy = accuracy
        self.dtype = dtype
        self.n_threads = n_threads
        self._validate()

    # -- sets of parameters, and the peers' -------------------------------------------------------

    centered = staticmethod(acsf_presets.centered)
    shifted = staticmethod(acsf_presets.shifted)

    @classmethod
    def from_choices(cls, *, cutoff, radial, n_radial, n_angular, eta) -> ACSF:
        """G2 by rule (``centered`` or ``shifted``, see Gastegger et al.), and G4 of this eta with
        zeta = 1, 2, 4 ... and both signs of lambda, ``n_angular`` of each."""
        rule = {"centered": acsf_presets.centered, "shifted": acsf_presets.shifted}[radial]
        g4 = [(eta, 2**k, sign) for k in range(n_angular) for sign in (1, -1)]
        return cls(cutoff=cutoff, g2=rule(n_radial, cutoff), g4=g4)

    @classmethod
    def from_dscribe(cls, **parameters) -> ACSF:
        """The ACSF of ``dscribe.descriptors.ACSF(**parameters)``: its numbers, in its order.

        ``r_cut, g2_params, g3_params, g4_params, g5_params, species, periodic, dtype`` mean what
        they mean there.
        """
        return cls(**acsf_presets.parse_dscribe(**parameters))

    @classmethod
    def from_amp(cls, elements, Gs=None, **parameters) -> ACSF:
        """The symmetry functions of AMP's ``Gaussian``: its numbers, in its order.

        ``Gs`` is AMP's dictionary of lists, made as AMP makes it from ``elements`` by default;
        ``cutoff`` 6.5 Å, ``cutoff_function`` "cosine" or "polynomial", and ``gamma``. AMP's eta is
        in units of 1/R_c².
        """
        return cls(**acsf_presets.parse_amp(elements, Gs, **parameters))

    @classmethod
    def from_n2p2(cls, source, length_unit="bohr", **parameters) -> ACSF:
        """The symmetry functions of an ``input.nn`` of n2p2 or RuNNer, a path or its text.

        Types 2, 3, 9, 12, 13 and 20 to 25. ``acsf.columns("O")`` are those of oxygen, in n2p2's
        order.
        ``length_unit``: that of the file, "bohr", "angstrom", or its length in Å. Values are the
        same numbers, not scaled.
        """
        return cls(**acsf_presets.parse_n2p2(source, length_unit) | parameters)

    def columns(self, center) -> np.ndarray:
        """Columns that centres of this species have."""
        (center,) = species_numbers(center)
        functions = self._expanded(self._species_or_fail())
        return np.flatnonzero([f.center in (None, center) for f in functions])

    # -- what the base asks for -------------------------------------------------------------------

    @property
    def neighbor_cutoff(self) -> float:
        return max(f.cutoff for f in self._functions())

    @property
    def smoothness(self) -> float:
        """Continuous derivatives as a neighbour crosses a cutoff; -1 is a jump."""
        return min(f.fade().smoothness for f in self._functions())

    def _functions(self) -> list[sf.SymmetryFunction]:
        """All functions as they were given."""
        defaults = {
            "cutoff": self.cutoff,
            "cutoff_function": self.cutoff_function,
            "inner_cutoff": self.inner_cutoff,
            "gamma": self.gamma,
            "weighted": self.weighted,
        }
        lists = {"g1": [()] if self.g1 else []}
        for name in ("g2", "g3", "g4", "g5", "functions"):
            given = getattr(self, name)
            if given is not None and (isinstance(given, str | dict) or not np.iterable(given)):
                raise ParameterError(f"{name} must be a list, not {given!r}")
            lists[name] = [] if given is None else list(given)
        if not any(lists.values()):
            lists["g2"] = self.shifted(8, self.cutoff)
            lists["g4"] = [(0.01, zeta, sign) for zeta in (1, 4) for sign in (1, -1)]
        found = []
        for name, entries in lists.items():
            for k, entry in enumerate(entries):
                where, kind = f"{name}[{k}]", name.upper()
                if name == "functions":
                    if not isinstance(entry, dict) or entry.get("type") not in sf.KINDS:
                        raise ParameterError(
                            f"{where} must be a dictionary with a type, one of "
                            f"{', '.join(sf.KINDS)}, not {entry!r}"
                        )
                    kind = entry["type"]
                    entry = {key: value for key, value in entry.items() if key != "type"}
                found.append(sf.parse(kind, entry, where, defaults))
        return found

    def _expanded(self, species) -> list[sf.SymmetryFunction]:
        """One function a column, in order."""
        functions = self._functions()
        n_simple = len(functions) - len(self.functions or ())
        simple, explicit = functions[:n_simple], functions[n_simple:]
        out = []
        for angular in (False, True):
            alike = [f for f in simple if f.angular == angular]
            out += [f for f in alike if f.weighted or f.neighbors]
            alike = [f for f in alike if not (f.weighted or f.neighbors)]
            for inside in sf.pairs_of(species) if angular else [(z,) for z in species]:
                out += [sf.replace(f, neighbors=inside) for f in alike]
        return out + sf.expand(explicit, species)

    def _validate(self) -> None:
        super()._validate()
        check_choice("g5_by", self.g5_by, ("auto", "moments", "triplets"))
        check_flag("g1", self.g1)
        check_flag("weighted", self.weighted)
        functions = self._functions()
        if self.g5_by == "moments":
            for f in functions:
                if f.kind == "G5" and not f.for_moments():
                    raise ParameterError(
                        f"g5_by='moments' is for integer zeta and functions of all centres, not "
                        f"for {f.name(self.cutoff)}: choose 'auto' or 'triplets'"
                    )
        if self.species is not None:
            known = species_numbers(self.species)
            for f in functions:
                for z in (*(f.neighbors or ()), *(() if f.center is None else (f.center,))):
                    if z not in known:
                        raise ParameterError(
                            f"functions: {f.name(self.cutoff)} is for {chemical_symbols[z]}, which "
                            "is not among species"
                        )

    def _by_moments(self, f: sf.SymmetryFunction) -> bool:
        if self.g5_by == "triplets" or not f.for_moments():
            return False
        return self.g5_by == "moments" or f.zeta <= sf.MOMENTS_ZETA

    def _make_plan(self, species: tuple[int, ...]) -> SumsPlan:
        functions = self._expanded(species)
        terms, matrix = sf.terms_and_matrix(
            functions,
            species,
            self.dtype,
            accuracy=table_accuracy(self.accuracy, self.dtype),
            by_moments=self._by_moments,
        )
        return SumsPlan(
            terms,
            dtype=self.dtype,
            names=lambda: [f.name(self.cutoff) for f in functions],
            matrix=matrix,
        )
