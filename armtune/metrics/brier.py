"""Squared distance of probabilities from what happened."""

from __future__ import annotations

from typing import ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics
from armtune.targets import Discrete, Target


class Brier(Scored):
    """Brier score: of two classes that of the second, of more classes the sum over them.

    Of labels it is the mean over them.
    """

    serves: ClassVar[type[Target]] = Discrete
    better: ClassVar[str] = "minimize"

    name: Literal["brier"] = "brier"

    def score(self, told: Told) -> float:
        # Earlier versions of scikit-learn have it for one column alone.
        pairs = zip(told.columns.T, told.probabilities.T, strict=True)
        each = [
            float(sklearn_metrics.brier_score_loss(truth, given, pos_label=1))
            for truth, given in pairs
        ]
        if told.several:
            return sum(each) / len(each)
        return each[1] if len(each) == 2 else sum(each)
