"""Cuts of our own leave each class a training sample; given ones that divide groups are told."""

from __future__ import annotations

import numpy as np
import pytest

from armtune.data.splits import SPLITS, Indices, divided, random_split
from armtune.errors import DataError
from armtune.targets import Target
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.targets.values import Values

SHARES = {"test": 0.2, "validation": 0.1}


def classes(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def split(
    labels: np.ndarray,
    seed: int,
    target: Target | None = None,
    groups: np.ndarray | None = None,
    shares: dict[str, float] = SHARES,
    used: np.ndarray | None = None,
) -> Indices:
    target = target or Classes(tuple(map(str, np.unique(labels))))
    found = random_split({}, target, labels, groups, shares, np.random.default_rng(seed), used)
    everything = np.concatenate([found[name] for name in SPLITS])
    assert sorted(everything.tolist()) == list(range(len(labels)))
    return found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "counts", [(9, 1, 51), (2,) * 30, (1, 1, 1, 57), (100, *(1,) * 20), (3, 2, 1) * 8]
)
def test_every_class_keeps_a_training_sample(counts: tuple[int, ...], seed: int) -> None:
    labels = classes(*counts)
    found = split(labels, seed)
    assert set(labels[found["train"]]) == set(labels)
    # The shares are what they would be, since samples of other classes stand in.
    total = len(labels)
    assert len(found["test"]) == pytest.approx(0.2 * total, abs=1)
    assert len(found["validation"]) == pytest.approx(0.1 * 0.8 * total, abs=1)


def test_a_cut_that_takes_no_class_whole_is_as_it_was() -> None:
    found = split(classes(30, 30), 3)
    rng = np.random.default_rng(3)
    shuffled = rng.permutation(60)
    ordered = shuffled[np.argsort(classes(30, 30)[shuffled], kind="stable")]
    steps = np.floor((np.arange(61) + 0.5) * 0.2)
    assert found["test"].tolist() == sorted(ordered[np.diff(steps) > 0].tolist())


@pytest.mark.parametrize("seed", range(20))
def test_every_label_keeps_a_training_sample(seed: int) -> None:
    labels = np.zeros((60, 4), np.float32)
    labels[:, 0] = np.arange(60) % 2
    labels[7, 1] = labels[7, 2] = labels[8, 3] = labels[30, 3] = 1
    found = split(labels, seed, Labels(("a", "b", "c", "d")))
    assert (labels[found["train"]].sum(0) > 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_whole_groups_leave_every_class_a_sample(seed: int) -> None:
    groups = np.repeat(np.arange(10), 6)
    labels = np.where(groups == 4, 2, np.arange(60) % 2)
    found = split(labels, seed, groups=groups)
    assert set(labels[found["train"]]) == {0, 1, 2}
    owners = [set(groups[found[name]].tolist()) for name in SPLITS]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 10


@pytest.mark.parametrize("seed", range(20))
def test_only_samples_that_are_used_count(seed: int) -> None:
    labels = classes(2, 58)
    used = np.ones(60, bool)
    used[0] = False
    found = split(labels, seed, used=used)
    assert 1 in found["train"]


def test_values_are_no_classes() -> None:
    found = split(np.arange(60.0), 0, Values(("value",)))
    assert [len(found[name]) for name in SPLITS] == [44, 4, 12]


def test_cuts_of_values_differ_by_their_seed_and_keep_the_proportions() -> None:
    labels = np.random.default_rng(0).normal(size=240) ** 3
    cuts = [set(split(labels, seed, Values(("value",)))["test"].tolist()) for seed in range(4)]
    assert len(set(map(frozenset, cuts))) == 4
    eighths = labels.argsort().argsort() * 8 // 240
    for test in cuts:
        assert all(np.bincount(eighths[sorted(test)], minlength=8) == 6)


def test_strata_of_values_are_parts_of_equal_size_that_divide_no_number() -> None:
    target = Values(("value",))
    assert np.bincount(target.strata(np.random.default_rng(0).normal(size=80))).tolist() == [10] * 8
    counts = np.array([0.0] * 50 + [1.0] * 20 + [2.0] * 10)
    assert target.strata(counts).tolist() == [0] * 50 + [5] * 20 + [7] * 10


def test_what_cant_be_cut_says_why() -> None:
    with pytest.raises(DataError, match="too few samples to cut 20% of 5 off for test, with one"):
        split(classes(1, 1, 1, 1, 1), 0)
    with pytest.raises(DataError, match="too few groups to cut 20% of 60 off for test, with one"):
        split(np.arange(60) % 2, 0, groups=np.arange(60) % 2)


def test_given_splits_that_divide_groups_are_told() -> None:
    splits = {"train": np.arange(6), "validation": np.arange(6, 8), "test": np.arange(8, 12)}
    apart = np.repeat(["a", "b", "c"], [6, 2, 4])
    assert divided(splits, ["test", "validation"], apart) == ""
    assert divided(splits, ["test"], None) == ""
    shared = np.resize(["a", "b"], 12)
    told = divided(splits, ["test"], shared)
    assert told.startswith("; 2 of 2 groups of the given test split, such as 'a', are trained on")
    assert divided(splits, [], shared) == ""
