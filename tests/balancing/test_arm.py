"""ARM's rules in closed form, in float64."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing._valuation import leave_one_out_matrix
from armtune.balancing.arm import Arm, Reinforcer, fusion_weights
from armtune.information import shapley_matrix
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.random_streams import stream
from armtune.targets.classes import cross_entropy
from armtune.testing.balancing import goes_on_within_an_epoch_as_if_never_stopped
from armtune.training.network import MultimodalNet, build_network
from tests.balancing.toys import at, toy_context
from tests.conftest import TWO, Shapes, toy_recipe

THREE: Shapes = {**TWO, "touch": (4,)}


def pieces(
    shapes: Shapes, **options: Any
) -> tuple[MultimodalNet, Reinforcer, FlatParameters, dict[str, torch.Tensor], torch.Tensor]:
    network = build_network([toy_recipe(shapes)], shapes, 3, torch.float64)
    context = toy_context(network)
    balancer = Reinforcer([Arm(**options)], context)
    balancer.start_epoch(at(balancer, 0))
    generator = stream(1, "toy")
    views = {
        m: torch.randn(1, 10, *shape, generator=generator, dtype=torch.float64)
        for m, shape in shapes.items()
    }
    labels = torch.arange(10)[None] % 3
    return network, balancer, FlatParameters(network), views, labels


def literal_loss(
    network: MultimodalNet, views: dict[str, torch.Tensor], labels: torch.Tensor, arm: Arm
) -> torch.Tensor:
    """The loss of docs/arm.md written out with autograd, the heads frozen."""
    features = network.encode(views)
    players = len(features)
    values = [torch.zeros(1, dtype=torch.float64)]
    frozen = {m: f.detach().mean(1, keepdim=True).expand_as(f) for m, f in features.items()}
    for subset in range(1, 2**players):
        present = {m: features[m] if subset >> k & 1 else frozen[m] for k, m in enumerate(features)}
        if subset.bit_count() == 1:
            k = subset.bit_length() - 1
            head, name = network.heads[k], network.modalities[k]
            logits = features[name] @ head.weight.detach() + head.bias.detach()
        else:
            logits = network.fuse(present)
        values.append(log(3) - cross_entropy(logits, labels).mean(1))
    one_out = arm.contribution == "leave_one_out"
    matrix = leave_one_out_matrix(players) if one_out else shapley_matrix(players)
    phi = (torch.stack(values, dim=1) @ matrix)[0]
    if arm.gap == "symmetric":
        highest, lowest = phi.max(), phi.min()
    else:
        weak = int(phi.argmin())
        carrying = [v if s >> weak & 1 else v.detach() for s, v in enumerate(values)]
        highest, lowest = phi.max().detach(), (torch.stack(carrying, dim=1) @ matrix)[0, weak]
    alone = torch.stack([log(3) - values[1 << k] for k in range(players)]).mean()
    gap = torch.relu(highest - lowest)
    return log(3) - values[-1][0] + arm.alpha * alone + arm.gap_weight * gap


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.7, "gap_weight": 0},
        {"alpha": 0, "gap_weight": 2},
        {"alpha": 1.3, "gap_weight": 0.8},
        {"alpha": 0.5, "gap_weight": 0.8, "gap": "symmetric"},
        {"alpha": 0.5, "gap_weight": 0.8, "contribution": "leave_one_out"},
    ],
)
def test_encoders_get_the_gradient_of_the_literal_loss(
    shapes: Shapes, options: dict[str, Any]
) -> None:
    network, balancer, flat, views, labels = pieces(shapes, **options)
    forward = network(views, balancer.heads_reach_encoders)
    flat.differentiate([balancer.losses(Step(forward, labels, labels, 0))[0].sum()])
    ours = flat.named(flat.gradients.clone())
    flat.differentiate([literal_loss(network, views, labels, Arm(**options)).sum()])
    theirs = flat.named(flat.gradients)
    for name in flat.shapes:
        if not name.startswith("heads"):
            assert torch.allclose(ours[name], theirs[name], atol=1e-12), name


def test_heads_learn_their_own_cross_entropy_whatever_the_knobs() -> None:
    gradients = []
    for options in ({"alpha": 0.0, "gap_weight": 0.0}, {"alpha": 2.0, "gap_weight": 3.0}):
        network, balancer, flat, views, labels = pieces(TWO, **options)
        forward = network(views, balancer.heads_reach_encoders)
        flat.differentiate([balancer.losses(Step(forward, labels, labels, 0))[0].sum()])
        gradients.append(flat.named(flat.gradients)["heads.0.weight"].clone())
    assert torch.allclose(*gradients, atol=1e-14)


def test_shares_of_the_gap_loss_by_hand() -> None:
    _, balancer, *_ = pieces(TWO, gap_weight=2.0)
    # the second modality is the weak one: ½λ on its own loss and on the fused one
    losses = torch.tensor([[0.3, 0.9, 0.2]]).double()
    assert balancer.gap_loss.shares(losses, balancer.gap_weight).tolist() == [[0.0, 1.0, 1.0]]


def test_even_modalities_feel_no_gap_loss() -> None:
    _, balancer, *_ = pieces(TWO, gap_weight=2.0)
    losses = torch.tensor([[0.5, 0.5, 0.2]]).double()
    assert not balancer.gap_loss.shares(losses, balancer.gap_weight).any()


def test_fusion_weights_with_tau_two_are_the_published_ratios() -> None:
    phi = torch.tensor([[0.8, 0.4]]).double()
    weights = fusion_weights(phi, torch.tensor([2.0]).double(), torch.tensor([3.0]).double())
    assert weights[0].tolist() == pytest.approx([0.5, 2.0])


def test_fusion_weights_stay_within_the_clip_and_stand_any_sign() -> None:
    phi = torch.tensor([[1.5, -0.2]]).double()
    weights = fusion_weights(phi, torch.tensor([2.0]).double(), torch.tensor([3.0]).double())
    assert weights[0].tolist() == pytest.approx([1 / 3, 3.0])
    off = fusion_weights(phi, torch.zeros(1).double(), torch.tensor([3.0]).double())
    assert off.tolist() == [[1.0, 1.0]]


def test_valuation_is_smoothed_after_its_first_epoch() -> None:
    network, balancer, _, views, labels = pieces(TWO, smoothing=0.25, warmup_epochs=0, tau=1)
    with torch.no_grad():
        features = network.encode(views)
        balancer.end_epoch(at(balancer, 0), features, labels)
        first = balancer.phi.clone()
        network.heads[0].bias.add_(torch.tensor([3.0, 0, 0]))
        fresh = balancer._contributions(features, labels)
        balancer.end_epoch(at(balancer, 1), features, labels)
    assert not torch.allclose(first, fresh)
    assert torch.allclose(balancer.phi, 0.25 * first + 0.75 * fresh, atol=1e-12)


def test_weights_wait_for_the_warm_up() -> None:
    network, balancer, _, views, labels = pieces(TWO, warmup_epochs=2, tau=1)
    with torch.no_grad():
        features = network.encode(views)
        balancer.end_epoch(at(balancer, 0), features, labels)
        assert (network.weights == 1).all()
        balancer.end_epoch(at(balancer, 1), features, labels)
    assert (network.weights != 1).all()


def test_multiplicities_have_the_published_steps() -> None:
    _, balancer, *_ = pieces(TWO, resampling=1.0, warmup_epochs=0)
    balancer.likelihood[0, :3] = torch.tensor([0.4, 0.7, 0.95])
    weights = balancer.sample_weights()
    assert weights is not None
    assert weights[0, :4].tolist() == [4, 3, 2, 2]


def test_dropout_takes_at_most_one_modality_and_about_as_often_as_asked() -> None:
    network, balancer, _, views, labels = pieces(TWO, dropout=0.5)
    features = network.encode(views)
    gone = []
    for step in range(4):
        altered = balancer.alter(features, labels, step)
        gone.append(torch.stack([(altered[m] != features[m]).any(-1)[0] for m in features]))
    counts = torch.cat(gone, dim=1).sum(0)
    assert counts.max() == 1
    assert 0.2 < counts.double().mean() < 0.8


def one_hot_features(labels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(labels, 8).double()


@pytest.mark.parametrize("valuation", ["variational", "histogram"])
@pytest.mark.parametrize("contribution", ["shapley", "leave_one_out", "interaction", "published"])
def test_every_valuation_sets_finite_weights(valuation: str, contribution: str) -> None:
    network, balancer, _, views, labels = pieces(
        TWO, valuation=valuation, contribution=contribution, warmup_epochs=0, tau=1
    )
    telling = {m: 30 * one_hot_features(labels) / (k + 1) for k, m in enumerate(views)}
    telling["audio"][:, :4] = 0
    with torch.no_grad():
        metrics = balancer.end_epoch(at(balancer, 0), telling, labels)
    assert set(metrics) == {"phi/image", "phi/audio", "weight/image", "weight/audio"}
    assert torch.isfinite(network.weights).all()
    # The released estimator may find both at fault.
    assert contribution == "published" or (network.weights != 1).any()


@pytest.mark.parametrize("contribution", ["interaction", "published"])
def test_contributions_of_two_refuse_three_modalities_by_name(contribution: Any) -> None:
    assert "two modalities" in Arm(contribution=contribution).problem(list(THREE))
    assert not Arm(contribution=contribution).problem(list(TWO))


def test_an_interrupted_epoch_keeps_its_order_though_likelihoods_change() -> None:
    goes_on_within_an_epoch_as_if_never_stopped(Arm(resampling=1.0, dropout=0.3, warmup_epochs=0))
