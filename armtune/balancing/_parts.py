"""What several balancing methods share: scores, gates, epoch windows, scaled gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.nn.forward import Features, Forward, mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target


def likelihoods(target: Target, step: Step) -> Tensor:
    """Each head's mean likelihood of the truth, ``(member, modality)``, without gradient.

    The mean is over the samples that have its modality; where no sample has it, that of the heads
    that can tell, so that nobody is ahead of it.
    """
    unimodal = step.forward.unimodal
    outputs = torch.stack([x.detach() for x in unimodal.values()], dim=1)
    shares = target.likelihoods(outputs, step.labels)
    if not step.present:
        return shares.mean(2)
    there = stacked_present(step.present, unimodal)
    means = mean_present(shares.flatten(0, 1), there.flatten(0, 1)).view(len(there), -1)
    known = there.any(2)
    return torch.where(known, means, mean_present(means, known).unsqueeze(1))


def stacked_present(present: Features, modalities: Iterable[str]) -> Tensor:
    """Which samples have each modality, ``(member, modality, sample)``.

    Args:
        present: of the modalities that some samples lack, one at least.
    """
    everyone = torch.ones_like(next(iter(present.values())))
    return torch.stack([present.get(m, everyone) for m in modalities], dim=1)


def others_mean(scores: Tensor) -> Tensor:
    """For each modality the mean score of the other ones, ``(member, modality)`` like the scores.

    With two modalities it is the other one's score, to the last bit.
    """
    players = scores.shape[1]
    others = 1 - torch.eye(players, dtype=scores.dtype, device=scores.device)
    return scores @ others / (players - 1)


def dominance(scores: Tensor) -> Tensor:
    r"""Ratio :math:`\rho_m` of each score to the mean of the others', ``(member, modality)``."""
    return scores / others_mean(scores).clamp_min(torch.finfo(scores.dtype).tiny)


def gate_heads(forward: Forward, gates: Sequence[Tensor]) -> None:
    """Lets a share of each head's gradient reach its encoder; the heads themselves get all of it.

    The network must have been run with ``heads_reach_encoders``.

    Args:
        gates: the share ``(member,)`` of each modality.
    """
    for inputs, gate in zip(forward.head_inputs.values(), gates, strict=True):
        inputs.register_hook(lambda gradient, gate=gate[:, None, None]: gradient * gate)


def per_member(factors: Tensor, like: Tensor) -> Tensor:
    """Factors ``(member,)`` in a shape that multiplies ``like`` ``(member, …)``."""
    return factors.view(-1, *[1] * (like.dim() - 1))


class Window:
    """The epochs, counted from 0, in which each member's method acts.

    Args:
        options: options with ``from_epoch``, the first such epoch, and ``to_epoch``, the first
            epoch after them.
    """

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        self.first = context.knob(options, "from_epoch")
        self.after = context.knob(options, "to_epoch")

    def open(self, epoch: Tensor) -> Tensor:
        """Whether the epoch is among them, ``(member,)``."""
        return (self.first <= epoch) & (epoch < self.after)


class EncoderScaler(Balancer):
    """Multiplies the gradient of each encoder by a coefficient, within a window of epochs."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.window = Window(options, context)

    def coefficients(self, step: Step) -> Tensor:
        """What to multiply by, ``(member, modality)``; called in every step, window or not."""
        raise NotImplementedError

    def start_epoch(self, epoch: Tensor) -> None:
        self.epoch = epoch
        self.open = self.window.open(epoch).unsqueeze(1)

    def losses(self, step: Step) -> Sequence[Tensor]:
        with torch.no_grad():
            self.factors = torch.where(self.open, self.coefficients(step), 1.0)
        return super().losses(step)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        network = self.context.network
        for modality, factor in zip(network.modalities, self.factors.unbind(1), strict=True):
            for name in network.encoder_parameters(modality):
                gradients[0][name].mul_(per_member(factor, gradients[0][name]))


class ModalityDropout:
    """Each training sample loses one modality, drawn evenly, with a member's probability.

    What is lost is replaced by the batch's mean feature. A sample that has no other one loses none.

    Args:
        probability: ``(member,)``.
    """

    def __init__(self, context: Context, probability: Tensor) -> None:
        self.context = context
        self.probability = probability.unsqueeze(1)
        # Asked once, so that no step has to ask the device.
        self.acts = bool(probability.any())

    def start_epoch(self, epoch: Tensor) -> None:
        """Draws which samples lose which modality in this epoch."""
        if self.acts:
            shape = (self.context.steps, self.context.batch_size, 2)
            self.draws = self.context.uniform("dropout", epoch, *shape)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        """The features after the losses of this step; arguments as of ``Balancer.alter``."""
        if not self.acts:
            return features
        drops, which = self.draws[:, step].unbind(-1)
        chosen = (which * len(features)).long()
        gone = drops < self.probability
        if present := self.context.present_in(index):
            gone &= stacked_present(present, features).sum(1) > 1
        return {
            m: torch.where((gone & (chosen == k)).unsqueeze(-1), f.mean(1, keepdim=True), f)
            for k, (m, f) in enumerate(features.items())
        }
