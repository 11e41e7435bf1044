"""Dropout, smoothed labels, mixup: what they do to a step, in packs, in folds; where they can't."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from armtune.data import Dataset
from armtune.data.folding import folded
from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.testing.toys import TOYS, toy_recipe
from armtune.training.dropout import dropped
from armtune.training.schedule import begin

EITHER = [
    {"training.dropout": 0.5},
    {"training.label_smoothing": 0.2},
    {"training.mixup": 0.4},
]


def recipe_of(seed: int = 0, **changes: Any) -> Recipe:
    return with_overrides(toy_recipe(), {"training.epochs": 2, "training.seed": seed, **changes})


def test_features_are_dropped_and_their_mean_stays() -> None:
    features = {m: torch.full((2, 40, 50), 3.0) for m in ("image", "audio")}
    recipes = [recipe_of(seed, **{"training.dropout": 0.25}) for seed in (0, 1)]
    found = dropped(features, recipes, [3, 3], 7)
    for values in found.values():
        assert set(values.unique().tolist()) == {0.0, 4.0}
        assert values.mean().item() == pytest.approx(3.0, abs=0.1)
    assert not torch.equal(found["image"], found["audio"])
    assert not torch.equal(found["image"][0], found["image"][1])
    [alone] = dropped({"image": features["image"][:1]}, recipes[1:], [3], 7)["image"]
    assert torch.equal(alone, found["image"][1])
    assert not torch.equal(alone, dropped(features, recipes, [3, 4], 7)["image"][1])


def test_smoothed_cross_entropy_is_that_with_smoothed_shares() -> None:
    target = Classes(("a", "b", "c")).smoothed(0.3)
    outputs = torch.tensor([[[1.0, 2.0, -1.0], [0.0, 0.5, 3.0]]], dtype=torch.float64)
    labels = torch.tensor([[1, 0]])
    shares = torch.tensor([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]], dtype=torch.float64)
    expected = -(shares * outputs[0].log_softmax(-1)).sum(-1)
    assert torch.allclose(target.losses(outputs, labels)[0], expected)
    plain = Classes(("a", "b", "c"))
    assert torch.equal(target.likelihoods(outputs, labels), plain.likelihoods(outputs, labels))
    assert target.about() == {**plain.about(), "smoothing": 0.3}
    assert "smoothing" not in plain.about()


def test_smoothed_labels_are_between_yes_and_no() -> None:
    target = Labels(("a", "b")).smoothed(0.2)
    outputs = torch.tensor([[[2.0, -1.0]]], dtype=torch.float64)
    labels = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)

    def entropy(p: float, q: float) -> float:
        return -(p * math.log(q) + (1 - p) * math.log(1 - q))

    there = entropy(0.9, 1 / (1 + math.exp(-2))), entropy(0.1, 1 / (1 + math.exp(1)))
    assert target.losses(outputs, labels).item() == pytest.approx(sum(there) / 2)
    plain = Labels(("a", "b"))
    assert torch.equal(target.likelihoods(outputs, labels), plain.likelihoods(outputs, labels))


@pytest.mark.parametrize("changes", EITHER, ids=lambda c: next(iter(c)))
def test_a_member_trains_alike_in_whatever_pack(
    changes: dict[str, Any], make_dataset: Callable[..., Dataset]
) -> None:
    dataset = make_dataset()
    recipes = [recipe_of(seed, **changes) for seed in (0, 1)]
    pack = begin(recipes, dataset)
    alone = begin(recipes[1:], dataset)
    plain = begin([recipe_of(1)], dataset)
    for _ in range(2):
        found = [run.advance()[-1] for run in (pack, alone, plain)]
    assert found[0]["loss"] == pytest.approx(found[1]["loss"], rel=1e-4)
    assert found[1]["train_loss"] != pytest.approx(found[2]["train_loss"], rel=1e-4)


@pytest.mark.parametrize("changes", EITHER, ids=lambda c: next(iter(c)))
@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_folds_train_with_them(kind: str, changes: dict[str, Any]) -> None:
    dataset = folded(TOYS[kind](), 2)
    [metrics] = begin([recipe_of(**changes)], dataset).advance()
    assert math.isfinite(metrics["train_loss"])


def test_judgements_know_the_truth_alone(make_dataset: Callable[..., Dataset]) -> None:
    run = begin(
        [recipe_of(**{"training.label_smoothing": 0.9, "training.epochs": 60})], make_dataset()
    )
    for _ in range(60):
        [metrics] = run.advance()
    # What smoothed shares cost at least, against what the validation loss says of the same model.
    shares = 0.9 / 3 + 0.1, 0.9 / 3, 0.9 / 3
    least = -sum(p * math.log(p) for p in shares)
    assert metrics["train_loss"] > least - 0.01
    assert metrics["accuracy"] > 0.4


def test_values_have_no_labels_to_smooth() -> None:
    smoothed = recipe_of(**{"training.label_smoothing": 0.1})
    with pytest.raises(RecipeError, match=r"target values has no labels to smooth; leave it out"):
        begin([smoothed], TOYS["values"]())
    begin([recipe_of(**{"training.dropout": 0.1})], TOYS["values"]()).advance()
