"""What falls behind half of the others stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from armtune.pruners import Pruner
from armtune.pruners._rungs import Standing, in_top_share


class Median(Pruner):
    """Stops a trial that is behind the median of its rung; one objective, constraints first."""

    name: Literal["median"] = "median"
    first_rung: int = Field(3, ge=1)
    """Epochs before the first comparison."""
    every: int = Field(1, ge=1)
    """Epochs from one comparison to the next."""
    startup_trials: int = Field(4, ge=1)
    """Trials that pass a rung before anything is stopped there."""

    def rungs(self, epochs: int) -> list[int]:
        return list(range(self.first_rung, epochs, self.every))

    def keeps(self, trial: Standing, others: Sequence[Standing], progress: float) -> bool:
        return len(others) < self.startup_trials or in_top_share(trial, others, progress, 2)

    def problem(self, objectives: int) -> str:
        if objectives == 1:
            return ""
        return f"median compares one objective, not {objectives}; pareto_asha compares several"
