r"""Adaptive mask co-optimization: masks features of the modality that decisions depend on.

The heads' logits side by side go through one softmax; a modality's share is the probability on its
own logits, averaged over the batch. The largest share's modality is masked if that share exceeds
:math:`2\sigma/K` (ours: :math:`\sigma` itself for the paper's two modalities). After t epochs the
mask zeroes, in all samples of the batch alike,

.. math:: p(t) = p_{max} \sin\left(\tfrac{\pi}{2} \min(t / T, 1)\right)

of its features, and the rest grows so that the sum keeps its mean. Co-optimization: each head's
loss reaches its encoder, so that the masked modality goes on learning. As rebuilt here from the
abstract and public code: :math:`p_{max}` and T in epochs are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import gate_heads
from armtune.nn.forward import Features
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from torch import Tensor


class Amco(Balancing):
    """Adaptive mask co-optimization (Zhou et al., ICASSP 2023): p = p_max·sin(π/2·min(t/T, 1))."""

    serves = Classes

    name: Literal["amco"] = "amco"
    sigma: float = Field(0.5, ge=0, le=1)
    """Share of the decision above which a modality is masked, where there are two; σ."""
    rate: float = Field(0.5, ge=0, lt=1)
    """Largest share of the features that is masked; 0 for no mask."""
    ramp_epochs: float = Field(10.0, gt=0)
    """Epochs until that many features are masked, T."""
    alpha: float = Field(1.0, ge=0)
    """How much of the mean unimodal cross-entropy reaches the encoders."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return DominantMasker(options, context)


class DominantMasker(Balancer):
    """The adaptive mask's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.sigma = context.knob(options, "sigma")
        self.rate = context.knob(options, "rate")
        self.ramp = context.knob(options, "ramp_epochs")
        players = len(context.modalities)
        self.gates = [context.knob(options, "alpha") / players] * players
        self.masks = bool(self.rate.any())
        self.heads_reach_encoders = bool(self.gates[0].any())

    def start_epoch(self, epoch: Tensor) -> None:
        """Draws the order in which features are masked, anew for each step of this epoch."""
        self.epoch = epoch.to(self.rate)
        if self.masks:
            self.orders = {
                m: self.context.uniform(f"amco {m}", epoch, self.context.steps, size).argsort(-1)
                for m, size in self.context.network.sizes.items()
            }

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        """Masks features of the dominant modality."""
        if not self.masks:
            return features
        with torch.no_grad():
            masked = dominant(self.context.network.judge(features), self.sigma)
            share = mask_share(self.epoch + step / self.context.steps, self.rate, self.ramp)
            factors = {
                m: torch.where(masked[:, k, None], mask(order[:, step], share), 1.0)
                for k, (m, order) in enumerate(self.orders.items())
            }
        return {m: f * factors[m].unsqueeze(1) for m, f in features.items()}

    def losses(self, step: Step) -> Sequence[Tensor]:
        if self.heads_reach_encoders:
            gate_heads(step.forward, self.gates)
        return super().losses(step)


def dominant(unimodal: Features, sigma: Tensor) -> Tensor:
    """Whether each modality is the one that decisions depend on, ``(member, modality)``.

    Args:
        unimodal: logits of each modality's head, ``(member, sample, class)``.
        sigma: σ, ``(member,)``.
    """
    logits = torch.stack(list(unimodal.values()), dim=2)
    shares = logits.flatten(2).softmax(-1).unflatten(2, logits.shape[2:]).sum(-1).mean(1)
    ahead = shares == shares.amax(1, keepdim=True)
    return ahead & (shares > 2 / len(unimodal) * sigma.unsqueeze(1))


def mask_share(time: Tensor, rate: Tensor, ramp: Tensor) -> Tensor:
    """Share p of features that is masked ``time`` epochs after the start, ``(member,)`` all."""
    return rate * torch.sin(pi / 2 * (time / ramp).clamp_max(1))


def mask(order: Tensor, share: Tensor) -> Tensor:
    """Zeros for a share of the features and, for the rest, what keeps the mean.

    Args:
        order: the features' numbers from 0, in any order, ``(member, feature)``.
        share: below 1, ``(member,)``.

    Returns:
        ``(member, feature)``.
    """
    size = order.shape[1]
    hidden = (share * size).floor().unsqueeze(1)
    return (order >= hidden) * (size / (size - hidden))
