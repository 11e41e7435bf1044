r"""Unimodal losses beside the fused one: each encoder also learns from its own head.

.. math:: CE + \alpha \operatorname{mean}_m CE_m

The plainest remedy, and a part of many methods: what a method adds to it is its own merit. The
heads themselves learn alike under every α.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import gate_heads

if TYPE_CHECKING:
    from torch import Tensor


class Auxiliary(Balancing):
    """Unimodal losses alone, as in many papers' baselines: CE + α·mean of the modalities' CE."""

    name: Literal["auxiliary"] = "auxiliary"
    alpha: float = Field(1.0, ge=0)
    """How much of the mean unimodal cross-entropy reaches the encoders."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return UnimodalLosses(options, context)


class UnimodalLosses(Balancer):
    """The unimodal losses' hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.alpha = context.knob(options, "alpha")
        self.heads_reach_encoders = bool(self.alpha.any())

    def losses(self, step: Step) -> Sequence[Tensor]:
        if self.heads_reach_encoders:
            players = len(self.context.modalities)
            gate_heads(step.forward, [self.alpha / players] * players)
        return super().losses(step)
