r"""On-the-fly gradient modulation: slows the encoder of the modality that is ahead.

With :math:`s_m` a head's mean probability of the true class over the batch and :math:`\rho_m` the
ratio of :math:`s_m` to the mean of the others' (ours: the paper has two modalities, where that is
the other one's), the gradient of encoder m is multiplied by

.. math:: k_m = 1 - \tanh(\alpha \rho_m) \text{ if } \rho_m > 1 \text{ else } 1

As released, that is the gradient of the weights of convolutions of images; an encoder that has none
is modulated as a whole (ours: else perceptrons would not be balanced at all). The batch is all that
an update is made from. The unimodal heads stand for the released halves of a linear fusion (ours),
so any fusion will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.balancing._parts import Modulator, dominance, likelihood_scores, per_member
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.training.network import MultimodalNet

CONVOLUTION = 5
"""Axes of the weight of a convolution of images: member, channels out and in, height, width."""


class Ogm(Balancing):
    """On-the-fly gradient modulation (Peng et al., CVPR 2022): k = 1 − tanh(α·ρ) where ρ > 1."""

    name: Literal["ogm"] = "ogm"
    alpha: float = Field(0.3, ge=0)
    """Strength of the modulation; 0 for none."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of modulation, counted from 0."""
    to_epoch: int = Field(51, ge=0)
    """First epoch after the modulation; 51 as released, where 50 is the last."""
    parameters: Literal["convolutions", "all"] = "convolutions"
    """What of an encoder is modulated: its image convolutions' weights, or (ours) everything, since
    the rest of it learns from the same lead."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return GradientModulator(options, context)


class GradientModulator(Modulator):
    """The gradient modulation's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(options, context)
        self.alpha = context.knob(options, "alpha")
        network, everything = context.network, options[0].parameters == "all"
        self.modulated = [modulated(network, m, everything) for m in context.modalities]

    def losses(self, step: Step) -> Sequence[Tensor]:
        self.seen.add(likelihood_scores(self.context.target, step))
        return super().losses(step)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        self.factors = torch.where(
            self.open, modulation(self.seen.taken().means(), self.alpha), 1.0
        )
        for names, factor in zip(self.modulated, self.factors.unbind(1), strict=True):
            for name in names:
                gradients[0][name].mul_(per_member(factor, gradients[0][name]))


def modulated(network: MultimodalNet, modality: str, everything: bool) -> list[str]:
    """Names of an encoder's parameters that are modulated."""
    names, shapes = network.encoder_parameters(modality), dict(network.named_parameters())
    convolutions = [name for name in names if shapes[name].dim() == CONVOLUTION]
    return names if everything or not convolutions else convolutions


def modulation(scores: Tensor, alpha: Tensor) -> Tensor:
    """The coefficients k, ``(member, modality)``.

    Args:
        scores: each head's mean probability of the true class, ``(member, modality)``.
        alpha: ``(member,)``.
    """
    ratio = dominance(scores)
    return torch.where(ratio > 1, 1 - torch.tanh(alpha.unsqueeze(1) * ratio), 1.0)
