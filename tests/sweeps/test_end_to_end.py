"""Sweeps of real trainings on toy arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_training import LR

from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult, read_result, sweep
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.trial import CHECKPOINT, MODEL, confirm_folder, trial_folder
from armtune.training.loop import Run


@pytest.fixture(autouse=True)
def threads() -> Any:
    """A sweep in this process sets the number of torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def curves(result: SweepResult, number: int) -> list[dict[str, float]]:
    path = trial_folder(result.folder, number) / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_sweep_of_real_trainings(real_recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "toy"
    result = sweep(real_recipe, folder, tmp_path, inline=True)
    states = {r.state for r in result.records}
    assert states == {"COMPLETE", "PRUNED"}
    assert result.chosen is not None
    assert read_result(folder) == result
    best = result.records[result.chosen]
    assert best.metrics["accuracy"] == max(e["accuracy"] for e in curves(result, result.chosen))
    ((number, seeds),) = result.confirmed.items()
    assert number == result.chosen
    assert len({c.test["accuracy"] for c in seeds} | {c.validation["loss"] for c in seeds}) > 1
    assert all((confirm_folder(folder, number, c.seed) / MODEL).exists() for c in seeds)


def test_a_trials_checkpoint_holds_its_model(real_recipe: Recipe, tmp_path: Path) -> None:
    from armtune.datasets._load import load_dataset

    folder = tmp_path / "runs" / "toy"
    result = sweep(real_recipe, folder, tmp_path, inline=True)
    own = trial_folder(folder, 0)
    one = load_recipe(own / "recipe.yaml")
    run = Run([one], load_dataset(one, own))
    run.restore(own / CHECKPOINT)
    assert run.epochs == [6]
    assert run.best == [result.records[0].metrics]


def test_a_resumed_trial_equals_an_undisturbed_one(
    real_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(Listener):
        def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
            if record.number == 1 and record.epoch == 4:
                raise KeyboardInterrupt

    monkeypatch.setattr(pack, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(pack, "SAVE_SECONDS", 0.0)
    patient = real_recipe.model_copy(
        update={"sweep": real_recipe.sweep.model_copy(update={"pruner": NONE, "trials": 2})}
    )
    whole = sweep(patient, tmp_path / "a", tmp_path, inline=True)
    with pytest.raises(KeyboardInterrupt):
        sweep(patient, tmp_path / "b", tmp_path, inline=True, listeners=[Stopping()])
    resumed = sweep(patient, tmp_path / "b", tmp_path, inline=True, resume=True)
    assert [r.values[LR] for r in resumed.records] == [r.values[LR] for r in whole.records]
    for number in (0, 1):
        assert curves(resumed, number) == curves(whole, number), "to the last bit"


NONE = Recipe.model_fields["sweep"].default.pruner
