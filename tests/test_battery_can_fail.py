"""A battery that cannot fail proves nothing: here it meets descriptors with one fault each.

Each fault is caught by exactly the checks it names (and perhaps by some that ``may``, where it
takes luck, or where much follows from the fault), and each check catches some fault.
"""

import textwrap
from copy import deepcopy

import numpy as np
import pytest
import scipy.sparse
from ase import Atoms
from toy import Toy, ToyPlan

from vicinal import Environments, Features, Gradient
from vicinal.environments import as_frames
from vicinal.errors import StructureError
from vicinal.testing import CHECKS, Battery, check_cutoff, check_descriptor, check_jvp

FAULTS = {}


def fault(*caught_by, may=(), **parameters):
    """A broken toy (or the plan of one), and the checks that must see it, and no others."""

    def decorate(cls):
        toy = cls
        if issubclass(cls, ToyPlan):
            name = f"ToyOf{cls.__name__}"
            more = {"plan": property(lambda self: cls), "__module__": __name__}
            toy = globals()[name] = type(name, (Toy,), more)  # where pickle finds it
        FAULTS[cls.__name__] = toy, parameters, set(caught_by), set(may)
        return cls

    return decorate


#: What a fault in the values themselves may break as well.
ANY = {check.__name__[6:] for check in CHECKS}


# -- symmetries ---------------------------------------------------------------------------------


@fault("rotation", "reflection", "sum_rules")
class Anisotropic(ToyPlan):
    """One axis counts for a little more."""

    def terms(self, D):
        stretch = np.array([1, 1, 1 + 1e-6])
        radial, slopes = super().terms(D * stretch)
        return radial, (slopes * stretch[:, None]).astype(self.dtype)


@fault("reflection")
class Chiral(ToyPlan):
    """A triple product of three vectors that neighbours add up to."""

    def chirality(self, pairs):
        """The pseudoscalar of each sample, its slope over each pair vector, and rows of pairs."""
        q, row, _ = self.pairs_of(pairs)
        D = pairs.D[q]
        radial, slopes = self.terms(D)
        v = np.zeros((pairs.n_samples, 3, 3))
        np.add.at(v, row, radial[:, :, None] * D[:, None, :])
        crossed = np.stack([np.cross(v[:, k - 2], v[:, k - 1]) for k in range(3)], axis=1)[row]
        along = np.einsum("pdk,pe,pke->pd", slopes, D, crossed)
        slope = np.einsum("pk,pkd->pd", radial, crossed) + along
        return np.linalg.det(v), slope, row

    def compute(self, pairs, out):
        super().compute(pairs, out)
        out[:, 0] += self.chirality(pairs)[0]

    def vjp(self, pairs, cotangent):
        _, slope, row = self.chirality(pairs)
        if scipy.sparse.issparse(cotangent):
            cotangent = cotangent.toarray()
        return super().vjp(pairs, cotangent) + slope * cotangent[row, 0][:, None]

    def jvp(self, pairs, tangent, out):
        super().jvp(pairs, tangent, out)
        _, slope, row = self.chirality(pairs)
        np.add.at(out[:, 0], row, (slope * tangent).sum(axis=1))

    def jacobian(self, pairs, pair_block, center_block, out):
        super().jacobian(pairs, pair_block, center_block, out)
        _, slope, row = self.chirality(pairs)
        np.add.at(out[:, :, 0], pair_block, slope)
        np.add.at(out[:, :, 0], center_block[row], -slope)


@fault("permutation", "batch", may=["supercell", "environments"])
class KnowsTheOrder(ToyPlan):
    """Centres with an even index count for more."""

    def weight(self, pairs):
        return (1 + 1e-3 * (pairs.centers % 2 == 0)).astype(self.dtype)

    def compute(self, pairs, out):
        super().compute(pairs, out)
        out *= self.weight(pairs)[:, None]

    def vjp(self, pairs, cotangent):
        if scipy.sparse.issparse(cotangent):
            cotangent = cotangent.toarray()
        return super().vjp(pairs, cotangent * self.weight(pairs)[:, None])

    def jvp(self, pairs, tangent, out):
        super().jvp(pairs, tangent, out)
        out *= self.weight(pairs)[:, None]

    def jacobian(self, pairs, pair_block, center_block, out):
        alone = np.zeros_like(out)
        super().jacobian(pairs, pair_block, center_block, alone)
        of_block = np.zeros(len(out), self.dtype)
        of_block[center_block] = self.weight(pairs)
        _, row, _ = self.pairs_of(pairs)
        of_block[pair_block] = self.weight(pairs)[row]
        out += alone * of_block[:, None, None]


class ChangesFrames(Toy):
    """Computes on changed structures."""

    def change(self, atoms):
        raise NotImplementedError

    def _environments(self, frames, cutoff):
        if not isinstance(frames, Environments):
            frames = [deepcopy(frame) for frame in as_frames(frames)]
            for atoms in frames:
                if isinstance(atoms, Atoms) and len(atoms):
                    self.change(atoms)
        return super()._environments(frames, cutoff)


@fault("translation", "position_gradient", may=ANY)
class KnowsTheOrigin(ChangesFrames):
    """Structures are a little larger on one side of the origin."""

    def change(self, atoms):
        atoms.positions *= 1 + 1e-4 * np.sin(atoms.positions[0].sum())


@fault("supercell", "periodic_images", "cell_choice", "environments", "bad_structures")
class ForgetsImages(ChangesFrames):
    def change(self, atoms):
        atoms.pbc = False


@fault("cell_choice", "periodic_images", "environments", "sum_rules")
class FollowsPbcAllTheSame(Toy):
    """Follows ``pbc``, although it says that it ignores it."""

    periodic = False

    def _environments(self, frames, cutoff):
        if isinstance(frames, Environments):
            return super()._environments(frames, cutoff)
        return Environments(frames, cutoff)


@fault("finite", "batch", may=ANY)
class DividesByZero(ToyPlan):
    """Normalises rows by what a lone atom has none of."""

    def compute(self, pairs, out):
        super().compute(pairs, out)
        out[pairs.start == pairs.stop] = np.nan


# -- smoothness ---------------------------------------------------------------------------------


@fault("cutoff")
class JumpAtTheCutoff(ToyPlan):
    def fade(self, x):
        value, slope = super().fade(x)
        return value + 1e-5, slope


@fault("cutoff")
class KinkAtTheCutoff(ToyPlan):
    def fade(self, x):
        value, slope = super().fade(x)
        return value + 1e-3 * (1 - x), slope - 1e-3


@fault("environments")
class TrustsTheNeighborList(ToyPlan):
    """Takes every pair that it is given for one within the cutoff."""

    def terms(self, D):
        d = np.linalg.norm(D, axis=1)
        radial, slopes = super().terms(D)
        radial[d > self.cutoff] += 1e-3
        return radial, slopes


# -- derivatives --------------------------------------------------------------------------------

GRADIENTS = "position_gradient", "strain_gradient"


@fault(*GRADIENTS, "jvp", "jacobian")
class ScaledVjp(ToyPlan):
    def vjp(self, pairs, cotangent):
        return super().vjp(pairs, cotangent) * (1 + 1e-5)


@fault(*GRADIENTS, "jvp", "jacobian")
class ZeroVjp(ToyPlan):
    def vjp(self, pairs, cotangent):
        return super().vjp(pairs, cotangent) * 0


@fault(*GRADIENTS)
class ZeroDerivatives(ToyPlan):
    """All of them, so that they agree with each other."""

    def terms(self, D):
        radial, slopes = super().terms(D)
        return radial, slopes * 0


@fault(*GRADIENTS)
class ScaledDerivatives(ToyPlan):
    def terms(self, D):
        radial, slopes = super().terms(D)
        return radial, slopes * self.dtype.type(1 + 1e-5)


@fault("position_gradient", "jvp", "jacobian", "sum_rules")
class ForgetsTheCentre(Toy):
    """vjp without what the centre itself contributes."""

    def vjp(self, frames, cotangent, centers=None):
        gradient = super().vjp(frames, cotangent, centers)
        env, plan, chosen, pairs = self._prepare(frames, centers)
        cotangent = self._cotangent(cotangent, env, chosen, plan)(0, pairs.n_samples)
        q, row, _ = plan.pairs_of(pairs)
        positions = gradient.positions.copy()
        np.add.at(positions, chosen[row], plan.vjp(pairs, cotangent))
        return Gradient(positions, gradient.strain)


@fault("strain_gradient", "jvp", "sum_rules")
class ForgetsStrain(Toy):
    def vjp(self, frames, cotangent, centers=None):
        gradient = super().vjp(frames, cotangent, centers)
        return Gradient(gradient.positions, gradient.strain * 0)


@fault("strain_gradient", "jvp", "sum_rules")
class CountsShearTwice(Toy):
    """Counts shear twice."""

    def vjp(self, frames, cotangent, centers=None):
        gradient = super().vjp(frames, cotangent, centers)
        return Gradient(gradient.positions, gradient.strain + np.tril(gradient.strain, -1))


@fault("jvp")
class ScaledJvp(ToyPlan):
    def jvp(self, pairs, tangent, out):
        super().jvp(pairs, tangent, out)
        out *= self.dtype.type(1 + 1e-4)


@fault("jvp")
class JvpForgetsStrain(Toy):
    def jvp(self, frames, positions=None, strain=None, centers=None):
        return super().jvp(frames, positions, None if strain is None else 0 * strain, centers)


@fault("jacobian")
class ScaledJacobian(ToyPlan):
    def jacobian(self, pairs, pair_block, center_block, out):
        super().jacobian(pairs, pair_block, center_block, out)
        out *= self.dtype.type(1 + 1e-4)


@fault("jacobian")
class JacobianForgetsTheCentre(ToyPlan):
    def jacobian(self, pairs, pair_block, center_block, out):
        whole = np.zeros_like(out)
        super().jacobian(pairs, pair_block, center_block, whole)
        whole[center_block] = 0
        out += whole


# -- one result, whichever way it is asked for --------------------------------------------------


@fault("precision", dtype="float32")
class RoundsDoubles(ToyPlan):
    """float32 computed in float64."""

    def compute(self, pairs, out):
        double = ToyPlan(3.5, (0.05, 0.3, 1.0), self.species, np.dtype(float))
        wide = np.empty(out.shape)
        double.compute(pairs, wide)
        out[:] = wide


@fault("precision")
class HalfPrecision(ToyPlan):
    """float32 with the digits of float16."""

    def compute(self, pairs, out):
        super().compute(pairs, out)
        if self.dtype == np.float32:
            out[:] = out.astype(np.float16)


@fault("precision", *GRADIENTS)
class SinglePrecision(ToyPlan):
    """float64 with the digits of float32."""

    def compute(self, pairs, out):
        super().compute(pairs, out)
        out[:] = out.astype(np.float32)


@fault("precision", "serialization")
class AlwaysDouble(Toy):
    def compute(self, frames, centers=None, *, out=None):
        features = super().compute(frames, centers, out=out)
        if self.sparse or out is not None:
            return features
        return Features(features.values.astype(float), features.samples, features._names)


@fault("threads")
class DependsOnThreads(ToyPlan):
    def compute(self, pairs, out):
        super().compute(pairs, out)
        out *= self.dtype.type(1 + pairs.n_threads * np.finfo(self.dtype).eps)


@fault("threads")
class GradientDependsOnThreads(ToyPlan):
    def vjp(self, pairs, cotangent):
        return super().vjp(pairs, cotangent) * (1 + pairs.n_threads * np.finfo(float).eps)


@fault("batch", may=ANY)
class DependsOnTheBatch(Toy):
    def compute(self, frames, centers=None, *, out=None):
        features = super().compute(frames, centers, out=out)
        features.values *= features.values.dtype.type(1 + 1e-3 / len(features))
        return features


@fault("batch", "jvp", "strain_gradient")
class BatchForgetsStrain(Toy):
    """Right for a single structure."""

    def vjp(self, frames, cotangent, centers=None):
        gradient = super().vjp(frames, cotangent, centers)
        strain = gradient.strain
        strain[1:] = strain[:1]
        return gradient


@fault("centers", may=["periodic_images"])
class SortsCenters(Toy):
    def _prepare(self, frames, centers):
        if isinstance(centers, list) and all(isinstance(c, list) for c in centers):
            centers = [sorted(c, reverse=True) for c in centers]
        return super()._prepare(frames, centers)


@fault("pooling")
class MeanIsSum(Toy):
    def _pool_weights(self, env, chosen):
        rows, weights = super()._pool_weights(env, chosen)
        return rows, weights * 0 + 1


@fault("sparse")
class DropsSmallValues(ToyPlan):
    def compute_sparse(self, pairs):
        values = super().compute_sparse(pairs)
        values.data[np.abs(values.data) < 1e-2] = 0
        return values


@fault("out", "bad_arguments")
class IgnoresOut(Toy):
    def compute(self, frames, centers=None, *, out=None):
        return super().compute(frames, centers)


# -- metadata, scikit-learn, files --------------------------------------------------------------


@fault("names")
class SameNames(ToyPlan):
    def names(self):
        return [name.split()[0] for name in super().names()]


@fault("names", "sklearn")
class TooFewNames(ToyPlan):
    def names(self):
        return super().names()[1:]


@fault("serialization")
class ChangesItsParameters(Toy):
    def __init__(self, *, cutoff=3.5, etas=(0.05, 0.3, 1.0), species=("H", "C", "O"), pooling=None,
                 sparse=False, dtype="float64", n_threads=None):  # fmt: skip
        super().__init__(cutoff=cutoff, etas=np.array(etas), species=species, pooling=pooling,
                         sparse=sparse, dtype=dtype, n_threads=n_threads)  # fmt: skip


@fault("serialization")
class DoesNotPickle(Toy):
    def _validate(self):
        super()._validate()
        self.hook = lambda: None


@fault("serialization")
class NoJSON(Toy):
    def to_json(self, indent=None):
        return super().to_json(indent).replace("etas", "eta")


@fault("sklearn")
class TransformsDifferently(Toy):
    def transform(self, X):
        return super().transform(X) * 2


@fault("files")
class SavesNoNames(Toy):
    def compute(self, frames, centers=None, *, out=None):
        features = super().compute(frames, centers, out=out)
        features.save = lambda path: Features(
            features.values, features.samples, [""] * features.shape[1]
        ).save(path)
        return features


@fault("inputs_untouched")
class ChangesTheCotangent(Toy):
    def vjp(self, frames, cotangent, centers=None):
        gradient = super().vjp(frames, cotangent, centers)
        if isinstance(cotangent, np.ndarray) and cotangent.dtype == float:
            cotangent *= 1
        return gradient


@fault("inputs_untouched", may=["threads", "serialization", "sklearn"])  # to the last bit
class MovesInPlace(Toy):
    def _environments(self, frames, cutoff):
        for atoms in frames if isinstance(frames, list) else ():
            if isinstance(atoms, Atoms):
                atoms.positions = atoms.positions + 1
        return super()._environments(frames, cutoff)


# -- bad input ----------------------------------------------------------------------------------


@fault("bad_structures")
class SilentNaN(Toy):
    """Values of NaN where positions are not finite."""

    def compute(self, frames, centers=None, *, out=None):
        try:
            return super().compute(frames, centers, out=out)
        except StructureError as error:
            if "NaN" not in str(error):
                raise
            features = super().compute(frames[:1], centers, out=out)
            features.values[:] = np.nan
            return features


@fault("bad_structures")
class IgnoresUnknownSpecies(Toy):
    def _species_index(self, env, species):
        known = np.array(self.species_known)
        return np.searchsorted(known, np.minimum(env.numbers, known[-1])).astype(np.int32)


@fault("bad_arguments")
class AcceptsAnyCutoff(Toy):
    def _validate(self):
        pass

    @property
    def neighbor_cutoff(self):
        return self.cutoff if isinstance(self.cutoff, float) and self.cutoff > 0 else 1.0


@fault("bad_arguments")
class ReshapesTheCotangent(Toy):
    def _cotangent(self, cotangent, env, chosen, plan):
        if isinstance(cotangent, np.ndarray):
            cotangent = np.resize(cotangent, (self._n_rows(env, chosen), plan.n_features))
        return super()._cotangent(cotangent, env, chosen, plan)


def failed(descriptor, checks=CHECKS):
    """Names of the checks that fail, in few examples, with what they say."""
    messages = {}
    for check in checks:
        try:
            check(descriptor, examples=3, shrink=False)
        except AssertionError as error:
            messages[check.__name__[6:]] = str(error)
    return messages


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_caught_by_the_right_checks(name):
    toy, parameters, expected, may = FAULTS[name]
    messages = failed(toy(**parameters))
    assert expected <= set(messages), f"not caught by {expected - set(messages)}"
    extra = set(messages) - expected - may
    assert not extra, "\n".join(messages[name] for name in extra)


def test_every_check_catches_something():
    assert set().union(*(expected for _, _, expected, _ in FAULTS.values())) == ANY


class TestToy(Battery):
    """The toy itself has no fault."""

    def make(self, dtype):
        return Toy(dtype=dtype)


@pytest.mark.parametrize(
    "parameters",
    [
        {"species": None},
        {"pooling": "mean"},
        {"pooling": "sum", "dtype": "float32"},
        {"sparse": True},
        {"sparse": True, "pooling": "sum", "dtype": "float32"},
        {"cutoff": 1.2, "species": [8]},
        {"cutoff": 7, "etas": [0.1]},
    ],
    ids=str,
)
def test_toy_passes_with_other_parameters(parameters):
    check_descriptor(Toy(**parameters))


def test_declared_smoothness_is_what_is_checked():
    kink, jump = (FAULTS[name][0]() for name in ("KinkAtTheCutoff", "JumpAtTheCutoff"))
    check_cutoff(kink, smoothness=0)
    check_cutoff(jump, smoothness=-1)
    with pytest.raises(AssertionError, match="derivatives .* jump"):
        check_cutoff(kink)
    with pytest.raises(AssertionError, match="values jump"):
        check_cutoff(jump, smoothness=0)
    with pytest.raises(AssertionError, match="check_cutoff"):
        check_descriptor(jump)
    check_descriptor(jump, exempt=["check_cutoff"])


def test_failure_says_how_to_reproduce_it():
    toy = FAULTS["ScaledJvp"][0](etas=(0.2,))
    with pytest.raises(AssertionError) as caught:
        check_jvp(toy)
    code = str(caught.value).split("To reproduce:\n")[1]
    with pytest.raises(AssertionError) as again:
        exec(textwrap.dedent(code), globals())
    assert str(again.value) == str(caught.value)


def test_frames_of_the_users_own():
    atoms = Atoms("OH", [[0, 0, 0], [0, 0, 1]])
    check_jvp(Toy(), atoms)
    check_jvp(Toy(), [atoms, {"numbers": [1, 1], "positions": [[0, 0, 0], [0, 0, 0.7]]}])
    with pytest.raises(AssertionError, match="does not know"):
        check_jvp(Toy(species=["O"]), atoms)


def test_a_fault_that_comes_and_goes_is_a_failure():
    class Moody(Toy):
        calls = 0

        def jvp(self, *args, **kwargs):
            type(self).calls += 1
            return super().jvp(*args, **kwargs) * (1 + (self.calls == 20))

    with pytest.raises(AssertionError, match="not again"):
        check_jvp(Moody())
