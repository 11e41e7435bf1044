"""AGM: responses by masking, leads, and κ = exp(α·min(r̄ − r, b)) through each response."""

from __future__ import annotations

from math import exp, log
from statistics import median
from typing import Any

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.agm import AdaptiveModulator, Agm, log_likelihoods, modulation, scaled
from armtune.fusion import Fusion
from armtune.fusion.concat import Concat
from armtune.fusion.film import Film
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.forward import Batch
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.targets.classes import cross_entropy
from armtune.training.network import MultimodalNet, build_network
from tests.balancing.toys import THREE, THREE_CLASSES, at, toy_batch, toy_context, toy_network
from tests.conftest import TWO, Shapes, toy_recipe

ALPHA, SEVEN, TEN = (torch.tensor([x], dtype=torch.float64) for x in (0.5, 7, 10))


def logs(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64).log()


def test_the_coefficient_by_hand() -> None:
    # Leads: now 0.6 / 0.2 = 3 and 1/3, over the past 0.4 / 0.2 = 2 and 1/2.
    factors = modulation(logs(0.6, 0.2), logs(0.4, 0.2), ALPHA, TEN)
    expected = [exp(0.5 * (2 - 3)), exp(0.5 * (1 / 2 - 1 / 3))]
    assert factors[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_beyond_two_the_lead_is_over_the_mean_log_of_the_others() -> None:
    # The geometric means of the others are √(0.2·0.8), √(0.4·0.8) and √(0.4·0.2).
    factors = modulation(logs(0.4, 0.2, 0.8), logs(1.0, 1.0, 1.0), ALPHA, TEN)
    leads = [0.4 / 0.16**0.5, 0.2 / 0.32**0.5, 0.8 / 0.08**0.5]
    assert factors[0].tolist() == pytest.approx([exp(0.5 * (1 - r)) for r in leads], abs=1e-12)


@pytest.mark.parametrize(("bound", "largest"), [(SEVEN, 3.5), (TEN, 5.0)], ids=["7", "10"])
def test_the_difference_is_bounded(bound: torch.Tensor, largest: float) -> None:
    # Once a hundred times ahead, now level: 100 − 1 counts as the bound.
    factors = modulation(logs(0.5, 0.5), logs(1.0, 0.01), ALPHA, bound)
    assert factors[0].tolist() == pytest.approx([exp(largest), exp(0.5 * (0.01 - 1))], abs=1e-12)


def test_a_sample_counts_at_least_a_hundred_millionth() -> None:
    responses = torch.tensor([[[[0.0, 100.0], [0.0, 0.0]]]]).double()
    scores = log_likelihoods(THREE_CLASSES, responses, torch.tensor([[0, 0]]))
    assert scores.mean().item() == pytest.approx((log(1e-8) + log(0.5)) / 2, abs=1e-12)


def ready(
    network: MultimodalNet, shapes: Shapes = TWO, accumulate: int = 1, **options: Any
) -> AdaptiveModulator:
    """A balancer in its first epoch."""
    batch = Batch(toy_batch(shapes)[0], torch.zeros(1, 10), {})
    context = toy_context(network, accumulate=accumulate, take=lambda _: batch)
    balancer = AdaptiveModulator([Agm(**options)], context)
    balancer.start_epoch(at(balancer, 0))
    return balancer


def linear(shapes: Shapes) -> MultimodalNet:
    """A network whose fusion is one linear layer."""
    network = toy_network(shapes)
    init = Init([stream(0, "fusion")], torch.float64)
    network.fusion = Concat(dim=0).build(network.sizes, 3, init)
    return network


@pytest.mark.parametrize("absent", ["zeros", "mean"])
def test_responses_of_a_linear_fusion_by_hand(absent: str) -> None:
    network = linear(TWO)
    balancer = ready(network, absent=absent)
    views, labels = toy_batch()
    step = Step(network(views), labels, labels, 0)
    layer = network.fusion.apart.whole  # type: ignore[union-attr]
    weights = layer.weight.split(list(network.sizes.values()), dim=1)
    parts = [f @ w for f, w in zip(step.forward.features.values(), weights, strict=True)]
    if absent == "mean":
        gone = [part.mean(1, keepdim=True) for part in parts]
    else:
        blank = network.encode({m: torch.zeros_like(view) for m, view in views.items()})
        gone = [f[:, :1] @ w for f, w in zip(blank.values(), weights, strict=True)]
    # ½ [f(a,v) − f(v) + f(a)], f(a) with v absent and the bias once.
    image = 0.5 * (2 * parts[0] - gone[0] + gone[1] + layer.bias)
    audio = 0.5 * (2 * parts[1] - gone[1] + gone[0] + layer.bias)
    responses = balancer.responses(step)
    assert torch.allclose(responses[:, 0], image, atol=1e-12)
    assert torch.allclose(responses[:, 1], audio, atol=1e-12)


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_responses_add_up_to_the_fused_logits(shapes: Shapes) -> None:
    network = toy_network(shapes)
    views, labels = toy_batch(shapes)
    step = Step(network(views), labels, labels, 0)
    responses = ready(network, shapes).responses(step)
    assert torch.allclose(responses.sum(1), step.forward.logits, atol=1e-12)


def released_gradients(network: MultimodalNet, step: Step, balancer: AdaptiveModulator) -> Any:
    """The loss's gradient with each response's multiplied where it leaves the sum."""
    responses = balancer.responses(step)
    scores = -cross_entropy(responses.detach(), step.labels).mean(2)
    first, second = scores[0].tolist()
    leads = [exp(first - second), exp(second - first)]
    # Over the past, image was nine times as likely right as audio.
    factors = [exp(balancer.alpha.item() * (r - x)) for r, x in zip([9, 1 / 9], leads, strict=True)]
    parts = [z.clone() for z in responses.unbind(1)]
    for part, factor in zip(parts, factors, strict=True):
        part.register_hook(lambda gradient, factor=factor: gradient * factor)
    loss = cross_entropy(sum(parts), step.labels).mean()
    names = [n for n, _ in network.named_parameters() if not n.startswith("heads")]
    wanted = [dict(network.named_parameters())[name] for name in names]
    return factors, dict(zip(names, torch.autograd.grad(loss, wanted), strict=True))


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("linearly", [True, False], ids=["linear", "hidden"])
def test_the_gradient_is_scaled_through_each_response(linearly: bool, accumulate: int) -> None:
    network = linear(TWO) if linearly else toy_network()
    views, labels = toy_batch()
    step = Step(network(views), labels, labels, accumulate - 1)
    factors, expected = released_gradients(network, step, ready(network, alpha=0.2))
    balancer = ready(network, accumulate=accumulate, alpha=0.2)
    balancer.past.copy_(logs(0.9, 0.1))
    flat = FlatParameters(network)
    step = Step(network(views), labels, labels, accumulate - 1)
    gradients = flat.differentiate([loss.sum() for loss in balancer.losses(step)])
    balancer.change_gradients(gradients)
    for name, gradient in expected.items():
        assert torch.allclose(gradients[0][name], gradient, atol=1e-12), name
    # Not what the encoders' own gradients times the coefficients would be: the fusion's too.
    loss = cross_entropy(network(views).logits, labels).mean()
    plain = torch.autograd.grad(loss, list(network.fusion.parameters()))
    fused = [g for name, g in expected.items() if name.startswith("fusion")]
    assert any(not torch.allclose(a, b, rtol=0.01) for a, b in zip(plain, fused, strict=True))
    assert min(factors) < 0.99 < 1.01 < max(factors)


def test_upside_down_as_in_balance_benchmark() -> None:
    network = toy_network()
    views, labels = toy_batch()
    step = Step(network(views), labels, labels, 0)
    found = []
    for lead in ("own", "others"):
        balancer = ready(network, lead=lead, alpha=0.5)
        balancer.seen.add(balancer._scores(step, balancer.responses(step).detach()))
        balancer.number = 0
        found.append(balancer.factors()[0].tolist())
    assert found[1] == pytest.approx(found[0][::-1], abs=1e-12)
    assert found[0][0] != pytest.approx(found[0][1], abs=1e-3)


def test_the_past_is_the_mean_over_all_steps_before() -> None:
    network = toy_network()
    balancer = ready(network, alpha=0.5, absent="mean")
    balancer.context = toy_context(network, steps=2)
    scores, seen = [], []
    for number in range(3):
        views, labels = toy_batch(seed=number)
        balancer.start_epoch(at(balancer, number // 2))
        step = Step(network(views), labels, labels, number % 2)
        responses = balancer.responses(step).detach()
        scores.append(log_likelihoods(THREE_CLASSES, responses, labels).mean(2))
        balancer.seen.add(balancer._scores(step, responses))
        balancer.number = step.number
        seen.append(balancer.factors())
    expected = modulation(scores[2], (scores[0] + scores[1]) / 2, ALPHA, TEN)
    assert torch.allclose(seen[2], expected, atol=1e-12)
    start = torch.zeros_like(scores[0])
    assert torch.allclose(seen[0], modulation(scores[0], start, ALPHA, TEN))
    assert torch.allclose(balancer.state()["past"], torch.stack(scores).mean(0), atol=1e-12)


FUSIONS: dict[str, Fusion] = {"linear": Concat(dim=0), "hidden": Concat(dim=8), "film": Film(dim=8)}
HALF = torch.tensor([[0.5, 1.0]], dtype=torch.float64)


def gradients_of(loss: torch.Tensor, network: MultimodalNet, names: list[str]) -> dict[str, Any]:
    wanted = [dict(network.named_parameters())[name] for name in names]
    return dict(zip(names, torch.autograd.grad(loss, wanted), strict=True))


def apart(fusion: Fusion, seed: int) -> tuple[float, float]:
    """How far the rule that scales encoders alone is from the released one, as a share of it.

    Image is slowed by half in a fresh network on random inputs; of the encoders' gradient, and of
    the fusion's.
    """
    network = build_network([toy_recipe(TWO, seed=seed)], TWO, 3, torch.float64)
    init = Init([stream(seed, "fusion")], torch.float64)
    network.fusion = fusion.build(network.sizes, 3, init)
    views, labels = toy_batch(seed=seed)
    step = Step(network(views), labels, labels, 0)
    flowing = scaled(ready(network).responses(step), HALF)
    names = [n for n, _ in network.named_parameters() if not n.startswith("heads")]
    found = gradients_of(cross_entropy(flowing.sum(1), labels).mean(), network, names)
    former = gradients_of(cross_entropy(network(views).logits, labels).mean(), network, names)
    for name in network.encoder_parameters("image"):
        former[name] = former[name] / 2
    shares = []
    for part in ("encoders", "fusion"):
        own = [n for n in names if n.startswith(part)]
        pair = [torch.cat([g[n].flatten() for n in own]) for g in (former, found)]
        shares.append(float((pair[0] - pair[1]).norm() / pair[1].norm()))
    return shares[0], shares[1]


@pytest.mark.parametrize(
    ("kind", "encoders", "fusion"),
    [("linear", 9.484, 44.096), ("hidden", 19.685, 36.808), ("film", 20.439, 38.976)],
)
def test_scaling_encoders_alone_is_another_rule(kind: str, encoders: float, fusion: float) -> None:
    found = [apart(FUSIONS[kind], seed) for seed in range(20)]
    medians = [median(100 * x for x in column) for column in zip(*found, strict=True)]
    assert medians == pytest.approx([encoders, fusion], abs=1e-3)
