"""Learning the modality gap in closed form, in float64."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing.lfm import Lfm, Matcher, js, kl, released_share
from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.targets.classes import cross_entropy
from armtune.testing.toys import toy_recipe
from tests.balancing.toys import F64, at, made_up, toy_context, toy_network, weights_after


def told(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of one member's one sample by each modality's logits."""
    return logits.log_softmax(-1)[:, None, None, None]


def test_divergence_by_hand() -> None:
    first, second = torch.tensor([0.5, 0.5], dtype=F64), torch.tensor([0.9, 0.1], dtype=F64)
    # H(0.7, 0.3) − (H(0.5, 0.5) + H(0.9, 0.1)) / 2
    mean = -(0.7 * log(0.7) + 0.3 * log(0.3))
    own = (log(2) - (0.9 * log(0.9) + 0.1 * log(0.1))) / 2
    found = js(told(torch.stack([first.log(), second.log() + 3])))
    assert found.item() == pytest.approx(mean - own, abs=1e-12)


def test_divergence_is_zero_for_equals_and_ln_of_their_number_for_opposites() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0]] * 3, dtype=F64)
    assert js(told(logits)).item() == pytest.approx(0, abs=1e-12)
    apart = torch.eye(3, dtype=F64).mul(1000).requires_grad_()
    found = js(told(apart))
    assert found.item() == pytest.approx(log(3), abs=1e-12)
    assert torch.autograd.grad(found.sum(), apart)[0].isfinite().all()


def test_released_divergence_restated() -> None:
    # Two modalities sure of different classes, at logits of scale 8.
    logits = np.array([[8.0, 0.0, 0.0], [0.0, 8.0, 0.0]])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    mean = p.mean(0)
    expected = (mean * (np.log(mean) - np.log(p))).sum(1).mean()
    found = told(torch.from_numpy(logits))
    assert kl(found).item() == pytest.approx(expected, abs=1e-12)
    # It grows with the scale, and Jensen and Shannon's stays below ln 2.
    larger = told(torch.from_numpy(10 * logits))
    assert kl(larger).item() == pytest.approx(10 * 8 / 2 - log(2), abs=1e-4)
    assert js(larger).item() == pytest.approx(log(2), abs=1e-12)


def test_quoted_divergences() -> None:
    # Random logits of scale 8 in six classes: unbounded against bounded, 4.43 against 0.53.
    generator = np.random.default_rng(13)
    logits = torch.from_numpy(generator.normal(size=(2, 256, 6)) * 8)
    logs = logits.log_softmax(-1)[:, None, :, None]
    assert kl(logs).mean().item() == pytest.approx(4.43, abs=0.005)
    assert js(logs).mean().item() == pytest.approx(0.53, abs=0.005)


def test_released_share_falls() -> None:
    progress = torch.tensor([0, 0.25, 0.5, 199 / 200], dtype=F64)
    coefficients = [7.95376296e-01, -3.35472727e-03, -1.22989557e-04]
    coefficients += [2.92947416e-06, -2.23835486e-08, 5.39717505e-11]
    epochs = np.array([0, 50, 100, 199])
    expected = sum(c * epochs**k for k, c in enumerate(coefficients))
    assert released_share(progress).tolist() == pytest.approx(expected.tolist(), abs=1e-12)
    assert released_share(progress).tolist() == pytest.approx([0.80, 0.56, 0.46, 0.08], abs=0.005)


def ready(**options: Any) -> tuple[Matcher, Any, dict[str, torch.Tensor]]:
    """A balancer in the second of four epochs, and a step of it."""
    network = toy_network(name="lfm", **options)
    generator = torch.Generator().manual_seed(4)
    features = {
        m: torch.randn(1, 4, 8, dtype=F64, generator=generator).requires_grad_()
        for m in ("image", "audio")
    }
    heads = network.judge({m: f.detach() for m, f in features.items()})
    step = made_up(features, [0, 1, 2, 0], network.fuse(features), heads)
    matcher = Matcher([Lfm(**options)], toy_context(network, epochs=4))
    matcher.start_epoch(at(matcher, 1))
    return matcher, step, features


def test_the_released_loss() -> None:
    matcher, step, features = ready()
    network = matcher.context.network
    votes = torch.stack(list(network.fusion.apart(features).values()))
    assert torch.allclose(votes.mean(0), step.forward.logits, atol=1e-12)
    share = 0.56331930328125  # after a quarter of the training
    fitting = cross_entropy(votes.mean(0), step.labels).mean()
    apart = kl(votes.log_softmax(-1).unsqueeze(-2)).mean()
    expected = 2 * ((1 - share) * fitting + share * apart) + matcher.heads_loss(step).sum()
    total = matcher.losses(step)[0].sum()
    assert total.item() == pytest.approx(expected.item(), abs=1e-10)
    # The divergence moves what decides as well as the encoders.
    weights = [*network.fusion.parameters(), *features.values()]
    ours = torch.autograd.grad(total, weights, retain_graph=True)
    theirs = torch.autograd.grad(expected, weights)
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(ours, theirs, strict=True))


def test_loss_shares_out_and_leaves_the_heads_alone() -> None:
    matcher, step, features = ready(share=0.25, course="fixed", divergence="js", decision="fusion")
    network, heads = matcher.context.network, step.forward.unimodal
    total = matcher.losses(step)[0].sum()
    own = sum(cross_entropy(x, step.labels).mean() for x in heads.values())
    logits = torch.stack(list(network.judge(features).values()))
    gap = js(logits.log_softmax(-1).unsqueeze(-2)).mean()
    expected = 0.75 * cross_entropy(step.forward.logits, step.labels).mean() + own + 0.25 * gap
    assert total.item() == pytest.approx(expected.item(), abs=1e-12)
    weights = [*network.heads.parameters(), *features.values()]
    ours = torch.autograd.grad(total, weights, retain_graph=True)
    theirs = torch.autograd.grad(expected, weights, retain_graph=True)
    plain = torch.autograd.grad(own, weights[:4])
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours[4:], theirs[4:], strict=True))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours[:4], plain, strict=True))


@pytest.mark.parametrize(
    ("course", "shares", "scale"),
    [("released", [0.5 * 0.460844804, 0.460844804, 0], [2, 2, 1]), ("fixed", [0.5, 1, 0], 1)],
)
def test_members_have_their_own_share(course: Any, shares: list[float], scale: Any) -> None:
    options = [Lfm(share=share, course=course) for share in (0.5, 1.0, 0.0)]
    matcher = Matcher(options, toy_context(toy_network(), epochs=2))
    matcher.start_epoch(torch.tensor([1, 1, 1]))
    assert matcher.share.tolist() == pytest.approx(shares, abs=1e-7)
    assert torch.as_tensor(matcher.scale).tolist() == scale


@pytest.mark.parametrize("option", ["matching", "schedule"])
def test_earlier_options_are_refused_in_a_sentence(option: str) -> None:
    with pytest.raises(RecipeError, match=f"{option} is no option any more: .* `divergence: js`"):
        with_overrides(toy_recipe(), {"balancing": {"name": "lfm", option: 0.3}})


def test_it_trains_otherwise_than_no_balancing() -> None:
    assert not torch.equal(weights_after({"name": "lfm"}, 1), weights_after({"name": "none"}, 1))
