"""What every balancing method must do, whichever files the folder holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

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

OFF: dict[str, dict[str, Any]] = {
    "agm": {"alpha": 0},
    "amco": {"rate": 0, "alpha": 0},
    "arm": {"alpha": 0, "gap_weight": 0, "tau": 0},
    "auxiliary": {"alpha": 0},
    "cml": {"weight": 0},
    "gradient_blending": {"strength": 0},
    "lfm": {"matching": 0},
    "mmpareto": {"from_epoch": 99},
    "modality_dropout": {"probability": 0},
    "ogm": {"alpha": 0},
    "ogm_ge": {"alpha": 0},
    "opm": {"probability": 0},
    "pmr": {"alpha": 0},
    "relearning": {"strength": 0},
    "sample_valuation": {"strength": 0},
    "unimodal_distillation": {"weight": 0},
}
"""Settings that switch a method off; ``mmcosine`` has none, since it is a fusion of its own."""


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


@pytest.mark.parametrize("name", sorted(OFF.keys() & METHODS.keys()))
def test_a_method_may_be_off_for_some_members_of_a_pack(name: str) -> None:
    pair = [recipe(name), toy_recipe(TWO, {"name": name, **OFF[name]}, epochs=3, seed=1)]
    if len({member.balancing.held_out for member in pair}) > 1:
        pytest.skip("such members train on different numbers of samples")
    dataset = toy_dataset()
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


@pytest.mark.parametrize("name", METHODS)
def test_predictions_do_not_depend_on_who_shares_the_batch(name: str) -> None:
    dataset = toy_dataset()
    run = trained([recipe(name)], dataset)
    views = {
        m: torch.from_numpy(s.apply(dataset.test.views[m]))[None].double()
        for m, s in run.scales.items()
    }
    few = {m: view[:, 40:45] for m, view in views.items()}
    with run.at_best() as network, torch.no_grad():
        together, apart = network(views).logits, network(few).logits
    assert torch.allclose(together[:, 40:45], apart, atol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_a_restored_run_goes_on_as_if_never_stopped(name: str, tmp_path: Path) -> None:
    dataset, method = toy_dataset(), recipe(name)
    whole, path = trained([method], dataset), tmp_path / "checkpoint.safetensors"
    stopped = Run([method], dataset, dtype=torch.float64)
    stopped.advance()
    stopped.save(path)
    resumed = Run([method], dataset, dtype=torch.float64)
    resumed.restore(path)
    train(resumed, lambda *_: None)
    assert resumed.best == whole.best
    assert torch.equal(resumed.flat.values, whole.flat.values)


@pytest.mark.parametrize("name", sorted(OFF.keys() & METHODS.keys()))
@pytest.mark.parametrize("shapes", FAMILY, ids=lambda s: str(len(s)))
def test_switched_off_it_is_no_balancing_to_the_last_bit(name: str, shapes: Shapes) -> None:
    dataset = toy_dataset(shapes)
    off = trained([toy_recipe(shapes, {"name": name, **OFF[name]})], dataset)
    plain = trained([toy_recipe(shapes)], dataset)
    assert plain.best[0] == {metric: off.best[0][metric] for metric in plain.best[0]}
    assert torch.equal(off.flat.values, plain.flat.values)
