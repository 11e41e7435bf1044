"""Non-dominated sorting genetic algorithm with reference points."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Nsga3(Sampler):
    """NSGA-III, a genetic algorithm for four objectives and more; hundreds of trials."""

    name: Literal["nsga3"] = "nsga3"
    population: int = Field(24, ge=2)
    """Fully trained trials a generation."""

    def build(self, seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            # Optuna has called this sampler experimental since 2023.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.NSGAIIISampler(seed=seed, population_size=self.population)
