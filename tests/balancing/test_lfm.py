"""Learning the modality gap in closed form, in float64."""

from __future__ import annotations

from math import log

import pytest
import torch

from armtune.balancing.lfm import Lfm, Matcher, divergence
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import F64, at, made_up, toy_context, toy_network, weights_after


def told(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of one member's one sample by each modality's logits."""
    return logits.log_softmax(-1)[:, None, None, None]


def test_divergence_by_hand() -> None:
    first, second = torch.tensor([0.5, 0.5], dtype=F64), torch.tensor([0.9, 0.1], dtype=F64)
    # H(0.7, 0.3) − (H(0.5, 0.5) + H(0.9, 0.1)) / 2
    mean = -(0.7 * log(0.7) + 0.3 * log(0.3))
    own = (log(2) - (0.9 * log(0.9) + 0.1 * log(0.1))) / 2
    found = divergence(told(torch.stack([first.log(), second.log() + 3])))
    assert found.item() == pytest.approx(mean - own, abs=1e-12)


def test_divergence_is_zero_for_equals_and_ln_of_their_number_for_opposites() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0]] * 3, dtype=F64)
    assert divergence(told(logits)).item() == pytest.approx(0, abs=1e-12)
    apart = torch.eye(3, dtype=F64).mul(1000).requires_grad_()
    found = divergence(told(apart))
    assert found.item() == pytest.approx(log(3), abs=1e-12)
    assert torch.autograd.grad(found.sum(), apart)[0].isfinite().all()


def test_loss_shares_out_and_leaves_the_heads_alone() -> None:
    network = toy_network()
    features = {m: torch.rand(1, 4, 8, dtype=F64).requires_grad_() for m in ("image", "audio")}
    heads = network.judge({m: f.detach() for m, f in features.items()})
    step = made_up(features, [0, 1, 2, 0], network.fuse(features), heads)
    matcher = Matcher([Lfm(matching=0.25)], toy_context(network))
    matcher.start_epoch(at(matcher, 0))
    total = matcher.losses(step)[0].sum()
    own = sum(cross_entropy(x, step.labels).mean() for x in heads.values())
    logits = torch.stack(list(network.judge(features).values()))
    gap = divergence(logits.log_softmax(-1).unsqueeze(-2)).mean()
    expected = 0.75 * cross_entropy(step.forward.logits, step.labels).mean() + own + 0.25 * gap
    assert total.item() == pytest.approx(expected.item(), abs=1e-12)
    weights = [*network.heads.parameters(), *features.values()]
    ours = torch.autograd.grad(total, weights, retain_graph=True)
    theirs = torch.autograd.grad(expected, weights, retain_graph=True)
    plain = torch.autograd.grad(own, weights[:4])
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours[4:], theirs[4:], strict=True))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours[:4], plain, strict=True))


def test_a_rising_share_ends_at_its_full_size() -> None:
    options = [Lfm(matching=0.6), Lfm(matching=0.6, schedule="rising")]
    matcher = Matcher(options, toy_context(toy_network(), epochs=3))
    shares = []
    for epoch in range(3):
        matcher.start_epoch(at(matcher, epoch))
        shares.append(matcher.share.tolist())
    assert shares == [pytest.approx([0.6, share]) for share in (0.2, 0.4, 0.6)]


def test_it_trains_otherwise_than_no_balancing() -> None:
    assert not torch.equal(weights_after({"name": "lfm"}, 1), weights_after({"name": "none"}, 1))
