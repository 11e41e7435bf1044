"""The pruning rules, as pure functions of what trials reached a rung with.

At a rung a trial is compared with all that reached it before, by constrained domination: feasible
before infeasible, then less total violation, then non-dominated rank, then crowding distance. Two
things are different early on, with ``p`` in (0, 1) the share of its epochs a trial has done:

- constraints are looser: each violation is lowered by ``(1 − p) × median violation`` at the rung;
- an objective other than the first earns no more credit than the ``(1 − p) / 2`` quantile of the
  rung, so that at least the two best at it share the same credit and the first objective decides
  between them. An untrained model's contribution gap is near 0: without this it would survive on
  that alone.

What a model costs is no better for being untrained: objectives and constraints on costs count in
full from the start, and "the first objective" is the first that isn't one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standing:
    """What a trial has reached at a rung.

    Attributes:
        losses: value of each objective, all to be minimised.
        violations: how far each constraint is from being met; 0 where it is met.
        costs: positions of the objectives that training doesn't improve.
        limits: positions of such constraints.
    """

    losses: tuple[float, ...]
    violations: tuple[float, ...] = ()
    costs: tuple[int, ...] = ()
    limits: tuple[int, ...] = ()


def front(standings: Sequence[Standing]) -> list[int]:
    """Positions of the standings that no other dominates, in the order given.

    Where none is feasible these are the ones with the smallest total violation.
    """
    if not standings:
        return []
    losses, violations = _arrays(standings)
    violated = violations.sum(axis=1)
    able = np.flatnonzero(violated == violated.min())
    # In this order none is dominated by a later one, so that what was kept tells all.
    ordered = able[np.lexsort(losses[able].T[::-1])]
    room = np.empty((len(ordered), losses.shape[1]))
    found: list[int] = []
    for i in ordered:
        kept = room[: len(found)]
        no_worse = (kept <= losses[i]).all(axis=1)
        if not (no_worse & (kept < losses[i]).any(axis=1)).any():
            room[len(found)] = losses[i]
            found.append(int(i))
    return sorted(found)


def in_top_share(
    trial: Standing, others: Sequence[Standing], progress: float, reduction: int
) -> bool:
    """Whether a trial is among the best ``1 / reduction`` (rounded up) of its rung.

    Args:
        others: the trials that reached the rung before.
        progress: share of its epochs the trial has done, in (0, 1].
    """
    losses, violations = _arrays([*others, trial])
    violated = _loosened(violations, progress, trial.limits).sum(axis=1)
    losses = _capped(losses, progress, trial.costs)
    rank = ranks(losses, violated)
    distance = _crowding(losses, rank)
    better = (rank < rank[-1]) | ((rank == rank[-1]) & (distance > distance[-1]))
    return int(better.sum()) < math.ceil(len(rank) / reduction)


def ranks(losses: Floats, violated: Floats) -> NDArray[np.int64]:
    """Non-dominated rank of each trial, 0 for the best.

    Args:
        losses: ``(trial, objective)``, to be minimised.
        violated: total violation of each trial, ``(trial,)``; 0 for a feasible one.
    """
    no_worse = (losses[:, None] <= losses).all(axis=2)
    better = (losses[:, None] < losses).any(axis=2)
    same = violated[:, None] == violated
    dominates = (violated[:, None] < violated) | (same & no_worse & better)
    above = dominates.sum(axis=0)
    rank = np.zeros(len(losses), dtype=np.int64)
    level = 0
    while (peel := above == 0).any():
        rank[peel] = level
        above = above - dominates[peel].sum(axis=0)
        above[peel] = -1
        level += 1
    return rank


def _arrays(standings: Sequence[Standing]) -> tuple[Floats, Floats]:
    losses = np.array([s.losses for s in standings], dtype=np.float64)
    violations = np.array([s.violations for s in standings], dtype=np.float64)
    return losses, violations.reshape(len(standings), -1)


def _loosened(violations: Floats, progress: float, limits: Sequence[int]) -> Floats:
    """Violations ``(trial, constraint)`` as a rung sees them; those of costs as they are."""
    if not violations.size:
        return violations
    allowed = (1 - progress) * np.median(violations, axis=0)
    allowed[list(limits)] = 0.0
    loosened: Floats = np.maximum(0.0, violations - allowed)
    return loosened


def _capped(losses: Floats, progress: float, costs: Sequence[int]) -> Floats:
    """Losses ``(trial, objective)`` with the credit capped of all but costs and the first other.

    The quantile is the next larger of the rung's values, so while ``progress < 1`` it is never the
    smallest one.
    """
    place = math.ceil((1 - progress) / 2 * (len(losses) - 1))
    floor: Floats = np.sort(losses, axis=0)[place]
    learnt = [k for k in range(len(floor)) if k not in costs]
    floor[[*costs, *learnt[:1]]] = -np.inf
    capped: Floats = np.maximum(losses, floor)
    return capped


def _crowding(losses: Floats, rank: NDArray[np.int64]) -> Floats:
    """How far each trial stands from its neighbours on its own front; infinite at its ends."""
    distance = np.zeros(len(losses))
    for level in range(int(rank.max()) + 1):
        members = np.flatnonzero(rank == level)
        for column in losses[members].T:
            distance[members] += _spacing(column)
    return distance


def _spacing(values: Floats) -> Floats:
    """Distance between each value's two neighbours over the span; infinite at the ends.

    Where all values are the same it is 0, so that they decide nothing.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    span = ordered[-1] - ordered[0]
    if span == 0:
        return np.zeros(len(values))
    gaps = np.full(len(values), np.inf)
    gaps[order[1:-1]] = (ordered[2:] - ordered[:-2]) / span
    return gaps
