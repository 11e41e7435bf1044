from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from fake_training import LR, FakeTraining, FakeWorkshop, fake_recipe

from armtune.errors import RecipeError, RunError
from armtune.recipe.load import dump_recipe, load_recipe
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps import SweepResult, read_confirmed, read_records, read_result
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.folder import ORIGIN, RECIPE, WRITTEN
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.lock import LOCK, locked
from armtune.sweeps.study.records import Listener, SweepStart, TrialRecord

TOP = {"top": 2, "seeds": 3, "solo": False}


def run(
    folder: Path, *listeners: Listener, resume: bool = False, factory: Any = None, **overrides: Any
) -> SweepResult:
    place = Place(folder / "runs" / "fake", folder, resume, inline=True)
    return run_sweep(fake_recipe(**overrides), place, listeners, factory or FakeWorkshop())


class Diary(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def sweep_started(self, sweep: SweepStart) -> None:
        there = f"{len(sweep.records)} trials there"
        self.lines.append(f"{sweep.recipe.name} on {sweep.dataset_description}, {there}")

    def trial_ended(self, record: TrialRecord) -> None:
        self.lines.append(f"{record.number} {record.state}")

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        assert {"accuracy", "test/accuracy"} <= set(metrics)
        self.lines.append(f"{number} confirmed with {seed}")

    def sweep_ended(self, records: Any, front: Any) -> None:
        self.lines.append(f"{len(records)} trials, front {list(front)}")


def test_a_sweep_leaves_what_the_design_says(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__confirm=TOP)
    folder = tmp_path / "runs" / "fake"
    assert result.folder == folder
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "recipe.yaml",
        "origin.json",
        "study.journal",
        "trials",
        "confirm",
        "front.csv",
    }
    assert [path.name for path in sorted((folder / "trials").iterdir())] == [
        f"{number:04d}" for number in range(6)
    ]
    with (folder / "front.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == result.front
    assert result.records == read_records(folder)


def test_the_recipe_left_behind_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "lr.yaml").write_text(f"{LR}: {{log: [1.0e-4, 1.0]}}\n")
    (tmp_path / "toy.npz").write_text("")
    run(tmp_path, sweep__space=["spaces/lr.yaml"])
    folder = tmp_path / "runs" / "fake"
    recipe = load_recipe(folder / "recipe.yaml")
    assert [d.path for d in load_space(recipe, folder).dimensions] == [LR]
    assert recipe.data.model_dump()["path"] == str(tmp_path / "toy.npz")
    trial = load_recipe(folder / "trials" / "0001" / "recipe.yaml")
    assert trial.training.optimizer.lr == read_records(folder)[1].values[LR]


def test_the_origin_says_which_data_and_versions(tmp_path: Path) -> None:
    run(tmp_path)
    origin = json.loads((tmp_path / "runs" / "fake" / "origin.json").read_text())
    assert origin["data"]["description"] == "toy data"
    assert origin["data"]["digest"] == "0123"
    assert {"armtune", "commit", "python", "torch", "ray", "optuna"} <= set(origin)


def test_the_chosen_trial_follows_the_rule(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__choose="lowest contribution_gap where accuracy >= 0.8")
    able = [r for r in result.records if r.number in result.front and r.metrics["accuracy"] >= 0.8]
    assert result.chosen == min(able, key=lambda r: r.metrics["contribution_gap"]).number
    assert result.notes == []


def test_where_no_trial_qualifies_none_is_chosen_and_it_is_said(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__choose="highest accuracy where contribution_gap <= 0.01")
    assert result.chosen is None
    assert result.notes == [
        "no trial of the front qualifies for sweep.choose: highest accuracy where "
        "contribution_gap <= 0.01"
    ]


def test_where_no_trial_meets_the_constraints_it_is_said(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__constraints=["weakest_accuracy >= 0.99"])
    most = max(
        (r for r in result.records if r.state == "COMPLETE"), key=lambda r: r.metrics["accuracy"]
    )
    assert result.front == [most.number] == [result.chosen]
    assert result.notes[0].startswith("no trial meets the constraints")


def test_a_second_sweep_in_a_folder_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(
        RunError, match="holds a sweep already: add --resume to go on, or remove it"
    ):
        run(tmp_path)


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("name", ["front.csv", "report.html", "trials/0000/mine", "confirm/mine"])
def test_a_folder_with_files_of_others_is_refused_and_they_stay(
    tmp_path: Path, name: str, resume: bool
) -> None:
    mine = tmp_path / "runs" / "fake" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    told = rf"holds {name.split('/')[0]}, but no sweep: .*; name an empty or new folder"
    with pytest.raises(RunError, match=told):
        run(tmp_path, resume=resume)
    assert mine.read_text() == "mine"


def test_whatever_else_lies_in_the_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "fake"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "empty").mkdir()
    assert len(run(tmp_path).records) == 6
    assert (folder / "notes.txt").read_text() == "mine"


def test_every_name_that_a_sweep_writes_to_is_kept_from_others(tmp_path: Path) -> None:
    run(tmp_path, sweep__confirm=TOP)
    names = {path.name for path in (tmp_path / "runs" / "fake").iterdir()}
    assert names - {RECIPE, ORIGIN, JOURNAL, LOCK} <= set(WRITTEN)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "runs" / "fake"), pytest.raises(RunError, match="runs a sweep here"):
        run(tmp_path)


def test_resuming_nothing_starts(tmp_path: Path) -> None:
    assert len(run(tmp_path, resume=True).records) == 6


def test_a_finished_sweep_resumes_to_the_same_result(tmp_path: Path) -> None:
    first = run(tmp_path, sweep__confirm=TOP)
    diary = Diary()
    again = run(tmp_path, diary, resume=True, sweep__confirm=TOP, factory=Idle())
    assert again == first
    assert diary.lines == [
        "fake on toy data, 6 trials there",
        *(f"{n} confirmed with {s}" for n in first.confirmed for s in (1000, 1001, 1002)),
        f"6 trials, front {first.front}",
    ]


class Idle(FakeWorkshop):
    """Has no training to give."""

    def training(self, recipe: Recipe, dataset: Any, device: str) -> Any:
        raise AssertionError("nothing should be trained again")


def test_more_trials_are_added_to_a_finished_sweep(tmp_path: Path) -> None:
    first = run(tmp_path)
    more = run(
        tmp_path, resume=True, sweep__trials=9, sweep__choose="knee", sweep__resources={"cpu": 2}
    )
    assert more.records[:6] == first.records
    assert len(more.records) == 9
    assert load_recipe(tmp_path / "runs" / "fake" / "recipe.yaml").sweep.trials == 9


def test_another_recipe_is_not_resumed(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(RunError) as refused:
        run(
            tmp_path,
            resume=True,
            sweep__trials=5,
            training__epochs=8,
            sweep__sampler__name="tpe",
            sweep__space=[{LR: {"log": [1e-4, 0.1]}}],
            sweep__choose="knee",
        )
    heading, *lines = str(refused.value).splitlines()
    assert heading.endswith("recipe.yaml: the sweep to resume has another recipe:")
    assert lines == [
        "  sweep.sampler.name: 'random' then, 'tpe' now",
        "  sweep.sampler.startup_trials: None then, 10 now",
        f"  sweep.space.0.{LR}.log: [0.0001, 1.0] then, [0.0001, 0.1] now",
        "  sweep.trials: 6 then, 5 now",
        "  training.epochs: 9 then, 8 now",
    ]
    assert len(read_records(tmp_path / "runs" / "fake")) == 6


def test_other_data_are_not_resumed(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(RunError, match="the sweep to resume used other data: toy data"):
        run(tmp_path, resume=True, factory=FakeWorkshop(digest="4567"))


def test_a_damaged_origin_is_said(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "runs" / "fake" / "origin.json").write_text("{")
    with pytest.raises(RunError, match=r"origin\.json: damaged"):
        run(tmp_path, resume=True)


def test_a_sweep_without_a_space_has_one_trial(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"sweep\.trials: there is nothing to search; give sweep"):
        run(tmp_path, sweep__space=[])
    assert not (tmp_path / "runs").exists()
    result = run(tmp_path, sweep__space=[], sweep__trials=1)
    assert [r.values for r in result.records] == [{}]
    assert result.chosen == 0


def test_a_sweep_in_which_all_trials_fail_says_so(tmp_path: Path) -> None:
    diary = Diary()
    with pytest.raises(RunError) as failed:
        run(tmp_path, diary, factory=FakeWorkshop(make=broken), sweep__trials=2)
    folder = tmp_path / "runs" / "fake" / "trials" / "0000"
    assert str(failed.value) == (
        "2 of 2 trials failed, none was trained to its full length; "
        f"the first: KeyError: 'no such thing' (see {folder})"
    )
    assert diary.lines[1:] == ["0 FAIL", "1 FAIL", "2 trials, front []"]


def broken(recipe: Recipe) -> Any:
    raise KeyError("no such thing")


def test_confirming_uses_the_same_new_seeds_for_all(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__confirm=TOP, training__seed=5)
    assert len(result.confirmed) == 2
    assert all([c.seed for c in seeds] == [1005, 1006, 1007] for seeds in result.confirmed.values())
    assert set(result.confirmed) <= set(result.front)
    folder = tmp_path / "runs" / "fake"
    assert read_confirmed(folder) == result.confirmed
    assert read_result(folder) == result
    for number, seeds in result.confirmed.items():
        for confirmation in seeds:
            place = folder / "confirm" / f"{number:04d}-{confirmation.seed}"
            assert (place / "model.safetensors").exists()
            recipe = load_recipe(place / "recipe.yaml")
            assert recipe.training.seed == confirmation.seed
            values = result.records[number].values
            assert recipe.training.optimizer.lr == values[LR]


class Fickle(FakeTraining):
    """The best trial of the search is the worst with other seeds, on validation but not on test."""

    def advance(self) -> list[dict[str, float]]:
        (metrics,) = super().advance()
        if self.recipe.training.seed >= 1000 and self.lr == 0.01:
            self.best[0]["accuracy"] = metrics["accuracy"] = 0.3
        return [metrics]

    def test(self) -> list[dict[str, float]]:
        return [{**super().test()[0], "accuracy": 0.99 if self.lr == 0.01 else 0.2}]


def test_the_winner_is_chosen_by_the_confirmed_validation_metrics(tmp_path: Path) -> None:
    assert run(tmp_path / "a").chosen == 0
    result = run(tmp_path / "b", factory=FakeWorkshop(make=Fickle), sweep__confirm=TOP)
    assert 0 in result.confirmed
    assert result.chosen in set(result.confirmed) - {0}


class Unlucky(FakeTraining):
    def advance(self) -> list[dict[str, float]]:
        if self.recipe.training.seed == 1001 and self.lr == 0.01:
            raise RuntimeError("out of luck")
        return super().advance()


def test_a_trial_that_fails_with_one_seed_does_not_win(tmp_path: Path) -> None:
    diary = Diary()
    factory = FakeWorkshop(make=Unlucky)
    result = run(tmp_path, diary, factory=factory, sweep__confirm=TOP)
    assert result.chosen in set(result.confirmed) - {0}
    assert result.notes == [
        "trial 0 failed when re-trained with seed 1001: RuntimeError: out of luck"
    ]
    assert "0 confirmed with 1001" not in diary.lines
    assert "0 confirmed with 1002" in diary.lines


def test_an_interrupted_confirmation_goes_on(tmp_path: Path) -> None:
    class Interrupting(Listener):
        def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
            if seed == 1001:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Interrupting(), sweep__confirm=TOP)
    trained = []

    def noting(recipe: Recipe) -> FakeTraining:
        trained.append(recipe.training.seed)
        return FakeTraining(recipe)

    result = run(tmp_path, resume=True, factory=FakeWorkshop(make=noting), sweep__confirm=TOP)
    assert trained == [1001, 1002, 1002]
    assert [len(seeds) for seeds in result.confirmed.values()] == [3, 3]


def test_the_recipe_is_written_as_yaml_that_reads_back(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "runs" / "fake" / "recipe.yaml"
    assert path.read_text() == dump_recipe(load_recipe(path))
