"""Sweeps whose trials are judged by folds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from armtune.data.folding import judged
from armtune.datasets._load import load_dataset
from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps import read_result, sweep
from armtune.sweeps.planning.plan import estimate
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.trial import CHECKPOINT, TrainingFactory, trial_folder
from armtune.training.evaluation import fused_at
from armtune.training.schedule import begin

CHOICE = "highest accuracy within one standard error, then lowest contribution_gap"


@pytest.fixture(autouse=True)
def threads() -> object:
    """A sweep in this process sets the number of torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def recipe(real_recipe: Recipe) -> Recipe:
    changes = {"training.folds": 3, "training.epochs": 4, "sweep.trials": 4, "sweep.choose": CHOICE}
    return with_overrides(real_recipe, changes)


def test_a_sweep_by_folds(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "toy"
    result = sweep(recipe, folder, tmp_path, inline=True)
    assert {r.state for r in result.records} <= {"COMPLETE", "PRUNED"}
    assert read_result(folder) == result
    assert result.chosen is not None
    complete = [r for r in result.records if r.state == "COMPLETE"]
    best = max(complete, key=lambda r: r.metrics["accuracy"])
    limit = best.metrics["accuracy"] - best.metrics["standard_error"]
    assert result.records[result.chosen].metrics["accuracy"] >= limit
    assert all(c.test for c in result.confirmed[result.chosen])
    one = with_overrides(recipe, result.records[0].values)
    run = begin([one], load_dataset(one, tmp_path))
    run.restore(trial_folder(folder, 0) / CHECKPOINT)
    assert run.best == [result.records[0].metrics]


def test_a_resumed_trial_equals_an_undisturbed_one(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(Listener):
        def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
            if record.number == 1 and record.epoch == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(pack, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(pack, "SAVE_SECONDS", 0.0)
    changes = {"sweep.pruner": {"name": "none"}, "sweep.trials": 2, "sweep.confirm": None}
    patient = with_overrides(recipe, changes)
    whole = sweep(patient, tmp_path / "a", tmp_path, inline=True)
    with pytest.raises(KeyboardInterrupt):
        sweep(patient, tmp_path / "b", tmp_path, inline=True, listeners=[Stopping()])
    resumed = sweep(patient, tmp_path / "b", tmp_path, inline=True, resume=True)
    assert [r.metrics for r in resumed.records] == [r.metrics for r in whole.records]


def test_a_broken_fold_fails_its_trial(recipe: Recipe, tmp_path: Path) -> None:
    changes = {
        "sweep.space": [{"training.optimizer.lr": {"choice": [0.01, 1e30]}}],
        "sweep.sampler": {"name": "grid"},
        "sweep.trials": 2,
        "sweep.pack": 2,
        "sweep.confirm": None,
        "sweep.constraints": [],
    }
    result = sweep(with_overrides(recipe, changes), tmp_path / "run", tmp_path, inline=True)
    assert {r.state for r in result.records} == {"COMPLETE", "FAIL"}
    [failed] = [r for r in result.records if r.state == "FAIL"]
    assert "diverged" in failed.reason


def test_a_plan_says_folds(recipe: Recipe, tmp_path: Path) -> None:
    found = estimate(recipe, load_space(recipe, tmp_path), TrainingFactory(tmp_path), inline=True)
    assert found.trainings_a_trial == 3
    assert found.folds.startswith("3 folds, of ")


def test_folds_are_the_same_for_all_trials(recipe: Recipe, tmp_path: Path) -> None:
    searched = with_overrides(recipe, {"sweep.space": [{"training.folds": {"choice": [2, 3]}}]})
    with pytest.raises(RecipeError, match=r"training\.folds can't be searched: all trials must be"):
        load_space(searched, tmp_path)


def test_an_ensemble_is_drawn_by_what_folds_held_out(recipe: Recipe, tmp_path: Path) -> None:
    changes = {
        "sweep.ensemble": 4,
        "sweep.refit": True,
        "sweep.choose": "highest accuracy",
        "sweep.confirm.solo": False,
        "sweep.pruner": {"name": "none"},
    }
    folder = tmp_path / "runs" / "toy"
    result = sweep(with_overrides(recipe, changes), folder, tmp_path, inline=True)
    assert result.ensemble is None or result.ensemble.validation["accuracy"] > 0.3
    assert any(model.epochs for model in result.finals)
    outputs = load_file(trial_folder(folder, 0) / "validation.safetensors")["outputs"]
    data = load_dataset(with_overrides(recipe, {}), tmp_path)
    assert outputs.shape[1] == len(data.train) + len(data.validation)
    right = outputs[fused_at(2)].argmax(1).numpy() == judged(data, "validation").labels
    assert right.mean() == pytest.approx(result.records[0].metrics["accuracy"])
