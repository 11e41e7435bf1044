"""What each modality has to do with a prediction: its Shapley share in what the model says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.bundle.engine import Engine, Floats, Present, Views
from armtune.information import shapley_weights
from armtune.targets import Target

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Explanation:
    """Shares of some samples.

    Each is of what the model says with all that the sample has, less what it says with nothing:
    ``told = nothing + shares.sum()``. A modality that a sample lacks has none.

    Attributes:
        target: what is predicted.
        modalities: names of the modalities.
        told: what the model serves, ``(sample, output)``: probabilities, or values.
        nothing: the same without any modality.
        shares: each modality's, ``(sample, output, modality)``.
    """

    target: Target
    modalities: tuple[str, ...]
    told: Floats
    nothing: Floats
    shares: Doubles

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Numbers of samples with cells of a table: of each its decided class, or every output."""
        for k, output in self._explained():
            numbers = [self.told[k, output], self.nothing[k, output], *self.shares[k, output]]
            yield k, [self.target.names[output], *(f"{number:.6g}" for number in numbers)]

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The same for programs, as JSON can hold it."""
        for k, output in self._explained():
            shares = map(float, self.shares[k, output])
            yield (
                k,
                {
                    "output": self.target.names[output],
                    "told": float(self.told[k, output]),
                    "nothing": float(self.nothing[k, output]),
                    "shares": dict(zip(self.modalities, shares, strict=True)),
                },
            )

    def _explained(self) -> Iterator[tuple[int, int]]:
        """Numbers of samples, and of the outputs that are explained of each."""
        wanted = self.target.explained(self.told)
        yield from ((int(k), int(output)) for k, output in np.argwhere(wanted))


def columns_of(modalities: Iterable[str]) -> list[str]:
    """Headings of the cells of ``Explanation.rows``."""
    return ["output", "told", "nothing", *(f"share({m})" for m in modalities)]


def explain(target: Target, engine: Engine, views: Views, present: Present) -> Explanation:
    """Runs the model on every subset of the modalities: exact, and 2^modalities predictions."""
    modalities = tuple(views)
    told = [engine(views, _left(present, subset)) for subset in range(2 ** len(modalities))]
    values = np.stack(told, axis=-1).astype(np.float64)
    shares = np.stack([_share(values, k) for k in range(len(modalities))], axis=-1)
    return Explanation(target, modalities, told[-1], told[0], shares)


def _share(values: Doubles, player: int) -> Doubles:
    """A player's Shapley value, ``(sample, output)``; exactly 0 where it changes nothing.

    Args:
        values: of every subset by bit mask, ``(sample, output, subset)``.
    """
    subsets = np.arange(values.shape[-1])
    joined = subsets[subsets >> player & 1 == 1]
    weights = np.array(shapley_weights(values.shape[-1].bit_length() - 1))[joined, player]
    told: Doubles = (values[..., joined] - values[..., joined ^ 1 << player]) @ weights
    return told


def _left(present: Present, subset: int) -> Present:
    """What is there of a subset, whose bits stand for the modalities in their order."""
    return {m: there & bool(subset >> k & 1) for k, (m, there) in enumerate(present.items())}
