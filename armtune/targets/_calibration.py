"""Probabilities that are as right as they say, and thresholds of labels: fitted on outputs that a
model gives for samples it hasn't learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import TYPE_CHECKING

from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

LEAST, MOST = 0.05, 20.0
"""Ends of temperatures: where all is right, or nothing, the best one has no end."""
ENOUGH = 10
"""Samples with a label, and without, from which on it has a threshold of its own."""


def temperature_of(loss: Callable[[float], float]) -> float:
    r"""The :math:`T` by which outputs are divided that has the lowest loss.

    A loss of logits :math:`z / T` is convex in :math:`1 / T`, so that one search finds it. Source:
    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.

    Args:
        loss: the mean loss at a temperature.
    """
    from scipy.optimize import minimize_scalar

    ends = (log(LEAST), log(MOST))
    found = minimize_scalar(lambda t: loss(exp(t)), bounds=ends, method="bounded")
    best = exp(float(found.x))
    return best if loss(best) < loss(1.0) else 1.0


def thresholds_of(probabilities: Tensor, truth: Tensor) -> tuple[float, ...]:
    """For each label the probability above which it is said, that has the highest F1 score.

    They lie midway between two that occur. Labels too rare to tell keep one half.

    Args:
        probabilities: ``(sample, label)``.
        truth: whether a sample has a label, boolean.
    """
    pairs = zip(probabilities.double().T, truth.T, strict=True)
    return tuple(_threshold(given, there) for given, there in pairs)


def _threshold(given: Tensor, there: Tensor) -> float:
    count = int(there.sum())
    if min(count, len(there) - count) < ENOUGH:
        return 0.5
    ordered, order = given.sort(descending=True)
    hits = there[order].double().cumsum(0)
    said = torch.arange(1, len(given) + 1, dtype=torch.float64)
    scores = 2 * hits / (said + count)
    # Samples of equal probability are said together.
    last = torch.cat([ordered[1:] < ordered[:-1], torch.ones(1, dtype=torch.bool)])
    best = int(torch.where(last, scores, -1.0).argmax())
    below = ordered[best + 1] if best + 1 < len(ordered) else torch.zeros(())
    return float((ordered[best] + below) / 2)
