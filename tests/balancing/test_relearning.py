"""Diagnosing and re-learning in closed form, in float64."""

from __future__ import annotations

from math import tanh
from pathlib import Path

import pytest
import torch

from armtune.balancing.relearning import Relearner, Relearning, spread
from armtune.nn.flat_parameters import FlatParameters
from armtune.training.loop import Run
from tests.balancing.toys import (
    F64,
    at,
    toy_context,
    toy_network,
    weights_after,
    weights_after_a_break,
)
from tests.conftest import toy_dataset, toy_recipe

METHOD = {"name": "relearning", "every": 2}


def test_encoders_are_pulled_back_by_their_own_share() -> None:
    network = toy_network()
    relearner = Relearner([Relearning()], toy_context(network))
    flat = FlatParameters(network)
    initial = flat.named(flat.values.clone())
    flat.values.add_(1.0)
    relearner.pull.copy_(torch.tensor([[0.25, 0.0]]))
    relearner.start_epoch(at(relearner, 2))
    for name, value in flat.named(flat.values).items():
        moved = 0.75 if name.startswith("encoders.0") else 1.0
        assert torch.allclose(value, initial[name] + moved, atol=1e-12), name
    assert not relearner.pull.any()


@pytest.mark.parametrize(("epoch", "times"), [(0, 3), (1, 3), (2, 0), (4, 1), (8, 3)])
def test_it_waits_until_a_diagnosis_is_due_and_stops_after_the_last(epoch: int, times: int) -> None:
    relearner = Relearner([Relearning(every=2, times=times)], toy_context(toy_network()))
    relearner._gaps = lambda *_: torch.tensor([[0.5, 0.1]])  # type: ignore[method-assign]
    relearner.end_epoch(at(relearner, epoch), {"image": torch.zeros(1)}, torch.zeros(1, 1))
    assert not relearner.pull.any()


def test_strength_by_hand() -> None:
    relearner = Relearner([Relearning(strength=3, every=2)], toy_context(toy_network()))
    relearner._gaps = lambda *_: torch.tensor([[0.5, 0.1]])  # type: ignore[method-assign]
    relearner.end_epoch(at(relearner, 2), {"image": torch.zeros(1)}, torch.zeros(1, 1))
    assert relearner.pull[0].tolist() == pytest.approx([tanh(1.5), tanh(0.3)], abs=1e-7)


def test_diagnoses_are_after_the_released_epochs() -> None:
    relearner = Relearner([Relearning(every=20)], toy_context(toy_network()))
    relearner._gaps = lambda *_: torch.tensor([[0.5, 0.1]])  # type: ignore[method-assign]
    due = []
    for epoch in range(90):
        relearner.pull.zero_()
        relearner.end_epoch(at(relearner, epoch), {"image": torch.zeros(1)}, torch.zeros(1, 1))
        due += [epoch] if relearner.pull.any() else []
    assert due == [20, 40, 60]


def test_gap_is_between_training_and_held_out_features() -> None:
    run = Run([toy_recipe(balancing=METHOD)], toy_dataset(), dtype=F64)
    assert isinstance(run.balancer, Relearner)
    for encoder in run.network.encoders:
        for parameter in encoder.parameters():
            parameter.data.zero_()
    labels = torch.arange(24)[None] % 3
    apart = torch.nn.functional.one_hot(labels, 8).to(F64)
    with torch.no_grad():
        gaps = run.balancer._gaps(
            torch.tensor([0]), {"image": apart, "audio": torch.zeros_like(apart)}, labels
        )
    # held-out images are pure clusters; the dead training features are one, as pure as chance
    chance = torch.bincount(run.train.labels[run.pool[0, :24]]).max().item() / 24
    assert gaps[0].tolist() == pytest.approx([1 - chance, abs(chance - 1 / 3)], abs=1e-12)


def test_features_are_spread_each_over_its_own_range() -> None:
    features = torch.tensor([[[1.0, 5.0], [2.0, 5.0], [5.0, 5.0]]], dtype=F64)
    assert spread(features)[0].tolist() == [[-1, -1], [-0.5, -1], [1, -1]]


def test_it_trains_as_before_until_the_first_diagnosis() -> None:
    never = {**METHOD, "every": 99}
    assert torch.equal(weights_after(METHOD, 3), weights_after(never, 3))
    assert not torch.equal(weights_after(METHOD, 4), weights_after(never, 4))


def test_a_restored_run_pulls_back_as_diagnosed(tmp_path: Path) -> None:
    resumed = weights_after_a_break(METHOD, 5, 3, tmp_path / "c.safetensors")
    assert torch.equal(resumed, weights_after(METHOD, 5))
