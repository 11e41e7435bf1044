"""The hooks of a balancing method; here they do nothing, and a method overrides what it needs.

Per-member figures are tensors ``(member, …)``: a pack's members each have their own knobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from armtune.nn.forward import Batch, Features, Forward, mean_present
from armtune.nn.random_streams import stream
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target
    from armtune.training.network import MultimodalNet


@dataclass(frozen=True)
class Context:
    """What a balancing method may know of the training it hooks into.

    Attributes:
        network: the network that is trained.
        seeds: each member's seed.
        target: what is predicted, and what it costs to be wrong.
        uncertainty: nats that a training label leaves open: for classes their entropy.
        samples: number of training samples, the valuation slice taken off.
        steps: steps an epoch.
        batch_size: samples a step.
        epochs: epochs of the whole training.
        solo: trains each member's encoder and head of one modality alone, with the same recipe
            and loop, and gives the network with every member's best epoch in place.
        take: training samples by their numbers among the training samples ``(member, sample)``.
        present: which training samples have a modality, ``(member, sample)``, of the modalities
            that some lack.
        held_present: the same of the valuation slice.
        accumulate: steps that make up an update.
    """

    network: MultimodalNet
    seeds: tuple[int, ...]
    target: Target
    uncertainty: float
    samples: int
    steps: int
    batch_size: int
    epochs: int
    solo: Callable[[str], MultimodalNet]
    take: Callable[[Tensor], Batch]
    present: Features
    held_present: Features
    accumulate: int = 1

    @property
    def modalities(self) -> tuple[str, ...]:
        return self.network.modalities

    @property
    def classes(self) -> int:
        return self.target.width

    @property
    def like(self) -> Tensor:
        """A tensor with the training's device and floating type."""
        return self.network.weights

    def present_in(self, index: Tensor) -> Features:
        """``present`` of some training samples, by their numbers ``(member, sample)``."""
        return {m: there.gather(1, index) for m, there in self.present.items()}

    def knob(self, options: Sequence[Any], name: str) -> Tensor:
        """A numeric option of every member, ``(member,)``."""
        return self.like.new_tensor([float(getattr(o, name)) for o in options])

    def streams(
        self, purpose: str, epochs: Sequence[int], device: torch.device | str = "cpu"
    ) -> list[torch.Generator]:
        """Each member's own random stream for a purpose in its epoch, which draws on a device."""
        pairs = zip(self.seeds, epochs, strict=True)
        return [stream(seed, purpose, number, device) for seed, number in pairs]

    def uniform(self, purpose: str, epoch: Tensor, *shape: int) -> Tensor:
        """Uniform draws in [0, 1) from each member's own stream, ``(member, *shape)``."""
        draws = [
            torch.rand(shape, generator=generator, dtype=self.like.dtype)
            for generator in self.streams(purpose, epoch.tolist())
        ]
        return torch.stack(draws).to(self.like.device)


@dataclass(frozen=True)
class Step:
    """One step's batch as a balancing method sees it.

    Attributes:
        forward: what the network made of the batch; its features are the encoders' own, or what
            stands in for an absent modality.
        labels: ``(member, sample)``, as the target has them.
        index: each sample's number among the training samples, ``(member, sample)``.
        number: number of this step within the epoch, from 0.
        present: which samples have a modality, ``(member, sample)``, of the modalities that some
            lack.
    """

    forward: Forward
    labels: Tensor
    index: Tensor
    number: int
    present: Features = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def sample_losses(self, target: Target) -> Tensor:
        """Losses of the fused decision, then by each head, ``(member, decision, sample)``.

        Computed together and once, since a CPU spends more on the calls than on the numbers.
        """
        if "losses" not in self._known:
            outputs = torch.stack([self.forward.logits, *self.forward.unimodal.values()], dim=1)
            self._known["losses"] = target.losses(outputs, self.labels)
        losses: Tensor = self._known["losses"]
        return losses

    def mean_losses(self, target: Target) -> Sequence[Tensor]:
        """Means of the same, ``(member,)`` each: a head's over samples that have its modality."""
        if "means" not in self._known:
            losses = self.sample_losses(target)
            there = [None, *map(self.present.get, self.forward.unimodal)]
            pairs = zip(losses.unbind(1), there, strict=True)
            self._known["means"] = (
                [mean_present(*pair) for pair in pairs]
                if self.present
                else losses.mean(2).unbind(1)
            )
        means: Sequence[Tensor] = self._known["means"]
        return means


Gradients = dict[str, "Tensor"]
"""Gradient of each parameter by its name in the network, ``(member, *shape)``."""


def sum_in_order(terms: Sequence[Tensor]) -> Tensor:
    """Sum in the given order, so that equal terms give equal bits."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class Balancer:
    """A balancing method's hooks, in the order in which the training loop calls them."""

    heads_reach_encoders = False
    """Whether the unimodal heads' gradient reaches the encoders."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def start_epoch(self, epoch: Tensor) -> None:
        """Called before an epoch; ``epoch`` is each member's, counted from 0, ``(member,)``."""

    def sample_weights(self) -> Tensor | None:
        """Weights to draw training samples with, ``(member, sample)``; None for all alike.

        A member whose weights are all equal is shuffled, not drawn.
        """
        return None

    def order(self, order: Tensor) -> Tensor:
        """The order in which an epoch visits training samples, as the method wants it.

        Args:
            order: their numbers among the training samples, ``(member, steps × batch)``.
        """
        return order

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        """Features that go into the fusion, in training only.

        Args:
            features: the encoders' output, or what stands in for an absent modality,
                ``(member, sample, feature)``.
            index: each sample's number among the training samples, ``(member, sample)``.
            step: number of this step within the epoch, from 0.
        """
        return features

    def losses(self, step: Step) -> Sequence[Tensor]:
        """Losses of each member, ``(member,)`` each, differentiated one by one.

        Most methods have a single one. The heads always learn their own loss, the target's.
        """
        return [self.fused_loss(step) + self.heads_loss(step)]

    def fused_loss(self, step: Step) -> Tensor:
        """Loss of the fused decision, ``(member,)``."""
        return step.mean_losses(self.context.target)[0]

    def heads_loss(self, step: Step) -> Tensor:
        """Sum of the heads' own losses, ``(member,)``."""
        return sum_in_order(self.head_losses(step))

    def head_losses(self, step: Step) -> Sequence[Tensor]:
        """Each head's loss over the samples that have its modality, ``(member,)``."""
        return step.mean_losses(self.context.target)[1:]

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        """Called before each update, without gradient, with each loss's gradient.

        The optimizer follows the first; changes are made in place.
        """

    def end_epoch(self, epoch: Tensor, features: Features, labels: Tensor) -> dict[str, Tensor]:
        """Called after an epoch with the valuation slice, without gradient.

        Args:
            epoch: each member's, counted from 0, ``(member,)``.
            features: encoders' output on the slice, ``(member, sample, feature)``; empty when
                the method holds nothing out.
            labels: ``(member, sample)``.

        Returns:
            metrics of the method's own, ``(member,)`` each.
        """
        return {}

    def running(self) -> dict[str, Tensor]:
        """Tensors beside ``state`` that a checkpoint within an epoch keeps.

        ``start_epoch`` has made them anew when they are restored in place: what steps add up, and
        what it took from a state that steps change.
        """
        return {}

    def state(self) -> dict[str, Tensor]:
        """Tensors that a checkpoint keeps; they are restored in place."""
        return {}
