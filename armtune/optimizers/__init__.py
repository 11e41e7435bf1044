"""Optimizers over flat parameter buffers with a member axis. One file an optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from armtune.plugins.options import Options

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Buffers:
    """What an optimizer's step reads and writes.

    Attributes:
        parameters: of all members, ``(member, parameter)``.
        gradient: of the same shape.
        state: the optimizer's slots, each of the same shape.
        knobs: every numeric option, ``(member, 1)``; ``lr`` already scheduled, and
            ``(member, parameter)`` where encoders have rates of their own.
        step: number of each member's step, counted from 1, ``(member, 1)``.
    """

    parameters: Tensor
    gradient: Tensor
    state: dict[str, Tensor]
    knobs: dict[str, Tensor]
    step: Tensor


class Optimizer(Options):
    """Options of an optimizer and its update rule.

    The rule is given every member's parameters as one buffer ``(member, parameter)`` and every
    knob as a tensor ``(member, 1)``, so that one update serves all members of a pack.
    """

    name: str
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(0.0, ge=0)
    """Weight decay."""

    @staticmethod
    def slots() -> tuple[str, ...]:
        """Names of the state buffers, each of the parameters' shape and zero at the start."""
        raise NotImplementedError

    @staticmethod
    def update(buffers: Buffers) -> None:
        """Makes a step: updates ``parameters`` and ``state`` in place."""
        raise NotImplementedError
