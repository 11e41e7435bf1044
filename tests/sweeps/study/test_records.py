from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from fake_training import fake_recipe

from armtune.recipe.objectives import Goals
from armtune.sweeps.study.records import TrialRecord, front_of, write_front
from armtune.sweeps.workers.trial import Confirmation

GOALS = Goals.from_recipe(fake_recipe(sweep__constraints=["weakest_accuracy >= 0.4"]))


def record(number: int, accuracy: float, gap: float, weakest: float, state: str) -> TrialRecord:
    metrics = {"accuracy": accuracy, "contribution_gap": gap, "weakest_accuracy": weakest}
    return TrialRecord(number, state, {"training.epochs": 9}, metrics, 9, "", 1.0, 2.0)


def test_only_complete_trials_stand_on_the_front() -> None:
    records = [
        record(0, 0.8, 0.3, 0.5, "COMPLETE"),
        record(1, 0.9, 0.0, 0.9, "PRUNED"),
        record(2, 0.9, 0.0, 0.9, "FAIL"),
        record(3, 0.7, 0.1, 0.5, "COMPLETE"),
        record(4, 0.9, 0.0, 0.9, "RUNNING"),
        record(5, 0.6, 0.2, 0.5, "COMPLETE"),
    ]
    assert front_of(records, GOALS) == [0, 3]


def test_feasible_trials_push_better_infeasible_ones_off_the_front() -> None:
    records = [record(0, 0.9, 0.0, 0.39, "COMPLETE"), record(1, 0.5, 0.5, 0.4, "COMPLETE")]
    assert front_of(records, GOALS) == [1]


def test_where_none_is_feasible_the_least_violating_are_the_front() -> None:
    records = [record(0, 0.9, 0.0, 0.1, "COMPLETE"), record(1, 0.5, 0.5, 0.3, "COMPLETE")]
    assert front_of(records, GOALS) == [1]


def test_no_trials_no_front() -> None:
    assert front_of([], GOALS) == []


def test_the_front_as_a_table(tmp_path: Path) -> None:
    first = record(0, 0.8, 0.3, 0.5, "COMPLETE")
    first.metrics["epoch"] = 7.0
    write_front(tmp_path / "front.csv", [first, record(1, 0.7, 0.1, 0.5, "COMPLETE")], [0])
    with (tmp_path / "front.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["number"] == "0"
    assert row["epochs"] == "9"
    assert row["best_epoch"] == "7.0"
    assert row["training.epochs"] == "9"
    assert row["accuracy"] == "0.8"
    assert [p.name for p in tmp_path.iterdir()] == ["front.csv"]


def test_metrics_of_a_confirmation_keep_validation_and_test_apart() -> None:
    metrics = Confirmation(1000, {"accuracy": 0.9}, {"accuracy": 0.8}).metrics
    assert metrics == {"accuracy": 0.9, "test/accuracy": 0.8}


@pytest.mark.parametrize("module", ["armtune.sweeps", "armtune.sweeps.study.records"])
def test_records_cost_no_heavy_import(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'ray', 'optuna'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
