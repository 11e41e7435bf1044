"""Successive halving with several first rungs."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import Literal

from armtune.pruners import Halving

GOLDEN = 0.6180339887498949
"""Multiples of it, whole parts left off, fill 0 … 1 evenly however many there are."""


class Hyperband(Halving):
    """Hyperband: brackets of trials that are halved from the first rung on, from the second, …

    The last bracket is never halved. So what learns slowly at first has a chance, where ``asha``
    stops it. Source: Li et al., JMLR 18, 2018.
    """

    name: Literal["hyperband"] = "hyperband"

    def bracket(self, number: int, epochs: int) -> int:
        """The trials' shares are Hyperband's: all brackets get about the same number of epochs."""
        halvings = range(len(self.rungs(epochs)), -1, -1)
        ends = list(accumulate(self.reduction**count / (count + 1) for count in halvings))
        return bisect(ends, (number * GOLDEN % 1) * ends[-1])

    def problem(self, objectives: int) -> str:
        if objectives == 1:
            return ""
        return f"hyperband compares one objective, not {objectives}; pareto_asha compares several"
