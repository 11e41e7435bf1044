"""Validation and test: every metric of every subset of modalities from one pass of the encoders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from armtune.forward import Batch, Features, cross_entropy, only
from armtune.information import entropy, joint_counts, shapley_values
from armtune.metrics import Measure
from armtune.network import MultimodalNet

CHUNK = 2048
"""Samples that are encoded at a time."""
BINS = 15
"""Bins of confidence in the calibration error (Guo et al., ICML 2017)."""


class Judged(Protocol):
    """Samples that all members share."""

    def chunks(self, size: int) -> Iterator[Batch]:
        """All samples in order, ``(sample, …)``, some at a time."""


class Tally:
    """Counts from which all metrics follow, added up chunk by chunk on the device."""

    def __init__(
        self, network: MultimodalNet, classes: int, measures: Mapping[str, Measure] | None = None
    ) -> None:
        self.network = network
        self.measures = measures or {}
        self.decisions: list[tuple[Tensor, Tensor]] = []
        self.classes = classes
        players = len(network.modalities)
        self.subsets = list(range(1, 2**players))
        like = network.means
        members = len(like)
        self.right = like.new_zeros(members, len(self.subsets))
        self.unimodal = like.new_zeros(members, players)
        self.samples = like.new_zeros(members, players)
        self.losses = like.new_zeros(members, len(self.subsets))
        self.head_losses = like.new_zeros(members, players)
        self.confusion = torch.zeros(
            members, classes, classes, dtype=torch.float64, device=like.device
        )
        self.calibration = like.new_zeros(3, members, BINS)

    def add(self, features: Features, labels: Tensor, present: Features | None = None) -> None:
        """Counts a chunk of features and labels ``(member, sample)``.

        Args:
            present: which samples have a modality, of those that some lack; the features of the
                others are what stands in for it. Heads are judged on samples that have theirs.
        """
        network = self.network
        stacked = network.fuse(only(features, network.mean_features(), self.subsets))
        logits = stacked.unflatten(1, (len(self.subsets), -1))
        predicted = logits.argmax(-1)
        self.right += (predicted == labels.unsqueeze(1)).sum(2)
        heads = torch.stack(list(network.judge(features).values()), dim=1)
        right, head_losses = heads.argmax(-1) == labels.unsqueeze(1), _losses(heads, labels)
        if present:
            everyone = torch.ones_like(right[:, 0])
            there = torch.stack([present.get(m, everyone) for m in network.modalities], dim=1)
            right, head_losses = right & there, torch.where(there, head_losses, 0)
            self.samples += there.sum(2)
        else:
            self.samples += labels.shape[1]
        self.unimodal += right.sum(2)
        self.losses += _losses(logits, labels).sum(2)
        self.head_losses += head_losses.sum(2)
        self.confusion += joint_counts([labels, predicted[:, -1]], [self.classes] * 2)
        self._calibrate(logits[:, -1], predicted[:, -1] == labels)
        if self.measures:
            self.decisions.append((logits[:, -1], labels))

    def _calibrate(self, logits: Tensor, right: Tensor) -> None:
        confidence = logits.softmax(-1).amax(-1)
        bins = (confidence * BINS).nan_to_num().long().clamp(0, BINS - 1)
        for sums, amounts in zip(
            self.calibration, (torch.ones_like(confidence), confidence, right), strict=True
        ):
            sums.scatter_add_(1, bins, amounts.to(sums.dtype))

    def metrics(self) -> list[dict[str, float]]:
        """Each member's metrics by name."""
        table = {name: values.tolist() for name, values in self._columns().items()}
        members = range(len(self.losses))
        usual = [{name: float(values[k]) for name, values in table.items()} for k in members]
        return [{**metrics, **self._measured(k)} for k, metrics in enumerate(usual)]

    def _measured(self, member: int) -> dict[str, float]:
        """The recipe's own metrics of a member."""
        if not self.measures:
            return {}
        logits = torch.cat([logits[member] for logits, _ in self.decisions])
        labels = torch.cat([labels[member] for _, labels in self.decisions])
        return {name: float(m.value(logits, labels)) for name, m in self.measures.items()}

    def _columns(self) -> dict[str, Tensor]:
        names = self.network.modalities
        samples = self.confusion.sum((1, 2))
        accuracy = self.right / samples.unsqueeze(1)
        unimodal = self.unimodal / self.samples
        chance = (self.confusion.sum(2).amax(1) / samples).unsqueeze(1)
        values = torch.cat([chance, accuracy], dim=1)
        contributions = shapley_values(values)
        everyone = len(self.subsets)
        losses = self.losses / samples.unsqueeze(1)
        uncertainty = entropy(self.confusion.sum(2)).to(losses)
        information = uncertainty.unsqueeze(1) - self.head_losses / self.samples
        without = torch.cat([uncertainty.unsqueeze(1), losses], dim=1)
        conditional = {
            m: without[:, everyone ^ 1 << k] - losses[:, -1] for k, m in enumerate(names)
        }
        absent = {m: values[:, everyone ^ 1 << k] for k, m in enumerate(names)}
        return {
            "accuracy": accuracy[:, -1],
            "macro_f1": _macro_f1(self.confusion),
            "loss": losses[:, -1],
            "calibration_error": _calibration_error(self.calibration),
            **{f"unimodal_accuracy/{m}": unimodal[:, k] for k, m in enumerate(names)},
            "weakest_accuracy": unimodal.amin(1),
            **{f"missing/{m}": share for m, share in absent.items()},
            **{f"contribution/{m}": contributions[:, k] for k, m in enumerate(names)},
            "contribution_gap": contributions.amax(1) - contributions.amin(1),
            **{f"information/{m}": information[:, k] for k, m in enumerate(names)},
            **{f"conditional/{m}": values for m, values in conditional.items()},
        }


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy ``(member, decision, sample)`` of decisions ``(…, sample, class)``."""
    repeated = labels.repeat(1, logits.shape[1])
    return cross_entropy(logits.flatten(1, 2), repeated).unflatten(1, logits.shape[1:3])


@torch.no_grad()
def evaluate(
    network: MultimodalNet,
    samples: Judged,
    classes: int,
    measures: Mapping[str, Measure] | None = None,
) -> list[dict[str, float]]:
    """Metrics of each member on samples that all members share.

    Args:
        measures: metrics to compute beside the usual ones, by name.
    """
    tally = Tally(network, classes, measures)
    members = len(network.means)
    # As much at a time for a pack as for one member: what outgrows the cache is far slower.
    for chunk in samples.chunks(max(1, CHUNK // members)):
        views, present = (
            {m: part.expand(members, *part.shape) for m, part in parts.items()}
            for parts in (chunk.views, chunk.present)
        )
        tally.add(network.encode(views, present), chunk.labels.expand(members, -1), present)
    return tally.metrics()


def _macro_f1(confusion: Tensor) -> Tensor:
    """Mean F1 over the classes that occur, from counts ``(member, label, prediction)``."""
    right = confusion.diagonal(dim1=1, dim2=2)
    total = confusion.sum(1) + confusion.sum(2)
    scores = torch.where(total > 0, 2 * right / total.clamp_min(1), 0.0)
    return scores.sum(1) / (total > 0).sum(1)


def _calibration_error(sums: Tensor) -> Tensor:
    """Mean over samples of |accuracy − confidence| in their bin, from count, confidence, right."""
    count, confidence, right = sums
    return (confidence - right).abs().sum(1) / count.sum(1)
