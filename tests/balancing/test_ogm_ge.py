"""OGM-GE: OGM and noise as strong as the gradient that it modulates."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from armtune.balancing._hooks import Gradients
from armtune.balancing.ogm_ge import NoisyModulator, OgmGe, deviation
from tests.balancing.test_ogm import UNIMODAL, logits_of
from tests.balancing.toys import at, made_up, toy_context, toy_network


def ready(
    *, alpha: float = 0.3, seeds: tuple[int, ...] = (0,), epoch: int = 0, **options: Any
) -> NoisyModulator:
    """A balancer after the losses of a step in which image is ahead of audio."""
    network = toy_network()
    context = toy_context(network, seeds=seeds)
    balancer = NoisyModulator([OgmGe(alpha=alpha, **options)] * len(seeds), context)
    balancer.start_epoch(at(balancer, epoch))
    members = len(seeds)
    unimodal = {m: x.expand(members, -1, -1) for m, x in UNIMODAL.items()}
    step = made_up({}, [0, 0], logits_of(0.5, 0.5).expand(members, -1, -1), unimodal)
    labels = step.labels.expand(members, -1)
    balancer.losses(type(step)(step.forward, labels, labels, 0))
    return balancer


def ramps(balancer: NoisyModulator, members: int = 1) -> Gradients:
    """Gradients 0, 1, 2 … in every parameter."""
    return {
        name: torch.arange(float(p[0].numel()), dtype=torch.float64)
        .view(p.shape)
        .repeat(members, *[1] * (p.dim() - 1))
        for name, p in balancer.context.network.named_parameters()
    }


@pytest.mark.parametrize(("noise", "alpha"), [("all", 0.3), ("all", 0.0), ("slowed", 0.3)])
def test_noise_has_the_tensors_own_deviation_and_mean_zero(noise: str, alpha: float) -> None:
    balancer = ready(noise=noise, alpha=alpha)
    before, gradients = ramps(balancer), ramps(balancer)
    balancer.change_gradients([gradients])
    name = "encoders.0.1.weight"
    noisy = gradients[name] - balancer.factors[0, 0] * before[name]
    count = noisy.numel()
    # The variance of 0 … n−1 as a sample is n(n+1)/12.
    spread = (count * (count + 1) / 12) ** 0.5
    assert deviation(before[name])[0].item() == pytest.approx(spread, rel=1e-12)
    assert abs(noisy.mean().item()) < 4 * spread / count**0.5
    assert noisy.std().item() == pytest.approx(spread, rel=4 / (2 * count) ** 0.5)


def test_a_single_number_has_no_deviation() -> None:
    assert deviation(torch.ones(2, 1)).tolist() == [0, 0]


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_every_encoder_gets_noise_whatever_its_coefficient(alpha: float) -> None:
    balancer = ready(alpha=alpha)
    before, gradients = ramps(balancer), ramps(balancer)
    balancer.change_gradients([gradients])
    for name, gradient in gradients.items():
        assert torch.equal(gradient, before[name]) != name.startswith("encoders"), name


def test_only_the_slowed_encoder_gets_noise_where_asked() -> None:
    balancer = ready(noise="slowed")
    before, gradients = ramps(balancer), ramps(balancer)
    balancer.change_gradients([gradients])
    assert balancer.factors[0, 0] < 1 == balancer.factors[0, 1]
    for name, gradient in gradients.items():
        assert torch.equal(gradient, before[name]) != name.startswith("encoders.0"), name


def test_noise_is_the_members_own_and_new_each_epoch() -> None:
    pair, alone, later = ready(seeds=(5, 6)), ready(seeds=(6,)), ready(seeds=(6,), epoch=1)
    changed = []
    for balancer in (pair, alone, later):
        gradients = ramps(balancer, len(balancer.context.seeds))
        balancer.change_gradients([gradients])
        changed.append(gradients["encoders.0.1.weight"])
    together, own, next_epoch = changed
    assert torch.equal(together[1], own[0])
    assert not torch.allclose(together[0], together[1])
    assert not torch.allclose(own, next_epoch)


@pytest.mark.parametrize(
    "options", [{"alpha": 0.0, "noise": "slowed"}, {"to_epoch": 0}], ids=["strength", "window"]
)
def test_without_strength_for_the_slowed_or_outside_the_window_there_is_no_noise(
    options: dict[str, Any],
) -> None:
    balancer = ready(**options)
    gradients = ramps(balancer)
    balancer.change_gradients([gradients])
    assert all(torch.equal(g, ramps(balancer)[name]) for name, g in gradients.items())
