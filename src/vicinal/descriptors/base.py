"""The contract: what every descriptor offers, written once.

A family supplies a *plan* (:class:`Plan`): the four verbs on pair vectors, for fixed
hyper-parameters and species. Everything else is here: structures to pairs, choice of centres,
pooling, the chain rule from pairs to positions and strain, names, and scikit-learn's interface.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import scipy.sparse
from ase.data import chemical_symbols
from sklearn.base import BaseEstimator, TransformerMixin

from vicinal import _engine
from vicinal.descriptors.parameters import (
    check_choice,
    check_dtype,
    check_number,
    plain,
    species_numbers,
)
from vicinal.descriptors.plan import Pairs, Plan
from vicinal.environments import Environments, as_frames
from vicinal.errors import NotFittedError, ParameterError, ShapeError, SpeciesError
from vicinal.features import (
    ATOM_SAMPLES,
    STRUCTURE_SAMPLES,
    Features,
    Gradient,
    Jacobian,
)

#: What one step of a loop in chunks may hold, so that a call needs little memory beside its output:
#: pair vectors (10 MB), rows that are about to be pooled (they stay in cache), and cotangents that
#: have to be spread or converted (32 MB).
CHUNK_PAIRS = 400_000
CHUNK_VALUES = 500_000
CHUNK_COTANGENT = 4_000_000


class Descriptor(TransformerMixin, BaseEstimator):
    """Base class of all descriptors; see :class:`vicinal.SOAP` for how one is used.

    A subclass has a keyword-only ``__init__`` that stores its parameters and calls
    ``self._validate()``, :meth:`_make_plan`, and :attr:`neighbor_cutoff` where that is not its
    parameter ``cutoff``. The parameters ``species``, ``pooling``, ``dtype``, ``n_threads`` and
    (optional) ``sparse`` are handled here, ``cutoff``, ``accuracy`` and ``periodic`` checked.
    """

    #: Symbol or name under which the registry lists the class; set by the subclass.
    registry_name: str
    #: Values of parameters (or of what :meth:`from_choices` takes) for tuning, in order of size.
    search_space: ClassVar[Mapping[str, Sequence]] = {}
    #: Kernel that suits the features: "gaussian", or "laplacian" where they are sorted.
    usual_kernel = "gaussian"
    #: Parameters that ``fit`` learns where they are None, as attributes with "_" at the end.
    _learned: tuple[str, ...] = ("species",)
    #: Is a sample a whole structure, without any choice of centres?
    whole_structure = False
    #: Must structures be periodic in all three directions?
    needs_cell = False

    # -- what a family supplies -----------------------------------------------------------------

    @property
    def neighbor_cutoff(self) -> float:
        """Atoms beyond this distance (Å) have no influence."""
        return float(self.cutoff)

    @abstractmethod
    def _make_plan(self, species: tuple[int, ...]) -> Plan:
        """The plan for these atomic numbers (sorted)."""

    def _validate(self) -> None:
        """Raise ParameterError for parameters that are wrong or make no sense together."""
        check_dtype(self.dtype)
        check_choice("pooling", self.pooling, self._poolings)
        _engine.threads(self.n_threads)
        if self.species is not None:
            species_numbers(self.species)
        for name in ("cutoff", "accuracy"):
            if hasattr(self, name):
                check_number(name, getattr(self, name), positive=True)
        if getattr(self, "periodic", None) not in (None, False):
            raise ParameterError(f"periodic must be None or False, not {self.periodic!r}")

    _poolings: tuple = (None, "mean", "sum")

    # -- the four verbs -------------------------------------------------------------------------

    def compute(self, frames, centers=None, *, out: np.ndarray | None = None) -> Features:
        """Describe the environments.

        Parameters
        ----------
        frames : structures, or :class:`Environments`
            Anything that ``Environments`` takes. Environments made with a larger cutoff serve too.
        centers : optional
            Atoms to describe, all by default: indices into all atoms of the batch, a boolean mask
            over them, or a list with one list of indices for each structure.
        out : (n_samples, n_features) array, optional
            Written to, instead of a new array.

        Returns
        -------
        Features
            One row a centre (``pooling=None``) or a structure.

        Raises
        ------
        SpeciesError
            An atom of a species that this descriptor does not know.
        StructureError
            See :class:`Environments`.
        """
        env, plan, chosen, pairs = self._prepare(frames, centers)
        samples = self._samples(env, chosen)
        if getattr(self, "sparse", False):
            if out is not None:
                raise ParameterError("out cannot be given when sparse=True")
            samples = self._samples(env, chosen, pooled=not self._pooled)
            features = Features(plan.compute_sparse(pairs), samples, plan.names)
            return features.pool(self.pooling) if self._pooled else features
        out = _output(out, (len(samples), plan.n_features), plan.dtype)
        self._pool_into(env, chosen, pairs, plan, plan.compute, out)
        return Features(out, samples, plan.names)

    def vjp(self, frames, cotangent, centers=None) -> Gradient:
        """Pull a cotangent back: the gradient of ``sum(cotangent * values)``.

        Parameters
        ----------
        frames, centers : as in :meth:`compute`
        cotangent : (n_samples, n_features) array; also csr_array for sparse descriptors

        Returns
        -------
        Gradient
            ``.positions`` (n_atoms, 3) and ``.strain`` (n_structures, 3, 3), float64.
        """
        env, plan, chosen, pairs = self._prepare(frames, centers)
        cotangent = self._cotangent(cotangent, env, chosen, plan)
        positions = np.zeros((env.n_atoms, 3))
        strain = np.zeros((env.n_structures, 3, 3))
        rows = max(1, CHUNK_COTANGENT // plan.n_features)
        for first, last in pairs.chunks(CHUNK_PAIRS, rows):
            part = pairs.part(first, last)
            gradient = plan.vjp(part, cotangent(first, last))
            _engine.native.scatter_pairs(part, part.structure, gradient, positions, strain)
        return Gradient(positions, strain)

    def jvp(self, frames, positions=None, strain=None, centers=None) -> np.ndarray:
        """Push a tangent forward: the directional derivative of the values.

        Parameters
        ----------
        frames, centers : as in :meth:`compute`
        positions : (n_atoms, 3) array, optional, displacement of every atom
        strain : (n_structures, 3, 3) array, optional, or (3, 3) for a single structure

        Returns
        -------
        (n_samples, n_features) array, or csr_array for sparse descriptors
        """
        env, plan, chosen, pairs = self._prepare(frames, centers)
        positions, strain = _tangents(env, positions, strain)

        def tangent(part: Pairs) -> np.ndarray:
            return _engine.native.pair_tangents(part, part.structure, positions, strain)

        if getattr(self, "sparse", False):
            values = plan.jvp_sparse(pairs, tangent(pairs))
            if not self._pooled:
                return values
            samples = self._samples(env, chosen, pooled=False)
            return Features(values, samples, ()).pool(self.pooling).values
        out = np.empty((self._n_rows(env, chosen), plan.n_features), plan.dtype)

        def push(part: Pairs, rows: np.ndarray) -> None:
            plan.jvp(part, tangent(part), rows)

        self._pool_into(env, chosen, pairs, plan, push, out, limit=CHUNK_PAIRS)
        return out

    def jacobian(self, frames, centers=None) -> Jacobian:
        """All derivatives with respect to positions, block-sparse.

        One block for each sample and atom in it, the centre itself included; periodic images of
        one atom share a block. Memory is ``n_blocks * 3 * n_features``: ask only where ``vjp``
        and ``jvp`` do not serve.
        """
        env, plan, chosen, pairs = self._prepare(frames, centers)
        moved = _engine.native.selected_neighbors(pairs)
        keys = np.concatenate(pairs.owners) * np.int64(env.n_atoms)
        keys += np.concatenate([moved, chosen])
        blocks, block = np.unique(keys, return_inverse=True)
        values = np.zeros((len(blocks), 3, plan.n_features), plan.dtype)
        plan.jacobian(pairs, block[: len(moved)], block[len(moved) :], values)
        sample, atom = np.divmod(blocks, env.n_atoms)
        if self._pooled:
            rows, weights = self._pool_weights(env, chosen)
            keys = rows[sample] * np.int64(env.n_atoms) + atom
            keys, block = np.unique(keys, return_inverse=True)
            pooled = np.zeros((len(keys), 3, plan.n_features), plan.dtype)
            np.add.at(pooled, block, values * weights[rows[sample], None, None].astype(plan.dtype))
            sample, atom = np.divmod(keys, env.n_atoms)
            values = pooled
        return Jacobian(sample, atom, values)

    # -- metadata before numbers ----------------------------------------------------------------

    @property
    def species_known(self) -> tuple[int, ...] | None:
        """Atomic numbers given to the constructor or learned by ``fit``; None where neither."""
        species = self._known("species")
        return None if species is None else species_numbers(species)

    @property
    def n_features(self) -> int:
        """Number of features, known from parameters and species alone."""
        return self._fitted_plan().n_features

    def names(self) -> np.ndarray:
        """One readable name for each feature."""
        return np.asarray(self._fitted_plan().names(), dtype=str)

    @classmethod
    def from_choices(cls, **choices) -> Descriptor:
        """The descriptor for values of the search space: its parameters, unless a class has
        shorter names for sets of them."""
        return cls(**choices)

    # -- scikit-learn ---------------------------------------------------------------------------

    def fit(self, X, y=None):
        """Learn the species of ``X`` (structures or Environments) where none were given."""
        self._validate()
        missing = [name for name in self._learned if getattr(self, name) is None]
        learned = self._learn(_atomic_numbers(X)) if missing else {}
        for name in missing:
            setattr(self, f"{name}_", learned[name])
        if self.species is not None:
            self.species_ = list(species_numbers(self.species))
        return self

    def _learn(self, numbers: list[np.ndarray]) -> dict:
        """What the atomic numbers of each structure say about the parameters that are learned."""
        return {"species": np.unique(np.concatenate([[], *numbers])).astype(int).tolist()}

    def _known(self, name: str):
        """A parameter, or else what ``fit`` has learned, or else None."""
        value = getattr(self, name)
        return getattr(self, f"{name}_", None) if value is None else value

    def transform(self, X):
        """The values of :meth:`compute`, after ``fit`` (or with species in the constructor)."""
        self._fitted_plan()
        return self.compute(X).values

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        return self.names().astype(object)

    def __sklearn_is_fitted__(self) -> bool:
        return all(self._known(name) is not None for name in self._learned)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = any(getattr(self, name) is None for name in self._learned)
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def __getstate__(self):
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("_plans", "_checked")}

    # -- JSON -----------------------------------------------------------------------------------

    def to_json(self, indent: int | None = None) -> str:
        """Class, parameters and what ``fit`` has learned as JSON; :meth:`from_json` reads it."""
        parameters = {k: plain(v) for k, v in self.get_params(deep=False).items()}
        document = {"descriptor": self.registry_name, "parameters": parameters}
        for name in self._learned:
            if getattr(self, name) is None and self._known(name) is not None:
                document[f"{name}_"] = plain(self._known(name))
        return json.dumps(document, indent=indent)

    @staticmethod
    def from_json(text: str) -> Descriptor:
        """The descriptor that :meth:`to_json` wrote, of whichever class."""
        from vicinal.descriptors import registry

        try:
            document = json.loads(text)
            name, parameters = document["descriptor"], document["parameters"]
        except (ValueError, KeyError, TypeError) as error:
            raise ParameterError(f"not the JSON of a descriptor ({error!r})") from None
        descriptor = registry.make(name, **parameters)
        learned = {k: document[f"{k}_"] for k in descriptor._learned if f"{k}_" in document}
        registry.make(name, **(parameters | learned))  # refuses what makes no sense
        for key, value in learned.items():
            setattr(descriptor, f"{key}_", value)
        return descriptor

    # -- inside ---------------------------------------------------------------------------------

    @property
    def _grouped(self) -> bool:
        """Does the plan itself make one row of all centres of a structure?"""
        return self.pooling == "inner"

    @property
    def _pooled(self) -> bool:
        """Are rows of centres added up after the correlation?"""
        return self.pooling in ("mean", "sum") and not self._grouped

    def _fitted_plan(self) -> Plan:
        return self._plan(self._species_or_fail())

    def _species_or_fail(self) -> tuple[int, ...]:
        for name in self._learned:
            if self._known(name) is None:
                raise NotFittedError(
                    f"this {type(self).__name__} does not know its {name} yet: give {name}=... "
                    "or call fit(structures) first"
                )
        return self.species_known

    def _state(self) -> tuple:
        """(key of parameters and species, species known, neighbour cutoff), checked once.

        ``set_params`` stores whatever it is given, so every call compares; it validates only what
        has changed.
        """
        values = [getattr(self, name) for name in _parameter_names(type(self))]
        learned = (repr(getattr(self, f"{name}_", None)) for name in self._learned)
        key = *map(_key, values), *learned
        state = self.__dict__.get("_checked")
        if state is None or state[0] != key:
            self._validate()
            state = self._checked = (key, self.species_known, self.neighbor_cutoff)
        return state

    def _plan(self, species: tuple[int, ...], parameters: tuple | None = None) -> Plan:
        """The plan, made once for given parameters (their key, if it is known) and species."""
        key = (species, parameters or self._state()[0])
        plans = self.__dict__.setdefault("_plans", {})
        if key not in plans:
            while len(plans) > 3:  # compute() without fit may meet many sets of species
                plans.pop(next(iter(plans)))
            plans[key] = self._make_plan(species)
        return plans[key]

    def _environments(self, frames, cutoff: float) -> Environments:
        periodic = getattr(self, "periodic", None)
        if not isinstance(frames, Environments):
            return Environments(frames, cutoff, periodic=periodic, n_threads=self.n_threads)
        if frames.cutoff < cutoff * (1 - 1e-12):
            raise ParameterError(
                f"environments of cutoff {frames.cutoff:g} Å do not reach the "
                f"{cutoff:g} Å that this {type(self).__name__} needs"
            )
        if periodic is not None and not periodic and frames.pbc.any():
            raise ParameterError("periodic=False, but the environments were made with periodicity")
        return frames

    def _prepare(self, frames, centers):
        """(environments, plan, chosen atoms, their pairs)"""
        parameters, species, cutoff = self._state()
        env = self._environments(frames, cutoff)
        species = species or tuple(env.species)
        plan = self._plan(species, parameters)
        index = self._species_index(env, species)
        chosen = _choose(env, centers)
        if self.pooling is not None:  # rows of one structure must follow each other
            chosen = chosen[np.argsort(env.structure[chosen], kind="stable")]
        if self._grouped:
            ends = np.flatnonzero(np.diff(env.structure[chosen])) + 1
            ends = np.append(ends, len(chosen)) if len(chosen) else ends
            samples = np.concatenate([[0], ends]).astype(np.int64)
        else:
            samples = np.arange(len(chosen) + 1)
        pairs = Pairs(
            env.D,
            env.j,
            index,
            chosen,
            env.structure[chosen],
            env.pair_offsets[chosen],
            env.pair_offsets[chosen + 1],
            samples,
            _engine.threads(self.n_threads),
        )
        return env, plan, chosen, pairs

    def _species_index(self, env: Environments, species: tuple[int, ...]) -> np.ndarray:
        """Each atom's index into the sorted species."""
        table = np.full(len(chemical_symbols), -1, dtype=np.int32)
        table[list(species)] = np.arange(len(species))
        index = table[env.numbers]
        if index.min(initial=0) < 0:
            atom = int(np.flatnonzero(index < 0)[0])
            symbols = ", ".join(chemical_symbols[z] for z in species)
            raise SpeciesError(
                f"{env.where(atom)} is of a species that this {type(self).__name__} does not "
                f"know (it knows {symbols})"
            )
        return index

    def _n_rows(self, env: Environments, chosen: np.ndarray) -> int:
        return len(self._samples(env, chosen))

    def _samples(self, env: Environments, chosen: np.ndarray, pooled: bool = True) -> np.ndarray:
        if pooled and self.pooling is not None:
            structures = np.unique(env.structure[chosen])
            samples = np.zeros(len(structures), STRUCTURE_SAMPLES)
            samples["structure"] = structures
            return samples
        samples = np.zeros(len(chosen), ATOM_SAMPLES)
        samples["structure"] = env.structure[chosen]
        samples["atom"] = chosen - env.atom_offsets[env.structure[chosen]]
        samples["number"] = env.numbers[chosen]
        return samples

    def _pool_weights(self, env: Environments, chosen: np.ndarray):
        """(pooled row of each centre, weight of each pooled row)"""
        _, rows, counts = np.unique(env.structure[chosen], return_inverse=True, return_counts=True)
        return rows, 1.0 / counts if self.pooling == "mean" else np.ones(len(counts))

    def _pool_into(self, env, chosen, pairs, plan, verb, out, limit: int | None = None) -> None:
        """Run a verb that writes rows, straight to ``out`` or chunk by chunk into pooled rows.

        ``limit``: as many pairs at a time, where the verb needs memory for each.
        """
        if not self._pooled:
            whole = [(0, pairs.n_samples)]
            for first, last in pairs.chunks(limit, pairs.n_samples) if limit else whole:
                verb(pairs.part(first, last), out[first:last])
            return
        rows, weights = self._pool_weights(env, chosen)
        out[:] = 0
        step = max(1, min(len(chosen), CHUNK_VALUES // plan.n_features))
        buffer = np.empty((step, plan.n_features), plan.dtype)
        for first in range(0, len(chosen), step):
            last = min(first + step, len(chosen))
            values = buffer[: last - first]
            verb(pairs.part(first, last), values)
            _engine.native.pool_rows(values, rows[first:last], weights, out, pairs.n_threads)

    def _cotangent(self, cotangent, env, chosen, plan):
        """A function from a range of samples to their part of the (unpooled) cotangent."""
        shape = (self._n_rows(env, chosen), plan.n_features)
        if scipy.sparse.issparse(cotangent):
            cotangent = scipy.sparse.csr_array(cotangent)
            if cotangent.shape == shape and getattr(self, "sparse", False) and not self._pooled:
                return lambda first, last: cotangent[first:last]
        else:
            cotangent = _array("cotangent", cotangent, shape, None)
        if cotangent.shape != shape:
            raise ShapeError(f"cotangent has shape {cotangent.shape}, not {shape}")

        def dense(rows):
            part = cotangent[rows]
            part = part.toarray() if scipy.sparse.issparse(part) else part
            return np.ascontiguousarray(part, dtype=plan.dtype)

        if not self._pooled:
            return lambda first, last: dense(slice(first, last))
        rows, weights = self._pool_weights(env, chosen)

        def spread(first: int, last: int):
            here = rows[first:last]
            return np.ascontiguousarray(dense(here) * weights[here, None], dtype=plan.dtype)

        return spread


@cache
def _parameter_names(cls: type) -> list[str]:
    """scikit-learn's list of parameters; asking for it reads the signature anew each time."""
    return cls._get_param_names()


def _key(value):
    """A parameter as something that can be compared, and differs where it was changed in place."""
    if value is None or isinstance(value, bool | int | float | str):
        return type(value), value
    return json.dumps(plain(value), default=repr)


# -- small helpers ------------------------------------------------------------------------------


def _atomic_numbers(X) -> list[np.ndarray]:
    """The atomic numbers of each structure."""
    if isinstance(X, Environments):
        return np.split(X.numbers, X.atom_offsets[1:-1])
    return [Environments.numbers_of(frame, s) for s, frame in enumerate(as_frames(X))]


def _output(out: np.ndarray | None, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """The caller's array if it is fit to be written to, or a new one."""
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise ShapeError(
            f"out must be a C-contiguous {dtype} array of shape {shape}, "
            f"not {out.dtype} {out.shape}"
        )
    return out


def _tangents(env: Environments, positions, strain) -> tuple[np.ndarray, np.ndarray]:
    """Tangents of positions and strain, checked; zero where none is given."""
    if positions is None:
        positions = np.zeros((env.n_atoms, 3))
    if strain is None:
        strain = np.zeros((env.n_structures, 3, 3))
    if env.n_structures == 1 and np.shape(strain) == (3, 3):
        strain = np.reshape(strain, (1, 3, 3))
    positions = _array("positions", positions, (env.n_atoms, 3))
    return positions, _array("strain", strain, (env.n_structures, 3, 3))


def _choose(env: Environments, centers) -> np.ndarray:
    """Indices of the chosen centres into all atoms."""
    if centers is None:
        return np.arange(env.n_atoms)
    if (
        isinstance(centers, list | tuple)
        and len(centers) == env.n_structures
        and all(isinstance(inside, list | tuple | np.ndarray) for inside in centers)
    ):
        return np.concatenate(
            [
                _indices(inside, int(stop - start), f"structure {s}") + start
                for s, (inside, start, stop) in enumerate(
                    zip(centers, env.atom_offsets[:-1], env.atom_offsets[1:], strict=True)
                )
            ]
        )
    return _indices(centers, env.n_atoms, "the batch")


def _indices(chosen, n: int, where: str) -> np.ndarray:
    """A mask over ``n`` atoms, or indices of them, as indices from 0 on."""
    try:
        chosen = np.asarray(chosen)
    except ValueError:  # a ragged list
        chosen = np.empty((0, 0))
    if chosen.dtype == bool and chosen.shape == (n,):
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (len(chosen) and not np.issubdtype(chosen.dtype, np.integer)):
        raise ShapeError(
            "centers must be atom indices, a mask over all atoms, or one list for each structure"
        )
    if ((chosen < -n) | (chosen >= n)).any():
        raise ShapeError(f"centers: {where} has {n} atoms, not {chosen.tolist()[:20]}")
    return chosen.astype(np.int64) % max(n, 1)


def _array(name: str, values, shape, dtype=np.float64) -> np.ndarray:
    """As an array of this shape; of any type of number if ``dtype`` is None."""
    try:
        array = np.asarray(values, dtype=dtype, order=None if dtype is None else "C")
        if not np.can_cast(array.dtype, np.float64):
            raise TypeError
    except (TypeError, ValueError):
        raise ShapeError(f"{name} must be an array of numbers of shape {shape}") from None
    if array.shape != tuple(shape):
        raise ShapeError(f"{name} has shape {array.shape}, not {tuple(shape)}")
    return array
