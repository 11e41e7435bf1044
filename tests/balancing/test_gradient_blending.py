"""Gradient blending in closed form, in float64."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.gradient_blending import Blender, GradientBlending, blend_weights
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from armtune.testing.balancing import goes_on_within_an_epoch_as_if_never_stopped
from tests.balancing.toys import (
    F64,
    at,
    toy_context,
    toy_network,
    weights_after,
    weights_after_a_break,
)

NAME = "gradient_blending"


def test_weights_by_hand() -> None:
    gain = torch.tensor([[0.2, 0.6, 0.4]], dtype=F64)
    overfitting = torch.tensor([[0.1, 0.2, -0.5]], dtype=F64)
    # 0.2/0.01, 0.6/0.04 and 0.4/0.25
    raw = [20, 15, 1.6]
    expected = [value / sum(raw) for value in raw]
    assert blend_weights(gain, overfitting)[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_no_gain_and_no_overfitting_have_floors() -> None:
    gain, overfitting = torch.tensor([[-3.0, 0.5]], dtype=F64), torch.zeros(1, 2, dtype=F64)
    # 0.001/0.0001 and 0.5/0.0001
    assert blend_weights(gain, overfitting)[0].tolist() == pytest.approx([1 / 501, 500 / 501])


def test_encoders_follow_the_blend_and_heads_their_own_loss() -> None:
    network = toy_network()
    flat = FlatParameters(network)
    blender = Blender([GradientBlending(strength=0.5)], toy_context(network))
    blender.blend.copy_(torch.tensor([[0.2, 0.5, 0.3]], dtype=F64))
    blender.start_epoch(at(blender, 0))
    views = {"image": torch.rand(1, 6, 6, 6, dtype=F64), "audio": torch.rand(1, 6, 5, dtype=F64)}
    labels = torch.tensor([[0, 1, 2, 0, 1, 2]])
    forward = network(views, blender.heads_reach_encoders)
    flat.differentiate([blender.losses(Step(forward, labels, labels, 0))[0].sum()])
    ours = flat.named(flat.gradients.clone())
    literal = network(views, True)
    # half of the blend, and half of the fused loss alone
    weights = {"image": 0.1, "audio": 0.25}
    loss = (0.15 + 0.5) * cross_entropy(literal.logits, labels).mean()
    for m, weight in weights.items():
        loss = loss + weight * cross_entropy(literal.unimodal[m], labels).mean()
    flat.differentiate([loss])
    theirs = flat.named(flat.gradients)
    for name in flat.shapes:
        scale = 1.0
        if name.startswith("heads"):
            scale = list(weights.values())[int(name.split(".")[1])]
        assert torch.allclose(scale * ours[name], theirs[name], atol=1e-12), name


def test_a_window_is_measured_from_its_start_and_weighs_the_next() -> None:
    network = toy_network()
    blender = Blender([GradientBlending(every=2)], toy_context(network))
    views = {"image": torch.rand(1, 6, 6, 6, dtype=F64), "audio": torch.rand(1, 6, 5, dtype=F64)}
    labels = torch.tensor([[0, 1, 2, 0, 1, 2]])
    even = [1 / 3] * 3
    with torch.no_grad():
        features = network.encode(views)
        for epoch in range(2):
            blender.start_epoch(at(blender, epoch))
            assert blender.weights[0].tolist() == pytest.approx(even)
            blender.sums.copy_(4 * torch.tensor([[1.0, 0.9, 0.5]]))
            blender.end_epoch(at(blender, epoch), features, labels)
        decisions = [*network.judge(features).values(), network.fuse(features)]
        held = torch.stack([cross_entropy(x, labels).mean(1) for x in decisions], dim=1)
        overfitting = held - torch.tensor([[1.0, 0.9, 0.5]])
        expected = blend_weights(log(3) - held, overfitting)
        assert torch.allclose(blender.blend, expected, atol=1e-12)
        # Nothing changed on the held-out samples since, but training losses fell by ½, 0 and ¼.
        for epoch in range(2, 4):
            blender.start_epoch(at(blender, epoch))
            assert torch.allclose(blender.weights, expected, atol=1e-12)
            blender.sums.copy_(4 * torch.tensor([[0.5, 0.9, 0.25]]))
            blender.end_epoch(at(blender, epoch), features, labels)
    # equal gains, at their floor, over ½², 0.01² and ¼²
    raw = [4, 1e4, 16]
    assert blender.blend[0].tolist() == pytest.approx([r / sum(raw) for r in raw], abs=1e-9)


def test_a_restored_run_keeps_its_window(tmp_path: Path) -> None:
    method = {"name": NAME, "every": 2}
    resumed = weights_after_a_break(method, 5, 3, tmp_path / "c.safetensors")
    assert torch.equal(resumed, weights_after(method, 5))
    assert not torch.equal(resumed, weights_after({"name": NAME, "every": 9}, 5))


def test_a_window_that_is_interrupted_within_an_epoch_keeps_its_sums() -> None:
    goes_on_within_an_epoch_as_if_never_stopped(GradientBlending(every=1))
