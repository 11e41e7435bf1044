r"""Prototypical Modal Rebalance: a prototype loss that speeds the slower modality up.

Each class of each modality has a prototype :math:`c`, the centroid of its training features. A
modality judges a sample by the distances to them, :math:`p = \operatorname{softmax}(-\|f - c\|)`,
and with :math:`s_m` the batch's sum of :math:`p` at the true class the loss is

.. math::
    CE + \alpha \sum_m [\rho_m < 1]\, CE(p_m),
    \qquad \rho_m = s_m / \operatorname{mean}_{n \ne m} s_n

so that the other modalities' mean stands where the paper has the other one of two. As released, the
slower one is sped up by the whole of α, however little it lags; the paper's text has
:math:`\operatorname{clip}(1/\rho_m - 1, 0, 1)` in the place of the bracket. Prototypes are made
before the first epoch and after each, from a tenth of an epoch's batches and the encoders as they
are then. A class without a prototype takes no part (ours: the released code divides by 0 there).
The paper's entropy term on the faster modality, which its released code leaves out, is left out
here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.balancing._parts import Window, others_mean, stacked_present
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor

TENTH = 10
"""Prototypes come from one of so many of an epoch's batches."""
LEAST_SCORE = 1e-12
"""What a modality's score counts as at least, since scores are divided by each other."""


class Pmr(Balancing):
    """Prototypical Modal Rebalance (Fan et al., CVPR 2023): CE + α·CE_proto of the slower."""

    serves = Classes

    name: Literal["pmr"] = "pmr"
    alpha: float = Field(1.0, ge=0)
    """Weight of the prototype loss; 0 for none."""
    lag: Literal["any", "size"] = "any"
    """What of a modality's lag counts: that there is any, as released, or its size, as the paper's
    text has it, so that equals are left alone."""
    momentum: float = Field(0.2, ge=0, lt=1)
    """Share of the past in the prototypes after each epoch."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of the prototype loss, counted from 0, where there are no prototypes yet."""
    to_epoch: int = Field(101, ge=0)
    """First epoch after it; 101 as released, where 100 is the last."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return PrototypeRebalancer(options, context)


class PrototypeRebalancer(Balancer):
    """Keeps prototypes and adds their loss where a modality is slow."""

    def __init__(self, options: Sequence[Pmr], context: Context) -> None:
        super().__init__(context)
        self.alpha = context.knob(options, "alpha")
        self.momentum = context.knob(options, "momentum")
        self.window = Window(options, context)
        self.active = bool(self.alpha.any())
        self.by_size = options[0].lag == "size"
        members, classes, sizes = len(options), context.classes, context.network.sizes
        self.prototypes = {
            m: context.like.new_zeros(members, classes, size) for m, size in sizes.items()
        }
        self.seen = context.like.new_zeros(members, len(sizes), classes)

    def start_epoch(self, epoch: Tensor) -> None:
        """Makes the first prototypes; says how strong the loss is in this epoch."""
        self.strength = torch.where(self.window.open(epoch), self.alpha, 0.0)
        self.acts = bool((self.strength > 0).any())
        if self.active and not epoch.all():
            self._renew(epoch, torch.where(epoch == 0, 1.0, 0.0).to(self.alpha))

    def losses(self, step: Step) -> Sequence[Tensor]:
        """The plain loss and the prototype losses of slower modalities."""
        total = self.fused_loss(step) + self.heads_loss(step)
        if self.acts:
            alone, scores = self._judge(step)
            shares = slowness(scores, self.by_size) * self.strength.unsqueeze(1)
            total = total + (shares * alone).sum(1)
        return [total]

    def _renew(self, number: Tensor, share: Tensor) -> None:
        """Moves the prototypes by a share, ``(member,)``, towards centroids of some samples.

        Args:
            number: that of the draw of samples, ``(member,)``.
        """
        with torch.no_grad():
            self._move(number, share)

    def _move(self, number: Tensor, share: Tensor) -> None:
        sums = {m: torch.zeros_like(p) for m, p in self.prototypes.items()}
        counts = torch.zeros_like(self.seen)
        for index in self._some(number):
            batch = self.context.take(index)
            features = self.context.network.encode(batch.views, batch.present)
            for k, (m, feature) in enumerate(features.items()):
                members_of = self._classes(batch.labels, batch.present.get(m))
                counts[:, k] += members_of.sum(2)
                sums[m] += members_of @ feature
        fresh = (counts > 0) & (share > 0)[:, None, None]
        moves = torch.where(self.seen > 0, share[:, None, None], 1.0) * fresh
        for k, (m, prototype) in enumerate(self.prototypes.items()):
            centroid = sums[m] / counts[:, k].clamp_min(1).unsqueeze(2)
            prototype.lerp_(centroid, moves[:, k].unsqueeze(2))
        self.seen.copy_(self.seen.bool() | fresh)

    def _some(self, number: Tensor) -> Sequence[Tensor]:
        """Numbers of samples of a tenth of an epoch's batches, ``(member, sample)`` each."""
        context = self.context
        draws = context.uniform("prototypes", number, context.samples)
        size = context.batch_size * max(1, context.steps // TENTH)
        return draws.argsort(1)[:, :size].split(context.batch_size, dim=1)

    def _classes(self, labels: Tensor, there: Tensor | None) -> Tensor:
        """Which samples are of which class and there, ``(member, class, sample)``."""
        classes = torch.arange(self.context.classes, device=labels.device).unsqueeze(1)
        everyone = (labels.unsqueeze(1) == classes).to(self.seen)
        return everyone if there is None else everyone * there.unsqueeze(1)

    def _judge(self, step: Step) -> tuple[Tensor, Tensor]:
        """Prototype loss and score of each modality, ``(member, modality)``."""
        index = step.labels.unsqueeze(1).expand(-1, self.seen.shape[1], -1)
        known = self.seen.gather(2, index)
        if step.present:
            known = known * stacked_present(step.present, step.forward.features)
        counts = known.sum(2, keepdim=True)
        shares = known / counts.clamp_min(1)
        # Sums over fewer samples, since some lack the modality, count as those over most.
        known = known * (counts.amax(1, keepdim=True) / counts.clamp_min(1))
        losses, scores = [], []
        for k, feature in enumerate(step.forward.features.values()):
            loss = cross_entropy(self._logits(k, feature), step.labels)
            losses.append((loss * shares[:, k]).sum(1))
            scores.append((loss.detach().neg().exp() * known[:, k]).sum(1))
        return torch.stack(losses, dim=1), torch.stack(scores, dim=1)

    def _logits(self, k: int, feature: Tensor) -> Tensor:
        """Negative distances to a modality's prototypes, ``(member, sample, class)``."""
        distances = torch.cdist(
            feature,
            self.prototypes[self.context.modalities[k]],
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        out_of_reach = torch.finfo(distances.dtype).min / 2
        return (-distances).masked_fill(self.seen[:, k].unsqueeze(1) == 0, out_of_reach)

    def end_epoch(self, epoch: Tensor, *_: Any) -> dict[str, Tensor]:
        """Moves the prototypes towards the centroids of the encoders as they are now."""
        if self.active:
            # Those of the untrained encoders are forgotten at once.
            self._renew(epoch + 1, torch.where(epoch > 0, 1 - self.momentum, 1.0))
        return {}

    def running(self) -> dict[str, Tensor]:
        """The prototypes, which an epoch that begins anew would make from other encoders."""
        return self.state()

    def state(self) -> dict[str, Tensor]:
        """The prototypes, and which classes have one in which modality."""
        return {"seen": self.seen, **{f"prototypes.{m}": p for m, p in self.prototypes.items()}}


def slowness(scores: Tensor, by_size: bool) -> Tensor:
    r"""How much a modality lags behind: :math:`[\rho_m < 1]` or :math:`1/\rho_m - 1` up to 1.

    Args:
        scores: the batch's summed probability of the true class, ``(member, modality)``.
        by_size: whether it's the latter.
    """
    own = scores.clamp_min(LEAST_SCORE)
    behind = others_mean(own) / own - 1
    return behind.clamp(0, 1) if by_size else (behind > 0).to(scores)
