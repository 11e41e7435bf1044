"""ReconBoost: whose turn it is, and what the others leave open, restated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.reconboost import Booster, ReconBoost
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes


def ready(epoch: int, shapes: Shapes = TWO, **options: Any) -> Booster:
    network = toy_network(shapes, name="reconboost")
    with torch.no_grad():
        dict(network.named_parameters())["fusion.decide.rate"].fill_(1.5)
    balancer = Booster([ReconBoost(**options)], toy_context(network))
    balancer.start_epoch(at(balancer, epoch))
    return balancer


def test_modalities_take_turns_and_then_learn_together() -> None:
    found = []
    for epoch in range(9):
        balancer = ready(epoch, THREE, turn=1)
        found.append((balancer.learns[0].tolist(), balancer.together.item()))
    alone: list[list[float]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    nobody: list[float] = [0, 0, 0]
    expected = [(alone[e // 2 % 3], 0) if e % 2 == 0 else (nobody, 1) for e in range(9)]
    assert found == expected
    four = [ready(epoch, turn=4).together.item() for epoch in range(9)]
    assert four == [0] * 4 + [1] * 4 + [0]


def restated(mine: np.ndarray, others: np.ndarray | None, labels: np.ndarray) -> float:
    """The released boosting loss of one modality, with weights 5 and 1."""
    truth = np.eye(mine.shape[1])[labels]
    told = mine - np.log(np.exp(mine).sum(1, keepdims=True))
    known = np.ones_like(truth)
    if others is not None:
        known = np.exp(others) / np.exp(others).sum(1, keepdims=True)
    each = -5 * (truth * told).mean(-1) + (truth * known * told).mean(-1)
    return float(each.mean())


@pytest.mark.parametrize(("epoch", "mine", "others"), [(0, 0, []), (2, 1, [0]), (4, 0, [1])])
def test_a_turn_of_one_is_the_released_loss(epoch: int, mine: int, others: list[int]) -> None:
    balancer = ready(epoch)
    network = balancer.context.network
    flat = FlatParameters(network)
    views, labels = toy_batch()
    step = Step(network(views), labels, labels, 0)
    votes = list(network.fusion.apart(step.forward.features).values())
    told = [v[0].detach().numpy() for v in votes]
    joined = 1.5 * sum(told[k] for k in others) if others else None
    expected = restated(told[mine], joined, labels[0].numpy())
    names = list(TWO)
    own = balancer._boosting(step, dict(zip(names, votes, strict=True)), names[mine])
    assert own.item() == pytest.approx(expected, abs=1e-12)
    again = Step(network(views), labels, labels, 0)
    [loss] = balancer.losses(again)
    plain = cross_entropy(again.forward.logits, labels).mean() + balancer.heads_loss(again)
    assert loss.item() == pytest.approx(plain.item(), abs=1e-12)
    [found] = flat.differentiate([loss.sum()])
    moved = {n.split(".")[1] for n, g in found.items() if n.startswith("encoders") and g.any()}
    assert moved == {str(mine)}


def test_together_all_learn_the_decisions_loss() -> None:
    balancer = ready(1)
    network = balancer.context.network
    flat = FlatParameters(network)
    views, labels = toy_batch()
    step = Step(network(views), labels, labels, 0)
    [found] = flat.differentiate([loss.sum() for loss in balancer.losses(step)])
    again = network.encode(views)
    votes = list(network.fusion.apart(again).values())
    names = dict(network.named_parameters())
    logits = names["fusion.decide.rate"] * (votes[0] + votes[1])
    loss = cross_entropy(logits, labels).mean()
    wanted = [n for n in names if not n.startswith("heads")]
    expected = torch.autograd.grad(loss, [names[n] for n in wanted])
    for name, gradient in zip(wanted, expected, strict=True):
        assert torch.allclose(found[name], gradient, atol=1e-12), name
