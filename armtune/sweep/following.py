"""Trainings that follow their recipe's schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from armtune.recipe.schema import Recipe
from armtune.sweep.trial import Training, Workshop


@dataclass(frozen=True)
class Following(Workshop):
    """A workshop whose trainings follow ``training.schedule``."""

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Training:
        from armtune.scheduled import begin

        return begin(recipes, samples)
