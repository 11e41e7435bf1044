"""Non-dominated sorting genetic algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Nsga2(Sampler):
    """NSGA-II, a genetic algorithm; several objectives and constraints, hundreds of trials."""

    name: Literal["nsga2"] = "nsga2"
    population: int = Field(24, ge=2)
    """Fully trained trials a generation."""

    def build(self, seed: int) -> BaseSampler:
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=self.population)
