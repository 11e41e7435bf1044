from __future__ import annotations

from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from armtune.recipe.objectives import Goals
from armtune.report.plots import LABELLED, front_picture, png
from armtune.report.tables import Confirmed
from armtune.sweeps.study.records import TrialRecord


@pytest.fixture
def goals(script: Any) -> Goals:
    return Goals.from_recipe(script.recipe())


def axes_of(drawing: Figure) -> Axes:
    (axes,) = drawing.axes
    return axes


def legend_of(drawing: Figure) -> list[str]:
    return [text.get_text() for legend in drawing.legends for text in legend.get_texts()]


def front_line(drawing: Figure) -> Any:
    return next(line for line in axes_of(drawing).lines if "front" in str(line.get_label()))


def complete(script: Any, count: int) -> list[TrialRecord]:
    return [script.record(n, "COMPLETE", 3) for n in range(count)]


def test_the_picture_shows_each_kind_of_trial(script: Any, goals: Goals) -> None:
    records = [
        *complete(script, 4),
        script.record(4, "PRUNED", 2),
        script.record(5, "RUNNING", 1),
        script.record(6, "FAIL", 1),
    ]
    drawing = front_picture(
        records, [0, 3], goals, chosen=0, confirmed={0: [records[0].metrics] * 2}
    )
    assert legend_of(drawing) == [
        "complete (4)",
        "front (2)",
        "chosen: trial 0",
        "pruned (1)",
        "running (1)",
        "confirmed: mean ± std",
    ]


def test_axes_say_which_way_is_better(script: Any, goals: Goals) -> None:
    axes = axes_of(front_picture(complete(script, 2), [0, 1], goals))
    assert axes.get_xlabel() == "contribution gap (better: left)"
    assert axes.get_ylabel() == "accuracy (better: up)"


def test_one_objective_is_drawn_over_the_gap(script: Any) -> None:
    goals = Goals.from_recipe(script.recipe(objectives=["maximize accuracy"]))
    axes = axes_of(front_picture(complete(script, 2), [1], goals))
    assert axes.get_xlabel() == "contribution gap"


@pytest.mark.parametrize(
    ("second", "style"), [("minimize contribution_gap", "post"), ("maximize loss", "pre")]
)
def test_the_front_steps_at_the_worse_end(script: Any, second: str, style: str) -> None:
    goals = Goals.from_recipe(script.recipe(objectives=["maximize accuracy", second]))
    line = front_line(front_picture(complete(script, 3), [0, 1, 2], goals))
    assert line.get_drawstyle() == f"steps-{style}"
    assert list(line.get_xdata()) == sorted(line.get_xdata())


def test_pruned_trials_far_away_do_not_shrink_the_front(script: Any, goals: Goals) -> None:
    far = script.record(9, "PRUNED", 1, metrics={"accuracy": 0.1, "contribution_gap": 0.0})
    records = [*complete(script, 4), far]
    low, _ = axes_of(front_picture(records, [0, 3], goals)).get_ylim()
    assert low > 0.6
    low, _ = axes_of(front_picture(records[2:], [2], goals)).get_ylim()
    assert low < 0.1, "with few complete trials all are shown"


def test_numbers_are_left_out_where_they_would_hide_each_other(script: Any, goals: Goals) -> None:
    few, many = complete(script, LABELLED), complete(script, LABELLED + 1)
    labels = [
        len(axes_of(front_picture(records, [r.number for r in records], goals)).texts)
        for records in (few, many)
    ]
    assert labels == [LABELLED, 0]


def test_a_confirmation_is_a_bar_about_its_mean(script: Any, goals: Goals) -> None:
    seeds = [{"accuracy": a, "contribution_gap": 0.2} for a in (0.6, 0.8)]
    confirmed: Confirmed = {1: seeds, 2: [{}]}
    drawing = front_picture(complete(script, 3), [1], goals, confirmed=confirmed)
    (bars,) = axes_of(drawing).containers
    assert list(bars.lines[0].get_xydata()[0]) == pytest.approx([0.2, 0.7])


def test_nothing_to_show_is_said(goals: Goals) -> None:
    (text,) = axes_of(front_picture([], [], goals)).texts
    assert text.get_text() == "no trial has both metrics yet"


def test_png_has_the_size_it_says(script: Any, goals: Goals) -> None:
    data, width, height = png(front_picture(complete(script, 2), [0, 1], goals))
    assert data.startswith(b"\x89PNG")
    assert [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)] == [width, height]
