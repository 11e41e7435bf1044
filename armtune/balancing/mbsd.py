r"""Bidirectional self-distillation: modalities learn from whichever knows a sample better.

For each two modalities, with z the logits of their heads, C their number, :math:`p^+` and
:math:`p^-` the larger and the smaller of their probabilities of the true class, and
:math:`w = p^+ - p^-` where at least one of them is right and 0 where none is, the loss is

.. math:: CE + \sum_m CE_m + \lambda \operatorname{mean}_{pairs} \operatorname{mean}_i\, w_i \left(
    \frac1C \| z_i - z'_i \|^2 + p_i^- (\ln p_i^- - p_i^+) \right)

No code by the authors could be found; this is BalanceBenchmark's for two modalities. Its last term
is a divergence whose second logarithm was forgotten, and is kept: with it, :math:`p^-` would be
pushed away from :math:`p^+` where it is more than a third of it. Any number of modalities (ours:
the mean over pairs). Both terms move the encoders only: the heads learn alike under all methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step, sum_in_order
from armtune.balancing._parts import frozen_judgements, gate_heads
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from torch import Tensor


class Mbsd(Balancing):
    """Bidirectional self-distillation (Liu et al., WSDM 2023): CE + Σ CE_m + λ·w·(RS + KL)."""

    serves = Classes

    name: Literal["mbsd"] = "mbsd"
    weight: float = Field(1.0, ge=0)
    """Weight λ of what modalities learn from each other; 0 leaves the unimodal losses."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return SelfDistiller(options, context)


class SelfDistiller(Balancer):
    """The self-distillation's hooks."""

    heads_reach_encoders = True

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.weight = context.knob(options, "weight")

    def losses(self, step: Step) -> Sequence[Tensor]:
        names = self.context.modalities
        gate_heads(step.forward, [torch.ones_like(self.weight)] * len(names))
        logits = frozen_judgements(self.context.network, step.forward.features)
        pairs = list(combinations(range(len(names)), 2))
        apart = [self._apart(step, logits, pair) for pair in pairs]
        [total] = super().losses(step)
        return [total + self.weight * sum_in_order(apart) / len(pairs)]

    def _apart(self, step: Step, logits: Tensor, pair: tuple[int, int]) -> Tensor:
        """What two modalities have to learn from each other, over samples that have both."""
        one, other = (logits[:, k] for k in pair)
        there = [step.present[self.context.modalities[k]] for k in pair if self._lacks(step, k)]
        both = torch.stack(there).all(0) if there else None
        return mean_present(disagreement(one, other, step.labels), both)

    def _lacks(self, step: Step, k: int) -> bool:
        return self.context.modalities[k] in step.present


def disagreement(one: Tensor, other: Tensor, labels: Tensor) -> Tensor:
    """``w · (RS + KL)`` of each sample, ``(member, sample)``.

    Args:
        one: logits of a modality, ``(member, sample, class)``.
        other: those of another one.
        labels: ``(member, sample)``.
    """
    truth = labels.unsqueeze(2)
    first, second = (x.softmax(2).gather(2, truth).squeeze(2) for x in (one, other))
    better, worse = torch.maximum(first, second), torch.minimum(first, second)
    known = (one.argmax(2) == labels) | (other.argmax(2) == labels)
    weight = torch.where(known, better - worse, 0.0)
    return weight * ((one - other).square().mean(2) + torch.xlogy(worse, worse) - worse * better)
