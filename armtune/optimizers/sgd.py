"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from armtune.optimizers import Buffers, Optimizer


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum (the form torch uses, without dampening)."""

    name: Literal["sgd"] = "sgd"
    lr: float = Field(1e-2, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(1e-4, ge=0)
    """Times the parameters, added to the gradient."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Share of the last step's direction that is kept."""

    @staticmethod
    def slots() -> tuple[str, ...]:
        return ("velocity",)

    @staticmethod
    def update(buffers: Buffers) -> None:
        parameters, velocity, knobs = buffers.parameters, buffers.state["velocity"], buffers.knobs
        decay = parameters * knobs["weight_decay"]
        velocity.mul_(knobs["momentum"]).add_(buffers.gradient).add_(decay)
        parameters.sub_(velocity * knobs["lr"])
