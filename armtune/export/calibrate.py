"""How far a model's probabilities can be trusted, learnt from samples that it hasn't learnt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from armtune.targets import Discrete, Target

METRICS = ("micro_f1", "calibration_error")
"""What is told of before and after, beside the loss and the score."""


def calibrated(target: Target, labels: Tensor, outputs: Tensor) -> tuple[Target, dict[str, Any]]:
    """The target with probabilities that fit the outputs, and what that changed.

    Args:
        labels: of samples that the model hasn't learnt, as the target has them.
        outputs: of the model as it is, ``(sample, output)``.

    Returns:
        the target as it is, and nothing, where it has no probabilities.
    """
    if not isinstance(target, Discrete):
        return target, {}
    fitted = target.calibrated(outputs, labels)
    about = {
        "samples": len(labels),
        "temperature": fitted.temperature,
        "before": _measured(target, outputs, labels),
        "after": _measured(fitted, outputs, labels),
    }
    return fitted, about


def _measured(target: Discrete, outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """The loss of what is served, and what follows from it."""
    tempered, truth = target.tempered(outputs)[None], labels[None]
    said = torch.from_numpy(target.said(target.served(outputs).numpy()))[None]
    tally = target.tally(1, outputs)
    tally.add(tempered, said, truth)
    known = {name: float(value) for name, value in tally.metrics().items() if name in METRICS}
    score = target.score_of(target.marks(said, truth)[0].double())
    loss = float(target.losses(tempered, truth).double().mean())
    return {"loss": loss, target.score: score, **known}
