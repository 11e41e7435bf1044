"""Area under the receiver operating characteristic."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics
from armtune.targets import Discrete, Target


class RocAuc(Scored):
    """Area under the ROC curve, by scikit-learn: of two classes that of the second."""

    serves: ClassVar[type[Target]] = Discrete
    better: ClassVar[str] = "maximize"

    name: Literal["roc_auc"] = "roc_auc"
    average: Literal["macro", "weighted"] = "macro"
    """How the areas of several classes or labels become one."""
    pairs: Literal["ovr", "ovo"] = "ovr"
    """Of several classes: each against the rest, or each against each other."""

    def score(self, told: Told) -> float:
        told.needs_all()
        given = told.probabilities
        options: dict[str, Any] = {"average": self.average}
        if told.several:
            return float(sklearn_metrics.roc_auc_score(told.truth, given, **options))
        if len(told.classes) == 2:
            return float(sklearn_metrics.roc_auc_score(told.truth, given[:, 1]))
        options |= {"multi_class": self.pairs, "labels": told.classes}
        return float(sklearn_metrics.roc_auc_score(told.truth, given, **options))
