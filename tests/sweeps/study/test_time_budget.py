"""A sweep's time: trials begin as long as they, and all that comes after them, end in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeTraining, FakeWorkshop, fake_recipe

from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.recipe.start_checks import check_searched
from armtune.report.status import read_status
from armtune.sweeps import SweepResult, read_records
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.study.time_budget import END_SECONDS, TimeBudget
from armtune.sweeps.workers.trial import Task

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
    own.share_out(size, places)
    for one in (record("COMPLETE", 10.0), record("COMPLETE", 20.0), record("PRUNED", 1.0)):
        own.note(one)
    clock.now += 200.0 - needed - 0.5
    assert not own.is_over(True)
    clock.now += 1.0
    assert own.is_over(True)


def test_re_trainings_take_half_of_the_time_at_most() -> None:
    """Six of 10 s each are cut later rather than that a sweep of 40 s had no time to search."""
    own, clock = budget(40.0, sweep__confirm=CONFIRM)
    own.note(record("COMPLETE", 10.0))
    clock.now += 40.0 - (20.0 + 10.0 + END_SECONDS) - 0.5
    assert not own.is_over(True)
    clock.now += 1.0
    assert own.is_over(True)


def test_earlier_sessions_count() -> None:
    own, clock = budget(60.0, spent=40.0)
    clock.now += 5.0
    assert own.left == 15.0


def test_without_a_whole_trial_one_at_a_time_goes_on() -> None:
    own, clock = budget(60.0)
    clock.now += 61.0
    for one in (record("PRUNED", 1.0), record("FAIL", 1.0)):
        own.note(one)
    assert own.is_over(True)
    assert not own.is_over(False)
    clock.now -= 2.0
    assert not own.is_over(True)


def test_a_trial_at_too_slow_a_pace_does_not_go_on() -> None:
    """2 epochs in 20 s leave 60 s for 6 more, beside the six re-trainings of 10 s each."""
    own, clock = budget(200.0, sweep__confirm=CONFIRM)
    own.note(record("PRUNED", 10.0))
    clock.now += 200.0 - (20.0 + 60.0 + 60.0 + END_SECONDS) - 0.5
    assert not own.is_too_slow(4, 1, 9)
    clock.now += 21.0
    assert not own.is_too_slow(4, 3, 9)
    own.note(record("COMPLETE", 10.0))
    assert own.is_too_slow(4, 3, 9)
    clock.now -= 1.0
    assert not own.is_too_slow(4, 3, 9)
    assert not own.is_too_slow(5, 3, 9)


@pytest.mark.parametrize(("left", "seeds"), [(61.0, 3), (59.0, 2), (39.0, 1), (1.0, 0)])
@pytest.mark.parametrize("least", [0, 1])
def test_re_trainings_are_cut_by_whole_seeds(left: float, seeds: int, least: int) -> None:
    own, clock = budget(200.0)
    clock.now += 200.0 - left - END_SECONDS
    like = [record("COMPLETE", 10.0), record("COMPLETE", 4.0)]
    tasks = [Task(n, fake_recipe(training__seed=s), Path()) for s in range(3) for n in (4, 7)]
    assert own.fitting(tasks, like, least) == tasks[: 2 * max(seeds, least)]
    assert own.fitting([], [], least) == []


@pytest.mark.parametrize(("left", "seeds"), [(161.0, 3), (121.0, 3), (119.0, 2), (41.0, 1)])
def test_half_of_what_is_left_is_kept_for_an_ensemble(left: float, seeds: int) -> None:
    """Ten models of 10 s each would take 100 s, and each seed's two re-trainings 20 s."""
    own, clock = budget(200.0, sweep__confirm=CONFIRM, sweep__ensemble="auto")
    clock.now += 200.0 - left - END_SECONDS
    tasks = [Task(n, fake_recipe(training__seed=s), Path()) for s in range(3) for n in (4, 7)]
    assert own.fitting(tasks, [record("COMPLETE", 10.0)], after=True) == tasks[: 2 * seeds]
    assert own.fitting_at(tasks, 10.0) == tasks[: 2 * seeds]


def test_an_ensemble_has_as_many_models_as_are_in_time() -> None:
    own, clock = budget(200.0, sweep__confirm=CONFIRM, sweep__ensemble="auto")
    for seconds in (10.0, 20.0):
        own.note(record("COMPLETE", seconds))
    clock.now += 200.0 - 46.0 - END_SECONDS
    assert own.models_in_time() == 3
    own.share_out(1, 2)
    assert own.models_in_time() == 6
    own.fitting_at([], 4.0)
    assert own.models_in_time() == 11
    clock.now += 100.0
    assert own.models_in_time() == 0


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


def of_unequal_cost(recipe: Recipe) -> FakeTraining:
    """The recipe's own values train 30 times as fast as others."""
    return FakeTraining(recipe, 0.02 if recipe.training.optimizer.lr == 0.01 else 0.6)


def test_a_trial_that_would_end_too_late_is_stopped_and_told(tmp_path: Path) -> None:
    recipe = short(sweep__seconds=END_SECONDS + 2.0)
    result = run_sweep(
        recipe, Place(tmp_path, tmp_path, inline=True), factory=FakeWorkshop(make=of_unequal_cost)
    )
    states = [r.state for r in result.records]
    assert states[0] == "COMPLETE"
    assert len(states) > 1
    assert set(states[1:]) == {"PRUNED"}
    assert "trial 1: stopped: at its pace it would not have ended in sweep.seconds" in result.notes
    assert result.chosen == 0


def test_re_trainings_that_no_time_is_left_for_are_made_up_by_more_time(tmp_path: Path) -> None:
    confirm = {**CONFIRM, "solo": True}
    recipe = fake_recipe(sweep__trials=1, sweep__seconds=0.01, sweep__confirm=confirm)
    result = swept(tmp_path, recipe)
    assert [len(seeds) for seeds in result.confirmed.values()] == [1]
    assert "sweep.seconds left time for 1 of 3 seeds of re-training" in result.notes
    assert not result.solo
    more = swept(tmp_path, with_overrides(recipe, {"sweep.seconds": 60.0}), resume=True)
    assert [len(seeds) for seeds in more.confirmed.values()] == [3]
    assert not any("sweep.seconds left" in note for note in more.notes)
    assert {len(seeds) for seeds in more.solo.values()} == {3}


def test_a_population_has_no_time() -> None:
    members = short(sweep__seconds=9.0, sweep__mode="scalar", sweep__pruner={"name": "pbt"})
    with pytest.raises(RecipeError, match=r"leave sweep\.seconds out"):
        check_searched(members, load_space(members, Path()).dimensions)
