"""Every fusion under no balancing and under ARM: packs, subsets, weights, contributions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from armtune.nn.forward import only
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.training.loop import EpochMetrics, Run, train
from armtune.training.network import MultimodalNet, build_network
from tests.conftest import TWO, Shapes, toy_dataset, toy_recipe

FUSIONS = plugins("fusion")
THREE: Shapes = {**TWO, "touch": (4,)}
BALANCING: dict[str, dict[str, Any]] = {
    "none": {"name": "none"},
    "arm": {"name": "arm", "tau": 1.0, "dropout": 0.2, "warmup_epochs": 0},
}


def recipe(fusion: str, balancing: str, shapes: Shapes = THREE, seed: int = 0) -> Recipe:
    optimizer = {"name": "adamw", "lr": 0.01}
    base = toy_recipe(shapes, BALANCING[balancing], epochs=2, seed=seed, optimizer=optimizer)
    return Recipe.model_validate({**base.model_dump(), "fusion": {"name": fusion}})


def trained(recipes: list[Recipe], shapes: Shapes = THREE) -> Run:
    run = Run(recipes, toy_dataset(shapes), dtype=torch.float64)
    train(run, lambda *_: None)
    return run


def network(fusion: str, shapes: Shapes = THREE) -> MultimodalNet:
    return build_network([recipe(fusion, "none", shapes)], shapes, 3, torch.float64)


def features(net: MultimodalNet) -> dict[str, torch.Tensor]:
    generator = stream(0, "features")
    return {
        m: torch.randn(1, 5, size, generator=generator, dtype=torch.float64)
        for m, size in net.sizes.items()
    }


def check_metrics(metrics: EpochMetrics) -> None:
    assert all(math.isfinite(value) for value in metrics.values())
    shares = [metrics[f"contribution/{m}"] for m in THREE]
    # Contributions share out what the accuracy is above chance: three equal classes.
    assert sum(shares) == pytest.approx(metrics["accuracy"] - 1 / 3, abs=1e-9)


@pytest.mark.parametrize("balancing", BALANCING)
@pytest.mark.parametrize("name", FUSIONS)
def test_learns_alike_packed_and_alone(name: str, balancing: str) -> None:
    pair = [recipe(name, balancing, seed=seed) for seed in (0, 1)]
    packed = trained(pair)
    for k, one in enumerate(pair):
        check_metrics(packed.best[k])
        assert packed.best[k]["accuracy"] > 0.5
        assert packed.best[k] == pytest.approx(trained([one]).best[0], abs=1e-9)


@pytest.mark.parametrize("name", FUSIONS)
def test_an_absent_modality_is_its_mean_feature(name: str) -> None:
    run = trained([recipe(name, "none")])
    views, labels = run.validation.views, run.validation.labels
    with run.at_best() as net, torch.no_grad():
        given = net.encode({m: view[None] for m, view in views.items()})
        means = net.mean_features()
        for m in THREE:
            logits = net.fuse({**given, m: means[m].expand_as(given[m])})
            accuracy = (logits[0].argmax(-1) == labels).double().mean()
            assert float(accuracy) == pytest.approx(run.best[0][f"missing/{m}"], abs=1e-9)


@pytest.mark.parametrize("name", FUSIONS)
def test_subsets_are_decided_on_as_one_by_one(name: str) -> None:
    net = network(name)
    given = features(net)
    absent = {m: f.mean(1, keepdim=True) for m, f in given.items()}
    subsets = range(1, 8)
    with torch.no_grad():
        net.weights.copy_(torch.tensor([[0.5, 1.0, 1.5]]))
        together = net.fuse_subsets(given, absent, subsets)
        for subset in subsets:
            one_by_one = net.fuse(only(given, absent, [subset]))
            assert torch.allclose(together[:, subset - 1], one_by_one, atol=1e-12)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_weight_of_0_silences_its_modality_and_no_other(name: str) -> None:
    net = network(name)
    given = features(net)
    with torch.no_grad():
        for k, m in enumerate(THREE):
            moved = {**given, m: given[m] + 1}
            net.weights.fill_(1)
            assert not torch.allclose(net.fuse(given), net.fuse(moved), atol=1e-6)
            net.weights[:, k] = 0
            assert torch.equal(net.fuse(given), net.fuse(moved))
            for other in THREE.keys() - {m}:
                heard = {**given, other: given[other] + 1}
                assert not torch.allclose(net.fuse(given), net.fuse(heard), atol=1e-6)


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_serves_any_number_of_modalities(name: str, count: int) -> None:
    sizes = {f"modality {k}": k + 1 for k in range(count)}
    init = Init([stream(0, "init")], torch.float64)
    module = FUSIONS[name]().build(sizes, 4, init)  # type: ignore[attr-defined]
    given = {m: torch.ones(1, 2, size, dtype=torch.float64) for m, size in sizes.items()}
    assert module(given).shape == (1, 2, 4)
