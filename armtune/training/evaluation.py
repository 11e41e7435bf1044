"""Validation and test: every metric of every subset of modalities from one pass of the encoders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from armtune.balancing._parts import stacked_present
from armtune.information import shapley_values
from armtune.metrics import ERROR, Measure
from armtune.nn.forward import Batch, Features
from armtune.targets import Target
from armtune.training.network import MultimodalNet

CHUNK = 1024
"""Samples times members that a CPU encodes at a time: what outgrows its cache is far slower."""
CHUNK_ACCELERATOR = 8192
"""Samples that a GPU encodes at a time, which needs more to be busy."""
PARTS = 20
"""Parts of the judged samples, one of which at a time is left out to learn how chance moves it."""
CHUNK_VALUES = 40_000_000
"""Numbers, as ``network.values`` counts them, that are encoded at a time on any device. What a
ResNet-18 makes of an image is 12 times as large as the image: 2 GB of float32."""


class Judged(Protocol):
    """Samples that all members share."""

    def chunks(self, size: int) -> Iterator[Batch]:
        """All samples in order, ``(sample, …)``, some at a time."""


class Judges(Protocol):
    """Networks whose outputs are judged, or what stands for them.

    Attributes:
        means: has a row a member, of the type and on the device that sums are made in.
    """

    @property
    def modalities(self) -> tuple[str, ...]: ...
    @property
    def means(self) -> Tensor: ...


@dataclass(frozen=True)
class Known:
    """Stands for networks whose outputs are known already."""

    modalities: tuple[str, ...]
    means: Tensor


def decisions(network: MultimodalNet, features: Features) -> Tensor:
    """Outputs ``(member, decision, sample, output)``: of each subset of modalities, then heads.

    Subsets count as bit masks in the modalities' order do, from 1; the last one has them all.
    """
    subsets = list(range(1, 2 ** len(network.modalities)))
    fused = network.fuse_subsets(features, network.mean_features(), subsets)
    heads = torch.stack(list(network.judge(features).values()), dim=1)
    # In memory samples come last, as targets compute with them.
    return torch.cat([fused.mT, heads.mT], dim=1).mT


def fused_at(modalities: int) -> int:
    """Which of the decisions is the one on all modalities."""
    return 2**modalities - 2


class Tally:
    """Sums from which all metrics follow, added up chunk by chunk on the device."""

    def __init__(
        self, judges: Judges, target: Target, measures: Mapping[str, Measure] | None = None
    ) -> None:
        self.modalities, self.target = judges.modalities, target
        self.measures = measures or {}
        self.decisions: list[tuple[Tensor, Tensor]] = []
        self.keeps, self.marks = False, list[Tensor]()
        players = len(judges.modalities)
        self.subsets = list(range(1, 2**players))
        like = judges.means
        # Subsets, then heads: together, since a CPU spends more on the calls than on the numbers.
        self.sums = Sums(target, len(like), len(self.subsets) + players, like)
        self.fused = target.tally(len(like), like)
        self.parts = Parts(target, len(like), like)

    def add(self, outputs: Tensor, labels: Tensor, present: Features | None = None) -> None:
        """Counts a chunk of outputs, as ``decisions`` has them, and labels ``(member, sample)``.

        Args:
            present: which samples have a modality, of those that some lack; the features of the
                others are what stands in for it. Heads are judged on samples that have theirs.
        """
        decided = self.sums.add(outputs, labels, self._counted(present) if present else None)
        every = len(self.subsets) - 1
        self.fused.add(outputs[:, every], decided[:, every], labels)
        self.parts.add(decided[:, every : every + 1], labels)
        if self.keeps:
            self.marks.append(self.target.marks(decided[:, every], labels))
        if self.measures:
            self.decisions.append((outputs[:, every], labels))

    def _counted(self, present: Features) -> Tensor:
        """Which samples count for each decision, ``(member, decision, sample)``."""
        heads = stacked_present(present, self.modalities)
        everyone = torch.ones_like(heads[:, :1]).expand(-1, len(self.subsets), -1)
        return torch.cat([everyone, heads], dim=1)

    def metrics(self) -> list[dict[str, float]]:
        """Each member's metrics by name."""
        columns = self._columns()
        table = torch.stack([values.double() for values in columns.values()], dim=1).tolist()
        usual = [dict(zip(columns, row, strict=True)) for row in table]
        return [{**metrics, **self._measured(k)} for k, metrics in enumerate(usual)]

    def per_sample(self) -> list[Tensor]:
        """What each sample counts for the score, ``(sample,)`` for each member, if that is kept."""
        return list(map(self.target.per_sample, torch.cat(self.marks, dim=-1)))

    def _measured(self, member: int) -> dict[str, float]:
        """The recipe's own metrics of a member."""
        if not self.measures:
            return {}
        outputs = torch.cat([outputs[member] for outputs, _ in self.decisions])
        labels = torch.cat([labels[member] for _, labels in self.decisions])
        seen = self.target.measured(outputs, labels)
        return {name: float(m.value(*seen)) for name, m in self.measures.items()}

    def _columns(self) -> dict[str, Tensor]:
        names, target, score = self.modalities, self.target, self.target.score
        blind_score, blind_loss = (each.unsqueeze(1) for each in self.fused.blind())
        split = [len(self.subsets), len(names)]
        scores, unimodal = self.sums.scores().split(split, dim=1)
        mean, alone = self.sums.losses().split(split, dim=1)
        values = torch.cat([blind_score, scores], dim=1)
        losses = torch.cat([blind_loss, mean], dim=1)
        contributions = shapley_values(values)
        information = target.told(alone, blind_loss)
        without = [len(self.subsets) ^ 1 << k for k in range(len(names))]
        conditional = target.told(losses[:, -1:], losses[:, without])
        return {
            score: values[:, -1],
            ERROR: self.parts.standard_error(),
            **self.fused.metrics(),
            "loss": losses[:, -1],
            **_each(f"unimodal_{score}", names, unimodal),
            f"weakest_{score}": unimodal.amin(1),
            **_each("missing", names, values[:, without]),
            **_each("contribution", names, contributions),
            "contribution_gap": contributions.amax(1) - contributions.amin(1),
            **_each("information", names, information),
            **_each("conditional", names, conditional),
        }


class Sums:
    """Marks and losses of several decisions, summed over the samples that count for each."""

    def __init__(self, target: Target, members: int, decisions: int, like: Tensor) -> None:
        self.target = target
        shape = (members, decisions)
        self.samples, self.lost = (like.new_zeros(shape, dtype=torch.float64) for _ in range(2))
        self.marks = like.new_zeros(*shape, 1, dtype=torch.float64)

    def add(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Counts outputs ``(member, decision, sample, output)``; returns what they decide.

        Args:
            there: which samples count, ``(member, decision, sample)``; None for all.
        """
        decided = self.target.decide(outputs)
        marks, losses = self.target.marks(decided, labels), self.target.losses(outputs, labels)
        if there is not None:
            marks = torch.where(there.unsqueeze(2), marks, 0)
            losses = torch.where(there, losses, 0)
        self.marks = self.marks + marks.sum(3, dtype=torch.float64)
        self.lost += losses.sum(2)
        self.samples += outputs.shape[2] if there is None else there.sum(2)
        return decided

    def scores(self) -> Tensor:
        """The score of each decision, ``(member, decision)``."""
        return self.target.scores(self.marks, self.samples)

    def losses(self) -> Tensor:
        """The mean loss of each decision, ``(member, decision)``."""
        return self.lost / self.samples


class Parts:
    """Marks of one decision on ``PARTS`` parts of the samples: how far chance moves its score."""

    def __init__(self, target: Target, members: int, like: Tensor) -> None:
        self.target, self.seen = target, 0
        self.samples = like.new_zeros(PARTS, dtype=torch.float64)
        self.marks = like.new_zeros(members, PARTS, 1, dtype=torch.float64)

    def add(self, decided: Tensor, labels: Tensor) -> None:
        """Counts decisions ``(member, 1, sample)``; each sample falls to the next part."""
        marks = self.target.marks(decided, labels).squeeze(1).mT.double()
        part = torch.arange(self.seen, self.seen + marks.shape[1], device=marks.device) % PARTS
        if self.marks.shape[2] < marks.shape[2]:
            self.marks = self.marks.expand(-1, -1, marks.shape[2]).contiguous()
        self.marks.index_add_(1, part, marks)
        self.samples.index_add_(0, part, torch.ones_like(part, dtype=torch.float64))
        self.seen += marks.shape[1]

    def standard_error(self) -> Tensor:
        """The jackknife's: of the score without one part, without another, …, ``(member,)``."""
        parts = min(PARTS, self.seen)
        marks, samples = self.marks[:, :parts], self.samples[:parts]
        rest = (samples.sum() - samples).expand(len(marks), -1)
        scores = self.target.scores(marks.sum(1, keepdim=True) - marks, rest)
        return ((parts - 1) * scores.var(1, correction=0)).sqrt()


def _each(name: str, modalities: Sequence[str], values: Tensor) -> dict[str, Tensor]:
    """Columns ``(member, modality)`` by the modalities' names."""
    return {f"{name}/{m}": values[:, k] for k, m in enumerate(modalities)}


def at_a_time(network: MultimodalNet) -> int:
    """Samples that are best encoded at once, and that memory holds."""
    members = len(network.means)
    few = CHUNK // members if network.means.device.type == "cpu" else CHUNK_ACCELERATOR
    return max(1, min(few, CHUNK_VALUES // (members * network.values)))


@torch.no_grad()
def evaluate(
    network: MultimodalNet,
    samples: Judged,
    target: Target,
    measures: Mapping[str, Measure] | None = None,
    counts: list[Tensor] | None = None,
) -> list[dict[str, float]]:
    """Metrics of each member on samples that all members share.

    Args:
        measures: metrics to compute beside the usual ones, by name.
        counts: takes what each sample counts for the score, ``(sample,)`` for each member.
    """
    tally = Tally(network, target, measures)
    tally.keeps = counts is not None
    for outputs, labels, present in decisions_by_chunk(network, samples):
        tally.add(outputs, labels, present)
    if counts is not None:
        counts += tally.per_sample()
    return tally.metrics()


@torch.no_grad()
def all_outputs(network: MultimodalNet, samples: Judged) -> Tensor:
    """Outputs ``(member, decision, sample, output)`` for samples that all members share."""
    return torch.cat([outputs for outputs, _, _ in decisions_by_chunk(network, samples)], dim=2)


def decisions_by_chunk(
    network: MultimodalNet, samples: Judged
) -> Iterator[tuple[Tensor, Tensor, Features]]:
    """Outputs, labels and what is present of all members, some samples at a time."""
    members = len(network.means)
    for chunk in samples.chunks(at_a_time(network)):
        views, present = (
            {m: part.expand(members, *part.shape) for m, part in parts.items()}
            for parts in (chunk.views, chunk.present)
        )
        labels = chunk.labels.expand(members, *chunk.labels.shape)
        yield decisions(network, network.encode(views, present)), labels, present
