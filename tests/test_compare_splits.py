"""Splits: disjoint, nested, deterministic, and truer to the distribution than chance."""

import numpy as np
import pytest
from ase import Atoms

from vicinal.compare import Task, inner_splits, leave_one_group_out, outer_splits
from vicinal.compare.splits import (
    SplitError,
    default_sizes,
    default_test_size,
    draw,
    stratified_order,
)
from vicinal.errors import ParameterError


@pytest.fixture(scope="module")
def task():
    """Skewed: many small structures, few large ones; two elements."""
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(600):
        n = 2 + int(rng.exponential(3))
        atoms = Atoms(numbers=rng.choice([6, 8], size=n, p=[0.8, 0.2]))
        atoms.positions = np.cumsum(rng.uniform(0.8, 1.5, size=(n, 3)), axis=0)
        atoms.info.update(y=rng.normal(), lattice=int(rng.integers(3)))
        frames.append(atoms)
    return Task.from_frames(frames, "y")


def test_disjoint_nested_and_of_the_right_sizes(task):
    splits = outer_splits(task, sizes=[50, 120, 300, 480], test_size=100, repeats=4)
    assert [split.label for split in splits] == list("0123")
    for split in splits:
        assert split.sizes == [50, 120, 300, 480] and len(split.test) == 100
        for size, members in split.train.items():
            assert len(members) == len(set(members)) == size
            assert not set(members) & set(split.test)
        for small, large in zip(split.sizes, split.sizes[1:], strict=False):
            assert set(split.train[small]) < set(split.train[large])
        assert 0 <= min(split.test) and max(split.test) < 600
    assert len({tuple(split.test) for split in splits}) == 4


def test_all_that_is_left_can_be_trained_on(task):
    (split,) = outer_splits(task, sizes=[500], test_size=100, repeats=1)
    assert sorted([*split.train[500], *split.test]) == list(range(600))


def test_deterministic(task):
    """Repeat k is the same however many there are, and does not depend on the target."""
    rng = np.random.default_rng(5)
    for atoms in task.frames:
        atoms.info["z"] = rng.normal()
    other = Task.from_frames(task.frames, "z")
    one, two = outer_splits(task, repeats=2, seed=3), outer_splits(other, repeats=3, seed=3)
    for a, b in zip(one, two, strict=False):
        assert np.array_equal(a.test, b.test) and a.sizes == b.sizes
        assert all(np.array_equal(a.train[n], b.train[n]) for n in a.sizes)
    assert not np.array_equal(one[0].test, outer_splits(task, repeats=1, seed=4)[0].test)


def kolmogorov(values, subset):
    """Largest difference of the two distribution functions."""
    grid = np.unique(values)
    return np.abs(
        np.searchsorted(np.sort(values), grid, side="right") / len(values)
        - np.searchsorted(np.sort(values[subset]), grid, side="right") / len(subset)
    ).max()


def test_distribution_is_kept_better_than_by_chance(task):
    splits = outer_splits(task, sizes=[50, 250], test_size=100, repeats=20)
    rng = np.random.default_rng(0)
    heavy = task.counts[:, 1] / task.n_atoms
    for get, n in (
        (lambda s: s.test, 100), (lambda s: s.train[50], 50), (lambda s: s.train[250], 250)
    ):  # fmt: skip
        ours = [kolmogorov(task.n_atoms, get(split)) for split in splits]
        chance = [kolmogorov(task.n_atoms, rng.choice(600, n, replace=False)) for _ in splits]
        assert max(ours) <= 2.5 / min(n, 100)  # each draw adds at most one block
        assert np.mean(ours) < 0.4 * np.mean(chance)
        share = [abs(heavy[get(split)].mean() - heavy.mean()) for split in splits]
        random = [
            abs(heavy[rng.choice(600, n, replace=False)].mean() - heavy.mean()) for _ in splits
        ]
        assert np.mean(share) < np.mean(random)


def test_draw_takes_one_of_each_block():
    rng = np.random.default_rng(0)
    order = rng.permutation(103)
    for n in (1, 2, 10, 50, 102, 103):
        places = np.flatnonzero(np.isin(order, drawn := draw(order, n, rng)))
        assert len(places) == n and np.array_equal(order[places], drawn)
        edges = [103 * k // n for k in range(n + 1)]
        blocks = np.searchsorted(edges, places, side="right") - 1
        assert np.array_equal(blocks, np.arange(n))
    # Every structure has about the same chance.
    hits = np.bincount(np.concatenate([draw(np.arange(7), 3, rng) for _ in range(7000)]))
    np.testing.assert_allclose(hits / 7000, [1 / 2] * 4 + [1 / 3] * 3, atol=0.03)


def test_order_is_by_size_then_composition():
    counts = np.array([[2, 2], [1, 0], [4, 0], [0, 1], [2, 2], [3, 1]])
    orders = [stratified_order(counts, np.random.default_rng(k)) for k in range(20)]
    for order in orders:
        assert order[:2].tolist() == [3, 1] and set(order[2:4]) == {0, 4}
        assert order[4:].tolist() == [5, 2]
    assert len({tuple(order) for order in orders}) == 2  # ties at random


def test_defaults():
    assert default_sizes(10_000) == [100, 250, 650, 1600, 4000, 10000]
    assert default_sizes(6100) == [100, 250, 650, 1600, 4000, 6100]
    assert default_sizes(2400) == [100, 250, 650, 1600, 2400]
    assert default_sizes(2000) == [100, 250, 650, 1600]
    assert default_sizes(400) == [100, 250, 400]
    assert default_sizes(96) == [15, 38, 96] and default_sizes(20) == [20]
    assert default_sizes(30_000) == [100, 250, 650, 1600, 4000, 10000]
    assert default_test_size(500) == 100 and default_test_size(7101) == 1000


def test_too_few_structures(task):
    small = task.select(np.arange(30))
    with pytest.raises(
        SplitError, match="30 structures are fewer than the smallest training size 50"
    ):
        outer_splits(small, sizes=[50, 100])
    with pytest.raises(SplitError, match="8 structures are too few to train on"):
        outer_splits(task.select(np.arange(9)))
    with pytest.raises(SplitError, match="3 structures are too few"):
        outer_splits(task.select(np.arange(3)))
    with pytest.raises(SplitError, match="of which 30 are to be tested on"):
        outer_splits(small, test_size=30)
    with pytest.warns(UserWarning, match=r"training sizes \[100, 200\] are left out: 24"):
        assert outer_splits(small, sizes=[10, 100, 200])[0].sizes == [10]
    for options in ({"sizes": [0, 5]}, {"sizes": []}, {"repeats": 0}, {"test_size": -1}):
        with pytest.raises(ParameterError, match="must be at least 1"):
            outer_splits(task, **options)


def test_duplicates_across_are_listed(task):
    frames = [atoms.copy() for atoms in task.frames[:80]]
    for k in range(20):  # the second is turned by a right angle
        twin = frames[k].copy()
        twin.positions = twin.positions[:, [1, 0, 2]] * [-1, 1, 1] + 3
        frames.append(twin)
    doubled = Task.from_frames(frames, "y")
    twins = [[k, 80 + k] for k in range(20)]
    assert all(group in doubled.duplicates for group in twins)
    with pytest.warns(UserWarning, match="equal structures are on both sides.*; .*, 8") as warned:
        splits = outer_splits(doubled, sizes=[20, 60], test_size=40, repeats=3)
    assert len(warned) == 1
    for split in splits:
        for group in split.leaks(doubled.duplicates):
            assert set(group) & set(split.test) and set(group) & set(split.train[60])
    assert any(split.leaks(twins) for split in splits)
    train = np.arange(100)
    for fit, validate in inner_splits(doubled, train, n_splits=4):
        for group in doubled.duplicates:
            assert set(group) <= set(fit) or set(group) <= set(validate)


def test_inner_splits(task):
    train = outer_splits(task, sizes=[200], repeats=1)[0].train[200]
    folds = inner_splits(task, train, n_splits=5, seed=1)
    assert len(folds) == 5
    assert sorted(np.concatenate([v for _, v in folds])) == sorted(train)
    for fit, validate in folds:
        assert not set(fit) & set(validate) and len(fit) + len(validate) == 200
        assert kolmogorov(task.n_atoms[train], np.searchsorted(train, validate)) < 0.1
    again = inner_splits(task, train, n_splits=5, seed=1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))
    with pytest.raises(SplitError, match="3 structures cannot be split into 5 folds"):
        inner_splits(task, train[:3])
    with pytest.raises(ParameterError, match="at least 2"):
        inner_splits(task, train, n_splits=1)


def test_leave_one_group_out(task):
    groups = task.groups("lattice")
    splits = list(leave_one_group_out(task, groups))
    assert [split.label for split in splits] == ["0", "1", "2"]
    for split in splits:
        assert set(groups[split.test]) == {split.label}
        assert len(split.test) + split.sizes[0] == 600
        assert split.label not in groups[split.train[split.sizes[0]]]
    for split in leave_one_group_out(task, groups, sizes=[50, 200]):
        assert set(split.train[50]) < set(split.train[200])
        assert split.label not in groups[split.train[200]]
    rare = groups.copy()
    rare[0] = "9"
    assert len(list(leave_one_group_out(task, rare, smallest=5))) == 3
    with pytest.raises(SplitError, match="all structures are in one group, 1"):
        list(leave_one_group_out(task, ["1"] * 600))
    with pytest.raises(SplitError, match="fewer than the smallest training size 599"):
        list(leave_one_group_out(task, groups, sizes=[599]))
    with pytest.raises(ParameterError, match="2 groups for 600"):
        list(leave_one_group_out(task, ["1", "2"]))
