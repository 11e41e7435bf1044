"""Pruners: which trials stop early. One file a pruner; the rules themselves are pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from armtune.options import Options
from armtune.rungs import Standing


class Pruner(Options):
    """Options of a pruner and its rule."""

    name: str

    def rungs(self, epochs: int) -> list[int]:
        """The epochs (counted from 1, all below ``epochs``) after which trials are compared."""
        raise NotImplementedError

    def keeps(self, trial: Standing, others: Sequence[Standing], progress: float) -> bool:
        """Whether a trial goes on, compared with the trials that reached the same rung before.

        Args:
            progress: the rung's epoch over the number of epochs, in (0, 1).
        """
        raise NotImplementedError

    def problem(self, objectives: int) -> str:
        """Why this pruner can't serve that many objectives; empty when it can."""
        return ""
