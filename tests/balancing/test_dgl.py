"""DGL: which loss reaches what."""

from __future__ import annotations

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.dgl import Dgl, Disentangler
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import F64, THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes


@pytest.mark.parametrize("judge", ["fusion", "heads"])
@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_gradients_are_the_literal_ones(shapes: Shapes, judge: str) -> None:
    network = toy_network(shapes)
    flat = FlatParameters(network)
    views, labels = toy_batch(shapes)
    balancer = Disentangler([Dgl(alpha=1.5, judge=judge)], toy_context(network))
    balancer.start_epoch(at(balancer, 0))
    features = network.encode(views)
    fused = balancer.alter(features, labels, 0)
    forward = network.decide(features, fused, balancer.heads_reach_encoders)
    losses = balancer.losses(Step(forward, labels, labels, 0))
    [found] = flat.differentiate([loss.sum() for loss in losses])
    # Restated: each part's gradient alone.
    again = network.encode(views)
    zeros = {m: torch.zeros_like(f) for m, f in again.items()}
    names = dict(network.named_parameters())
    fusion = [n for n in names if n.startswith("fusion")]
    blind = network.fuse({m: f.detach() for m, f in again.items()})
    loss = cross_entropy(blind, labels).mean()
    for name, gradient in zip(
        fusion, torch.autograd.grad(loss, [names[n] for n in fusion]), strict=True
    ):
        assert torch.allclose(found[name], gradient, atol=1e-12), name
    for m in shapes:
        own = network.encoder_parameters(m)
        alone = network.fuse({**zeros, m: again[m]}) if judge == "fusion" else None
        logits = network.judge(again)[m] if alone is None else alone
        loss = 1.5 * cross_entropy(logits, labels).mean()
        gradients = torch.autograd.grad(loss, [names[n] for n in own], retain_graph=True)
        for name, gradient in zip(own, gradients, strict=True):
            assert torch.allclose(found[name], gradient, atol=1e-12), name


def test_a_sample_without_the_modality_has_no_loss_of_it() -> None:
    network = toy_network()
    views, labels = toy_batch()
    balancer = Disentangler([Dgl(alpha=1.0)], toy_context(network))
    forward = network(views)
    there = torch.arange(10)[None] < 4
    whole, holed = (
        balancer.losses(Step(forward, labels, labels, 0, present))[0].item()
        for present in ({}, {"image": there})
    )
    zeros = torch.zeros_like(forward.features["audio"])
    image = cross_entropy(network.fuse({**forward.features, "audio": zeros}), labels)
    head = cross_entropy(forward.unimodal["image"], labels)
    expected = sum((loss[there].mean() - loss.mean()).item() for loss in (image, head))
    assert holed - whole == pytest.approx(expected, abs=1e-12)
    assert image.dtype == F64
