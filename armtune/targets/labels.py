"""Labels of which a sample may have none, one or several: binary cross-entropies, and micro-F1.

Micro-F1 is the score because it asks for what is there: where labels are rare, a share of right
answers is high for a model that finds none, and a share of samples without any mistake is low for
all models alike. It is defined for every split, counts each label as often as it occurs, and the
constant prediction has a value too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete, Index, Metric, beside
from armtune.targets._calibration import temperature_of, thresholds_of
from armtune.targets._names import AS_TEXT, refuse_lookalikes

if TYPE_CHECKING:
    from torch import Tensor

SEPARATOR = ";"
"""Stands between the names of a sample's labels."""


@dataclass(frozen=True)
class LabelPrediction:
    """Labels and probabilities of samples.

    Attributes:
        labels: whether a sample has a label, ``(sample, label)``: where its probability is above
            its threshold.
        probabilities: of each label by itself, ``(sample, label)``.
        label_names: the labels' names, in their order.
    """

    labels: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    label_names: Sequence[str]

    @property
    def names(self) -> list[list[str]]:
        """Names of the labels that each sample has."""
        return [[self.label_names[int(k)] for k in np.flatnonzero(row)] for row in self.labels]

    def rows(self) -> Iterator[list[str]]:
        """The labels' names and all probabilities."""
        for names, row in zip(self.names, self.probabilities.tolist(), strict=True):
            yield [SEPARATOR.join(names), *map("{:.6g}".format, row)]

    def records(self) -> Iterator[dict[str, Any]]:
        """``labels`` and ``probabilities`` by label."""
        for names, row in zip(self.names, self.probabilities.tolist(), strict=True):
            yield {
                "labels": names,
                "probabilities": dict(zip(self.label_names, row, strict=True)),
            }


@dataclass(frozen=True)
class Labels(Discrete):
    """Each sample has any of several labels; outputs are their logits.

    Labels are zeros and ones, ``(sample, label)``, float32; ``names`` are what they are called.
    Losses, entropies and information are means over the labels.

    Attributes:
        thresholds: the probability above which a served model says each label; none for one half.
    """

    thresholds: tuple[float, ...] = ()

    kind = "labels"
    score = "micro_f1"
    loss = "binary cross-entropy of the fused prediction, mean over the labels, in nats"
    own: ClassVar[tuple[Metric, ...]] = (
        Metric("micro_f1", "maximize", "F1 score of all labels of all samples together"),
        Metric("macro_f1", "maximize", "mean over labels of the F1 score"),
        Metric("mean_average_precision", "maximize", "mean over labels of the average precision"),
        Metric("subset_accuracy", "maximize", "share of samples with all labels right"),
        Metric("label_accuracy", "maximize", "share of right answers over samples and labels"),
    )

    @classmethod
    def read(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Labels, NDArray[Any]]:
        if raw.ndim == 1 and raw.dtype.kind == "U":
            return cls._named(raw, place)
        if raw.ndim != 2 or raw.dtype.kind not in "biuf" or not np.isin(raw, (0, 1)).all():
            hint = f", not bytes; {AS_TEXT}" if raw.dtype.kind == "S" else ""
            raise DataError(
                f"{place}: target: labels needs a matrix of 0 and 1, a column a label, or text in "
                f"which {SEPARATOR!r} stands between the labels' names{hint}"
            )
        known = tuple(names) or tuple(map(str, range(raw.shape[1])))
        if len(known) != raw.shape[1]:
            raise DataError(f"{place}: has {raw.shape[1]} labels, but {len(known)} names")
        return cls(known), raw.astype(np.float32)

    @classmethod
    def _named(cls, raw: NDArray[Any], place: str) -> tuple[Labels, NDArray[Any]]:
        """From text such as ``cat;dog``; empty text is no label."""
        cells = [{part.strip() for part in cell.split(SEPARATOR)} - {""} for cell in raw.tolist()]
        known = tuple(sorted(set().union(*cells)))
        refuse_lookalikes(known, place)
        rows = [[name in cell for name in known] for cell in cells]
        return cls(known), np.array(rows, np.float32).reshape(len(cells), len(known))

    def fitted(self, labels: NDArray[Any], train: Index, place: str) -> Labels:
        if not self.names:
            raise DataError(f"{place}: no sample has any label")
        shares = labels[train].mean(axis=0)
        for name, share in zip(self.names, shares, strict=True):
            if share in (0, 1):
                said = "no training sample has" if share == 0 else "all training samples have"
                raise DataError(f"{place}: {said} the label {name!r}; leave it out")
        return self

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        return np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)

    def members(self, labels: NDArray[Any]) -> tuple[Index, Index]:
        samples, names = np.nonzero(labels)
        return samples, names

    @property
    def summary(self) -> str:
        return f"Says which of {self.width} labels a sample has: {', '.join(self.names)}."

    @property
    def heading(self) -> str:
        return "samples with a label"

    def overview(self, labels: NDArray[Any]) -> dict[str, float]:
        return dict(zip(self.names, labels.sum(axis=0).astype(int).tolist(), strict=True))

    def tensor(self, labels: NDArray[Any], device: str, dtype: torch.dtype) -> Tensor:
        return torch.tensor(labels, device=device, dtype=dtype)

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        truth = beside(labels, outputs)
        if self.smoothing:
            truth = truth + self.smoothing * (0.5 - truth)
        return loss(outputs, truth, reduction="none").mean(-1)

    def likelihoods(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return replace(self, smoothing=0.0).losses(outputs, labels).neg().exp()

    def uncertainty(self, labels: Tensor) -> float:
        return float(_entropy(labels.double().mean(0)))

    def decide(self, outputs: Tensor) -> Tensor:
        return outputs > 0

    def marks(self, decisions: Tensor, labels: Tensor) -> Tensor:
        truth = beside(labels, decisions) > 0
        return torch.stack([(decisions & truth).sum(-1), decisions.sum(-1), truth.sum(-1)], dim=-2)

    def scores(self, marks: Tensor, samples: Tensor) -> Tensor:
        return _f1(*marks.unbind(-1))

    def tally(self, members: int, like: Tensor) -> LabelTally:
        return LabelTally()

    def right(self, decisions: Tensor, labels: Tensor) -> Tensor:
        return (decisions == (beside(labels, decisions) > 0)).to(labels).mean(-1)

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        log = torch.nn.functional.logsigmoid
        return torch.stack([log(outputs), log(-outputs)], dim=-1)

    def mixed(self, outputs: Tensor, shares: Tensor) -> Tensor:
        each = self.log_probabilities(outputs) + shares.log()[..., None, None]
        there, not_there = each.logsumexp(0).unbind(-1)
        return there - not_there

    def codes(self, outputs: Tensor) -> Tensor:
        return (outputs > 0).long().transpose(-1, -2)

    def label_codes(self, labels: Tensor) -> Tensor:
        return labels.long().transpose(-1, -2)

    @property
    def bins(self) -> int:
        return 2

    def calibrated(self, outputs: Tensor, labels: Tensor) -> Labels:
        outputs, truth = outputs.double(), labels.double()

        def loss(temperature: float) -> float:
            return float(self.losses(outputs[None] / temperature, truth[None]).mean())

        warm = replace(self, temperature=temperature_of(loss))
        return replace(warm, thresholds=thresholds_of(warm.served(outputs), truth > 0))

    def served(self, outputs: Tensor) -> Tensor:
        return self.tempered(outputs).sigmoid()

    @property
    def columns(self) -> list[str]:
        return ["labels", *(f"p({name})" for name in self.names)]

    def prediction(self, served: NDArray[np.float32]) -> LabelPrediction:
        return LabelPrediction(self.said(served), served, self.names)

    def said(self, served: NDArray[np.float32]) -> NDArray[np.bool_]:
        return served > np.array(self.thresholds or 0.5, np.float32)


class LabelTally:
    """Outputs and labels as they are, since average precision needs all of them at once."""

    def __init__(self) -> None:
        self.chunks: list[tuple[Tensor, Tensor]] = []

    def add(self, outputs: Tensor, decisions: Tensor, labels: Tensor) -> None:
        self.chunks.append((outputs, labels > 0))

    def blind(self) -> tuple[Tensor, Tensor]:
        truth = torch.cat([labels for _, labels in self.chunks], dim=1).double()
        shares = truth.mean(1)
        # Without any modality a model knows how frequent each label is, and decides by that.
        told = (shares > 0.5).double()
        return _f1((shares * told).sum(1), told.sum(1), shares.sum(1)), _entropy(shares)

    def metrics(self) -> dict[str, Tensor]:
        outputs, truth = (torch.cat(parts, dim=1) for parts in zip(*self.chunks, strict=True))
        told = outputs > 0
        hits, found, there = (x.sum(1).double() for x in (told & truth, told, truth))
        occur = found + there > 0
        right = told == truth
        return {
            "macro_f1": _mean(_f1(hits, found, there), occur),
            "mean_average_precision": _mean(average_precision(outputs, truth), there > 0),
            "subset_accuracy": right.all(2).double().mean(1),
            "label_accuracy": right.double().mean((1, 2)),
        }


def average_precision(outputs: Tensor, truth: Tensor) -> Tensor:
    r"""Average precision :math:`\sum_n (R_n - R_{n-1}) P_n` of each label, ``(member, label)``.

    Thresholds are the outputs that occur; without a sample that has the label it is 0.

    Args:
        outputs: the higher the likelier, ``(member, sample, label)``.
        truth: whether a sample has a label, boolean.
    """
    descending, order = outputs.transpose(1, 2).neg().contiguous().sort(dim=-1)
    hits = truth.transpose(1, 2).gather(-1, order).double()
    # Samples of equal outputs are found together: all count as the last of them.
    found = torch.searchsorted(descending, descending, right=True)
    precision = hits.cumsum(-1).gather(-1, found - 1) / found
    return (precision * hits).sum(-1) / hits.sum(-1).clamp_min(1)


def _f1(hits: Tensor, found: Tensor, there: Tensor) -> Tensor:
    """F1 score from counts of found labels that are there, of found ones, and of those there."""
    total = found + there
    return 2 * hits / torch.where(total > 0, total, 1)


def _mean(values: Tensor, which: Tensor) -> Tensor:
    """Mean over the labels of those that count, ``(member,)``; 0 where none does."""
    return torch.where(which, values, 0.0).sum(1) / which.sum(1).clamp_min(1)


def _entropy(shares: Tensor) -> Tensor:
    """Mean over the labels, the last axis, of the entropy of having one, in nats."""
    return (torch.special.entr(shares) + torch.special.entr(1 - shares)).mean(-1)
