"""What trains the tasks of a sweep, in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from armtune.recipe.schema import Resources
from armtune.sweep.records import Confirmation
from armtune.sweep.search import Search
from armtune.sweep.trial import Task, Workshop
from armtune.sweep.worker import Worker

Confirmed = Callable[[Task, Confirmation], None]
"""Told of each re-training that ends."""


class Engine(Protocol):
    """Trains tasks."""

    def search(self, search: Search) -> None:
        """Trains all trials that the search hands out."""

    def confirm(self, tasks: Sequence[Task], told: Confirmed) -> None:
        """Trains and tests each task."""


def worker_for(workshop: Workshop, resources: Resources, expendable: bool) -> Worker:
    """A worker that keeps to what a trial reserves.

    Args:
        expendable: whether its process may be ended where a training hangs.
    """
    threads, device = max(1, int(resources.cpu)), "cuda" if resources.gpu else "cpu"
    return Worker(workshop, threads, device, expendable)
