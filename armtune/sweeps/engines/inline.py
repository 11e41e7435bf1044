"""The sweep in this process, one training after the other."""

from __future__ import annotations

from collections.abc import Iterator

from armtune.recipe.schema import Resources
from armtune.sweeps.engines.engine import Retrainings, tell, worker_for
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.packing import largest, packs_of
from armtune.sweeps.workers.trial import Task, TrainingFactory


class Inline:
    """An engine without Ray."""

    def __init__(self, factory: TrainingFactory, resources: Resources) -> None:
        self._worker = worker_for(factory, resources, expendable=False)
        self._size = 1

    def work(self, stages: Iterator[Search | Retrainings]) -> None:
        """See ``Engine``."""
        for stage in stages:
            if isinstance(stage, Search):
                self._search(stage)
            else:
                self._retrain(stage)

    def _search(self, search: Search) -> None:
        most = largest(search.recipe, 1)
        if not search.left:
            self._size = search.found_size(most)
            return
        # The clock decides nothing here: the same sweep draws the same trials again.
        size = self._size = self._worker.pack_size(search.recipe, most, timed=False)
        search.note_size(size)
        going: list[Task] = []
        while pack := search.fill(going, size):
            for task in pack[len(going) :]:
                search.started(task.number)
            self._worker.start(pack)
            going = pack
            while len(going) == len(pack):
                going = search.handle_all(pack, self._worker.step())

    def _retrain(self, wanted: Retrainings) -> None:
        for pack in packs_of(wanted.tasks, self._size, 1):
            for task, end in zip(pack, self._worker.confirm(pack), strict=True):
                tell(wanted.told, task, end)
