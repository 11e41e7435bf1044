r"""Unimodal teachers: each encoder stays near the features of one that was trained alone.

Before the first epoch every modality's encoder and head are trained alone to the end, by the same
recipe and loop, and frozen at their best epoch. With :math:`t_m` their features the loss is

.. math:: CE + \lambda \sum_m \operatorname{mean} (f_m - t_m)^2

over samples and features. What the teachers cost is part of what the method costs. Any number of
modalities, as in the paper.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import per_member
from armtune.nn.forward import Features, mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.training.network import MultimodalNet

CHUNK = 2048
"""Samples that the teachers encode at a time."""


class UnimodalDistillation(Balancing):
    """Unimodal teachers, UMT (Du et al., ICML 2023): CE + λ Σ MSE(f_m, f_m of a frozen teacher)."""

    name: Literal["unimodal_distillation"] = "unimodal_distillation"
    weight: float = Field(10.0, ge=0)
    """Weight λ of the distance to the teachers' features; 0 for no teachers."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Pupil(options, context)


class Pupil(Balancer):
    """Trains the teachers once, keeps their weights, and adds the distance to their features."""

    def __init__(self, options: Sequence[UnimodalDistillation], context: Context) -> None:
        super().__init__(context)
        self.weight = context.knob(options, "weight")
        self.active = bool(self.weight.any())
        self.trained = context.like.new_zeros(len(options))
        self.teachers = copy.deepcopy(context.network.encoders)
        self.targets: Features = {}

    def start_epoch(self, epoch: Tensor) -> None:
        """Trains the teachers, unless a checkpoint had them, and lets them encode everything."""
        if not self.active or self.targets:
            return
        with torch.no_grad():
            if not self.trained.all():
                self._teach()
            self.targets = self._encode()

    def _teach(self) -> None:
        """Trains the teachers of members that have none yet."""
        for k, modality in enumerate(self.context.modalities):
            with torch.enable_grad():
                solo = self.context.solo(modality)
            self._keep(k, solo)
        self.trained.fill_(1)

    def _keep(self, k: int, solo: MultimodalNet) -> None:
        """Takes what is kept of the network that was trained on a modality alone."""
        self._copy(self.teachers[k], solo.encoders[0])

    def _copy(self, teacher: nn.Module, taught: nn.Module) -> None:
        for kept, new in zip(teacher.parameters(), taught.parameters(), strict=True):
            known = per_member(self.trained, kept) > 0
            kept.copy_(torch.where(known, kept, new))

    def _encode(self) -> Features:
        """The teachers' features of all training samples, ``(member, sample, feature)``."""
        members, names = len(self.weight), self.context.modalities
        everyone = torch.arange(self.context.samples, device=self.weight.device)
        parts = []
        for piece in everyone.expand(members, -1).split(CHUNK, dim=1):
            views = self.context.take(piece).views
            parts.append([teach(views[m]) for m, teach in zip(names, self.teachers, strict=True)])
        columns = zip(*parts, strict=True)
        return {m: torch.cat(column, dim=1) for m, column in zip(names, columns, strict=True)}

    def losses(self, step: Step) -> Sequence[Tensor]:
        [total] = super().losses(step)
        if not self.active:
            return [total]
        for m, feature in step.forward.features.items():
            index = step.index.unsqueeze(2).expand_as(feature)
            distances = (feature - self.targets[m].gather(1, index)).square()
            there = step.present.get(m)
            if there is None:
                distance = distances.mean((1, 2))
            else:
                distance = mean_present(distances.mean(2), there)
            total = total + self.weight * distance
        return [total]

    def state(self) -> dict[str, Tensor]:
        """The teachers' weights, and whether they are trained; nothing without teachers."""
        if not self.active:
            return {}
        weights = {f"teacher.{n}": p.detach() for n, p in self.teachers.named_parameters()}
        return {"trained": self.trained, **weights}
