"""Which of two descriptors knows what the other knows, on the same environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from vicinal.criteria import Setting, samples
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.structure import reduced, some
from vicinal.criteria.subject import Subject, subject
from vicinal.errors import MissingExtraError, ShapeError, VicinalError
from vicinal.pages.parts import Table

TITLE = "comparison with others"

#: Environments that are described by both.
ENVIRONMENTS, QUICK_ENVIRONMENTS = 300, 200

#: Neighbours of each: few, so that the environments lie dense enough to be learned from.
NEIGHBORS = 4

#: Rows at most; the cost of a reconstruction grows with their cube.
ROWS = 400

#: A reconstruction error is relative. Features that follow exactly, by a linear map, are found with
#: errors of up to some hundredths from so few environments.
GIVEN = 0.1

#: An information imbalance of two descriptors that find the same alike, on samples this small.
EQUAL = 0.1

#: One imbalance this many times the other is one-sided.
ONE_SIDED = 2.0

#: Points from which each local map is made, and points on which it is tried (each is a fit).
LOCAL, LOCAL_TESTS = 20, 10

NEEDS_EXTRA = 'reconstruction errors need scikit-matter: pip install "vicinal[metrics]"'

#: Distances that differ by less (relative to the largest) are equal: the rest is rounding.
TIE = 1e-9


def information_imbalance(XA, XB) -> float:
    r"""How little the nearest neighbours in A say about those in B.

    :math:`\Delta(A \to B) = \frac{2}{N} \langle r^B \mid r^A = 1 \rangle`: the average rank in B of
    the row that is nearest in A. About 0 (2/N at least) if A knows what B knows, 1 if A knows
    nothing of it. Ranks that are equal by distance are shared.

    Parameters
    ----------
    XA, XB : (samples, features) arrays of the same samples

    Returns
    -------
    float

    Raises
    ------
    ShapeError
        Different numbers of samples, or fewer than three.

    References
    ----------
    A. Glielmo, C. Zeni, B. Cheng, G. Csányi, A. Laio, PNAS Nexus 1, pgac039 (2022), eq. 1
    """
    A, B = (_distances(X) for X in (XA, XB))
    n = len(A)
    if len(B) != n or n < 3:
        raise ShapeError(f"{n} and {len(B)} samples: needed are the same, and three or more")
    nearest = A <= A.min(axis=1, keepdims=True) + TIE
    ranks = 0.0
    for near, b in zip(nearest, B, strict=True):
        order = np.sort(b)
        first = np.searchsorted(order, b[near] - TIE) + 1
        last = np.searchsorted(order, b[near] + TIE, side="right")
        ranks += np.mean((first + last) / 2)
    return float(2 * ranks / n**2)


def reconstruction(XA, XB, kind: str = "gfre") -> float:
    """Error that remains when the features B are reconstructed from the features A.

    Scikit-matter's, with its scaling and its split of the samples into two halves: 0 if B follows
    from A, 1 if A says nothing of B.

    Parameters
    ----------
    XA, XB : (samples, features) arrays of the same samples
    kind : ``gfre``, by one linear map; ``gfrd``, how far that map is from a rotation (distortion);
        ``lfre``, by a linear map of its own about each sample (a smooth function will do)

    Raises
    ------
    MissingExtraError
        Scikit-matter is not installed.

    References
    ----------
    A. Goscinski, G. Fraux, G. Imbalzano, M. Ceriotti, Mach. Learn.: Sci. Technol. 2, 025028 (2021)
    """
    try:
        from skmatter import metrics
    except ImportError:
        raise MissingExtraError(NEEDS_EXTRA) from None
    A, B = reduced(XA), reduced(XB)
    with threadpool_limits(1):  # many small factorisations, which threads only slow down
        if kind == "gfre":
            return float(metrics.global_reconstruction_error(A, B))
        if kind == "gfrd":  # of matrices with equally many columns: more zeros change nothing
            width = max(A.shape[1], B.shape[1])
            A, B = (np.pad(X, ((0, 0), (0, width - X.shape[1]))) for X in (A, B))
            return float(metrics.global_reconstruction_distortion(A, B))
        order = np.random.default_rng(0).permutation(len(A))  # they may come as a trajectory
        parts = {"train_idx": order[: len(A) // 2], "test_idx": order[len(A) // 2 :][:LOCAL_TESTS]}
        n = min(LOCAL, len(parts["train_idx"]))
        return float(metrics.local_reconstruction_error(A, B, n, **parts))


@dataclass(frozen=True)
class Comparison:
    """Descriptors side by side: ``matrix[i, j]`` is from *i* to *j*.

    Attributes
    ----------
    names : list of str
    imbalance : (n, n) array, see :func:`information_imbalance`
    gfre, gfrd, lfre : (n, n) arrays, see :func:`reconstruction`; None without scikit-matter
    """

    names: list[str]
    imbalance: np.ndarray
    gfre: np.ndarray | None
    gfrd: np.ndarray | None
    lfre: np.ndarray | None

    def relation(self, i: int = 0, j: int = 1) -> str:
        """In words: what *i* and *j* know of each other."""
        gfre = (1.0, 1.0) if self.gfre is None else (self.gfre[i, j], self.gfre[j, i])
        imbalance = self.imbalance[i, j], self.imbalance[j, i]
        return relation(self.names[i], self.names[j], gfre, imbalance)


def relation(a: str, b: str, gfre, imbalance) -> str:
    """What two descriptors know of each other, in words.

    Parameters
    ----------
    a, b : their names
    gfre, imbalance : (from a to b, from b to a)
    """
    given = [error < GIVEN for error in gfre]
    if all(given):
        return f"{a} and {b} know the same: each is a linear function of the other"
    for first, second, one in ((a, b, given[0]), (b, a, given[1])):
        if one:
            return f"{first} contains {second}: a linear function of it, and not the other way"
    if max(imbalance) < EQUAL and max(imbalance) < ONE_SIDED * min(imbalance):
        return f"{a} and {b} find the same environments alike, but neither is linear in the other"
    for first, second, here, back in ((a, b, *imbalance), (b, a, *imbalance[::-1])):
        if here < EQUAL and back > ONE_SIDED * here:
            return f"{first} knows more than {second}, which is not linear in it"
    return f"neither contains the other: {a} and {b} find different environments alike"


def compare(subjects: Sequence, frames: Sequence[Atoms], *, local: bool = True) -> Comparison:
    """Descriptors side by side on the same structures.

    Parameters
    ----------
    subjects : names, descriptors, functions or :class:`Subject`
    frames : structures; rows are all their atoms, or the structures if one of the descriptors
        describes those (rows of atoms are averaged then)
    local : bool, local reconstruction errors too (they take longest)

    Returns
    -------
    Comparison
    """
    subjects = [subject(one) for one in subjects]
    per_atom = all(one.per_atom for one in subjects)
    return compare_features(
        [_rows(one, frames, per_atom) for one in subjects],
        [one.name for one in subjects],
        local=local,
    )


def compare_features(
    arrays: Sequence[np.ndarray], names: Sequence[str], *, local: bool = True
) -> Comparison:
    """Features side by side: (samples, features) arrays of the same samples; as :func:`compare`."""
    arrays = [reduced(X) for X in arrays]

    def matrix(measure) -> np.ndarray:
        return np.array([[measure(A, B) if A is not B else 0.0 for B in arrays] for A in arrays])

    errors: dict[str, np.ndarray | None] = dict.fromkeys(("gfre", "gfrd", "lfre"))
    try:
        for kind in errors:
            if local or kind != "lfre":
                errors[kind] = matrix(lambda A, B, kind=kind: reconstruction(A, B, kind))
    except MissingExtraError:
        pass
    return Comparison(list(names), matrix(information_imbalance), **errors)


def measure(subject: Subject, setting: Setting, section: Section) -> None:
    """Each of ``setting.against`` with the subject."""
    if not setting.against:
        raise NotApplicable("nothing to compare with was given")
    frames, rows, own = _frames(subject, setting), [], {}
    for other in setting.against:
        setting.progress(f"comparison with {other.name}")
        with section.attempt(f"relation_{other.name}", f"Compared with {other.name}"):
            per_atom = subject.per_atom and other.per_atom
            if per_atom not in own:
                own[per_atom] = _sample(subject, frames, per_atom, setting)
            rows += _pair(subject, own[per_atom], other, frames, setting, section)
    if rows:
        columns = ("from", "to", "imbalance", "GFRE", "GFRD", "LFRE")
        note = "0: the second follows from the first; 1: the first says nothing of it"
        section.tables.append(Table("What follows from what", columns, rows, note))


def _pair(
    one: Subject, X: np.ndarray, other: Subject, frames, setting: Setting, section: Section
) -> list[tuple]:
    """Measurements of the subject (with its rows) and another, and rows of the table."""
    per_atom = one.per_atom and other.per_atom
    try:
        Y = _sample(other, frames, per_atom, setting)
    except VicinalError as error:
        raise NotApplicable(f"{other.name} cannot describe these structures: {error}") from None
    for each, rows in ((one, X), (other, Y)):
        if len(rows) < 2 * LOCAL:
            raise NotApplicable(f"{len(rows)} rows are too few to learn one from another")
        if not np.ptp(rows, axis=0).any():
            raise NotApplicable(f"{each.name} has the same row for all")
    found = compare_features([X, Y], [one.name, other.name], local=not setting.quick)
    what = f"{len(X)} {'environments' if per_atom else 'structures'}"
    section.add(
        f"relation_{other.name}",
        f"Compared with {other.name}",
        found.relation(),
        note=f"on {what}; linear reconstruction and nearest neighbours",
    )
    names = {
        "imbalance": "Information imbalance",
        "gfre": "Reconstruction error",
        "gfrd": "Reconstruction distortion",
        "lfre": "Local reconstruction error",
    }
    ways = (("to", one, other, 0, 1), ("from", other, one, 1, 0))
    for key, label in names.items():
        values = getattr(found, key)
        if values is None:
            continue
        for way, first, second, i, j in ways:
            title = f"{label}, {first.name} to {second.name}"
            section.add(f"{key}_{way}_{other.name}", title, values[i, j])
    if found.gfre is None:
        label = f"Reconstruction error, {one.name} to {other.name}"
        section.add(f"gfre_to_{other.name}", label, None, "n/a", note=NEEDS_EXTRA)
    matrices = [getattr(found, key) for key in names]
    return [
        (first.name, second.name, *(None if m is None else m[i, j] for m in matrices))
        for _, first, second, i, j in ways
    ]


def _frames(subject: Subject, setting: Setting) -> list[Atoms]:
    """Some of the user's structures, or built-in environments that suit the subject."""
    rng = setting.rng("comparison")
    if setting.frames is not None:
        return some(setting.frames, ROWS, subject.per_atom, rng)
    n = QUICK_ENVIRONMENTS if setting.quick else ENVIRONMENTS
    if subject.needs_cell:
        return samples.structures(subject, n, setting.seed, NEIGHBORS + 1)
    return [samples.random_environment(subject, NEIGHBORS, rng) for _ in range(n)]


def _sample(what: Subject, frames: list[Atoms], per_atom: bool, setting: Setting) -> np.ndarray:
    """Rows, at most :data:`ROWS`: of built-in environments that of the centre."""
    if per_atom and setting.frames is None:
        return what.fitted(frames).at(frames)
    X = _rows(what, frames, per_atom)
    return X[np.sort(setting.rng("rows").permutation(len(X))[:ROWS])]


def _rows(what: Subject, frames, per_atom: bool) -> np.ndarray:
    """Rows of all atoms, or of all structures (averages over atoms, if need be)."""
    rows = what.fitted(frames).rows(frames)
    if what.per_atom and not per_atom:
        rows = [one.mean(axis=0, keepdims=True) for one in rows]
    return np.concatenate(rows).astype(float)


def _distances(X) -> np.ndarray:
    """Distances between different rows, the largest being 1: (n, n - 1)."""
    X = reduced(X)
    distances = cdist(X, X)
    distances /= max(distances.max(initial=0), np.finfo(float).tiny)
    return distances[~np.eye(len(X), dtype=bool)].reshape(len(X), -1)
