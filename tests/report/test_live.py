from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space
from armtune.report.live import ROWS, LiveListener, duration
from armtune.report.pace import Pace
from armtune.sweeps.study.records import SweepStart, TrialRecord


def record_of(number: int, state: str = "RUNNING", epoch: int = 0, reason: str = "") -> TrialRecord:
    metrics = {"accuracy": 0.5 + 0.01 * number, "contribution_gap": 0.1 * number} if epoch else {}
    values = {"training.optimizer.lr": 0.5}
    return TrialRecord(number, state, values, metrics, epoch, reason, 100.0, 112.0)


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    sweep = {
        "sweep.objectives": ["maximize accuracy", "minimize contribution_gap"],
        "sweep.choose": "highest accuracy where contribution_gap <= 0.25",
        "sweep.trials": 8,
    }
    return with_overrides(make_recipe(), sweep)


class Screen:
    """A listener on a console whose text can be read."""

    def __init__(self, recipe: Recipe, terminal: bool, quiet: bool = False) -> None:
        self.recipe = recipe
        self.file = io.StringIO()
        console = Console(file=self.file, width=90, force_terminal=terminal, color_system=None)
        self.listener = LiveListener(recipe, console, quiet)

    def start(self, *records: TrialRecord) -> None:
        start = SweepStart(self.recipe, Space(), "toy clouds", Path(), list(records))
        self.listener.sweep_started(start)

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()

    @property
    def picture(self) -> str:
        console = Console(file=io.StringIO(), record=True, width=90)
        console.print(self.listener.picture())
        return console.export_text()


@pytest.fixture
def plain(recipe: Recipe) -> Screen:
    return Screen(recipe, terminal=False)


@pytest.fixture
def live(recipe: Recipe) -> Iterator[Screen]:
    screen = Screen(recipe, terminal=True)
    with screen.listener:
        yield screen


def test_without_a_terminal_each_trial_that_ends_is_a_line(plain: Screen) -> None:
    with plain.listener as listener:
        plain.start()
        listener.trial_started(record_of(1))
        listener.epoch_ended(record_of(1, epoch=1), {})
        listener.trial_ended(record_of(1, "COMPLETE", 3))
        listener.trial_ended(record_of(2, "PRUNED", 1))
    assert plain.lines[0] == "toy: 8 trials on toy clouds"
    complete, pruned = plain.lines[1:]
    expected = (
        "trial 1 complete  accuracy 0.5100  contribution_gap 0.1000  3 epochs in 12 s  (1 of 8"
    )
    assert complete.startswith(expected)
    assert pruned.startswith("trial 2 pruned  accuracy 0.5200")


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True), (True, False)])
def test_a_failed_trial_is_one_line_with_its_reason(
    recipe: Recipe, terminal: bool, quiet: bool
) -> None:
    screen = Screen(recipe, terminal, quiet)
    with screen.listener as listener:
        screen.start()
        listener.trial_ended(record_of(3, "FAIL", 2, "epoch 2: loss is nan [all of it]"))
    (line,) = [line for line in screen.lines if "trial 3 failed" in line]
    assert "trial 3 failed: epoch 2: loss is nan [all of it]  (1 of 8" in line


@pytest.mark.parametrize(("seconds", "wanted"), [(None, "1 trial"), (60, "at most 1 trial")])
def test_one_trial_is_said_as_one(recipe: Recipe, seconds: int | None, wanted: str) -> None:
    short = recipe.sweep.model_copy(update={"trials": 1, "seconds": seconds})
    screen = Screen(recipe.model_copy(update={"sweep": short}), terminal=False)
    with screen.listener:
        screen.start()
    assert screen.lines == [f"toy: {wanted} on toy clouds"]


def test_quiet_on_a_terminal_draws_no_picture(recipe: Recipe) -> None:
    screen = Screen(recipe, terminal=True, quiet=True)
    with screen.listener:
        screen.start()
    assert screen.lines == ["toy: 8 trials on toy clouds"]


def test_the_picture_counts_states_and_names_the_data(live: Screen) -> None:
    live.start(record_of(0, "COMPLETE", 3), record_of(1, "PRUNED", 1), record_of(2, "FAIL", 1))
    live.listener.trial_started(record_of(3))
    assert "3 of 8 · 1 running · 1 complete · 1 pruned · 1 failed" in live.picture
    assert "data: toy clouds" in live.picture


def test_the_picture_shows_what_runs_and_the_front(live: Screen) -> None:
    live.start()
    for number in (1, 2, 3):
        live.listener.trial_ended(record_of(number, "COMPLETE", 3))
    live.listener.epoch_ended(record_of(4, epoch=2), {})
    running, front = live.picture.split("Front")
    assert running.splitlines()[-2].split() == ["4", "2/3", "0.5400", "0.4000", "lr=0.5"]
    assert [line.split()[0] for line in front.splitlines() if "0.5" in line] == ["3", "2", "1"]
    assert "2 ★" in front, "the rule wants a gap of at most 0.25"


def test_a_long_front_is_cut_but_keeps_the_chosen_trial(live: Screen) -> None:
    live.start(*(record_of(number, "COMPLETE", 3) for number in range(ROWS + 4)))
    front = live.picture.split("Front")[1]
    assert f", {ROWS} of {ROWS + 4}" in front
    rows = [line.split() for line in front.splitlines() if "0.5" in line or "0.6" in line]
    assert [row[0] for row in rows] == ["11", "10", "9", "8", "7", "6", "5", "2"]
    assert rows[-1][1] == "★"


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
def test_plain_lines_tell_the_time_left_with_all_of_the_front(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool
) -> None:
    """So many trials will be trained again."""
    fronts = list[int]()

    class Told(Pace):
        def left(self, records: Sequence[TrialRecord], front: int) -> float | None:
            fronts.append(front)
            return super().left(records, front)

    monkeypatch.setattr("armtune.report.live.Pace", Told)
    screen = Screen(recipe, terminal, quiet)
    with screen.listener as listener:
        screen.start()
        for number in (1, 2, 3):
            listener.trial_ended(record_of(number, "COMPLETE", 3))
    assert fronts == [1, 2, 3]


def test_an_epoch_asks_nothing_of_the_other_trials(plain: Screen) -> None:
    """There may be tens of thousands."""
    asked = list[int]()

    class Asked(TrialRecord):
        def __getattribute__(self, name: str) -> Any:
            if name in ("state", "epoch"):
                asked.append(object.__getattribute__(self, "number"))
            return object.__getattribute__(self, name)

    others = [Asked(**vars(record_of(n, "COMPLETE", 3))) for n in range(9)]
    with plain.listener as listener:
        plain.start(*others)
        listener.trial_started(record_of(9))
        asked.clear()
        for epoch in (1, 2):
            listener.epoch_ended(record_of(9, epoch=epoch), {})
    assert asked == []


def test_confirming_is_shown(plain: Screen, live: Screen) -> None:
    for screen in (plain, live):
        screen.start()
        screen.listener.confirmed(2, 7, {"accuracy": 0.75})
    assert plain.lines[-1] == "trial 2 confirmed with seed 7  accuracy 0.7500"
    assert "confirming: 1 re-trained, the last trial 2 with seed 7" in live.picture


def test_a_resumed_trials_time_is_not_told(plain: Screen) -> None:
    """What lies between its start and its end wasn't all spent on it."""
    plain.start(record_of(1, epoch=2))
    plain.listener.trial_ended(record_of(1, "COMPLETE", 3))
    assert "3 epochs resumed" in plain.lines[-1]


def test_a_modality_alone_is_told_by_its_score(plain: Screen) -> None:
    plain.start()
    metrics = {"accuracy": 0.75, "contribution_gap": 0.0, "weakest_accuracy": 0.5}
    plain.listener.trained_alone("image", 7, metrics, [])
    assert plain.lines[-1] == "image alone trained with seed 7  accuracy 0.7500"


def test_the_picture_says_that_workers_are_starting(live: Screen) -> None:
    live.start()
    assert "workers are starting" in live.picture
    live.listener.trial_started(record_of(1))
    assert "workers are starting" not in live.picture


def test_the_last_picture_keeps_the_counts_and_leaves_the_front_to_others(live: Screen) -> None:
    live.start(record_of(2, "COMPLETE", 3))
    assert "Front" in live.picture
    live.listener.sweep_ended([record_of(2, "COMPLETE", 3)], [2])
    live.listener.__exit__(None, None, None)
    assert "1 of 8" in live.file.getvalue()
    assert "Front" not in live.picture


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (125, "2:05"), (3725, "1:02:05")]
)
def test_durations_are_for_people(seconds: Any, text: str) -> None:
    assert duration(seconds) == text


def test_what_auto_settles_on_is_said(recipe: Recipe) -> None:
    screen = Screen(with_overrides(recipe, {"sweep.sampler": {"name": "auto"}}), terminal=False)
    screen.start()
    assert screen.lines[0].startswith("sampler: ")
    assert "chosen because" in screen.lines[0]
