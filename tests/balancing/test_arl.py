"""ARL: factors by entropy and loudness, restated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.arl import Arl, AsymmetricLearner, asymmetry
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import F64, at, toy_batch, toy_context, toy_network


def restated(doubts: list[float], loudness: list[float], sharpness: float) -> list[float]:
    """The released weights of two modalities."""
    doubt = np.maximum(np.array(doubts) / sum(doubts), 0.3)
    sure = (1 / doubt) / (1 / doubt).sum()
    heard = np.array(loudness) / sum(loudness)
    exponents = np.exp(sharpness * sure * heard[::-1])
    weights: list[float] = (exponents / exponents.sum()).tolist()
    return weights


@pytest.mark.parametrize("doubts", [[0.4, 0.9], [0.05, 2.0], [1.0, 1.0]])
def test_factors_of_two_are_the_released_ones(doubts: list[float]) -> None:
    loudness, sharpness = [5.0, 2.0], 8.0
    found = asymmetry(
        torch.tensor([doubts], dtype=F64),
        torch.tensor([loudness], dtype=F64),
        torch.tensor([[sharpness]], dtype=F64),
    )
    expected = restated(doubts, loudness, sharpness)
    assert found[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_factors_of_three_sum_to_one_and_equals_are_equal() -> None:
    ones, eight = torch.ones(1, 3, dtype=F64), torch.full((1, 1), 8.0, dtype=F64)
    assert asymmetry(ones, ones, eight)[0].tolist() == pytest.approx([1 / 3] * 3)
    uneven = asymmetry(ones * torch.tensor([1.0, 2, 3]), ones, eight)
    assert uneven.sum().item() == pytest.approx(1)
    assert uneven[0].argmax() == 0


@pytest.mark.parametrize(
    ("epoch", "weights", "gamma"), [(5, "softmax", 1.0), (6, "softmax", 4.0), (6, "even", 4.0)]
)
def test_gradients_of_encoders_are_scaled_as_a_whole(
    epoch: int, weights: str, gamma: float
) -> None:
    network = toy_network()
    flat = FlatParameters(network)
    views, labels = toy_batch()
    balancer = AsymmetricLearner([Arl(weights=weights)], toy_context(network))
    balancer.start_epoch(at(balancer, epoch))
    step = Step(network(views), labels, labels, 0)
    gradients = flat.differentiate([loss.sum() for loss in balancer.losses(step)])
    balancer.change_gradients(gradients)
    again = network.encode(views)
    zeros = {m: torch.zeros_like(f) for m, f in again.items()}
    alone = [network.fuse({**zeros, m: f}) for m, f in again.items()]
    loss = cross_entropy(network.fuse(again), labels).mean()
    loss = loss + gamma * sum(cross_entropy(x, labels).mean() for x in alone)
    told = [x.detach().log_softmax(-1)[0].numpy() for x in alone]
    doubts = [float(-(np.exp(x) * x).sum(-1).mean()) for x in told]
    loudness = [x.detach().abs().sum(-1).mean().item() for x in alone]
    factors = {
        (5, "softmax"): [1.0, 1.0],
        (6, "softmax"): [1 + w for w in restated(doubts, loudness, 8.0)],
        (6, "even"): [1.5, 1.5],
    }[epoch, weights]
    parameters = dict(network.named_parameters())
    for modality, factor in zip(network.modalities, factors, strict=True):
        names = network.encoder_parameters(modality)
        plain = torch.autograd.grad(loss, [parameters[n] for n in names], retain_graph=True)
        for name, gradient in zip(names, plain, strict=True):
            assert torch.allclose(gradients[0][name], factor * gradient, atol=1e-12), name
