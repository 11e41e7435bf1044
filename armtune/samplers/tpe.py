"""Tree-structured Parzen estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Tpe(Sampler):
    """Tree-structured Parzen estimator; several objectives, constraints and conditions."""

    name: Literal["tpe"] = "tpe"
    startup_trials: int = Field(10, ge=1)
    """Random trials before the estimator starts."""

    def build(self, seed: int) -> BaseSampler:
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=self.startup_trials)
