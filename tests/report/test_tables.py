from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from rich.console import Console

from armtune.recipe.objectives import Goals
from armtune.report import tables


@pytest.fixture
def goals(script: Any) -> Goals:
    return Goals.from_recipe(script.recipe())


def shown(grid: tables.Grid, width: int, **options: bool) -> str:
    console = Console(file=io.StringIO(), record=True, width=width)
    console.print(grid.rich(**options))
    return console.export_text()


def test_names_are_cut_to_the_shortest_ending_that_tells_them_apart() -> None:
    paths = [
        "training.optimizer.lr",
        "balancing.name",
        "modalities.image.encoder.width",
        "modalities.audio.encoder.width",
    ]
    assert list(tables.short_names(paths).values()) == [
        "lr",
        "balancing",
        "image.encoder.width",
        "audio.encoder.width",
    ]


def test_a_name_that_ends_another_is_kept_whole() -> None:
    assert tables.short_names(["lr", "optimizer.lr"]) == {
        "lr": "lr",
        "optimizer.lr": "optimizer.lr",
    }


def test_trials_come_by_number_with_state_and_values(script: Any, goals: Goals) -> None:
    records = [script.record(1, "PRUNED", 2), script.record(0, "COMPLETE", 3)]
    grid = tables.trials_grid(records, goals)
    assert grid.rows[0] == (
        *("0", "complete", "3", "0.7000", "0.0500", "0.4000"),
        "lr=0.01 balancing=arm gap_weight=2.5",
    )
    assert [row[1] for row in grid.rows] == ["complete", "pruned"]
    assert grid.styles == ("green", "yellow")


def test_a_metric_that_was_not_measured_is_a_dash(script: Any, goals: Goals) -> None:
    grid = tables.trials_grid([script.record(0, "FAIL")], goals)
    assert grid.rows[0][3:6] == ("–", "–", "–")


def test_the_front_is_ordered_by_the_first_objective(script: Any, goals: Goals) -> None:
    records = [script.record(n, "COMPLETE", 3) for n in range(4)]
    grid = tables.front_grid(records, [0, 1, 3], goals, chosen=1)
    assert [row[0] for row in grid.rows] == ["3", "1 ★", "0"]
    assert grid.columns[-2:] == ("contribution/image", "contribution/audio")


def test_records_without_the_objective_come_last(script: Any, goals: Goals) -> None:
    nan = script.record(1, "COMPLETE", 3, metrics={"accuracy": math.nan})
    records = [script.record(0, "FAIL"), nan, script.record(2, "COMPLETE", 3)]
    assert tables.by_objective(records, goals)[0].number == 2


def test_confirmed_shows_the_spread_over_seeds_on_validation_and_test(goals: Goals) -> None:
    seeds = [{"accuracy": 0.7, "test/accuracy": 0.6}, {"accuracy": 0.8, "test/accuracy": 0.6}]
    grid = tables.confirmed_grid({4: seeds}, goals)
    assert grid.columns == ("trial", "seeds", "metric", "validation", "test")
    assert grid.rows[0] == ("4", "2", "accuracy", "0.7500 ± 0.0707", "0.6000 ± 0.0000")
    assert grid.rows[1][2:] == ("contribution_gap", "–", "–")


def test_one_seed_has_no_spread() -> None:
    assert tables.spread([{"accuracy": 0.7}], "accuracy") == (0.7, 0.0)
    assert tables.spread([{}, {"accuracy": math.nan}], "accuracy") is None
    assert tables.spread_text([{"accuracy": 0.7}, {}], "accuracy") == "0.7000"
    assert tables.spread_text([{"accuracy": 0.7}] * 2, "accuracy") == "0.7000 ± 0.0000"


def test_the_rule_picks_from_the_front(script: Any, goals: Goals) -> None:
    records = [script.record(n, "COMPLETE", 3) for n in range(4)]
    assert tables.chosen_of(records, [0, 1, 3], goals) == 1, "trial 3 has too wide a gap"
    assert tables.chosen_of(records, [3], goals) is None


def test_once_confirmed_the_mean_over_seeds_decides(script: Any, goals: Goals) -> None:
    records = [script.record(n, "COMPLETE", 3) for n in range(3)]
    best, good, bad = ({"accuracy": a, "contribution_gap": 0.1} for a in (0.9, 0.8, 0.1))
    confirmed = {0: [good, good], 1: [best, bad], 2: [best, {}]}
    assert tables.chosen_of(records, [0, 1, 2], goals) == 2
    assert tables.chosen_of(records, [0, 1, 2], goals, confirmed) == 0


def test_the_chosen_line_names_rule_and_values(script: Any) -> None:
    line = tables.chosen_line([script.record(1, "COMPLETE", 3)], 1, "highest accuracy")
    assert line == "★ Trial 1 chosen (highest accuracy): lr=0.002 balancing=none dim=8"
    running = [script.record(1, "RUNNING", 1)]
    assert tables.chosen_line(running, None, "knee") == "No trial has ended yet."
    stopped = [script.record(1, "PRUNED", 1)]
    said = "No trial was trained to its full length, so none could be chosen."
    assert tables.chosen_line(stopped, None, "knee") == said
    ended = [script.record(1, "COMPLETE", 3)]
    assert tables.chosen_line(ended, None, "knee") == "No trial of the front qualifies for: knee"


def test_a_table_fits_a_narrow_terminal_without_losing_a_number(script: Any, goals: Goals) -> None:
    text = shown(tables.trials_grid([script.record(0, "COMPLETE", 3)], goals), 80)
    assert max(map(len, text.splitlines())) <= 80
    figures, values = ["0.7000", "0.0500", "0.4000"], ["lr=0.01", "balancing=arm", "gap_weight=2.5"]
    assert {"complete", *figures, *values} <= set(text.split())


def test_without_folding_a_trial_is_one_line(script: Any, goals: Goals) -> None:
    grid = tables.trials_grid([script.record(0, "COMPLETE", 3)], goals)
    assert len(shown(grid, 80, fold=False).splitlines()) < len(shown(grid, 80).splitlines())


def test_cells_are_no_markup() -> None:
    grid = tables.Grid("Trials", ("values",), (("[red]x[/red] | y",),))
    assert "[red]x[/red]" in shown(grid, 60)
    _, _, head, line, row = grid.markdown().splitlines()
    assert (head, line) == ("| values |", "| --- |")
    assert row == r"| \[red\]x\[/red\] \| y |"


def test_json_has_no_nan(script: Any) -> None:
    record = script.record(0, "FAIL", 1, metrics={"accuracy": math.nan, "loss": 0.5})
    text = json.dumps(tables.trial_dict(record), allow_nan=False)
    assert json.loads(text)["metrics"] == {"accuracy": None, "loss": 0.5}


def test_confirmed_as_json_leaves_out_seeds_that_failed() -> None:
    told = tables.confirmed_dict({3: [{"accuracy": 0.5}, {}]})
    assert told == {"3": {"seeds": 2, "metrics": {"accuracy": {"mean": 0.5, "std": 0.0}}}}


def test_failures_say_why(script: Any) -> None:
    records = [script.record(0, "COMPLETE", 3), script.record(2, "FAIL", 1, reason="loss is nan")]
    assert tables.failures(records) == ["trial 2 failed: loss is nan"]


def test_no_figure_is_cut_off_on_a_narrow_terminal() -> None:
    figures = ("0.6219 ± 0.0648", "-0.0875 [-0.1234, 0.0123]", "+0.0123 [-0.1234, 0.0456]")
    columns = ("modality", "head", "change", "nats gained")
    told = shown(tables.Grid("Preserved", columns, (("audio", *figures),)), 50)
    assert "…" not in told
    assert all(part in told for figure in ("audio", *figures) for part in figure.split())


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_parts_fit_without_folding_a_word(width: int) -> None:
    columns = ("method", "trials", "complete", "pruned", "failed", "epochs")
    grid = tables.Grid("Budget", columns, (("auxiliary", "1", "1", "0", "0", "1"),))
    for part in grid.parts(width):
        console = Console(width=width, file=io.StringIO())
        console.print(part.rich())
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        assert "auxiliary" in shown
        assert all(column in shown for column in part.columns)
