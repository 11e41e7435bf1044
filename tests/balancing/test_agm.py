"""AGM: responses by masking, leads, and κ = exp(α·min(r̄ − r, 7))."""

from __future__ import annotations

from math import exp, log

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.agm import AdaptiveModulator, Agm, log_likelihoods, modulation
from armtune.fusion.concat import Concat
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from tests.balancing.toys import THREE, THREE_CLASSES, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes

ALPHA = torch.tensor([0.5], dtype=torch.float64)


def logs(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64).log()


def test_the_coefficient_by_hand() -> None:
    # Leads: now 0.6 / 0.2 = 3 and 1/3, over the past 0.4 / 0.2 = 2 and 1/2.
    factors = modulation(logs(0.6, 0.2), logs(0.4, 0.2), ALPHA)
    expected = [exp(0.5 * (2 - 3)), exp(0.5 * (1 / 2 - 1 / 3))]
    assert factors[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_beyond_two_the_lead_is_over_the_mean_log_of_the_others() -> None:
    # The geometric means of the others are √(0.2·0.8), √(0.4·0.8) and √(0.4·0.2).
    factors = modulation(logs(0.4, 0.2, 0.8), logs(1.0, 1.0, 1.0), ALPHA)
    leads = [0.4 / 0.16**0.5, 0.2 / 0.32**0.5, 0.8 / 0.08**0.5]
    assert factors[0].tolist() == pytest.approx([exp(0.5 * (1 - r)) for r in leads], abs=1e-12)


def test_the_difference_is_bounded() -> None:
    # Once a hundred times ahead, now level: 100 − 1 counts as 7.
    factors = modulation(logs(0.5, 0.5), logs(1.0, 0.01), ALPHA)
    assert factors[0].tolist() == pytest.approx([exp(3.5), exp(0.5 * (0.01 - 1))], abs=1e-12)


def test_a_sample_counts_at_least_a_hundred_millionth() -> None:
    responses = torch.tensor([[[[0.0, 100.0], [0.0, 0.0]]]]).double()
    scores = log_likelihoods(THREE_CLASSES, responses, torch.tensor([[0, 0]]))
    assert scores.mean().item() == pytest.approx((log(1e-8) + log(0.5)) / 2, abs=1e-12)


def linear(shapes: Shapes) -> tuple[AdaptiveModulator, Step]:
    """A network whose fusion is one linear layer, and a step of it."""
    network = toy_network(shapes)
    init = Init([stream(0, "fusion")], torch.float64)
    network.fusion = Concat(dim=0).build(network.sizes, 3, init)
    views, labels = toy_batch(shapes)
    balancer = AdaptiveModulator([Agm()], toy_context(network))
    balancer.start_epoch(at(balancer, 0))
    return balancer, Step(network(views), labels, labels, 0)


def test_responses_of_a_linear_fusion_by_hand() -> None:
    balancer, step = linear(TWO)
    layer = balancer.context.network.fusion.apart.whole  # type: ignore[union-attr]
    weights = layer.weight.split(list(balancer.context.network.sizes.values()), dim=1)
    parts = [f @ w for f, w in zip(step.forward.features.values(), weights, strict=True)]
    means = [part.mean(1, keepdim=True) for part in parts]
    # ½ [f(a,v) − f(v) + f(a)], f(a) with v at its mean and the bias once.
    image = 0.5 * (2 * parts[0] - means[0] + means[1] + layer.bias)
    audio = 0.5 * (2 * parts[1] - means[1] + means[0] + layer.bias)
    responses = balancer.responses(step)
    assert torch.allclose(responses[:, 0], image, atol=1e-12)
    assert torch.allclose(responses[:, 1], audio, atol=1e-12)


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_responses_add_up_to_the_fused_logits(shapes: Shapes) -> None:
    network = toy_network(shapes)
    views, labels = toy_batch(shapes)
    step = Step(network(views), labels, labels, 0)
    responses = AdaptiveModulator([Agm()], toy_context(network)).responses(step)
    assert torch.allclose(responses.sum(1), step.forward.logits, atol=1e-12)


def test_the_past_is_the_mean_over_all_steps_before() -> None:
    network = toy_network()
    balancer = AdaptiveModulator([Agm(alpha=0.5)], toy_context(network, steps=2))
    scores, seen = [], []
    for number in range(3):
        views, labels = toy_batch(seed=number)
        balancer.start_epoch(at(balancer, number // 2))
        step = Step(network(views), labels, labels, number % 2)
        scores.append(log_likelihoods(THREE_CLASSES, balancer.responses(step), labels).mean(2))
        seen.append(balancer.coefficients(step))
    expected = modulation(scores[2], (scores[0] + scores[1]) / 2, ALPHA)
    assert torch.allclose(seen[2], expected, atol=1e-12)
    assert torch.allclose(seen[0], modulation(scores[0], torch.zeros_like(scores[0]), ALPHA))
    assert torch.allclose(balancer.state()["past"], torch.stack(scores).mean(0), atol=1e-12)
