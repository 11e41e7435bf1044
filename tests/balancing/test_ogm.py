"""OGM: k = 1 − tanh(α·ρ) for the modality that is ahead, 1 for the others."""

from __future__ import annotations

from dataclasses import replace
from math import log, tanh

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing._parts import dominance, likelihoods
from armtune.balancing.ogm import GradientModulator, Ogm, modulation
from armtune.nn.flat_parameters import FlatParameters
from tests.balancing.toys import THREE_CLASSES, at, made_up, toy_batch, toy_context, toy_network


def logits_of(*probabilities: float) -> torch.Tensor:
    """Logits of two classes, one sample for each probability of class 0."""
    rows = [[log(p), log(1 - p)] for p in probabilities]
    return torch.tensor([rows], dtype=torch.float64)


UNIMODAL = {"image": logits_of(0.9, 0.7), "audio": logits_of(0.5, 0.3)}
"""For labels 0 and 0: image 0.8 on average, audio 0.4."""


def test_the_coefficient_by_hand() -> None:
    step = made_up({}, [0, 0], logits_of(0.5, 0.5), UNIMODAL)
    balancer = GradientModulator([Ogm(alpha=0.3)], toy_context(toy_network()))
    # ρ = 0.8 / 0.4 = 2 for image and ½ for audio.
    expected = [1 - tanh(0.3 * 2), 1.0]
    assert balancer.coefficients(step)[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_it_is_the_true_class_that_counts() -> None:
    scores = likelihoods(THREE_CLASSES, made_up({}, [0, 1], logits_of(0.5, 0.5), UNIMODAL))
    assert scores[0].tolist() == pytest.approx([(0.9 + 0.3) / 2, (0.5 + 0.7) / 2], abs=1e-12)


@pytest.mark.parametrize(
    ("there", "expected"), [([True, False], [0.9, 0.4]), ([False, False], [0.4, 0.4])]
)
def test_heads_count_by_the_samples_that_have_their_modality(
    there: list[bool], expected: list[float]
) -> None:
    step = made_up({}, [0, 0], logits_of(0.5, 0.5), UNIMODAL)
    holed = replace(step, present={"image": torch.tensor([there])})
    scores = likelihoods(THREE_CLASSES, holed)
    assert scores[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_beyond_two_the_ratio_is_to_the_mean_of_the_others() -> None:
    scores = torch.tensor([[0.9, 0.3, 0.6]], dtype=torch.float64)
    expected = [0.9 / 0.45, 0.3 / 0.75, 0.6 / 0.6]
    assert dominance(scores)[0].tolist() == pytest.approx(expected, abs=1e-12)
    alpha = torch.tensor([0.5], dtype=torch.float64)
    expected = [1 - tanh(0.5 * 2), 1.0, 1.0]
    assert modulation(scores, alpha)[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_a_modality_that_is_never_right_is_no_division_by_zero() -> None:
    factors = modulation(torch.tensor([[0.5, 0.0]]), torch.tensor([0.3]))
    assert factors.tolist() == [[0.0, 1.0]]


def test_only_the_encoder_that_is_ahead_is_slowed_and_only_within_the_window() -> None:
    network = toy_network()
    balancer = GradientModulator([Ogm(alpha=0.3, from_epoch=1, to_epoch=2)], toy_context(network))
    views, labels = toy_batch()
    flat = FlatParameters(network)
    for epoch, acts in ((0, False), (1, True), (2, False)):
        balancer.start_epoch(at(balancer, epoch))
        forward = network(views)
        step = Step(forward, labels, labels, 0)
        factors = balancer.coefficients(step)[0].tolist()
        assert min(factors) < 1 == max(factors)
        gradients = flat.differentiate([loss.sum() for loss in balancer.losses(step)])
        before = {name: gradient.clone() for name, gradient in gradients[0].items()}
        balancer.change_gradients(gradients)
        for name, gradient in gradients[0].items():
            encoder = int(name.split(".")[1]) if name.startswith("encoders") else None
            factor = 1.0 if encoder is None or not acts else factors[encoder]
            assert torch.allclose(gradient, factor * before[name], atol=1e-15), name


def test_members_have_their_own_strength() -> None:
    scores = torch.tensor([[0.8, 0.4], [0.8, 0.4]], dtype=torch.float64)
    factors = modulation(scores, torch.tensor([0.0, 0.5], dtype=torch.float64))
    assert factors[0].tolist() == [1.0, 1.0]
    assert factors[1, 0].item() == pytest.approx(1 - tanh(1.0), abs=1e-12)
