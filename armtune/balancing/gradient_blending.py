r"""Gradient blending: weighs each loss by how well it generalises against how much it overfits.

Over a window of n epochs, with :math:`L` the loss on training and :math:`L^*` on held-out samples,
modality k, or the fused decision, gains :math:`G_k` and overfits by :math:`O_k` more:

.. math:: G_k = L^*_{k,0} - L^*_{k,n}, \quad O_k = (L^* - L)_{k,n} - (L^* - L)_{k,0}, \quad
    w_k = \frac{G_k / O_k^2}{\sum_j G_j / O_j^2}

and the loss is :math:`\sum_k w_k L_k`. The paper trains copies of the network, one for each
modality, to measure these; here (ours) the network's own heads are measured as they train, the
first window starts from what a blind guess scores, and weights are equal until its end. G counts
as at least 0.001 nats and O as at least 0.01, so that no loss is given up for good and none is
weighed by rounding. Any number of modalities, as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step, sum_in_order
from armtune.balancing._parts import gate_heads
from armtune.nn.forward import Features, mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

LEAST_GAIN = 1e-3
"""Nats that a loss is taken to have fallen by at least."""
LEAST_OVERFITTING = 1e-2
"""Nats that it is taken to have overfitted by at least."""


class GradientBlending(Balancing):
    """Gradient blending (Wang et al., CVPR 2020): losses weighed by w ∝ G / O²."""

    name: Literal["gradient_blending"] = "gradient_blending"
    every: int = Field(10, ge=1)
    """Epochs between two estimates of the weights; until the first they are equal."""
    strength: float = Field(1.0, ge=0, le=1)
    """Share of the blend; the rest is the fused loss alone, which 0 leaves."""
    holdout: float = Field(0.1, gt=0, lt=0.5)
    """Share of the training samples held out to see what generalises."""

    @property
    def held_out(self) -> float:
        return self.holdout if self.strength else 0.0

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Blender(options, context)


class Blender(Balancer):
    """Weighs the losses anew after every window; columns are the modalities, then the fusion."""

    def __init__(self, options: Sequence[GradientBlending], context: Context) -> None:
        super().__init__(context)
        self.every = context.knob(options, "every")
        self.strength = context.knob(options, "strength").unsqueeze(1)
        self.heads_reach_encoders = bool(self.strength.any())
        shape = (len(options), len(context.modalities) + 1)
        self.blend = context.like.new_full(shape, 1 / shape[1])
        self.train = context.like.new_full(shape, context.uncertainty)
        self.held = self.train.clone()

    def start_epoch(self, epoch: Tensor) -> None:
        """Mixes the blend with the fused loss alone, and starts to sum up the epoch's losses."""
        self.weights = self.strength * self.blend
        self.weights[:, -1:] += 1 - self.strength
        self.sums = torch.zeros_like(self.blend)

    def losses(self, step: Step) -> Sequence[Tensor]:
        if not self.heads_reach_encoders:
            return super().losses(step)
        alone = self.head_losses(step)
        fused = self.fused_loss(step)
        self.sums += torch.stack([*alone, fused], dim=1).detach()
        *gates, weight = self.weights.unbind(1)
        gate_heads(step.forward, gates)
        return [weight * fused + sum_in_order(alone)]

    def end_epoch(self, epoch: Tensor, features: Features, labels: Tensor) -> dict[str, Tensor]:
        """Where a window ends, takes its gains and overfitting as the next one's weights."""
        if not features:
            return {}
        network = self.context.network
        present, losses = self.context.held_present, self.context.target.losses
        alone = [
            mean_present(losses(x, labels), present.get(m))
            for m, x in network.judge(features).items()
        ]
        fused = losses(network.fuse(features), labels).mean(1)
        held = torch.stack([*alone, fused], dim=1)
        train = self.sums / self.context.steps
        overfitting = (held - train) - (self.held - self.train)
        fresh = blend_weights(self.held - held, overfitting)
        ends = ((epoch + 1) % self.every == 0).unsqueeze(1)
        for kept, new in ((self.blend, fresh), (self.train, train), (self.held, held)):
            kept.copy_(torch.where(ends, new, kept))
        return {}

    def running(self) -> dict[str, Tensor]:
        """The epoch's losses."""
        return {"sums": self.sums}

    def state(self) -> dict[str, Tensor]:
        """The weights, and the losses at the window's start."""
        return {"blend": self.blend, "train": self.train, "held": self.held}


def blend_weights(gain: Tensor, overfitting: Tensor) -> Tensor:
    """Weights in proportion to G / O² that sum to 1, ``(member, loss)``.

    Args:
        gain: nats by which each held-out loss fell, ``(member, loss)``.
        overfitting: nats by which its distance to the training loss grew.
    """
    raw = gain.clamp_min(LEAST_GAIN) / overfitting.abs().clamp_min(LEAST_OVERFITTING) ** 2
    return raw / raw.sum(1, keepdim=True)
