from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, LR, FakeTraining, FakeWorkshop, fake_recipe

from armtune.pruners.pareto_asha import ParetoAsha
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps.engines.inline import Inline
from armtune.sweeps.study import search as search_module
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.study.search import Search
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.workers.trial import Failure, Step

GOOD = {"accuracy": 0.8, "contribution_gap": 0.3, "weakest_accuracy": 0.5}


class Diary(Listener):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def trial_started(self, record: TrialRecord) -> None:
        self.lines.append(f"{record.number} started at {record.epoch}")

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        assert record.metrics["epoch"] <= record.epoch
        assert "epoch" not in metrics
        self.lines.append(f"{record.number} epoch {record.epoch}")

    def trial_ended(self, record: TrialRecord) -> None:
        self.lines.append(f"{record.number} {record.state} at {record.epoch}")


def make(folder: Path, *listeners: Listener, **overrides: Any) -> tuple[Search, SweepStudy]:
    recipe = fake_recipe(**overrides)
    study = SweepStudy(folder, recipe, load_space(recipe, folder), Goals.from_recipe(recipe))
    return Search(recipe, folder, study, listeners), study


def train(search: Search, make: Any = None) -> None:
    factory = FakeWorkshop(make=make)
    Inline(factory, fake_recipe().sweep.resources).work(iter([search]))


def halving(**options: Any) -> dict[str, Any]:
    return {"name": "pareto_asha", "first_rung": 3, "startup_trials": 1, **options}


def test_trials_are_handed_out_up_to_their_number(tmp_path: Path) -> None:
    search, _ = make(tmp_path, sweep__trials=3)
    numbers = []
    while task := search.next():
        numbers.append(task.number)
    assert numbers == [0, 1, 2]
    assert search.left == 0


def test_a_task_carries_its_trials_values(tmp_path: Path) -> None:
    search, study = make(tmp_path)
    search.next()
    task = search.next()
    assert task is not None
    assert task.folder == tmp_path / "trials" / "0001"
    assert task.recipe.training.optimizer.lr == study.record(1).values[LR] != 0.01


def test_every_trial_ends_complete_pruned_or_failed(tmp_path: Path) -> None:
    search, study = make(tmp_path, sweep__trials=40, sweep__pruner=halving())
    train(search)
    records = study.records()
    counts = Counter(record.state for record in records)
    assert set(counts) == {"COMPLETE", "PRUNED", "FAIL"}
    assert sum(counts.values()) == 40
    assert {r.epoch for r in records if r.state == "COMPLETE"} == {9}
    assert {r.epoch for r in records if r.state == "PRUNED"} == {3}
    assert all(r.values[LR] > 0.5 for r in records if r.state == "FAIL")
    assert all(bool(r.reason) == (r.state != "COMPLETE") for r in records)


def test_the_recipes_own_values_are_never_pruned(tmp_path: Path) -> None:
    search, _ = make(tmp_path, sweep__pruner=halving())
    for _ in range(4):
        search.next()
    for number in (1, 2, 3):
        search.handle(number, Step(3, GOOD))
    poor = {"accuracy": 0.1, "contribution_gap": 0.9, "weakest_accuracy": 0.0}
    assert search.handle(0, Step(3, poor))


def test_a_poor_trial_is_stopped_at_its_rung_and_only_there(tmp_path: Path) -> None:
    search, study = make(tmp_path, sweep__pruner=halving())
    for _ in range(4):
        search.next()
    poor = {"accuracy": 0.1, "contribution_gap": 0.9, "weakest_accuracy": 0.0}
    assert search.handle(0, Step(3, GOOD))
    assert search.handle(1, Step(3, GOOD))
    assert search.handle(2, Step(2, poor))
    assert not search.handle(2, Step(3, poor))
    assert study.record(2).state == "PRUNED"


def test_brackets_are_halved_apart(tmp_path: Path) -> None:
    pruner = {"name": "hyperband", "first_rung": 1, "startup_trials": 1}
    search, _ = make(
        tmp_path, sweep__pruner=pruner, sweep__objectives=["maximize accuracy"], sweep__trials=12
    )
    tasks = [task for task in (search.next() for _ in range(12)) if task]
    assert {task.rungs for task in tasks} == {(1, 3), (3,), ()}
    poor = {**GOOD, "accuracy": 0.1}
    early, late = ([t.number for t in tasks if t.rungs == rungs] for rungs in ((1, 3), (3,)))
    assert search.handle(early[0], Step(3, GOOD))
    assert search.handle(late[0], Step(3, poor))
    assert not search.handle(early[1], Step(3, poor))


def test_a_trial_restored_at_a_rung_is_judged_there(tmp_path: Path) -> None:
    first, _ = make(tmp_path, sweep__pruner=halving())
    for _ in range(3):
        first.next()
    first.handle(0, Step(3, GOOD))
    first.handle(1, Step(3, GOOD))
    again, study = make(tmp_path, sweep__pruner=halving())
    assert [task.number for task in (again.next(), again.next(), again.next()) if task] == [0, 1, 2]
    poor = {"accuracy": 0.1, "contribution_gap": 0.9, "weakest_accuracy": 0.0}
    assert not again.handle(2, Step(3, poor))
    assert study.record(2).state == "PRUNED"


@pytest.mark.parametrize("metric", ["accuracy", "weakest_accuracy"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("epoch", [3, 9])
def test_what_is_no_number_fails_a_trial(
    tmp_path: Path, metric: str, value: float, epoch: int
) -> None:
    constraints = ["weakest_accuracy >= 0.4"]
    search, study = make(tmp_path, sweep__pruner=halving(), sweep__constraints=constraints)
    search.next()
    assert not search.handle(0, Step(epoch, {**GOOD, metric: value}))
    record = study.record(0)
    assert record.state == "FAIL"
    assert record.reason == f"epoch {epoch}: {metric} is {value}"


def test_a_metric_that_was_not_measured_fails_a_trial(tmp_path: Path) -> None:
    search, study = make(tmp_path)
    search.next()
    assert not search.handle(0, Step(9, {"accuracy": 0.8}))
    assert study.record(0).reason == "epoch 9: the run doesn't measure contribution_gap"


def test_values_that_make_no_valid_recipe_fail_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, study = make(tmp_path, sweep__trials=3)

    def record(number: int) -> TrialRecord:
        found = SweepStudy.record(study, number)
        if number == 1:
            found.values["training.epochs"] = "many"
        return found

    monkeypatch.setattr(study, "record", record)
    assert [task.number for task in (search.next(), search.next()) if task] == [0, 2]
    assert study.record(1).state == "FAIL"
    assert "training.epochs" in study.record(1).reason


def test_listeners_hear_of_everything_once_and_in_order(tmp_path: Path) -> None:
    diary = Diary()
    search, _ = make(
        tmp_path,
        diary,
        sweep__trials=2,
        training__epochs=4,
        sweep__space=[{LR: {"log": [0.6, 0.7]}}],
    )
    train(search, lambda recipe: FakeTraining(recipe) if recipe.training.seed else Patient(recipe))
    assert diary.lines == [
        "0 started at 0",
        *(f"0 epoch {n}" for n in (1, 2, 3, 4)),
        "0 COMPLETE at 4",
        "1 started at 0",
        *(f"1 epoch {n}" for n in (1, 2, 3, 4)),
        "1 COMPLETE at 4",
    ]


class Patient(FakeTraining):
    """Never ends badly."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.lr = min(self.lr, 0.5)


def test_a_failure_keeps_what_the_trial_had_reached(tmp_path: Path) -> None:
    diary = Diary()
    search, study = make(tmp_path, diary)
    search.next()
    search.handle(0, Step(2, GOOD))
    search.handle(0, Failure("the worker died"))
    record = study.record(0)
    assert (record.state, record.epoch, record.metrics) == ("FAIL", 2, GOOD)
    assert diary.lines == ["0 FAIL at 2"]


class Peaking(FakeTraining):
    """Gets no better after the third epoch."""

    def advance(self) -> list[dict[str, float]]:
        known = self.best
        metrics = super().advance()
        if self.epoch > 3:
            self.best = known
        return metrics


@pytest.mark.parametrize(("patience", "last"), [(0, 9), (2, 5), (7, 9)])
def test_trials_end_after_epochs_without_a_better_one(
    tmp_path: Path, patience: int, last: int
) -> None:
    search, study = make(
        tmp_path, training__patience=patience, sweep__space=CALM, sweep__pruner={"name": "none"}
    )
    train(search, Peaking)
    found = {(r.state, r.epoch, r.metrics["epoch"]) for r in study.records()}
    assert found == {("COMPLETE", last, 3.0)}


def test_a_trial_is_compared_with_no_more_than_the_last_that_reached_its_rung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[list[float]] = []

    def keeps(self: Any, trial: Any, others: Any, progress: float) -> bool:
        compared.append([-other.losses[0] for other in others])
        return False

    monkeypatch.setattr(search_module, "PEERS", 3)
    monkeypatch.setattr(ParetoAsha, "keeps", keeps)
    search, _ = make(tmp_path, sweep__trials=7, sweep__pruner=halving())
    while task := search.next():
        search.handle(task.number, Step(3, {**GOOD, "accuracy": task.number / 10}))
    assert compared == [
        *([0.0], [0.1, 0.0], [0.2, 0.1, 0.0]),
        *([0.3, 0.2, 0.1], [0.4, 0.3, 0.2], [0.5, 0.4, 0.3]),
    ]
