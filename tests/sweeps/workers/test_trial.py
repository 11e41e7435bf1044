from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fake_training import FakeTraining, FakeWorkshop, fake_recipe

from armtune.data import Dataset
from armtune.errors import RunError
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.trial import Failure, Step, Task, reason_of
from armtune.sweeps.workers.worker import Worker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trials" / "0003"


def worker(**factory: Any) -> Worker:
    return Worker(FakeWorkshop(**factory), 1, "cpu")


def steps(worker: Worker, task: Task) -> list[Step | Failure]:
    """All that a worker says of a task that always goes on."""
    worker.start([task])
    said = worker.step()
    while isinstance(last := said[-1], Step) and last.epoch < task.recipe.training.epochs:
        said += worker.step()
    return said


def reported(said: list[Step | Failure]) -> list[int]:
    return [e.number for one in said if isinstance(one, Step) for e in one.epochs]


def written(folder: Path) -> list[int]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["epoch"] for line in lines]


def test_a_trial_waits_at_each_rung(folder: Path) -> None:
    said = steps(worker(), Task(3, fake_recipe(), folder, (3, 6)))
    assert [one.epoch for one in said if isinstance(one, Step)] == [3, 6, 9]
    assert reported(said) == written(folder) == list(range(1, 10))


@pytest.mark.parametrize(("seconds", "steps_at_least"), [(0.0, 9), (0.025, 3)])
def test_a_trial_reports_after_some_time_but_an_epoch_at_least(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, steps_at_least: int
) -> None:
    monkeypatch.setattr(pack, "STEP_SECONDS", seconds)
    said = steps(worker(seconds=0.01), Task(3, fake_recipe(), folder))
    assert len(said) >= steps_at_least
    assert reported(said) == list(range(1, 10))


def test_the_folder_holds_a_recipe_that_runs_and_a_final_checkpoint(folder: Path) -> None:
    recipe = fake_recipe(fusion__dim=17)
    steps(worker(), Task(3, recipe, folder))
    assert load_recipe(folder / "recipe.yaml") == recipe
    assert json.loads((folder / "checkpoint.safetensors").read_text())["epoch"] == 9
    assert sorted(p.name for p in folder.iterdir()) == [
        "checkpoint.safetensors",
        "metrics.jsonl",
        "recipe.yaml",
        "worker.txt",
    ]


def test_an_interrupted_trial_goes_on_from_its_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "SAVE_SECONDS", -1.0)
    task = Task(3, fake_recipe(), folder, (4, 6))
    first = worker()
    first.start([task])
    assert [one.epoch for one in (*first.step(), *first.step()) if isinstance(one, Step)] == [4, 6]
    undisturbed = FakeTraining(task.recipe)
    for _ in range(9):
        undisturbed.advance()
    again = worker()
    again.start([task])
    [where] = again.step()
    assert isinstance(where, Step)
    assert (where.epoch, list(where.epochs)) == (6, []), "it first says where it stands"
    [last] = again.step()
    assert isinstance(last, Step)
    assert [e.number for e in last.epochs] == [7, 8, 9]
    assert last.best == undisturbed.best[0]
    assert written(folder) == list(range(1, 10))


def test_epochs_after_the_checkpoint_are_written_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "SAVE_SECONDS", -1.0)
    task = Task(3, fake_recipe(), folder, (3, 6))
    first = worker()
    first.start([task])
    first.step()
    monkeypatch.setattr(pack, "SAVE_SECONDS", 1e9)
    first.step()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 7, "accu')
    assert reported(steps(worker(), task)) == [4, 5, 6, 7, 8, 9]
    assert written(folder) == list(range(1, 10))


def test_without_a_checkpoint_a_trial_starts_again(folder: Path) -> None:
    task = Task(3, fake_recipe(), folder, (3,))
    first = worker()
    first.start([task])
    first.step()
    assert reported(steps(worker(), task)) == list(range(1, 10))
    assert written(folder) == list(range(1, 10))


def test_a_trial_at_its_end_only_says_so_again(folder: Path) -> None:
    task = Task(3, fake_recipe(), folder)
    steps(worker(), task)
    (said,) = steps(worker(), task)
    assert isinstance(said, Step)
    assert (said.epoch, list(said.epochs)) == (9, [])


def test_what_is_not_a_number_is_null_in_the_metrics_file(folder: Path) -> None:
    class Odd(FakeTraining):
        def advance(self) -> list[dict[str, float]]:
            return [{**super().advance()[0], "loss": float("nan")}]

    steps(worker(make=Odd), Task(3, fake_recipe(training__epochs=1), folder))
    (line,) = (folder / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["loss"] is None


def test_an_exception_fails_the_trial_with_its_traceback(folder: Path) -> None:
    recipe = fake_recipe(training__optimizer__lr=0.9)
    (said,) = steps(worker(), Task(3, recipe, folder))
    assert said == Failure("ZeroDivisionError: on purpose")
    details = (folder / "error.txt").read_text()
    assert details.startswith("Traceback")
    assert "and a second line" in details
    assert (folder / "recipe.yaml").exists()


def test_a_diverged_training_fails_with_its_own_words(folder: Path) -> None:
    recipe = fake_recipe(training__optimizer__lr=0.6)
    assert steps(worker(), Task(3, recipe, folder)) == [
        Failure("the training diverged, epoch 1: loss is nan")
    ]


def test_a_worker_goes_on_after_a_failure(folder: Path) -> None:
    one = worker()
    steps(one, Task(3, fake_recipe(training__optimizer__lr=0.9), folder))
    assert reported(steps(one, Task(4, fake_recipe(), folder.with_name("0004"))))[-1] == 9


def test_a_checkpoint_that_cannot_be_written_is_named(folder: Path) -> None:
    class Full(FakeTraining):
        def save(self, path: Path) -> None:
            raise MemoryError("No space left on device (os error 28)")

    (said,) = steps(worker(make=Full), Task(3, fake_recipe(), folder))
    path = folder / "checkpoint.safetensors"
    reason = f"{path}: can't be written: No space left on device (os error 28)"
    assert said == Failure(reason, stops=True)


def test_a_metrics_file_that_cannot_be_written_is_named(folder: Path) -> None:
    one = worker()
    one.start([Task(3, fake_recipe(), folder, (3,))])
    one.step()
    (folder / "metrics.jsonl").unlink()
    (folder / "metrics.jsonl").symlink_to("/dev/full")
    path = folder / "metrics.jsonl"
    assert one.step() == [Failure(f"{path}: can't be written: No space left on device", stops=True)]


def test_a_failure_that_cannot_be_written_down_is_still_told(folder: Path) -> None:
    for name in ("recipe.yaml", "error.txt"):
        (folder / name).mkdir(parents=True)
    (said,) = steps(worker(), Task(3, fake_recipe(), folder))
    assert said == Failure(f"{folder}/recipe.yaml: can't be written: Is a directory", True)


def test_data_are_loaded_once(tmp_path: Path) -> None:
    loaded = []

    class Counting(FakeWorkshop):
        def dataset(self, recipe: Recipe) -> Dataset:
            loaded.append(recipe.data)
            return super().dataset(recipe)

    one = Worker(Counting(), 1, "cpu")
    for number in range(3):
        steps(one, Task(number, fake_recipe(), tmp_path / str(number)))
    assert len(loaded) == 1


def test_confirming_trains_tests_and_writes_the_model(folder: Path) -> None:
    recipe = fake_recipe(training__seed=1003)
    [done] = worker().confirm([Task(3, recipe, folder)])
    assert (done.seed, done.reason) == (1003, "")
    assert done.validation["epoch"] == 9
    assert done.test["accuracy"] == pytest.approx(done.validation["accuracy"] - 0.05)
    assert (folder / "model.safetensors").read_text() == "model of epoch 9"


@pytest.mark.parametrize("broken", ["advance", "test", "save_model"])
def test_a_confirmation_that_fails_says_why(folder: Path, broken: str) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no more")

    failing = type("Failing", (FakeTraining,), {broken: fail})
    [done] = worker(make=failing).confirm([Task(3, fake_recipe(), folder)])
    assert (done.validation, done.test) == ({}, {})
    assert done.reason == "OSError: no more"
    assert "no more" in (folder / "error.txt").read_text()


def test_reasons_are_one_line() -> None:
    assert reason_of(RunError("first\nsecond")) == "first"
    assert reason_of(ValueError("first\nsecond")) == "ValueError: first"
    assert reason_of(ValueError()) == "ValueError"


def test_reading_test_data_is_left_to_confirming(folder: Path) -> None:
    class Secret(FakeTraining):
        def test(self) -> list[dict[str, float]]:
            os.abort()

    assert reported(steps(worker(make=Secret), Task(3, fake_recipe(), folder)))[-1] == 9
