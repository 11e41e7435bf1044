"""Every combination of values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Demand, Sampler, points

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Grid(Sampler):
    """Every combination of values once, those that conditions rule out left out."""

    name: Literal["grid"] = "grid"

    def build(self, seed: int) -> BaseSampler:
        # All trials are planned; it is never asked.
        return optuna.samplers.RandomSampler(seed=seed)

    def problem(self, demand: Demand) -> str:
        endless = [d.path for d in demand.dimensions if d.finite is None]
        if endless:
            return f"grid needs a grid, choice, int or step, and {endless[0]} has none"
        found = len(list(islice(points(demand.dimensions), demand.trials)))
        if found < demand.trials:
            return f"the grid has {found} points, fewer than sweep.trials, {demand.trials}"
        return ""

    def planned(self, demand: Demand, own: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The points in order, but first the one that shares most with the recipe's own values."""
        ordered = list(islice(points(demand.dimensions), demand.trials))
        first = max(ordered, key=lambda point: _shared(point, own))
        return [first, *(point for point in ordered if point is not first)]


def _shared(point: Mapping[str, Any], own: Mapping[str, Any]) -> int:
    return sum(path in own and own[path] == value for path, value in point.items())
