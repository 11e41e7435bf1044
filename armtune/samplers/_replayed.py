"""CMA-ES without a state of its own: each draw follows from the study's completed trials.

Optuna's sampler keeps the strategy as a pickle among the study's trials. A journal that travels
with its run must be safe to read, so here the strategy is told all generations again at each draw,
some ten milliseconds for hundreds of trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState


class ReplayedCma(BaseSampler):
    """Draws all numbers of a trial at once; what has a single value is drawn by chance."""

    def __init__(self, seed: int, population: int, step: float) -> None:
        self._seed, self._population, self._step = seed, population, step
        self._chance = RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The numbers that every completed trial has."""
        _refuse_several(study)
        space = optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False))
        return _numbers(space)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """One draw from the strategy as it stands after the full generations so far.

        Choices are drawn by chance, and so is a single number.
        """
        numbers = _numbers(search_space)
        drawn = self._drawn(study, numbers) if len(numbers) > 1 else {}
        by_chance = {
            name: self._chance.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
            if name not in drawn
        }
        return {**drawn, **by_chance}

    def _drawn(self, study: optuna.Study, numbers: dict[str, BaseDistribution]) -> dict[str, Any]:
        scale = _SearchSpaceTransform(numbers, transform_0_1=True)
        strategy = self._strategy(len(numbers))
        sign = -1.0 if study.direction is optuna.study.StudyDirection.MAXIMIZE else 1.0
        trials = _completed(study, numbers)
        told = [(scale.transform(t.params), sign * (t.value or 0.0)) for t in trials]
        for end in range(self._population, len(told) + 1, self._population):
            strategy.tell(told[end - self._population : end])
        strategy.reseed_rng(self._seed)
        return scale.untransform(strategy.ask())

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """By chance."""
        _refuse_several(study)
        return self._chance.sample_independent(study, trial, param_name, param_distribution)

    def _strategy(self, dimensions: int) -> CMA:
        bounds = np.tile([0.0, 1.0], (dimensions, 1))
        middle = np.full(dimensions, 0.5)
        size = self._population
        return CMA(middle, self._step, bounds, seed=self._seed, population_size=size)


def _numbers(space: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """What can be more than one number."""
    return {
        name: found
        for name, found in space.items()
        if not found.single() and not isinstance(found, CategoricalDistribution)
    }


def _refuse_several(study: optuna.Study) -> None:
    if len(study.directions) > 1:
        raise ValueError(f"CMA-ES takes one objective, not {len(study.directions)}")


def _completed(study: optuna.Study, space: Mapping[str, BaseDistribution]) -> list[FrozenTrial]:
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [trial for trial in trials if all(name in trial.params for name in space)]
