"""Schedules: what may change in the middle of a training, and what a recipe then says."""

from __future__ import annotations

from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.recipe.load import dump_recipe, with_overrides
from armtune.recipe.schedule import recipe_at
from armtune.recipe.schema import Recipe
from armtune.recipe.variants import alone

LR, TAU = "training.optimizer.lr", "balancing.tau"


def recipe(*changes: dict[str, Any], balancing: str = "arm") -> Recipe:
    plain = Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp"}} for m in ("image", "audio")},
            "balancing": {"name": balancing},
            "training": {"epochs": 6},
        }
    )
    return with_overrides(plain, {"training.schedule": list(changes)})


def test_changes_hold_from_their_epoch_on() -> None:
    whole = recipe({"epoch": 2, "values": {LR: 0.5, TAU: 1.5}}, {"epoch": 4, "values": {LR: 0.25}})
    own = whole.training.optimizer.lr
    rates = [recipe_at(whole, epoch).training.optimizer.lr for epoch in range(6)]
    assert rates == [own, own, 0.5, 0.5, 0.25, 0.25]
    assert [recipe_at(whole, e).balancing.model_dump()["tau"] for e in (1, 5)] == [0.5, 1.5]


def test_a_schedule_survives_being_written() -> None:
    whole = recipe({"epoch": 2, "values": {LR: 0.5}})
    assert "epoch: 2" in dump_recipe(whole)
    assert Recipe.model_validate_json(whole.model_dump_json()) == whole


def test_a_modality_alone_keeps_what_is_not_about_balancing() -> None:
    whole = recipe({"epoch": 2, "values": {TAU: 1.5}}, {"epoch": 4, "values": {LR: 0.25, TAU: 1.0}})
    single = alone(whole, "audio")
    assert [(c.epoch, c.values) for c in single.training.schedule] == [(4, {LR: 0.25})]
    assert recipe_at(single, 5).training.optimizer.lr == 0.25


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("fusion.dim", 8, "only the numbers of"),
        ("training.batch_size", 8, "only the numbers of"),
        ("balancing.valuation", "loss", "no number of balancing, which is arm"),
        ("balancing.nothing", 1.0, "no number of balancing, which is arm"),
        ("balancing.holdout", 0.3, "held out"),
        (LR, -1.0, "greater than"),
    ],
)
def test_what_may_not_change_is_refused(path: str, value: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe({"epoch": 2, "values": {path: value}})


def test_what_is_part_of_the_network_is_refused() -> None:
    with pytest.raises(RecipeError, match="part of the network"):
        recipe({"epoch": 2, "values": {"balancing.scale": 20.0}}, balancing="mmcosine")


@pytest.mark.parametrize("epochs", [(6,), (2, 2), (3, 2)])
def test_epochs_must_rise_and_lie_within_the_training(epochs: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match="must be above"):
        recipe(*({"epoch": epoch, "values": {LR: 0.1}} for epoch in epochs))
