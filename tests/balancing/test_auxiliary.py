"""Unimodal losses: the encoders follow CE + α·mean CE, the heads their own loss."""

from __future__ import annotations

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.arm import Arm
from armtune.balancing.auxiliary import Auxiliary, UnimodalLosses
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_encoders_follow_the_fused_and_the_mean_unimodal_loss(shapes: Shapes) -> None:
    network = toy_network(shapes)
    balancer = UnimodalLosses([Auxiliary(alpha=0.7)], toy_context(network))
    views, labels = toy_batch(shapes)
    flat = FlatParameters(network)
    forward = network(views, balancer.heads_reach_encoders)
    flat.differentiate([loss.sum() for loss in balancer.losses(Step(forward, labels, labels, 0))])
    ours = flat.named(flat.gradients.clone())
    forward = network(views, heads_reach_encoders=True)
    unimodal = [cross_entropy(x, labels).mean() for x in forward.unimodal.values()]
    fused = cross_entropy(forward.logits, labels).mean()
    flat.differentiate([fused + 0.7 * torch.stack(unimodal).mean()])
    theirs = flat.named(flat.gradients)
    for name in flat.shapes:
        # Heads learn at α = 1 of the sum: 0.7 and the mean are the encoders' affair.
        factor = len(shapes) / 0.7 if name.startswith("heads") else 1
        assert torch.allclose(ours[name], factor * theirs[name], atol=1e-13), name


def test_it_is_arm_with_nothing_but_unimodal_losses() -> None:
    arm = Arm(alpha=0.4, gap_weight=0, tau=0)
    gradients = []
    for options in (arm, Auxiliary(alpha=0.4)):
        network = toy_network()
        balancer = options.build([options], toy_context(network))
        balancer.start_epoch(at(balancer, 0))
        views, labels = toy_batch()
        flat = FlatParameters(network)
        forward = network(views, balancer.heads_reach_encoders)
        flat.differentiate([balancer.losses(Step(forward, labels, labels, 0))[0].sum()])
        gradients.append(flat.gradients.clone())
    assert torch.equal(*gradients)
