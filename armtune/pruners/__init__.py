"""Pruners: which trials stop early. One file a pruner; the rules themselves are pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from armtune.plugins.options import Options
from armtune.pruners._rungs import Standing, in_top_share


class Pruner(Options):
    """Options of a pruner and its rule."""

    name: str
    population: ClassVar[bool] = False
    """Whether trials are a population, whose worst go on from the best ones' weights: ``pbt``."""

    def rungs(self, epochs: int) -> list[int]:
        """The epochs (counted from 1, all below ``epochs``) after which trials are compared."""
        raise NotImplementedError

    def bracket(self, number: int, epochs: int) -> int:
        """How many of the first rungs a trial passes without comparison.

        Trials are compared only with those that pass as many.

        Args:
            number: the trial's number.
            epochs: the recipe's own number of epochs.
        """
        return 0

    def keeps(self, trial: Standing, others: Sequence[Standing], progress: float) -> bool:
        """Whether a trial goes on, compared with the trials that reached the same rung before.

        Args:
            progress: the rung's epoch over the number of epochs, in (0, 1).
        """
        raise NotImplementedError

    def problem(self, objectives: int) -> str:
        """Why this pruner can't serve that many objectives; empty when it can."""
        return ""


class Halving(Pruner):
    """Asynchronous successive halving: at each rung only the best share goes on."""

    first_rung: int = Field(3, ge=1)
    """Epochs before the first comparison."""
    reduction: int = Field(3, ge=2)
    """The best ``1 / reduction`` go on; each rung is so many times later than the one before."""
    startup_trials: int = Field(4, ge=1)
    """Trials that pass a rung before anything is stopped there."""

    def rungs(self, epochs: int) -> list[int]:
        found = []
        rung = self.first_rung
        while rung < epochs:
            found.append(rung)
            rung *= self.reduction
        return found

    def keeps(self, trial: Standing, others: Sequence[Standing], progress: float) -> bool:
        early = len(others) < self.startup_trials
        return early or in_top_share(trial, others, progress, self.reduction)
