r"""A successor of ARM (ours): the weak are reinforced where the decision is made, and agree.

The decision is the mean of a linear decision of each modality, and that of a subset the mean of its
own, so that each subset has a cross-entropy :math:`CE_S` without stand-ins for what is absent. With
Shapley values :math:`\phi_m` of :math:`v(S) = H(Y) - CE_S` on the batch, in nats, the loss is

.. math:: 2\, ((1 - a)\, CE + a\, D) + \lambda (\bar\phi_{max} - \phi_{min})

with the divergence D and the course of a as of ``lfm``, and the gap as of ``arm``:
:math:`\bar\phi_{max}` is a constant for the gradient, and only sets that hold the weakest modality
carry gradient for :math:`\phi_{min}`. Samples lose a modality at random, as in ``arm`` (dropout).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import ModalityDropout, stacked_present, votes_of
from armtune.balancing._valuation import GapLoss
from armtune.balancing.lfm import kl, released_share
from armtune.fusion import Fusion
from armtune.fusion.late import Late
from armtune.information import shapley_matrix
from armtune.nn.forward import Features, mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor


class ArmAgreement(Balancing):
    """ARM's gap loss and dropout on `lfm`'s mean of linear decisions and their agreement (ours)."""

    serves = Discrete

    name: Literal["arm_agreement"] = "arm_agreement"
    share: float = Field(1.0, ge=0, le=1)
    """Share a of the divergence, as a part of `lfm`'s course from 0.80 to 0.08."""
    gap_weight: float = Field(1.0, ge=0)
    """Weight λ of the gap loss, which pulls the weakest modality up and leaves the strongest."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Probability that a training sample loses one modality, drawn at random."""

    def fusion(self, given: Fusion) -> Fusion:
        return Late(dim=0)

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Agreement(options, context)


class Agreement(Balancer):
    """Draws decisions to their mean, and the weakest one up."""

    def __init__(self, options: Sequence[ArmAgreement], context: Context) -> None:
        super().__init__(context)
        self.given = context.knob(options, "share")
        self.gap_weight = context.knob(options, "gap_weight")
        self.gap = bool(self.gap_weight.any())
        self.dropout = ModalityDropout(context, context.knob(options, "dropout"))
        players = len(context.modalities)
        matrix = shapley_matrix(players)[1:].to(context.like)
        self.gap_loss = GapLoss(context.uncertainty, matrix)
        sets = [[s >> k & 1 for k in range(players)] for s in range(1, 2**players)]
        self.sets = context.like.new_tensor(sets)
        self.parts = self.sets / self.sets.sum(1, keepdim=True)
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        """Sets the epoch's share."""
        self.dropout.start_epoch(epoch)
        self.share = self.given * released_share(epoch.to(self.given) / self.context.epochs)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        return self.dropout.alter(features, index, step)

    def losses(self, step: Step) -> Sequence[Tensor]:
        features = step.forward.features
        votes = torch.stack(list(votes_of(self.context.network, features).values()), dim=1)
        there = stacked_present(step.present, features) if step.present else None
        logs = self.target.log_probabilities(votes.transpose(0, 1))
        apart = mean_present(kl(logs), None if there is None else there.all(1))
        total = 2 * ((1 - self.share) * self.fused_loss(step) + self.share * apart)
        if self.gap:
            losses = self._subset_losses(votes, there, step)
            shares = self.gap_loss.shares(losses.detach(), self.gap_weight)
            total = total + (shares * losses).sum(1)
        return [total + self.heads_loss(step)]

    def _subset_losses(self, votes: Tensor, there: Tensor | None, step: Step) -> Tensor:
        """Each subset's mean loss over the samples that have all of it, ``(member, subset)``.

        Args:
            votes: ``(member, modality, sample, output)``.
            there: which samples have each modality, ``(member, modality, sample)``; None for all.
            step: the step that they are of.
        """
        decisions = torch.einsum("sk,mkno->msno", self.parts, votes)
        losses = self.target.losses(decisions, step.labels)
        whole = None
        if there is not None:
            missing = torch.einsum("sk,mkn->msn", self.sets, (~there).to(losses))
            whole = (missing == 0).flatten(0, 1)
        return mean_present(losses.flatten(0, 1), whole).unflatten(0, losses.shape[:2])
