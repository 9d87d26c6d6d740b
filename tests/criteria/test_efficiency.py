"""Growth is fitted right, and every descriptor has a cost."""

import math

import numpy as np
import pytest
from ase import Atoms

import vicinal as vc
from vicinal.criteria import Setting, efficiency, growth, samples, timing
from vicinal.criteria.results import NotApplicable, Section
from vicinal.criteria.subject import Subject, SubjectError, subject

NAMES = vc.registry.names()


def measured(what, **setting) -> Section:
    section = Section("efficiency", "", "")
    efficiency.measure(subject(what), Setting(quick=True, **setting), section)
    return section


@pytest.fixture
def hurry(monkeypatch):
    """Costs so rough that they take no time."""
    monkeypatch.setattr(efficiency, "QUICK", timing.Effort(20, 0.1, 0.002, 1))
    monkeypatch.setattr(timing, "TARGET", 1e-4)
    monkeypatch.setattr(timing, "ROWS", 50)


class Clock:
    """A time that goes on only while something is done."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float):
        self.now += seconds


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0, 3.0])
def test_exponent_of_a_power(power):
    sizes = np.array([10, 20, 40, 80])
    assert growth.exponent(sizes, 3e-6 * sizes**power) == pytest.approx(power, abs=1e-12)


def test_exponent_is_that_of_large_sizes_in_any_order():
    sizes = np.array([320, 10, 160, 20, 80, 40])
    values = 40 + 1e-2 * sizes**2.0
    assert 1.4 < growth.exponent(sizes, values) < 2.0
    assert growth.exponent(sizes, values, last=6) < growth.exponent(sizes, values, last=3)


def test_exponent_needs_two_sizes():
    with pytest.raises(NotApplicable, match="two sizes"):
        growth.exponent([5], [1.0])


def test_calls_are_timed_in_turns():
    clock, order = Clock(), []

    def call(name, seconds):
        def work():
            order.append(name)
            clock.spend(seconds)

        return work

    seconds = timing.interleaved([call("a", 1), call("b", 3)], 10.0, rounds=2, clock=clock)
    assert seconds == pytest.approx(np.array([[1, 3]] * 3))
    assert order == ["a", "b"] * 3


def test_a_slow_call_is_not_repeated_for_ever():
    clock = Clock()
    seconds = timing.interleaved([lambda: clock.spend(100)], 1.0, rounds=5, clock=clock)
    assert seconds.shape == (1, 1)
    seconds = timing.interleaved([lambda: clock.spend(1)], 1.0, rounds=3, clock=clock)
    assert seconds.shape == (3, 1)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_cost_of_known_growth(power, monkeypatch):
    """Time goes on only in the function: its cost is a known power of the neighbours."""
    clock = Clock()

    def costly(frames):
        for frame in frames:
            clock.spend(1e-6 * len(frame) * (len(frame) - 1) ** power)
        return np.zeros((sum(map(len, frames)), 3))

    monkeypatch.setattr(timing.time, "perf_counter", clock)
    section = measured(Subject(costly, cutoff=5.0, species=["C"]))
    found = section["exponent_neighbors"]
    assert found.value == pytest.approx(power, abs=1e-6)
    assert found.verdict == ("good", "fair", "poor")[power - 1]
    assert section["exponent_species"].verdict == "n/a"
    assert section["exponent_basis"].verdict == "n/a"
    assert section["vjp_ratio"].verdict == "n/a"


def test_all_atoms_of_a_ball_are_neighbours():
    for name in ("soap", "snap"):
        one = subject(name)
        frames = timing.balls(one, 41, [6], np.random.default_rng(0))
        env = vc.Environments(frames, one.cutoff)
        assert set(np.diff(env.pair_offsets)) == {40}
        assert env.d.min() > 0.3


def test_balls_without_cutoff_keep_their_density():
    one = subject("ewald_matrix")
    density = []
    for n in (20, 160):
        frame = timing.balls(one, n, [6], np.random.default_rng(0))[0]
        assert frame.pbc.all()
        d = frame.get_all_distances(mic=True)
        assert d[~np.eye(n, dtype=bool)].min() > 0.5 * timing.SPACING
        density.append(n / frame.get_volume())
    assert 0.5 < density[0] / density[1] < 2


@pytest.mark.parametrize("name", NAMES)
def test_every_descriptor_has_a_cost(name, hurry):
    frames = samples.structures(subject(name), 2, size=6)
    section = measured(name, frames=frames)
    assert not [m for m in section.measurements if m.verdict == "failed"]
    for key in ("microseconds", "vjp_ratio"):
        assert 0 < section[key].value < math.inf
    assert section["memory"].value >= 0
    for key in ("exponent_neighbors", "exponent_species"):
        assert math.isfinite(section[key].value)
        assert "the registry says" in section[key].note
    assert math.isfinite(section["exponent_basis"].value or 0)
    assert section.figures[0].xscale == section.figures[0].yscale == "log"


def test_parameters_for_single_species(hurry):
    """What is given by species cannot grow with them."""
    section = measured(vc.SNAP(species=["Si", "C"], weights={"Si": 1.0, "C": 0.5}))
    assert "own species" in section["exponent_species"].note
    assert section["exponent_species"].verdict == "n/a"
    section = measured(vc.SOAP(species=["Si"], pooling="mean"))
    assert not [m for m in section.measurements if m.verdict == "failed"]
    assert "an atom" in section["microseconds"].label


def test_the_users_structures_are_timed(hurry):
    frames = samples.structures(subject("soap"), 4, size=5)
    section = measured("soap", frames=frames)
    assert " atoms" in section["microseconds"].note


def test_objects_with_compute_alone(hurry):
    class Object:
        def compute(self, frames):
            return np.array([[len(frame)] for frame in frames])

    section = measured(Object())
    assert section["vjp_ratio"].verdict == "n/a"
    assert math.isfinite(section["exponent_neighbors"].value)
    assert "a structure" in section["exponent_neighbors"].label


def test_a_function_that_raises(hurry):
    def broken(frames):
        raise ValueError("never works")

    section = measured(broken)
    assert {m.verdict for m in section.measurements} <= {"failed", "n/a"}
    assert "never works" in section["microseconds"].note


def test_memory_beyond_the_output():
    def call():
        scratch = np.ones(2_000_000)
        return np.ones(500_000) * scratch[0]

    assert timing.peak_memory(call) == pytest.approx(16e6, rel=0.05)
    assert timing.peak_memory(lambda: np.ones(500_000)) < 1e6


def test_number_of_basis_functions():
    assert growth.basis_parameters(subject("soap")) == {"n_max": 8, "l_max": 6}
    larger = growth.of_basis(subject("soap"), 1.5)
    assert (larger.parameters["n_max"], larger.parameters["l_max"]) == (12, 9)
    larger = growth.of_basis(subject("soap"), 2, ["l_max"])
    assert (larger.parameters["n_max"], larger.parameters["l_max"]) == (8, 12)
    with pytest.raises(NotApplicable):
        growth.basis_parameters(subject("acsf"))


def test_sets_of_species():
    assert list(map(len, growth.species_sets(subject("soap")))) == [1, 2, 4, 8]
    function = Subject(lambda frames: frames, species=["H", "O"])
    assert growth.species_sets(function) == [(1,), (1, 8)]
    assert growth.of_species(function, (1,)) is function
    with pytest.raises(SubjectError):
        function.rows([Atoms("H")])
