"""Passes what Ray Tune tells to the sweep, and what the sweep wants to Ray Tune."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from armtune.sweeps.engines.callback_errors import Complaints
from armtune.sweeps.engines.engine import Retrainings
from armtune.sweeps.engines.work_units import Leg, Retraining, Searching, Stage
from armtune.sweeps.study.search import Search


class Clerk(Complaints):
    """Hands legs out, one stage of the sweep after the other.

    A worker that has nothing to do waits for the next stage, with its imports and data: that is a
    leg without tasks, which ends as soon as there is something. It also ends where a leg has found
    no worker: in a cluster that others use as well, there may be no place for another one.

    Args:
        room: how many workers there is room for now.
    """

    def __init__(self, stages: Iterator[Search | Retrainings], room: Callable[[], int]) -> None:
        self._stages, self._room = stages, room
        self._stage: Stage | None = None
        self._held: Leg | None = None
        self._out = 0
        self._spare = 0  # workers without a leg, less legs without a worker

    @property
    def over(self) -> bool:
        """Whether there was nothing left to hand out, and no leg is out that may bring more."""
        return self._held is None and self._stage is None

    def begin(self) -> bool:
        """Whether there is anything to do."""
        return self._ready() is not None

    def next_leg(self) -> Leg | None:
        """What the next worker does; None while all places are taken."""
        if self._out >= self._room():
            return None
        leg = self._ready()
        if leg is None and self._stage is not None and self._spare > 0:
            leg = Leg()
        if leg is not None:
            self._held = None
            self._out += 1
            self._spare -= 1
        return leg

    def came(self) -> None:
        """A new worker is there, for a leg that was handed out."""
        self._spare += 1

    def started(self, leg: Leg) -> None:
        """A worker has taken a leg up."""
        if isinstance(self._stage, Searching):
            for number in leg.new:
                self._stage.search.started(number)

    def hear(self, leg: Leg, said: Sequence[Any], size: int = 0) -> bool:
        """Takes in what a worker said; whether the leg goes on."""
        if self._goes_on(leg, said, size):
            return True
        self._spare += 1
        self._end(leg)
        return False

    def lose(self, leg: Leg, said: Sequence[Any]) -> None:
        """Takes in that a worker is no more, and what is to be said of each task."""
        self._goes_on(leg, said)
        self._end(leg)

    def _goes_on(self, leg: Leg, said: Sequence[Any], size: int = 0) -> bool:
        if not leg.tasks:
            return not self._ready() and self._stage is not None and self._spare >= 0
        assert self._stage is not None, "it goes on until all its legs have ended"
        return self._stage.hear(leg, said, size)

    def _end(self, leg: Leg) -> None:
        self._out -= 1
        leg.forget()

    def _ready(self) -> Leg | None:
        """The next leg, if there is one; goes on to the next stage where one is over."""
        places = self._room()
        while self._held is None:
            if self._stage is not None:
                self._held = self._stage.next_leg(places)
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
