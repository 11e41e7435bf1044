"""MMPareto: the mean of agreeing gradients, the shortest mix of fighting ones, γ times as long."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from armtune.balancing._hooks import Step
from armtune.balancing.mmpareto import MMPareto, ParetoIntegrator, fused_share, integrated
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes

SCALE = torch.tensor([1.5], dtype=torch.float64)


def vector(*values: float) -> list[Tensor]:
    """A gradient of two parameter tensors: the first element, and the rest."""
    row = torch.tensor([values], dtype=torch.float64)
    return [row[:, :1], row[:, 1:]]


def follow(fused: list[Tensor], unimodal: list[Tensor]) -> list[float]:
    result: list[float] = torch.cat(list(integrated(fused, unimodal, SCALE)), dim=1)[0].tolist()
    return result


def test_agreeing_gradients_are_added() -> None:
    # Inner product 2: half of each, and 1.5 times as long as the sum (3, 1).
    assert follow(vector(1, 1), vector(2, 0)) == pytest.approx([4.5, 1.5], abs=1e-12)


def test_fighting_gradients_take_the_shortest_mix() -> None:
    # (2, 0) and (−1, 1): the shortest of w(2, 0) + (1−w)(−1, 1) has w = (2 + 2) / (4 + 4 + 2) = 0.4
    # and is (0.2, 0.6), as long as 0.4^½; the sum (1, 1) is 2^½ long.
    share = fused_share(*(torch.tensor([x], dtype=torch.float64) for x in (4, -2, 2)))
    assert share.item() == pytest.approx(0.4, abs=1e-12)
    stretch = 1.5 * 2**0.5 / 0.4**0.5
    expected = [0.2 * stretch, 0.6 * stretch]
    assert follow(vector(2, 0), vector(-1, 1)) == pytest.approx(expected, abs=1e-12)


def test_a_right_angle_counts_as_a_fight() -> None:
    # w = 16/25: the mix (1.92, 1.44) is 2.4 long, the sum 5.
    expected = [1.92 * 7.5 / 2.4, 1.44 * 7.5 / 2.4]
    assert follow(vector(3, 0), vector(0, 4)) == pytest.approx(expected, abs=1e-12)


def test_neither_gradient_gets_longer_by_following_the_mix() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(2, 200, 4, generator=generator, dtype=torch.float64)
    fused, unimodal = ([x[:, :1], x[:, 1:]] for x in draws)
    followed = torch.cat(list(integrated(fused, unimodal, SCALE)), dim=1)
    assert ((draws * followed).sum(-1) > -1e-9).all()
    lengths = 1.5 * draws.sum(0).norm(dim=1)
    assert torch.allclose(followed.norm(dim=1), lengths, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opposite_gradients_take_no_step(dtype: torch.dtype) -> None:
    fused = [torch.tensor([[0.1, 0.7, -0.3]], dtype=dtype)]
    assert not integrated(fused, [-3 * fused[0]], SCALE.to(dtype))[0].any()
    assert not integrated([0 * fused[0]], [0 * fused[0]], SCALE.to(dtype))[0].any()


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_encoders_heads_and_fusion_get_each_their_own(shapes: Shapes) -> None:
    network = toy_network(shapes)
    views, labels = toy_batch(shapes)
    balancer = ParetoIntegrator([MMPareto(scale=1.5)], toy_context(network))
    balancer.start_epoch(at(balancer, 0))
    flat = FlatParameters(network)
    forward = network(views, balancer.heads_reach_encoders)
    losses = balancer.losses(Step(forward, labels, labels, 0))
    gradients = flat.differentiate([loss.sum() for loss in losses])
    balancer.change_gradients(gradients)
    ours = flat.named(flat.gradients.clone())
    forward = network(views, heads_reach_encoders=True)
    fused_loss = cross_entropy(forward.logits, labels).mean()
    unimodal = [cross_entropy(x, labels).mean() for x in forward.unimodal.values()]
    assert losses[0].item() == pytest.approx((fused_loss + sum(unimodal)).item(), abs=1e-12)
    fused, own = (
        {n: g.clone() for n, g in part.items()}
        for part in flat.differentiate([fused_loss, torch.stack(unimodal).sum()])
    )
    for modality in network.modalities:
        names = network.encoder_parameters(modality)
        expected = integrated([fused[n] for n in names], [own[n] for n in names], SCALE)
        for name, gradient in zip(names, expected, strict=True):
            assert torch.allclose(ours.pop(name), gradient, atol=1e-12), name
    for name, gradient in ours.items():
        expected_one = (own if name.startswith("heads") else fused)[name]
        assert torch.allclose(gradient, expected_one, atol=1e-14), name


def test_a_closed_window_needs_one_gradient_only() -> None:
    network = toy_network()
    views, labels = toy_batch()
    balancer = ParetoIntegrator([MMPareto(from_epoch=1, to_epoch=2)], toy_context(network))
    counts = []
    for epoch in range(3):
        balancer.start_epoch(at(balancer, epoch))
        forward = network(views, balancer.heads_reach_encoders)
        counts.append(len(balancer.losses(Step(forward, labels, labels, 0))))
    assert counts == [1, 2, 1]
