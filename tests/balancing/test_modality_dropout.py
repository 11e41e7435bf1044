"""Modality dropout: which samples lose what, and what stands in for it."""

from __future__ import annotations

import torch

from armtune.balancing.modality_dropout import Dropout, Dropper
from tests.balancing.toys import at, toy_context, toy_network

FEATURES = {
    "image": torch.tensor([[[0.0, 2], [4, 6]]]).double(),
    "audio": torch.tensor([[[1.0, 1], [3, 9]]]).double(),
}


def dropper(probability: float, **given: object) -> Dropper:
    context = toy_context(toy_network(), **{"batch_size": 2, **given})
    balancer = Dropper([Dropout(probability=probability)], context)
    balancer.start_epoch(at(balancer, 0))
    return balancer


def test_a_lost_modality_is_replaced_by_the_batchs_mean() -> None:
    balancer = dropper(0.5)
    # The first sample's draw is below p and in the second half: it loses audio.
    balancer.dropout.draws[:, 1] = torch.tensor([[[0.49, 0.5], [0.5, 0.0]]])
    altered = balancer.alter(FEATURES, torch.zeros(1, 2), 1)
    assert torch.equal(altered["image"], FEATURES["image"])
    assert altered["audio"].tolist() == [[[2, 5], [3, 9]]]
    assert FEATURES["audio"].tolist() == [[[1, 1], [3, 9]]]


def test_a_certain_loss_takes_exactly_one_modality_of_each_sample() -> None:
    balancer = dropper(1.0, steps=50)
    lost = []
    for step in range(50):
        altered = balancer.alter(FEATURES, torch.zeros(1, 2), step)
        lost.append([(altered[m] != FEATURES[m]).any(-1)[0].tolist() for m in FEATURES])
    counts = torch.tensor(lost).sum(1)
    assert (counts == 1).all()
    # Each modality with even chances: 100 draws stay within four standard deviations.
    assert abs(int(torch.tensor(lost)[:, 0].sum()) - 50) < 20


def test_draws_are_new_each_epoch_and_the_same_for_the_same_epoch() -> None:
    balancer = dropper(0.5)
    first = balancer.dropout.draws
    balancer.start_epoch(at(balancer, 1))
    second = balancer.dropout.draws
    balancer.start_epoch(at(balancer, 0))
    assert torch.equal(balancer.dropout.draws, first)
    assert not torch.equal(second, first)


def test_a_sample_never_loses_its_only_modality() -> None:
    there = torch.tensor([[True, False, True]])
    balancer = dropper(1.0, present={"audio": there})
    features = {m: torch.randn(1, 2, 2).double() for m in FEATURES}
    altered = balancer.alter(features, torch.tensor([[1, 2]]), 0)
    lost = [(altered[m] != features[m]).any(-1)[0].tolist() for m in features]
    assert torch.tensor(lost).sum(0).tolist() == [0, 1]
