"""What a recipe may ask of each target: refused by ``armtune check``, before any data are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.recipe.load import dump_recipe, load_recipe, with_overrides
from armtune.recipe.objectives import Goals
from armtune.testing.toys import TOYS, toy_recipe
from armtune.training.loop import Run


@pytest.mark.parametrize(
    ("target", "score"), [("classes", "accuracy"), ("labels", "micro_f1"), ("values", "r2")]
)
def test_goals_that_are_not_given_follow_the_target(
    target: str, score: str, tmp_path: Path
) -> None:
    recipe = toy_recipe(target=target)
    assert recipe.sweep.objectives == [f"maximize {score}"]
    assert recipe.sweep.choose == f"highest {score}"
    assert Goals.from_recipe(recipe).score == score
    (path := tmp_path / "r.yaml").write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_goals_that_are_given_stay() -> None:
    recipe = with_overrides(toy_recipe(target="values"), {"sweep.objectives": ["minimize rmse"]})
    assert recipe.sweep.objectives == ["minimize rmse"]
    assert recipe.sweep.choose == "highest r2"


@pytest.mark.parametrize(
    ("target", "values", "message"),
    [
        (
            "values",
            {"sweep.objectives": ["maximize accuracy"]},
            r"sweep.objectives\[0\]: 'accuracy' is a metric of target classes, not of values; "
            "there are r2, mae, rmse, pearson, standard_error, loss, ",
        ),
        (
            "labels",
            {"sweep.constraints": ["unimodal_r2/audio >= 0"]},
            "'unimodal_r2/audio' is a metric of target values, not of labels; there are micro_f1",
        ),
        (
            "classes",
            {"sweep.choose": "highest subset_accuracy"},
            "'subset_accuracy' is a metric of target labels, not of classes; there are accuracy",
        ),
        (
            "values",
            {"sweep.choose": "highest rsme"},
            "no metric is called 'rsme'; did you mean 'rmse'",
        ),
        (
            "values",
            {"balancing": {"name": "pmr"}},
            "balancing.name: pmr isn't defined for target values; these are: agm, arm, auxiliary",
        ),
        ("labels", {"balancing": {"name": "amco"}}, "amco isn't defined for target labels"),
        (
            "values",
            {"metrics": {"top": {"name": "top_k"}}},
            "metrics.top.name: top_k isn't defined for target values",
        ),
        ("values", {"data.target": "value"}, "one of 'classes', 'labels', 'values'"),
    ],
)
def test_what_a_target_has_not_is_refused(
    target: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        with_overrides(toy_recipe(target=target), values)


@pytest.mark.parametrize("part", [{"balancing": "relearning"}, {"metrics": "top_k"}])
def test_a_training_refuses_what_its_data_have_not(part: dict[str, str]) -> None:
    """Where data say what they are only once they are read."""
    [(key, name)] = part.items()
    option = {"name": name} if key == "balancing" else {"own": {"name": name}}
    recipe = with_overrides(toy_recipe(), {key: option})
    with pytest.raises(RecipeError, match=f"{name} isn't defined for target values"):
        Run([recipe], TOYS["values"]())
