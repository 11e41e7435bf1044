"""Independent draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from armtune.plugins.lazy_imports import optuna
from armtune.samplers import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Random(Sampler):
    """Independent draws from the space; the baseline every other sampler should beat."""

    name: Literal["random"] = "random"

    def build(self, seed: int) -> BaseSampler:
        return optuna.samplers.RandomSampler(seed=seed)
