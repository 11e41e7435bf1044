from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, LR, FakeWorkshop, fake_recipe

from armtune.errors import RecipeError, RunError
from armtune.recipe.load import load_recipe
from armtune.sweeps import SweepResult, read_records
from armtune.sweeps.run import Place, run_sweep


def run(folder: Path, name: str, resume: bool = False, **overrides: Any) -> SweepResult:
    recipe = fake_recipe(**{"sweep__space": CALM, **overrides})
    place = Place(folder / name, folder, inline=True, resume=resume)
    return run_sweep(recipe, place, (), FakeWorkshop())


def rates(result: SweepResult, count: int) -> list[float]:
    return [record.values[LR] for record in result.records[:count]]


def test_given_values_come_right_after_the_recipes_own(tmp_path: Path) -> None:
    result = run(tmp_path, "a", sweep__start_from=[{LR: 0.02}, {LR: 0.03}, {LR: 0.01}])
    assert rates(result, 3) == [0.01, 0.02, 0.03]
    assert len(result.records) == 6


def test_the_front_of_an_earlier_sweep_is_tried_again(tmp_path: Path) -> None:
    first = run(tmp_path, "a", training__optimizer__lr=0.05)
    best = [first.records[n].values[LR] for n in first.front]
    again = run(tmp_path, "b", sweep__start_from=["a"], sweep__trials=8)
    assert rates(again, 1 + len(best)) == [0.01, *best]
    recipe = load_recipe(tmp_path / "b" / "recipe.yaml")
    assert recipe.sweep.start_from == []
    origin = json.loads((tmp_path / "b" / "origin.json").read_text())
    assert origin["start_from"] == ["a"]


def test_an_earlier_sweep_is_judged_by_the_goals_of_this_one(tmp_path: Path) -> None:
    first = run(tmp_path, "a")
    again = run(
        tmp_path, "b", sweep__start_from=["a"], sweep__objectives=["minimize contribution_gap"]
    )
    least = min(first.records, key=lambda record: record.metrics["contribution_gap"])
    assert rates(again, 2)[1] == least.values[LR]


def test_values_of_an_earlier_sweep_outside_the_space_are_drawn(tmp_path: Path) -> None:
    run(tmp_path, "a", fusion__dim=33)
    space = [{LR: {"log": [0.2, 0.3]}, "fusion.dim": {"int": [8, 128]}}]
    again = run(tmp_path, "b", sweep__start_from=["a"], sweep__space=space, sweep__trials=2)
    assert all(0.2 <= rate <= 0.3 for rate in rates(again, 2))
    assert [record.values["fusion.dim"] for record in again.records] == [64, 33]


def test_what_was_never_measured_cannot_be_started_from(tmp_path: Path) -> None:
    run(tmp_path, "a")
    with pytest.raises(RunError, match="no trial of this sweep can be started from"):
        run(
            tmp_path, "b", sweep__start_from=["a"], sweep__objectives=["minimize calibration_error"]
        )


def test_a_resumed_sweep_needs_the_earlier_one_no_more(tmp_path: Path) -> None:
    run(tmp_path, "a")
    begun = run(tmp_path, "b", sweep__start_from=["a"], sweep__trials=3)
    again = run(tmp_path, "b", resume=True, sweep__trials=5)
    assert again.records[:3] == begun.records
    assert len(again.records) == 5
    assert len(run(tmp_path, "b", resume=True, sweep__trials=5).records) == 5


def test_a_wrong_value_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"start_from\[0\].*never 7"):
        run(tmp_path, "a", sweep__start_from=[{LR: 7.0}])


GRID = [{"fusion.dim": {"grid": [8, 16, 32]}, "training.decay": {"choice": ["cosine", "none"]}}]


def test_a_grid_is_walked_once_through_an_interruption(tmp_path: Path) -> None:
    grid = {"sweep__space": GRID, "sweep__sampler": {"name": "grid"}}
    run(tmp_path, "a", sweep__trials=2, **grid)
    result = run(tmp_path, "a", resume=True, sweep__trials=6, **grid)
    tried = {tuple(record.values.values()) for record in result.records}
    assert tried == {(dim, decay) for dim in (8, 16, 32) for decay in ("cosine", "none")}
    assert result.records[0].values["training.decay"] == "cosine"


def test_what_auto_settled_on_stays_and_is_said(tmp_path: Path) -> None:
    auto = {"sweep__space": GRID, "sweep__sampler": {"name": "auto"}}
    run(tmp_path, "a", sweep__trials=6, **auto)
    origin = json.loads((tmp_path / "a" / "origin.json").read_text())
    assert origin["sampler"] == "grid, chosen because 6 trials are every combination of values"
    assert len({str(r.values) for r in read_records(tmp_path / "a")}) == 6


def test_the_front_has_one_trial_where_one_number_judges(tmp_path: Path) -> None:
    goals = {"sweep__mode": "scalar", "sweep__weights": {"contribution_gap": 1e-6}}
    result = run(tmp_path, "a", **goals)
    most = max(result.records, key=lambda record: record.metrics["accuracy"])
    assert result.front == [most.number]
    assert result.chosen == most.number
