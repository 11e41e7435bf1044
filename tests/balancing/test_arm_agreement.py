"""ARM with agreeing decisions in closed form, in float64."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch

from armtune.balancing.arm_agreement import Agreement, ArmAgreement
from armtune.balancing.lfm import Lfm, Matcher
from armtune.information import shapley_values
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import (
    F64,
    THREE,
    TWO,
    Shapes,
    at,
    made_up,
    toy_context,
    toy_network,
    weights_after,
)

LABELS = [0, 1, 2, 0]


def ready(shapes: Shapes = TWO, **options: Any) -> tuple[Agreement, Any, dict[str, torch.Tensor]]:
    """A balancer in the second of four epochs, and a step of it."""
    network = toy_network(shapes, name="arm_agreement")
    generator = torch.Generator().manual_seed(4)
    features = {
        m: torch.randn(1, 4, 8, dtype=F64, generator=generator).requires_grad_() for m in shapes
    }
    heads = network.judge({m: f.detach() for m, f in features.items()})
    step = made_up(features, LABELS, network.fuse(features), heads)
    balancer = Agreement([ArmAgreement(**options)], toy_context(network, epochs=4))
    balancer.start_epoch(at(balancer, 1))
    return balancer, step, features


def value(votes: dict[str, torch.Tensor], members: list[str]) -> torch.Tensor:
    """H(Y) − CE of the mean of some modalities' decisions."""
    decision = torch.stack([votes[m] for m in members]).mean(0)
    return log(3) - cross_entropy(decision, torch.tensor([LABELS])).mean()


def test_without_a_gap_loss_it_is_lfm() -> None:
    balancer, step, _ = ready(gap_weight=0, dropout=0, share=0.7)
    matcher = Matcher([Lfm(share=0.7)], balancer.context)
    matcher.start_epoch(at(matcher, 1))
    assert balancer.losses(step)[0].item() == pytest.approx(
        matcher.losses(step)[0].item(), abs=1e-12
    )


def test_the_gap_loss_of_two_pulls_the_weakest_up_and_spares_the_strongest() -> None:
    balancer, step, features = ready(gap_weight=1.5)
    votes = balancer.context.network.fusion.apart(features)
    image, audio, both = (value(votes, s) for s in (["image"], ["audio"], ["image", "audio"]))
    phi = {"image": (image + both - audio) / 2, "audio": (audio + both - image) / 2}
    weakest, strongest = sorted(phi, key=lambda m: phi[m].item())
    # The strongest's value alone isn't lowered: it has no gradient.
    alone = {"image": image, "audio": audio}
    spared = {**alone, strongest: alone[strongest].detach()}
    gap = phi[strongest].detach() - (spared[weakest] + both - spared[strongest]) / 2
    wanted = 1.5 * gap
    weights = [*balancer.context.network.fusion.parameters(), *features.values()]
    ours = torch.autograd.grad(balancer.losses(step)[0].sum(), weights, retain_graph=True)
    rest = Agreement([ArmAgreement(gap_weight=0)], balancer.context)
    rest.start_epoch(at(rest, 1))
    theirs = torch.autograd.grad(rest.losses(step)[0].sum() + wanted, weights)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


def test_contributions_of_three_by_all_subsets() -> None:
    balancer, step, features = ready(THREE)
    votes = balancer.context.network.fusion.apart(features)
    names = list(THREE)
    sets = [[m for k, m in enumerate(names) if s >> k & 1] for s in range(8)]
    values = torch.stack([torch.zeros(()).double(), *(value(votes, s) for s in sets[1:])])
    phi = shapley_values(values)
    stacked = torch.stack(list(votes.values()), dim=1)
    losses = balancer._subset_losses(stacked, None, step)
    ours = balancer.gap_loss.blank - losses @ balancer.gap_loss.matrix
    assert torch.allclose(ours[0], phi, atol=1e-12)


def test_a_subset_is_judged_on_samples_that_have_all_of_it() -> None:
    balancer, step, features = ready()
    votes = torch.stack(list(balancer.context.network.fusion.apart(features).values()), dim=1)
    there = torch.tensor([[[True, True, True, False], [True, False, True, True]]])
    losses = balancer._subset_losses(votes, there, step)[0]
    labels = torch.tensor([LABELS])
    decisions = [votes[:, 0], votes[:, 1], votes.mean(1)]
    kept = [[0, 1, 2], [0, 2, 3], [0, 2]]
    for loss, decision, samples in zip(losses, decisions, kept, strict=True):
        expected = cross_entropy(decision[:, samples], labels[:, samples]).mean()
        assert loss.item() == pytest.approx(expected.item(), abs=1e-12)


def test_every_part_changes_the_training() -> None:
    plain = {"name": "arm_agreement", "gap_weight": 0, "dropout": 0, "share": 0.5}
    before = weights_after(plain, 2)
    for change in ({"gap_weight": 1}, {"dropout": 0.5}, {"share": 1}):
        assert not torch.equal(before, weights_after({**plain, **change}, 2))
