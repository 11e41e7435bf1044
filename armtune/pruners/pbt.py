"""Population based training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from armtune.pruners import Pruner
from armtune.pruners._rungs import Standing


class PopulationBased(Pruner):
    """Population based training: the worst go on from the best ones' weights, with other values.

    The trials are the population, the sampler gives their first values. None is stopped. Source:
    Jaderberg et al., 2017; Ray's scheduler ``PopulationBasedTraining``, all members in step.
    """

    name: Literal["pbt"] = "pbt"
    population: ClassVar[bool] = True
    every: int = Field(3, ge=1)
    """Epochs from one comparison to the next."""
    share: float = Field(0.25, gt=0, le=0.5)
    """Share of the population, from the end, that goes on from members of the same share from
    the top."""
    resample: float = Field(0.25, ge=0, le=1)
    """Probability that such a member draws a value anew from its range."""
    factor: float = Field(1.2, gt=1)
    """Otherwise it multiplies or divides the better member's value by this; of choices it takes a
    neighbour."""

    def rungs(self, epochs: int) -> list[int]:
        return list(range(self.every, epochs, self.every))

    def keeps(self, trial: Standing, others: Sequence[Standing], progress: float) -> bool:
        return True

    def problem(self, objectives: int) -> str:
        if objectives == 1:
            return ""
        return f"pbt compares one number, not {objectives}; sweep.mode scalar makes one of them"
