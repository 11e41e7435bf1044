"""Passes what Ray Tune tells to the sweep, and what the sweep wants to Ray Tune."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from armtune.sweeps.engines.callback_errors import CallbackErrors
from armtune.sweeps.engines.engine import Retrainings
from armtune.sweeps.engines.work_units import Retraining, Searching, Stage, WorkUnit
from armtune.sweeps.study.search import Search


class Dispatcher(CallbackErrors):
    """Hands work units out, one stage of the sweep after the other.

    A worker that has nothing to do waits for the next stage, with its imports and data: it gets a
    work unit without tasks, which ends as soon as there is something to do. It also ends where
    another unit has found no worker: in a cluster that others use as well, there may be no place
    for one more.

    Args:
        capacity: how many workers there is room for now.
    """

    def __init__(self, stages: Iterator[Search | Retrainings], capacity: Callable[[], int]) -> None:
        self._stages, self._capacity = stages, capacity
        self._stage: Stage | None = None
        self._held: WorkUnit | None = None
        self._out = 0
        self._spare = 0  # workers without a unit, less units without a worker

    @property
    def over(self) -> bool:
        """Whether there was nothing left to hand out, and no unit is out that may bring more."""
        return self._held is None and self._stage is None

    def begin(self) -> bool:
        """Whether there is anything to do."""
        return self._ready() is not None

    def next_unit(self) -> WorkUnit | None:
        """What the next worker does; None while all places are taken."""
        if self._out >= self._capacity():
            return None
        unit = self._ready()
        if unit is None and self._stage is not None and self._spare > 0:
            unit = WorkUnit()
        if unit is not None:
            self._held = None
            self._out += 1
            self._spare -= 1
        return unit

    def worker_joined(self) -> None:
        """A new worker is there, for a unit that was handed out."""
        self._spare += 1

    def started(self, unit: WorkUnit) -> None:
        """A worker has taken a unit up."""
        if isinstance(self._stage, Searching):
            for number in unit.new:
                self._stage.search.started(number)

    def handle(self, unit: WorkUnit, said: Sequence[Any], size: int = 0) -> bool:
        """Takes in what a worker said; whether the unit goes on."""
        if self._goes_on(unit, said, size):
            return True
        self._spare += 1
        self._end(unit)
        return False

    def lose(self, unit: WorkUnit, said: Sequence[Any]) -> None:
        """Takes in that a worker is no more, and what is to be said of each task."""
        self._goes_on(unit, said)
        self._end(unit)

    def _goes_on(self, unit: WorkUnit, said: Sequence[Any], size: int = 0) -> bool:
        if not unit.tasks:
            return not self._ready() and self._stage is not None and self._spare >= 0
        assert self._stage is not None, "it goes on until all its units have ended"
        return self._stage.handle(unit, said, size)

    def _end(self, unit: WorkUnit) -> None:
        self._out -= 1
        unit.clear()

    def _ready(self) -> WorkUnit | None:
        """The next unit, if there is one; goes on to the next stage where one is over."""
        places = self._capacity()
        while self._held is None:
            if self._stage is not None:
                self._held = self._stage.next_unit(places)
            if self._held is None and not self._advanced(places):
                break
        return self._held

    def _advanced(self, places: int) -> bool:
        """Whether the next stage has begun."""
        if self._stage is not None and not self._stage.over:
            return False
        size = self._stage.size if self._stage else 1
        wanted = next(self._stages, None)
        if isinstance(wanted, Search):
            self._stage = Searching(wanted, places)
        else:
            self._stage = Retraining(wanted, size, places) if wanted else None
        return wanted is not None
