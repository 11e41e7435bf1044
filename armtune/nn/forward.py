"""A batch's forward pass through the network: features, heads and the fused decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

Features = dict[str, "Tensor"]
"""A tensor for each modality, in the recipe's order."""


class Batch(NamedTuple):
    """Samples, ``(member, sample)`` or ``(sample,)`` in front of each shape.

    Attributes:
        views: standardised samples of each modality; zeros where a sample lacks it.
        labels: the samples' labels.
        present: which samples have a modality, boolean; only of modalities that some samples of
            the split lack.
    """

    views: Features
    labels: Tensor
    present: Features


@dataclass(frozen=True)
class Forward:
    """What the network makes of a batch.

    Attributes:
        features: each modality's features, ``(member, sample, feature)``.
        head_inputs: the same features as the unimodal heads see them; a hook on their gradient
            sets how much of a unimodal loss reaches the encoder.
        unimodal: outputs of each modality's own head, ``(member, sample, output)``.
        logits: fused outputs, ``(member, sample, output)``: logits, or what the target has.
    """

    features: Features
    head_inputs: Features
    unimodal: Features
    logits: Tensor


def mean_present(values: Tensor, present: Tensor | None) -> Tensor:
    """Mean over the samples that have a modality, ``(member,)``; 0 where none has it.

    Args:
        values: ``(member, sample)``.
        present: whether a sample has it, ``(member, sample)``; None where all do.
    """
    if present is None:
        return values.mean(1)
    return torch.where(present, values, 0).sum(1) / present.sum(1).clamp_min(1)


def only(features: Features, absent: Features, subsets: Sequence[int]) -> Features:
    """Features with some modalities absent, once for each subset, stacked along the samples.

    Args:
        features: ``(member, sample, feature)`` of each modality.
        absent: ``(member, 1, feature)`` of each modality: what stands in for it.
        subsets: which modalities are present, as bit masks in the modalities' order.

    Returns:
        ``(member, subset × sample, feature)`` of each modality; subset after subset.
    """
    chosen = {
        m: [f if s >> k & 1 else absent[m].expand_as(f) for s in subsets]
        for k, (m, f) in enumerate(features.items())
    }
    # A single subset needs no copy.
    return {m: fs[0] if len(fs) == 1 else torch.cat(fs, dim=1) for m, fs in chosen.items()}
