"""What decides in a sweep: which trial comes next, whether it goes on, how it ended.

An engine takes tasks from ``next``, lets a worker train them, and passes each step to ``hear``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.patience import Patience
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers.packing import is_open, program_of
from armtune.sweeps.workers.trial import (
    Failure,
    Metrics,
    Step,
    Task,
    raise_stop,
    reason_of,
    trial_folder,
    wanted_outputs,
)

if TYPE_CHECKING:
    from armtune.sweeps.study.study import SweepStudy
    from armtune.sweeps.study.time_budget import TimeBudget


PEERS = 300
"""Trials that one is compared with at a rung, at most: those that reached it last. What a
comparison costs grows with their square."""


class Search:
    """The trials of a sweep, from the first asked to the last told."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        study: SweepStudy,
        listeners: Sequence[Listener],
        budget: TimeBudget | None = None,
    ) -> None:
        self.recipe, self.folder, self._study = recipe, folder, study
        self._goals = Goals.from_recipe(recipe)
        self._listeners, self._budget = listeners, budget
        self._wanted = recipe.sweep.trials
        self._waiting = study.running()
        self._patience = Patience(recipe, study.records())
        self._writer: list[Task] = []
        self._alone: set[int] = set()
        self._decided: dict[int, int] = {}
        self._heard: dict[int, int] = {}
        self._tasks: dict[int, Task] = {}
        self._records: dict[int, TrialRecord] = {}

    @property
    def left(self) -> int:
        """Number of trials still to be handed out."""
        return len(self._writer) + self._unmade

    @property
    def _unmade(self) -> int:
        return len(self._waiting) + self._new

    @property
    def _new(self) -> int:
        """Number of trials still to be drawn."""
        return 0 if self._patience.is_over else max(0, self._wanted - len(self._study))

    @property
    def over(self) -> bool:
        """Whether no trial is left and none is out, which may have to be handed out again."""
        return not self.left and not self._tasks

    def fill(self, going: Sequence[Task] = (), size: int = 1, places: int = 1) -> list[Task]:
        """A pack of trials that train as one program: those that go on, and new ones.

        Args:
            going: the rest of the worker's last pack.
            size: the most members.
            places: packs that train at once: no worker takes another one's share.
        """
        self._look_at_time(size, places)
        pack = [replace(task, epoch=self._heard[task.number]) for task in going]
        share = -(-(self.left + len(pack)) // places)
        while len(pack) < min(size, share) and (task := self.next(pack)):
            pack.append(task)
        return pack

    def _look_at_time(self, size: int, places: int) -> None:
        """Lets no trial begin that wouldn't end in time."""
        if self._budget is None:
            return
        self._budget.share_out(size, places)
        running = bool(self._records or self._waiting)
        if self._new and self._budget.is_over(running):
            self._wanted = len(self._study)
            self._study.note_in_time(self._wanted)

    def next(self, beside: Sequence[Task] = ()) -> Task | None:
        """The next trial to train: first those that were interrupted; None when none is left.

        Args:
            beside: trials that it must be able to train with. Others are put on a writer meanwhile,
                at most as many.
        """
        for task in self._writer:
            if self._fits(task, beside):
                self._writer.remove(task)
                return task
        while self._unmade and len(self._writer) <= len(beside):
            made = self._made(self._waiting.pop(0) if self._waiting else self._study.ask())
            if made and self._fits(made, beside):
                return made
            if made:
                self._writer.append(made)
        return None

    def _made(self, number: int) -> Task | None:
        """A trial's task; None if its values can't be a recipe, and it failed."""
        self._records[number] = self._study.record(number)
        self._heard[number] = self._decided[number] = 0
        try:
            self._tasks[number] = self._task(number)
        except RecipeError as error:
            self.handle(number, Failure(reason_of(error)))
            return None
        return self._tasks[number]

    def _fits(self, task: Task, beside: Sequence[Task]) -> bool:
        return not beside or self._program(task) == self._program(beside[0])

    def _program(self, task: Task) -> str:
        """What tells whether trials can train together; one that was retried trains alone."""
        alone = f"{task.number}: " if task.number in self._alone else ""
        return alone + program_of(task.recipe)

    def note_size(self, size: int) -> None:
        """Keeps the size of packs that was found, for a sweep that resumes after its search."""
        self._study.note_pack(size)

    def found_size(self, most: int) -> int:
        """The size of packs, at most ``most``, without measuring: what an earlier run found."""
        return min(most, self._study.pack) if is_open(self.recipe, most) else most

    def started(self, number: int) -> None:
        """A worker has taken a trial up."""
        self._study.start(number)
        self._records[number] = self._study.record(number)
        for listener in self._listeners:
            listener.trial_started(self._records[number])

    def handle_all(self, pack: Sequence[Task], said: Sequence[Step | Failure]) -> list[Task]:
        """Takes in what a pack's worker said of each trial; returns those that go on."""
        return [t for t, one in zip(pack, said, strict=True) if self.handle(t.number, one)]

    def handle(self, number: int, said: Step | Failure) -> bool:
        """Takes in what a trial's worker said; returns whether the trial goes on.

        Raises:
            StorageError: the sweep has to stop; the trial is left to be done.
        """
        self._study.spend(number, said.seconds)
        if isinstance(said, Failure):
            raise_stop(said)
            if not self._again(number, said):
                self._fail(number, said.reason)
            return False
        if said.note:
            self._study.note(number, said.note)
        # A worker that took a checkpoint up may train epochs again that another one has told.
        for epoch in [e for e in said.epochs if e.number > self._heard[number]]:
            self._stand(number, epoch.number, epoch.best)
            for listener in self._listeners:
                listener.epoch_ended(self._records[number], epoch.metrics)
        if said.epoch >= self._heard[number]:
            self._stand(number, said.epoch, said.best)
            self._heard[number] = said.epoch
        return self._decide(number, said.epoch, said.best)

    def _task(self, number: int) -> Task:
        recipe = with_overrides(self.recipe, self._records[number].values)
        rungs = self._rungs(number, recipe.training.epochs)
        outputs = wanted_outputs(self.recipe)
        folder = trial_folder(self.folder, number)
        return Task(number, recipe, folder, rungs, outputs=outputs)

    def _bracket(self, number: int) -> int:
        return self.recipe.sweep.pruner.bracket(number, self.recipe.training.epochs)

    def _rungs(self, number: int, epochs: int) -> tuple[int, ...]:
        return tuple(self.recipe.sweep.pruner.rungs(epochs)[self._bracket(number) :])

    def _stand(self, number: int, epoch: int, best: Metrics) -> None:
        self._records[number] = replace(self._records[number], epoch=epoch, metrics=best)

    def _decide(self, number: int, epoch: int, best: Metrics) -> bool:
        task = self._tasks[number]
        epochs, last = task.recipe.training.epochs, task.recipe.training.last_epoch(best)
        due = (epoch >= last or epoch in task.rungs) and epoch > self._decided[number]
        if due:
            self._decided[number] = epoch
        if due and (unsound := self._unsound(best)):
            self._fail(number, f"epoch {epoch}: {unsound}")
        elif due and epoch >= last:
            self._study.complete(number, epoch, best)
            self._ended(number)
        elif (not due or self._stays(task, epoch, best)) and self._is_in_time(task, epoch):
            return True
        else:
            self._study.prune(number, epoch, epochs, best)
            self._ended(number)
        return False

    def _is_in_time(self, task: Task, epoch: int) -> bool:
        """Whether a trial that goes on would end in the sweep's time; it is noted where not."""
        number, epochs = task.number, task.recipe.training.epochs
        if self._budget is None or not self._budget.is_too_slow(number, epoch, epochs):
            return True
        self._study.note(number, "stopped: at its pace it would not have ended in sweep.seconds")
        return False

    def _stays(self, task: Task, epoch: int, best: Metrics) -> bool:
        """Whether a trial passes a rung. Trial 0, the recipe's own values, always does."""
        self._study.reach(task.number, epoch, best)
        bracket = self._bracket(task.number)
        reached = reversed(self._study.rung(epoch, task.number).items())
        peers = (metrics for number, metrics in reached if self._bracket(number) == bracket)
        others = [self._goals.standing(metrics) for metrics in islice(peers, PEERS)]
        progress = epoch / task.recipe.training.epochs
        keeps = task.recipe.sweep.pruner.keeps
        return task.number == 0 or keeps(self._goals.standing(best), others, progress)

    def _unsound(self, metrics: Metrics) -> str:
        """What keeps metrics from being compared; empty when nothing does."""
        names = [goal.metric for goal in self._goals.objectives]
        names += [goal.metric for goal in self._goals.constraints]
        values = {name: metrics.get(name) for name in names}
        missing = [name for name, value in values.items() if value is None]
        if missing:
            return f"the run doesn't measure {', '.join(missing)}"
        bad = [f"{n} is {v}" for n, v in values.items() if v is not None and not math.isfinite(v)]
        return ", ".join(bad)

    def _again(self, number: int, failure: Failure) -> bool:
        """Takes a trial up again after what may not happen twice; returns whether it did."""
        limit = self.recipe.sweep.retries if failure.transient else 0
        if not self._study.retry(number, failure.reason, limit):
            return False
        self._tasks.pop(number)
        self._alone.add(number)
        self._waiting.append(number)
        return True

    def _fail(self, number: int, reason: str) -> None:
        record = self._records[number]
        self._study.fail(number, record.epoch, record.metrics, reason)
        self._ended(number)

    def _ended(self, number: int) -> None:
        self._tasks.pop(number, None)
        del self._records[number]
        record = self._study.record(number)
        self._patience.note(record)
        if self._budget is not None:
            self._budget.note(record)
        for listener in self._listeners:
            listener.trial_ended(record)
