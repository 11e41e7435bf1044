"""Accuracy in which every class counts alike."""

from __future__ import annotations

from typing import ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics


class BalancedAccuracy(Scored):
    """Mean over the classes of the share of their samples that is decided rightly."""

    better: ClassVar[str] = "maximize"

    name: Literal["balanced_accuracy"] = "balanced_accuracy"

    def score(self, told: Told) -> float:
        return float(sklearn_metrics.balanced_accuracy_score(told.truth, told.decided))
