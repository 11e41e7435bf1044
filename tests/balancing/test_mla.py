"""MLA: who learns from what, and the matrix of the shared head's gradient, restated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.mla import WEIGHT, Alternator, Mla, projected
from armtune.errors import RecipeError
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from armtune.training.network import build_network
from tests.balancing.toys import F64, THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes, toy_recipe


@pytest.mark.parametrize("elementwise", [True, False])
def test_matrix_restated(elementwise: bool) -> None:
    rng = np.random.default_rng(1)
    matrix, mean = np.eye(4) / 2, rng.normal(size=(3, 1, 4))
    found = torch.from_numpy(matrix)[None]
    for r, alpha in zip(mean, (0.1, 0.05, 0.01), strict=True):
        found = projected(found, torch.from_numpy(r), alpha, elementwise)
        k = matrix @ r.T
        divisor = alpha + (k @ r if elementwise else (r @ k).item())
        matrix = matrix - (k @ k.T) / divisor
        matrix = matrix / np.sqrt((matrix**2).sum())
    assert np.allclose(found[0].numpy(), matrix, atol=1e-12)


def test_without_alpha_a_direction_is_taken_out() -> None:
    mean = torch.tensor([[3.0, 4.0, 0.0]], dtype=F64)
    matrix = projected(torch.eye(3, dtype=F64)[None], mean, 0.0, False)
    assert torch.allclose(matrix @ mean.unsqueeze(2), torch.zeros(1, 3, 1, dtype=F64), atol=1e-12)


def ready(shapes: Shapes, accumulate: int = 1, **options: Any) -> Alternator:
    network = toy_network(shapes, name="mla")
    balancer = Alternator([Mla(**options)], toy_context(network, accumulate=accumulate))
    balancer.start_epoch(at(balancer, 0))
    return balancer


@pytest.mark.parametrize("projection", ["orthogonal", "none"])
@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_gradients_are_the_literal_ones(shapes: Shapes, projection: Any) -> None:
    balancer = ready(shapes, projection=projection)
    network = balancer.context.network
    flat = FlatParameters(network)
    views, labels = toy_batch(shapes)
    step = Step(network(views), labels, labels, 0)
    losses = balancer.losses(step)
    assert losses[0].item() == pytest.approx(
        (
            balancer.fused_loss(step)
            + balancer.heads_loss(step)
            - sum(loss.item() for loss in losses[1:])
        ).item(),
        abs=1e-12,
    )
    gradients = flat.differentiate([loss.sum() for loss in losses])
    balancer.change_gradients(gradients)
    again = network.encode(views)
    names, expected, matrix = dict(network.named_parameters()), {}, np.eye(8)
    for k, (m, feature) in enumerate(again.items()):
        votes = network.fusion.apart({m: feature})[m]
        loss = cross_entropy(votes, labels).mean()
        own = network.encoder_parameters(m)
        found = torch.autograd.grad(loss, [names[n] for n in (*own, WEIGHT)])
        expected |= dict(zip(own, found[:-1], strict=True))
        if k and projection == "orthogonal":
            r = feature.detach().mean(1).numpy()
            column = matrix @ r.T
            matrix = matrix - column @ column.T / (0.1 + (r @ column).item())
            matrix = matrix / np.sqrt((matrix**2).sum())
        part = torch.from_numpy(matrix @ found[-1][0].numpy())[None]
        expected[WEIGHT] = expected.get(WEIGHT, 0) + part
    for name, gradient in expected.items():
        assert torch.allclose(gradients[0][name], gradient, atol=1e-12), name


def test_the_decision_is_the_mean_of_the_votes() -> None:
    network = toy_network(THREE, name="mla")
    features = network.encode(toy_batch(THREE)[0])
    head = dict(network.named_parameters())
    votes = [f @ head[WEIGHT] + head["fusion.apart.head.bias"] for f in features.values()]
    assert torch.allclose(network.fuse(features), torch.stack(votes).mean(0), atol=1e-12)


def test_features_of_different_lengths_are_refused_by_their_names() -> None:
    recipe = toy_recipe(balancing={"name": "mla"})
    document = recipe.model_dump(mode="json")
    document["modalities"]["audio"]["encoder"]["width"] = 5
    with pytest.raises(RecipeError, match="image 8, audio 5"):
        build_network([type(recipe).model_validate(document)], TWO, 3)
