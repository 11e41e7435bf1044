"""OPM: how likely the modality that is ahead is to be dropped, and what is left."""

from __future__ import annotations

from dataclasses import replace
from math import tanh

import pytest
import torch
from torch.nn.functional import pad

from armtune.balancing._hooks import Step
from armtune.balancing.opm import Opm, PredictionModulator, drop_probabilities
from armtune.nn.forward import Features, Forward
from armtune.targets.classes import cross_entropy
from tests.balancing.test_ogm import logits_of
from tests.balancing.toys import at, toy_batch, toy_context, toy_network


def chances(*scores: float, base: float = 0.4, slope: float = 0.5) -> list[float]:
    values = [torch.tensor([x], dtype=torch.float64) for x in (base, slope)]
    rows = torch.tensor([scores], dtype=torch.float64)
    result: list[float] = drop_probabilities(rows, *values)[0].tolist()
    return result


def test_the_probability_by_hand() -> None:
    # ρ = 0.8 / 0.4 = 2.
    assert chances(0.8, 0.4) == pytest.approx([0.4 * (1 + 0.5 * tanh(1)), 0.0], abs=1e-12)


def test_beyond_two_several_may_be_ahead_but_never_all() -> None:
    # Ratios to the mean of the others: 0.8/0.45, 0.6/0.55 and 0.3/0.7.
    expected = [0.4 * (1 + 0.5 * tanh(r - 1)) for r in (0.8 / 0.45, 0.6 / 0.55)]
    assert chances(0.8, 0.6, 0.3) == pytest.approx([*expected, 0.0], abs=1e-12)


def test_it_is_a_probability() -> None:
    assert chances(0.9, 0.1, base=0.9, slope=5) == [1.0, 0.0]


def scene(**options: float) -> tuple[PredictionModulator, Step, Features]:
    """A step in which image, with 8 of 16 features, is twice as likely right as audio."""
    network = toy_network()
    views, labels = toy_batch()
    forward = network(views)
    heads = {m: logits_of(*[p] * 10) for m, p in (("image", 0.8), ("audio", 0.4))}
    # a third class that neither head believes in
    unimodal = {m: pad(logits, (0, 1), value=-1e9) for m, logits in heads.items()}
    asked = {"batches": 1, "from_epoch": 0, **options}
    balancer = PredictionModulator([Opm(**asked)], toy_context(network))
    balancer.start_epoch(at(balancer, 0))
    made = Forward(forward.features, forward.head_inputs, unimodal, forward.logits)
    return balancer, Step(made, torch.zeros_like(labels), labels, 2), forward.features


def test_dropped_samples_lose_the_modality_and_the_rest_grows() -> None:
    balancer, step, features = scene(probability=0.4, slope=0.5)
    q = 0.4 * (1 + 0.5 * tanh(1))
    balancer.draws[:] = 0.99
    balancer.draws[0, 2, :3, 0] = q - 1e-6
    balancer.draws[0, 2, 3, 0] = q + 1e-6
    balancer.draws[0, 2, 4, 1] = 0.0  # audio is behind, so it is kept
    kept = torch.ones(1, 10, 1, dtype=torch.float64)
    kept[0, :3] = 0
    # θ: image loses a share q of its half of the features.
    left = {"image": features["image"] * kept, "audio": features["audio"]}
    scaled = {m: f / (1 - q / 2) for m, f in left.items()}
    logits = balancer.context.network.fuse(scaled)
    before = features["image"].clone()
    loss = balancer.fused_loss(step)
    assert loss.item() == pytest.approx(cross_entropy(logits, step.labels).mean().item(), abs=1e-12)
    assert torch.equal(features["image"], before)


def test_the_encoder_of_what_is_dropped_gets_no_gradient_from_it() -> None:
    balancer, step, features = scene(probability=1.0)
    image, audio = torch.autograd.grad(balancer.fused_loss(step).sum(), list(features.values()))
    assert not image.any()
    assert audio.any()


def test_outside_the_window_nothing_is_dropped() -> None:
    balancer, step, _ = scene(probability=1.0, from_epoch=1, to_epoch=2)
    plain = cross_entropy(step.forward.logits, step.labels).mean(1)
    assert torch.equal(balancer.fused_loss(step), plain)
    balancer.start_epoch(at(balancer, 1))
    assert not torch.allclose(balancer.fused_loss(step), plain)


def test_a_batch_that_is_left_alone_is_not_scaled_either() -> None:
    balancer, step, _ = scene(probability=1.0, batches=0.5)
    plain = cross_entropy(step.forward.logits, step.labels).mean(1)
    left = []
    for number in range(4):
        loss = balancer.fused_loss(replace(step, number=number, _known={}))
        left.append(torch.allclose(loss, plain, atol=1e-12))
        assert left[-1] == (balancer.bases[0, number] == 0)
    assert set(left) == {True, False}


def test_about_as_many_batches_are_left_alone_as_asked() -> None:
    balancer, _, _ = scene(probability=0.5, batches=0.7)
    balancer.context = toy_context(balancer.context.network, steps=1000)
    balancer.start_epoch(at(balancer, 0))
    # Four standard deviations of 1,000 draws are 0.06.
    assert abs((balancer.bases > 0).double().mean() - 0.7) < 0.06


def test_it_begins_after_six_epochs_and_has_no_end() -> None:
    balancer = PredictionModulator([Opm()], toy_context(toy_network()))
    acts = []
    for epoch in (0, 5, 6, 500):
        balancer.start_epoch(at(balancer, epoch))
        acts.append(balancer.acts)
    assert acts == [False, False, True, True]


def test_about_as_many_are_dropped_as_asked() -> None:
    balancer, _, _ = scene(probability=0.3)
    balancer.context = toy_context(balancer.context.network, steps=100)
    balancer.start_epoch(at(balancer, 0))
    # 1,000 draws for each modality: four standard deviations are 0.06.
    assert abs((balancer.draws < 0.3).double().mean((0, 1, 2)) - 0.3).max() < 0.06


def test_a_sample_that_would_lose_all_it_has_loses_nothing() -> None:
    balancer, step, features = scene(probability=1.0)
    there = torch.arange(10)[None] > 3
    with_holes = replace(step, present={"audio": there})
    balancer.draws[:] = 0.0
    kept = torch.where(there.unsqueeze(2), 0.0, 1.0).double()
    share = 0.5  # image's half of the features, for certain
    left = {"image": features["image"] * kept, "audio": features["audio"]}
    logits = balancer.context.network.fuse({m: f / (1 - share) for m, f in left.items()})
    expected = cross_entropy(logits, step.labels).mean().item()
    assert balancer.fused_loss(with_holes).item() == pytest.approx(expected, abs=1e-12)
