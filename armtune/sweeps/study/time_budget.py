"""How many trials fit into the time that a whole sweep may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

from armtune.recipe.schema import Recipe
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.study.retraining_time import retrainings
from armtune.sweeps.workers.packing import packs_of

END_SECONDS = 5.0
"""What a sweep takes to its end beside trainings: the export, and the report's figures."""


class TimeBudget:
    """The time of a sweep, ``sweep.seconds``: no trial begins that wouldn't end in time.

    What comes after the search, all re-trainings, is counted in. Times of trials to come are taken
    to be the mean of those that were trained to their full length.

    Args:
        spent: seconds that earlier sessions of the sweep took.
        clock: tells the time in seconds.
    """

    def __init__(
        self, recipe: Recipe, spent: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        assert recipe.sweep.seconds is not None, "a sweep with a time"
        self._recipe, self._spent, self._clock = recipe, spent, clock
        self._seconds, self._began = recipe.sweep.seconds, clock()
        self._whole, self._whole_seconds = 0, 0.0

    @property
    def left(self) -> float:
        """Seconds left of all; negative when it took longer."""
        return self._seconds - self._spent - (self._clock() - self._began)

    def note(self, record: TrialRecord) -> None:
        """Takes in a trial that has ended, in this session or before."""
        if record.state == "COMPLETE":
            self._whole += 1
            self._whole_seconds += record.ended - record.started

    def is_over(self, running: bool, size: int, places: int) -> bool:
        """Whether another pack of trials would not end in time.

        Never before there can be a winner: while none has been trained to its full length, trials
        go on one at a time after the time is over.

        Args:
            running: whether there are trials that haven't ended.
            size: members of a pack.
            places: packs that train at once.
        """
        if not self._whole:
            return self.left < 0 and running
        mean = self._whole_seconds / self._whole
        return self.left < (1 + self._rounds_after(size, places)) * mean + END_SECONDS

    def _rounds_after(self, size: int, places: int) -> int:
        """Packs that train one after another once the search is over."""
        steps = retrainings(self._recipe, [self._recipe])
        return sum(ceil(len(packs_of(tasks, size, places)) / places) for tasks in steps)
