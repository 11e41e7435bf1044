r"""Sample-level modality valuation: repeats samples for the modality that adds too little to them.

With :math:`v_i(S) = |S|` if the fused decision on sample i from the modalities in S alone is right
and 0 if not (of labels: :math:`|S|` times the share that is right), modality m's contribution
:math:`\phi_{i,m}` is its Shapley value, and the sample is repeated, with all others dropped,

.. math:: r_{i,m} = s \max(0,\, 1 - \phi_{i,m})

times; s = 2 are the published repeats 1, 2 and 3 of two modalities' ½, 0 and −½. Ours: an epoch
keeps its length, so a sample is drawn in proportion to :math:`1 + \sum_m r_{i,m}` and a draw is
the whole sample or one of its repeats in the same proportions; samples are valued as they pass in
training, with no pass of their own; what is absent or dropped is at the batch's mean feature.
Any number of modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import stacked_present
from armtune.information import shapley_matrix
from armtune.nn.forward import Features
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor


class SampleValuation(Balancing):
    """Sample-level modality valuation (Wei et al., CVPR 2024): repeats of s·max(0, 1 − φ_im)."""

    serves = Discrete

    name: Literal["sample_valuation"] = "sample_valuation"
    strength: float = Field(2.0, ge=0)
    """Repeats s of a sample for a modality that contributes nothing to it; 0 for none."""
    warmup_epochs: int = Field(2, ge=0)
    """Epochs before samples are repeated; published trainings of 60 epochs have 5."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Valuer(options, context)


class Valuer(Balancer):
    """Values samples as they pass, and draws them and their repeats in the next epoch."""

    def __init__(self, options: Sequence[SampleValuation], context: Context) -> None:
        super().__init__(context)
        self.strength = context.knob(options, "strength")
        self.warmup = context.knob(options, "warmup_epochs")
        self.active = bool(self.strength.any())
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target
        players = len(context.modalities)
        self.matrix = shapley_matrix(players).to(context.like)
        self.subsets = range(1, 2**players)
        self.sizes = context.like.new_tensor([s.bit_count() for s in range(2**players)])
        # A sample that was never valued isn't repeated.
        self.contributions = context.like.new_ones(len(options), context.samples, players)

    def start_epoch(self, epoch: Tensor) -> None:
        """Fixes the epoch's repeats, and draws which copy of a sample each draw is."""
        strength = torch.where(epoch >= self.warmup, self.strength, 0.0)
        self.repeats = strength[:, None, None] * (1 - self.contributions).clamp_min(0)
        if self.active:
            shape = (self.context.steps, self.context.batch_size)
            self.draws = self.context.uniform("repeats", epoch, *shape)

    def sample_weights(self) -> Tensor | None:
        return 1 + self.repeats.sum(2) if self.active else None

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        """Drops all modalities but one where the draw is a repeat."""
        if not self.active:
            return features
        repeats = self.repeats.gather(1, index.unsqueeze(2).expand(-1, -1, len(features)))
        copy = which_copy(repeats, self.draws[:, step])
        return {
            m: torch.where(
                ((copy < 0) | (copy == k)).unsqueeze(2), f, f.detach().mean(1, keepdim=True)
            )
            for k, (m, f) in enumerate(features.items())
        }

    def losses(self, step: Step) -> Sequence[Tensor]:
        if self.active:
            with torch.no_grad():
                values = self._values(step.forward.features, step.labels) @ self.matrix
                if step.present:
                    # Nobody can learn from a modality alone that isn't there.
                    there = stacked_present(step.present, self.context.modalities)
                    values = torch.where(there.transpose(1, 2), values, 1)
            self.contributions.scatter_(1, step.index.unsqueeze(2).expand_as(values), values)
        return super().losses(step)

    def _values(self, features: Features, labels: Tensor) -> Tensor:
        """Value of every subset of modalities for each sample, ``(member, sample, subset)``."""
        absent = {m: f.mean(1, keepdim=True) for m, f in features.items()}
        logits = self.context.network.fuse_subsets(features, absent, self.subsets)
        right = self.target.right(self.target.decide(logits), labels)
        nobody = torch.zeros_like(right[:, :1])
        return torch.cat([nobody, right], dim=1).transpose(1, 2) * self.sizes

    def running(self) -> dict[str, Tensor]:
        """The epoch's repeats: contributions change on the way."""
        return {"repeats": self.repeats}

    def state(self) -> dict[str, Tensor]:
        """Every sample's contributions as last valued."""
        return {"contributions": self.contributions}


def which_copy(repeats: Tensor, draws: Tensor) -> Tensor:
    """What a draw of a sample is: −1 for the whole, or the modality that a repeat keeps.

    Args:
        repeats: how often a sample is repeated for each modality, ``(member, sample, modality)``.
        draws: uniform in [0, 1), ``(member, sample)``.

    Returns:
        ``(member, sample)``; the whole sample has the weight of one repeat.
    """
    upto = repeats.cumsum(2)
    place = draws * (1 + upto[..., -1]) - 1
    copy = (place.unsqueeze(2) >= upto).sum(2).clamp_max(repeats.shape[2] - 1)
    return torch.where(place < 0, -1, copy)
