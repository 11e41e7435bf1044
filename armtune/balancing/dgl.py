r"""Disentangled gradient learning: the fusion learns from the fused loss, encoders from their own.

.. math:: CE(F(\operatorname{sg}(f_1), \dots, \operatorname{sg}(f_K)))
    + \alpha \sum_m CE(\operatorname{sg}(F)(0, \dots, f_m, \dots, 0))

with F the fusion and sg a stop of the gradient: the fused loss reaches no encoder, and unimodal
losses, which go through the fusion with zeros for the other features, don't change it. Nothing that
the modalities have in common is left to be dominated. As released; any number of modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step, sum_in_order
from armtune.balancing._parts import gate_heads, judged_alone
from armtune.nn.forward import Features, mean_present

if TYPE_CHECKING:
    from torch import Tensor


class Dgl(Balancing):
    """Disentangled gradient learning (Wei et al., ICCV 2025): CE(F(sg f)) + α·Σ CE_m."""

    name: Literal["dgl"] = "dgl"
    alpha: float = Field(4.0, gt=0)
    """Weight of each encoder's own loss; 4 as released for CREMA-D, 3 for Kinetics-Sounds."""
    judge: Literal["fusion", "heads"] = "fusion"
    """What a modality's own loss goes through: the fusion, with zeros for the others, or (ours) its
    own head, which serves fusions that make nothing of zeros (low_rank, film)."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Disentangler(options, context)


class Disentangler(Balancer):
    """Keeps the fused loss from the encoders and gives them their own."""

    def __init__(self, options: Sequence[Dgl], context: Context) -> None:
        super().__init__(context)
        self.alpha = context.knob(options, "alpha")
        self.heads_reach_encoders = options[0].judge == "heads"

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        return {m: f.detach() for m, f in features.items()}

    def losses(self, step: Step) -> Sequence[Tensor]:
        if self.heads_reach_encoders:
            gate_heads(step.forward, [self.alpha] * len(self.context.modalities))
            return super().losses(step)
        network, target = self.context.network, self.context.target
        alone = judged_alone(network, step.forward.features, frozen=True)
        own = sum_in_order(
            [
                mean_present(target.losses(logits, step.labels), step.present.get(m))
                for m, logits in alone.items()
            ]
        )
        return [self.fused_loss(step) + self.heads_loss(step) + self.alpha * own]
