"""A sweep's time: trials begin as long as they, and all that comes after them, end in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeWorkshop, fake_recipe

from armtune.errors import RecipeError
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.recipe.start_checks import check_searched
from armtune.report.status import read_status
from armtune.sweeps import SweepResult, read_records
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.study.time_budget import END_SECONDS, TimeBudget

CONFIRM = {"top": 2, "seeds": 3, "solo": False}


class Clock:
    """Tells the time that it was set to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def budget(seconds: float, spent: float = 0.0, **overrides: Any) -> tuple[TimeBudget, Clock]:
    clock = Clock()
    return TimeBudget(fake_recipe(sweep__seconds=seconds, **overrides), spent, clock), clock


def record(state: str, seconds: float = 0.0) -> TrialRecord:
    ended = 1000.0 + seconds if state != "RUNNING" else 0.0
    return TrialRecord(0, state, {}, {}, 9, "", 1000.0, ended)


@pytest.mark.parametrize(("size", "places", "rounds"), [(1, 1, 6), (2, 1, 3), (1, 3, 2), (4, 2, 1)])
def test_re_trainings_are_counted_in(size: int, places: int, rounds: int) -> None:
    needed = 15.0 * (1 + rounds) + END_SECONDS
    own, clock = budget(200.0, sweep__confirm=CONFIRM)
    for done in (record("COMPLETE", 10.0), record("COMPLETE", 20.0), record("PRUNED", 1.0)):
        own.note(done)
    clock.now += 200.0 - needed - 0.5
    assert not own.is_over(True, size, places)
    clock.now += 1.0
    assert own.is_over(True, size, places)


def test_earlier_sessions_count() -> None:
    own, clock = budget(60.0, spent=40.0)
    clock.now += 5.0
    assert own.left == 15.0


def test_without_a_whole_trial_one_at_a_time_goes_on() -> None:
    own, clock = budget(60.0)
    clock.now += 61.0
    for done in (record("PRUNED", 1.0), record("FAIL", 1.0)):
        own.note(done)
    assert own.is_over(True, 1, 1)
    assert not own.is_over(False, 1, 1)
    clock.now -= 2.0
    assert not own.is_over(True, 1, 1)


def swept(folder: Path, recipe: Recipe, seconds: float = 0.02, resume: bool = False) -> SweepResult:
    place = Place(folder, folder, resume=resume, inline=True)
    return run_sweep(recipe, place, factory=FakeWorkshop(seconds=seconds))


def short(**overrides: Any) -> Recipe:
    """Each of whose trials takes about 0.2 s."""
    return fake_recipe(sweep__space=CALM, sweep__trials=500, sweep__pack=1, **overrides)


def test_a_sweep_ends_in_its_time_and_goes_on_with_more(tmp_path: Path) -> None:
    first = swept(tmp_path, short(sweep__seconds=END_SECONDS + 1.5))
    count = len(first.records)
    assert 1 <= count < 12
    assert first.chosen is not None
    told = read_status(tmp_path)
    assert told.over
    assert f"{count} of {count} ended, as many as sweep.seconds has time for" in told.lines()[1]
    swept(tmp_path, short(sweep__seconds=END_SECONDS + 3.0), resume=True)
    assert len(read_records(tmp_path)) > count


def test_a_sweep_that_goes_on_without_a_time_is_over_with_all_its_trials(tmp_path: Path) -> None:
    swept(tmp_path, fake_recipe(sweep__space=CALM, sweep__trials=4, sweep__seconds=0.01))
    assert read_status(tmp_path).lines()[1].startswith("trials: 1 of 1 ended, as many as")
    swept(tmp_path, fake_recipe(sweep__space=CALM, sweep__trials=4), resume=True)
    assert read_status(tmp_path).lines()[1].startswith("trials: 4 of 4 ended;")


def test_a_sweep_with_too_little_time_has_a_winner(tmp_path: Path) -> None:
    result = swept(tmp_path, short(sweep__seconds=0.01))
    assert [r.state for r in result.records] == ["COMPLETE"]
    assert result.chosen == 0


def test_a_population_has_no_time() -> None:
    members = short(sweep__seconds=9.0, sweep__mode="scalar", sweep__pruner={"name": "pbt"})
    with pytest.raises(RecipeError, match=r"leave sweep\.seconds out"):
        check_searched(members, load_space(members, Path()).dimensions)
