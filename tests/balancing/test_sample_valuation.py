"""Sample-level modality valuation in closed form, in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from armtune.balancing.sample_valuation import SampleValuation, Valuer, which_copy
from armtune.training.loop import Run
from tests.balancing.toys import (
    F64,
    THREE,
    at,
    made_up,
    toy_batch,
    toy_context,
    toy_network,
    weights_after,
    weights_after_a_break,
)
from tests.conftest import TWO, Shapes, toy_dataset, toy_recipe

METHOD = {"name": "sample_valuation", "warmup_epochs": 1}


def valuer(shapes: Shapes = TWO, **options: float) -> Valuer:
    made = Valuer([SampleValuation(**options)], toy_context(toy_network(shapes)))
    made.start_epoch(at(made, 0))
    return made


def test_contributions_by_hand() -> None:
    made = valuer()
    # right with: image or both | both | any | image | nothing; columns are image, audio, both
    right = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=F64)
    values = torch.cat([torch.zeros(5, 1, dtype=F64), right], dim=1) * torch.tensor([0, 1, 1, 2])
    expected = [[1.5, 0.5], [1, 1], [1, 1], [0.5, -0.5], [0, 0]]
    assert (values @ made.matrix).tolist() == [pytest.approx(row) for row in expected]


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_values_are_of_the_fused_decision_on_every_subset(shapes: Shapes) -> None:
    made, (views, labels) = valuer(shapes), toy_batch(shapes)
    network = made.context.network
    with torch.no_grad():
        features = network.encode(views)
        values = made._values(features, labels)
        assert not values[..., 0].any()
        for subset in range(1, 2 ** len(shapes)):
            part = {
                m: f if subset >> k & 1 else f.mean(1, keepdim=True).expand_as(f)
                for k, (m, f) in enumerate(features.items())
            }
            right = network.fuse(part).argmax(2) == labels
            assert torch.equal(values[..., subset], right * float(subset.bit_count()))
    assert values.any()


def test_a_step_values_its_samples_and_no_other() -> None:
    made, (views, labels) = valuer(), toy_batch()
    features = made.context.network.encode(views)
    logits = made.context.network.fuse(features)
    heads = made.context.network.judge(features)
    made.losses(made_up(features, labels[0].tolist(), logits, heads))
    expected = made._values(features, labels) @ made.matrix
    assert torch.equal(made.contributions[:, :10], expected)
    assert (made.contributions[:, 10:] == 1).all()


def test_repeats_by_hand_are_the_published_ones() -> None:
    made = valuer(warmup_epochs=2)
    made.contributions[0, :4] = torch.tensor([[1.5, 0.5], [1, 1], [0.5, -0.5], [0, 0]]).to(F64)
    made.start_epoch(at(made, 1))
    assert (made.sample_weights() == 1).all()  # type: ignore[union-attr]
    made.start_epoch(at(made, 2))
    assert made.repeats[0, :4].tolist() == [[0, 1], [0, 0], [1, 3], [2, 2]]
    assert made.sample_weights()[0, :5].tolist() == [2, 1, 5, 5, 1]  # type: ignore[index]


def test_copies_are_drawn_in_proportion() -> None:
    repeats = torch.tensor([[[1.0, 2.0]] * 6], dtype=F64)
    draws = torch.tensor([[0.0, 0.24, 0.26, 0.49, 0.51, 0.99]], dtype=F64)
    # of four copies: the whole, one for the first modality, two for the second
    assert which_copy(repeats, draws).tolist() == [[-1, -1, 0, 0, 1, 1]]
    assert which_copy(torch.zeros_like(repeats), draws).tolist() == [[-1] * 6]


def test_a_repeat_keeps_one_modality_and_drops_the_others() -> None:
    made, (views, _) = valuer(), toy_batch()
    features = made.context.network.encode(views)
    made.repeats = torch.zeros_like(made.repeats)
    made.repeats[0, 3] = torch.tensor([99.0, 0.0])
    made.draws = torch.full_like(made.draws, 0.5)
    altered = made.alter(features, torch.arange(10)[None], 0)
    assert torch.equal(altered["image"], features["image"])
    whole = torch.arange(10) != 3
    assert torch.equal(altered["audio"][:, whole], features["audio"][:, whole])
    assert torch.equal(altered["audio"][0, 3], features["audio"][0].mean(0))
    [gradient] = torch.autograd.grad(altered["audio"][0, 3].sum(), [features["audio"]])
    assert not gradient.any()


def test_it_trains_as_before_in_the_warm_up() -> None:
    assert torch.equal(weights_after(METHOD, 1), weights_after({"name": "none"}, 1))
    assert not torch.equal(weights_after(METHOD, 2), weights_after({"name": "none"}, 2))


def test_a_restored_run_keeps_its_valuation(tmp_path: Path) -> None:
    resumed = weights_after_a_break(METHOD, 4, 2, tmp_path / "c.safetensors")
    assert torch.equal(resumed, weights_after(METHOD, 4))


def test_one_without_repeats_goes_on_in_an_epoch_beside_one_with_some() -> None:
    recipes = [toy_recipe(TWO, {**METHOD, "strength": strength}) for strength in (0.0, 1.0)]
    alone = [Run([recipe], toy_dataset()) for recipe in recipes]
    for run in alone:
        run.train_steps(lambda: True)
    both = Run(recipes, toy_dataset())
    assert both.take_up([run.member(0) for run in alone])
    assert both.step == 1
