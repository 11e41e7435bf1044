"""What samplers are shown of very many trials: as much at the end as at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from fake_training import fake_recipe
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from armtune.recipe.objectives import Goals
from armtune.recipe.space import load_space
from armtune.samplers import Sampler
from armtune.samplers.random import Random
from armtune.sweeps.study import storage
from armtune.sweeps.study.study import SweepStudy

SHOWN, BEST = 20, 5


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sampler, "shown", SHOWN)
    monkeypatch.setattr(storage, "BEST_SHOWN", BEST)


def open_study(folder: Path, **overrides: Any) -> SweepStudy:
    recipe = fake_recipe(sweep__sampler={"name": "random"}, **overrides)
    return SweepStudy(folder, recipe, load_space(recipe, folder), Goals.from_recipe(recipe))


def complete(study: SweepStudy, count: int, feasible: bool = True) -> None:
    """Completes trials, each worse than the one before."""
    for _ in range(count):
        number = study.ask()
        weakest = 0.9 if feasible else 0.1
        metrics = {"accuracy": 1 / (number + 2), "weakest_accuracy": weakest}
        study.complete(number, 9, {**metrics, "contribution_gap": 0.3 + number})


def shown(study: SweepStudy) -> list[int]:
    return [trial.number for trial in study._study.get_trials(deepcopy=False)]


def test_few_trials_are_all_shown(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    complete(study, SHOWN)
    assert shown(study) == list(range(SHOWN))


def test_of_many_the_best_and_the_latest_are_shown(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    complete(study, 70)
    assert shown(study) == [*range(BEST), *range(70 - SHOWN + BEST, 70)]
    assert [record.number for record in study.records()] == list(range(70))
    assert len(study) == 70


def test_a_trial_that_violates_constraints_is_no_best_one(tmp_path: Path) -> None:
    study = open_study(tmp_path, sweep__constraints=["weakest_accuracy >= 0.4"])
    complete(study, 30, feasible=False)
    complete(study, 40)
    assert shown(study)[:BEST] == list(range(30, 30 + BEST))


def test_trials_that_have_not_ended_are_shown(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    running = [study.ask() for _ in range(3)]
    complete(study, 40)
    study._study.enqueue_trial({})
    unfinished = (TrialState.RUNNING, TrialState.WAITING)
    found = study._study.get_trials(deepcopy=True, states=unfinished)
    assert [trial.number for trial in found] == [*running, 43]
    study.prune(running[0], 3, 9, {"accuracy": 0.1, "contribution_gap": 0.9})
    assert 0 not in shown(study), "it was stopped, and long ago"


def test_a_resumed_study_shows_the_same(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    complete(study, 70)
    assert shown(open_study(tmp_path)) == shown(study)


def test_a_sampler_that_needs_all_is_shown_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sampler, "shown", None)
    study = open_study(tmp_path)
    complete(study, 70)
    assert shown(study) == list(range(70))


def test_a_draw_looks_at_as_many_trials_late_as_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    class Looking(RandomSampler):
        def infer_relative_search_space(self, study: optuna.Study, trial: Any) -> dict[str, Any]:
            looked.append(len(study.get_trials(deepcopy=False)))
            return {}

    monkeypatch.setattr(Random, "build", lambda self, seed: Looking(seed))
    complete(open_study(tmp_path), 90)
    assert max(looked) <= SHOWN + 1, "the ended ones, and the one that is drawn"
