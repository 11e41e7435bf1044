r"""Asymmetric representation learning: gradients go by how sure a modality is, not by half.

With :math:`H_m` the mean entropy of modality m's decision as a share of all modalities', at least
0.6/K (0.3 of two, as released), :math:`u_m` the share of :math:`1/H_m` in their sum and
:math:`a_m` modality m's share of the decisions' absolute logits, the loss and the factor of the
gradient of encoder m are

.. math:: CE + \gamma \sum_m CE_m, \qquad 1 + \operatorname{softmax}_m
    \left( T\, u_m \operatorname{mean}_{n \ne m} a_n \right)

so that a sure modality which the decision hardly heeds is sped up most. A modality decides through
the fusion, with zeros for the others. Before the first such epoch γ and all factors are 1. Beyond
two modalities the means and shares are ours. The released script computes the softmax and never
uses it: its factors stay at 1.5 then, which ``weights: even`` has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step, sum_in_order
from armtune.balancing._parts import (
    Scores,
    UpdateScores,
    judged_alone,
    others_mean,
    per_member,
    summed,
)
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor


class Arl(Balancing):
    """Asymmetric representation learning (Wei et al., ICCV 2025): CE + γ·Σ CE_m, g_m × (1 + w)."""

    serves = Discrete

    name: Literal["arl"] = "arl"
    gamma: float = Field(4.0, ge=0)
    """Weight γ of the unimodal losses; 4 as released for CREMA-D, 3 for Kinetics-Sounds."""
    temperature: float = Field(8.0, ge=0)
    """Sharpness T of the factors; 8 as released for CREMA-D, 4 for Kinetics-Sounds; 0: even."""
    from_epoch: int = Field(6, ge=0)
    """First epoch with such factors and γ, counted from 0."""
    weights: Literal["softmax", "even"] = "softmax"
    """The factors' second term: the paper's, or what the released script leaves it at."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return AsymmetricLearner(options, context)


class AsymmetricLearner(Balancer):
    """The asymmetric representation learning's hooks."""

    def __init__(self, options: Sequence[Arl], context: Context) -> None:
        super().__init__(context)
        self.gamma, self.start = context.knob(options, "gamma"), context.knob(options, "from_epoch")
        self.temperature = context.knob(options, "temperature")
        if options[0].weights == "even":
            self.temperature = torch.zeros_like(self.temperature)
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        started = epoch >= self.start
        self.weight = torch.where(started, self.gamma, 1.0)
        self.started = started.unsqueeze(1)
        self.doubts, self.loudness = UpdateScores(), UpdateScores()

    def losses(self, step: Step) -> Sequence[Tensor]:
        alone = judged_alone(self.context.network, step.forward.features, frozen=False)
        with torch.no_grad():
            outputs = torch.stack(list(alone.values()), dim=1)
            self.doubts.add(self._scores(entropies(self.target.log_probabilities(outputs)), step))
            self.loudness.add(self._scores(outputs.abs().sum(-1), step))
        own = [
            mean_present(self.target.losses(logits, step.labels), step.present.get(m))
            for m, logits in alone.items()
        ]
        fused = self.fused_loss(step) + self.heads_loss(step)
        return [fused + self.weight * sum_in_order(own)]

    def _scores(self, values: Tensor, step: Step) -> Scores:
        return summed(values, step, self.context.modalities)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        doubts, loudness = (s.taken().means() for s in (self.doubts, self.loudness))
        weights = asymmetry(doubts, loudness, self.temperature.unsqueeze(1))
        factors = 1 + torch.where(self.started, weights, 0.0)
        network = self.context.network
        for modality, factor in zip(network.modalities, factors.unbind(1), strict=True):
            for name in network.encoder_parameters(modality):
                gradients[0][name].mul_(per_member(factor, gradients[0][name]))


def entropies(logs: Tensor) -> Tensor:
    """Entropy of each decision in nats, mean over variables.

    Args:
        logs: log-probabilities, ``(…, variable, outcome)``.
    """
    return -(logs.exp() * logs).sum(-1).mean(-1)


def asymmetry(doubts: Tensor, loudness: Tensor, sharpness: Tensor) -> Tensor:
    """What is added to each encoder's factor of 1, ``(member, modality)``; it sums to 1.

    Args:
        doubts: mean entropy of each modality's decision, ``(member, modality)``.
        loudness: mean sum of its absolute logits.
        sharpness: T, ``(member, 1)``.
    """
    least = torch.finfo(doubts.dtype).tiny
    doubt = share(doubts.clamp_min(least)).clamp_min(0.6 / doubts.shape[1])
    heard = share(loudness.clamp_min(least))
    return (sharpness * share(1 / doubt) * others_mean(heard)).softmax(1)


def share(values: Tensor) -> Tensor:
    """Each modality's share of their sum, ``(member, modality)`` like the values."""
    return values / values.sum(1, keepdim=True)
