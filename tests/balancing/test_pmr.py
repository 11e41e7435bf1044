"""Prototypical Modal Rebalance in closed form, in float64."""

from __future__ import annotations

from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import torch

from armtune.balancing.pmr import Pmr, PrototypeRebalancer, slowness
from armtune.nn.forward import Batch, Features
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import (
    F64,
    at,
    made_up,
    toy_context,
    toy_network,
    weights_after,
    weights_after_a_break,
)

PMR = {"name": "pmr", "alpha": 2.0}
LOGITS = torch.tensor([[[0.1, 0.5, 0.0], [0.4, 0.0, 0.0]]], dtype=F64)


def balancer(**options: Any) -> PrototypeRebalancer:
    """With prototypes at 0, 1 and 2 on the first feature's axis of both modalities."""
    made = PrototypeRebalancer([Pmr(**options)], toy_context(toy_network()))
    made._renew = lambda *_: None  # type: ignore[method-assign]
    for prototype in made.prototypes.values():
        prototype[0, :, 0] = torch.arange(3.0)
    made.seen.fill_(1)
    made.start_epoch(at(made, 1))
    return made


def features(image: list[float], audio: list[float]) -> dict[str, torch.Tensor]:
    """Features of eight units that differ in the first."""
    made = {"image": torch.zeros(1, len(image), 8), "audio": torch.zeros(1, len(audio), 8)}
    made["image"][0, :, 0] = torch.tensor(image)
    made["audio"][0, :, 0] = torch.tensor(audio)
    return {m: f.to(F64).requires_grad_() for m, f in made.items()}


def test_slowness_by_hand() -> None:
    scores = torch.tensor([[3.0, 2.0], [1.0, 5.0], [4.0, 4.0]], dtype=F64)
    # 3/2 − 1 for the second; 5/1 − 1 is clipped to 1; equal scores lag nowhere
    expected = [[0.0, 0.5], [1.0, 0.0], [0.0, 0.0]]
    assert slowness(scores, by_size=True).tolist() == [pytest.approx(row) for row in expected]
    assert slowness(scores, by_size=False).tolist() == [[0, 1], [1, 0], [0, 0]]


def test_the_released_rule_is_all_or_nothing() -> None:
    # ρ = 0.987 and a prototype loss of 1.004: the whole of it, against 1/0.987 − 1 of it.
    scores, loss = torch.tensor([[0.987, 1.0]], dtype=F64), torch.tensor([[1.004, 7.0]], dtype=F64)
    released, ours = ((slowness(scores, by_size) * loss).sum().item() for by_size in (False, True))
    assert released == pytest.approx(1.004, abs=1e-12)
    assert ours == pytest.approx((1 / 0.987 - 1) * 1.004, abs=1e-12)
    assert ours == pytest.approx(0.013, abs=5e-4)


@pytest.mark.parametrize(("by_size", "expected"), [(True, [0, 3.5 / 2 - 1, 0]), (False, [0, 1, 0])])
def test_slowness_of_three_compares_with_the_others_mean(
    by_size: bool, expected: list[float]
) -> None:
    scores = torch.tensor([[4.0, 2.0, 3.0]], dtype=F64)
    assert slowness(scores, by_size)[0].tolist() == pytest.approx(expected)


def test_defaults_are_the_released_ones() -> None:
    pmr = Pmr()
    assert (pmr.alpha, pmr.momentum, pmr.from_epoch, pmr.to_epoch) == (1.0, 0.2, 0, 101)


@pytest.mark.parametrize("lag", ["any", "size"])
def test_loss_by_hand(lag: str) -> None:
    step = made_up(features([0.0, 1.0], [1.0, 1.0]), [0, 1], LOGITS)
    # distances to the prototypes: image 0 1 2 | 1 0 1, audio 1 0 1 | 1 0 1
    near, far = 1 / (1 + exp(-1) + exp(-2)), exp(-1) / (1 + 2 * exp(-1))
    middle = 1 / (1 + 2 * exp(-1))
    image, audio = near + middle, far + middle
    loss = -(log(far) + log(middle)) / 2
    plain = cross_entropy(LOGITS, step.labels).mean()
    share = 1 if lag == "any" else image / audio - 1
    made = balancer(alpha=0.6, lag=lag)
    made.heads_loss = lambda _: torch.zeros(1, dtype=F64)  # type: ignore[method-assign]
    total = made.losses(step)[0]
    assert total.item() == pytest.approx(plain.item() + 0.6 * share * loss, abs=1e-12)
    image_gradient, audio_gradient = torch.autograd.grad(
        total.sum(), list(step.forward.features.values())
    )
    assert not image_gradient.any()
    assert audio_gradient.any()


def renewing(image: list[float], labels: list[int], **options: Any) -> PrototypeRebalancer:
    """With encoders that give the image's views as they are, of these samples only."""
    network = toy_network()

    def encode(views: Features, *_: Any) -> Features:
        return views

    network.encode = encode  # type: ignore[method-assign]
    made = features(image, [0.0] * len(image))
    batch = Batch({m: f.detach() for m, f in made.items()}, torch.tensor([labels]), {})
    context = toy_context(network, samples=len(image), batch_size=9, take=lambda _: batch)
    return PrototypeRebalancer([Pmr(**options)], context)


def test_prototypes_are_centroids_then_move_by_momentum() -> None:
    # Untrained encoders', the first epoch's, and a quarter of those beside the second's.
    made = None
    for epoch, image, expected in (
        (None, [5.0, 5.0], 5.0),
        (0, [2.0, 4.0], 3.0),
        (1, [7.0, 7.0], 0.25 * 3 + 0.75 * 7),
    ):
        fresh = renewing(image, [1, 1], momentum=0.25)
        made = made or fresh
        made.context = fresh.context
        if epoch is None:
            made.start_epoch(at(made, 0))
        else:
            made.end_epoch(at(made, epoch))
        assert made.prototypes["image"][0, :, 0].tolist() == pytest.approx([0, expected, 0])
        assert made.seen.tolist() == [[[0, 1, 0]] * 2]


def test_a_class_that_none_of_the_samples_has_keeps_its_prototype() -> None:
    made = renewing([2.0, 4.0], [1, 1])
    made.prototypes["image"][0, 2, 0] = 8.0
    made.seen[0, 0, 2] = 1
    made.end_epoch(at(made, 3))
    assert made.prototypes["image"][0, :, 0].tolist() == pytest.approx([0, 3, 8])
    assert made.seen[0, 0].tolist() == [0, 1, 1]


@pytest.mark.parametrize(("steps", "samples"), [(4, 10), (19, 10), (30, 30)])
def test_prototypes_come_from_a_tenth_of_the_batches(steps: int, samples: int) -> None:
    network = toy_network()
    context = toy_context(network, steps=steps, samples=10 * steps)
    found = torch.cat(list(PrototypeRebalancer([Pmr()], context)._some(torch.tensor([3]))), 1)
    assert found.shape == (1, samples)
    assert len(found.unique()) == samples


def test_a_class_without_a_prototype_takes_no_part() -> None:
    made = balancer(alpha=1)
    made.seen[0, :, 2] = 0
    with_it = made_up(features([0, 1, 2], [1, 1, 2]), [0, 1, 2], LOGITS)
    without = made_up(features([0, 1], [1, 1]), [0, 1], LOGITS)
    for ours, expected in zip(made._judge(with_it), made._judge(without), strict=True):
        assert torch.allclose(ours, expected, atol=1e-12)
    # distances of the images to the two prototypes: 0 1 | 1 0
    assert made._judge(without)[0][0, 0].item() == pytest.approx(log(1 + exp(-1)), abs=1e-12)
    loss = made._judge(with_it)[0].sum()
    gradients = torch.autograd.grad(loss, list(with_it.forward.features.values()))
    assert all(g.isfinite().all() for g in gradients)


def test_the_first_epoch_has_prototypes_of_the_untrained_encoders() -> None:
    assert not torch.equal(weights_after(PMR, 1), weights_after({"name": "none"}, 1))


@pytest.mark.parametrize("window", [{"from_epoch": 9}, {"to_epoch": 0}])
def test_a_window_that_never_opens_is_no_balancing(window: dict[str, int]) -> None:
    assert torch.equal(weights_after({**PMR, **window}), weights_after({"name": "none"}))


def test_a_restored_run_keeps_its_prototypes(tmp_path: Path) -> None:
    resumed = weights_after_a_break(PMR, 4, 2, tmp_path / "c.safetensors")
    assert torch.equal(resumed, weights_after(PMR, 4))
