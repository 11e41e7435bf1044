"""The sweep in this process, one training after the other."""

from __future__ import annotations

from collections.abc import Sequence

from armtune.recipe.schema import Resources
from armtune.sweep.engine import Confirmed, worker_for
from armtune.sweep.search import Search
from armtune.sweep.trial import Task, Workshop


class Inline:
    """An engine without Ray."""

    def __init__(self, workshop: Workshop, resources: Resources) -> None:
        self._worker = worker_for(workshop, resources, expendable=False)

    def search(self, search: Search) -> None:
        """Trains all trials that the search hands out."""
        while task := search.next():
            search.started(task.number)
            self._worker.start(task)
            while search.hear(task.number, self._worker.step()):
                pass

    def confirm(self, tasks: Sequence[Task], told: Confirmed) -> None:
        """Trains and tests each task."""
        for task in tasks:
            told(task, self._worker.confirm(task))
