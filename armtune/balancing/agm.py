r"""Adaptive gradient modulation: holds each modality to the lead it has had over the training.

A modality's response is its Shapley share of the fused logits, over the logits of all subsets with
the absent features at the batch's mean (the paper masks inputs by zeros) and none for the empty
set: :math:`z_a = \frac12 (f(a,v) - f(v) + f(a))` for two. With :math:`s_m` the batch's mean
log-likelihood of that response, each sample's at least :math:`\ln 10^{-8}`, its lead is

.. math:: r_m = \exp(s_m - \operatorname{mean}_{n \ne m} s_n)

and :math:`\bar r_m` is the same of the mean of all earlier steps' :math:`s` (1 in the first step).
The gradient of encoder m is multiplied by

.. math:: \kappa_m = \exp(\alpha \min(\bar r_m - r_m, 7))

so a modality further ahead than usual is slowed, and one that fell behind is sped up.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import EncoderScaler, others_mean, stacked_present
from armtune.information import shapley_matrix
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target

LEAST_LOG_LIKELIHOOD = log(1e-8)
LARGEST_DIFFERENCE = 7.0
"""Bound on what the coefficient's exponent is made of, as in the published code."""


class Agm(Balancing):
    """Adaptive gradient modulation (Li et al., ICCV 2023): κ = exp(α·min(r̄ − r, 7))."""

    name: Literal["agm"] = "agm"
    alpha: float = Field(1.0, ge=0)
    """Strength of the modulation; 0 for none."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of modulation, counted from 0."""
    to_epoch: int = Field(50, ge=0)
    """First epoch after the modulation."""

    def problem(self, modalities: Sequence[str]) -> str:
        return "" if len(modalities) > 1 else "agm balances two modalities or more"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return AdaptiveModulator(options, context)


class AdaptiveModulator(EncoderScaler):
    """The adaptive gradient modulation's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(options, context)
        self.alpha = context.knob(options, "alpha")
        players = len(context.modalities)
        self.matrix = shapley_matrix(players).to(context.like)
        self.some = list(range(1, 2**players - 1))
        self.past = context.like.new_zeros(len(options), players)

    def coefficients(self, step: Step) -> Tensor:
        """The coefficients of this step, which then joins the past."""
        scores = self._scores(step)
        factors = modulation(scores, self.past, self.alpha)
        steps = self.epoch * self.context.steps + step.number + 1
        self.past.lerp_(scores, (1 / steps).to(scores).unsqueeze(1))
        return factors

    def _scores(self, step: Step) -> Tensor:
        """Mean log-likelihood of each modality's response over the samples that have it."""
        logs = log_likelihoods(self.context.target, self.responses(step), step.labels)
        if not step.present:
            return logs.mean(2)
        there = stacked_present(step.present, self.context.modalities)
        means = mean_present(logs.flatten(0, 1), there.flatten(0, 1)).view(len(logs), -1)
        return torch.where(there.any(2), means, self.past)

    def responses(self, step: Step) -> Tensor:
        """Each modality's share of the fused logits, ``(member, modality, sample, class)``."""
        features = {m: f.detach() for m, f in step.forward.features.items()}
        absent = {m: f.mean(1, keepdim=True) for m, f in features.items()}
        subsets = self.context.network.fuse_subsets(features, absent, self.some)
        everyone = step.forward.logits.detach().unsqueeze(1)
        # The empty set's logits count as zeros: its row of the matrix is left out.
        values = torch.cat([subsets, everyone], dim=1)
        return torch.einsum("msbc,sk->mkbc", values, self.matrix[1:])

    def state(self) -> dict[str, Tensor]:
        """The mean score of each modality so far."""
        return {"past": self.past}


def log_likelihoods(target: Target, responses: Tensor, labels: Tensor) -> Tensor:
    """Log-likelihood of each modality's response, ``(member, modality, sample)``.

    Args:
        responses: ``(member, modality, sample, output)``.
        labels: ``(member, sample)``.
    """
    return target.losses(responses, labels).neg().clamp_min(LEAST_LOG_LIKELIHOOD)


def modulation(scores: Tensor, past: Tensor, alpha: Tensor) -> Tensor:
    """The coefficients κ, ``(member, modality)``.

    Args:
        scores: mean log-likelihoods of this step, ``(member, modality)``.
        past: their mean over the steps before.
        alpha: ``(member,)``.
    """
    lead, usual = (torch.exp(s - others_mean(s)) for s in (scores, past))
    return torch.exp(alpha.unsqueeze(1) * (usual - lead).clamp_max(LARGEST_DIFFERENCE))
