r"""Numbers: squared error on values standardised by the training samples, and R² as the score.

With :math:`z` the standardised value and :math:`\hat z` the output, a sample's loss is
:math:`\frac12 (z - \hat z)^2`: but for a constant the negative log-likelihood of a Gaussian of unit
variance, in nats. What decisions tell is measured by the Gaussian of the errors' own variance,

.. math:: I = \tfrac12 \ln \frac{\text{mean squared error of the reference}}{\text{their own}}

which for a reference that always says the mean is :math:`-\frac12 \ln(1 - R^2)`: the mutual
information if value and output are jointly Gaussian, and a lower bound if the value is Gaussian.

Of several values, losses, R² and all metrics are means over the values. What decisions tell then
follows from the mean errors; as far as the standardised values vary alike (in training all have
variance 1), it is at most the mean of what they tell of each value, by Jensen's inequality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.plugins.lazy_imports import torch
from armtune.targets import Index, Metric, Target, beside
from armtune.targets._names import AS_TEXT

if TYPE_CHECKING:
    from torch import Tensor

BINS = 8
"""Intervals, alike in their number of samples, by which counts of values are made."""
STRATA = 8
"""Parts of equal size of which splits and folds hold alike, drawn at random within each."""
OTHERWISE = {
    "b": "; store labels.astype(float), or leave target: classes, which tells two classes apart",
    "S": f"; {AS_TEXT}",
}
"""What to do with labels of other kinds."""
LEAST_SHARE = 1e-12
"""Share of the reference's error that an error counts as at least: 13.8 nats are told at most."""


@dataclass(frozen=True)
class ValuePrediction:
    """Values of samples.

    Attributes:
        values: in the unit of the training's values, ``(sample,)``; of several ``(sample, value)``.
        names: what the values are called.
    """

    values: NDArray[np.float32]
    names: Sequence[str]

    def rows(self) -> Iterator[list[str]]:
        """The values."""
        for own in self.values.reshape(-1, len(self.names)):
            yield [str(value) for value in own]

    def records(self) -> Iterator[dict[str, Any]]:
        """``value``, or ``values`` by name where there are several."""
        for row in self.rows():
            own = dict(zip(self.names, map(float, row), strict=True))
            yield {"values": own} if len(own) > 1 else {"value": float(row[0])}


@dataclass(frozen=True)
class Values(Target):
    """Each sample has a value, or several; outputs are standardised ones.

    Labels are the values, float64: ``(sample,)`` where there is one, else ``(sample, value)``;
    ``names`` holds what they are called.

    Attributes:
        mean: of the training samples' values, one each.
        std: their standard deviations.
    """

    kind = "values"
    score = "r2"
    loss = "half the squared error of the fused prediction over the values' variance, in nats"
    gives = "values"
    own: ClassVar[tuple[Metric, ...]] = (
        Metric("r2", "maximize", "R²: share of the values' variance that is explained"),
        Metric("mae", "minimize", "mean absolute error, in the value's unit"),
        Metric("rmse", "minimize", "root of the mean squared error, in the value's unit"),
        Metric("pearson", "maximize", "correlation of predicted and true values"),
    )

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __str__(self) -> str:
        return f"values of {', '.join(self.names)}"

    @classmethod
    def read(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Values, NDArray[Any]]:
        try:
            values = raw.astype(np.float64)
        except ValueError as error:
            raise DataError(f"{place}: target: values needs numbers ({error})") from error
        if raw.ndim not in (1, 2) or not raw.size or raw.dtype.kind not in "fiuU":
            said = f"not {raw.dtype} of shape {raw.shape}{OTHERWISE.get(raw.dtype.kind, '')}"
            raise DataError(f"{place}: target: values needs a number a sample, or several, {said}")
        if not np.isfinite(values).all():
            bad = int(np.argwhere(~np.isfinite(values))[0][0])
            raise DataError(f"{place}: the value of sample {bad} is missing or infinite")
        count = 1 if raw.ndim == 1 else raw.shape[1]
        usual = ("value",) if count == 1 else tuple(f"value_{k}" for k in range(count))
        known = tuple(names) or usual
        if len(known) != count:
            raise DataError(f"{place}: has {count} values a sample, but {len(known)} names")
        return cls(known), values.reshape(-1) if count == 1 else values

    def fitted(self, labels: NDArray[Any], train: Index, place: str) -> Values:
        own = labels[train].reshape(len(train), -1)
        mean, std = own.mean(0), own.std(0)
        if (same := ~(std > 1e-12 * np.abs(mean))).any():
            k = int(same.argmax())
            said = f"all training samples have the same {self.names[k]}, {mean[k]:g}"
            raise DataError(f"{place}: {said}")
        return replace(self, mean=tuple(mean.tolist()), std=tuple(std.tolist()))

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Parts of equal size by the first number; equal numbers fall into the same part."""
        own = labels if labels.ndim == 1 else labels[:, 0]
        _, numbers, counts = np.unique(own, return_inverse=True, return_counts=True)
        below = np.cumsum(counts) - counts
        return (below * STRATA // len(own))[numbers]

    @property
    def summary(self) -> str:
        each = zip(self.names, self.mean, self.std, strict=True)
        spreads = ", ".join(f"{name} ({m:.4g} ± {s:.4g} in training)" for name, m, s in each)
        return f"Estimates {'a number' if self.width == 1 else 'numbers'}: {spreads}."

    @property
    def heading(self) -> str:
        return str(self)

    def overview(self, labels: NDArray[Any]) -> dict[str, float]:
        if self.width == 1:
            return _spread(labels)
        each = zip(self.names, labels.T, strict=True)
        return {f"{name}, {what}": x for name, own in each for what, x in _spread(own).items()}

    def tensor(self, labels: NDArray[Any], device: str, dtype: torch.dtype) -> Tensor:
        scaled = (labels - np.array(self.mean)) / np.array(self.std)
        return torch.tensor(scaled, device=device, dtype=dtype)

    def _each(self, values: Tensor) -> Tensor:
        """Labels or decisions with an axis of values at the end, though there may be one."""
        return values.unsqueeze(-1) if self.width == 1 else values

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return (outputs - beside(self._each(labels), outputs)).square().mean(-1) / 2

    def uncertainty(self, labels: Tensor) -> float:
        return float(labels.double().var(0, correction=0).mean()) / 2

    def told(self, loss: Tensor, reference: Tensor) -> Tensor:
        reference = reference.clamp_min(torch.finfo(reference.dtype).tiny / LEAST_SHARE)
        return (reference / loss.maximum(reference * LEAST_SHARE)).log() / 2

    def decide(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(-1) if self.width == 1 else outputs

    def marks(self, decisions: Tensor, labels: Tensor) -> Tensor:
        told = self._each(decisions)
        truth = beside(self._each(labels), told)
        parts = [(told - truth).square(), truth, truth.square()]
        return torch.cat([part.transpose(-1, -2) for part in parts], dim=-2)

    def scores(self, marks: Tensor, samples: Tensor) -> Tensor:
        errors, total, squares = marks.unflatten(-1, (3, self.width)).unbind(-2)
        varied = _varied(total, squares, samples.unsqueeze(-1))
        return torch.where(varied > 0, 1 - errors / varied, 0.0).mean(-1)

    def tally(self, members: int, like: Tensor) -> ValueTally:
        sums = like.new_zeros(8, members, self.width, dtype=torch.float64)
        return ValueTally(sums.new_tensor(self.std), sums)

    def codes(self, outputs: Tensor) -> Tensor:
        return quantile_codes(outputs.transpose(-1, -2))

    def label_codes(self, labels: Tensor) -> Tensor:
        return quantile_codes(self._each(labels).transpose(-1, -2))

    @property
    def bins(self) -> int:
        return BINS

    def measured(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        std, mean = (labels.new_tensor(each) for each in (self.std, self.mean))
        return self.served(outputs), labels * std + mean

    def served(self, outputs: Tensor) -> Tensor:
        # In operations that every format of an export has.
        each = zip(outputs.unbind(-1), self.std, self.mean, strict=True)
        return torch.cat([own.unsqueeze(-1) * std + mean for own, std, mean in each], dim=-1)

    @property
    def units(self) -> NDArray[np.float64]:
        # A large mean leaves fewer digits for what varies around it.
        return np.array(self.std) + np.abs(self.mean) / 20

    @property
    def columns(self) -> list[str]:
        return list(self.names)

    def prediction(self, served: NDArray[np.float32]) -> ValuePrediction:
        return ValuePrediction(served[:, 0] if self.width == 1 else served, self.names)


def _spread(values: NDArray[Any]) -> dict[str, float]:
    """How values ``(sample,)`` are distributed."""
    low, quarter, middle, three, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "lowest": low,
        "25 %": quarter,
        "median": middle,
        "75 %": three,
        "highest": high,
    }


class ValueTally:
    """Sums of the standardised values, the outputs and their errors, ``(sum, member, value)``.

    Args:
        std: of the values, ``(value,)``.
    """

    def __init__(self, std: Tensor, sums: Tensor) -> None:
        self.std, self.sums = std, sums

    def add(self, outputs: Tensor, decisions: Tensor, labels: Tensor) -> None:
        shape = (*labels.shape[:2], -1)
        told, truth = decisions.reshape(shape).double(), labels.reshape(shape).double()
        error = told - truth
        parts = [torch.ones_like(told), error.abs(), error**2, told * truth]
        parts += [told, told**2, truth, truth**2]
        self.sums += torch.stack([part.sum(1) for part in parts])

    def blind(self) -> tuple[Tensor, Tensor]:
        count, *_, total, squares = self.sums
        loss = ((squares / count - (total / count) ** 2) / 2).mean(1)
        return torch.zeros_like(loss), loss

    def metrics(self) -> dict[str, Tensor]:
        count, absolute, squared, products, told, told2, truth, truth2 = self.sums
        covariance = products - told * truth / count
        spread = _varied(told, told2, count) * _varied(truth, truth2, count)
        correlation = torch.where(spread > 0, covariance / spread.clamp_min(1e-300).sqrt(), 0.0)
        each = {
            "mae": self.std * absolute / count,
            "rmse": self.std * (squared / count).sqrt(),
            "pearson": correlation,
        }
        return {name: values.mean(1) for name, values in each.items()}


def _varied(total: Tensor, squares: Tensor, count: Tensor) -> Tensor:
    """Sum of squared distances to the mean; 0 where only rounding is left of it."""
    varied = squares - total.square() / count
    return torch.where(varied > 1e-12 * squares, varied, 0.0)


def quantile_codes(values: Tensor) -> Tensor:
    """Numbers of intervals between the values' own quantiles, of which equal ones share one.

    Args:
        values: ``(…, sample)``.

    Returns:
        the same shape, from 0 to ``BINS − 1``.
    """
    samples = values.shape[-1]
    places = torch.arange(1, BINS, device=values.device) * samples // BINS
    edges = values.sort(dim=-1).values[..., places]
    return torch.searchsorted(edges.contiguous(), values.contiguous(), right=True)
