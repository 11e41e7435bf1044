r"""Alternating unimodal adaptation: encoders learn apart and share a head that forgets nothing.

All modalities share one linear head with weights W; each encoder learns from its own loss alone,

.. math:: \sum_m CE(W f_m),

and the decision is the mean of their logits. So that one modality's gradient of W doesn't undo what
another one's has taught, it is multiplied by a matrix P, which is 1 at first and, with r the
batch's mean feature of the modality, becomes before each but the first of them

.. math:: P \leftarrow \frac{P'}{\|P'\|_F}, \qquad
    P' = P - \frac{P r\, (P r)^\top}{\alpha + r^\top P r}, \qquad \alpha = 0.1^{1 + b / B}

at update b of the B of an epoch. The released code never comes to it, as it looks for a parameter
by a name that none has: ``projection: none`` is what it does. And if it did, it would divide each
element of the one matrix by that of another, which ``projection: elementwise`` has. Ours: the
modalities' steps of the head are made in one update, not one after the other. For modalities with
equally many features; any number of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step, sum_in_order
from armtune.balancing._parts import votes_of
from armtune.fusion import Fusion
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.layers import Init

WEIGHT = "fusion.apart.head.weight"
"""The shared head's weights among the network's parameters."""


class SharedHead(Fusion):
    """Mean of the modalities' logits by one linear layer."""

    name: Literal["shared_head"] = "shared_head"

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn.shared_head import linear_head

        return linear_head(sizes, classes, init)


class Mla(Balancing):
    """Alternating unimodal adaptation, MLA (Zhang et al., CVPR 2024): Σ CE(W f_m), a shared W."""

    name: Literal["mla"] = "mla"
    projection: Literal["orthogonal", "elementwise", "none"] = "orthogonal"
    """What the head's gradient is multiplied by: the paper's matrix, that of the released lines,
    or nothing, which is what the released code comes to."""

    def fusion(self, given: Fusion) -> Fusion:
        return SharedHead()

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Alternator(options, context)


class Alternator(Balancer):
    """The alternating adaptation's hooks."""

    def __init__(self, options: Sequence[Mla], context: Context) -> None:
        super().__init__(context)
        self.kind = options[0].projection
        size = next(iter(context.network.sizes.values()))
        identity = torch.eye(size, dtype=context.like.dtype, device=context.like.device)
        self.matrix = identity.repeat(len(options), 1, 1)
        self.begun = context.like.new_zeros(len(options))

    def start_epoch(self, epoch: Tensor) -> None:
        self.means: list[Tensor] = []

    def losses(self, step: Step) -> Sequence[Tensor]:
        target = self.context.target
        votes = votes_of(self.context.network, step.forward.features)
        own = [
            mean_present(target.losses(vote, step.labels), step.present.get(m))
            for m, vote in votes.items()
        ]
        self.means.append(self._means(step))
        self.number = step.number // self.context.accumulate
        whole = self.fused_loss(step).detach() - sum_in_order(own).detach()
        return [self.heads_loss(step) + whole + own[0], *own[1:]]

    def _means(self, step: Step) -> Tensor:
        """The batch's mean feature of each modality, ``(modality, member, feature)``."""
        found = []
        for m, feature in step.forward.features.items():
            there = step.present.get(m)
            kept = feature.detach() if there is None else feature.detach() * there.unsqueeze(2)
            count = feature.shape[1] if there is None else there.sum(1, keepdim=True).clamp_min(1)
            found.append(kept.sum(1) / count)
        return torch.stack(found)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        means, self.means = torch.stack(self.means).mean(0), []
        total = gradients[0]
        for gradient, mean in zip(gradients, means, strict=True):
            if self.kind != "none":
                self._forget(mean)
                gradient[WEIGHT].copy_(self.matrix @ gradient[WEIGHT])
            if gradient is not total:
                for name, part in gradient.items():
                    total[name].add_(part)

    def _forget(self, mean: Tensor) -> None:
        """Takes a modality's direction out of the matrix; the first time leaves it as it is."""
        updates = self.context.steps // self.context.accumulate
        alpha = 0.1 ** (1 + self.number / updates)
        fresh = projected(self.matrix, mean, alpha, self.kind == "elementwise")
        begun = self.begun[:, None, None] > 0
        self.matrix.copy_(torch.where(begun, fresh, self.matrix))
        self.begun.fill_(1)

    def state(self) -> dict[str, Tensor]:
        """The matrix, and whether a modality has learnt yet."""
        return {"matrix": self.matrix, "begun": self.begun}


def projected(matrix: Tensor, mean: Tensor, alpha: float, elementwise: bool) -> Tensor:
    """The next matrix P, ``(member, feature, feature)``.

    Args:
        matrix: P so far.
        mean: mean feature r, ``(member, feature)``.
        alpha: what is added to the divisor.
        elementwise: whether the divisor is the matrix ``P r rᵀ`` and not the number ``rᵀ P r``.
    """
    row = mean.unsqueeze(1)
    column = matrix @ row.mT
    divisor = column @ row if elementwise else row @ column
    fresh = matrix - column @ column.mT / (alpha + divisor)
    return fresh / fresh.flatten(1).norm(dim=1)[:, None, None]
