"""What trains packs of tasks, one pack after the other. Runs in a process of its own with Ray."""

from __future__ import annotations

import platform
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.data.cache import file_digest
from armtune.errors import RunError
from armtune.files import of_storage, write_text
from armtune.recipe.frozen import frozen_parts
from armtune.recipe.load import dump_recipe
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers import departure
from armtune.sweeps.workers.folder_lease import Lease
from armtune.sweeps.workers.pack import DamagedCheckpointError, Pack
from armtune.sweeps.workers.packing import counted, is_open, measured, program_of
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.time_limit import TimeLimit
from armtune.sweeps.workers.trial import (
    MODEL,
    Confirmation,
    Failure,
    Served,
    Step,
    Task,
    Training,
    TrainingFactory,
    note_failure,
    reason_of,
)

if TYPE_CHECKING:
    from armtune.data import Dataset


class Group:
    """Tasks that are to train together, and their pack once it was made."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tasks
        self.pack: Pack | None = None
        self.limits: list[TimeLimit] = []
        self.begin = 0.0  # seconds until it was there, which nobody was told of


class Worker:
    """Trains packs; data and imports stay loaded in between.

    Args:
        expendable: whether its process may be ended where a training hangs.
    """

    def __init__(
        self, factory: TrainingFactory, threads: int, device: str, expendable: bool = False
    ) -> None:
        self._factory, self._threads, self._device = factory, threads, device
        self._expendable = expendable
        self._data: Dataset | None = None
        self._samples: Served | None = None
        self._groups: list[Group] = []
        self._kept: dict[Path, Any] = {}
        self._latencies: dict[str, float] = {}
        self._measuring = 0.0

    def start(self, tasks: Sequence[Task]) -> None:
        """Takes tasks up as a pack; ``step`` does all the work.

        Those that were in the last pack go on from where they stand, the others from their last
        checkpoint if they have one.
        """
        wanted = {task.folder: task.epoch for task in tasks}
        packs = [group.pack for group in self._groups if group.pack is not None]
        self._kept = {f: member for pack in packs for f, member in pack.members(wanted).items()}
        self._groups = [Group(tasks)]
        self._measuring = 0.0

    def step(self) -> list[Step | Failure]:
        """Trains until a task waits for a decision, or for about a second.

        Returns:
            what there is to say of each task, in the order in which they were taken up.
        """
        return [said for group in list(self._groups) for said in self._step(group)]

    def _step(self, group: Group) -> list[Step | Failure]:
        started = time.monotonic()
        said = self._said(group)
        took, self._measuring = time.monotonic() - started + self._measuring, 0.0
        if group not in self._groups:  # its tasks were tried alone, and have their own seconds
            return said
        # Beside its epochs a step writes files, and of one that failed nothing is known.
        judged = group.pack.spent.validate if group.pack else 0.0
        spent = Seconds(group.begin, max(0.0, took - group.begin - judged), judged)
        group.begin = 0.0
        return [replace(one, seconds=spent.shared(len(said))) for one in said]

    def _said(self, group: Group) -> list[Step | Failure]:
        try:
            if group.pack is None:
                self._begin(group)
            assert group.pack is not None
            with group.limits[0].enforced(), departure.training():
                return group.pack.step()
        except Exception as error:  # a trial fails alone, whatever it met
            group.pack = None
            if len(group.tasks) == 1:
                return [self._failed(group.tasks[0], error)]
            self._leave_if_ruined(error)
        # Alone, each of them shows whether it was the one; the error, which would hold what the
        # pack had of the memory, is no more.
        self._groups = [Group([task]) for task in group.tasks]
        return self.step()

    def close(self) -> None:
        """Nothing is left to end; a process group has its processes."""

    def pack_size(self, recipe: Recipe, most: int, timed: bool = True) -> int:
        """How many trials at once pay, at most ``most``; found out where the recipe leaves it open.

        Where nothing can be found out, one: the trial will say why.

        Args:
            timed: whether by the clock.
        """
        if not is_open(recipe, most):
            return most
        started = time.monotonic()
        try:
            samples = self.samples_for(recipe)
            if not timed:
                return counted(recipe, self._factory, samples, most)
            return measured(recipe, self._factory, samples, most).size
        except Exception:  # the recipe's own values may be the ones that don't work
            return 1
        finally:
            self._measuring = time.monotonic() - started

    def confirm(self, tasks: Sequence[Task]) -> list[Confirmation | Failure]:
        """Trains tasks of one program to their end, tests them, and writes their models.

        Returns:
            what they came to; a failure where the sweep has to stop for it.
        """
        started = time.monotonic()
        ends = self._ends(tasks)
        for task in tasks:
            for _ in range(task.recipe.sweep.retries):
                end = ends[task.folder]
                if isinstance(end, Failure) and end.transient:
                    ends |= self._ends([task])
        each = (time.monotonic() - started) / len(tasks)
        known = [confirmation(task, ends[task.folder]) for task in tasks]
        return [replace(k, seconds=each) if isinstance(k, Confirmation) else k for k in known]

    def _ends(self, tasks: Sequence[Task]) -> dict[Path, Confirmation | Failure]:
        """What the trainings of a pack come to, by their folders."""
        ends, going = dict[Path, Confirmation | Failure](), list(tasks)
        while going:
            self.start(going)
            said = self.step()
            while all(map(_goes_on, going, said)):
                said = self.step()
            left = []
            for task, one in zip(going, said, strict=True):
                if isinstance(one, Step) and _goes_on(task, one):
                    left.append(replace(task, epoch=one.epoch))
                else:
                    ends[task.folder] = self._end(task, one)
            going = left
        return ends

    def _end(self, task: Task, said: Step | Failure) -> Confirmation | Failure:
        """What a training that is over has come to: it is tested."""
        if isinstance(said, Failure):
            return said
        [group] = [g for g in self._groups if task.folder in [t.folder for t in g.tasks]]
        try:
            assert group.pack is not None
            with group.limits[0].enforced():
                test = group.pack.finish(task.folder)
                model = file_digest(task.folder / MODEL)
        except Exception as error:  # as above
            return self._failed(task, error)
        return Confirmation(task.recipe.training.seed, said.best, test, model=model)

    def _begin(self, group: Group) -> None:
        """Reads the tasks' data, builds their training, and takes up what there is of it."""
        started = time.monotonic() - self._measuring
        leases = [self._lease(task) for task in group.tasks]
        if frozen_parts(group.tasks[0].recipe):
            # Features that serve all trials aren't taken off the time of the first one.
            self.samples_for(group.tasks[0].recipe)
        group.limits = [
            TimeLimit(task.folder, task.recipe.sweep.trial_seconds, self._expendable)
            for task in group.tasks
        ]
        recipes = [task.recipe for task in group.tasks]
        with group.limits[0].enforced():
            training = self.training(recipes)
            latency = partial(self._latency, recipes[0])
            group.pack = Pack(group.tasks, training, group.limits, leases, self._kept, latency)
        group.begin = time.monotonic() - started

    def _latency(self, recipe: Recipe) -> float:
        """Milliseconds of a prediction: measured once for all trials of a program."""
        program = program_of(recipe)
        if program not in self._latencies:
            samples = self.samples_for(recipe)
            self._latencies[program] = self._factory.latency(recipe, samples)
        return self._latencies[program]

    def _lease(self, task: Task) -> Lease:
        anew = task.folder not in self._kept
        if anew:
            _check_shared(task.folder.parents[1])
            write_text(task.folder / "recipe.yaml", dump_recipe(task.recipe))
        return Lease(task.folder, anew)

    def training(self, recipes: Sequence[Recipe]) -> Training:
        """A training of a pack of recipes that hasn't begun."""
        return self._factory.training(recipes, self.samples_for(recipes[0]))

    def samples_for(self, recipe: Recipe) -> Served:
        """The data as the recipe's training wants them; read once."""
        if self._data is None:
            self._factory.prepare(self._threads)
            self._data = self._load(recipe)
        if self._samples is None or not self._samples.serve(recipe):
            self._samples = None  # its memory is free before it is asked for again
            self._samples = self._factory.samples(recipe, self._data, self._device)
        return self._samples

    def _load(self, recipe: Recipe) -> Dataset:
        data = self._factory.dataset(recipe)
        if self._factory.digest and data.digest != self._factory.digest:
            raise RunError(
                f"{platform.node()} reads other data than the sweep was started with: "
                f"{data.description}"
            )
        return data

    def _failed(self, task: Task, error: Exception) -> Failure:
        self._leave_if_ruined(error)
        reason, details = reason_of(error), traceback.format_exc()
        stops = of_storage(error)
        return note_failure(task.folder, reason, details, _transient(error, task), stops)

    def _leave_if_ruined(self, error: Exception) -> None:
        """Raises an error after which nothing works in this process, if another can replace it.

        Such as an illegal access or a failed assertion on a GPU, which each later call there meets.
        """
        if self._expendable and str(error).startswith("CUDA error"):
            raise error


def confirmation(task: Task, end: Confirmation | Failure) -> Confirmation | Failure:
    """What is written down of a re-training; a failure stays one if the sweep stops for it."""
    if isinstance(end, Confirmation) or end.stops:
        return end
    return Confirmation(task.recipe.training.seed, {}, {}, end.reason)


def _goes_on(task: Task, said: Step | Failure) -> bool:
    return isinstance(said, Step) and said.epoch < task.recipe.training.last_epoch(said.best)


def _check_shared(run: Path) -> None:
    """Refuses a node that would write to a folder of its own."""
    if not run.is_dir():
        hint = "the run's folder must lie where all nodes see it under the same path"
        raise RunError(f"{run} isn't there on {platform.node()}: {hint}")


def _transient(error: Exception, task: Task) -> bool:
    kinds = (OSError, DamagedCheckpointError)
    # Of a GPU that others use as well, they may have taken the memory.
    crowded = task.recipe.sweep.resources.gpu % 1 and "out of memory" in str(error)
    return bool(crowded) or isinstance(error, kinds) or isinstance(error.__cause__, OSError)
