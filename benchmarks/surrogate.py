"""What a training would measure, told from a table of curves without training."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

from armtune.recipe.ranges import Dimension, same

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Settings and what they measured: a file that curves.py wrote.

    Attributes:
        metrics: names.
        curves: ``(trial, epoch, metric)``.
    """

    settings: Sequence[Mapping[str, Any]]
    metrics: Sequence[str]
    curves: Floats

    @staticmethod
    def read(path: Path) -> Table:
        """Reads a file."""
        with np.load(path, allow_pickle=False) as file:
            settings = [json.loads(text) for text in file["settings"]]
            return Table(settings, list(file["metrics"]), file["curves"].astype(np.float64))

    def of(self, names: Sequence[str]) -> Floats:
        """The curves of some metrics."""
        return self.curves[:, :, [self.metrics.index(name) for name in names]]


class Surrogate:
    """Tells whole curves: a forest's, and on it how the table's nearest setting strays from it.

    So trainings are as rough as real ones, and the same each time.

    Args:
        names: the metrics that are wanted.
    """

    def __init__(
        self, table: Table, dimensions: Sequence[Dimension], names: Sequence[str], trees: int = 60
    ) -> None:
        self._dimensions, self.names = dimensions, tuple(names)
        self._known = np.array([coordinates(dimensions, values) for values in table.settings])
        self._curves = table.of(names)
        flat = self._curves.reshape(len(self._known), -1)
        forest = RandomForestRegressor(trees, oob_score=True, max_features=0.5, random_state=0)
        self._forest = forest.fit(self._known, flat)
        self._strays = (flat - forest.oob_prediction_).reshape(self._curves.shape)

    def curves(self, settings: Sequence[Mapping[str, Any]]) -> Floats:
        """What settings would measure, ``(setting, epoch, metric)``."""
        places = np.array([coordinates(self._dimensions, values) for values in settings])
        # Forest's own predict takes twenty times as long for a single setting.
        trees = [tree.tree_.predict(places.astype(np.float32)) for tree in self._forest.estimators_]
        smooth = np.mean(trees, axis=0).reshape(-1, *self._curves.shape[1:])
        distances = ((places[:, None] - self._known) ** 2).sum(axis=2)
        return np.clip(smooth + self._strays[distances.argmin(axis=1)], 0.0, None)

    @property
    def errors(self) -> dict[str, tuple[float, float]]:
        """How well the forest alone tells the last epoch of settings that it didn't see: rank
        correlation, and the mean error over the spread, by metric.
        """
        found = {}
        for i, name in enumerate(self.names):
            real, stray = self._curves[:, -1, i], self._strays[:, -1, i]
            rank = float(spearmanr(real, real - stray).statistic)
            found[name] = (rank, float(np.abs(stray).mean() / real.std()))
        return found


def coordinates(dimensions: Sequence[Dimension], values: Mapping[str, Any]) -> list[float]:
    """Where settings lie in the space: each range from 0 to 1, each choice a number of its own.

    What doesn't apply lies in the middle of its range.
    """
    return [x for d in dimensions for x in _place(d, values.get(d.path), d.path in values)]


def _place(dimension: Dimension, value: Any, applies: bool) -> list[float]:
    if dimension.choices:
        return [float(applies and same(value, choice)) for choice in dimension.choices]
    if not applies:
        return [0.5]
    scale = math.log if dimension.log else float
    low, high, here = map(scale, (dimension.low, dimension.high, value))
    return [(here - low) / (high - low)]
