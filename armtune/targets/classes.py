"""One of several classes: cross-entropy, and accuracy as the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.information import entropy, joint_counts
from armtune.plugins.lazy_imports import torch
from armtune.targets import Discrete, Index, Metric, beside
from armtune.targets._calibration import temperature_of
from armtune.targets._names import AS_TEXT, as_names, in_order

if TYPE_CHECKING:
    from torch import Tensor

BINS = 15
"""Bins of confidence in the calibration error (Guo et al., ICML 2017)."""

OTHERWISE = {
    "f": "; target: values predicts numbers",
    "b": "; store labels.astype(int), or names as text",
    "S": f"; {AS_TEXT}",
}
"""What to do with labels of other kinds."""


@dataclass(frozen=True)
class ClassPrediction:
    """Classes and probabilities of samples.

    Attributes:
        classes: index of the likeliest class, ``(sample,)``.
        probabilities: ``(sample, class)``, each row summing to 1.
        class_names: the classes' names, in label order.
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    class_names: Sequence[str]

    @property
    def names(self) -> list[str]:
        """Name of the likeliest class, one a sample."""
        return [self.class_names[c] for c in self.classes]

    def rows(self) -> Iterator[list[str]]:
        """The class's name and all probabilities."""
        for name, row in zip(self.names, self.probabilities.tolist(), strict=True):
            yield [name, *map("{:.6g}".format, row)]

    def records(self) -> Iterator[dict[str, Any]]:
        """``class`` and ``probabilities`` by class."""
        for name, row in zip(self.names, self.probabilities.tolist(), strict=True):
            yield {
                "class": name,
                "probabilities": dict(zip(self.class_names, row, strict=True)),
            }


@dataclass(frozen=True)
class Classes(Discrete):
    """Each sample is of one class; outputs are logits.

    Labels are the classes' numbers, ``(sample,)``, int64; ``names`` are the classes.
    """

    kind = "classes"
    score = "accuracy"
    loss = "cross-entropy of the fused prediction, in nats"
    own: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "maximize", "share of samples whose fused prediction is right"),
        Metric("macro_f1", "maximize", "mean over classes of the F1 score"),
        Metric(
            "calibration_error", "minimize", "expected calibration error over 15 bins of confidence"
        ),
    )

    @classmethod
    def read(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Classes, NDArray[Any]]:
        if raw.ndim != 1:
            raise DataError(f"{place}: must have one label a sample, {_no_column(raw)}")
        if raw.dtype.kind == "U":
            return cls.read_column(raw, place)
        if raw.dtype.kind not in "iu":
            said = f"labels must be integers or strings, not {raw.dtype}"
            said += OTHERWISE.get(raw.dtype.kind, "")
            if raw.dtype.kind == "f" and (raw == np.round(raw)).all():
                said += "; classes are labels.astype(int)"
            raise DataError(f"{place}: {said}")
        lowest, highest = int(raw.min()), int(raw.max())
        if lowest < 0 or highest >= len(raw):
            raise DataError(
                f"{place}: labels count from 0 without gaps, but {len(raw)} labels "
                f"go from {lowest} to {highest}; other numbers can be given as strings"
            )
        if names and highest >= len(names):
            raise DataError(f"{place}: label {highest}, but only {len(names)} class names")
        return cls(tuple(names) or tuple(map(str, range(highest + 1)))), raw.astype(np.int64)

    @classmethod
    def read_column(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Classes, NDArray[Any]]:
        if names or raw.dtype.kind not in "iuU":
            return cls.read(raw, place, names)
        found, labels = np.unique(as_names(raw, place), return_inverse=True)
        names = [str(name) for name in found.tolist()]
        if "" in names:
            raise DataError(f"{place}: sample {int((found[labels] == '').argmax())} has no label")
        order = in_order(names)
        places = np.argsort(order)[labels.reshape(-1)]
        return cls(tuple(names[k] for k in order)), places.astype(np.int64)

    def fitted(self, labels: NDArray[Any], train: Index, place: str) -> Classes:
        if len(self.names) < 2:
            raise DataError(f"{place}: all labels are the same; two classes are needed at least")
        for own, where in ((labels, "at all"), (labels[train], "to train on")):
            absent = np.setdiff1d(np.arange(len(self.names)), own)
            if len(absent):
                name = self.names[absent[0]]
                said = f"class {name!r} has no sample {where}"
                raise DataError(f"{place}: {said}; give it one, or leave the class out")
        return self

    def members(self, labels: NDArray[Any]) -> tuple[Index, Index]:
        return np.arange(len(labels)), labels

    @property
    def summary(self) -> str:
        return f"Tells {self.width} classes apart: {', '.join(self.names)}."

    @property
    def heading(self) -> str:
        return "samples a class"

    def overview(self, labels: NDArray[Any]) -> dict[str, float]:
        counts = np.bincount(labels, minlength=self.width).tolist()
        return dict(zip(self.names, counts, strict=True))

    def tensor(self, labels: NDArray[Any], device: str, dtype: torch.dtype) -> Tensor:
        return torch.tensor(labels, device=device)

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(outputs, labels, self.smoothing)

    def likelihoods(self, outputs: Tensor, labels: Tensor) -> Tensor:
        index = beside(labels, outputs[..., 0]).unsqueeze(-2)
        return by_class(outputs).softmax(-2).gather(-2, index).squeeze(-2)

    def uncertainty(self, labels: Tensor) -> float:
        return float(entropy(torch.bincount(labels, minlength=self.width).double()))

    def rarity(self, labels: Tensor) -> Tensor | None:
        counts = joint_counts([labels], [self.width])
        return 1 / counts.gather(1, labels)

    def decide(self, outputs: Tensor) -> Tensor:
        return by_class(outputs).max(-2).indices

    def marks(self, decisions: Tensor, labels: Tensor) -> Tensor:
        return (decisions == beside(labels, decisions)).unsqueeze(-2)

    def scores(self, marks: Tensor, samples: Tensor) -> Tensor:
        return marks.squeeze(-1) / samples

    def tally(self, members: int, like: Tensor) -> ClassTally:
        return ClassTally(members, self.width, like)

    def right(self, decisions: Tensor, labels: Tensor) -> Tensor:
        return decisions == beside(labels, decisions)

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.log_softmax(-1).unsqueeze(-2)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1).unsqueeze(-2)

    def mixed(self, outputs: Tensor, shares: Tensor) -> Tensor:
        return (outputs.log_softmax(-1) + shares.log().unsqueeze(-1)).logsumexp(0)

    def codes(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(-1).unsqueeze(-2)

    def label_codes(self, labels: Tensor) -> Tensor:
        return labels.unsqueeze(-2)

    @property
    def bins(self) -> int:
        return self.width

    def calibrated(self, outputs: Tensor, labels: Tensor) -> Classes:
        outputs = outputs.double().unsqueeze(0)
        losses = cross_entropy
        found = temperature_of(lambda t: float(losses(outputs / t, labels.unsqueeze(0)).mean()))
        return replace(self, temperature=found)

    def served(self, outputs: Tensor) -> Tensor:
        return self.tempered(outputs).softmax(-1)

    @property
    def columns(self) -> list[str]:
        return ["class", *(f"p({name})" for name in self.names)]

    def prediction(self, served: NDArray[np.float32]) -> ClassPrediction:
        return ClassPrediction(self.said(served), served, self.names)

    def explained(self, served: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.eye(self.width, dtype=bool)[self.said(served)]

    def said(self, served: NDArray[np.float32]) -> NDArray[np.int64]:
        return served.argmax(1)


class ClassTally:
    """Counts of predictions by class, and of right ones by confidence."""

    def __init__(self, members: int, classes: int, like: Tensor) -> None:
        self.classes = classes
        shape = (members, classes, classes)
        self.confusion = torch.zeros(shape, dtype=torch.float64, device=like.device)
        self.calibration = like.new_zeros(3, members, BINS)

    def add(self, outputs: Tensor, decisions: Tensor, labels: Tensor) -> None:
        self.confusion += joint_counts([labels, decisions], [self.classes] * 2)
        confidence = by_class(outputs).softmax(-2).amax(-2)
        bins = (confidence * BINS).nan_to_num().long().clamp(0, BINS - 1)
        amounts = (torch.ones_like(confidence), confidence, decisions == labels)
        for sums, amount in zip(self.calibration, amounts, strict=True):
            sums.scatter_add_(1, bins, amount.to(sums.dtype))

    def blind(self) -> tuple[Tensor, Tensor]:
        counts = self.confusion.sum(2)
        return counts.amax(1) / counts.sum(1), entropy(counts)

    def metrics(self) -> dict[str, Tensor]:
        return {
            "macro_f1": _macro_f1(self.confusion),
            "calibration_error": _calibration_error(self.calibration),
        }


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each sample in nats, ``(member, …, sample)``.

    Args:
        logits: ``(member, …, sample, class)``.
        labels: ``(member, sample)``.
        smoothing: share of the truth that is spread over all classes alike.
    """
    index = beside(labels, logits[..., 0])
    rows = by_class(logits).flatten(0, -3)
    losses = torch.nn.functional.cross_entropy(
        rows, index.flatten(0, -2), reduction="none", label_smoothing=smoothing
    )
    return losses.view(index.shape)


def _no_column(raw: NDArray[Any]) -> str:
    """What labels are that aren't ``(sample,)``, and what would be right."""
    hint = "; target: labels takes a matrix of 0 and 1" if raw.ndim == 2 else ""
    hint += "; one column of classes is labels.reshape(-1)" if raw.shape[1:] == (1,) else ""
    return f"not shape {raw.shape}{hint}"


def by_class(logits: Tensor) -> Tensor:
    """Logits ``(…, sample, class)`` as ``(…, class, sample)``.

    What is done along the classes is up to twenty times as fast: long rows, not short ones.
    """
    return logits.mT.contiguous()


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
