r"""Diagnosing and re-learning: takes back what an encoder learnt by heart.

Every few epochs, with :math:`P_m` and :math:`P^*_m` the purity of the clusters of modality m's
features on training and on held-out samples and :math:`\theta^0_m` its encoder's initial
parameters,

.. math:: \theta_m \leftarrow \alpha_m \theta^0_m + (1 - \alpha_m) \theta_m, \qquad
    \alpha_m = \tanh(\lambda |P_m - P^*_m|)

Clusters come from k-means with as many clusters as there are classes, the best of ten starts, on
features scaled to [−1, 1] each; epochs are counted from 0 and the first is none of the diagnosed,
as released: after the epochs 20, 40 and 60 there. Ours: as many training as held-out samples are
clustered, since purity falls with their number; parameters change before the next epoch, so that no
epoch is judged by a network just shaken. Heads, fusion and the optimizer's moments stay. Any number
of modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._clustering import STARTS, purity
from armtune.balancing._hooks import Balancer, Context
from armtune.balancing._parts import per_member
from armtune.nn.forward import Features
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from torch import Tensor


class Relearning(Balancing):
    """Diagnosing and re-learning (Wei et al., ECCV 2024): θ ← α·θ⁰ + (1−α)·θ, α = tanh(λ·gap)."""

    serves = Classes

    name: Literal["relearning"] = "relearning"
    strength: float = Field(3.0, ge=0)
    """Factor λ of the purity gap; 0 for no re-learning."""
    every: int = Field(5, ge=1)
    """Epochs between two diagnoses; 20 in the released trainings of 50 and 90 epochs."""
    times: int = Field(3, ge=0)
    """How often it is done at most."""
    holdout: float = Field(0.1, gt=0, lt=0.5)
    """Share of the training samples held out for the diagnosis."""

    @property
    def held_out(self) -> float:
        return self.holdout if self.strength else 0.0

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Relearner(options, context)


class Relearner(Balancer):
    """Diagnoses after an epoch, and pulls encoders back before the next."""

    def __init__(self, options: Sequence[Relearning], context: Context) -> None:
        super().__init__(context)
        self.strength = context.knob(options, "strength").unsqueeze(1)
        self.every = context.knob(options, "every")
        self.times = context.knob(options, "times")
        self.initial = [p.detach().clone() for p in context.network.encoders.parameters()]
        self.pull = context.like.new_zeros(len(options), len(context.modalities))

    def start_epoch(self, epoch: Tensor) -> None:
        """Moves encoders towards their initial parameters, as the last diagnosis wants."""
        initial = iter(self.initial)
        with torch.no_grad():
            for encoder, pull in zip(
                self.context.network.encoders, self.pull.unbind(1), strict=True
            ):
                for parameter in encoder.parameters():
                    parameter.lerp_(next(initial), per_member(pull, parameter))
        self.pull.zero_()

    def end_epoch(self, epoch: Tensor, features: Features, labels: Tensor) -> dict[str, Tensor]:
        """Where a diagnosis is due, says how far to pull which encoder back."""
        due = (epoch % self.every == 0) & (epoch > 0) & (epoch <= self.every * self.times)
        if features and due.any():
            pull = torch.tanh(self.strength * self._gaps(epoch, features, labels))
            self.pull.copy_(torch.where(due.unsqueeze(1), pull, 0.0))
        return {}

    def _gaps(self, epoch: Tensor, held: Features, labels: Tensor) -> Tensor:
        """Purity gap of each modality, ``(member, modality)``."""
        context = self.context
        size = min(labels.shape[1], context.samples)
        some = context.take(torch.arange(size, device=labels.device).expand(len(labels), -1))
        draws = context.uniform("clusters", epoch, STARTS, context.classes)
        gaps = []
        for m, train in context.network.encode(some.views, some.present).items():
            there, held_there = some.present.get(m), context.held_present.get(m)
            ours = purity(spread(train), some.labels, context.classes, draws, there)
            theirs = purity(spread(held[m]), labels, context.classes, draws, held_there)
            gaps.append((ours - theirs).abs())
        return torch.stack(gaps, dim=1)

    def state(self) -> dict[str, Tensor]:
        """How far the next epoch pulls each encoder back."""
        return {"pull": self.pull}


def spread(features: Tensor) -> Tensor:
    """Features scaled to [−1, 1] over the samples; constant ones become −1."""
    low, high = features.aminmax(dim=1, keepdim=True)
    return 2 * (features - low) / (high - low).clamp_min(torch.finfo(features.dtype).tiny) - 1
