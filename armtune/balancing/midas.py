r"""Misaligned samples: the fusion learns to tell what each modality says where they disagree.

After a warm-up in which encoders and heads learn alone, by :math:`\sum_m CE_m`, the loss is

.. math:: CE + \sum_m CE_m + \lambda \operatorname{mean} \Bigl(1 + \frac{s + 1}{2}\Bigr)
    \sum_m \alpha_m c_m\, CE(\tilde z, y_{i_m})

with :math:`\tilde z` the fused decision on features of several samples of the batch, modality m's
of sample :math:`i_m`. :math:`c_m` is the head's probability of :math:`y_{i_m}`, as a share of all
modalities', and s the cosine between a feature that was put in and the one that it replaced. Where
the decision gives the least sure modality (smallest mean c over the batch) a smaller share than c,
that modality's weight :math:`\alpha` grows by η, else it shrinks, down to 1; the others' are 1.
Weights and labels have no gradient. From the paper: its code couldn't be read. A sample is mixed
with ones of other classes in as many ways as there are modalities, each having its own feature
once: of two modalities that is the paper's, beyond ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import stacked_present
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from torch import Tensor


class Midas(Balancing):
    """Misaligned samples, MIDAS (Hwang et al., NeurIPS 2025): CE + Σ CE_m + λ·CE_misaligned."""

    serves = Classes

    name: Literal["midas"] = "midas"
    weight: float = Field(1.0, gt=0)
    """Weight λ of misaligned samples; 1 in the paper, 5 for Kinetics-Sounds."""
    rate: float = Field(0.05, ge=0)
    """Step η of the least sure modality's weight; 0 keeps it at 1."""
    warmup: float = Field(0.1, ge=0, le=1)
    """Share of the training before the fusion learns (ours: the paper doesn't say how long)."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Misaligner(options, context)


class Misaligner(Balancer):
    """The misalignment-based augmentation's hooks."""

    heads_reach_encoders = True

    def __init__(self, options: Sequence[Midas], context: Context) -> None:
        super().__init__(context)
        self.weight, self.rate = context.knob(options, "weight"), context.knob(options, "rate")
        self.warmup = context.knob(options, "warmup") * context.epochs
        players = len(context.modalities)
        self.alphas = context.like.new_ones(len(options), players)
        # In the r-th way modality m is of the ((m + r) mod K)-th source; the 0-th is the sample.
        places = torch.arange(players, device=context.like.device)
        self.ways = (places + places.unsqueeze(1)) % players

    def start_epoch(self, epoch: Tensor) -> None:
        """Draws which samples each one is mixed with in this epoch."""
        self.started = epoch >= self.warmup
        self.acts = bool(self.started.any())
        if self.acts:
            others = len(self.context.modalities) - 1
            shape = (self.context.steps, others, self.context.batch_size)
            self.draws = self.context.uniform("midas", epoch, *shape)

    def losses(self, step: Step) -> Sequence[Tensor]:
        fused, alone = self.fused_loss(step), self.heads_loss(step)
        together = fused
        if self.acts:
            together = fused + self.weight * self._misaligned(step)
        # The number that is told has the decision's loss, also while that isn't learnt.
        return [torch.where(self.started, together, fused.detach()) + alone]

    def _misaligned(self, step: Step) -> Tensor:
        """Mean loss of the misaligned samples, ``(member,)``."""
        others, mixed = partners(step.labels, self.draws[:, step.number])
        itself = torch.arange(others.shape[2], device=others.device).expand_as(others[:, :1])
        sources = torch.cat([itself, others], dim=1)[:, self.ways].transpose(2, 3)
        logits, likeness = self._mix(step, sources)
        labels = _of(step.labels.unsqueeze(2).expand_as(sources[:, 0]), sources)
        logs = logits.log_softmax(-1).gather(-1, labels)
        shares = normalized(_of(self._confidences(step), sources))
        losses = -(self.alphas[:, None, None] * shares * logs).sum(-1)
        self._weigh(shares, normalized(logs.detach().exp()), mixed)
        counts = mixed.unsqueeze(1) * (1.5 + 0.5 * likeness)
        return (counts * losses).mean((1, 2))

    def _mix(self, step: Step, sources: Tensor) -> tuple[Tensor, Tensor]:
        """Decisions on the mixed features, and how much these are like the replaced ones.

        Args:
            sources: number within the batch, ``(member, way, sample, modality)``.

        Returns:
            ``(member, way, sample, class)``, and the mean cosine ``(member, way, sample)``.
        """
        mixed, cosines = {}, []
        for k, (m, feature) in enumerate(step.forward.features.items()):
            index = sources[..., k].flatten(1).unsqueeze(2).expand(-1, -1, feature.shape[2])
            mixed[m] = feature.gather(1, index)
            put_in = mixed[m].detach().unflatten(1, sources.shape[1:3])
            own = feature.detach().unsqueeze(1)
            cosines.append(torch.nn.functional.cosine_similarity(put_in, own, dim=-1))
        logits = self.context.network.fuse(mixed).unflatten(1, sources.shape[1:3])
        replaced = (self.ways > 0).unsqueeze(1)
        likeness = (torch.stack(cosines, dim=-1) * replaced).sum(-1) / (len(cosines) - 1)
        return logits, likeness

    def _confidences(self, step: Step) -> Tensor:
        """Each head's probability of the truth, ``(member, sample, modality)``.

        It is 0 of a modality that a sample lacks.
        """
        outputs = torch.stack([x.detach() for x in step.forward.unimodal.values()], dim=1)
        found = self.context.target.likelihoods(outputs, step.labels)
        if step.present:
            found = found * stacked_present(step.present, self.context.modalities)
        return found.transpose(1, 2)

    def _weigh(self, shares: Tensor, decided: Tensor, mixed: Tensor) -> None:
        """Moves the least sure modality's weight.

        Args:
            shares: c, ``(member, way, sample, modality)``.
            decided: the same by the fused decision.
            mixed: which samples were mixed at all, ``(member, sample)``.
        """
        known = mixed[:, None, :, None]
        wanted, found = ((x * known).sum((1, 2)) for x in (shares, decided))
        weakest = wanted == wanted.amin(1, keepdim=True)
        moved = self.alphas + self.rate.unsqueeze(1) * (wanted - found).sign()
        fresh = torch.where(weakest, moved.clamp_min(1), 1.0)
        self.alphas.copy_(torch.where(self.started.unsqueeze(1), fresh, self.alphas))

    def state(self) -> dict[str, Tensor]:
        """The modalities' weights."""
        return {"alphas": self.alphas}


def partners(labels: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """For each sample others of the batch that are of other classes, drawn evenly.

    Args:
        labels: ``(member, sample)``.
        draws: uniform in [0, 1), ``(member, other, sample)``.

    Returns:
        their numbers within the batch, like the draws, and which samples have any,
        ``(member, sample)``.
    """
    upto = (labels.unsqueeze(2) != labels.unsqueeze(1)).cumsum(2)
    counts = upto[..., -1]
    ranks = (draws * counts.unsqueeze(1)).long()
    numbers = (upto.unsqueeze(1) <= ranks.unsqueeze(3)).sum(3)
    return numbers.clamp_max(labels.shape[1] - 1), counts > 0


def normalized(values: Tensor) -> Tensor:
    """Values as shares of their sum over modalities, the last axis."""
    return values / values.sum(-1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)


def _of(values: Tensor, sources: Tensor) -> Tensor:
    """Values ``(member, sample, modality)`` of the sources, ``(member, way, sample, modality)``."""
    spread = values.unsqueeze(1).expand(-1, sources.shape[1], -1, -1)
    return spread.gather(2, sources)
