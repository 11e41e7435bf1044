"""Trainings on labels and values: ARM's choices, measures of one's own, streamed samples."""

from __future__ import annotations

from math import isfinite
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor

from armtune.metrics import Measure
from armtune.recipe.schema import Recipe
from armtune.targets import Target
from armtune.testing.toys import TOYS, toy_recipe
from armtune.training import Run, train

KINDS = ["labels", "values"]


def best(recipe: Recipe, kind: str) -> dict[str, float]:
    run = Run([recipe], TOYS[kind](), dtype=torch.float64)
    train(run, lambda *_: None)
    return run.best[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"valuation": "histogram", "resampling": 1.0, "dropout": 0.2},
        {"contribution": "published"},
        {"contribution": "leave_one_out", "gap": "symmetric"},
    ],
)
def test_arm_finds_the_weaker_modality_by_every_choice(kind: str, options: dict[str, Any]) -> None:
    recipe = toy_recipe(balancing={"name": "arm", "warmup_epochs": 0, **options}, epochs=6)
    metrics = best(recipe, kind)
    assert all(map(isfinite, metrics.values()))
    assert metrics["phi/image"] > metrics["phi/audio"]
    assert metrics["weight/image"] < metrics["weight/audio"]


class Largest(Measure):
    """The largest label, and output, that a metric of one's own sees."""

    serves: ClassVar[type[Target]] = Target

    name: Literal["largest"] = "largest"
    of: int = 0

    def value(self, logits: Tensor, labels: Tensor) -> float:
        return float((logits, labels)[self.of].max())


def test_measures_see_values_in_their_own_unit() -> None:
    measures = {"told": Largest(of=0), "true": Largest(of=1)}
    metrics = best(toy_recipe().model_copy(update={"metrics": measures}), "values")
    truth = TOYS["values"]().validation.labels
    assert metrics["true"] == pytest.approx(truth.max())
    assert truth.mean() < metrics["told"] < 2 * truth.max()


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_samples_train_alike(kind: str) -> None:
    held, streamed = (best(toy_recipe(data=where), kind) for where in ("memory", "stream"))
    assert held == streamed


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_epoch_is_that_of_the_best_score(kind: str) -> None:
    dataset = TOYS[kind]()
    run = Run([toy_recipe(epochs=5, optimizer={"name": "adamw", "lr": 0.3})], dataset)
    scores: list[float] = []
    train(run, lambda _, metrics: scores.append(metrics[0][dataset.target.score]))
    assert run.best[0][dataset.target.score] == max(scores)
    assert scores[int(run.best[0]["epoch"]) - 1] == max(scores)
