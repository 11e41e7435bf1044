"""F1 scores of classes or labels, by how often they occur."""

from __future__ import annotations

from typing import ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics
from armtune.targets import Discrete, Target


class WeightedF1(Scored):
    """Mean of the classes' or labels' F1 scores, weighted by how many samples have them."""

    serves: ClassVar[type[Target]] = Discrete
    better: ClassVar[str] = "maximize"

    name: Literal["weighted_f1"] = "weighted_f1"

    def score(self, told: Told) -> float:
        options = {"average": "weighted", "zero_division": 0.0}
        return float(sklearn_metrics.f1_score(told.truth, told.decided, **options))
