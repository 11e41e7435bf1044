"""OGM: k = 1 − tanh(α·ρ) for the modality that is ahead, 1 for the others."""

from __future__ import annotations

from dataclasses import replace
from math import log, tanh

import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing._parts import dominance, likelihoods
from armtune.balancing.ogm import GradientModulator, Ogm, modulated, modulation
from armtune.nn.flat_parameters import FlatParameters
from armtune.recipe.schema import Recipe
from armtune.training.network import build_network
from tests.balancing.toys import THREE_CLASSES, at, made_up, toy_batch, toy_context, toy_network
from tests.conftest import toy_recipe


def logits_of(*probabilities: float) -> torch.Tensor:
    """Logits of two classes, one sample for each probability of class 0."""
    rows = [[log(p), log(1 - p)] for p in probabilities]
    return torch.tensor([rows], dtype=torch.float64)


UNIMODAL = {"image": logits_of(0.9, 0.7), "audio": logits_of(0.5, 0.3)}
"""For labels 0 and 0: image 0.8 on average, audio 0.4."""


def factors_after(balancer: GradientModulator, *steps: Step) -> list[float]:
    """The first member's coefficients of an update made from these steps."""
    balancer.start_epoch(at(balancer, 0))
    for step in steps:
        balancer.losses(step)
    names = [n for n, _ in balancer.context.network.named_parameters()]
    balancer.change_gradients([dict.fromkeys(names, torch.zeros(1, dtype=torch.float64))])
    factors: list[float] = balancer.factors[0].tolist()
    return factors


def step_of(image: list[float], audio: list[float]) -> Step:
    """A step of samples of class 0, as likely by each head."""
    logits = {"image": logits_of(*image), "audio": logits_of(*audio)}
    return made_up({}, [0] * len(image), logits["image"], logits)


def test_the_coefficient_by_hand() -> None:
    step = made_up({}, [0, 0], logits_of(0.5, 0.5), UNIMODAL)
    balancer = GradientModulator([Ogm(alpha=0.3)], toy_context(toy_network()))
    # ρ = 0.8 / 0.4 = 2 for image and ½ for audio.
    expected = [1 - tanh(0.3 * 2), 1.0]
    assert factors_after(balancer, step) == pytest.approx(expected, abs=1e-12)


def test_several_steps_of_an_update_give_the_coefficient_of_one_large_batch() -> None:
    # Over both steps image is ahead, in the last one audio.
    first, last = step_of([0.58], [0.4]), step_of([0.5], [0.51588])
    together = step_of([0.58, 0.5], [0.4, 0.51588])
    context = toy_context(toy_network())
    found, whole, alone = (
        factors_after(GradientModulator([Ogm(alpha=0.3)], context), *steps)
        for steps in ([first, last], [together], [last])
    )
    assert found == pytest.approx([1 - tanh(0.3 * 1.08 / 0.91588), 1.0], abs=1e-12)
    assert found == pytest.approx(whole, abs=1e-12)
    assert found == pytest.approx([0.66, 1.0], abs=0.005)
    assert alone == pytest.approx([1.0, 0.70], abs=0.005)


def test_an_update_forgets_the_one_before() -> None:
    balancer = GradientModulator([Ogm(alpha=0.3)], toy_context(toy_network()))
    factors_after(balancer, step_of([0.9], [0.1]))
    again = factors_after(balancer, step_of([0.1], [0.9]))
    assert again == pytest.approx([1.0, 1 - tanh(0.3 * 9)], abs=1e-12)


def test_of_convolutions_their_weights_are_modulated_and_else_everything() -> None:
    recipe = toy_recipe({"image": (28, 28), "audio": (5,)})
    pictured = {"encoder": {"name": "lenet", "width": 4}}
    document = recipe.model_dump(mode="json")
    document["modalities"]["image"] = pictured
    network = build_network(
        [Recipe.model_validate(document)], {"image": (28, 28), "audio": (5,)}, 3, torch.float64
    )
    shapes = dict(network.named_parameters())
    convolutions = modulated(network, "image", everything=False)
    assert convolutions
    assert {shapes[name].dim() for name in convolutions} == {5}
    assert set(convolutions) < set(network.encoder_parameters("image"))
    assert modulated(network, "image", everything=True) == network.encoder_parameters("image")
    assert modulated(network, "audio", everything=False) == network.encoder_parameters("audio")


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
        step = Step(network(views), labels, labels, 0)
        factors = modulation(likelihoods(THREE_CLASSES, step), balancer.alpha)[0].tolist()
        assert min(factors) < 1 == max(factors)
        gradients = flat.differentiate([loss.sum() for loss in balancer.losses(step)])
        before = {name: gradient.clone() for name, gradient in gradients[0].items()}
        balancer.change_gradients(gradients)
        for name, gradient in gradients[0].items():
            encoder = int(name.split(".")[1]) if name.startswith("encoders") else None
            factor = 1.0 if encoder is None or not acts else factors[encoder]
            assert torch.allclose(gradient, factor * before[name], atol=1e-15), name


def test_the_window_is_as_released_through_epoch_50() -> None:
    balancer = GradientModulator([Ogm()], toy_context(toy_network()))
    epochs = torch.tensor([0, 50, 51])
    assert balancer.window.open(epochs).tolist() == [True, True, False]


def test_members_have_their_own_strength() -> None:
    scores = torch.tensor([[0.8, 0.4], [0.8, 0.4]], dtype=torch.float64)
    factors = modulation(scores, torch.tensor([0.0, 0.5], dtype=torch.float64))
    assert factors[0].tolist() == [1.0, 1.0]
    assert factors[1, 0].item() == pytest.approx(1 - tanh(1.0), abs=1e-12)
