"""No pruning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from armtune.pruners import Pruner
from armtune.pruners._rungs import Standing


class NoPruning(Pruner):
    """No pruning: every trial trains to its full length."""

    name: Literal["none"] = "none"

    def rungs(self, epochs: int) -> list[int]:
        return []

    def keeps(self, trial: Standing, others: Sequence[Standing], progress: float) -> bool:
        return True
