r"""The Asymmetric Reinforcing Method: valuation, fusion weights, gap loss and re-sampling.

With the value of a subset of modalities :math:`v(S) = H(Y) - CE_S` in nats, a modality's
contribution is its Shapley value :math:`\phi_m` over the subsets. The loss is

.. math:: CE + \alpha \operatorname{mean}_m CE_m + \lambda (\bar\phi_{max} - \phi_{min})

with :math:`\bar\phi_{max}` a constant for the gradient, and only values of sets that hold the
weakest modality carrying gradient for :math:`\phi_{min}`: the weak is pulled up, the strong isn't
pushed down. The gradient is linear in the cross-entropies, so it is built from their coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancer import Balancer, Context, Step, sum_in_order
from armtune.balancing import Balancing
from armtune.forward import Features, cross_entropy, only
from armtune.information import shapley_matrix
from armtune.lazy import torch
from armtune.valuation import (
    histogram_values,
    leave_one_out_matrix,
    published_contributions,
    subset_logits,
    variational_values,
)

if TYPE_CHECKING:
    from torch import Tensor

LEAST_CONTRIBUTION = 1e-3
"""Nats that a contribution counts as at least, since weights are ratios of contributions."""


class Arm(Balancing):
    """Asymmetric Reinforcing Method (Gao et al., AAAI 2025), as rebuilt here."""

    name: Literal["arm"] = "arm"
    alpha: float = Field(1.0, ge=0)
    """How much of the mean unimodal cross-entropy reaches the encoders."""
    gap_weight: float = Field(1.0, ge=0)
    """Weight of the gap loss, which pulls the weakest modality up and leaves the strongest."""
    tau: float = Field(0.5, ge=0)
    """Strength of the fusion weights; 0 keeps them at 1."""
    clip: float = Field(3.0, ge=1)
    """Largest fusion weight; its inverse is the smallest."""
    warmup_epochs: int = Field(2, ge=0)
    """Epochs before fusion weights and re-sampling start."""
    smoothing: float = Field(0.5, ge=0, lt=1)
    """Share of the past in the running estimate of contributions."""
    resampling: float = Field(0.0, ge=0, le=1)
    """Strength of re-sampling towards samples that the modalities get wrong; 0 for none."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Probability that a training sample loses one modality, drawn at random."""
    valuation: Literal["variational", "histogram"] = "variational"
    """How a subset's value is estimated: by cross-entropy, or by counts of predicted classes."""
    contribution: Literal["shapley", "leave_one_out", "published"] = "shapley"
    """How values become contributions; ``published`` is the authors' code's, for two modalities."""
    gap: Literal["asymmetric", "symmetric"] = "asymmetric"
    """Whether the gap loss spares the strongest modality, or pushes it down too (an ablation)."""
    holdout: float = Field(0.1, gt=0, lt=0.5)
    """Share of the training samples held out to estimate contributions."""

    def problem(self, modalities: Sequence[str]) -> str:
        if len(modalities) < 2:
            return "arm balances two modalities or more"
        if self.contribution == "published" and len(modalities) > 2:
            return (
                "contribution: published is defined for two modalities; shapley serves any number"
            )
        return ""

    @property
    def off(self) -> bool:
        """Whether every part is switched off, which makes this equal to ``none``."""
        return not (self.alpha or self.gap_weight or self.tau or self.resampling or self.dropout)

    @property
    def held_out(self) -> float:
        return 0.0 if self.off else self.holdout

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Reinforcer(options, context)


class Reinforcer(Balancer):
    """The Asymmetric Reinforcing Method's hooks."""

    def __init__(self, options: Sequence[Arm], context: Context) -> None:
        super().__init__(context)
        self.options = options[0]
        self.alpha = context.knob(options, "alpha")
        self.gap_weight = context.knob(options, "gap_weight")
        self.tau = context.knob(options, "tau")
        self.clip = context.knob(options, "clip")
        self.smoothing = context.knob(options, "smoothing")
        self.warmup = context.knob(options, "warmup_epochs")
        self.resampling = context.knob(options, "resampling")
        self.dropout = context.knob(options, "dropout")
        self.heads_reach_encoders = bool((self.alpha + self.gap_weight).any())
        players = len(context.modalities)
        self.everyone = 2**players - 1
        self.fused_subsets = [s for s in range(1, self.everyone) if s.bit_count() > 1]
        left_out = self.options.contribution == "leave_one_out"
        matrix = leave_one_out_matrix(players) if left_out else shapley_matrix(players)
        self.matrix = matrix.to(context.like)
        self.reach = self.matrix.clamp_min(0).T.contiguous()
        self.single = torch.tensor([1 << k for k in range(players)], device=context.like.device)
        members = len(options)
        self.phi = context.like.new_zeros(members, players)
        self.valued = context.like.new_zeros(members)
        self.likelihood = context.like.new_ones(members, context.samples)

    def start_epoch(self, epoch: int) -> None:
        """Draws which samples lose which modality in this epoch."""
        self.epoch = epoch
        if self.dropout.any():
            shape = (self.context.steps, self.context.batch_size, 2)
            self.draws = self.context.uniform("dropout", epoch, *shape)

    def sample_weights(self) -> Tensor | None:
        """Multiplicities of samples by the modalities' mean likelihood (the published steps)."""
        if not self.resampling.any():
            return None
        multiplicity = 2 + (self.likelihood < 0.9).to(self.phi) + (self.likelihood < 0.5)
        strength = torch.where(self.epoch >= self.warmup, self.resampling, 0.0)
        return multiplicity ** strength.unsqueeze(1)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        """Replaces dropped modalities by the batch's mean feature."""
        if not self.dropout.any():
            return features
        drops, which = self.draws[:, step].unbind(-1)
        chosen = (which * len(features)).long()
        gone = drops < self.dropout.unsqueeze(1)
        return {
            m: torch.where((gone & (chosen == k)).unsqueeze(-1), f.mean(1, keepdim=True), f)
            for k, (m, f) in enumerate(features.items())
        }

    def losses(self, step: Step) -> Sequence[Tensor]:
        """The fused, unimodal and gap losses together."""
        forward = step.forward
        fused = cross_entropy(forward.logits, step.labels).mean(1)
        samples = {m: cross_entropy(x, step.labels) for m, x in forward.unimodal.items()}
        alone = torch.stack([s.mean(1) for s in samples.values()], dim=1)
        if self.resampling.any():
            self._remember(samples, step.index)
        # Added as the plain loss is: with all parts off, not a bit differs.
        total = fused + sum_in_order(alone.unbind(1))
        if not self.heads_reach_encoders:
            return [total]
        gate = (self.alpha / len(samples)).unsqueeze(1).expand_as(alone)
        if self.gap_weight.any():
            subsets = self._subset_losses(step)
            coefficients = self._gap_coefficients(fused, alone, subsets)
            gate = gate + coefficients[:, self.single]
            total = total + coefficients[:, -1] * fused
            if subsets is not None:
                total = total + (coefficients[:, self.fused_subsets] * subsets).sum(1)
        for k, inputs in enumerate(forward.head_inputs.values()):
            share = gate[:, k, None, None]
            inputs.register_hook(lambda gradient, share=share: gradient * share)
        return [total]

    def _remember(self, losses: Features, index: Tensor) -> None:
        likelihood = torch.stack([loss.detach().neg().exp() for loss in losses.values()]).mean(0)
        self.likelihood.scatter_(1, index, likelihood)

    def _subset_losses(self, step: Step) -> Tensor | None:
        """Cross-entropies of the fused decision on subsets of 2 … K−1 modalities."""
        if not self.fused_subsets:
            return None
        features = step.forward.features
        absent = {m: f.detach().mean(1, keepdim=True) for m, f in features.items()}
        logits = self.context.network.fuse(only(features, absent, self.fused_subsets))
        labels = step.labels.repeat(1, len(self.fused_subsets))
        losses = cross_entropy(logits, labels)
        return losses.unflatten(1, (len(self.fused_subsets), -1)).mean(2)

    def _gap_coefficients(self, fused: Tensor, alone: Tensor, subsets: Tensor | None) -> Tensor:
        """What the gap loss multiplies each subset's cross-entropy by, ``(member, subset)``."""
        entropy = self.context.label_entropy
        values = fused.new_zeros(len(fused), self.everyone + 1)
        values[:, self.single] = entropy - alone
        values[:, -1] = entropy - fused
        if subsets is not None:
            values[:, self.fused_subsets] = entropy - subsets
        phi = values @ self.matrix
        weight = (self.gap_weight * (phi.amax(1) > phi.amin(1))).unsqueeze(1)
        if self.options.gap == "symmetric":
            rows = self.matrix.T
            return (rows[phi.argmin(1)] - rows[phi.argmax(1)]) * weight
        return self.reach[phi.argmin(1)] * weight

    def end_epoch(self, epoch: int, features: Features, labels: Tensor) -> dict[str, Tensor]:
        """Values the modalities on the held-out slice and sets the fusion weights from it."""
        if not features:
            return {}
        fresh = self._contributions(features, labels)
        past = (self.smoothing * self.valued).unsqueeze(1)
        self.phi.copy_(past * self.phi + (1 - past) * fresh)
        self.valued.fill_(1.0)
        started = (epoch + 1 >= self.warmup).unsqueeze(1)
        weights = fusion_weights(self.phi, self.tau, self.clip)
        self.context.network.weights.copy_(torch.where(started, weights, 1.0))
        names = self.context.modalities
        return {
            **{f"phi/{m}": self.phi[:, k].clone() for k, m in enumerate(names)},
            **{
                f"weight/{m}": self.context.network.weights[:, k].clone()
                for k, m in enumerate(names)
            },
        }

    def _contributions(self, features: Features, labels: Tensor) -> Tensor:
        """Each modality's contribution on the held-out slice, ``(member, modality)``."""
        logits = subset_logits(self.context.network, features)
        if self.options.contribution == "published":
            return published_contributions(logits, labels)
        if self.options.valuation == "histogram":
            return histogram_values(logits, labels) @ self.matrix
        return variational_values(logits, labels, self.context.label_entropy) @ self.matrix

    def state(self) -> dict[str, Tensor]:
        """The running contributions and the samples' likelihoods."""
        return {"phi": self.phi, "valued": self.valued, "likelihood": self.likelihood}


def fusion_weights(phi: Tensor, tau: Tensor, clip: Tensor) -> Tensor:
    r"""Weights :math:`w_m = (\operatorname{geomean}(\phi) / \phi_m)^\tau` within [1/clip, clip].

    Args:
        phi: contributions in nats, ``(member, modality)``.
        tau: strength, ``(member,)``; 0 gives weights of 1.
        clip: largest weight, ``(member,)``.
    """
    logs = phi.clamp_min(LEAST_CONTRIBUTION).log()
    exponents = tau.unsqueeze(1) * (logs.mean(1, keepdim=True) - logs)
    bound = clip.log().unsqueeze(1)
    return exponents.clamp(-bound, bound).exp()
