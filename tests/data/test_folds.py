"""Folds: who is held out when, and what is said where none can be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from armtune.data import Dataset, Split
from armtune.data.folding import folded
from armtune.data.folds import Folds, cut_folds, number_of_folds
from armtune.data.rows import stacked
from armtune.datasets.arrays import Arrays
from armtune.errors import DataError
from armtune.targets.classes import Classes
from armtune.targets.values import Values
from armtune.testing.toys import TOYS


def times_held(folds: Folds) -> list[int]:
    return np.bincount(np.concatenate(folds.held), minlength=folds.samples).tolist()


def labelled(*labels: int, groups: list[int] | None = None, validation: int = 0) -> Dataset:
    """A data set whose training and validation samples have these labels."""
    rng = np.random.default_rng(0)

    def split(some: slice) -> Split:
        own = np.array(labels)[some]
        views = {m: rng.normal(size=(len(own), 3)).astype(np.float32) for m in ("a", "b")}
        return Split(views, own, {}, None if groups is None else np.array(groups)[some])

    cut = len(labels) - validation
    names = tuple("xyz")[: max(labels) + 1]
    train, held = split(slice(None, cut)), split(slice(cut, None))
    return Dataset("toy", "toy", Classes(names), train, held, train, "0")


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("samples", [20, 23])
def test_each_sample_is_held_out_once_a_repeat(samples: int, repeats: int) -> None:
    strata = np.arange(samples) % 3
    folds = cut_folds(strata, None, 5, repeats)
    assert times_held(folds) == [repeats] * samples
    assert (len(folds), folds.repeats) == (5 * repeats, repeats)
    for k, held in enumerate(folds.held):
        assert sorted([*folds.trained(k), *held]) == list(range(samples))
        assert np.ptp(np.bincount(strata[held], minlength=3)) <= 1
    assert np.ptp([len(held) for held in folds.held]) <= 1
    assert len({tuple(held) for held in folds.held}) == 5 * repeats


def test_each_stratum_is_dealt_evenly() -> None:
    strata = np.array([0] * 50 + [1] * 10 + [2] * 5)
    for held in cut_folds(strata, None, 5, 2).held:
        assert np.bincount(strata[held]).tolist() == [10, 2, 1]


@pytest.mark.parametrize("strata", [np.arange(60) % 2, np.linspace(0, 1, 60)])
def test_no_fold_divides_a_group(strata: np.ndarray) -> None:
    groups = np.repeat(np.arange(12), 5)
    folds = cut_folds(strata, groups, 4, 2)
    assert times_held(folds) == [2] * 60
    for k, held in enumerate(folds.held):
        assert not set(groups[held]) & set(groups[folds.trained(k)])
        assert len(held) == 15


def test_groups_of_one_class_are_spread_over_the_folds() -> None:
    groups, strata = np.repeat(np.arange(8), 3), np.repeat([0, 0, 0, 0, 1, 1, 1, 1], 3)
    for held in cut_folds(strata, groups, 4, 1).held:
        assert np.bincount(strata[held]).tolist() == [3, 3]


def test_a_few_large_groups_leave_no_fold_empty() -> None:
    groups = np.array([0] * 90 + [1] * 5 + [2] * 5)
    assert sorted(map(len, cut_folds(np.zeros(100, int), groups, 3, 1).held)) == [5, 5, 90]


def test_repeats_of_values_are_other_cuts() -> None:
    strata = Values(("value",)).strata(np.random.default_rng(0).normal(size=80))
    folds = cut_folds(strata, None, 4, 2)
    first, second = ({frozenset(held.tolist()) for held in folds.held[k : k + 4]} for k in (0, 4))
    assert not first & second


def test_how_many_folds() -> None:
    assert number_of_folds(1, 10, 100, 100) == (1, 1)
    assert number_of_folds(7, 600, 6000, 6000) == (7, 1)
    assert number_of_folds("auto", 500, 5000, 5000) == (1, 1)
    assert number_of_folds("auto", 499, 4990, 4990) == (5, 1)
    assert number_of_folds("auto", 40, 260, 260) == (5, 2)
    assert number_of_folds("auto", 10, 50, 50) == (5, 3)
    assert number_of_folds("auto", 10, 600, 3) == (3, 1)
    assert number_of_folds("auto", 10, 600, 1) == (1, 1)


def test_too_few_to_cut() -> None:
    with pytest.raises(DataError, match=r"^4 samples .* into 5 folds; set .* to at most 4$"):
        folded(labelled(0, 1, 0, 1, validation=2), 5)
    with pytest.raises(DataError, match=r"^2 groups .* can't be cut into 3 folds; .* at most 2$"):
        folded(labelled(0, 1, 0, 1, groups=[1, 1, 2, 2], validation=2), 3)
    one = labelled(0, 1, 0, 1, groups=[1, 1, 1, 1], validation=2)
    with pytest.raises(DataError, match=r"set training.folds to 1, which keeps the validation"):
        folded(one, 2)
    assert folded(one, "auto") is one


def test_one_fold_leaves_the_data_as_they_are() -> None:
    data = labelled(0, 1, 0, 1, validation=2)
    assert folded(data, 1) is data


def test_rare_classes_are_told() -> None:
    data = labelled(*[0] * 12, *[1] * 3, 2, validation=4)
    words = folded(data, 4).description
    assert "4 folds, of 16 training and validation samples" in words
    assert "fewer samples than folds, so that not every fold judges it: y 3, z 1" in words
    assert words.endswith("no training learns z where its only sample is held out")


def test_a_modality_that_one_fold_alone_has() -> None:
    data = labelled(0, 1, 0, 1, 0, 1, groups=[1, 1, 2, 2, 3, 3], validation=2)
    lone = np.array([True, True, False, False])
    train = replace(data.train, present={"a": lone})
    validation = replace(data.validation, present={"a": np.array([False, False])})
    holed = replace(data, train=train, validation=validation)
    with pytest.raises(DataError, match="a: all 2 samples that have it lie in one of 3 folds"):
        folded(holed, 3)


@pytest.mark.parametrize("kind", TOYS)
def test_folds_of_every_target(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    folds = folded(TOYS[kind](), 5).folds
    assert folds is not None
    assert times_held(folds) == [1] * 330


def test_groups_of_arrays_reach_the_folds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels, who = np.arange(60) % 2, np.repeat([f"p{k:02}" for k in range(12)], 5)
    views = {m: rng.normal(size=(60, 3)) for m in ("a", "b")}
    np.savez(tmp_path / "own.npz", label=labels, who=who, **views)
    options = Arrays(path="own.npz", groups="who", validation=0.2)
    data = folded(options.read(["a", "b"], tmp_path, lambda *_: None), 3)
    assert data.folds is not None
    groups = stacked(data.train, data.validation).groups
    assert groups is not None
    for k, held in enumerate(data.folds.held):
        assert not set(groups[held]) & set(groups[data.folds.trained(k)])
    assert not set(groups) & set(data.test.groups)
