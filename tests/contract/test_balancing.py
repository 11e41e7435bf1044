"""What every balancing method must do, whichever files the folder holds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from armtune.data import Dataset, Split
from armtune.recipe.schema import Recipe
from armtune.registry import plugins
from armtune.training import Run, train
from tests.conftest import TWO, Shapes, toy_dataset, toy_recipe

METHODS = plugins("balancing")
FAMILY: list[Shapes] = [
    TWO,
    {**TWO, "touch": (4,)},
    {**TWO, "touch": (4,), "depth": (3, 5)},
]


def recipe(name: str, shapes: Shapes = TWO, seed: int = 0) -> Recipe:
    return toy_recipe(shapes, {"name": name}, epochs=3, seed=seed)


def trained(recipes: list[Recipe], dataset: Dataset) -> Run:
    run = Run(recipes, dataset, dtype=torch.float64)
    train(run, lambda *_: None)
    return run


@pytest.mark.parametrize("shapes", FAMILY, ids=lambda s: str(len(s)))
@pytest.mark.parametrize("name", METHODS)
def test_serves_or_refuses_any_number_of_modalities(name: str, shapes: Shapes) -> None:
    if METHODS[name]().problem(list(shapes)):  # type: ignore[attr-defined]
        pytest.skip("refused by name")
    run = trained([recipe(name, shapes)], toy_dataset(shapes))
    assert run.best[0]["accuracy"] > 0.5
    assert all(np.isfinite(value) for value in run.best[0].values())


@pytest.mark.parametrize("name", METHODS)
def test_packed_equals_solo(name: str) -> None:
    dataset = toy_dataset()
    pair = [recipe(name, seed=seed) for seed in (0, 1)]
    packed = trained(pair, dataset)
    for k, one in enumerate(pair):
        assert packed.best[k] == pytest.approx(trained([one], dataset).best[0], abs=1e-10)


@pytest.mark.parametrize("name", METHODS)
def test_stands_a_dead_modality(name: str) -> None:
    dataset = toy_dataset()

    def silenced(split: Split) -> Split:
        return Split({**split.views, "audio": np.zeros_like(split.views["audio"])}, split.labels)

    dead = dataclasses.replace(
        dataset, train=silenced(dataset.train), validation=silenced(dataset.validation)
    )
    best = trained([recipe(name)], dead).best[0]
    assert all(np.isfinite(value) for value in best.values())


@pytest.mark.parametrize("name", METHODS)
def test_predictions_do_not_depend_on_labels(name: str) -> None:
    dataset = toy_dataset()
    run = trained([recipe(name)], dataset)
    rolled = Split(dataset.test.views, np.roll(dataset.test.labels, 1))
    logits = []
    for split in (dataset.test, rolled):
        views = {
            m: torch.from_numpy(s.apply(split.views[m]))[None].double()
            for m, s in run.scales.items()
        }
        with run.at_best() as network, torch.no_grad():
            logits.append(network(views).logits)
    assert torch.equal(*logits)
