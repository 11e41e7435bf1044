r"""Calibrating Multimodal Learning: fewer modalities must not make the decision surer.

Each sample loses its modalities one by one, in an order drawn anew in each step. With
:math:`T_0 \supset T_1 \supset \dots` what is left of it, all modalities at first and one at last,
and :math:`\kappa(T)` the largest probability of the fused decision on that (of labels: the mean
over them of the likelier answer's), the loss is

.. math::
    \operatorname{mean}_k CE(T_k) + \lambda \sum_k \sum_i
    \max(0,\, \kappa_i(T_{k+1}) - \kappa_i(T_k))

The sum is over the batch, as released, so λ weighs the more the larger the batch. As released, a
sample counts nothing where fewer modalities are right and more are wrong, and where both are wrong
only the surer of the two is held back. Absent modalities are at the batch's mean feature, without
gradient (ours: the released code puts the data's mean into the input).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import stacked_present
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor


class Cml(Balancing):
    """Calibrating Multimodal Learning (Ma et al., ICML 2023): CE + λ·Σ max(0, κ(part) − κ(all))."""

    serves = Discrete
    former: ClassVar[Mapping[str, str]] = {
        "weight": "it was of a mean over the batch. Write `calibration`, of a sum as released: the "
        "old number divided by training.batch_size, and `subsets: all`"
    }

    name: Literal["cml"] = "cml"
    calibration: float = Field(0.1, ge=0)
    """Weight λ of the calibration loss, a sum over the batch; 0 for no such method."""
    subsets: Literal["nested", "all"] = "nested"
    """Which parts are compared: those left when each sample loses its modalities in a drawn order,
    or (ours) each against the whole, without losses of their own, so that nothing is drawn."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Calibrator(options, context)


class Calibrator(Balancer):
    """Adds the calibration loss."""

    def __init__(self, options: Sequence[Cml], context: Context) -> None:
        super().__init__(context)
        self.weight = context.knob(options, "calibration")
        self.active = bool(self.weight.any())
        self.nested = options[0].subsets == "nested"
        self.subsets = range(1, 2 ** len(context.modalities) - 1)
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        """Draws in which order the epoch's samples lose their modalities."""
        if self.active and self.nested:
            shape = (self.context.steps, self.context.batch_size, len(self.context.modalities))
            self.draws = self.context.uniform("cml", epoch, *shape)

    def losses(self, step: Step) -> Sequence[Tensor]:
        if not self.active:
            return super().losses(step)
        heads = self.heads_loss(step)
        if not self.nested:
            told, whole = (self._sureness(x) for x in (self._parts(step), step.forward.logits))
            excess = overconfidence(told, whole)
            return [self.fused_loss(step) + heads + self.weight * excess]
        outputs = torch.stack([step.forward.logits, *self._fewer(step)], dim=1)
        fitting = self.target.losses(outputs, step.labels).mean((1, 2))
        fused = torch.where(self.weight > 0, fitting, self.fused_loss(step))
        right = self.target.right(self.target.decide(outputs), step.labels)
        excess = nested_overconfidence(self._sureness(outputs), right)
        return [fused + heads + self.weight * excess]

    def _sureness(self, outputs: Tensor) -> Tensor:
        """Confidence κ of decisions ``(member, …, sample, output)``, ``(member, …, sample)``."""
        return self.target.probabilities(outputs).amax(-1).mean(-1)

    def _absent(self, step: Step) -> dict[str, Tensor]:
        return {m: f.detach().mean(1, keepdim=True) for m, f in step.forward.features.items()}

    def _parts(self, step: Step) -> Tensor:
        """The decisions on every part, ``(member, subset, sample, output)``."""
        features = step.forward.features
        return self.context.network.fuse_subsets(features, self._absent(step), self.subsets)

    def _fewer(self, step: Step) -> list[Tensor]:
        """The decisions on what is left when each sample has lost one modality, two, …"""
        draws, features = self.draws[:, step.number], step.forward.features
        if step.present:
            # What a sample lacks goes first.
            draws = draws + stacked_present(step.present, features).transpose(1, 2)
        place, absent = draws.argsort(2).argsort(2), self._absent(step)
        return [
            self.context.network.fuse(
                {
                    m: torch.where(place[:, :, k, None] >= lost, f, absent[m])
                    for k, (m, f) in enumerate(features.items())
                }
            )
            for lost in range(1, len(features))
        ]


def overconfidence(parts: Tensor, whole: Tensor) -> Tensor:
    """Excess of the parts' confidence over the whole's: the mean part's sum, ``(member,)``.

    Args:
        parts: confidence of each part, ``(member, subset, sample)``.
        whole: that of all modalities, ``(member, sample)``.
    """
    return (parts - whole.unsqueeze(1)).relu().mean(1).sum(1)


def nested_overconfidence(sureness: Tensor, right: Tensor) -> Tensor:
    """Sum of what each part is surer by than the one that it is a part of, ``(member,)``.

    Args:
        sureness: confidence, the whole's first, ``(member, part, sample)``.
        right: how right these decisions are, from 0 to 1, of the same shape.
    """
    more, fewer = sureness[:, :-1], sureness[:, 1:]
    knows, learns = right[:, :-1].to(sureness), right[:, 1:].to(sureness)
    # What is wrong must not get surer for the sake of its parts.
    more = torch.where(knows < 1, more.detach(), more)
    counts = learns <= knows
    return ((fewer - more).relu() * counts).sum((1, 2))
