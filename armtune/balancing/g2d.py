r"""Gradient-guided distillation: unimodal teachers, and the weaker modality first.

Before the first epoch every modality's encoder and head are trained alone to the end, by the same
recipe and loop, and frozen at their best epoch. With :math:`t_m` their features and :math:`q_m`
their probabilities, and p those of the fused decision, the loss is

.. math:: CE + \sum_m \left[ \beta\, KL(q_m \,\|\, p) + \lambda \operatorname{mean}(f_m - t_m)^2
    \right]

In the first half of the training, the encoder whose teacher gives the batch's true classes the
larger probability stands still: of its image convolutions the weights, and of an encoder without
any everything (ours), as in ``ogm``. Of more than two modalities all but the one with the weakest
teacher stand still (the paper's order one after the other isn't in the released code, nor here).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step, sum_in_order
from armtune.balancing._parts import UpdateScores, per_member, summed
from armtune.balancing.ogm import modulated
from armtune.balancing.unimodal_distillation import Pupil
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.training.network import MultimodalNet


class G2d(Balancing):
    """Gradient-guided distillation, G²D (Rakib and Bagavathi, ICCV 2025): CE + Σ (β·KL + λ·MSE)."""

    serves = Discrete

    name: Literal["g2d"] = "g2d"
    weight: float = Field(1.0, gt=0)
    """Weight λ of the distance to the teachers' features."""
    logits_weight: float = Field(1.0, ge=0)
    """Weight β of the divergence from the teachers' decisions."""
    first: float = Field(0.5, ge=0, le=1)
    """Share of the training after which the others learn too; as released half, 150 of 300
    epochs."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return GuidedPupil(options, context)


class GuidedPupil(Pupil):
    """Learns from teachers, and lets the modality with the weakest one learn first."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(options, context)
        self.logits_weight = context.knob(options, "logits_weight")
        self.last = context.knob(options, "first") * context.epochs
        self.modulated = [modulated(context.network, m, False) for m in context.modalities]
        self.judges = copy.deepcopy(context.network.heads)
        self.decisions: Tensor | None = None
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        super().start_epoch(epoch)
        self.open, self.seen = (epoch <= self.last).unsqueeze(1), UpdateScores()
        if self.decisions is None:
            with torch.no_grad():
                pairs = zip(self.judges, self.targets.values(), strict=True)
                self.decisions = torch.stack([judge(f) for judge, f in pairs], dim=1)

    def _keep(self, k: int, solo: MultimodalNet) -> None:
        super()._keep(k, solo)
        self._copy(self.judges[k], solo.heads[0])

    def losses(self, step: Step) -> Sequence[Tensor]:
        [total] = super().losses(step)
        taught = self._taught(step.index)
        self.seen.add(
            summed(self.target.likelihoods(taught, step.labels), step, self.context.modalities)
        )
        apart = divergence(
            self.target.log_probabilities(taught),
            self.target.log_probabilities(step.forward.logits),
        )
        there = [step.present.get(m) for m in self.context.modalities]
        pairs = zip(apart.unbind(1), there, strict=True)
        distances = [mean_present(values, mask) for values, mask in pairs]
        return [total + self.logits_weight * sum_in_order(distances)]

    def _taught(self, index: Tensor) -> Tensor:
        """The teachers' decisions on some samples, ``(member, modality, sample, output)``."""
        assert self.decisions is not None, "an epoch has begun"
        where = index[:, None, :, None].expand(-1, len(self.judges), -1, self.decisions.shape[3])
        return self.decisions.gather(2, where)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        scores = self.seen.taken().means()
        moves = (scores == scores.amin(1, keepdim=True)) | ~self.open
        for names, factor in zip(self.modulated, moves.unbind(1), strict=True):
            for name in names:
                gradients[0][name].mul_(per_member(factor, gradients[0][name]))

    def state(self) -> dict[str, Tensor]:
        """The teachers' weights, their heads' among them, and whether they are trained."""
        heads = {f"judge.{n}": p.detach() for n, p in self.judges.named_parameters()}
        return {**super().state(), **heads}


def divergence(teachers: Tensor, pupil: Tensor) -> Tensor:
    r"""KL(q_m ‖ p) in nats of each sample, mean over variables, ``(member, modality, sample)``.

    Args:
        teachers: log-probabilities, ``(member, modality, sample, variable, outcome)``.
        pupil: the same of the fused decision, ``(member, sample, variable, outcome)``.
    """
    return (teachers.exp() * (teachers - pupil.unsqueeze(1))).sum(-1).mean(-1)
