"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.optimizers import Buffers, Optimizer
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019, algorithm 2)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.01, ge=0)
    """Decay of all parameters a step, times the learning rate."""
    beta1: float = Field(0.9, ge=0, lt=1)
    """Decay of the mean of gradients."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Decay of the mean of squared gradients."""
    eps: float = Field(1e-8, gt=0)
    """Added to the denominator."""

    @staticmethod
    def slots() -> tuple[str, ...]:
        return ("mean", "square")

    @staticmethod
    def update(buffers: Buffers) -> None:
        parameters, gradient, knobs, step = (
            buffers.parameters, buffers.gradient, buffers.knobs, buffers.step,
        )  # fmt: skip
        mean, square = buffers.state["mean"], buffers.state["square"]
        if parameters.device.type == "cpu" and knobs["lr"].shape[1] == 1:
            numbers = torch.cat(list(knobs.values()), dim=1).tolist()
            tensors = zip(parameters, gradient, mean, square, step.float(), strict=True)
            for own, member in zip(numbers, tensors, strict=True):
                _fused(member, dict(zip(knobs, own, strict=True)))
            return
        beta1, beta2 = knobs["beta1"], knobs["beta2"]
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).add_(gradient.square().mul_(1 - beta2))
        scale = (square / (1 - beta2**step)).sqrt_().add_(knobs["eps"])
        parameters.mul_(1 - knobs["lr"] * knobs["weight_decay"])
        parameters.sub_((mean * (knobs["lr"] / (1 - beta1**step))).div_(scale))


def _fused(member: Sequence[Tensor], knobs: Mapping[str, Any]) -> None:
    """The same by torch's own rule: one pass over a CPU's memory instead of ten.

    Args:
        member: its parameters, gradient, mean and square, and the number of this step.
    """
    parameters, gradient, mean, square, done = ([tensor] for tensor in member)
    rule: Any = torch._fused_adamw_
    rule(parameters, gradient, mean, square, [], done, amsgrad=False, maximize=False, **knobs)
