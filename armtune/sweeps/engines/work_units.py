"""What workers are given to do: a search's trials, then re-trainings, one work unit at a time.

A work unit is the training of a pack whose members stay the same. When one of them has ended, the
others and new ones in the free places are the next unit, which goes to the worker that has just
become free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from armtune.sweeps.engines.engine import Retrainings, tell
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.packing import is_open, largest, packs_of
from armtune.sweeps.workers.trial import Failure, Task


@dataclass(eq=False)
class WorkUnit:
    """What a worker does next. Travels to it.

    Attributes:
        tasks: a pack; none to wait for one.
        new: numbers of the trials that nobody trained before.
        size: the most members of a pack, when it was handed out.
        measure: how many members a pack may have at most, where the worker is to measure what pays.
        whole: whether the tasks are trained to their end and tested.
        tries: times that its tasks were handed out before.
    """

    tasks: Sequence[Task] = ()
    new: Sequence[int] = ()
    size: int = 1
    measure: int = 0
    whole: bool = False
    tries: int = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> WorkUnit:
        # Tune copies what it was given more than once, keeps it, and makes names of it.
        return self

    def __repr__(self) -> str:
        return f"{self.tasks[0].number:04d}" if self.tasks else "waiting"

    def clear(self) -> None:
        """Lets go of the tasks: it is over."""
        self.tasks = ()


class Stage(Protocol):
    """A part of a sweep's work."""

    @property
    def over(self) -> bool:
        """Whether no unit will follow."""

    @property
    def size(self) -> int:
        """The most members of a pack, as far as it is known."""

    def next_unit(self, places: int) -> WorkUnit | None:
        """What the next worker trains; None while there is nothing.

        Args:
            places: packs that train at once.
        """

    def handle(self, unit: WorkUnit, said: Sequence[Any], size: int = 0) -> bool:
        """Takes in what a worker said, a unit's tasks in order; whether the unit goes on.

        Args:
            said: of a task whose process died, a failure.
            size: what the worker measured, if it did.
        """


class Searching:
    """Trials of a search.

    Where the size of packs is to be measured, the first unit's worker does it, while others begin
    with packs of one, which then grow.
    """

    def __init__(self, search: Search, places: int) -> None:
        self.search = search
        most = largest(search.recipe, places)
        unknown = bool(search.left) and is_open(search.recipe, most)
        self.size = 1 if unknown else search.found_size(most)
        self._to_measure = most if unknown else 0
        self._going: list[list[Task]] = []

    @property
    def over(self) -> bool:
        """See ``Stage``."""
        return self.search.over and not self._going

    def next_unit(self, places: int) -> WorkUnit | None:
        """See ``Stage``."""
        going = self._going.pop(0) if self._going else []
        pack = self.search.fill(going, self.size, places)
        if not pack:
            return None
        new = [task.number for task in pack[len(going) :]]
        unit = WorkUnit(pack, new, self.size, self._to_measure)
        self._to_measure = 0
        return unit

    def handle(self, unit: WorkUnit, said: Sequence[Any], size: int = 0) -> bool:
        """See ``Stage``."""
        if size:
            self.size = size
            self.search.note_size(size)
        going = self.search.handle_all(unit.tasks, said)
        if len(going) == len(unit.tasks) and unit.size == self.size:
            return True
        if going:
            self._going.append(going)
        return False


class Retraining:
    """Trainings that a worker takes to their end and tests."""

    def __init__(self, wanted: Retrainings, size: int, places: int) -> None:
        self._told, self.size = wanted.told, size
        packs = packs_of(wanted.tasks, size, places)
        self._todo = [WorkUnit(pack, whole=True) for pack in packs]
        self._out = 0

    @property
    def over(self) -> bool:
        """See ``Stage``."""
        return not self._todo and not self._out

    def next_unit(self, places: int) -> WorkUnit | None:
        """See ``Stage``."""
        if not self._todo:
            return None
        self._out += 1
        return self._todo.pop(0)

    def handle(self, unit: WorkUnit, said: Sequence[Any], size: int = 0) -> bool:
        """See ``Stage``."""
        self._out -= 1
        for task, end in zip(unit.tasks, said, strict=True):
            dead = isinstance(end, Failure) and end.transient
            if dead and unit.tries < task.recipe.sweep.retries:
                self._todo.insert(0, WorkUnit([task], whole=True, tries=unit.tries + 1))
            else:
                tell(self._told, task, end)
        return False
