"""What a sweep strives for: objectives, constraints, and the rule that picks the winner."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, inf, isfinite, isnan
from typing import TYPE_CHECKING

from armtune.errors import RunError
from armtune.metrics import COSTS, ERROR, TIMED
from armtune.pruners._rungs import Standing
from armtune.recipe.document import shown

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe

Metrics = Mapping[str, float]

AUGMENTATION = 0.05
"""What the sum of distances counts beside the largest in a scalar judgement."""

_RANGES = {"accuracy": (0.0, 1.0), **dict.fromkeys(["gap", *COSTS], (0.0, inf))}
"""Between what metrics lie, by their names or the last word of these."""
# Of texts with single spaces; none can match in two ways, or a long text would take minutes.
_OBJECTIVE = re.compile(r"(maximize|minimize) (\S+)")
_CONSTRAINT = re.compile(r"([^\s<>=]+) ?(>=|<=) ?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_NEAR = r"(?: within one standard error ?, ?then (highest|lowest) (\S+))?"
_CHOICE = re.compile(rf"(?:(highest|lowest) ([^\s,]+){_NEAR}|knee)(?: where (.+))?")
_DIRECTIONS = {"highest": "maximize", "lowest": "minimize"}
LONGEST = 1000
"""Characters of a goal at most."""


def _spaced(text: str) -> str:
    """A goal with single spaces; nothing where it is longer than any can be."""
    spaced = " ".join(text.split())
    return spaced if len(spaced) <= LONGEST else ""


@dataclass(frozen=True)
class Objective:
    """A metric to ``maximize`` or ``minimize``."""

    metric: str
    direction: str

    @staticmethod
    def parse(text: str) -> Objective:
        """Reads ``maximize METRIC`` or ``minimize METRIC``; raises ValueError for other text."""
        found = _OBJECTIVE.fullmatch(_spaced(text))
        if not found:
            raise ValueError(f"write 'maximize METRIC' or 'minimize METRIC', not {shown(text)}")
        return Objective(found[2], found[1])

    def loss(self, metrics: Metrics) -> float:
        """The metric, negated where it is to be maximized."""
        value = value_of(self.metric, metrics)
        return -value if self.direction == "maximize" else value

    def __str__(self) -> str:
        return f"{self.direction} {self.metric}"


@dataclass(frozen=True)
class Constraint:
    """A bound that a metric should keep; ``operator`` is ``>=`` or ``<=``."""

    metric: str
    operator: str
    bound: float

    @staticmethod
    def parse(text: str) -> Constraint:
        """Reads ``METRIC >= NUMBER`` or ``METRIC <= NUMBER``; raises ValueError for other text."""
        found = _CONSTRAINT.fullmatch(_spaced(text))
        if not found or not isfinite(float(found[3])):
            raise ValueError(f"write 'METRIC >= NUMBER' or 'METRIC <= NUMBER', not {shown(text)}")
        return Constraint(found[1], found[2], float(found[3]))

    def violation(self, metrics: Metrics) -> float:
        """How far the metric is from its bound; 0 when it keeps it, infinite when it is NaN.

        A cost's is a share of the bound: thousands of parameters are no more than a point's lack.
        """
        value = value_of(self.metric, metrics)
        excess = self.bound - value if self.operator == ">=" else value - self.bound
        if self.metric in COSTS:
            excess /= abs(self.bound) or 1.0
        return inf if isnan(excess) else max(excess, 0.0)

    @property
    def unreachable(self) -> str:
        """Why nothing can meet it, as 90 is no accuracy; empty where something may."""
        name = self.metric.partition("/")[0]
        least, most = _RANGES.get(name) or _RANGES.get(name.rpartition("_")[2], (-inf, inf))
        if (self.bound > most) if self.operator == ">=" else (self.bound < least):
            span = f"between {least:g} and {most:g}" if isfinite(most) else f"at {least:g} or above"
            return f"{self.metric} lies {span}, so nothing meets {self}"
        return ""

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.bound:g}"


@dataclass(frozen=True)
class Choice:
    """The rule that picks one of several fully trained models.

    Attributes:
        objective: what the pick has best of all; None for the knee of the front.
        constraints: what a pick must meet.
        then: what decides between those whose lag behind the best is within its standard error;
            None where the best itself is picked.
        axes: the sweep's objectives; the knee is the point nearest to the best of each, when every
            objective is scaled to 0 … 1 over the candidates.
    """

    objective: Objective | None
    constraints: tuple[Constraint, ...] = ()
    axes: tuple[Objective, ...] = ()
    then: Objective | None = None

    @staticmethod
    def parse(text: str, axes: Sequence[Objective] = ()) -> Choice:
        """Reads ``highest METRIC``, ``lowest METRIC`` or ``knee``, each perhaps with
        ``where METRIC <= NUMBER and …``; before it, but for the knee, perhaps
        ``within one standard error, then lowest METRIC`` or ``highest``.

        Raises:
            ValueError: the text is none of these.
        """
        found = _CHOICE.fullmatch(_spaced(text))
        if not found:
            forms = "'highest METRIC', 'lowest METRIC' or 'knee', then 'where …' if wanted"
            if "within" in text:
                forms = "'highest METRIC within one standard error, then lowest METRIC'"
            raise ValueError(f"write {forms}, not {shown(text)}")
        objective, then = (
            Objective(metric, _DIRECTIONS[word]) if word else None
            for word, metric in ((found[1], found[2]), (found[3], found[4]))
        )
        conditions = found[5].split(" and ") if found[5] else []
        return Choice(objective, tuple(map(Constraint.parse, conditions)), tuple(axes), then)

    @property
    def metrics(self) -> list[str]:
        """The metrics that the rule reads."""
        read = [o.metric for o in (self.objective, self.then) if o]
        return read + [constraint.metric for constraint in self.constraints]

    def pick(self, candidates: Sequence[Metrics]) -> int | None:
        """Index of the winner, the first of equals; None when none meets the conditions."""
        near = self.near(candidates)
        if not near:
            return None
        able = [candidates[i] for i in near]
        ranks = [
            (self.then.loss(metrics) if self.then else 0.0, loss)
            for metrics, loss in zip(able, self._losses(able), strict=True)
        ]
        return near[ranks.index(min(ranks))]

    def near(self, candidates: Sequence[Metrics]) -> list[int]:
        """Indices of those that qualify; near the best only, where near-equals are told apart."""
        able = [i for i, metrics in enumerate(candidates) if self._qualifies(metrics)]
        if not able or self.then is None:
            return able
        losses = dict(zip(able, self._losses([candidates[i] for i in able]), strict=True))
        best = min(able, key=losses.__getitem__)
        # Against rounding where a lag is the standard error itself.
        limit = losses[best] + candidates[best][ERROR] + 1e-12
        return [i for i in able if losses[i] <= limit]

    def _qualifies(self, metrics: Metrics) -> bool:
        judged = (self.objective,) if self.objective else self.axes
        read = [o.metric for o in judged] + ([self.then.metric, ERROR] if self.then else [])
        return all(isfinite(metrics.get(name, inf)) for name in read) and all(
            c.metric in metrics and not c.violation(metrics) for c in self.constraints
        )

    def _losses(self, candidates: Sequence[Metrics]) -> list[float]:
        if self.objective:
            return [self.objective.loss(metrics) for metrics in candidates]
        assert self.axes, "the knee lies between the sweep's objectives"
        axes = [_scaled([axis.loss(metrics) for metrics in candidates]) for axis in self.axes]
        return [hypot(*point) for point in zip(*axes, strict=True)]


def _scaled(values: Sequence[float]) -> list[float]:
    """Distances from the smallest, 1 for the largest."""
    low, high = min(values), max(values)
    return [(value - low) / ((high - low) or 1.0) for value in values]


@dataclass(frozen=True)
class Goals:
    """All that a recipe's sweep strives for.

    Attributes:
        objectives: what is shown and, as ``mode`` says, optimised.
        constraints: what every trial should meet.
        choice: the rule that picks the winner.
        mode: ``pareto`` judges by all objectives, ``constrained`` by the first, ``scalar`` by one
            number made of all.
        weights: of objectives in that number, by metric; 1 where not given.
        ideal: best value there can be of an objective, by metric; where not given, 1 for what is
            maximized and 0 for what is minimized.
        score: the metric that contributions are made of, as the data's target says.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    choice: Choice
    mode: str = "pareto"
    weights: Metrics = field(default_factory=dict)
    ideal: Metrics = field(default_factory=dict)
    score: str = "accuracy"

    @staticmethod
    def from_recipe(recipe: Recipe) -> Goals:
        """The goals of a checked recipe."""
        objectives = tuple(map(Objective.parse, recipe.sweep.objectives))
        constraints = tuple(map(Constraint.parse, recipe.sweep.constraints))
        choice = Choice.parse(recipe.sweep.choose, objectives)
        sweep = recipe.sweep
        score = recipe.data.predicts.score
        return Goals(objectives, constraints, choice, sweep.mode, sweep.weights, sweep.ideal, score)

    @property
    def directions(self) -> list[str]:
        """``maximize`` or ``minimize`` for each value that a trial is judged by."""
        if self.mode == "scalar":
            return ["minimize"]
        return [objective.direction for objective in self._judging]

    @property
    def names(self) -> list[str]:
        """What these values are called."""
        if self.mode == "scalar":
            return ["distance to the ideal"]
        return [objective.metric for objective in self._judging]

    def values(self, metrics: Metrics) -> tuple[float, ...]:
        """What a trial is judged by: metrics, or the scalar made of them.

        Raises:
            RunError: a metric was not measured.
        """
        if self.mode == "scalar":
            return (self._scalar(metrics),)
        return tuple(value_of(objective.metric, metrics) for objective in self._judging)

    def standing(self, metrics: Metrics) -> Standing:
        """The metrics as fronts and pruning rules compare them: losses and violations.

        Raises:
            RunError: a metric was not measured.
        """
        if self.mode == "scalar":
            losses: tuple[float, ...] = (self._scalar(metrics),)
        else:
            losses = tuple(objective.loss(metrics) for objective in self._judging)
        return Standing(
            losses,
            tuple(constraint.violation(metrics) for constraint in self.constraints),
            () if self.mode == "scalar" else _costs(self._judging),
            _costs(self.constraints),
        )

    @property
    def costs(self) -> list[str]:
        """The costs that any of them names."""
        named = [goal.metric for goal in (*self.objectives, *self.constraints)]
        return [cost for cost in COSTS if cost in [*named, *self.choice.metrics]]

    @property
    def timed(self) -> list[str]:
        """Those of these that are measured because they are named."""
        return [cost for cost in self.costs if cost in TIMED]

    @property
    def _judging(self) -> tuple[Objective, ...]:
        return self.objectives[:1] if self.mode == "constrained" else self.objectives

    def _scalar(self, metrics: Metrics) -> float:
        distances = [
            self.weights.get(o.metric, 1.0) * (o.loss(metrics) - o.loss(self._ideal))
            for o in self.objectives
        ]
        return augmented_chebyshev(distances)

    @property
    def _ideal(self) -> Metrics:
        usual = {o.metric: float(o.direction == "maximize") for o in self.objectives}
        return {**usual, **self.ideal}


def _costs(goals: Sequence[Objective | Constraint]) -> tuple[int, ...]:
    """Which of the goals are on costs."""
    return tuple(k for k, goal in enumerate(goals) if goal.metric in COSTS)


def best_by(objective: str) -> str:
    """The rule that picks the best by an objective; what can't be read is told elsewhere."""
    way, _, metric = objective.strip().partition(" ")
    return f"{'lowest' if way == 'minimize' else 'highest'} {metric.strip()}"


def augmented_chebyshev(distances: Sequence[float]) -> float:
    """The largest weighted distance from the ideal point, plus a little of their sum.

    Its minimum is Pareto-optimal. Every Pareto-optimal point with trade-offs that aren't too steep
    is its minimum for some weights, on fronts of any shape. Source: Steuer and Choo, Mathematical
    Programming 26, 1983.
    """
    return max(distances) + AUGMENTATION * sum(distances)


def value_of(metric: str, metrics: Metrics) -> float:
    """A metric's value.

    Raises:
        RunError: it was not measured, as ARM's own metrics aren't with another method.
    """
    if metric not in metrics:
        raise RunError(f"the run doesn't measure {metric!r}; it measures {', '.join(metrics)}")
    return metrics[metric]
