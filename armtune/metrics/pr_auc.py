"""Area under the curve of precision over recall."""

from __future__ import annotations

from typing import ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics
from armtune.targets import Discrete, Target


class PrAuc(Scored):
    """Average precision, by scikit-learn: of two classes that of the second."""

    serves: ClassVar[type[Target]] = Discrete
    better: ClassVar[str] = "maximize"

    name: Literal["pr_auc"] = "pr_auc"
    average: Literal["macro", "weighted"] = "macro"
    """How those of several classes or labels become one."""

    def score(self, told: Told) -> float:
        told.needs_all()
        truth, given = told.columns, told.probabilities
        if not told.several and len(told.classes) == 2:
            return float(sklearn_metrics.average_precision_score(told.truth, given[:, 1]))
        score = sklearn_metrics.average_precision_score(truth, given, average=self.average)
        return float(score)
