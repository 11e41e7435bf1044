"""Trainings on labels and values: ARM's choices, measures of one's own, streamed samples."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from armtune.data import Dataset, Split
from armtune.metrics import Measure
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.targets import Target
from armtune.targets.values import Values
from armtune.testing.toys import TOYS, toy_recipe
from armtune.training.loop import Run, train

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
        {"contribution": "interaction"},
        {"contribution": "leave_one_out", "gap": "symmetric"},
    ],
)
def test_arm_finds_the_weaker_modality_by_every_choice(kind: str, options: dict[str, Any]) -> None:
    recipe = toy_recipe(balancing={"name": "arm", "warmup_epochs": 0, **options}, epochs=6)
    metrics = best(recipe, kind)
    assert all(map(isfinite, metrics.values()))
    assert metrics["phi/image"] > metrics["phi/audio"]
    assert metrics["weight/image"] < metrics["weight/audio"]


def two_values() -> Dataset:
    """The toy's value, and another one that the clouds know nothing of."""
    dataset = TOYS["values"]()
    rng = np.random.default_rng(0)

    def doubled(split: Split) -> Split:
        both = [split.labels, rng.normal(100, 10, len(split))]
        return replace(split, labels=np.stack(both, 1))

    parts = {n: doubled(getattr(dataset, n)) for n in ("train", "validation", "test")}
    known = Values(("weight", "noise")).fitted(parts["train"].labels, np.arange(240), "toy")
    return replace(dataset, target=known, **parts)


SERVING = [n for n, m in plugins("balancing").items() if issubclass(Values, m.serves)]


@pytest.mark.parametrize("method", SERVING)
def test_several_values_are_learnt_with_every_method_that_serves_values(method: str) -> None:
    recipe = toy_recipe(balancing={"name": method}, epochs=4)
    run = Run([recipe], two_values(), dtype=torch.float64)
    train(run, lambda *_: None)
    metrics = run.best[0]
    assert all(map(isfinite, metrics.values()))
    # One of the two is learnt, of the other nothing is to be known.
    assert 0.1 < metrics["r2"] < 0.5


def test_of_several_values_contributions_add_up_and_packs_are_the_same() -> None:
    dataset, recipe = two_values(), toy_recipe(balancing={"name": "arm", "warmup_epochs": 0})
    other = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": 1})})
    packed, alone = (Run(r, dataset, dtype=torch.float64) for r in ([recipe, other], [recipe]))
    for run in (packed, alone):
        train(run, lambda *_: None)
    assert packed.best[0] == pytest.approx(alone.best[0], abs=1e-10)
    given = sum(alone.best[0][f"contribution/{m}"] for m in dataset.shapes)
    assert given == pytest.approx(alone.best[0]["r2"])


class Largest(Measure):
    """The largest label, and output, that a metric of one's own sees."""

    serves: ClassVar[type[Target]] = Target

    name: Literal["largest"] = "largest"
    of: int = 0

    def value(self, logits: Tensor, labels: Tensor) -> float:
        return float((logits, labels)[self.of].max())


# It is in none of the plug-ins' folders.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
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
