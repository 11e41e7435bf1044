r"""On-the-fly gradient modulation: slows the encoder of the modality that is ahead.

With :math:`s_m` a head's mean probability of the true class over the batch and :math:`\rho_m` the
ratio of :math:`s_m` to the mean of the others' (ours: the paper has two modalities, where that is
the other one's), the gradient of encoder m is multiplied by

.. math:: k_m = 1 - \tanh(\alpha \rho_m) \text{ if } \rho_m > 1 \text{ else } 1

The unimodal heads stand for the paper's halves of a linear fusion, so any fusion will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import EncoderScaler, dominance, likelihoods
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor


class Ogm(Balancing):
    """On-the-fly gradient modulation (Peng et al., CVPR 2022): k = 1 − tanh(α·ρ) where ρ > 1."""

    name: Literal["ogm"] = "ogm"
    alpha: float = Field(0.3, ge=0)
    """Strength of the modulation; 0 for none."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of modulation, counted from 0."""
    to_epoch: int = Field(50, ge=0)
    """First epoch after the modulation; 50 as published."""

    def problem(self, modalities: Sequence[str]) -> str:
        return "" if len(modalities) > 1 else "ogm balances two modalities or more"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return GradientModulator(options, context)


class GradientModulator(EncoderScaler):
    """The gradient modulation's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(options, context)
        self.alpha = context.knob(options, "alpha")

    def coefficients(self, step: Step) -> Tensor:
        return modulation(likelihoods(self.context.target, step), self.alpha)


def modulation(scores: Tensor, alpha: Tensor) -> Tensor:
    """The coefficients k, ``(member, modality)``.

    Args:
        scores: each head's mean probability of the true class, ``(member, modality)``.
        alpha: ``(member,)``.
    """
    ratio = dominance(scores)
    return torch.where(ratio > 1, 1 - torch.tanh(alpha.unsqueeze(1) * ratio), 1.0)
