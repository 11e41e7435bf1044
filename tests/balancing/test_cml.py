"""Calibrating Multimodal Learning in closed form, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing.cml import Calibrator, Cml, nested_overconfidence, overconfidence
from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from tests.balancing.toys import F64, THREE, at, made_up, toy_context, toy_network
from tests.conftest import TWO, Shapes, toy_recipe


def doubles(*rows: Any) -> torch.Tensor:
    return torch.tensor([rows], dtype=F64)


def test_overconfidence_by_hand() -> None:
    parts, whole = doubles([0.9, 0.6], [0.7, 0.95]), doubles(0.8, 0.8)
    # excess: 0.1, none | none, 0.15; the mean part's sum over the samples
    assert overconfidence(parts, whole).item() == pytest.approx((0.1 + 0.15) / 2, abs=1e-12)


def test_the_released_loss_is_a_sum_and_not_a_mean() -> None:
    # A hundred samples of which each is surer by 0.193 without a modality.
    sureness = doubles([0.6] * 100, [0.793] * 100)
    released = nested_overconfidence(sureness, torch.ones(1, 2, 100)).item()
    assert released == pytest.approx(19.3, abs=1e-9)
    assert released / 100 == pytest.approx(0.193, abs=1e-12)


def test_released_rule_restated() -> None:
    rng = np.random.default_rng(2)
    sure, right = rng.uniform(size=(3, 40)), rng.uniform(size=(3, 40)) < 0.5
    expected = 0.0
    for more, fewer in ((0, 1), (1, 2)):
        counted = ~(right[fewer] & ~right[more])
        expected += (np.maximum(0, sure[fewer] - sure[more]) * counted).sum()
    found = nested_overconfidence(*(torch.from_numpy(x)[None] for x in (sure, right)))
    assert found.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("right", "gradient"),
    [([1, 1], [-1, 1]), ([1, 0], [-1, 1]), ([0, 0], [0, 1]), ([0, 1], [0, 0])],
)
def test_what_is_wrong_is_not_made_surer(right: list[int], gradient: list[int]) -> None:
    sureness = doubles([0.6], [0.9]).requires_grad_()
    loss = nested_overconfidence(sureness, torch.tensor([[[r] for r in right]]))
    found = torch.autograd.grad(loss.sum(), sureness)[0]
    assert found.flatten().tolist() == gradient


def scene(shapes: Shapes, **options: Any) -> tuple[Calibrator, Any, dict[str, torch.Tensor]]:
    """A balancer and a step of four samples."""
    network = toy_network(shapes)
    generator = torch.Generator().manual_seed(3)
    features = {
        m: (torch.randn(1, 4, 8, dtype=F64, generator=generator) * 9).requires_grad_()
        for m in shapes
    }
    step = made_up(features, [0, 1, 2, 0], network.fuse(features), network.judge(features))
    balancer = Calibrator([Cml(**options)], toy_context(network, batch_size=4))
    balancer.start_epoch(at(balancer, 0))
    return balancer, step, features


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_loss_is_the_literal_one_over_all_parts(shapes: Shapes) -> None:
    balancer, step, features = scene(shapes, calibration=0.7, subsets="all")
    network = balancer.context.network
    total = balancer.losses(step)[0].sum()
    plain = balancer.fused_loss(step) + balancer.heads_loss(step)
    whole = step.forward.logits.softmax(-1).amax(-1)
    gaps = []
    for subset in range(1, 2 ** len(shapes) - 1):
        part = {
            m: f if subset >> k & 1 else f.detach().mean(1, keepdim=True).expand_as(f)
            for k, (m, f) in enumerate(features.items())
        }
        gaps.append((network.fuse(part).softmax(-1).amax(-1) - whole).clamp_min(0).sum())
    expected = torch.stack(gaps).mean()
    assert expected > 0
    assert (total - plain).item() == pytest.approx(0.7 * expected.item(), abs=1e-12)
    leaves = list(features.values())
    ours = torch.autograd.grad(total - plain, leaves, retain_graph=True)
    theirs = torch.autograd.grad(0.7 * expected, leaves)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_each_sample_loses_its_modalities_in_its_own_order(shapes: Shapes) -> None:
    balancer, step, features = scene(shapes, calibration=0.7)
    network, labels = balancer.context.network, step.labels[0]
    outputs = []
    for sample in range(4):
        order = balancer.draws[0, 0, sample].argsort().tolist()
        rows = []
        for lost in range(len(shapes)):
            left = {
                m: f.detach().mean(1) if k in order[:lost] else f.detach()[:, sample]
                for k, (m, f) in enumerate(features.items())
            }
            rows.append(network.fuse({m: x.unsqueeze(1) for m, x in left.items()})[0, 0])
        outputs.append(torch.stack(rows))
    told = torch.stack(outputs).log_softmax(-1).detach().numpy()
    fitting = -told[np.arange(4), :, labels].mean()
    right, sure = told.argmax(-1) == labels[:, None].numpy(), np.exp(told).max(-1)
    counted = ~(right[:, 1:] & ~right[:, :-1])
    excess = (np.maximum(0, sure[:, 1:] - sure[:, :-1]) * counted).sum()
    expected = fitting + 0.7 * excess + balancer.heads_loss(step).item()
    assert balancer.losses(step)[0].item() == pytest.approx(expected, abs=1e-10)
    assert excess > 0


def test_the_earlier_weight_is_refused_in_a_sentence() -> None:
    with pytest.raises(RecipeError, match=r"weight is no option any more: .* training\.batch_size"):
        with_overrides(toy_recipe(), {"balancing": {"name": "cml", "weight": 0.2}})
