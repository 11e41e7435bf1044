"""What a model decides of samples that it hasn't learnt: counts that the report shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from armtune.targets import Discrete, Target
from armtune.targets.classes import Classes

BINS = 10
"""Bins of confidence in the calibration curve."""
MOST = 60
"""Classes up to which every pair is counted."""


def outcomes(
    labels: Tensor, target: Target, outputs: Tensor, split: str = "validation"
) -> dict[str, Any]:
    """Counts of what is said, by what is true; nothing where there are no probabilities.

    Args:
        labels: of samples that weren't learnt, as the target has them.
        target: as it is served, its probabilities calibrated if they are.
        outputs: ``(sample, output)``.
        split: which one the samples are of.

    Returns:
        ``split``; ``counts``: of each class or label how often it is said rightly, said, and there; of few
        classes ``confusion``, a row for each true one; ``calibration``: in bins of probability how
        many answers, their mean probability, and the share that is right.
    """
    if not isinstance(target, Discrete):
        return {}
    served = target.served(outputs.float()).numpy()
    truth, said = labels.numpy(), target.said(served)
    if isinstance(target, Classes):
        every = np.eye(target.width, dtype=bool)
        there, told = every[truth], every[said]
        sure, right = served.max(1), said == truth
    else:
        there, told = truth > 0, said
        sure, right = served.ravel(), there.ravel()
    counts = zip((there & told).sum(0), told.sum(0), there.sum(0), strict=True)
    found: dict[str, Any] = {"split": split, "counts": [list(map(int, n)) for n in counts]}
    if isinstance(target, Classes) and target.width <= MOST:
        found["confusion"] = (there.T.astype(int) @ told.astype(int)).tolist()
    found["calibration"] = _curve(sure, right)
    return found


def _curve(sure: Any, right: Any) -> list[list[float]]:
    """Of each bin that isn't empty: count, mean probability, share that is right."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    chosen = [bins == k for k in range(BINS) if (bins == k).any()]
    return [[int(b.sum()), float(sure[b].mean()), float(right[b].mean())] for b in chosen]
