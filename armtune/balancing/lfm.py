r"""Learning the modality gap: fits the labels less, and the modalities to each other more.

With :math:`p_m` the softmax of modality m's own logits and :math:`H` the entropy, the loss is

.. math:: (1 - a)\, CE + a\, JS, \qquad
    JS = H(\operatorname{mean}_m p_m) - \operatorname{mean}_m H(p_m)

which is the Jensen–Shannon divergence for two modalities and its usual generalisation beyond.
The paper also tunes a while training, by a second optimisation on top; here it is a knob to search,
fixed or rising linearly to its full size (ours), as the paper's heuristic lets the labels' share
fall. The divergence moves the encoders only: the heads learn the same way under all methods.
Samples that lack a modality have no divergence.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import stacked_present
from armtune.nn.forward import mean_present
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor


class Lfm(Balancing):
    """Learning the modality gap (Yang et al., NeurIPS 2024): (1 − a)·CE + a·JS(p_1, …, p_K)."""

    serves = Discrete

    name: Literal["lfm"] = "lfm"
    matching: float = Field(0.3, ge=0, lt=1)
    """Share a of the divergence between the modalities in the loss; 0 for none."""
    schedule: Literal["fixed", "rising"] = "fixed"
    """Whether the share is the same in all epochs, or rises from epoch to epoch."""

    def problem(self, modalities: Sequence[str]) -> str:
        return "" if len(modalities) > 1 else "lfm balances two modalities or more"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Matcher(options, context)


class Matcher(Balancer):
    """Shares the loss out between the labels and the other modalities."""

    def __init__(self, options: Sequence[Lfm], context: Context) -> None:
        super().__init__(context)
        self.matching = context.knob(options, "matching")
        self.rises = context.like.new_tensor([o.schedule == "rising" for o in options])
        self.active = bool(self.matching.any())
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        """Sets the epoch's share."""
        progress = (epoch + 1).to(self.matching) / self.context.epochs
        self.share = self.matching * (1 - self.rises * (1 - progress))

    def losses(self, step: Step) -> Sequence[Tensor]:
        if not self.active:
            return super().losses(step)
        fitting = (1 - self.share) * self.fused_loss(step) + self.heads_loss(step)
        whole = None
        if step.present:
            whole = stacked_present(step.present, step.forward.features).all(1)
        apart = mean_present(divergence(self.target.log_probabilities(self._logits(step))), whole)
        return [fitting + self.share * apart]

    def _logits(self, step: Step) -> Tensor:
        """The heads' logits with gradient for the features, and none for the heads themselves."""
        network, logits = self.context.network, []
        for head, feature in zip(network.heads, step.forward.features.values(), strict=True):
            frozen = {name: p.detach() for name, p in head.named_parameters()}
            logits.append(torch.func.functional_call(head, frozen, (feature,)))
        return torch.stack(logits)


def divergence(logs: Tensor) -> Tensor:
    """Jensen–Shannon divergence of each sample in nats, mean over variables, ``(member, sample)``.

    Args:
        logs: log-probabilities ``(modality, member, sample, variable, outcome)``.
    """
    mean = logs.logsumexp(0) - log(len(logs))
    return (logs.exp() * (logs - mean)).sum(-1).mean(0).mean(-1)
