"""Gathering outcomes: failures stay alone; a rule that nothing meets is relaxed, and said so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import armtune.comparison.run as running
from armtune.comparison.plan import Contender, contenders
from armtune.comparison.run import Comparison, Train, compare, figures
from armtune.data import Dataset
from armtune.errors import RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps import Confirmation, SweepResult, TrialRecord
from armtune.sweeps.run import Place
from armtune.sweeps.study.lock import locked

METRICS = {"accuracy": 0.8, "missing/image": 0.3, "missing/audio": 0.6, "contribution_gap": 0.4}


def result_of(
    folder: Path, chosen: int | None = 0, reasons: tuple[str, ...] = ("", "")
) -> SweepResult:
    record = TrialRecord(0, "COMPLETE", {"training.optimizer.lr": 0.01}, METRICS, 2, "", 1.0, 2.0)
    seeds = [
        Confirmation(1000 + k, {}, {}, reason)
        if reason
        else Confirmation(1000 + k, METRICS, METRICS)
        for k, reason in enumerate(reasons)
    ]
    confirmed = {} if chosen is None else {chosen: seeds}
    return SweepResult(folder, [record], [0], chosen, confirmed, ["a note of the sweep"])


@pytest.fixture(autouse=True)
def _no_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "cost_of", lambda *_: None)


@pytest.fixture
def compared(
    make_recipe: Callable[..., Recipe], make_dataset: Callable[..., Dataset], tmp_path: Path
) -> Callable[..., Comparison]:
    base = with_overrides(
        make_recipe(), {"sweep.space": [{"training.optimizer.lr": {"log": [1e-3, 1e-1]}}]}
    )

    def run(
        train: Train,
        resume: bool = False,
        methods: tuple[str, ...] = ("none", "arm"),
        refused: tuple[Contender, ...] = (),
        **changes: object,
    ) -> Comparison:
        recipe = with_overrides(base, {k.replace("__", "."): v for k, v in changes.items()})
        each = [*contenders(recipe, tmp_path, methods), *refused]
        place = Place(tmp_path / "runs", tmp_path, resume)
        return compare(recipe, each, place, make_dataset(), train, "armtune compare …")

    return run


def test_every_method_is_trained_in_its_folder(
    compared: Callable[..., Comparison], tmp_path: Path
) -> None:
    seen: list[tuple[str, str]] = []

    def train(recipe: Recipe, folder: Path) -> SweepResult:
        seen.append((recipe.balancing.name, folder.relative_to(tmp_path).as_posix()))
        return result_of(folder)

    found = compared(train)
    assert seen == [("none", "runs/none"), ("arm", "runs/arm")]
    assert (found.reference, found.data) == ("none", "toy clouds")
    assert [outcome.chosen for outcome in found.outcomes] == [0, 0]
    assert found.outcomes[0].values("test", "accuracy") == {1000: 0.8, 1001: 0.8}
    assert found.metrics == [
        "accuracy",
        "unimodal_accuracy/image",
        "unimodal_accuracy/audio",
        "worst_missing",
        "contribution_gap",
    ]


def test_the_worst_missing_is_the_lowest_of_a_seed() -> None:
    assert figures(METRICS)["worst_missing"] == 0.3
    assert "worst_missing" not in figures({"accuracy": 1.0})


def test_what_fails_says_so_and_the_others_go_on(compared: Callable[..., Comparison]) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        if recipe.balancing.name == "none":
            raise RunError("every trial failed")
        return result_of(folder)

    refused = Contender("pair", None, "pair is for two modalities")
    none, arm, pair = compared(train, refused=(refused,)).outcomes
    assert (none.failure, none.chosen, none.records) == ("every trial failed", None, [])
    assert pair.failure == "pair is for two modalities"
    assert (arm.failure, arm.notes[-1]) == ("", "a note of the sweep")


def test_without_the_reference_there_are_no_differences(
    compared: Callable[..., Comparison],
) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        return result_of(folder, reasons=("lost",) if recipe.balancing.name == "none" else ("",))

    found = compared(train)
    assert found.outcomes[0].failure == "its best trial failed with every seed: lost"
    assert found.differences("accuracy") == {}


def test_all_failing_fails(compared: Callable[..., Comparison]) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        raise RunError("the disk is full")

    with pytest.raises(RunError, match=r"no method could be compared; none: the disk is full"):
        compared(train)


def test_seeds_that_failed_are_left_out(compared: Callable[..., Comparison]) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        lost = recipe.balancing.name == "arm"
        return result_of(folder, reasons=("", "lost" if lost else "", ""))

    found = compared(train)
    assert list(found.outcomes[1].values("validation", "accuracy")) == [1000, 1002]
    assert found.differences("accuracy")["arm"].pairs == 2


def test_where_nothing_meets_the_rule_its_conditions_go(
    compared: Callable[..., Comparison],
) -> None:
    rules: list[str] = []

    def train(recipe: Recipe, folder: Path) -> SweepResult:
        rules.append(recipe.sweep.choose)
        strict = "where" in recipe.sweep.choose and recipe.balancing.name == "none"
        return result_of(folder, chosen=None if strict else 0)

    rule = "highest accuracy where contribution_gap <= 0.1"
    none, arm = compared(train, sweep__choose=rule).outcomes
    assert rules == [rule, "highest accuracy", rule]
    said = "no trial of its front meets contribution_gap <= 0.1: its highest accuracy without that"
    assert none.notes[0] == f"{said} was taken"
    assert (none.chosen, none.failure) == (0, "")
    assert not any("was taken" in note for note in arm.notes)


def test_a_rule_without_conditions_that_picks_nothing_is_a_failure(
    compared: Callable[..., Comparison],
) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        return result_of(folder, chosen=None if recipe.balancing.name == "arm" else 0)

    said = "no trial of its front qualifies for highest accuracy"
    assert compared(train).outcomes[1].failure == said


def test_an_earlier_comparison_is_resumed_only_when_asked(
    compared: Callable[..., Comparison],
) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        return result_of(folder)

    compared(train)
    with pytest.raises(RunError, match="add --resume"):
        compared(train)
    assert len(compared(train, resume=True, methods=("none", "arm")).outcomes) == 2


def test_another_recipe_isnt_resumed(compared: Callable[..., Comparison]) -> None:
    def train(recipe: Recipe, folder: Path) -> SweepResult:
        return result_of(folder)

    compared(train)
    with pytest.raises(RunError, match=r"training\.epochs: 3 then, 4 now"):
        compared(train, resume=True, training__epochs=4)
    with pytest.raises(RunError, match=r"sweep\.trials"):
        compared(train, resume=True, sweep__trials=2)


def test_one_comparison_at_a_time(compared: Callable[..., Comparison], tmp_path: Path) -> None:
    with locked(tmp_path / "runs"), pytest.raises(RunError, match="runs a sweep here"):
        compared(lambda recipe, folder: result_of(folder))
