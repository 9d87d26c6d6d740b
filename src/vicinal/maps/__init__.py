"""Maps: structures or environments as points in two or three dimensions, like beside like.

::

    map = vc.maps.make("frames.extxyz", vc.SOAP(cutoff=5), color="energy")
    map.save("map.json.gz")  # to be explored with https://chemiscope.org
    map.save("map.png")
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from vicinal.compare.targets import known_set, known_units
from vicinal.descriptors import registry
from vicinal.descriptors.base import Descriptor
from vicinal.descriptors.parameters import check_choice, check_flag, check_integer
from vicinal.environments import Environments, as_frames
from vicinal.errors import ParameterError, StructureError, VicinalError
from vicinal.features import ATOM_SAMPLES, STRUCTURE_SAMPLES, atomic_file
from vicinal.maps.projection import METHODS, reducer
from vicinal.maps.properties import Property, collect, default_color
from vicinal.models.base import chunks, numbered
from vicinal.pages.files import output_name
from vicinal.similarity import Kernel

__all__ = ["SUFFIXES", "Map", "Property", "make"]

#: What a map is saved as: chemiscope's format, or a picture.
SUFFIXES = (".json.gz", ".json", ".png")

#: Atoms that are described together.
CHUNK_ATOMS = 2_000


@dataclass(frozen=True, eq=False)
class Map:
    """Points, and what is known of them. Made by :func:`make`.

    Attributes
    ----------
    coordinates : (n_points, 2 or 3) array
    explained : (2 or 3,) array
        Fraction of the variance along each axis: of the features, or of the landmarks in the space
        of the kernel; None for UMAP.
    properties : dict of :class:`Property`, by name; one value a point
    color : str, the property that is shown first
    frames : list of ase.Atoms, those that have points
    samples : structured array, ``structure`` (in ``frames``) and ``atom`` of each point, or
        ``structure`` alone
    descriptor : Descriptor
    method : "pca", "kpca" or "umap"
    source : str, where the structures are from; "" if they were in memory
    """

    coordinates: np.ndarray
    explained: np.ndarray | None
    properties: Mapping[str, Property]
    color: str
    frames: list[Atoms]
    samples: np.ndarray
    descriptor: Descriptor
    method: str
    source: str

    @property
    def per(self) -> str:
        """What a point is: "structure" or "atom"."""
        return "atom" if "atom" in self.samples.dtype.names else "structure"

    @property
    def axes(self) -> list[str]:
        """Names of the coordinates: ``PCA[1]``, ``PCA[2]``."""
        return [f"{METHODS[self.method]}[{k + 1}]" for k in range(self.coordinates.shape[1])]

    def save(self, path: str | os.PathLike) -> None:
        """Write chemiscope's format (``.json.gz``, ``.json``) or a picture (``.png``).

        The same map always gives the same bytes; the file appears only once it is complete. The
        format knows no missing values: properties that some points lack are left out, with a
        warning. The picture shows the first two coordinates, and such points in grey.

        Raises
        ------
        FileError
            The name ends otherwise, or the file cannot be written.
        """
        _, suffix = output_name(path, SUFFIXES, "a map")
        if suffix == ".png":
            from vicinal.maps.picture import draw

            content = draw(self)
        else:
            from vicinal.maps.chemiscope import encode

            content = encode(self, compress=suffix == ".json.gz")
        with atomic_file(path) as file:
            file.write(content)


def make(
    frames: str | os.PathLike | Iterable[Atoms],
    descriptor: str | Descriptor = "soap",
    *,
    method: str = "pca",
    per: str = "structure",
    dimensions: int = 2,
    standardize: bool = False,
    kernel: str | Kernel | None = None,
    landmarks: int = 1_000,
    color: str | None = None,
    units: Mapping[str, str] | None = None,
    max_points: int | None = 20_000,
    index: str = ":",
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Map:
    r"""Describe structures, and project the features to two or three dimensions.

    =========== ===================================================================================
    ``"pca"``   principal components: the directions of largest variance of the features
    ``"kpca"``  kernel PCA: those in the space of a kernel (B. Schölkopf, A. Smola, K.-R. Müller,
                Neural Comput. 10, 1299 (1998)). Beyond ``landmarks`` points it is that of
                landmarks chosen by farthest-point sampling, and the other points are projected.
    ``"umap"``  uniform manifold approximation and projection (L. McInnes, J. Healy, J. Melville,
                arXiv:1802.03426): neighbours stay neighbours, large distances mean little
    =========== ===================================================================================

    Axes of the first two point to where the largest absolute coordinate is.

    Parameters
    ----------
    frames : structures, file that ASE reads (also compressed), or ``dataset:NAME``
    descriptor : Descriptor, or its name; fitted here where it does not know its species
    method : one of the above; UMAP needs the package umap-learn
    per : "structure" or "atom"
        What a point is. Features of atoms are averaged over a structure.
    dimensions : 2 or 3
    standardize : bool
        Divide each feature by its standard deviation. Otherwise large features count most.
    kernel : Kernel or name, optional, for "kpca"
        Gaussian by default; by name, its length scale is the mean distance of points.
    landmarks : int, for "kpca"
    color : str, optional
        Property that is shown first; by default the element of atoms, the target that a data set
        is known for, or else the first number that all structures have.
    units : mapping from names of properties to their units, optional; known for data sets
    max_points : int, optional
        Of more, as many are drawn at random, with a warning.
    index : part of a file, as Python slices
    seed : of what is drawn at random, and of UMAP
    progress : function (atoms done, atoms in all)

    Returns
    -------
    Map
        Its properties are the numbers, texts and truth values in ``info``, results of calculators,
        arrays of atoms (their mean where points are structures), lengths of forces, ``element``,
        ``n_atoms`` and ``composition``.

    Raises
    ------
    ParameterError
        Parameters make no sense, no property is called ``color``, there are fewer points than one
        more than dimensions, or all are the same.
    MissingExtraError
        UMAP without umap-learn, landmarks without scikit-matter.
    """
    check_choice("method", method, tuple(METHODS))
    check_choice("per", per, ("structure", "atom"))
    check_flag("standardize", standardize)
    check_integer("seed", seed, 0)
    if max_points is not None:
        check_integer("max_points", max_points, 3)
    descriptor = _descriptor(descriptor, per)
    source = os.fspath(frames) if isinstance(frames, str | os.PathLike) else ""
    where = f"{source}: " if source else ""  # of messages
    frames, numbers = _read(frames, index, where)
    samples = _samples(frames, per)
    if max_points is not None and len(samples) > max_points:
        warnings.warn(
            f"{where}{max_points} of {len(samples)} {per}s are drawn at random (max_points)",
            stacklevel=2,
        )
        rng = np.random.default_rng(seed)
        samples = samples[np.sort(rng.choice(len(samples), max_points, replace=False))]
    reduce = reducer(
        method, len(samples), dimensions=dimensions, kernel=kernel, landmarks=landmarks, seed=seed
    )
    if not descriptor.__sklearn_is_fitted__():
        with _located(where, numbers):
            descriptor = clone(descriptor).fit(frames)
    used, samples["structure"] = np.unique(samples["structure"], return_inverse=True)
    frames, numbers = [frames[s] for s in used], [numbers[s] for s in used]

    properties = collect(frames, samples, {**known_units(source), **(units or {})})
    known = known_set(source)
    color = color or default_color(properties, known.targets if known else (), per)
    if color not in properties:
        raise ParameterError(
            f"{where}no property is called {color!r}; there are: {', '.join(properties)}"
        )
    if properties[color].missing.all():
        raise ParameterError(f"{where}{color!r} has no finite value")
    rows = _rows(frames, numbers, samples, descriptor, where, progress or (lambda *_: None))
    X = np.concatenate(list(rows))
    if np.ptp(X, axis=0).max() <= 1e-10 * np.abs(X).max():
        raise ParameterError(f"{where}all {per}s have the same features: there is no map")
    if standardize:
        X = StandardScaler().fit_transform(X)
    found = reduce(X)
    return Map(
        found.coordinates, found.explained, properties, color, frames, samples, descriptor, method,
        source,
    )  # fmt: skip


def _descriptor(descriptor: str | Descriptor, per: str) -> Descriptor:
    made = registry.make(descriptor) if isinstance(descriptor, str) else descriptor
    if per == "atom" and (made.whole_structure or made.pooling is not None):
        why = "describes whole structures" if made.whole_structure else f"has {made.pooling=}"
        raise ParameterError(
            f'{made.registry_name} {why.replace("made.", "")}: per="atom" needs rows of atoms'
        )
    return made


def _read(frames, index: str, where: str) -> tuple[list[Atoms], list[int]]:
    """Structures, and their numbers in the source."""
    if isinstance(frames, str | os.PathLike):
        from vicinal.streaming import Structures

        with Structures(frames, index) as structures:
            found = list(structures)
        numbers = [s for s, _ in found]
        frames = [atoms for _, atoms in found]
    else:
        frames = list(as_frames(frames))
        numbers = list(range(len(frames)))
    if not frames:
        raise StructureError(f"{where}no structures")
    for s, atoms in zip(numbers, frames, strict=True):
        if not isinstance(atoms, Atoms):
            raise StructureError(f"structure {s} is {type(atoms).__name__}, not ase.Atoms")
        if len(atoms) == 0:
            raise StructureError(f"{where}structure {s} has no atoms")
    return frames, numbers


def _samples(frames: list[Atoms], per: str) -> np.ndarray:
    """All points that there could be."""
    if per == "structure":
        samples = np.zeros(len(frames), STRUCTURE_SAMPLES)
        samples["structure"] = np.arange(len(frames))
        return samples
    sizes = [len(atoms) for atoms in frames]
    samples = np.zeros(sum(sizes), ATOM_SAMPLES)
    samples["structure"] = np.repeat(np.arange(len(frames)), sizes)
    samples["atom"] = np.concatenate([np.arange(n) for n in sizes])
    samples["number"] = np.concatenate(
        [Environments.numbers_of(atoms, s) for s, atoms in enumerate(frames)]
    )
    return samples


def _rows(frames, numbers, samples, descriptor, where, progress) -> Iterator[np.ndarray]:
    """Features of the points, (n_points, n_features) float64 in parts."""
    done, total = 0, sum(map(len, frames))
    of_atoms = "atom" in samples.dtype.names
    for part, chunk in chunks(frames, CHUNK_ATOMS):
        centers = None
        if of_atoms:
            first, last = np.searchsorted(samples["structure"], [part.start, part.stop])
            own = samples[first:last]
            centers = [own["atom"][own["structure"] == s] for s in part]
        with _located(where, numbers[part.start : part.stop]):
            found = descriptor.compute(chunk, centers)
        if not of_atoms and "atom" in found.samples.dtype.names:
            found = found.pool("mean")
        yield np.asarray(found.dense(), dtype=float)
        done += sum(map(len, chunk))
        progress(done, total)


@contextmanager
def _located(where: str, numbers: list[int]):
    """Errors say which structure of which file."""
    try:
        with numbered(numbers):
            yield
    except VicinalError as error:
        raise type(error)(f"{where}{error}") from None
