"""The pruning rules, as pure functions of what trials reached a rung with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """What a trial has reached at a rung.

    Attributes:
        losses: value of each objective, all to be minimised.
        violations: how far each constraint is from being met; 0 where it is met.
    """

    losses: tuple[float, ...]
    violations: tuple[float, ...] = ()
