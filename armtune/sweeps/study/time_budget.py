"""What fits into the time that a whole sweep may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from math import ceil
from statistics import fmean

from armtune.recipe.schema import Recipe
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.study.retraining_time import ensemble_models, retrainings
from armtune.sweeps.workers.packing import packs_of
from armtune.sweeps.workers.trial import Task

END_SECONDS = 5.0
"""What a sweep takes to its end beside trainings: the export, and the report's figures."""


class TimeBudget:
    """The time of a sweep, ``sweep.seconds``: no trial begins or goes on that wouldn't end in time.

    What comes after the search, all re-trainings, is counted in up to half of the time, and cut to
    what fits once it is due. Times of trainings to come are taken from trials that were trained to
    their full length.

    Args:
        spent: seconds that earlier sessions of the sweep took.
        clock: tells the time in seconds.
    """

    def __init__(
        self, recipe: Recipe, spent: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        assert recipe.sweep.seconds is not None, "a sweep with a time"
        self._spent, self._clock = spent, clock
        self._seconds, self._began = recipe.sweep.seconds, clock()
        self._ensemble = ensemble_models(recipe)
        self._steps = [*retrainings(recipe, [recipe]), self._ensemble]
        self._size = self._places = 0
        self.share_out(1, 1)
        self._whole: list[float] = []
        self._first: dict[int, tuple[int, float]] = {}
        self._each = 0.0

    @property
    def left(self) -> float:
        """Seconds left of all; negative when it took longer."""
        return self._seconds - self._spent - (self._clock() - self._began)

    def share_out(self, size: int, places: int) -> None:
        """Notes how many trainings go on at once.

        Args:
            size: members of a pack.
            places: packs that train at once.
        """
        if (size, places) == (self._size, self._places):
            return
        self._size, self._places = size, places
        self._rounds_after = sum(map(self._rounds, self._steps))

    def note(self, record: TrialRecord) -> None:
        """Takes in a trial that has ended, in this session or before."""
        self._whole += _whole([record])

    def is_over(self, running: bool) -> bool:
        """Whether another pack of trials would not end in time.

        Never before there can be a winner: while none has been trained to its full length, trials
        go on one at a time after the time is over.

        Args:
            running: whether there are trials that haven't ended.
        """
        if not self._whole:
            return self.left < 0 and running
        return self.left < self._needed_after() + fmean(self._whole)

    def is_too_slow(self, number: int, epoch: int, epochs: int) -> bool:
        """Whether a trial, at its pace since this was first asked, would not end in time.

        Never before there can be a winner.

        Args:
            epoch: how far it is.
            epochs: its full length.
        """
        first, asked = self._first.setdefault(number, (epoch, self._clock()))
        if not self._whole or epoch <= first:
            return False
        pace = (self._clock() - asked) / (epoch - first)
        return self.left < self._needed_after() + pace * (epochs - epoch)

    def fitting(
        self,
        tasks: Sequence[Task],
        like: Sequence[TrialRecord],
        least: int = 0,
        after: bool = False,
    ) -> list[Task]:
        """Those re-trainings of the first seeds that end in time, all of a seed or none.

        Args:
            tasks: seed by seed.
            like: trials of the same settings; the longest tells what a round of packs takes.
            least: seeds that are trained in any case.
            after: whether an ensemble's models are trained after them, for which up to half of
                what is left is kept.
        """
        seconds = max(_whole(like), default=0.0)
        models = self._rounds(self._ensemble) * seconds if after else 0.0
        return self._cut(tasks, lambda more: self._rounds(more) * seconds, least, models)

    def fitting_at(self, tasks: Sequence[Task], each: float) -> list[Task]:
        """The same of re-trainings that take so many seconds each, before an ensemble's models.

        Args:
            each: seconds of one among those that go on at once, as it was found.
        """
        self._each = each
        return self._cut(tasks, lambda more: len(more) * each, 0, len(self._ensemble) * each)

    def _cut(
        self,
        tasks: Sequence[Task],
        seconds: Callable[[Sequence[Task]], float],
        least: int,
        models: float,
    ) -> list[Task]:
        """The first seeds' tasks that end in time.

        Args:
            seconds: what some of them take.
            models: what an ensemble's models take, for which up to half of what is left is kept.
        """
        left = self.left - END_SECONDS
        left -= max(0.0, min(models, left / 2))
        found: list[Task] = []
        for k, (_, own) in enumerate(groupby(tasks, lambda task: task.recipe.training.seed)):
            more = [*found, *own]
            if k >= least and left < seconds(more):
                break
            found = more
        return found

    def models_in_time(self) -> int:
        """How many trainings end in time: as re-trainings did, else as trials in the mean."""
        each = self._each or fmean(self._whole) / self._places
        return int(max(0.0, self.left - END_SECONDS) / each)

    def _needed_after(self) -> float:
        """Seconds from the search's end to the sweep's: half of all at most go to re-trainings."""
        return min(self._rounds_after * fmean(self._whole), self._seconds / 2) + END_SECONDS

    def _rounds(self, tasks: Sequence[Task]) -> int:
        """Packs that train one after another."""
        return ceil(len(packs_of(tasks, self._size, self._places)) / self._places)


def _whole(records: Sequence[TrialRecord]) -> list[float]:
    """Seconds of the trials that were trained to their full length."""
    return [r.ended - r.started for r in records if r.state == "COMPLETE"]
