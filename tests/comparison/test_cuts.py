"""Comparisons over cuts: means of each cut's seeds, and data that can't be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from armtune.comparison.cuts import cut_recipes, over_cuts, refuse_given
from armtune.comparison.run import Comparison, Outcome
from armtune.data import Dataset
from armtune.data.rows import taken
from armtune.errors import RecipeError
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.schema import Recipe
from armtune.references import Reference, References
from armtune.sweeps import Confirmation

RECIPES = Path(__file__).parents[2] / "recipes"


def outcome(method: str, *accuracies: float, failure: str = "") -> Outcome:
    seeds = [Confirmation(k, {"accuracy": a}, {"accuracy": a}) for k, a in enumerate(accuracies)]
    return Outcome(method, failure, seeds=seeds)


def references(test: float, reason: str = "") -> References:
    scores = {} if reason else {"validation": test, "test": test}
    found = Reference("logistic regression", "mean", reason=reason, **scores)  # type: ignore[arg-type]
    return References("accuracy", 10, {}, (found,))


def comparison(recipe: Recipe, none: Outcome, arm: Outcome) -> Comparison:
    return Comparison(recipe, "data", "none", [none, arm])


def test_figures_are_means_over_each_cuts_seeds(make_recipe: Callable[..., Recipe]) -> None:
    each = [
        comparison(make_recipe(), outcome("none", 0.5, 0.7), outcome("arm", 0.7, 0.9)),
        comparison(make_recipe(), outcome("none", 0.4, 0.4), outcome("arm", 0.4, 0.6)),
    ]
    found = over_cuts(each)
    assert found.over == "cuts"
    assert found.outcomes[0].values("test", "accuracy") == pytest.approx({0: 0.6, 1: 0.4})
    difference = found.differences("accuracy")["arm"]
    assert (difference.pairs, difference.mean) == (2, pytest.approx(0.15))


def test_a_cut_in_which_a_method_failed_is_left_out(make_recipe: Callable[..., Recipe]) -> None:
    each = [
        comparison(make_recipe(), outcome("none", 0.5), outcome("arm", failure="it broke")),
        comparison(make_recipe(), outcome("none", 0.4), outcome("arm", 0.6)),
    ]
    found = over_cuts(each)
    assert found.outcomes[1].notes == ["cut 0: it broke"]
    assert found.differences("accuracy")["arm"].pairs == 1


def test_references_are_means_of_what_all_cuts_measured(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe()
    for scores, expected in (((0.4, 0.6), 0.5), ((0.4, None), None)):
        each = [
            Comparison(
                recipe,
                "data",
                "none",
                [replace(outcome("none", 0.5), references=references(s or 0, "" if s else "late"))],
            )
            for s in scores
        ]
        best = over_cuts(each).references.best  # type: ignore[union-attr]
        assert (best.test if best else None) == (expected and pytest.approx(expected))


def test_each_cut_has_a_seed_of_its_own(make_recipe: Callable[..., Recipe]) -> None:
    recipe = with_overrides(make_recipe(), {"data.seed": 3})
    assert [r.data.seed for r in cut_recipes(recipe, 2)] == [3, 4]  # type: ignore[attr-defined]


def test_data_that_no_seed_cuts_are_refused(make_dataset: Callable[..., Dataset]) -> None:
    with pytest.raises(RecipeError, match="cmu_mosi isn't cut by a seed"):
        cut_recipes(load_recipe(RECIPES / "cmu_mosi.yaml"), 2)
    dataset = make_dataset()
    with pytest.raises(RecipeError, match="a test split of their own"):
        refuse_given(dataset, dataset)
    others = np.arange(len(dataset.test))[::-1]
    refuse_given(dataset, replace(dataset, test=taken(dataset.test, others)))
