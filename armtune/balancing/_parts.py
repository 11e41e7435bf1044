"""What several balancing methods share: scores, gates, epoch windows, modality dropout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from armtune.balancing._hooks import Balancer, Context, Step
from armtune.nn.forward import Features, Forward, mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target
    from armtune.training.network import MultimodalNet


@dataclass(frozen=True)
class Scores:
    """What a batch tells of each modality: sums over samples, which batches add up to a large one.

    Attributes:
        sums: over the samples that have the modality, ``(member, modality)``.
        counts: how many these are, of the same shape.
    """

    sums: Tensor
    counts: Tensor

    def __add__(self, other: Scores) -> Scores:
        return Scores(self.sums + other.sums, self.counts + other.counts)

    def means(self) -> Tensor:
        """Mean of each modality; where no sample has it, that of those that some have.

        So nobody is ahead of a modality that isn't there.
        """
        means, known = self.sums / self.counts.clamp_min(1), self.counts > 0
        return torch.where(known, means, mean_present(means, known).unsqueeze(1))


def summed(values: Tensor, step: Step, modalities: Iterable[str]) -> Scores:
    """Sums of what is known of each sample by each modality, ``(member, modality, sample)``."""
    if not step.present:
        return Scores(values.sum(2), torch.full_like(values[..., 0], values.shape[2]))
    there = stacked_present(step.present, modalities)
    return Scores(torch.where(there, values, 0).sum(2), there.sum(2).to(values))


def likelihood_scores(target: Target, step: Step) -> Scores:
    """Each head's likelihoods of the truth, without gradient."""
    unimodal = step.forward.unimodal
    outputs = torch.stack([x.detach() for x in unimodal.values()], dim=1)
    return summed(target.likelihoods(outputs, step.labels), step, unimodal)


def likelihoods(target: Target, step: Step) -> Tensor:
    """Each head's mean likelihood of the truth, ``(member, modality)``, without gradient."""
    return likelihood_scores(target, step).means()


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


class UpdateScores:
    """Scores added up over the steps that make up an update."""

    def __init__(self) -> None:
        self.scores: Scores | None = None

    def add(self, scores: Scores) -> None:
        """Adds a step's."""
        self.scores = scores if self.scores is None else self.scores + scores

    def taken(self) -> Scores:
        """The update's; the next one begins anew."""
        assert self.scores is not None, "an update has a step"
        scores, self.scores = self.scores, None
        return scores


class Modulator(Balancer):
    """A coefficient for each modality, from scores of all steps of an update, in a window."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.window = Window(options, context)

    def start_epoch(self, epoch: Tensor) -> None:
        self.epoch = epoch
        self.open = self.window.open(epoch).unsqueeze(1)
        self.seen = UpdateScores()


def judged_alone(network: MultimodalNet, features: Features, frozen: bool) -> Features:
    """What the fusion makes of each modality with zeros for the others, ``(member, sample, …)``.

    Args:
        frozen: whether no gradient reaches the fusion.
    """
    fusion = network.fusion
    given = {n: p.detach() if frozen else p for n, p in fusion.named_parameters()}
    return {
        m: torch.func.functional_call(
            fusion,
            given,
            ({o: f if o == m else torch.zeros_like(f) for o, f in features.items()},),
        )
        for m in features
    }


def votes_of(network: MultimodalNet, features: Features) -> Features:
    """What each modality gives to a fusion that decides by votes."""
    from armtune.nn.subset_fusion import Parted

    assert isinstance(network.fusion, Parted), "the method's own fusion"
    votes: Features = network.fusion.apart(features)
    return votes


def frozen_judgements(network: MultimodalNet, features: Features) -> Tensor:
    """The heads' logits with gradient for the features alone, ``(member, modality, sample, …)``."""
    logits = []
    for head, feature in zip(network.heads, features.values(), strict=True):
        frozen = {name: p.detach() for name, p in head.named_parameters()}
        logits.append(torch.func.functional_call(head, frozen, (feature,)))
    return torch.stack(logits, dim=1)


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
