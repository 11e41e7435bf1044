"""Times of a method beside no balancing: whose, how often, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from armtune.comparison import timing
from armtune.comparison.timing import Cost, cost_of
from armtune.data import Dataset
from armtune.errors import DivergedError
from armtune.recipe.schema import Recipe


class Clocked:
    """A training on a clock of its own: an epoch takes 3 s with ARM and 2 s without, and building
    it 4 s and 1 s.
    """

    now = 0.0
    epochs: list[str]

    def __init__(self, recipes: list[Recipe], dataset: Dataset, device: str) -> None:
        self.name = recipes[0].balancing.name
        Clocked.now += {"arm": 4.0, "none": 1.0}[self.name]

    def advance(self) -> None:
        Clocked.epochs.append(self.name)
        Clocked.now += {"arm": 3.0, "none": 2.0}[self.name]


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> type[Clocked]:
    Clocked.now, Clocked.epochs = 0.0, []
    monkeypatch.setattr(timing, "begin", Clocked)
    monkeypatch.setattr(timing, "perf_counter", lambda: Clocked.now)
    return Clocked


@pytest.fixture
def arm(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe(balancing={"name": "arm"})


def test_both_train_an_epoch_each_in_turn(
    clocked: type[Clocked], arm: Recipe, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    cost = cost_of(arm, make_dataset(), tmp_path, 0)
    assert clocked.epochs == ["none", *["none", "arm"] * 3]
    assert cost == Cost(epoch=3.0, run=13.0, plain_epoch=2.0, plain_run=7.0)
    assert (cost.epoch_ratio, cost.run_ratio) == (1.5, 13 / 7)


def test_no_balancing_costs_what_it_costs(
    clocked: type[Clocked],
    make_recipe: Callable[..., Recipe],
    make_dataset: Callable[..., Dataset],
    tmp_path: Path,
) -> None:
    cost = cost_of(make_recipe(), make_dataset(), tmp_path, 0)
    assert cost == Cost(2.0, 7.0, 2.0, 7.0)
    assert clocked.epochs == ["none"] * 4


def test_times_are_kept_for_the_trial_they_are_of(
    clocked: type[Clocked], arm: Recipe, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    first = cost_of(arm, make_dataset(), tmp_path, 5)
    done = len(clocked.epochs)
    assert cost_of(arm, make_dataset(), tmp_path, 5) == first
    assert len(clocked.epochs) == done
    cost_of(arm, make_dataset(), tmp_path, 6)
    assert len(clocked.epochs) == 2 * done
    (tmp_path / timing.TIMES).write_text("[]", encoding="utf-8")
    assert cost_of(arm, make_dataset(), tmp_path, 6) == first


def test_a_training_that_diverges_has_no_times(
    monkeypatch: pytest.MonkeyPatch,
    clocked: type[Clocked],
    arm: Recipe,
    make_dataset: Callable[..., Dataset],
    tmp_path: Path,
) -> None:
    epochs = count()

    def advance(self: Clocked) -> None:
        if next(epochs) == 3:
            raise DivergedError("the training diverged")

    monkeypatch.setattr(clocked, "advance", advance)
    assert cost_of(arm, make_dataset(), tmp_path, 0) is None
    assert not (tmp_path / timing.TIMES).exists()


def test_real_trainings_are_timed(
    arm: Recipe, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    cost = cost_of(arm, make_dataset(), tmp_path, 0)
    assert cost is not None
    assert 0 < cost.epoch < cost.run
    assert 0 < cost.plain_epoch < cost.plain_run
