r"""Adaptive gradient modulation: holds each modality to the lead it has had over the training.

A modality's response is its Shapley share of the fused logits, over the logits of all subsets, with
what the encoder makes of zeros in the place of an absent modality and none for the empty set:
:math:`z_a = \frac12 (f(a,v) - f(v) + f(a))` for two. Responses add up to the logits. With
:math:`s_m` the batch's mean log-likelihood of that response, each sample's at least
:math:`\ln 10^{-8}`, its lead is

.. math:: r_m = \exp(s_m - \operatorname{mean}_{n \ne m} s_n)

and :math:`\bar r_m` is the same of the mean of all earlier batches' :math:`s` (1 in the first). The
gradient that reaches the network through response m, fusion and encoders alike, is multiplied by

.. math:: \kappa_m = \exp(\alpha \min(\bar r_m - r_m, b))

so a modality further ahead than usual is slowed, and one that fell behind is sped up. The batch is
all that an update is made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.balancing._parts import Modulator, Scores, others_mean, per_member, summed
from armtune.information import shapley_matrix
from armtune.nn.forward import Features
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target

LEAST_LOG_LIKELIHOOD = log(1e-8)


class Agm(Balancing):
    """Adaptive gradient modulation (Li et al., ICCV 2023): κ = exp(α·min(r̄ − r, b))."""

    name: Literal["agm"] = "agm"
    alpha: float = Field(1.0, ge=0)
    """Strength of the modulation; 0 for none."""
    bound: float = Field(10.0, gt=0)
    """Bound b on what the exponent is made of: 10 as released for CREMA-D, 7 for UR-Funny."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of modulation, counted from 0."""
    to_epoch: int = Field(20, ge=0)
    """First epoch after the modulation; 20 as released."""
    absent: Literal["zeros", "mean"] = "zeros"
    """What stands in for an absent modality: the encoder's features of zeros, or (ours) the batch's
    mean feature, which costs no encoding and is what the reported contributions go by."""
    lead: Literal["own", "others"] = "own"
    """Whose lead slows a modality: its own, or, upside down, the others', as in BalanceBenchmark's
    code, whose figures are of that."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return AdaptiveModulator(options, context)


class AdaptiveModulator(Modulator):
    """The adaptive gradient modulation's hooks.

    With one step an update, its coefficients are known before its gradient and scale the responses'
    share of it. With several, each response has a gradient of its own until they are.
    """

    def __init__(self, options: Sequence[Agm], context: Context) -> None:
        super().__init__(options, context)
        self.alpha, self.bound = context.knob(options, "alpha"), context.knob(options, "bound")
        self.sign = 1 if options[0].lead == "own" else -1
        self.by_mean = options[0].absent == "mean"
        players = len(context.modalities)
        self.matrix = shapley_matrix(players).to(context.like)
        self.some = list(range(1, 2**players - 1))
        self.past = context.like.new_zeros(len(options), players)
        self.zeros: Features = {}
        self.acts = bool(self.alpha.any())

    def losses(self, step: Step) -> Sequence[Tensor]:
        if not self.acts:
            return super().losses(step)
        responses = self.responses(step)
        self.seen.add(self._scores(step, responses.detach()))
        self.number = step.number
        if self.context.accumulate == 1:
            flowing = scaled(responses, self.factors())
            return [self._loss(flowing.sum(1), step) + self.heads_loss(step)]
        plain, whole = self.fused_loss(step).detach(), responses.detach().sum(1)
        own = [self._loss(z + (whole - z.detach()), step) for z in responses.unbind(1)]
        return [plain + self.heads_loss(step), *own]

    def _loss(self, logits: Tensor, step: Step) -> Tensor:
        return self.context.target.losses(logits, step.labels).mean(1)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        if not self.acts or self.context.accumulate == 1:
            return
        total, *own = gradients
        for through, factor in zip(own, self.factors().unbind(1), strict=True):
            for name, gradient in through.items():
                total[name].add_(per_member(factor, gradient) * gradient)

    def factors(self) -> Tensor:
        """The update's coefficients, ``(member, modality)``; its scores then join the past."""
        scores = self.seen.taken().means()
        found = modulation(self.sign * scores, self.sign * self.past, self.alpha, self.bound)
        done = (self.epoch * self.context.steps + self.number + 1) // self.context.accumulate
        self.past.lerp_(scores, (1 / done).to(scores).unsqueeze(1))
        return torch.where(self.open, found, 1.0)

    def _scores(self, step: Step, responses: Tensor) -> Scores:
        """Log-likelihoods of the responses over the samples that have their modality."""
        logs = log_likelihoods(self.context.target, responses, step.labels)
        return summed(logs, step, self.context.modalities)

    def responses(self, step: Step) -> Tensor:
        """Each modality's share of the fused logits, ``(member, modality, sample, class)``."""
        features = step.forward.features
        absent = self._absent(step)
        subsets = self.context.network.fuse_subsets(features, absent, self.some)
        everyone = step.forward.logits.unsqueeze(1)
        # The empty set's logits count as zeros: its row of the matrix is left out.
        values = torch.cat([subsets, everyone], dim=1)
        return torch.einsum("msbc,sk->mkbc", values, self.matrix[1:])

    def _absent(self, step: Step) -> Features:
        """What stands in for each modality, ``(member, 1, feature)``."""
        if self.by_mean:
            return {m: f.detach().mean(1, keepdim=True) for m, f in step.forward.features.items()}
        if not self.zeros:
            views = self.context.take(step.index[:, :1]).views
            self.zeros = {m: torch.zeros_like(view) for m, view in views.items()}
        return self.context.network.encode(self.zeros)

    def state(self) -> dict[str, Tensor]:
        """The mean score of each modality so far."""
        return {"past": self.past}


def scaled(responses: Tensor, factors: Tensor) -> Tensor:
    """The same responses, with that much of the gradient that reaches each.

    Args:
        responses: ``(member, modality, sample, output)``.
        factors: ``(member, modality)``.
    """
    shares = factors[:, :, None, None]
    return shares * responses + (1 - shares) * responses.detach()


def log_likelihoods(target: Target, responses: Tensor, labels: Tensor) -> Tensor:
    """Log-likelihood of each modality's response, ``(member, modality, sample)``.

    Args:
        responses: ``(member, modality, sample, output)``.
        labels: ``(member, sample)``.
    """
    return target.losses(responses, labels).neg().clamp_min(LEAST_LOG_LIKELIHOOD)


def modulation(scores: Tensor, past: Tensor, alpha: Tensor, bound: Tensor) -> Tensor:
    """The coefficients κ, ``(member, modality)``.

    Args:
        scores: mean log-likelihoods of this batch, ``(member, modality)``.
        past: their mean over the batches before.
        alpha: ``(member,)``.
        bound: b, ``(member,)``.
    """
    lead, usual = (torch.exp(s - others_mean(s)) for s in (scores, past))
    bounded = torch.minimum(usual - lead, bound.unsqueeze(1))
    return torch.exp(alpha.unsqueeze(1) * bounded)
