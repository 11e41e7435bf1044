"""The negative logarithm of what a model gives the truth."""

from __future__ import annotations

from typing import ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics


class LogLoss(Scored):
    """Mean of −ln of the probability of the true class."""

    better: ClassVar[str] = "minimize"

    name: Literal["log_loss"] = "log_loss"

    def score(self, told: Told) -> float:
        found = sklearn_metrics.log_loss(told.truth, told.probabilities, labels=told.classes)
        return float(found)
