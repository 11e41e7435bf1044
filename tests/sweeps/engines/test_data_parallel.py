"""Several processes a trial: a sweep comes to what it comes to with one, through a kill as well."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from fake_training import NotingRanks

from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers.packing import largest
from armtune.sweeps.workers.trial import METRICS, trial_folder


@pytest.fixture
def data_parallel_recipe(real_recipe: Recipe) -> Recipe:
    changes = {
        "training.epochs": 60,
        "sweep.space": [{"training.optimizer.lr": {"log": [1e-4, 1e-2]}}],
        "sweep.trials": 2,
        "sweep.pruner": {"name": "none"},
        "sweep.confirm": None,
        "sweep.resources": {"cpu": 1, "gpu": 0, "workers": 2},
    }
    return with_overrides(real_recipe, changes)


class Killing(Listener):
    """Kills the second process of a process group while it trains the second trial."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self.killed: list[int] = []
        self.epochs: list[int] = []

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        if record.number == 1:
            self.epochs.append(record.epoch)
            if not self.killed:
                self.killed.append(int((self._notes / "rank-1").read_text()))
                os.kill(self.killed[0], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_a_data_parallel_sweep_comes_to_what_one_process_comes_to(
    data_parallel_recipe: Recipe, tmp_path: Path
) -> None:
    killing = Killing(tmp_path)
    factory = NotingRanks(tmp_path)
    there = run_sweep(data_parallel_recipe, Place(tmp_path / "there", tmp_path), [killing], factory)
    alone = with_overrides(data_parallel_recipe, {"sweep.resources.workers": 1, "sweep.pack": 1})
    here = run_sweep(alone, Place(tmp_path / "here", tmp_path, inline=True))
    assert killing.killed
    assert int((tmp_path / "rank-1").read_text()) != killing.killed[0], "another took its place"
    assert killing.epochs[-1] == 60
    lines = (trial_folder(there.folder, 1) / METRICS).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 61))
    for record, other in zip(there.records, here.records, strict=True):
        assert record.state == "COMPLETE"
        assert record.values == other.values
        assert record.metrics == pytest.approx(other.metrics, abs=1e-3)


def test_what_cannot_be_is_refused_before_anything_is_built(
    data_parallel_recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"sweep\.resources\.workers: 2 workers a trial need Ray"):
        run_sweep(data_parallel_recipe, Place(tmp_path / "run", tmp_path, inline=True))
    assert not (tmp_path / "run").exists()


def test_data_parallel_trials_are_not_packed(data_parallel_recipe: Recipe) -> None:
    many = with_overrides(data_parallel_recipe, {"sweep.trials": 64})
    assert largest(many, 2) == 1
    assert largest(with_overrides(many, {"sweep.resources.workers": 1}), 2) > 1
