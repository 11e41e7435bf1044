"""Successive halving for several objectives and constraints."""

from __future__ import annotations

from typing import Literal

from armtune.pruners import Halving


class ParetoAsha(Halving):
    """Successive halving by constrained domination; any number of objectives and constraints."""

    name: Literal["pareto_asha"] = "pareto_asha"
