"""Decisions by one head that all modalities share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from armtune.errors import Fault, RecipeError
from armtune.nn.forward import Features
from armtune.nn.layers import Composed, Init, Linear, Relu, Sequential
from armtune.nn.subset_fusion import Parted, total


class SharedVotes(nn.Module):
    """Each modality's features through the same head."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Mapping[str, Tensor]) -> Features:
        return {m: self.head(f) for m, f in features.items()}


class BoostedSum(nn.Module):
    """The sum of the modalities' votes, times a rate that is learnt."""

    def __init__(self, init: Init) -> None:
        super().__init__()
        self.rate = init.constant(1.0, 1, 1)

    def forward(self, votes: Mapping[str, Tensor]) -> Tensor:
        return self.rate * torch.stack(list(votes.values())).sum(0)


def mean_vote(votes: Features) -> Tensor:
    """Mean of the modalities' logits."""
    return total(votes) / len(votes)


def shared_size(sizes: Mapping[str, int]) -> int:
    """The number of features that all modalities have.

    Raises:
        RecipeError: they have not; says how many each has.
    """
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{m} {size}" for m, size in sizes.items())
        problem = f"it shares a head, so that features must be equally many, not {said}"
        raise RecipeError([Fault(problem, "balancing.name")])
    return next(iter(sizes.values()))


def linear_head(sizes: Mapping[str, int], classes: int, init: Init) -> Parted:
    """The mean of the modalities' votes by a shared linear head."""
    head = Linear(shared_size(sizes), classes, init)
    return Parted(SharedVotes(head), Composed(mean_vote))


def boosted_head(sizes: Mapping[str, int], classes: int, hidden: int, init: Init) -> Parted:
    """The sum of the modalities' votes by a shared head with a hidden layer."""
    first, second = Linear(shared_size(sizes), hidden, init), Linear(hidden, classes, init)
    return Parted(SharedVotes(Sequential(first, Relu(), second)), BoostedSum(init))
