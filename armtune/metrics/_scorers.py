"""Scorers of scikit-learn, which judge estimators: one that says what a model has said stands in.

Slow to import; plug-ins do it where they need it.
"""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from armtune.metrics._scored import Told


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Gives the probabilities and decisions of what was told."""

    def __init__(self, told: Told) -> None:
        self.told = told
        # As scikit-learn has it of several labels: the two classes of each.
        self.classes_: Any = [[0, 1] for _ in told.classes] if told.several else told.classes
        if not told.several:
            self.classes_ = np.array(told.classes)

    def fit(self) -> Classifier:
        return self

    def predict(self, _: Any) -> NDArray[Any]:
        return self.told.decided

    def predict_proba(self, _: Any) -> NDArray[Any]:
        return self.told.probabilities


class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Gives the values of what was told."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.fitted_ = True

    def fit(self) -> Regressor:
        return self

    def predict(self, _: Any) -> NDArray[Any]:
        outputs = self.told.outputs
        return outputs.reshape(self.told.truth.shape)


TRIED: dict[str, Told] = {
    "classes": Told(
        np.array([[2.0, 0.0], [0.0, 1.0], [0.5, 0.0], [0.0, 2.0], [0.0, 0.5], [1.0, 0.0]]),
        np.arange(6) % 2,
    ),
    "labels": Told(
        np.array([[1.0, -1.0], [-2.0, 1.0], [0.5, -0.5], [-1.0, 2.0]]),
        np.array([[1, 0], [0, 1], [1, 0], [0, 1]]),
    ),
    "values": Told(np.array([[1.25], [2.5], [3.75], [4.5]]), np.array([1.5, 2.25, 3.5, 4.75])),
}
"""What a scorer for such a target must be able to judge."""


@cache
def misfit(scorer: str, kind: str) -> str:
    """Why a scorer isn't for a kind of target; empty where it is."""
    if scorer not in get_scorer_names():
        near = get_close_matches(scorer, get_scorer_names(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"scikit-learn has no scorer {scorer!r}{hint}"
    # What takes values judges distances, which numbers of classes don't have.
    able = "values" if _judges(scorer, "values") else kind if _judges(scorer, kind) else ""
    return "" if able == kind else f"the scorer {scorer} isn't defined for target {kind}"


def _judges(scorer: str, kind: str) -> bool:
    with warnings.catch_warnings():
        # Measures of clusters and classes take numbers between them with no more than a warning.
        warnings.simplefilter("error" if kind == "values" else "ignore")
        try:
            return bool(np.isfinite(scored(scorer, TRIED[kind])))
        except (ValueError, TypeError, AttributeError, Warning):
            return False


def scored(scorer: str, told: Told) -> float:
    """What a scorer says.

    Raises:
        ValueError: it is undefined for such a truth.
    """
    values = told.truth.dtype.kind == "f"
    estimator = Regressor(told) if values else Classifier(told)
    found = get_scorer(scorer)(estimator, told.outputs, told.truth)
    return float(found)
