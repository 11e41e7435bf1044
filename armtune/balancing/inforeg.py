r"""Information acquisition regulation: holds the modality that is ahead near where an epoch began.

With :math:`s_m` a head's summed probability of the true class over the batch and
:math:`\bar s_m` the mean of the others', encoder m's parameters get the gradient

.. math:: g + \beta e^{\tanh(s_m - \bar s_m)} (\theta - \theta_{0})
    \text{ if } s_m > \bar s_m \text{ and } k_m > 0.05

with :math:`\theta_0` what they were when the epoch began. That is while the modality learns much:
:math:`k_m = (t - t') / t` with t the mean over the last ten epochs of the trace of its Fisher
information (of each weight the mean over its elements of the squared gradients, summed over the
epoch's steps), t' the same an epoch before, epochs before the first counting as 0, and 1 in the
first. The loss is :math:`CE + \sum_m CE_m`. Released for two modalities with the numbers
0.95 for audio and 0.1 for vision in the code and with audio's trace for both; one number for all, a
trace for each and more than two modalities are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.balancing._parts import (
    UpdateScores,
    gate_heads,
    likelihood_scores,
    others_mean,
    per_member,
)
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS = 10
"""Epochs over which the trace is averaged."""


class InfoReg(Balancing):
    """Information acquisition regulation (Huang et al., CVPR 2025): g + β·e^tanh(lead)·(θ − θ₀)."""

    name: Literal["inforeg"] = "inforeg"
    strength: float = Field(0.95, ge=0)
    """Strength β of the pull; 0 leaves the unimodal losses."""
    threshold: float = Field(0.05, ge=0)
    """Growth of the trace above which a modality still learns much."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Regulator(options, context)


class Regulator(Balancer):
    """The information acquisition regulation's hooks."""

    heads_reach_encoders = True

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.strength = context.knob(options, "strength").unsqueeze(1)
        self.threshold = context.knob(options, "threshold").unsqueeze(1)
        network = context.network
        self.parameters = dict(network.named_parameters())
        self.names = [network.encoder_parameters(m) for m in network.modalities]
        # A layer's weight has two axes at least beside the members', a norm's has one.
        self.weights = [
            [n for n in names if n.endswith("weight") and self.parameters[n].dim() > 2]
            for names in self.names
        ]
        shape = (len(options), len(network.modalities), EPOCHS + 1)
        self.traces = context.like.new_zeros(shape)

    def start_epoch(self, epoch: Tensor) -> None:
        """Remembers where the encoders are, and whether their modalities still learn much."""
        self.anchors = {n: self.parameters[n].detach().clone() for ns in self.names for n in ns}
        self.trace = torch.zeros_like(self.traces[..., 0])
        self.seen = UpdateScores()
        first = (epoch == 0).unsqueeze(1)
        self.learns = first | (growth(self.traces) > self.threshold)

    def losses(self, step: Step) -> Sequence[Tensor]:
        gate_heads(step.forward, [torch.ones_like(self.strength[:, 0])] * len(self.names))
        self.seen.add(likelihood_scores(self.context.target, step))
        return super().losses(step)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        scores = self.seen.taken()
        pulls = self.strength * lead(scores.means() * scores.counts.amax(1, keepdim=True))
        pulls = torch.where(self.learns, pulls, 0.0)
        for k, (names, weights) in enumerate(zip(self.names, self.weights, strict=True)):
            for name in names:
                gradient, moved = gradients[0][name], self.parameters[name] - self.anchors[name]
                gradient.add_(per_member(pulls[:, k], moved) * moved)
            for name in weights:
                self.trace[:, k] += gradients[0][name].square().flatten(1).mean(1)

    def end_epoch(self, *_: Any) -> dict[str, Tensor]:
        """Puts the epoch's trace behind those of the epochs before."""
        self.traces.copy_(torch.cat([self.traces[..., 1:], self.trace.unsqueeze(-1)], dim=-1))
        return {}

    def running(self) -> dict[str, Tensor]:
        """Where the epoch began, and its trace so far."""
        return {"trace": self.trace, **{f"anchor.{n}": a for n, a in self.anchors.items()}}

    def state(self) -> dict[str, Tensor]:
        """The traces of the last epochs."""
        return {"traces": self.traces}


def lead(scores: Tensor) -> Tensor:
    """``e^tanh(s − s̄)`` of those ahead of the others' mean, 0 of the rest, ``(member, modality)``.

    Args:
        scores: the batch's summed probability of the true class, ``(member, modality)``.
    """
    ahead = scores - others_mean(scores)
    return torch.where(ahead > 0, torch.tanh(ahead).exp(), 0.0)


def growth(traces: Tensor) -> Tensor:
    """How much the mean trace grew with the last epoch, as a share of it, ``(member, modality)``.

    Args:
        traces: of the last epochs, one more than are averaged, ``(member, modality, epoch)``.
    """
    now, before = traces[..., 1:].mean(-1), traces[..., :-1].mean(-1)
    return (now - before) / now.clamp_min(torch.finfo(now.dtype).tiny)
