"""Remix: which modality a sample trains, the order of samples, and the loss, restated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.remix import Remix, Remixer
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.forward import Batch
from armtune.targets.classes import cross_entropy
from armtune.training.loop import Run
from tests.balancing.toys import F64, THREE, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes, toy_dataset, toy_recipe


def ready(epoch: int, shapes: Shapes = TWO, holes: bool = False, **options: Any) -> Remixer:
    """A balancer in an epoch of a training of six, on ten samples."""
    network = toy_network(shapes)
    views, labels = toy_batch(shapes)
    present = {"image": torch.arange(10)[None] % 2 == 0} if holes else {}

    def take(index: torch.Tensor) -> Batch:
        return Batch(views, labels, present)

    context = toy_context(network, take=take, samples=10, epochs=6, present=present)
    balancer = Remixer([Remix(**options)], context)
    balancer.start_epoch(at(balancer, epoch))
    return balancer


def step_of(balancer: Remixer, shapes: Shapes = TWO) -> Step:
    views, labels = toy_batch(shapes)
    index = torch.arange(10)[None]
    present = balancer.context.present_in(index)
    features = balancer.context.network.encode(views, present)
    fused = balancer.alter(features, index, 0)
    forward = balancer.context.network.decide(features, fused)
    return Step(forward, labels, index, 0, present)


def released(probabilities: np.ndarray) -> float:
    """The released measure of how sure a decision is: KL from the uniform one, in bits."""
    clipped = np.clip(probabilities, 1e-9, 1)
    return float(np.sum(clipped * np.log2(clipped * len(clipped))))


@pytest.mark.parametrize("holes", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_a_sample_goes_to_the_modality_that_is_least_sure(shapes: Shapes, holes: bool) -> None:
    balancer = ready(1, shapes, holes)
    network = balancer.context.network
    with torch.no_grad():
        judged = network.judge(network.encode(toy_batch(shapes)[0]))
    sure = [[released(p) for p in logits[0].softmax(1).numpy()] for logits in judged.values()]
    if holes:
        sure[0] = [s if i % 2 == 0 else np.inf for i, s in enumerate(sure[0])]
    assert balancer.assigned[0].tolist() == np.argmin(sure, axis=0).tolist()
    assert len(set(balancer.assigned[0].tolist())) > 1, "not all samples are alike"


def test_samples_of_a_modality_come_together_and_the_last_ones_first() -> None:
    balancer = ready(1)
    balancer.assigned = torch.tensor([[0, 1, 0, 1, 1]])
    order = torch.tensor([[4, 2, 0, 3, 1, 2]])
    assert balancer.order(order).tolist() == [[4, 3, 1, 2, 0, 2]]
    balancer.started = torch.tensor([False])
    assert torch.equal(balancer.order(order), order)


@pytest.mark.parametrize(("warmup", "first"), [(1 / 6, 1), (0.5, 3), (0.0, 0), (1.0, 6)])
def test_the_warm_up_is_a_share_of_the_training(warmup: float, first: int) -> None:
    started = [bool(ready(epoch, warmup=warmup).started) for epoch in range(6)]
    assert started == [epoch >= first for epoch in range(6)]


@pytest.mark.parametrize("absent", ["zeros", "mean"])
@pytest.mark.parametrize("holes", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_gradients_are_the_literal_ones(shapes: Shapes, holes: bool, absent: str) -> None:
    balancer = ready(1, shapes, holes, weight=1.5, absent=absent)
    network = balancer.context.network
    flat = FlatParameters(network)
    players = len(shapes)
    # Whoever lacks image, the odd ones, has another modality.
    own = [1 if holes and i % 2 else i % players for i in range(10)]
    balancer.assigned = torch.tensor([own])
    [found] = flat.differentiate([x.sum() for x in balancer.losses(step_of(balancer, shapes))])
    # Restated sample by sample: each is fused alone, and judged by its own modality's head.
    step = step_of(balancer, shapes)
    features, total = step.forward.features, torch.zeros((), dtype=F64)
    stand_in = {
        m: f.detach().mean(1) if absent == "mean" else torch.zeros_like(f[:, 0])
        for m, f in features.items()
    }
    for i, k in enumerate(own):
        name = list(shapes)[k]
        left = {m: f[:, i] if m == name else stand_in[m] for m, f in features.items()}
        logits = network.fuse({m: f.unsqueeze(1) for m, f in left.items()})
        label = step.labels[:, i : i + 1]
        judged = network.judge(features)[name][:, i : i + 1]
        total = total + cross_entropy(logits, label).sum()
        total = total + 1.5 * cross_entropy(judged, label).sum()
    names = [n for n, _ in network.named_parameters() if not n.startswith("heads")]
    wanted = [dict(network.named_parameters())[name] for name in names]
    expected = torch.autograd.grad(total / 10, wanted)
    for name, gradient in zip(names, expected, strict=True):
        assert torch.allclose(found[name], gradient, atol=1e-12), name


def test_before_it_starts_all_unimodal_losses_reach_the_encoders() -> None:
    balancer = ready(0, holes=True, warmup_weight=0.25)
    network = balancer.context.network
    flat = FlatParameters(network)
    [found] = flat.differentiate([x.sum() for x in balancer.losses(step_of(balancer))])
    step = step_of(balancer)
    own = {
        m: cross_entropy(z, step.labels) for m, z in network.judge(step.forward.features).items()
    }
    there = step.present["image"]
    alone = own["image"][there].mean() + own["audio"].mean()
    fused = cross_entropy(network.fuse(step.forward.features), step.labels).mean()
    names = [n for n, _ in network.named_parameters() if not n.startswith("heads")]
    wanted = [dict(network.named_parameters())[name] for name in names]
    expected = torch.autograd.grad(fused + 0.25 * alone, wanted)
    for name, gradient in zip(names, expected, strict=True):
        assert torch.allclose(found[name], gradient, atol=1e-12), name


def test_a_training_visits_what_it_judged_in_that_order() -> None:
    run = Run([toy_recipe(balancing={"name": "remix", "warmup": 0.5}, epochs=2)], toy_dataset())
    run.advance()
    run.train_steps()
    balancer = run.balancer
    assert isinstance(balancer, Remixer)
    groups = balancer.assigned.gather(1, run.order)[0].tolist()
    assert groups == sorted(groups, reverse=True)
    assert set(groups) == {0, 1}
    assert len(run.order[0].unique()) == run.order.shape[1], "no sample comes twice"
