r"""Learning the modality gap: fits the labels less, and the modalities to each other more.

The decision is the mean of a linear decision of each modality. With :math:`p_m` the softmax of
modality m's and :math:`\bar p` their mean over the modalities, the loss is

.. math:: 2\, ((1 - a)\, CE + a\, D), \qquad D = \operatorname{mean}_m KL(\bar p \,\|\, p_m)

as released, where a is 0.80 at first, 0.56 after a quarter of the training, 0.46 after half of it
and 0.08 at the end: a polynomial that the authors fitted to what their second optimisation had
found over 200 epochs, stretched to the training's length here (ours). :math:`KL(\bar p \| p_m)` has
no bound: a modality that is sure of what another one denies costs the more, the surer it is.
Samples that lack a modality have no divergence. Any number of modalities; the paper has two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import frozen_judgements, stacked_present, votes_of
from armtune.fusion import Fusion
from armtune.fusion.late import Late
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor

RELEASED = {
    0: 0.795376296,
    1: -3.35472727e-3,
    2: -1.22989557e-4,
    3: 2.92947416e-6,
    4: -2.23835486e-8,
    5: 5.39717505e-11,
}
"""The released share of the divergence: the coefficient of each power of the epoch."""
RELEASED_EPOCHS = 200
"""Epochs of the training that it was fitted to."""
SAID = (
    "Write `share` with `course: fixed`, `divergence: js` and `decision: fusion` for what it meant"
)


class Lfm(Balancing):
    """Learning the modality gap (Yang et al., NeurIPS 2024): 2·((1 − a)·CE + a·KL(p̄ ‖ p_m))."""

    serves = Discrete
    former: ClassVar[Mapping[str, str]] = {
        "matching": f"it was the share of another divergence. {SAID}",
        "schedule": f"the released share falls by itself. {SAID}",
    }

    name: Literal["lfm"] = "lfm"
    share: float = Field(1.0, ge=0, le=1)
    """Share a of the divergence, as a part of the released one's course; 0 for no divergence."""
    course: Literal["released", "fixed"] = "released"
    """How a goes: as released from 0.80 down to 0.08, with twice the loss, or (ours) it is `share`
    in all epochs, of a loss counted once, since a search can find what a course was fitted to."""
    divergence: Literal["kl", "js"] = "kl"
    """Divergence D: KL(p̄ ‖ p_m), or (ours) KL(p_m ‖ p̄), Jensen and Shannon's, which is bounded."""
    decision: Literal["heads", "fusion"] = "heads"
    """What decides: the mean of linear decisions, in the place of the recipe's fusion, or (ours)
    the recipe's fusion, whose encoders alone the divergence of the heads moves then."""

    def fusion(self, given: Fusion) -> Fusion:
        return Late(dim=0) if self.decision == "heads" else given

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Matcher(options, context)


class Matcher(Balancer):
    """Shares the loss out between the labels and the other modalities."""

    def __init__(self, options: Sequence[Lfm], context: Context) -> None:
        super().__init__(context)
        self.given = context.knob(options, "share")
        self.active = bool(self.given.any())
        self.falls = options[0].course == "released"
        self.measure = kl if options[0].divergence == "kl" else js
        self.by_heads = options[0].decision == "heads"
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        """Sets the epoch's share."""
        progress = epoch.to(self.given) / self.context.epochs
        self.share = self.given * released_share(progress) if self.falls else self.given
        self.scale = torch.where(self.given > 0, 2.0, 1.0) if self.falls else 1.0

    def losses(self, step: Step) -> Sequence[Tensor]:
        if not self.active:
            return super().losses(step)
        whole = None
        if step.present:
            whole = stacked_present(step.present, step.forward.features).all(1)
        logs = self.target.log_probabilities(self._votes(step))
        apart = mean_present(self.measure(logs), whole)
        shared = (1 - self.share) * self.fused_loss(step) + self.share * apart
        return [self.scale * shared + self.heads_loss(step)]

    def _votes(self, step: Step) -> Tensor:
        """Decisions of the modalities, ``(modality, member, sample, output)``.

        The linear ones that the fused one is the mean of, or the heads', which stay as they are.
        """
        network, features = self.context.network, step.forward.features
        if not self.by_heads:
            return frozen_judgements(network, features).transpose(0, 1)
        return torch.stack(list(votes_of(network, features).values()))


def released_share(progress: Tensor) -> Tensor:
    """The released share of the divergence after so much of a training, from 0 to 1."""
    epoch = progress * RELEASED_EPOCHS
    return torch.stack([c * epoch**power for power, c in RELEASED.items()]).sum(0)


def kl(logs: Tensor) -> Tensor:
    """Mean over modalities of KL(p̄ ‖ p_m) in nats and over variables, ``(member, sample)``.

    Args:
        logs: log-probabilities ``(modality, member, sample, variable, outcome)``.
    """
    mean = _mean(logs)
    return (mean.exp() * (mean - logs)).sum(-1).mean(0).mean(-1)


def js(logs: Tensor) -> Tensor:
    """Mean over modalities of KL(p_m ‖ p̄), Jensen and Shannon's; arguments as of ``kl``."""
    return (logs.exp() * (logs - _mean(logs))).sum(-1).mean(0).mean(-1)


def _mean(logs: Tensor) -> Tensor:
    return logs.logsumexp(0) - log(len(logs))
