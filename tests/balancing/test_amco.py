"""AMCo: which modality is masked, how much of it, and what the heads are for."""

from __future__ import annotations

from math import log, pi, sin

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.amco import Amco, DominantMasker, dominant, mask, mask_share
from armtune.nn.flat_parameters import FlatParameters
from tests.balancing.toys import THREE, at, toy_batch, toy_context, toy_network


def doubles(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_dominant_modality_by_hand() -> None:
    # One sample, two classes: exponentials 3 + 1 for image and 1 + 1 for audio, so 4/6 and 2/6.
    unimodal = {"image": doubles(log(3), 0).view(1, 1, 2), "audio": doubles(0, 0).view(1, 1, 2)}
    assert dominant(unimodal, doubles(0.5)).tolist() == [[True, False]]
    assert dominant(unimodal, doubles(4 / 6 - 1e-9)).tolist() == [[True, False]]
    assert dominant(unimodal, doubles(4 / 6 + 1e-9)).tolist() == [[False, False]]


def test_shares_are_averaged_over_the_batch() -> None:
    image = torch.stack([doubles(log(3), 0), doubles(log(1 / 3), log(1 / 9))]).unsqueeze(0)
    unimodal = {"image": image, "audio": torch.zeros(1, 2, 2, dtype=torch.float64)}
    # 4/6 and (4/9) / (4/9 + 2): 0.4242 on average, so audio has 0.5758.
    share = 1 - (4 / 6 + (4 / 9) / (4 / 9 + 2)) / 2
    assert dominant(unimodal, doubles(share - 1e-9)).tolist() == [[False, True]]
    assert dominant(unimodal, doubles(share + 1e-9)).tolist() == [[False, False]]


def test_beyond_two_the_bar_is_two_sigma_of_an_even_share() -> None:
    # Shares 5/9, 2/9 and 2/9; at σ = 0.5 the bar is 1/3, and it is 5/9 at σ = 5/6.
    flat = torch.zeros(1, 1, 2, dtype=torch.float64)
    unimodal = {"image": doubles(log(4), 0).view(1, 1, 2), "audio": flat, "touch": flat}
    assert dominant(unimodal, doubles(0.5)).tolist() == [[True, False, False]]
    assert dominant(unimodal, doubles(5 / 6 + 1e-9)).tolist() == [[False, False, False]]


def test_the_mask_grows_as_a_sine_and_stays() -> None:
    times = [mask_share(doubles(t), doubles(0.6), doubles(4)).item() for t in (0, 1, 2, 4, 9)]
    expected = [0, 0.6 * sin(pi / 8), 0.6 * sin(pi / 4), 0.6, 0.6]
    assert times == pytest.approx(expected, abs=1e-12)


def test_the_mask_keeps_the_mean() -> None:
    order = torch.tensor([[3, 0, 2, 1], [0, 1, 2, 3]])
    # 0.7 of four features are two, 0.2 are none.
    assert mask(order, doubles(0.7, 0.2)).tolist() == [[2, 0, 2, 0], [1, 1, 1, 1]]


def ready(epoch: int, **options: float) -> DominantMasker:
    balancer = DominantMasker([Amco(**options)], toy_context(toy_network(THREE)))
    balancer.start_epoch(at(balancer, epoch))
    return balancer


def test_only_the_dominant_modality_is_masked_in_all_samples_alike() -> None:
    balancer = ready(1, rate=0.5, ramp_epochs=1.5)
    network = balancer.context.network
    network.heads[1].bias.data += 5
    views, labels = toy_batch(THREE)
    features = network.encode(views)
    before = {m: f.clone() for m, f in features.items()}
    altered = balancer.alter(features, labels, 2)
    assert [torch.equal(altered[m], before[m]) for m in features] == [True, False, True]
    assert all(torch.equal(features[m], before[m]) for m in features)
    # Epoch 1 and 2 of 4 steps are T: half of the 8 features are masked, the others doubled.
    hidden = balancer.orders["audio"][0, 2] < 4
    assert not altered["audio"][..., hidden].any()
    assert torch.allclose(altered["audio"][..., ~hidden], 2 * before["audio"][..., ~hidden])


def test_nothing_is_masked_at_the_start() -> None:
    balancer = ready(0, rate=0.9)
    views, labels = toy_batch(THREE)
    features = balancer.context.network.encode(views)
    altered = balancer.alter(features, labels, 0)
    assert all(torch.equal(altered[m], features[m]) for m in features)


def test_unimodal_losses_reach_the_encoders() -> None:
    gradients = []
    for alpha in (0.0, 1.0, 2.0):
        balancer = ready(0, alpha=alpha, rate=0)
        network = balancer.context.network
        views, labels = toy_batch(THREE)
        flat = FlatParameters(network)
        forward = network(views, balancer.heads_reach_encoders)
        flat.differentiate([balancer.losses(Step(forward, labels, labels, 0))[0].sum()])
        gradients.append(flat.named(flat.gradients)["encoders.0.1.weight"].clone())
    fused, once, twice = gradients
    assert not torch.allclose(fused, once)
    assert torch.allclose(twice - fused, 2 * (once - fused), atol=1e-14)
