"""Gaussian process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Demand, Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Gp(Sampler):
    """Gaussian process; the most from few trials, at a cost that grows with their cube.

    Takes several objectives and constraints. It learns from completed trials only, and models only
    what applies to every trial, so it refuses conditions.
    """

    name: Literal["gp"] = "gp"
    startup_trials: int = Field(10, ge=1)
    """Random trials before the process starts."""

    def build(self, seed: int) -> BaseSampler:
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=self.startup_trials)

    def problem(self, demand: Demand) -> str:
        if not demand.conditions:
            return ""
        return f"gp can't search what has a condition: {demand.conditions[0]}; tpe can"
