"""What is predicted of a sample, and how that is judged. One file a kind of target.

An *output* is what the network gives for a sample: ``width`` numbers. A target says what they
cost in training, what they decide, how decisions are scored, and what a user gets to see.
Nothing here imports torch before it computes with tensors.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import Self


Index = NDArray[np.int64]
"""Numbers of samples."""


@dataclass(frozen=True)
class Metric:
    """One figure of an epoch; ``<m>`` in its name stands for each modality."""

    name: str
    better: str
    meaning: str


def named(metrics: Iterable[Metric], modalities: Iterable[str]) -> list[str]:
    """The names of metrics, ``<m>`` filled in with each modality."""
    each = list(modalities)
    return [
        metric.name.replace("<m>", modality)
        for metric in metrics
        for modality in (each if "<m>" in metric.name else [""])
    ]


class Tally(Protocol):
    """What the metrics of the fused decision follow from, added up chunk by chunk."""

    def add(self, outputs: Tensor, decisions: Tensor, labels: Tensor) -> None:
        """Counts a chunk: outputs ``(member, sample, output)``, what they decide, and labels."""

    def blind(self) -> tuple[Tensor, Tensor]:
        """Score and mean loss of the best prediction that is the same for all, ``(member,)``."""

    def metrics(self) -> dict[str, Tensor]:
        """The target's own metrics beside the score, by name, ``(member,)`` each."""


class Prediction(Protocol):
    """What a model says of samples, in the words of its target."""

    def rows(self) -> Iterator[list[str]]:
        """Cells of a table with a row a sample, under the target's ``columns``."""

    def records(self) -> Iterator[dict[str, Any]]:
        """The same for programs, as JSON can hold it; a record a sample."""


@dataclass(frozen=True)
class Target:
    """A kind of target, and what the data say about it.

    Attributes:
        kind: what recipes call it.
        score: the metric that contributions are made of, and that the best epoch has most of.
        loss: what the loss is, in words.
        gives: what the numbers of a served output are.
        own: the metrics that the target adds to those of every training, the score first.
        names: what the numbers of an output are called.
    """

    kind: ClassVar[str]
    score: ClassVar[str]
    loss: ClassVar[str]
    gives: ClassVar[str] = "probabilities"
    own: ClassVar[tuple[Metric, ...]]

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.names)} {self.kind}"

    @property
    def width(self) -> int:
        """Numbers of an output."""
        return len(self.names)

    @classmethod
    def read(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Target, NDArray[Any]]:
        """The target and its labels, from what a file has for each sample.

        Args:
            raw: ``(sample, …)``: numbers or text.
            place: what messages call it.
            names: what the numbers of an output are called, where the file says so.

        Raises:
            DataError: that can't be such a target; says what would be.
        """
        raise NotImplementedError

    @classmethod
    def read_column(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Target, NDArray[Any]]:
        """The same from a table, in which numbers may be mere names."""
        return cls.read(raw, place, names)

    def fitted(self, labels: NDArray[Any], train: Index, place: str) -> Target:
        """The target with all that is to be learnt of it from the training samples alone.

        Args:
            labels: of all samples.
            train: which of them are for training.
            place: what messages call the data.

        Raises:
            DataError: these labels can't be learnt; says why.
        """
        raise NotImplementedError

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Numbers ``(sample,)``, of which splits should hold alike."""
        return labels

    def members(self, labels: NDArray[Any]) -> tuple[Index, Index]:
        """Samples, in order, and what each has that can only be learnt from samples: its class.

        A pair for each; ``(pair,)`` both.
        """
        return np.empty(0, np.int64), np.empty(0, np.int64)

    @property
    def summary(self) -> str:
        """What a model of it does, as a sentence."""
        raise NotImplementedError

    @property
    def heading(self) -> str:
        """What the numbers of ``overview`` are."""
        raise NotImplementedError

    def overview(self, labels: NDArray[Any]) -> dict[str, float]:
        """How a split's labels are distributed, in numbers for people."""
        raise NotImplementedError

    def imbalance(self, labels: NDArray[Any]) -> float | None:
        """How much more frequent what is most frequent is than the rarest that is there."""
        return None

    def tensor(self, labels: NDArray[Any], device: str, dtype: torch.dtype) -> Tensor:
        """Labels ``(sample, …)`` as training computes with them; ``dtype`` is that of floats."""
        raise NotImplementedError

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Loss of each sample in nats, ``(member, …, sample)``.

        Args:
            outputs: ``(member, …, sample, output)``, perhaps of several decisions.
            labels: ``(member, sample)``, the same for all decisions.
        """
        raise NotImplementedError

    def smoothed(self, share: float) -> Self:
        """The same with smoothed labels in its losses (Szegedy et al., CVPR 2016), if it has any.

        Args:
            share: of the truth that is spread over all outcomes alike.
        """
        return self

    def likelihoods(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """How likely the truth is by an output, 0 to 1; arguments and result as of ``losses``."""
        return self.losses(outputs, labels).neg().exp()

    def uncertainty(self, labels: Tensor) -> float:
        """Mean loss of the best constant output on labels ``(sample,)``: nats there are to tell."""
        raise NotImplementedError

    def told(self, loss: Tensor, reference: Tensor) -> Tensor:
        """Nats that decisions with a mean loss tell beyond those with a reference loss."""
        return reference - loss

    def rarity(self, labels: Tensor) -> Tensor | None:
        """Weights ``(member, sample)`` with which all classes are drawn equally often.

        None where a target has no classes.
        """
        return None

    def decide(self, outputs: Tensor) -> Tensor:
        """What outputs ``(…, sample, output)`` decide, in the shape of labels ``(…, sample)``."""
        raise NotImplementedError

    def marks(self, decisions: Tensor, labels: Tensor) -> Tensor:
        """Numbers of each sample whose sums make the score, ``(member, …, mark, sample)``.

        Args:
            decisions: ``(member, …, sample)``.
            labels: ``(member, sample)``.
        """
        raise NotImplementedError

    def scores(self, marks: Tensor, samples: Tensor) -> Tensor:
        """The score from summed marks ``(…, mark)`` of a number of samples, ``(…)`` both."""
        raise NotImplementedError

    def score_of(self, marks: Tensor) -> float:
        """The score of all samples of marks ``(mark, sample)``."""
        count = marks.new_tensor(float(marks.shape[-1]))
        return float(self.scores(marks.sum(-1), count))

    def per_sample(self, marks: Tensor) -> Tensor:
        """What each sample counts for the score: for accuracy 1 if it is right, else 0.

        The jackknife's pseudo-values, ``n·score − (n − 1)·score without the sample``: their mean is
        about the score, and their spread over √n its standard error. Source: Tukey, 1958.

        Args:
            marks: ``(mark, sample)``.

        Returns:
            ``(sample,)`` in float64.
        """
        marks = marks.double()
        total, count = marks.sum(-1), marks.new_tensor(float(marks.shape[-1]))
        whole = self.scores(total, count)
        without = self.scores(total - marks.T, (count - 1).clamp_min(1).expand(len(marks.T)))
        return count * whole - (count - 1) * without

    def tally(self, members: int, like: Tensor) -> Tally:
        """Counters of the fused decision's metrics, on the device of ``like``."""
        raise NotImplementedError

    @property
    def units(self) -> NDArray[np.float64]:
        """What a difference between served outputs is small against, ``(output,)``."""
        return np.ones(self.width)

    def codes(self, outputs: Tensor) -> Tensor:
        """Outputs ``(…, sample, output)`` as whole numbers from 0, ``(…, variable, sample)``."""
        raise NotImplementedError

    def label_codes(self, labels: Tensor) -> Tensor:
        """The same of labels ``(member, sample)``, ``(member, variable, sample)``."""
        raise NotImplementedError

    @property
    def bins(self) -> int:
        """How many values such a code has."""
        raise NotImplementedError

    def measured(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and labels as metrics of a user's own see them."""
        return outputs, labels

    def mixed(self, outputs: Tensor, shares: Tensor) -> Tensor:
        """Outputs of one model that serves the mean of what several serve, ``(sample, output)``.

        Args:
            outputs: ``(model, sample, output)``.
            shares: what a model counts for a sample, ``(model, sample)``; they sum to 1.
        """
        return (shares.unsqueeze(-1) * outputs).sum(0)

    def served(self, outputs: Tensor) -> Tensor:
        """Outputs ``(…, sample, output)`` as users get them."""
        raise NotImplementedError

    @property
    def columns(self) -> list[str]:
        """Headings of a table of predictions."""
        raise NotImplementedError

    def prediction(self, served: NDArray[np.float32]) -> Prediction:
        """What a model says, from what it serves ``(sample, output)``."""
        raise NotImplementedError

    def explained(self, served: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of a sample's outputs are explained, ``(sample, output)``; all, but of classes."""
        return np.ones(served.shape, bool)

    def about(self) -> dict[str, Any]:
        """All there is to know, in JSON's types; ``restored`` reads it."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Discrete(Target):
    """A target with probabilities: one or several variables, each with a few outcomes.

    Attributes:
        temperature: what outputs are divided by before they are served as probabilities.
        smoothing: share of the truth that losses spread over all outcomes alike; in training alone.
    """

    temperature: float = 1.0
    smoothing: float = 0.0

    def smoothed(self, share: float) -> Self:
        return replace(self, smoothing=share)

    def tempered(self, outputs: Tensor) -> Tensor:
        """Outputs as they are served, before they become probabilities."""
        return outputs if self.temperature == 1 else outputs / self.temperature

    def imbalance(self, labels: NDArray[Any]) -> float | None:
        there = [count for count in self.overview(labels).values() if count]
        return max(there) / min(there) if there else None

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Of each variable's outcomes, ``(…, sample, variable, outcome)``."""
        raise NotImplementedError

    def probabilities(self, outputs: Tensor) -> Tensor:
        """The same, not their logarithms."""
        return self.log_probabilities(outputs).exp()

    def calibrated(self, outputs: Tensor, labels: Tensor) -> Self:
        """The same, serving probabilities that fit what came out on samples that weren't learnt.

        What is likeliest stays so.

        Args:
            outputs: ``(sample, output)``.
            labels: ``(sample, …)``.
        """
        raise NotImplementedError

    def said(self, served: NDArray[np.float32]) -> NDArray[Any]:
        """What is said of each sample, in the form of labels, from what is served."""
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        # What nothing was fitted of is left out, as bundles of earlier versions have it.
        unfitted = {"temperature": 1.0, "thresholds": (), "smoothing": 0.0}
        return {n: v for n, v in super().about().items() if v != unfitted.get(n)}

    def right(self, decisions: Tensor, labels: Tensor) -> Tensor:
        """Share of the variables that are decided rightly, as ``losses``."""
        raise NotImplementedError


def beside(labels: Tensor, like: Tensor) -> Tensor:
    """Labels ``(member, sample, …)`` once for each decision of ``(member, …, sample, …)``."""
    between = (1,) * (like.dim() - labels.dim())
    return labels.view(len(labels), *between, *labels.shape[1:]).expand_as(like)


@cache
def kinds() -> dict[str, type[Target]]:
    """All kinds of targets by name, in alphabetical order."""
    names = [info.name for info in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found = [
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and issubclass(member, Target)
    ]
    return {target.kind: target for target in sorted(found, key=lambda t: t.kind)}


def restored(about: Mapping[str, Any]) -> Target:
    """A target from what ``about`` says of it.

    Raises:
        KeyError, TypeError: it isn't that.
    """
    known = {n: tuple(v) if isinstance(v, list) else v for n, v in about.items() if n != "kind"}
    return kinds()[about["kind"]](**known)
