from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from fake_training import LR, fake_recipe
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from armtune.errors import RunError
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Dimension, Space, load_space
from armtune.sweeps import read_records
from armtune.sweeps.study.journal import JOURNAL, Journal
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.study.study import UNFINISHED, SweepStudy
from armtune.sweeps.workers.trial import Confirmation

METRICS = {"accuracy": 0.8, "contribution_gap": 0.3, "weakest_accuracy": 0.3}
CONDITIONAL = {
    "training.decay": {"choice": ["cosine", "none"]},
    "training.warmup_epochs": {
        "uniform": [0, 2],
        "step": 0.1,
        "when": {"training.decay": "cosine"},
    },
    "training.batch_size": {"int": [16, 96], "step": 16},
    "fusion.dim": {"int": [8, 64], "log": True, "when": {"training.decay": "none"}},
}


def open_study(folder: Path, recipe: Recipe | None = None, **overrides: Any) -> SweepStudy:
    recipe = recipe or fake_recipe(**overrides)
    return SweepStudy(folder, recipe, load_space(recipe, folder), Goals.from_recipe(recipe))


def optuna_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage = JournalStorage(Journal(folder / JOURNAL))
    return optuna.load_study(study_name=None, storage=storage).trials


def draw(study: SweepStudy, count: int) -> list[dict[str, Any]]:
    found = []
    for _ in range(count):
        number = study.ask()
        found.append(study.record(number).values)
        study.complete(number, 9, METRICS)
    return found


def test_trial_0_has_the_recipes_own_values(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    assert study.ask() == 0
    assert study.record(0).values == {LR: 0.01}
    study.ask()
    assert study.record(1).values[LR] != 0.01


def test_a_value_of_the_recipe_outside_its_range_is_drawn(tmp_path: Path) -> None:
    study = open_study(tmp_path, sweep__space=[{LR: {"log": [0.1, 1.0]}}])
    study.ask()
    assert 0.1 <= study.record(0).values[LR] <= 1.0


def test_only_dimensions_that_apply_are_drawn(tmp_path: Path) -> None:
    values = draw(open_study(tmp_path, sweep__space=[CONDITIONAL]), 30)
    assert values[0]["training.decay"] == "cosine"
    assert {one["training.decay"] for one in values} == {"cosine", "none"}
    for one in values:
        cosine = one["training.decay"] == "cosine"
        assert ("training.warmup_epochs" in one) == cosine
        assert ("fusion.dim" in one) == (not cosine)
        assert one["training.batch_size"] in {16, 32, 48, 64, 80, 96}


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2", "nsga3", "qmc"])
def test_a_conditional_space_and_every_state_suit_every_sampler(tmp_path: Path, name: str) -> None:
    study = open_study(
        tmp_path,
        sweep__space=[CONDITIONAL],
        sweep__sampler={"name": name},
        sweep__constraints=["weakest_accuracy >= 0.4"],
    )
    for i in range(40):
        number = study.ask()
        if i % 4 == 1:
            study.prune(number, 3, 9, METRICS)
        elif i % 7 == 2:
            study.fail(number, 1, {}, "why not")
        else:
            study.complete(number, 9, {**METRICS, "accuracy": i / 40, "weakest_accuracy": i / 40})
    assert {r.state for r in read_records(tmp_path)} == {"COMPLETE", "PRUNED", "FAIL"}


def test_choices_come_back_as_they_were(tmp_path: Path) -> None:
    choices = ("cosine", "1", 1, True, "true", None, "null", "1e-3", 1e-3, "NaN", '"quoted"', "[1]")
    space = Space((Dimension("training.decay", "choice", choices=choices),))
    recipe = fake_recipe()
    values = draw(SweepStudy(tmp_path, recipe, space, Goals.from_recipe(recipe)), 150)
    drawn = [one["training.decay"] for one in values]
    assert drawn[0] == "cosine"
    assert {repr(value) for value in drawn} == {repr(choice) for choice in choices}
    assert [r.values for r in read_records(tmp_path)] == values


def test_fixed_values_are_part_of_every_trial(tmp_path: Path) -> None:
    space = {"fusion.dim": {"fixed": 17}, LR: {"log": [1e-4, 1.0]}}
    values = draw(open_study(tmp_path, sweep__space=[space]), 3)
    assert [one["fusion.dim"] for one in values] == [17, 17, 17]


def test_a_reopened_study_draws_what_an_undisturbed_one_does(tmp_path: Path) -> None:
    undisturbed = draw(open_study(tmp_path / "a", folder(tmp_path / "a")), 8)
    recipe = folder(tmp_path / "b")
    disturbed = draw(open_study(tmp_path / "b", recipe), 3)
    disturbed += draw(open_study(tmp_path / "b", recipe), 5)
    assert disturbed == undisturbed
    assert len({one[LR] for one in undisturbed}) == 8


def folder(path: Path) -> Recipe:
    path.mkdir()
    return fake_recipe()


def test_sweeps_of_other_seeds_draw_other_values(tmp_path: Path) -> None:
    drawn = []
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        study = open_study(tmp_path / str(seed), sweep__seed=seed)
        drawn += [one[LR] for one in draw(study, 6)[1:]]
    assert len(set(drawn)) == 15


def test_optuna_is_told_the_truth(tmp_path: Path) -> None:
    study = open_study(tmp_path, sweep__constraints=["weakest_accuracy >= 0.4"])
    for _ in range(4):
        study.ask()
    study.complete(0, 9, METRICS)
    study.reach(1, 3, METRICS)
    study.prune(1, 3, 9, METRICS)
    study.fail(2, 0, {}, "it raised")
    complete, pruned, failed, running = optuna_trials(tmp_path)
    assert complete.state is TrialState.COMPLETE
    assert complete.values == [0.8, 0.3]
    assert complete.constraints == {"weakest_accuracy >= 0.4": pytest.approx(0.1)}
    assert complete.user_attrs["weakest_accuracy >= 0.4"] == "violated by 0.1"
    assert pruned.state is TrialState.PRUNED
    assert pruned.values is None
    assert pruned.constraints[UNFINISHED] == pytest.approx(2 / 3)
    assert failed.state is TrialState.FAIL
    assert failed.values is None
    assert running.state is TrialState.RUNNING


def test_records_come_from_the_journal_alone(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    for _ in range(4):
        study.ask()
    study.complete(0, 9, METRICS)
    study.reach(1, 3, METRICS)
    study.prune(1, 3, 9, METRICS)
    study.fail(2, 1, METRICS, "it raised")
    study.reach(3, 3, METRICS)
    complete, pruned, failed, running = read_records(tmp_path)
    assert (complete.state, complete.epoch, complete.metrics) == ("COMPLETE", 9, METRICS)
    assert (pruned.state, pruned.epoch) == ("PRUNED", 3)
    assert pruned.reason == "stopped at the rung of epoch 3"
    assert (failed.state, failed.epoch, failed.reason) == ("FAIL", 1, "it raised")
    assert (running.state, running.epoch, running.metrics) == ("RUNNING", 3, METRICS)
    assert complete.ended >= complete.started > 1.6e9
    assert running.ended == 0


def test_a_trial_starts_when_its_training_does_and_only_once(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    study.ask()
    asked = study.record(0).started
    study.start(0)
    began = study.record(0).started
    assert began > asked
    again = open_study(tmp_path)
    again.running()
    again.start(0)
    assert again.record(0).started == began


def test_rungs_hold_the_other_trials(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    for number in range(3):
        study.ask()
        study.reach(number, 3, {"accuracy": float(number)})
    study.fail(0, 4, {}, "later")
    assert study.rung(3, without=1) == {0: {"accuracy": 0.0}, 2: {"accuracy": 2.0}}
    assert study.rung(9, without=1) == {}


def test_interrupted_trials_keep_number_and_values(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    for _ in range(3):
        study.ask()
    study.complete(1, 9, METRICS)
    before = study.records()
    again = open_study(tmp_path)
    assert again.running() == [0, 2]
    assert again.records() == before
    assert len(again) == 3
    again.complete(2, 9, METRICS)
    assert again.ask() == 3


def test_a_draw_cut_short_is_finished(tmp_path: Path) -> None:
    space = [{LR: {"log": [1e-4, 1.0]}, "fusion.dim": {"int": [8, 64]}}]
    study = open_study(tmp_path, sweep__space=space)
    study.ask()
    study.ask()
    values = study.record(1).values
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    assert b"fusion.dim" in lines[-1]
    path.write_bytes(b"".join(lines[:-1]))
    again = open_study(tmp_path, sweep__space=space)
    assert again.running() == [0, 1]
    assert again.record(1).values[LR] == values[LR]
    assert "fusion.dim" in again.record(1).values


def test_a_pruning_cut_short_is_finished(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    study.ask()
    study.ask()
    study.prune(1, 3, 9, METRICS)
    path = tmp_path / JOURNAL
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert read_records(tmp_path)[1].state == "RUNNING"
    assert open_study(tmp_path).running() == [0]
    assert read_records(tmp_path)[1].state == "PRUNED"


def test_a_study_with_a_truncated_last_line_is_read_and_resumed(tmp_path: Path) -> None:
    draw(open_study(tmp_path), 2)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":6,"trial')
    assert [r.state for r in read_records(tmp_path)] == ["COMPLETE", "COMPLETE"]
    draw(open_study(tmp_path), 1)
    assert [r.state for r in read_records(tmp_path)] == ["COMPLETE"] * 3


def test_confirmations_come_back(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    later, failed = Confirmation(1001, {"a": 1.0}, {"a": 0.5}), Confirmation(1000, {}, {}, "broke")
    study.confirm(4, later)
    study.confirm(4, failed)
    assert study.confirmed() == {4: [failed, later]}
    assert read_study(tmp_path).confirmed() == study.confirmed()


def test_a_folder_without_a_study_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no sweep here"):
        read_records(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "nonsense\nmore\n", "[]\n[]\n", '{"n":1}\n{"n":2}\n'])
def test_a_file_that_is_no_study_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(RunError, match=r"study\.journal: not the study of a sweep, or damaged"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("name", "objectives", "constraints"),
    [("gp", ["maximize accuracy", "minimize contribution_gap"], ["weakest_accuracy >= 0.4"])]
    + [(name, ["maximize accuracy"], []) for name in ("gp", "cmaes", "nsga3")],
)
def test_every_state_suits_the_samplers_of_numbers(
    tmp_path: Path, name: str, objectives: list[str], constraints: list[str]
) -> None:
    study = open_study(
        tmp_path,
        sweep__space=[{LR: {"log": [1e-4, 1.0]}, "fusion.dim": {"int": [8, 64]}}],
        sweep__sampler={"name": name},
        sweep__objectives=objectives,
        sweep__constraints=constraints,
    )
    for i in range(24):
        number = study.ask()
        if i % 4 == 1:
            study.prune(number, 3, 9, METRICS)
        elif i % 7 == 2:
            study.fail(number, 1, {}, "why not")
        else:
            study.complete(number, 9, {**METRICS, "accuracy": i / 24, "weakest_accuracy": i / 24})
    assert {r.state for r in read_records(tmp_path)} == {"COMPLETE", "PRUNED", "FAIL"}
    assert study.sampler == name


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_the_values_that_all_trials_have_are_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    looked: list[int] = []

    def calculate(trials: Any, pruned: bool, space: Any, known: int) -> Any:
        looked.append(sum(trial.number >= known for trial in trials))
        return original(trials, pruned, space, known)

    original = optuna.search_space.intersection._calculate
    monkeypatch.setattr(optuna.search_space.intersection, "_calculate", calculate)
    study = open_study(tmp_path, sweep__sampler={"name": name})
    draw(study, 40)
    assert max(looked, default=0) <= 2, "the one that has just ended, and the one that is drawn"


def test_a_trial_is_drawn_without_reading_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(tmp_path, sweep__sampler={"name": "random"})
    draw(study, 5)
    opened: list[Path] = []
    read = Journal.read_logs

    def read_logs(self: Journal, start: int) -> Any:
        opened.append(self.path)
        return read(self, start)

    monkeypatch.setattr(Journal, "read_logs", read_logs)
    study.records()
    assert not opened
    draw(study, 1)
    assert len(opened) < 20, "once for each line it wrote"
