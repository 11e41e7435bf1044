"""Calibrating Multimodal Learning in closed form, in float64."""

from __future__ import annotations

from math import log

import pytest
import torch

from armtune.balancing.cml import Calibrator, Cml, overconfidence
from tests.balancing.toys import F64, THREE, made_up, toy_context, toy_network
from tests.conftest import TWO, Shapes


def sure(*confidences: float) -> list[list[float]]:
    """Logits over two classes whose largest probability is as given, for each sample."""
    return [[log(c), log(1 - c)] for c in confidences]


def told(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(-1).unsqueeze(-2)


def test_overconfidence_by_hand() -> None:
    parts = torch.tensor([[sure(0.9, 0.6), sure(0.7, 0.95)]], dtype=F64)
    whole = torch.tensor([sure(0.8, 0.8)], dtype=F64)
    # excess: 0.1, none | none, 0.15
    assert overconfidence(told(parts), told(whole)).item() == pytest.approx(
        (0.1 + 0.15) / 4, abs=1e-12
    )


def test_confidence_is_the_largest_probability_whichever_class_it_is_of() -> None:
    parts = torch.tensor([[sure(0.9)]], dtype=F64).flip(-1)
    whole = torch.tensor([sure(0.6)], dtype=F64)
    assert overconfidence(told(parts), told(whole)).item() == pytest.approx(0.3)


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_loss_is_the_literal_one_over_all_parts(shapes: Shapes) -> None:
    network = toy_network(shapes)
    generator = torch.Generator().manual_seed(3)
    features = {m: torch.randn(1, 4, 8, dtype=F64, generator=generator) * 9 for m in shapes}
    leaves = [f.requires_grad_() for f in features.values()]
    step = made_up(features, [0, 1, 2, 0], network.fuse(features), network.judge(features))
    total, plain = (
        Calibrator([Cml(weight=weight)], toy_context(network)).losses(step)[0].sum()
        for weight in (0.7, 0.0)
    )
    whole = step.forward.logits.softmax(-1).amax(-1)
    gaps = []
    for subset in range(1, 2 ** len(shapes) - 1):
        part = {
            m: f if subset >> k & 1 else f.detach().mean(1, keepdim=True).expand_as(f)
            for k, (m, f) in enumerate(features.items())
        }
        gaps.append((network.fuse(part).softmax(-1).amax(-1) - whole).clamp_min(0).mean())
    expected = torch.stack(gaps).mean()
    assert expected > 0
    assert (total - plain).item() == pytest.approx(0.7 * expected.item(), abs=1e-12)
    ours = torch.autograd.grad(total - plain, leaves, retain_graph=True)
    theirs = torch.autograd.grad(0.7 * expected, leaves)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))
