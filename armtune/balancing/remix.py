r"""Data remixing: each sample trains the modality that is least sure of it, and batches are alike.

After a warm-up with the loss :math:`CE + \alpha \sum_m CE_m`, every epoch begins with a pass over
the training samples. A sample goes to the modality :math:`m_i` whose head is nearest to not knowing
at all, by :math:`KL(p_m \| u)` from the uniform distribution u. It keeps only the features of that
modality, zeros stand in for the others, and it adds

.. math:: CE_i + \gamma\, CE_{m_i}

to the mean. Samples of one modality are visited together, those of the last one first, so that a
batch doesn't pull in two directions. As released; ours: batches of an epoch are all of one size, so
one between two modalities has samples of both, and more than two modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import frozen_judgements, stacked_present
from armtune.balancing.arl import entropies
from armtune.nn.forward import Batch, Features
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 2048
"""Samples that are judged at a time."""


class Remix(Balancing):
    """Data remixing (Ma et al., ICML 2025): CE + γ·CE_m, m the least sure of each sample."""

    serves = Discrete

    name: Literal["remix"] = "remix"
    weight: float = Field(1.0, ge=0)
    """Weight γ of the unimodal loss of a sample's own modality."""
    warmup: float = Field(1 / 6, ge=0, le=1)
    """Share of the training before samples are remixed; as released 10 of 60 epochs."""
    warmup_weight: float = Field(0.5, ge=0)
    """Weight α of the unimodal losses until then."""
    absent: Literal["zeros", "mean"] = "zeros"
    """What stands in for the features of the others: zeros, or (ours) the batch's mean, which
    serves fusions that make nothing of zeros (low_rank, film)."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Remixer(options, context)


class Remixer(Balancer):
    """The data remixing's hooks."""

    def __init__(self, options: Sequence[Remix], context: Context) -> None:
        super().__init__(context)
        self.weight = context.knob(options, "weight")
        self.warmup = context.knob(options, "warmup") * context.epochs
        self.warmup_weight = context.knob(options, "warmup_weight")
        self.by_mean = options[0].absent == "mean"
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def start_epoch(self, epoch: Tensor) -> None:
        """Judges all training samples, once the warm-up is over."""
        self.started = epoch >= self.warmup
        self.acts = bool(self.started.any())
        shape = (len(self.started), self.context.samples)
        numbers = torch.arange(shape[1], device=epoch.device).expand(shape)
        if self.acts:
            pieces = [self._least_sure(self.context.take(n)) for n in numbers.split(CHUNK, dim=1)]
            self.assigned = torch.cat(pieces, dim=1)
        else:
            self.assigned = torch.zeros_like(numbers)

    def _least_sure(self, batch: Batch) -> Tensor:
        """The modality of each sample whose own decision has most entropy, ``(member, sample)``."""
        network = self.context.network
        with torch.no_grad():
            features = network.encode(batch.views, batch.present)
            outputs = torch.stack(list(network.judge(features).values()), dim=1)
        doubts = entropies(self.target.log_probabilities(outputs))
        if batch.present:
            doubts = doubts.where(stacked_present(batch.present, features), -torch.inf)
        return doubts.max(1).indices

    def order(self, order: Tensor) -> Tensor:
        groups = self.assigned.gather(1, order)
        together = order.gather(1, groups.argsort(dim=1, descending=True, stable=True))
        return torch.where(self.started.unsqueeze(1), together, order)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        """Leaves a sample its own modality alone."""
        if not self.acts:
            return features
        kept = self._own(index) | ~self.started[:, None, None]
        return {
            m: torch.where(kept[:, k].unsqueeze(2), f, self._absent(f))
            for k, (m, f) in enumerate(features.items())
        }

    def _absent(self, feature: Tensor) -> Tensor:
        mean = feature.detach().mean(1, keepdim=True)
        return mean if self.by_mean else torch.zeros_like(mean)

    def _own(self, index: Tensor) -> Tensor:
        """Whether a sample is assigned to a modality, ``(member, modality, sample)``."""
        assigned = self.assigned.gather(1, index)
        return torch.stack([assigned == k for k in range(len(self.context.modalities))], dim=1)

    def losses(self, step: Step) -> Sequence[Tensor]:
        judged = frozen_judgements(self.context.network, step.forward.features)
        own = self._shares(step) * self.target.losses(judged, step.labels)
        return [self.fused_loss(step) + self.heads_loss(step) + own.sum((1, 2))]

    def _shares(self, step: Step) -> Tensor:
        """What a sample's loss by each modality counts, ``(member, modality, sample)``."""
        own = self._own(step.index).to(self.weight)
        there = torch.ones_like(own)
        if step.present:
            there = stacked_present(step.present, self.context.modalities).to(own)
        warm = there / there.sum(2, keepdim=True).clamp_min(1)
        started, weight, before = (
            x[:, None, None] for x in (self.started, self.weight, self.warmup_weight)
        )
        return torch.where(started, weight * own / own.shape[2], before * warm)

    def running(self) -> dict[str, Tensor]:
        """Whose each sample is in this epoch, as judged when it began."""
        return {"assigned": self.assigned}
