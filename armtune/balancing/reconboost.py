r"""Boosting of modalities: each learns in its turn what the others leave open.

The decision is :math:`\Phi = \rho \sum_m h(f_m)` with a head h that all share and a rate ρ that is
learnt. Modalities take turns. In a turn's first epochs one alone learns, by

.. math:: \frac{1}{C} \operatorname{mean}_i \bigl(w_1 - w_2\, q_i\bigr) CE_i(h(f_m))

with C the number of classes and :math:`q_i` what the others, as far as they had a turn, give the
true class, without gradient (1 while none had): what they know counts less. In a turn's last epochs
all learn the cross-entropy of :math:`\Phi` together. The released code's agreement term has no
gradient, as both of its sides are detached, and is left out. Ours: one optimizer throughout, whose
momentum outlasts a turn, where the released code begins a new one each time; and turns of one
epoch instead of four by default, since trainings are shorter. For modalities with equally many
features; any number of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step, sum_in_order
from armtune.balancing._parts import votes_of
from armtune.fusion import Fusion
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.layers import Init

HIDDEN = 256
"""Units of the shared head."""
RATE = "fusion.decide.rate"
"""The learnt rate among the network's parameters."""


class BoostedHead(Fusion):
    """Sum of the modalities' logits by one head, times a rate."""

    name: Literal["boosted_head"] = "boosted_head"

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn.shared_head import boosted_head

        return boosted_head(sizes, classes, HIDDEN, init)


class ReconBoost(Balancing):
    """Boosting of modalities, ReconBoost (Hua et al., ICML 2024): (w₁ − w₂·q)·CE_m in turns."""

    serves = Classes

    name: Literal["reconboost"] = "reconboost"
    fitting: float = Field(5.0, gt=0)
    """Weight w₁ of a modality's own loss; 5 as released for CREMA-D, 4 for other data."""
    reconcilement: float = Field(1.0, ge=0)
    """How much less what the others know counts, w₂."""
    turn: int = Field(1, ge=1)
    """Epochs in which one modality learns, and as many in which all do; 4 as released."""

    def fusion(self, given: Fusion) -> Fusion:
        return BoostedHead()

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Booster(options, context)


class Booster(Balancer):
    """The boosting's hooks."""

    def __init__(self, options: Sequence[ReconBoost], context: Context) -> None:
        super().__init__(context)
        self.fitting = context.knob(options, "fitting")
        self.reconcilement = context.knob(options, "reconcilement")
        self.turn = context.knob(options, "turn")
        self.rate = dict(context.network.named_parameters())[RATE]

    def start_epoch(self, epoch: Tensor) -> None:
        """Says whose turn it is, ``(member, modality)``, and who had one before."""
        players = len(self.context.modalities)
        number = torch.div(epoch, 2 * self.turn, rounding_mode="floor")
        self.together = (epoch % (2 * self.turn) >= self.turn).to(self.turn)
        places = torch.arange(players, device=epoch.device)
        self.learns = (places == (number % players).unsqueeze(1)).to(self.turn)
        self.learns = self.learns * (1 - self.together).unsqueeze(1)
        self.known = (places < number.unsqueeze(1)).to(self.turn)

    def losses(self, step: Step) -> Sequence[Tensor]:
        votes = votes_of(self.context.network, step.forward.features)
        own = torch.stack([self._boosting(step, votes, m) for m in votes], dim=1)
        fused = self.fused_loss(step)
        learning = self.together * fused + (self.learns * own).sum(1)
        # The number that is told is the decision's loss, whoever learns.
        return [learning + (fused - learning).detach() + self.heads_loss(step)]

    def _boosting(self, step: Step, votes: dict[str, Tensor], modality: str) -> Tensor:
        """A modality's own loss, ``(member,)``."""
        others = [
            vote.detach() * self.known[:, k, None, None]
            for k, (m, vote) in enumerate(votes.items())
            if m != modality
        ]
        mine = list(votes).index(modality)
        had = (self.known.sum(1) - self.known[:, mine] > 0).unsqueeze(1)
        known = cross_entropy(self.rate.detach() * sum_in_order(others), step.labels).neg().exp()
        open_yet = self.fitting.unsqueeze(1) - self.reconcilement.unsqueeze(1) * torch.where(
            had, known, 1.0
        )
        losses = open_yet * self.context.target.losses(votes[modality], step.labels)
        losses = losses / self.context.classes
        return mean_present(losses, step.present.get(modality))
