"""A decision by one linear layer that all modalities share."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from armtune.nn.forward import Features
from armtune.nn.layers import Composed, Init, Linear
from armtune.nn.subset_fusion import Parted, total


class SharedVotes(nn.Module):
    """Each modality's features through the same linear layer."""

    def __init__(self, size: int, classes: int, init: Init) -> None:
        super().__init__()
        self.head = Linear(size, classes, init)

    def forward(self, features: Mapping[str, Tensor]) -> Features:
        return {m: self.head(f) for m, f in features.items()}


def mean_vote(votes: Features) -> Tensor:
    """Mean of the modalities' logits."""
    return total(votes) / len(votes)


def shared_head(size: int, classes: int, init: Init) -> Parted:
    """The mean of the modalities' votes by a shared head."""
    return Parted(SharedVotes(size, classes, init), Composed(mean_vote))
