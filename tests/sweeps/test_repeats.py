"""A sweep in one process repeats exactly, however long anything takes."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult, sweep
from armtune.sweeps.workers import pack
from armtune.training.loop import Run

CHOICES = [
    {"training.optimizer.lr": {"log": [1e-3, 0.1]}},
    {"balancing.tau": {"uniform": [0, 2]}},
    {"modalities.image.encoder.width": {"choice": [4, 8]}},
]
CASES = {
    "pruned": {},
    "folds": {"training.folds": 3, "sweep.ensemble": "auto"},
    "patience": {"training.patience": 1, "sweep.patience": 4, "sweep.pruner": {"name": "none"}},
}


@pytest.fixture(autouse=True)
def threads() -> object:
    """A sweep in this process sets the number of torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def delayed(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Lets a training halt now and then, and a worker tell and save as if hours had passed."""
    draw, steps = random.Random(seed), Run.train_steps

    def slow(self: Run, *arguments: Any) -> bool:
        time.sleep(draw.choice([0.0, 0.0, 0.02]))
        return steps(self, *arguments)

    monkeypatch.setattr(Run, "train_steps", slow)
    monkeypatch.setattr(pack, "STEP_SECONDS", 0.01)
    monkeypatch.setattr(pack, "SAVE_SECONDS", 0.02)


def found(result: SweepResult) -> Any:
    """All that a sweep decided and measured, but for when."""
    trials = [(r.number, r.state, r.values, r.metrics, r.epoch, r.reason) for r in result.records]
    return trials, result.front, result.chosen, result.confirmed, result.ensemble, result.finals


@pytest.mark.parametrize("name", CASES)
def test_the_same_sweep_comes_out_the_same(
    name: str, real_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm = {"top": 1, "seeds": 2, "solo": False}
    usual = {"sweep.space": CHOICES, "sweep.trials": 9, "training.epochs": 3}
    usual |= {"sweep.confirm": confirm}
    recipe = with_overrides(real_recipe, {**usual, **CASES[name]})
    assert recipe.sweep.pack == "auto"
    first = found(sweep(recipe, tmp_path / "0", tmp_path, inline=True))
    delayed(monkeypatch, seed=1)
    assert found(sweep(recipe, tmp_path / "1", tmp_path, inline=True)) == first
