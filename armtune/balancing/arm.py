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

from armtune.balancing import Balancing
from armtune.balancing._feature_information import released_contributions
from armtune.balancing._hooks import Balancer, Context, Step, sum_in_order
from armtune.balancing._parts import ModalityDropout, gate_heads, stacked_present
from armtune.balancing._valuation import (
    GapLoss,
    histogram_values,
    interaction_contributions,
    leave_one_out_matrix,
    subset_logits,
    variational_values,
)
from armtune.errors import Fault, RecipeError
from armtune.information import shapley_matrix
from armtune.nn.forward import Features, mean_present
from armtune.nn.random_streams import stream
from armtune.plugins.lazy_imports import torch
from armtune.targets import Metric

if TYPE_CHECKING:
    from torch import Tensor, nn

PAIRWISE = ("interaction", "published")
"""Kinds of contributions that are defined for two modalities."""
LEAST_CONTRIBUTION = 1e-3
"""Nats that a contribution counts as at least, since weights are ratios of contributions."""


class Arm(Balancing):
    """Asymmetric Reinforcing Method (Gao et al., AAAI 2025), as rebuilt here."""

    makes = (
        Metric(
            "phi/<m>",
            "maximize",
            "ARM: Shapley value of information, in nats, on the valuation slice",
        ),
        Metric("weight/<m>", "maximize", "ARM: weight of the modality's features in the fusion"),
    )

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
    contribution: Literal["shapley", "leave_one_out", "interaction", "published"] = "shapley"
    """How values become contributions. ``published`` is the authors' code's estimator, faults and
    all, and ``interaction`` (ours) its formula on predictions; both are for two modalities."""
    gap: Literal["asymmetric", "symmetric"] = "asymmetric"
    """Whether the gap loss spares the strongest modality, or pushes it down too (an ablation)."""
    holdout: float = Field(0.1, gt=0, lt=0.5)
    """Share of the training samples held out to estimate contributions."""

    def problem(self, modalities: Sequence[str]) -> str:
        if self.contribution in PAIRWISE and len(modalities) > 2:
            return (
                f"contribution: {self.contribution} is defined for two modalities; shapley serves "
                "any number"
            )
        return super().problem(modalities)

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
        self.dropout = ModalityDropout(context, context.knob(options, "dropout"))
        # Known here, so that no step has to ask the device.
        self.gap = bool(self.gap_weight.any())
        self.resamples = bool(self.resampling.any())
        self.heads_reach_encoders = self.gap or bool(self.alpha.any())
        players = len(context.modalities)
        self.own_shares = (self.alpha / players).unsqueeze(1).expand(-1, players)
        left_out = self.options.contribution == "leave_one_out"
        matrix = leave_one_out_matrix(players) if left_out else shapley_matrix(players)
        self.matrix = matrix.to(context.like)
        singles, everyone = [1 << k for k in range(players)], 2**players - 1
        self.several = [s for s in range(1, everyone) if s.bit_count() > 1]
        # Contributions from losses instead of values, in the order in which losses are at hand.
        rows = self.matrix[[*singles, *self.several, everyone]]
        self.gap_loss = GapLoss(context.uncertainty, rows, self.options.gap == "symmetric")
        if self.options.contribution == "published":
            self.projection = projection(context)
        members = len(options)
        self.phi = context.like.new_zeros(members, players)
        self.valued = context.like.new_zeros(members)
        self.likelihood = context.like.new_ones(members, context.samples)

    def start_epoch(self, epoch: Tensor) -> None:
        self.epoch = epoch
        self.dropout.start_epoch(epoch)

    def sample_weights(self) -> Tensor | None:
        """Multiplicities of samples by the modalities' mean likelihood (ours)."""
        if not self.resamples:
            return None
        multiplicity = 2 + (self.likelihood < 0.9).to(self.phi) + (self.likelihood < 0.5)
        strength = torch.where(self.epoch >= self.warmup, self.resampling, 0.0)
        return multiplicity ** strength.unsqueeze(1)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        return self.dropout.alter(features, index, step)

    def losses(self, step: Step) -> Sequence[Tensor]:
        """The fused, unimodal and gap losses together."""
        fused, *alone = step.mean_losses(self.context.target)
        if self.resamples:
            self._remember(step.sample_losses(self.context.target)[:, 1:], step)
        # Added as the plain loss is: with all parts off, not a bit differs.
        total = fused + sum_in_order(alone)
        if not self.heads_reach_encoders:
            return [total]
        gates = self.own_shares
        if self.gap:
            together = [*self._several(step), fused]
            with torch.no_grad():
                losses = torch.stack([*alone, *together], dim=1)
                shares = self.gap_loss.shares(losses, self.gap_weight)
                gates = gates + shares[:, : len(alone)]
            for share, loss in zip(shares.unbind(1)[len(alone) :], together, strict=True):
                total = total + share * loss
        gate_heads(step.forward, gates.unbind(1))
        return [total]

    def _remember(self, losses: Tensor, step: Step) -> None:
        shares = losses.detach().neg().exp()
        if step.present:
            there = stacked_present(step.present, step.forward.unimodal)
            known = torch.where(there, shares, 0).sum(1) / there.sum(1).clamp_min(1)
            likelihood = torch.where(there.any(1), known, 1)
        else:
            likelihood = shares.mean(1)
        self.likelihood.scatter_(1, step.index, likelihood)

    def _several(self, step: Step) -> Sequence[Tensor]:
        """Cross-entropies of the fused decision on 2 … K−1 modalities, if there are such sets."""
        if not self.several:
            return []
        features = step.forward.features
        absent = {m: f.detach().mean(1, keepdim=True) for m, f in features.items()}
        outputs = self.context.network.fuse_subsets(features, absent, self.several)
        return self.context.target.losses(outputs, step.labels).mean(2).unbind(1)

    def end_epoch(self, epoch: Tensor, features: Features, labels: Tensor) -> dict[str, Tensor]:
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
        target, logits = self.context.target, subset_logits(self.context.network, features)
        there = self._judged()
        if self.options.contribution == "interaction":
            return interaction_contributions(target, logits, labels, there)
        if self.options.contribution == "published":
            return self._released(features, logits, labels, there)
        if self.options.valuation == "histogram":
            return histogram_values(target, logits, labels, there) @ self.matrix
        uncertainty = self.context.uncertainty
        return variational_values(target, logits, labels, uncertainty, there) @ self.matrix

    def _released(
        self, features: Features, logits: Tensor, labels: Tensor, there: Tensor | None
    ) -> Tensor:
        """The released contributions, by the samples that have both modalities."""
        whole = None if there is None else there[:, 1] & there[:, 2]
        likelihoods = self.context.target.likelihoods(logits[:, 1:], labels)
        shares = [mean_present(share, whole) for share in likelihoods.unbind(1)]
        both = self.projection(torch.cat(list(features.values()), dim=2))
        return released_contributions([*features.values(), both], shares, whole)

    def _judged(self) -> Tensor | None:
        """Which held-out samples each subset is valued on; None where no modality is ever absent.

        A head is judged on samples that have its modality (on all where none has), the fused
        decision on all.
        """
        if not self.context.held_present:
            return None
        names = self.context.modalities
        there = stacked_present(self.context.held_present, names)
        there |= ~there.any(2, keepdim=True)
        judged = torch.ones_like(there[:, :1]).repeat(1, 2 ** len(names), 1)
        for k in range(len(names)):
            judged[:, 1 << k] = there[:, k]
        return judged

    def state(self) -> dict[str, Tensor]:
        """The running contributions and the samples' likelihoods."""
        return {"phi": self.phi, "valued": self.valued, "likelihood": self.likelihood}


def projection(context: Context) -> nn.Module:
    """A layer, never trained, of both modalities' features to as many as each has.

    Raises:
        RecipeError: one modality has more features than the other.
    """
    from armtune.nn.layers import Init, Linear

    sizes = context.network.sizes
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{m} {size}" for m, size in sizes.items())
        problem = "published compares feature values one by one, and the numbers of features differ"
        raise RecipeError([Fault(f"{problem}: {said}", "balancing.contribution")])
    streams = [stream(seed, "arm projection") for seed in context.seeds]
    init = Init(streams, context.like.dtype)
    return Linear(sum(sizes.values()), next(iter(sizes.values())), init).to(context.like.device)


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
