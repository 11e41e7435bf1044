"""Successive halving for one objective."""

from __future__ import annotations

from typing import Literal

from armtune.pruners import Halving


class Asha(Halving):
    """Successive halving on one objective, constraints first."""

    name: Literal["asha"] = "asha"

    def problem(self, objectives: int) -> str:
        if objectives == 1:
            return ""
        return f"asha compares one objective, not {objectives}; pareto_asha compares several"
