"""MBSD: what two modalities have to learn from each other, restated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.mbsd import Mbsd, SelfDistiller, disagreement
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import F64, THREE, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes


def restated(one: np.ndarray, other: np.ndarray, label: int) -> float:
    """The rule for one sample of two modalities."""
    p, q = (np.exp(z) / np.exp(z).sum() for z in (one, other))
    if label not in (p.argmax(), q.argmax()):
        return 0.0
    better, worse = max(p[label], q[label]), min(p[label], q[label])
    distance = ((one - other) ** 2).sum() / len(one)
    return float((better - worse) * (distance + worse * (np.log(worse) - better)))


def test_rule_restated() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=(2, 50, 4)) * 2
    labels = rng.integers(0, 4, 50)
    found = disagreement(
        torch.from_numpy(one)[None], torch.from_numpy(other)[None], torch.from_numpy(labels)[None]
    )
    expected = [restated(*row) for row in zip(one, other, labels, strict=True)]
    assert found[0].tolist() == pytest.approx(expected, abs=1e-12)
    assert 0 in expected


def test_who_agrees_has_nothing_to_learn() -> None:
    logits = torch.randn(1, 5, 3, dtype=F64)
    assert not disagreement(logits, logits.clone(), torch.tensor([[0, 1, 2, 0, 1]])).any()


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_loss_is_over_pairs_and_leaves_the_heads_alone(shapes: Shapes) -> None:
    network = toy_network(shapes)
    views, labels = toy_batch(shapes)
    balancer = SelfDistiller([Mbsd(weight=0.5)], toy_context(network))
    step = Step(network(views, True), labels, labels, 0)
    found = balancer.losses(step)[0].sum()
    told = list(step.forward.unimodal.values())
    own = sum(cross_entropy(x, labels).mean() for x in told)
    pairs = [(a, b) for a in range(len(told)) for b in range(a)]
    apart = sum(disagreement(told[a], told[b], labels).mean() for a, b in pairs) / len(pairs)
    plain = cross_entropy(step.forward.logits, labels).mean() + own
    assert found.item() == pytest.approx((plain + 0.5 * apart).item(), abs=1e-12)
    heads = list(network.heads.parameters())
    ours = torch.autograd.grad(found, heads, retain_graph=True)
    theirs = torch.autograd.grad(own, heads, retain_graph=True)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))
    encoders = list(network.encoders.parameters())
    ours = torch.autograd.grad(found, encoders, retain_graph=True)
    theirs = torch.autograd.grad(plain + 0.5 * apart, encoders)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


def test_samples_that_lack_one_of_a_pair_have_nothing_to_learn() -> None:
    network = toy_network()
    views, labels = toy_batch()
    balancer = SelfDistiller([Mbsd()], toy_context(network))
    step = Step(network(views, True), labels, labels, 0)
    there = torch.arange(10)[None] < 4
    one, other = step.forward.unimodal.values()
    expected = disagreement(one, other, labels)[there].mean().item()
    found = balancer._apart(
        replace(step, present={"audio": there}), torch.stack([one, other], dim=1), (0, 1)
    )
    assert found.item() == pytest.approx(expected, abs=1e-12)
