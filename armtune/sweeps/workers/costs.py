"""What a trial costs, where a goal names it: seconds of training, and of a prediction."""

from __future__ import annotations

import json
from collections.abc import Callable

from armtune.metrics import LATENCY, TRAIN_SECONDS
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.trial import Metrics


class Costs:
    """A trial's costs so far, as metrics beside the others; none that no goal names.

    Attributes:
        wanted: names of those that are measured.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.wanted = Goals.from_recipe(recipe).timed
        self._known: Metrics = {}

    def take_up(self, lines: str) -> None:
        """Goes on from what the last line of a metrics file says."""
        for line in lines.splitlines()[-1:]:
            told = json.loads(line)
            self._known = {n: told[n] for n in self.wanted if type(told.get(n)) is float}

    def spend(self, seconds: Seconds) -> None:
        """Adds what an epoch took."""
        if TRAIN_SECONDS in self.wanted:
            self._known[TRAIN_SECONDS] = self._known.get(TRAIN_SECONDS, 0.0) + seconds.training

    def measure(self, latency: Callable[[], float]) -> None:
        """Takes a prediction's milliseconds, if they are wanted and not known yet."""
        if LATENCY in self.wanted and LATENCY not in self._known:
            self._known[LATENCY] = latency()

    def beside(self, metrics: Metrics) -> Metrics:
        """Metrics with the costs; where there are none yet, none."""
        return {**metrics, **self._known} if metrics else {}
