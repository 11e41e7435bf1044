"""A search ends where the front no longer grows; the records alone decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeTraining, FakeWorkshop, fake_recipe

from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.recipe.start_checks import check_searched
from armtune.report.status import read_status
from armtune.sweeps import SweepResult
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.patience import Patience
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.study.search import Search
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.workers.trial import Step

ONE = {"sweep__objectives": ["maximize accuracy"]}


def record(
    number: int, accuracy: float, state: str = "COMPLETE", ended: float = 0.0, gap: float = 0.5
) -> TrialRecord:
    metrics = {"accuracy": accuracy, "contribution_gap": gap}
    return TrialRecord(number, state, {}, metrics, 9, "", 1.0, ended or 10.0 + number)


def is_over(records: Sequence[TrialRecord], trials: int = 3, **overrides: Any) -> bool:
    """Whether it is, told at once and trial by trial."""
    recipe = fake_recipe(sweep__patience=trials, **{**ONE, **overrides})
    noted = Patience(recipe, [])
    for one in sorted(records, key=lambda r: r.ended):
        noted.note(one)
    assert noted.is_over == Patience(recipe, records).is_over
    return noted.is_over


GREW = [record(n, a) for n, a in enumerate((0.5, 0.6, 0.7, 0.8, 0.7))]
IN_VAIN = [*GREW, record(5, 0.75), record(6, 0.8)]


def test_it_is_over_when_so_many_trials_were_in_vain() -> None:
    assert not is_over(GREW)
    assert not is_over(IN_VAIN[:-1])
    assert is_over(IN_VAIN)
    assert not is_over(IN_VAIN, trials=4)
    assert not is_over(IN_VAIN, trials=0)
    assert not is_over([*IN_VAIN, record(7, 0.9)])


@pytest.mark.parametrize("state", ["PRUNED", "FAIL"])
def test_trials_that_were_not_trained_to_the_end_count_as_trials_only(state: str) -> None:
    first = [record(0, 0.5), record(1, 0.6)]
    assert is_over([*first, *(record(n, 0.9, state) for n in (2, 3, 4))])
    assert not is_over([*first, *(record(n, 0.9, state) for n in (2, 3))])
    assert not is_over([record(n, 0.9, state) for n in range(9)])


def test_running_trials_do_not_count() -> None:
    recipe = fake_recipe(sweep__patience=3, **ONE)
    running = [record(n, 0.8, "RUNNING") for n in (7, 8, 9)]
    assert not Patience(recipe, [*GREW, *running]).is_over
    assert Patience(recipe, [*IN_VAIN, *running]).is_over


def test_it_goes_by_when_trials_ended() -> None:
    late = [record(0, 0.9, ended=99.0), *(record(n, 0.5) for n in range(1, 6))]
    assert not is_over(late)
    assert is_over([record(0, 0.9), *late[1:]])


def test_growth_below_the_share_is_none() -> None:
    """By 0.002, of 0.3 to where a tenth of the span lies behind the worst."""
    records = [*GREW[:4], *(record(n, 0.5) for n in (4, 5)), record(6, 0.802)]
    assert is_over(records)
    assert not is_over(records, sweep__patience_share=0.001)
    assert not is_over([*records[:-1], record(6, 0.81)])
    assert is_over([*records[:-1], record(6, 0.8)], sweep__patience_share=0.0)


def test_the_front_of_all_objectives_counts() -> None:
    first = [record(n, a, gap=0.5) for n, a in enumerate((0.8, 0.5, 0.6))]
    last = [record(n, 0.7, gap=g) for n, g in ((3, 0.6), (4, 0.1), (5, 0.7))]
    both = ["maximize accuracy", "minimize contribution_gap"]
    assert not is_over(first + last, sweep__objectives=both)
    assert is_over(first + last)
    loose = {"sweep__mode": "constrained", "sweep__constraints": ["contribution_gap <= 0.9"]}
    assert is_over(first + last, sweep__objectives=both, **loose)


def test_only_what_meets_the_constraints_counts() -> None:
    bound = {"sweep__constraints": ["contribution_gap <= 0.4"]}
    assert not is_over(IN_VAIN, **bound)
    able = [record(0, 0.4, gap=0.3), *IN_VAIN[1:]]
    assert is_over(able, **bound)
    assert not is_over([*able, record(7, 0.6, gap=0.3)], **bound)


def equal(recipe: Recipe) -> FakeTraining:
    """Trains the recipe's own values, whatever the trial's."""
    return FakeTraining(with_overrides(recipe, {"training.optimizer.lr": 0.01}))


def patient(**overrides: Any) -> Recipe:
    return fake_recipe(sweep__space=CALM, sweep__trials=20, sweep__pack=1, **overrides)


def swept(folder: Path, recipe: Recipe, resume: bool = False) -> SweepResult:
    place = Place(folder, folder, resume=resume, inline=True)
    return run_sweep(recipe, place, factory=FakeWorkshop(make=equal))


def test_a_sweep_ends_says_so_and_goes_on_with_more_patience(tmp_path: Path) -> None:
    result = swept(tmp_path, patient(sweep__patience=4))
    assert len(result.records) == 5
    why = "the last 4 made the front grow by no more than 1 %"
    assert f"sweep.patience ended the search after 5 trials: {why}" in result.notes
    told = read_status(tmp_path)
    assert told.over
    assert told.lines()[1].startswith(f"trials: 5 of 5 ended (sweep.patience: {why});")
    again = swept(tmp_path, patient(sweep__patience=4), resume=True)
    assert len(again.records) == 5
    assert len(swept(tmp_path, patient(sweep__patience=7), resume=True).records) == 8
    more = swept(tmp_path, patient(), resume=True)
    assert len(more.records) == 20
    assert not any("patience" in note for note in more.notes)
    assert read_status(tmp_path).lines()[1].startswith("trials: 20 of 20 ended;")


def test_a_sweep_whose_trials_all_began_says_nothing(tmp_path: Path) -> None:
    recipe = with_overrides(patient(sweep__patience=4), {"sweep.trials": 5})
    assert not any("patience" in note for note in swept(tmp_path, recipe).notes)
    assert read_status(tmp_path).lines()[1].startswith("trials: 5 of 5 ended;")


def test_a_population_has_no_patience() -> None:
    members = patient(sweep__patience=3, sweep__mode="scalar", sweep__pruner={"name": "pbt"})
    with pytest.raises(RecipeError, match=r"leave sweep\.patience out"):
        check_searched(members, load_space(members, Path()).dimensions)


def opened(folder: Path) -> Search:
    recipe = fake_recipe(sweep__patience=3, sweep__trials=9, **ONE)
    study = SweepStudy(folder, recipe, load_space(recipe, folder), Goals.from_recipe(recipe))
    return Search(recipe, folder, study, [])


def end(search: Search, number: int, accuracy: float) -> None:
    search.handle(number, Step(9, {"accuracy": accuracy, "epoch": 9.0}))


@pytest.mark.parametrize("resumes", [False, True])
def test_a_search_that_resumes_after_each_trial_ends_alike(tmp_path: Path, resumes: bool) -> None:
    search, told = opened(tmp_path), []
    for accuracy in (0.5, 0.6, 0.55, 0.7, 0.6, 0.7, 0.5, 0.9, 0.9):
        if (task := search.next()) is None:
            break
        end(search, task.number, accuracy)
        told.append(accuracy)
        search = opened(tmp_path) if resumes else search
    assert told == [0.5, 0.6, 0.55, 0.7, 0.6, 0.7, 0.5]
    assert search.over


def test_a_trial_that_still_runs_may_let_the_search_go_on(tmp_path: Path) -> None:
    search = opened(tmp_path)
    for _ in range(5):
        search.next()
    for number in (0, 1, 2, 3):
        end(search, number, 0.5)
    assert search.next() is None
    assert not search.over
    end(search, 4, 0.8)
    assert search.left == 4
    assert search.next() is not None
