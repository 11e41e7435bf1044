r"""A number: squared error on values standardised by the training samples, and R² as the score.

With :math:`z` the standardised value and :math:`\hat z` the output, a sample's loss is
:math:`\frac12 (z - \hat z)^2`: but for a constant the negative log-likelihood of a Gaussian of unit
variance, in nats. What decisions tell is measured by the Gaussian of the errors' own variance,

.. math:: I = \tfrac12 \ln \frac{\text{mean squared error of the reference}}{\text{their own}}

which for a reference that always says the mean is :math:`-\frac12 \ln(1 - R^2)`: the mutual
information if value and output are jointly Gaussian, and a lower bound if the value is Gaussian.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.lazy import torch
from armtune.targets import Index, Metric, Target, beside

if TYPE_CHECKING:
    from torch import Tensor

BINS = 8
"""Intervals, alike in their number of samples, by which counts of values are made."""
LEAST_SHARE = 1e-12
"""Share of the reference's error that an error counts as at least: 13.8 nats are told at most."""


@dataclass(frozen=True)
class ValuePrediction:
    """Values of samples.

    Attributes:
        values: in the unit of the training's values, ``(sample,)``.
    """

    values: NDArray[np.float32]

    def rows(self) -> Iterator[list[str]]:
        """The value."""
        for value in self.values:
            yield [str(value)]

    def records(self) -> Iterator[dict[str, Any]]:
        """``value``."""
        for value in self.values:
            yield {"value": float(str(value))}


@dataclass(frozen=True)
class Values(Target):
    """Each sample has a value; outputs are standardised ones.

    Labels are the values, ``(sample,)``, float64; ``names`` holds what the value is called.

    Attributes:
        mean: of the training samples' values.
        std: their standard deviation.
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

    mean: float = 0.0
    std: float = 1.0

    def __str__(self) -> str:
        return f"values of {self.names[0]}"

    @classmethod
    def read(
        cls, raw: NDArray[Any], place: str, names: Sequence[str] = ()
    ) -> tuple[Values, NDArray[Any]]:
        try:
            values = raw.astype(np.float64)
        except ValueError as error:
            raise DataError(f"{place}: target: values needs numbers ({error})") from error
        if raw.ndim != 1 or raw.dtype.kind not in "fiuU":
            said = f"not {raw.dtype} of shape {raw.shape}"
            raise DataError(f"{place}: target: values needs one number a sample, {said}")
        if not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(f"{place}: the value of sample {bad} is missing or infinite")
        return cls(tuple(names) or ("value",)), values

    def fitted(self, labels: NDArray[Any], train: Index, place: str) -> Values:
        mean, std = float(labels[train].mean()), float(labels[train].std())
        if not std > 1e-12 * abs(mean):
            raise DataError(f"{place}: all training samples have the same value, {mean:g}")
        return replace(self, mean=mean, std=std)

    @property
    def summary(self) -> str:
        spread = f"{self.mean:.4g} ± {self.std:.4g}"
        return f"Estimates a number, {self.names[0]}; the training samples' are {spread}."

    @property
    def heading(self) -> str:
        return str(self)

    def overview(self, labels: NDArray[Any]) -> dict[str, float]:
        low, quarter, middle, three, high = np.quantile(labels, (0, 0.25, 0.5, 0.75, 1)).tolist()
        return {
            "mean": float(labels.mean()),
            "std": float(labels.std()),
            "lowest": low,
            "25 %": quarter,
            "median": middle,
            "75 %": three,
            "highest": high,
        }

    def tensor(self, labels: NDArray[Any], device: str, dtype: torch.dtype) -> Tensor:
        return torch.tensor((labels - self.mean) / self.std, device=device, dtype=dtype)

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        values = outputs.squeeze(-1)
        return (values - beside(labels, values)).square() / 2

    def uncertainty(self, labels: Tensor) -> float:
        return float(labels.double().var(correction=0)) / 2

    def told(self, loss: Tensor, reference: Tensor) -> Tensor:
        reference = reference.clamp_min(torch.finfo(reference.dtype).tiny / LEAST_SHARE)
        return (reference / loss.maximum(reference * LEAST_SHARE)).log() / 2

    def decide(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(-1)

    def marks(self, decisions: Tensor, labels: Tensor) -> Tensor:
        truth = beside(labels, decisions)
        return torch.stack([(decisions - truth).square(), truth, truth.square()], dim=-2)

    def scores(self, marks: Tensor, samples: Tensor) -> Tensor:
        errors, total, squares = marks.unbind(-1)
        varied = _varied(total, squares, samples)
        return torch.where(varied > 0, 1 - errors / varied, 0.0)

    def tally(self, members: int, like: Tensor) -> ValueTally:
        return ValueTally(self.std, like.new_zeros(8, members, dtype=torch.float64))

    def codes(self, outputs: Tensor) -> Tensor:
        return quantile_codes(outputs.squeeze(-1)).unsqueeze(-2)

    def label_codes(self, labels: Tensor) -> Tensor:
        return quantile_codes(labels).unsqueeze(-2)

    @property
    def bins(self) -> int:
        return BINS

    def measured(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return self.served(outputs), labels * self.std + self.mean

    def served(self, outputs: Tensor) -> Tensor:
        return outputs * self.std + self.mean

    @property
    def unit(self) -> float:
        # A large mean leaves fewer digits for what varies around it.
        return self.std + abs(self.mean) / 20

    @property
    def columns(self) -> list[str]:
        return list(self.names)

    def prediction(self, served: NDArray[np.float32]) -> ValuePrediction:
        return ValuePrediction(served[:, 0])


class ValueTally:
    """Sums of the standardised values, the outputs and their errors, ``(sum, member)``."""

    def __init__(self, std: float, sums: Tensor) -> None:
        self.std, self.sums = std, sums

    def add(self, outputs: Tensor, decisions: Tensor, labels: Tensor) -> None:
        told, truth = decisions.double(), labels.double()
        error = told - truth
        parts = [torch.ones_like(told), error.abs(), error**2, told * truth]
        parts += [told, told**2, truth, truth**2]
        self.sums += torch.stack([part.sum(1) for part in parts])

    def blind(self) -> tuple[Tensor, Tensor]:
        count, *_, total, squares = self.sums
        return torch.zeros_like(count), (squares / count - (total / count) ** 2) / 2

    def metrics(self) -> dict[str, Tensor]:
        count, absolute, squared, products, told, told2, truth, truth2 = self.sums
        covariance = products - told * truth / count
        spread = _varied(told, told2, count) * _varied(truth, truth2, count)
        return {
            "mae": self.std * absolute / count,
            "rmse": self.std * (squared / count).sqrt(),
            "pearson": torch.where(spread > 0, covariance / spread.clamp_min(1e-300).sqrt(), 0.0),
        }


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
