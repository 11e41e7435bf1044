"""How long a sweep will still take, as shown while it runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf
from statistics import fmean

from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps.planning.plan import epochs_of_trials
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.study.retraining_time import ends_of, length_of, retrainings
from armtune.sweeps.workers.packing import Packing

PRIOR = 8
"""Trials that the plan counts for, beside those that have ended."""
DRAWS = 5
"""Made-up searches that the plan is the mean of."""
AT_ONCE = 0.05
"""Seconds within which what is told was told at once."""
SETTLED_SECONDS = 1.0
"""After the first epoch for so long others are told that were trained before it, too."""


class Pace:
    """Estimates the time left from the epochs that were trained since the first one was told.

    So what workers take to begin isn't expected of later trials. A trial is expected to train as
    many epochs as the pruner's rule lets one of its number, where trials keep their order: the
    first ones train to the end. Those that have ended tell how far off that is. The re-trainings
    that follow take as long as whole trials do, as many at a time.
    """

    def __init__(self, recipe: Recipe, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._epochs = clock, recipe.training.epochs
        self._trials, self._seconds = recipe.sweep.trials, recipe.sweep.seconds or inf
        self._planned = planned_epochs(recipe)
        self._confirm, self._near = recipe.sweep.confirm, Goals.from_recipe(recipe).choice.then
        self._recipe, self._top = recipe, 0
        self._ends: list[float] = []
        self._started = clock()
        self._first: tuple[float, int] | None = None
        self._most, self._sizes = 1, Counter[int]()
        self._running, self._trained, self._done = set[int](), dict[int, int](), 0
        self._together: tuple[float, set[int]] = (-inf, set())
        self._after: tuple[float, float] | None = None
        self._retrained: tuple[float, int] = (0.0, 0)

    def start(self, records: Sequence[TrialRecord] = ()) -> None:
        """The sweep starts, or goes on, now.

        Args:
            records: trials that there are.
        """
        self._started = self._clock()
        for record in records:
            self.stands(record)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def stands(self, record: TrialRecord) -> None:
        """Takes in where a trial stands; what all of them have done is counted on, not anew."""
        number = record.number
        self._done += record.epoch - self._trained.get(number, 0)
        self._trained[number] = record.epoch
        (self._running.add if record.state == "RUNNING" else self._running.discard)(number)

    def heard(self, record: TrialRecord) -> None:
        """Takes in that an epoch of a trial was told; those of a pack are told at once."""
        self.stands(record)
        self._most = max(self._most, len(self._running))
        now = self._clock()
        begun, pack = self._together
        if now - begun < AT_ONCE:
            pack.add(record.number)
        else:
            self._sizes[len(pack)] += 1
            self._together = (now, {record.number})
        if self._first is None or now - self._first[0] < SETTLED_SECONDS:
            begun = self._first[0] if self._first else now
            self._first = (begun, self._done)

    def retrained(self) -> None:
        """Takes in that a re-training has ended."""
        self._retrained = (self._clock(), self._retrained[1] + 1)

    def left(self, records: Sequence[TrialRecord], front: int) -> float | None:
        """Seconds left; None before the work of one trial is done, and when all is.

        Args:
            front: how many trials are on the front: no others are trained again, unless the rule
                tells near-equals apart.
        """
        if self._confirm is not None:
            self._top = self._confirm.top if self._near else min(self._confirm.top, max(1, front))
        epoch = self._seconds_an_epoch()
        if epoch is None:
            return None
        ended = [record for record in records if record.state != "RUNNING"]
        if len(ended) < self._trials:
            rest = self._search(records, epoch) + self._whole_after(epoch)
        else:
            rest = self._rest_after(epoch)
        most = max(0.0, self._seconds - self.elapsed())
        return min(rest, most) if rest > 0 else None

    def _seconds_an_epoch(self) -> float | None:
        """What an epoch takes of the whole sweep's time, where several train at once."""
        if self._after is not None:
            return self._after[1]
        if self._first is None:
            return None
        since, before = self._first
        done = self._done - before
        return (self._clock() - since) / done if done >= self._epochs else None

    def _search(self, records: Sequence[TrialRecord], epoch: float) -> float:
        """Of the search: all its epochs by all workers, or the last trial by its own."""
        off = self._off(records)
        left = [
            (self._epochs - record.epoch) * off * self._planned[record.number] / self._epochs
            for record in records
            if record.state == "RUNNING"
        ]
        left += [off * epochs for epochs in self._planned[len(records) :]]
        return epoch * max(sum(left), max(left, default=0.0) * self._most)

    def _off(self, records: Sequence[TrialRecord]) -> float:
        """How many times as many epochs as planned trials train."""
        ended = [record for record in records if record.state != "RUNNING"]
        prior = PRIOR * fmean(self._planned)
        planned = sum(self._planned[record.number] for record in ended)
        return (prior + sum(record.epoch for record in ended)) / (prior + planned)

    def _whole_after(self, epoch: float) -> float:
        """Of all re-trainings."""
        lengths = self._planned_ends()[-1:]
        return sum(lengths) * self._most * self._epochs * epoch

    def _planned_ends(self) -> list[float]:
        """When each re-training is over, as a multiple of what a trial takes in a full pack."""
        if self._confirm is None or not self._top:
            return []
        confirm = {"sweep.confirm": {**self._confirm.model_dump(), "top": self._top}}
        [(size, _)] = self._sizes.most_common(1)
        size = max(1, size)
        places, ends = max(1, self._most // size), [0.0]
        half = Packing(size, (size + 1) / 2)  # half of what a pack takes doesn't grow with it
        full = length_of(size, half)
        for tasks in retrainings(with_overrides(self._recipe, confirm), [self._recipe]):
            before = ends[-1]
            ends += [before + own / full for own in ends_of(tasks, half, places)]
        return ends[1:]

    def _rest_after(self, epoch: float) -> float:
        """Of the re-trainings, once the search is over."""
        now = self._clock()
        began, _ = self._after = self._after or (now, epoch)
        at, ended = self._retrained
        ends = self._ends = self._ends or self._planned_ends()
        if ended >= len(ends):
            return 0.0
        whole = (at - began) * ends[-1] / ends[ended - 1] if ended else self._whole_after(epoch)
        return max(0.0, whole - (now - began))


def planned_epochs(recipe: Recipe) -> list[float]:
    """Epochs that each trial is expected to train, by its number."""
    draws = [epochs_of_trials(recipe, seed) for seed in range(DRAWS)]
    first = [fmean(each) for each in zip(*draws, strict=True)]
    later = fmean(first[len(first) // 2 :])
    return [*first, *[later] * (recipe.sweep.trials - len(first))]
