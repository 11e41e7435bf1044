"""Quasi-random draws."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, Literal

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Qmc(Sampler):
    """Scrambled Sobol sequence: fills the space more evenly than independent draws.

    Dimensions that don't apply to trial 0 are drawn independently.
    """

    name: Literal["qmc"] = "qmc"
    sequential: ClassVar[bool] = True

    def build(self, seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            # Optuna has called this sampler experimental since 2022.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.QMCSampler(seed=seed, scramble=True)
