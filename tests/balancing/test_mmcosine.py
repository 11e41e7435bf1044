"""MMCosine in closed form, in float64."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from armtune.nn.cosines import CosineSum
from armtune.training.loop import Run, train
from armtune.training.network import build_network
from tests.balancing.toys import F64, THREE, toy_network
from tests.conftest import TWO, toy_dataset, toy_recipe

METHOD = {"name": "mmcosine"}


def test_logits_by_hand() -> None:
    network = toy_network(**METHOD)
    assert isinstance(network.fusion, CosineSum)
    with torch.no_grad():
        for weight in network.fusion.weights:
            weight.zero_()
            weight[0, 0, 0] = 7.0
            weight[0, :2, 1] = 0.5
            weight[0, 1, 2] = -2.0
    features = {m: torch.zeros(1, 1, 8, dtype=F64) for m in TWO}
    features["image"][0, 0, 0] = 30.0
    features["audio"][0, 0, :2] = torch.tensor([0.03, 0.04])
    # angles to the classes' weights: image 1, 1/√2, 0; audio 3/5, 7/(5√2), −4/5
    expected = [10 * (1 + 0.6), 10 * (1 + 1.4) / sqrt(2), 10 * -0.8]
    assert network.fuse(features)[0, 0].tolist() == pytest.approx(expected, abs=1e-12)


def test_length_of_the_features_does_not_matter() -> None:
    network = toy_network(THREE, **METHOD)
    features = {m: torch.rand(1, 4, 8, dtype=F64) for m in THREE}
    louder = {m: f * (10 if m == "image" else 0.1) for m, f in features.items()}
    assert torch.allclose(network.fuse(features), network.fuse(louder), atol=1e-12)


def test_features_of_no_length_decide_nothing_and_leave_gradients_finite() -> None:
    network = toy_network(**METHOD)
    features = {m: torch.zeros(1, 2, 8, dtype=F64) for m in TWO}
    logits = network.fuse(features)
    assert not logits.any()
    gradients = torch.autograd.grad(logits.sum(), list(network.fusion.parameters()))
    assert all(g.isfinite().all() for g in gradients)


def test_members_of_a_pack_have_their_own_scale() -> None:
    dataset = toy_dataset()
    recipes = [toy_recipe(balancing={**METHOD, "scale": scale}) for scale in (3.0, 20.0)]
    packed = Run(recipes, dataset, dtype=F64)
    train(packed, lambda *_: None)
    for k, recipe in enumerate(recipes):
        alone = Run([recipe], dataset, dtype=F64)
        train(alone, lambda *_: None)
        assert packed.best[k] == pytest.approx(alone.best[0], abs=1e-10)
        assert torch.allclose(packed.flat.values[k], alone.flat.values[0], atol=1e-10)


def test_a_saved_model_predicts_with_its_own_scale(tmp_path: Path) -> None:
    recipe, path = toy_recipe(balancing={**METHOD, "scale": 4.0}), tmp_path / "m.safetensors"
    run = Run([recipe], toy_dataset())
    train(run, lambda *_: None)
    run.save_model(path)
    network = build_network([recipe], TWO, 3)
    network.load_state_dict({name: tensor[None] for name, tensor in load_file(path).items()})
    views = {m: view[None] for m, view in run.validation.views.items()}
    with run.at_best() as best, torch.no_grad():
        assert torch.equal(network(views).logits, best(views).logits)
