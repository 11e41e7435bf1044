"""References as tables, for JSON, in TensorBoard and in comparisons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from armtune.comparison.plan import Contender
from armtune.comparison.run import WORST_MISSING, Comparison, Outcome, _referenced_once
from armtune.references import LATE, Reference, References
from armtune.report.method_comparison import result_grid
from armtune.report.references import references_dict, references_grid
from armtune.report.tensorboard import TensorBoardListener
from armtune.testing.toys import toy_recipe

MEAN = Reference("logistic regression", "mean", "", 0.8, 0.75, {"text": 0.5, "image": 0.7}, 1.0)
ALONE = Reference("logistic regression", "single", "text", 0.7, 0.9)
UNREACHED = Reference("gradient boosting", "single", "text", reason=LATE)
FOUND = References("accuracy", 40, {}, (ALONE, MEAN, UNREACHED))


def test_a_table_marks_the_best_on_validation_and_what_wasnt_reached() -> None:
    grid = references_grid(FOUND)
    assert [row[0] for row in grid.rows] == [
        "logistic regression on text",
        "logistic regression, mean of the modalities ★",
        "gradient boosting on text",
    ]
    assert grid.rows[1][1:] == ("0.8000", "0.7500", "0.7000", "0.5000", "1.0")
    assert grid.rows[2][1:] == ("–", "–", "–", "–", LATE)


def test_json_names_the_best() -> None:
    told = json.loads(json.dumps(references_dict(FOUND), allow_nan=False))
    assert told["best"] == MEAN.name
    assert told["best_single"] == ALONE.name
    assert told["references"][2]["test"] is None


def test_tensorboard_has_them(script: Any, tmp_path: Path) -> None:
    listener = TensorBoardListener()
    script.start(listener, tmp_path)
    listener.referenced(FOUND)
    written = b"".join(file.read_bytes() for file in tmp_path.glob("events.*"))
    assert b"sweep/references" in written
    assert f"reference/{MEAN.name}/test".encode() in written
    assert f"reference/{UNREACHED.name}/test".encode() not in written


def test_a_comparison_has_a_row_for_the_best_and_the_best_alone() -> None:
    recipe = toy_recipe()
    outcomes = [Outcome("none"), Outcome("arm", references=FOUND)]
    comparison = Comparison(recipe, "toy", "none", outcomes)
    test = result_grid(comparison, "test")
    assert [row[0] for row in test.rows] == ["none", "arm", MEAN.name, ALONE.name]
    at = {metric: 2 + k for k, metric in enumerate(comparison.metrics)}
    assert test.rows[2][at["accuracy"]] == "75.00"
    assert test.rows[2][at[WORST_MISSING]] == "50.00"
    validation = result_grid(comparison, "validation")
    assert validation.rows[3][at["accuracy"]] == "70.00"
    assert validation.rows[2][at[WORST_MISSING]] == "–"
    only = replace(comparison, outcomes=[Outcome("none")])
    assert len(result_grid(only, "test").rows) == 1


def test_a_comparison_measures_them_once() -> None:
    on = toy_recipe()
    on = on.model_copy(update={"sweep": on.sweep.model_copy(update={"references": True})})
    each = [Contender("cml", None, "can't"), Contender("none", on), Contender("arm", on)]
    found = [c.recipe and c.recipe.sweep.references for c in _referenced_once(each)]
    assert found == [None, True, False]
