r"""On-the-fly prediction modulation: drops features of the modality that is ahead.

With :math:`s_m` a head's mean probability of the true class over the batch and :math:`\rho_m` the
ratio of :math:`s_m` to the mean of the others' (ours: the paper has two modalities, where that is
the other one's), each sample loses the features of modality m with probability

.. math:: q_m = q_b (1 + \lambda \tanh(\rho_m - 1)) \text{ if } \rho_m > 1 \text{ else } 0

at most 1, in a share of the batches. What is left of all modalities is divided by
:math:`1 - \theta` there, with :math:`\theta` the share of features that get dropped on average, as
released. No sample loses everything, since some modality always has
:math:`\rho_m \le 1`; one that lacks it, and would, loses nothing.
The features of the batch are measured and then fused once more, so nothing changes in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import Window, dominance, likelihoods, stacked_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor


class Opm(Balancing):
    """Prediction modulation (Wei et al., TPAMI 2024): q = q_b·(1 + λ·tanh(ρ − 1)) where ρ > 1."""

    name: Literal["opm"] = "opm"
    probability: float = Field(0.5, ge=0, le=1)
    """Probability that a sample loses a modality just ahead, q_b; 0 for none."""
    slope: float = Field(0.5, ge=0)
    """How much more likely that gets with the lead, λ."""
    batches: float = Field(0.7, ge=0, le=1)
    """Share of the batches in which features are dropped at all."""
    from_epoch: int = Field(6, ge=0)
    """First epoch of modulation, counted from 0; 6 as released."""
    to_epoch: int = Field(1000, ge=0)
    """First epoch after the modulation, which as released has no end."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return PredictionModulator(options, context)


class PredictionModulator(Balancer):
    """The prediction modulation's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.probability = context.knob(options, "probability")
        self.slope = context.knob(options, "slope")
        self.batches = context.knob(options, "batches").unsqueeze(1)
        self.window = Window(options, context)
        self.sizes = context.like.new_tensor(list(context.network.sizes.values()))

    def start_epoch(self, epoch: Tensor) -> None:
        """Draws what decides which samples lose which modalities in this epoch."""
        self.base = torch.where(self.window.open(epoch), self.probability, 0.0)
        self.acts = bool(self.base.any())
        if self.acts:
            shape = (self.context.steps, self.context.batch_size, len(self.sizes))
            self.draws = self.context.uniform("opm", epoch, *shape)
            alone = self.context.uniform("opm batches", epoch, shape[0]) >= self.batches
            self.bases = torch.where(alone, 0.0, self.base.unsqueeze(1))

    def fused_loss(self, step: Step) -> Tensor:
        """Loss of the decision on what is left of the features."""
        if not self.acts:
            return super().fused_loss(step)
        scores = likelihoods(self.context.target, step)
        chance = drop_probabilities(scores, self.bases[:, step.number], self.slope)
        kept = self.draws[:, step.number] >= chance.unsqueeze(1)
        if step.present:
            there = stacked_present(step.present, step.forward.features)
            something = (kept & there.transpose(1, 2)).any(2, keepdim=True)
            kept = kept | ~something
        dropped = chance @ self.sizes / self.sizes.sum()
        factors = kept / (1 - dropped)[:, None, None]
        left = {
            m: f * factors[:, :, k, None] for k, (m, f) in enumerate(step.forward.features.items())
        }
        return self.context.target.losses(self.context.network.fuse(left), step.labels).mean(1)


def drop_probabilities(scores: Tensor, base: Tensor, slope: Tensor) -> Tensor:
    """The probabilities q, ``(member, modality)``.

    Args:
        scores: each head's mean probability of the true class, ``(member, modality)``.
        base: q_b, ``(member,)``.
        slope: λ, ``(member,)``.
    """
    ratio = dominance(scores)
    chance = base.unsqueeze(1) * (1 + slope.unsqueeze(1) * torch.tanh(ratio - 1))
    return torch.where(ratio > 1, chance.clamp_max(1), 0.0)
