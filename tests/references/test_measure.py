"""References of whole data sets, for all targets, and of data that are hard to learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.data.folding import folded
from armtune.data.rows import taken
from armtune.references import LATE, References, restored
from armtune.references.clock import OutOfTimeError
from armtune.references.measure import columns_of, measure
from armtune.references.models import FAMILIES, Problem
from armtune.targets.classes import Classes
from armtune.testing.toys import TOYS, toy_dataset, with_holes

Counts = Mapping[str, NDArray[np.float64]]


class Endless:
    def wait_for(self, seconds: float) -> None:
        pass


class After:
    """The time is over after some references were fitted."""

    def __init__(self, count: int) -> None:
        self.left = count

    def wait_for(self, seconds: float) -> None:
        assert seconds > 0
        self.left -= 1
        if self.left < 0:
            raise OutOfTimeError


def measured(dataset: Dataset, clock: Endless | After | None = None) -> tuple[References, Counts]:
    told: list[tuple[References, Counts]] = []
    found = measure(
        dataset, list(dataset.shapes), [], clock or Endless(), lambda *now: told.append(now)
    )
    assert told[-1][0] == found
    return found, told[-1][1]


def scores(references: References) -> dict[str, float]:
    return {each.name: each.test for each in references.found if each.test is not None}


@pytest.mark.parametrize("kind", list(TOYS))
def test_all_models_learn_every_target(kind: str) -> None:
    found, counts = measured(TOYS[kind](samples=120))
    assert all(each.measured and not each.reason for each in found.found)
    assert len(found.found) == 1 + 2 * 4
    constant, best = found.constant, found.best
    assert constant is not None
    assert best is not None
    assert best.test is not None
    assert best.test > (constant.test or 0) + 0.2
    assert set(counts) == set(scores(found))
    for name, test in scores(found).items():
        assert counts[name].shape == (60,)
        assert counts[name].mean() == pytest.approx(test, abs=0.05)
    assert restored(found.as_dict()) == found


def test_what_samples_count_for_accuracy_is_whether_they_are_right() -> None:
    found, counts = measured(toy_dataset(samples=60), After(1))
    np.testing.assert_allclose(np.unique(counts["majority class"].round(9)), [0, 1])
    assert scores(found)["majority class"] == pytest.approx(1 / 3)


def test_the_mean_of_the_modalities_tells_what_is_left_of_it() -> None:
    found, _ = measured(toy_dataset(samples=90), After(2))
    by_name = {each.name: each for each in found.found}
    mean = by_name["logistic regression, mean of the modalities"]
    assert mean.missing == {
        "image": by_name["logistic regression on audio"].test,
        "audio": by_name["logistic regression on image"].test,
    }


def test_what_isnt_reached_is_said() -> None:
    found, counts = measured(toy_dataset(samples=60), After(1))
    done = [each.name for each in found.found if each.measured]
    assert done == ["majority class", "logistic regression on audio"], "the narrower one first"
    assert {each.reason for each in found.found if not each.measured} == {LATE}
    assert set(counts) == set(done)


def test_the_best_is_the_best_on_validation() -> None:
    found, _ = measured(toy_dataset(samples=60), After(2))
    first = replace(found.found[1], validation=0.9, test=0.1)
    second = replace(found.found[2], validation=0.8, test=1.0)
    changed = replace(found, found=(found.found[0], first, second))
    assert changed.best == first
    assert changed.best_single == first


def test_labels_of_test_samples_change_nothing_but_test_scores() -> None:
    dataset = toy_dataset(samples=60)
    turned = replace(dataset, test=replace(dataset.test, labels=2 - dataset.test.labels))
    (before, _), (after, _) = measured(dataset, After(4)), measured(turned, After(4))
    assert [e.validation for e in before.found] == [e.validation for e in after.found]
    assert [e.test for e in before.found] != [e.test for e in after.found]


def test_one_modality_has_no_mean() -> None:
    found, _ = measured(toy_dataset({"image": (4,)}, samples=60), After(9))
    assert {each.how for each in found.found} == {"constant", "single"}


def test_samples_that_lack_modalities() -> None:
    found, _ = measured(with_holes(toy_dataset(samples=120)), After(9))
    assert all(each.measured for each in found.found)
    assert found.best is not None
    assert (found.best.test or 0) > 0.6


def hard(labels: NDArray[np.int64], width: int, classes: int) -> Dataset:
    """Noise with labels, a third of the samples in each split."""
    rng = np.random.default_rng(0)

    def split() -> Split:
        view = rng.normal(size=(len(labels), width)).astype(np.float32)
        return Split({"a": view, "b": view[:, :2].copy()}, labels)

    target = Classes(tuple(map(str, range(classes))))
    return Dataset("hard", "hard", target, split(), split(), split(), "0")


def test_classes_of_one_sample() -> None:
    labels = np.minimum(np.arange(12), 5).astype(np.int64)
    found, _ = measured(hard(labels, 3, 6))
    assert all(each.measured for each in found.found)


def test_more_columns_than_samples() -> None:
    found, _ = measured(hard(np.arange(30) % 2, 10_000, 2), After(3))
    assert sum(each.measured for each in found.found) == 5


def test_many_classes() -> None:
    found, _ = measured(hard(np.arange(400) % 200, 4, 200), After(1))
    assert sum(each.measured for each in found.found) == 2


def test_constant_views() -> None:
    dataset = hard(np.arange(30) % 2, 4, 2)
    for split in (dataset.train, dataset.validation, dataset.test):
        split.views["a"][:] = 3
    found, _ = measured(dataset)
    assert all(each.measured for each in found.found)


def test_folds_judge_as_they_judge_trials() -> None:
    """A validation split of one class would say that the majority class is the best there is."""
    dataset = toy_dataset(samples=90)
    same = np.flatnonzero(dataset.validation.labels == 0)
    given = replace(dataset, validation=taken(dataset.validation, same))
    cut = folded(given, 3)
    found, _ = measured(cut, After(4))
    assert found.constant is not None
    assert found.best is not None
    assert found.best.how != "constant"
    labels = np.concatenate([given.train.labels, given.validation.labels])
    assert found.constant.validation == pytest.approx(np.bincount(labels).max() / len(labels))
    by_name = {each.name: each for each in found.found}
    columns = columns_of(given, "image", False)
    [linear, _], problem = FAMILIES, Problem("classes", 3, labels)
    strength = linear.strength(problem.of(np.arange(len(given.train))), columns.train)
    right = np.zeros(len(labels), bool)
    assert cut.folds is not None
    for k, held in enumerate(cut.folds.held):
        inside = cut.folds.trained(k)
        told = linear.fit(problem.of(inside), columns.full[inside], strength)(columns.full[held])
        right[held] = told.argmax(1) == labels[held]
    known = by_name["logistic regression on image"].validation
    assert known == pytest.approx(right.mean())


@pytest.mark.parametrize("kind", list(TOYS))
def test_every_target_is_judged_by_folds(kind: str) -> None:
    found, _ = measured(folded(TOYS[kind](samples=60), 2))
    assert all(each.measured for each in found.found)
