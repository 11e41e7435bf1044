from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_training import CALM, LR, FakeTraining, FakeWorkshop, fake_recipe

from armtune.errors import DivergedError, RunError
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps import read_result
from armtune.sweeps.planning.plan import SETTINGS, estimate, share_of, size_of, workers_of
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.estimate import Estimate


def planned(folder: Path, make: Any = None, seconds: float = 0.0, **overrides: Any) -> Estimate:
    recipe = fake_recipe(**{"sweep__space": CALM, **overrides})
    factory = FakeWorkshop(make=make, seconds=seconds)
    return estimate(recipe, load_space(recipe, folder), factory, inline=True)


def test_an_epoch_is_timed_over_several_settings_and_little_is_trained(tmp_path: Path) -> None:
    made: list[FakeTraining] = []

    def noting(recipe: Recipe) -> FakeTraining:
        made.append(FakeTraining(recipe, seconds=0.02))
        return made[-1]

    found = planned(tmp_path, noting)
    assert found.settings == SETTINGS == len(made)
    assert [training.epoch for training in made] == [2] * SETTINGS
    assert made[0].lr == 0.01
    assert len({training.lr for training in made}) == SETTINGS
    assert found.epoch_seconds >= 0.02
    assert found.training_seconds >= 9 * 0.02
    assert found.worker_bytes > 1e7
    assert list(tmp_path.iterdir()) == []


class Diverging(FakeTraining):
    def advance(self) -> list[dict[str, float]]:
        if self.lr != 0.01:
            raise DivergedError("the training diverged")
        return super().advance()


class AlwaysDiverging(FakeTraining):
    def advance(self) -> list[dict[str, float]]:
        raise DivergedError("the training diverged")


def test_settings_that_diverge_are_left_out_unless_all_do(tmp_path: Path) -> None:
    assert planned(tmp_path, Diverging).settings == 1
    with pytest.raises(DivergedError):
        planned(tmp_path, AlwaysDiverging)


def test_a_gpu_that_is_not_there_is_an_error_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RunError, match="torch finds no GPU here"):
        planned(tmp_path, sweep__resources={"gpu": 1})


def test_the_share_without_pruning_is_all() -> None:
    assert share_of(fake_recipe()) == 1.0


def test_the_share_with_halving_lies_between_the_first_rung_and_all() -> None:
    pruner = {"name": "pareto_asha", "first_rung": 3, "startup_trials": 1}
    few, many = (share_of(fake_recipe(sweep__pruner=pruner, sweep__trials=n)) for n in (4, 100))
    assert 3 / 9 < many < few <= 1
    # A third, and a few more that came early, of all goes beyond the rung at a third.
    assert many == pytest.approx(3 / 9 + 6 / 9 / 3, abs=0.12)


def test_re_trainings_are_counted(tmp_path: Path) -> None:
    assert planned(tmp_path).trainings == 0
    confirm = {"top": 2, "seeds": 3}
    alone = {**confirm, "solo": True}
    assert planned(tmp_path, sweep__confirm={**confirm, "solo": False}).trainings == 6
    assert planned(tmp_path, sweep__confirm=alone).trainings == 12


def test_workers_are_what_the_machine_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert workers_of(fake_recipe()) == 8
    assert workers_of(fake_recipe(sweep__resources={"cpu": 3.0})) == 2
    assert workers_of(fake_recipe(sweep__resources={"cpu": 16.0})) == 1


def test_the_size_of_a_space(tmp_path: Path) -> None:
    grid = [{"fusion.dim": {"grid": [8, 16]}, "training.batch_size": {"int": [8, 32], "step": 8}}]
    sizes = [size_of(load_space(fake_recipe(sweep__space=s), tmp_path)) for s in (CALM, grid)]
    assert sizes == [None, 8]


def test_the_result_says_how_far_off_the_estimate_was(tmp_path: Path) -> None:
    recipe = fake_recipe(sweep__space=CALM, sweep__trials=2)
    planned(tmp_path, sweep__trials=2).write(tmp_path / "a")
    result = run_sweep(recipe, Place(tmp_path / "a", tmp_path, inline=True), (), FakeWorkshop())
    assert result.notes[-1].startswith("the search was estimated to take 0 s and took ")
    assert read_result(tmp_path / "a").notes == result.notes
    assert LR in result.records[1].values


class SlowAtFirst(FakeTraining):
    """The first one of a process takes long to begin; one modality alone takes a third."""

    begun = False

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        if not SlowAtFirst.begun:
            SlowAtFirst.begun = True
            time.sleep(0.6)
        time.sleep(0.03 if len(self.recipe.modalities) > 1 else 0.01)
        return super().train_steps(pause)

    def advance(self) -> list[dict[str, float]]:
        self.train_steps(lambda: False)
        return super().advance()


def test_the_first_training_of_all_says_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlowAtFirst, "begun", False)
    found = planned(tmp_path, SlowAtFirst, sweep__confirm={"top": 1, "seeds": 2, "solo": True})
    assert found.begin_seconds < 0.1
    assert found.training_seconds < 9 * 0.03 + 0.2
    # Two re-trainings, and two of each modality, which take a third.
    assert found.after_lengths == pytest.approx(2 + 4 / 3, rel=0.25)
