"""Metrics that scikit-learn computes: what it takes, and what is undefined."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.metrics import Measure
from armtune.plugins.lazy_imports import torch
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """What a model says of a split, and the truth.

    Attributes:
        outputs: ``(sample, output)``: logits of classes or labels, or values.
        truth: classes' numbers ``(sample,)``, zeros and ones ``(sample, label)``, or values.
    """

    outputs: Floats
    truth: NDArray[Any]

    @staticmethod
    def of(outputs: Tensor, labels: Tensor) -> Told:
        """From tensors."""
        truth = labels.cpu().numpy()
        if truth.ndim == 2 and np.isin(truth, (0, 1)).all():
            truth = truth.astype(np.int64)
        return Told(outputs.double().cpu().numpy(), truth)

    @property
    def classes(self) -> list[int]:
        """Numbers of the classes or labels."""
        return list(range(self.outputs.shape[1]))

    @property
    def several(self) -> bool:
        """Whether a sample may have several labels."""
        return self.truth.ndim == 2

    @cached_property
    def probabilities(self) -> Floats:
        """Of classes or of labels, ``(sample, output)``."""
        from scipy.special import expit, softmax

        made: Floats = expit(self.outputs) if self.several else softmax(self.outputs, axis=1)
        return made

    @property
    def decided(self) -> NDArray[np.int64]:
        """In the form of the truth."""
        if self.several:
            return (self.outputs > 0).astype(np.int64)
        return self.outputs.argmax(1)

    @property
    def columns(self) -> NDArray[np.int64]:
        """Whether a sample has each class or label, ``(sample, output)``."""
        every: NDArray[np.int64] = np.eye(len(self.classes), dtype=np.int64)
        return self.truth if self.several else every[self.truth]

    def needs_all(self) -> None:
        """Refuses a truth in which a class or label never occurs, or always does.

        Raises:
            ValueError: it does.
        """
        shares = self.columns.mean(0)
        bad = [k for k, share in enumerate(shares.tolist()) if share in (0, 1)]
        if bad:
            what = "label" if self.several else "class"
            word = "every sample" if shares[bad[0]] else "no sample"
            raise ValueError(f"{word} has the {what} numbered {bad[0]}")


class Scored(Measure):
    """A metric that scikit-learn computes; NaN where it is undefined."""

    def score(self, told: Told) -> float:
        """The metric.

        Raises:
            ValueError: it is undefined for such a truth; says why.
        """
        raise NotImplementedError

    def value(self, logits: Tensor, labels: Tensor) -> float:
        try:
            return self._quietly(Told.of(logits, labels))
        except ValueError:
            return nan

    def undefined(self, target: Target, labels: NDArray[Any]) -> str:
        told = Told.of(*target.measured(*_nearly_right(target, labels)))
        try:
            return "it has no value there" if isnan(self._quietly(told)) else ""
        except ValueError as error:
            return " ".join(str(error).split())

    def _quietly(self, told: Told) -> float:
        with warnings.catch_warnings():
            # What is undefined is said once, before anything is trained.
            warnings.simplefilter("ignore")
            return float(self.score(told))


def _nearly_right(target: Target, labels: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Outputs of a very good model, and the labels."""
    truth = target.tensor(labels, "cpu", torch.float64)
    right = truth if truth.dim() == 2 else truth.unsqueeze(-1)
    if isinstance(target, Classes):
        right = torch.nn.functional.one_hot(truth, target.width).double()
    elif isinstance(target, Labels):
        right = 2 * truth - 1
    return right + 1e-3 * torch.arange(len(right)).unsqueeze(-1).sin(), truth
