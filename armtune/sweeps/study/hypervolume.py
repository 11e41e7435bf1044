"""How much a front dominates."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from armtune.pruners._rungs import Floats, Standing, front


def hypervolume(losses: Floats, corner: Floats) -> float:
    """Volume between a corner and all points that are better than it in everything.

    What each point dominates alone is summed. Source: While, Bradstreet and Barone, IEEE
    Transactions on Evolutionary Computation 16, 2012.

    Args:
        losses: ``(trial, objective)``, to be minimised.
        corner: ``(objective,)``; what is no better in an objective counts nothing.
    """
    points = losses[(losses < corner).all(axis=1)]
    if not len(points):
        return 0.0
    best = np.unique(_front(points), axis=0)
    return sum(_alone(best[i], best[i + 1 :], corner) for i in range(len(best)))


def _alone(point: Floats, others: Floats, corner: Floats) -> float:
    """What a point dominates and the others don't."""
    return float((corner - point).prod()) - hypervolume(np.maximum(others, point), corner)


def _front(losses: Floats) -> Floats:
    return losses[front([Standing(tuple(trial)) for trial in losses])]


def corner_of(losses: Floats) -> Floats:
    """A corner for a front among all trials, whatever outliers there are.

    In each objective it lies a tenth of the span behind the worst value on the front, or behind
    what three quarters of all trials reach where that is worse.

    Args:
        losses: ``(trial, objective)``, to be minimised.
    """
    worst = np.maximum(_front(losses).max(axis=0), np.quantile(losses, 0.75, axis=0))
    span = worst - losses.min(axis=0)
    corner: Floats = worst + 0.1 * np.where(span > 0, span, 1.0)
    return corner


def growth(before: Sequence[tuple[float, ...]], after: Sequence[tuple[float, ...]]) -> float:
    """By what share the hypervolume of trials grew while others joined them; infinite from none.

    Args:
        before: losses of at least one trial.
        after: those of the others.
    """
    losses = np.array([*before, *after], dtype=np.float64)
    corner = corner_of(losses)
    first, last = hypervolume(losses[: len(before)], corner), hypervolume(losses, corner)
    return last / first - 1 if first else inf
