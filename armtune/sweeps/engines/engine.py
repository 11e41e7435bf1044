"""What trains the tasks of a sweep, in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from armtune.errors import Fault, RecipeError, RunError
from armtune.recipe.schema import Recipe, Resources
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.trial import Confirmation, Failure, Task, TrainingFactory, raise_stop
from armtune.sweeps.workers.worker import Worker, confirmation

Confirmed = Callable[[Task, Confirmation], None]
"""Told of each re-training that ends."""


def tell(told: Confirmed, task: Task, end: Confirmation | Failure) -> None:
    """Tells what a re-training came to.

    Raises:
        StorageError: the sweep has to stop; the re-training is left to be done.
    """
    if isinstance(end, Failure):
        raise_stop(end)
    known = confirmation(task, end)
    assert isinstance(known, Confirmation), "the sweep would have stopped"
    told(task, known)


@dataclass(frozen=True)
class Retrainings:
    """Tasks that are trained to their end and tested."""

    tasks: Sequence[Task]
    told: Confirmed


class Engine(Protocol):
    """Trains what a sweep wants."""

    def work(self, stages: Iterator[Search | Retrainings]) -> None:
        """Does one stage of the sweep after the other; what comes next may depend on the last."""


def worker_for(factory: TrainingFactory, resources: Resources, expendable: bool) -> Worker:
    """A worker that keeps to what a trial reserves.

    Args:
        expendable: whether its process may be ended where a training hangs.
    """
    return Worker(factory, *means_of(resources), expendable)


def means_of(resources: Resources) -> tuple[int, str]:
    """The threads and the device that a worker trains with."""
    return max(1, int(resources.cpu)), "cuda" if resources.gpu else "cpu"


def means_here(resources: Resources) -> tuple[int, str]:
    """As ``means_of``, for a training in this process.

    Raises:
        RunError: a GPU is wanted, and torch finds none.
    """
    if resources.gpu:
        import torch

        if not torch.cuda.is_available():
            raise RunError("torch finds no GPU here, which sweep.resources asks for; set gpu to 0")
    return means_of(resources)


def check_inline(recipe: Recipe) -> None:
    """Refuses what needs Ray where the sweep is to go without it.

    Raises:
        RecipeError: the recipe needs it.
    """
    pruner, workers = recipe.sweep.pruner, recipe.sweep.resources.workers
    hint = "leave out --inline"
    faults = []
    if pruner.population:
        said = f"{pruner.name} needs Ray, which trains the population"
        faults.append(Fault(said, "sweep.pruner.name", hint=hint))
    if workers > 1:
        said = f"{workers} workers a trial need Ray, which places them"
        faults.append(Fault(said, "sweep.resources.workers", hint=f"{hint}, or set it to 1"))
    if faults:
        raise RecipeError(faults)
