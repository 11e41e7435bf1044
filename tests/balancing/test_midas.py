"""MIDAS: whom a sample is mixed with, the loss of what comes of it, and the weak one's weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.midas import Midas, Misaligner, normalized, partners
from armtune.nn.flat_parameters import FlatParameters
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import F64, THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes


def ready(epoch: int = 3, shapes: Shapes = TWO, **options: Any) -> Misaligner:
    context = toy_context(toy_network(shapes), epochs=10)
    balancer = Misaligner([Midas(warmup=0.3, **options)], context)
    balancer.start_epoch(at(balancer, epoch))
    return balancer


def step_of(balancer: Misaligner, shapes: Shapes = TWO, **present: torch.Tensor) -> Step:
    views, labels = toy_batch(shapes)
    return Step(balancer.context.network(views, True), labels, labels, 0, present)


def test_partners_are_of_other_classes_each_as_often() -> None:
    labels = torch.tensor([[0, 1, 0, 2]])
    others = {0: [1, 3], 1: [0, 2, 3], 2: [1, 3], 3: [0, 1, 2]}
    found: dict[int, list[int]] = {i: [] for i in others}
    for draw in (np.arange(6) + 0.5) / 6:
        numbers, mixed = partners(labels, torch.full((1, 1, 4), draw))
        assert mixed.all()
        for i, j in enumerate(numbers[0, 0].tolist()):
            found[i].append(j)
    for i, able in others.items():
        assert sorted(found[i]) == sorted(able * (6 // len(able)))
    numbers, mixed = partners(torch.tensor([[1, 1]]), torch.full((1, 1, 2), 0.99))
    assert not mixed.any()
    assert numbers.max() < 2


def restated(balancer: Misaligner, step: Step, alphas: list[float]) -> tuple[float, np.ndarray]:
    """The paper's mean loss of the misaligned samples, and means of the shares of both kinds."""
    network, labels = balancer.context.network, step.labels[0].tolist()
    names, size = list(network.modalities), len(labels)
    features = {m: f[0].detach() for m, f in step.forward.features.items()}
    sure = {m: z[0].detach().softmax(1) for m, z in step.forward.unimodal.items()}
    others, _ = partners(step.labels, balancer.draws[:, 0])
    losses, shares = [], []
    for i in range(size):
        sources = [i, *others[0, :, i].tolist()]
        for way in range(len(names)):
            chosen = [sources[(k + way) % len(names)] for k in range(len(names))]
            mixed = {m: features[m][j] for m, j in zip(names, chosen, strict=True)}
            logits = network.fuse({m: f[None, None] for m, f in mixed.items()})[0, 0].detach()
            p = logits.softmax(0)
            told = np.array([p[labels[j]].item() for j in chosen])
            c = np.array([sure[m][j, labels[j]].item() for m, j in zip(names, chosen, strict=True)])
            c /= c.sum()
            like = [
                torch.cosine_similarity(features[m][i], features[m][j], dim=0).item()
                for m, j in zip(names, chosen, strict=True)
                if j != i
            ]
            hard = 1 + (np.mean(like) + 1) / 2
            losses.append(-hard * (np.array(alphas) * c * np.log(told)).sum())
            shares.append([c, told / told.sum()])
    return float(np.mean(losses)), np.mean(shares, axis=0)


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_the_loss_and_the_weight_are_the_papers(shapes: Shapes) -> None:
    balancer = ready(shapes=shapes, weight=2.5, rate=0.05)
    step = step_of(balancer, shapes)
    plain = balancer.fused_loss(step) + balancer.heads_loss(step)
    alphas = [2.0] * len(shapes)
    balancer.alphas.fill_(2)
    for _ in range(3):
        expected, (wanted, found) = restated(balancer, step, alphas)
        [loss] = balancer.losses(step)
        assert loss.item() == pytest.approx(plain.item() + 2.5 * expected, abs=1e-12)
        weakest = int(wanted.argmin())
        moved = alphas[weakest] + 0.05 * np.sign(wanted[weakest] - found[weakest])
        alphas = [max(1, moved) if k == weakest else 1.0 for k in range(len(shapes))]
        assert balancer.alphas[0].tolist() == pytest.approx(alphas, abs=1e-12)
    assert max(alphas) == pytest.approx(1.85), "the toys' fusion heeds the weakest one"


def weighed(wanted: list[float], found: list[float], before: list[float]) -> list[float]:
    balancer = ready(rate=0.5)
    balancer.alphas.copy_(torch.tensor([before]))
    shares, decided = (torch.tensor(x, dtype=F64).expand(1, 2, 10, 2) for x in (wanted, found))
    balancer._weigh(shares, decided, torch.ones(1, 10, dtype=torch.bool))
    left: list[float] = balancer.alphas[0].tolist()
    return left


def test_the_weak_ones_weight_by_hand() -> None:
    # The paper's example: a share of 0.25 by the heads, and 0.10 by the fusion.
    assert weighed([0.75, 0.25], [0.9, 0.1], [1, 1]) == [1, 1.5]
    assert weighed([0.75, 0.25], [0.9, 0.1], [1, 2]) == [1, 2.5]
    assert weighed([0.75, 0.25], [0.5, 0.5], [1, 2]) == [1, 1.5]
    assert weighed([0.75, 0.25], [0.5, 0.5], [1, 1.25]) == [1, 1], "never below 1"
    assert weighed([0.25, 0.75], [0.1, 0.9], [1, 2]) == [1.5, 1], "another one is weakest"


def test_shares_of_an_example() -> None:
    shares = normalized(torch.tensor([[0.9, 0.3], [0.0, 0.0]], dtype=F64))
    assert torch.allclose(shares, torch.tensor([[0.75, 0.25], [0.0, 0.0]], dtype=F64))


def test_in_the_warm_up_encoders_learn_by_their_heads_alone() -> None:
    balancer = ready(epoch=2)
    network = balancer.context.network
    flat = FlatParameters(network)
    step = step_of(balancer)
    [loss] = balancer.losses(step)
    plain = balancer.fused_loss(step) + balancer.heads_loss(step)
    assert loss.item() == pytest.approx(plain.item(), abs=1e-12), "the number that is told"
    [found] = flat.differentiate([loss.sum()])
    again = step_of(balancer)
    own = sum(cross_entropy(z, again.labels).mean() for z in again.forward.unimodal.values())
    names = [n for n, _ in network.named_parameters() if not n.startswith("fusion")]
    wanted = [dict(network.named_parameters())[name] for name in names]
    for name, gradient in zip(names, torch.autograd.grad(own, wanted), strict=True):
        assert torch.allclose(found[name], gradient, atol=1e-12), name
    assert not any(g.any() for n, g in found.items() if n.startswith("fusion"))
    assert balancer.alphas.eq(1).all()


def test_weights_and_labels_have_no_gradient() -> None:
    balancer = ready()
    step = step_of(balancer)
    heads = list(balancer.context.network.heads.parameters())
    mean = balancer._misaligned(step).sum()
    found = torch.autograd.grad(mean, heads, allow_unused=True)
    assert all(gradient is None for gradient in found)


def test_what_a_sample_lacks_is_not_asked_for() -> None:
    balancer = ready()
    there = torch.arange(10)[None] < 5
    step = step_of(balancer, image=there)
    confidences = balancer._confidences(step)
    assert confidences[0, :5].all()
    assert confidences[0, 5:, 0].eq(0).all()
    assert confidences[0, 5:, 1].all()
