"""The models: constant, logistic or ridge regression, and gradient boosting."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]
"""From columns ``(sample, column)`` to probabilities or values ``(sample, output)``."""

CONSTANT = {"classes": "majority class", "labels": "usual labels", "values": "mean"}
"""What the model that always says the same is called, by kind of target."""

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Inverse strengths of regularisation that cross-validation chooses from."""
FOLDS = 5
FEWER_FOLDS = 3
"""As many where there are more than ``MANY`` samples, which tell strengths apart well enough."""
MANY = 1000
MOST_CHOSEN = 2000
"""Training samples with which the strength is chosen."""
ITERATIONS = 200
TREES = 100
LEAVES = 15
BINS = 63
"""Intervals of a column that a tree may part, which save most of the time on small data."""


@dataclass(frozen=True)
class Problem:
    """What is to be learnt.

    Attributes:
        kind: of the target.
        width: numbers of an output.
        labels: of the samples to learn from, ``(sample, …)``; values are standardised.
    """

    kind: str
    width: int
    labels: NDArray[Any]

    @property
    def matrix(self) -> Floats:
        """The labels as what is predicted of them, ``(sample, output)``."""
        if self.kind == "classes":
            return np.eye(self.width)[self.labels]
        return self.labels.reshape(len(self.labels), -1).astype(np.float64)

    def of(self, samples: NDArray[Any]) -> Problem:
        """The same with some of the samples."""
        return replace(self, labels=self.labels[samples])

    def outcomes(self) -> list[Problem]:
        """For each label whether a sample has it, as two classes."""
        return [Problem("classes", 2, (own > 0).astype(np.int64)) for own in self.matrix.T]


class Family(Protocol):
    """A kind of model that is fitted to each modality, and to all."""

    def name(self, kind: str) -> str:
        """What it is called for a kind of target."""

    def seconds(self, problem: Problem, columns: int) -> float:
        """About how long it takes for both scores."""

    def strength(self, problem: Problem, columns: Floats) -> float:
        """What it is fitted with, from training samples."""

    def fit(self, problem: Problem, columns: Floats, strength: float) -> Predict:
        """A model of samples."""


def prior(problem: Problem) -> Floats:
    """The samples' frequencies, or their mean, ``(output,)``."""
    shares: Floats = problem.matrix.mean(axis=0)
    return shares


class Linear:
    """Logistic regression, or ridge regression for values."""

    def name(self, kind: str) -> str:
        """See ``Family``."""
        return "ridge regression" if kind == "values" else "logistic regression"

    def seconds(self, problem: Problem, columns: int) -> float:
        """See ``Family``: a few dozen passes over the samples for each strength and fold."""
        samples = len(problem.labels)
        chosen = min(samples, MOST_CHOSEN) * (_fold_count(samples) - 1) * len(STRENGTHS)
        passes = 10 if problem.kind == "values" else 40
        return 1e-9 * passes * (chosen + 2 * samples) * columns * problem.width

    def strength(self, problem: Problem, columns: Floats) -> float:
        """The inverse strength that does best in cross-validation; of equals the strongest."""
        order = np.random.default_rng(0).permutation(len(columns))[:MOST_CHOSEN]
        columns, problem = columns[order], problem.of(order)
        count = _fold_count(len(columns))
        folds, losses = _folds(problem, count), np.zeros(len(STRENGTHS))
        for fold in range(count):
            inside, held = folds != fold, folds == fold
            models = linear_path(problem.of(inside), columns[inside], STRENGTHS)
            losses += [_loss(problem.of(held), predict(columns[held])) for predict in models]
        return STRENGTHS[int(losses.argmin())]

    def fit(self, problem: Problem, columns: Floats, strength: float) -> Predict:
        """See ``Family``."""
        return linear_path(problem, columns, [strength])[0]


class Boosting:
    """Histogram gradient boosting; of labels or values one model each."""

    def name(self, kind: str) -> str:
        """See ``Family``."""
        return "gradient boosting"

    def seconds(self, problem: Problem, columns: int) -> float:
        """See ``Family``: trees of at most ``LEAVES`` leaves."""
        each = 1 if problem.kind == "classes" and problem.width == 2 else problem.width
        return 2 * TREES * each * (5e-4 + columns * (8e-6 + 1.5e-8 * len(problem.labels)))

    def strength(self, problem: Problem, columns: Floats) -> float:
        """See ``Family``: its learning rate."""
        return 0.1

    def fit(self, problem: Problem, columns: Floats, strength: float) -> Predict:
        """See ``Family``."""
        if problem.kind == "labels":
            return _each_label([self.fit(own, columns, strength) for own in problem.outcomes()])
        # Leaves of small data hold fewer samples.
        leaf = max(2, min(20, len(columns) // 30))
        options = {"max_iter": TREES, "learning_rate": strength, "min_samples_leaf": leaf}
        options |= {"max_leaf_nodes": LEAVES, "max_bins": BINS}
        options |= {"early_stopping": False, "random_state": 0}
        if problem.kind == "values":
            return _boosted_values(problem, columns, options)
        return _boosted_classes(problem, columns, options)


FAMILIES: tuple[Family, ...] = (Linear(), Boosting())
"""The cheaper one first."""


def linear_path(problem: Problem, columns: Floats, strengths: Sequence[float]) -> list[Predict]:
    """Logistic or ridge regressions, one for each inverse strength, the smallest first."""
    if problem.kind == "values":
        return [_ridge(problem, columns, each) for each in strengths]
    if problem.kind == "labels":
        paths = [_logistic_path(own, columns, strengths) for own in problem.outcomes()]
        return [_each_label(models) for models in zip(*paths, strict=True)]
    return _logistic_path(problem, columns, strengths)


def _logistic_path(problem: Problem, columns: Floats, strengths: Sequence[float]) -> list[Predict]:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(problem.labels)) < 2:
        return [_always(prior(problem)) for _ in strengths]
    found, last = list[Predict](), None
    for each in strengths:
        model = LogisticRegression(C=each, max_iter=ITERATIONS, tol=1e-3, warm_start=True)
        if last is not None:
            # Each begins where the stronger one ended, which takes a fraction of the time.
            model.coef_, model.intercept_ = last.coef_.copy(), last.intercept_.copy()
        _fit(model, columns, problem.labels)
        found.append(_probabilities(model, problem.width))
        last = model
    return found


def _ridge(problem: Problem, columns: Floats, inverse: float) -> Predict:
    from sklearn.linear_model import Ridge

    model = _fit(Ridge(alpha=1 / inverse), columns, problem.matrix)
    return lambda new: np.asarray(model.predict(new), np.float64).reshape(len(new), -1)


def _boosted_values(problem: Problem, columns: Floats, options: dict[str, Any]) -> Predict:
    from sklearn.ensemble import HistGradientBoostingRegressor as Boosted

    models = [_fit(Boosted(**options), columns, own) for own in problem.matrix.T]
    return lambda new: np.column_stack([model.predict(new) for model in models])


def _boosted_classes(problem: Problem, columns: Floats, options: dict[str, Any]) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier as Boosted

    if len(np.unique(problem.labels)) < 2:
        return _always(prior(problem))
    return _probabilities(_fit(Boosted(**options), columns, problem.labels), problem.width)


def _always(row: Floats) -> Predict:
    return lambda columns: np.tile(row, (len(columns), 1))


def _each_label(models: Sequence[Predict]) -> Predict:
    """Each label's own model, which says how likely it is in its second column."""
    return lambda columns: np.column_stack([model(columns)[:, 1] for model in models])


def _probabilities(model: Any, width: int) -> Predict:
    """Probabilities of all classes, 0 for those that the model never saw."""

    def predict(columns: Floats) -> Floats:
        found = np.zeros((len(columns), width))
        found[:, model.classes_] = model.predict_proba(columns)
        return found

    return predict


def _fit(model: Any, columns: Floats, labels: NDArray[Any]) -> Any:
    """Fits a model; that it needs more iterations, or that classes are many, is no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(columns, labels)


def _fold_count(samples: int) -> int:
    return min(FEWER_FOLDS if samples > MANY else FOLDS, samples)


def _folds(problem: Problem, count: int) -> NDArray[np.int64]:
    """Number of each sample's fold; all have alike of each class, or of the first label."""
    first = problem.labels if problem.labels.ndim == 1 else problem.labels[:, 0]
    folds = np.empty(len(first), np.int64)
    folds[np.argsort(first, kind="stable")] = np.arange(len(first)) % count
    return folds


def _loss(problem: Problem, told: Floats) -> float:
    """Wrong classes, or squared errors of values and of labels' probabilities."""
    if problem.kind == "classes":
        return float((told.argmax(axis=1) != problem.labels).sum())
    return float(((told - problem.matrix) ** 2).sum())
