"""What simple models say of samples, scored as a network's decisions are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from armtune.data import Split
from armtune.targets import Target
from armtune.targets.values import Values

Floats = NDArray[np.float64]

LEAST_PROBABILITY = 1e-12


def learnable(target: Target, labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as models learn them: values are standardised, as outputs are."""
    if isinstance(target, Values):
        mean, std = np.array(target.mean), np.array(target.std)
        return np.asarray((labels - mean) / std)
    return labels


def scored(target: Target, told: Floats, labels: NDArray[Any]) -> tuple[float, Floats]:
    """The score of probabilities or values ``(sample, output)``, and what each sample counts."""
    truth = target.tensor(labels, "cpu", torch.float64).unsqueeze(0)
    outputs = torch.from_numpy(_outputs(target, told)).unsqueeze(0)
    marks = target.marks(target.decide(outputs), truth)[0].double()
    return target.score_of(marks), target.per_sample(marks).numpy()


def average(told: Mapping[str, Floats], split: Split, prior: Floats, without: str = "") -> Floats:
    """Mean of what is told of the modalities that a sample has.

    Args:
        prior: what is told of a sample that has none, ``(output,)``.
        without: a modality that is taken to be missing from all samples.
    """
    total, count = np.zeros((len(split), len(prior))), np.zeros((len(split), 1))
    for modality in told:
        if modality != without:
            there = split.present.get(modality, np.ones(len(split), np.bool_))[:, None]
            total += there * told[modality]
            count += there
    return np.where(count > 0, total / np.maximum(count, 1), prior)


def _outputs(target: Target, told: Floats) -> Floats:
    """Probabilities or values as a network would give them."""
    if target.kind == "values":
        return told
    likely = np.log(np.clip(told, LEAST_PROBABILITY, 1))
    if target.kind == "classes":
        return likely
    return likely - np.log(np.clip(1 - told, LEAST_PROBABILITY, 1))
