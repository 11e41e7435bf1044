"""Tasks that train together in one program, each with files of its own. Runs in a worker."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from armtune.errors import ArmtuneError, DivergedError, RunError
from armtune.files import of_storage, unwritable, write_text
from armtune.references.per_sample import SCORE, write_per_sample
from armtune.sweeps.workers import departure
from armtune.sweeps.workers.costs import Costs
from armtune.sweeps.workers.folder_lease import Lease, LostLeaseError
from armtune.sweeps.workers.metrics_file import kept_lines, line_of
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.time_limit import TimeLimit
from armtune.sweeps.workers.trial import (
    CHECKPOINT,
    METRICS,
    MODEL,
    OUTPUTS,
    TESTED,
    TRIALS,
    UNDERWAY,
    Epoch,
    Failure,
    Metrics,
    Step,
    Task,
    Training,
    note_failure,
    reason_of,
)
from armtune.training.settings import OtherSettingsError

log = logging.getLogger(__name__)

STEP_SECONDS = 1.0
"""A step trains whole epochs for about so long, unless a rung comes first."""
SAVE_SECONDS = 2.0
"""A checkpoint is written when the last one is older than this, and at the end."""
UNDERWAY_SECONDS = 60.0
"""Within an epoch that takes longer, a checkpoint is written so often: a crash costs a minute, and
writing a large model takes a few hundredths of one."""
DAMAGED = "checkpoint.damaged"
DISCARDED = "checkpoint.discarded"
"""One of other settings, as a journal that was put back to an earlier state leaves in the way."""


class DamagedCheckpointError(RunError):
    """A checkpoint can't be read; it was put aside, so that the next try does without."""


class Pack:
    """A training of several tasks.

    Args:
        kept: members that go on from where this process left them, by their tasks' folders; the
            others go on from their checkpoints, if they have one.
        limits: of the tasks' time.
        latency: milliseconds of a prediction by such a model; asked where a goal names them.
        leases: on the tasks' folders.

    Attributes:
        spent: what the epochs of the last step took, of all members.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        training: Training,
        limits: Sequence[TimeLimit],
        leases: Sequence[Lease],
        kept: Mapping[Path, Any],
        latency: Callable[[], float],
    ) -> None:
        self._training, self._limits = training, limits
        self._seats = [Seat(tasks[k], training, k, lease) for k, lease in enumerate(leases)]
        self._restored, self.spent = False, Seconds()
        for seat in self._seats:
            if seat.task.folder in kept:
                training.adopt(seat.k, kept[seat.task.folder])
                seat.go_on()
                continue
            if seat.checkpoint.exists():
                self._restored |= seat.restore()
            seat.begin()
        for seat in self._seats:
            seat.costs.measure(latency)
        if not self._resumed():
            for seat in self._seats:
                seat.forget_underway()

    def _resumed(self) -> bool:
        """Whether the tasks go on within an epoch: all of them, from the same step of one."""
        places = [seat.underway for seat in self._seats]
        if not all(place.exists() for place in places):
            return False
        try:
            return self._training.resume(places)
        except OtherSettingsError as error:
            for seat in self._seats:
                seat.discard(seat.underway, error)
            return False
        except RunError as error:
            raise _put_aside(places, error) from error

    def step(self) -> list[Step | Failure]:
        """Trains some epochs, at most until a task waits for a decision, and writes them down.

        Where a checkpoint was taken up, it first says where all stand: the decision of a rung may
        never have been made.
        """
        self.spent = Seconds()
        if self._restored:
            self._restored = False
            return [seat.stands() for seat in self._seats]
        left, started = min(seat.left for seat in self._seats), time.monotonic()
        while left > 0:
            self._advance()
            left = min([left - 1, *(seat.ahead for seat in self._seats)])
            if any(self._training.diverged) or time.monotonic() - started > STEP_SECONDS:
                break
        self._save_outputs("validation")
        return [seat.report() for seat in self._seats]

    def _save_outputs(self, split: str) -> None:
        """Writes what trained models say, where that is wanted of tasks that are over.

        Before the last checkpoint: where there is one, there are these.
        """
        over = [seat for seat in self._seats if split in seat.task.outputs and seat.is_sound]
        if places := {s.k: s.task.folder / OUTPUTS[split] for s in over if s.left <= 0}:
            self._training.save_outputs(split, places)

    def _advance(self) -> None:
        started = time.monotonic()
        try:
            self._train_epoch()
            trained = time.monotonic()
            metrics = self._training.advance()
        except DivergedError:
            if len(self._seats) == 1:
                raise
            return
        took = Seconds(train=trained - started, validate=time.monotonic() - trained)
        self.spent += took
        each = took.shared(len(self._seats))
        for seat, own in zip(self._seats, metrics, strict=True):
            seat.costs.spend(each)
            seat.handle(own)
        if departure.told():
            for seat in self._seats:
                seat.put_down()
            self._leave()
        for limit in self._limits:
            limit.check()

    def _train_epoch(self) -> None:
        """Trains to the last step of an epoch, and saves on the way where that takes long."""
        self._paused_at = time.monotonic()
        while not self._training.train_steps(self._pauses):
            for seat in self._seats:
                seat.save_underway()
            if self._may_leave:
                self._leave()
            self._paused_at = time.monotonic()
        self._training.progress()  # waits for the device

    def _pauses(self) -> bool:
        for limit in self._limits:
            limit.check()
        return self._may_leave or time.monotonic() - self._paused_at > UNDERWAY_SECONDS

    @property
    def _may_leave(self) -> bool:
        """Whether the process is to end, and what is saved within an epoch will be of use."""
        return departure.told() and all(seat.is_saved for seat in self._seats)

    def _leave(self) -> NoReturn:
        """Ends the process: checkpoints are written."""
        folders = [seat.task.folder for seat in self._seats]
        departure.leave(folders, [self._training.epochs[seat.k] for seat in self._seats])

    def members(self, wanted: Mapping[Path, int]) -> dict[Path, Any]:
        """Members as they stand, by their tasks' folders.

        Args:
            wanted: which ones, with the epoch at which they are of use.
        """
        return {
            seat.task.folder: self._training.member(seat.k)
            for seat in self._seats
            if wanted.get(seat.task.folder) == self._training.epochs[seat.k]
        }

    def finish(self, folder: Path) -> Metrics:
        """Writes the model of a task that is over at its best epoch; its metrics on test.

        Args:
            folder: the task's.
        """
        [seat] = [seat for seat in self._seats if seat.task.folder == folder]
        seat.save_model()
        metrics = self._tests[seat.k]
        write_per_sample(folder / TESTED, {SCORE: self._training.tested[seat.k]})
        if "test" in seat.task.outputs:
            place = seat.task.folder / OUTPUTS["test"]
            self._training.save_outputs("test", {seat.k: place})
        if folder.parent.name != TRIALS:
            # Its model is all that anyone asks for from here on, and a quarter of the size.
            seat.checkpoint.unlink(missing_ok=True)
        return metrics

    @cached_property
    def _tests(self) -> list[Metrics]:
        """All tasks' metrics on test: those that are over won't be trained on in this pack."""
        return self._training.test()


class Seat:
    """A task's place in a pack, with the task's files."""

    def __init__(self, task: Task, training: Training, k: int, lease: Lease) -> None:
        self.task, self.k, self._training, self._lease = task, k, training, lease
        self.checkpoint, self.underway = task.folder / CHECKPOINT, task.folder / UNDERWAY
        self._metrics = task.folder / METRICS
        self.costs = Costs(task.recipe)
        self._saved_at, self._saved_epoch = time.monotonic(), 0
        self._fresh: list[Epoch] = []
        self._note = ""

    @property
    def _epoch(self) -> int:
        return self._training.epochs[self.k]

    @property
    def _last(self) -> int:
        return self.task.recipe.training.last_epoch(self._training.best[self.k])

    @property
    def left(self) -> int:
        """Epochs until the next decision about it."""
        return min([self.ahead, *(r - self._epoch for r in self.task.rungs if r > self._epoch)])

    @property
    def ahead(self) -> int:
        """Epochs until its end, as far as it is known."""
        return self._last - self._epoch

    @property
    def is_sound(self) -> bool:
        """Whether it hasn't diverged, and its folder is still this worker's."""
        with suppress(LostLeaseError):
            self._lease.check()
            return not self._training.diverged[self.k]
        return False

    def restore(self) -> bool:
        """Takes the checkpoint up; whether it did: not one of other settings."""
        try:
            self._training.restore(self.checkpoint, self.k)
            self._saved_epoch = self._epoch
            return True
        except OtherSettingsError as error:
            self.discard(self.checkpoint, error)
            return False
        except RunError as error:
            raise _put_aside([self.checkpoint], error) from error

    def discard(self, path: Path, why: OtherSettingsError) -> None:
        """Takes a checkpoint of other settings out of the way, and says so."""
        path.replace(path.with_name(DISCARDED))
        self._note = f"a checkpoint was put aside, {reason_of(why).removeprefix(f'{path}: ')}"
        log.warning("%s: %s", path.parent, self._note)

    def begin(self) -> None:
        """Strikes out what is about to be written again."""
        lines = kept_lines(self._metrics, self._epoch)
        write_text(self._metrics, lines)
        self.costs.take_up(lines)

    def go_on(self) -> None:
        """Takes up what it has cost; all else goes on from where this process left it."""
        if self.costs.wanted:
            self.costs.take_up(kept_lines(self._metrics, self._epoch))

    def handle(self, metrics: Metrics) -> None:
        """Takes in an epoch."""
        self._fresh.append(Epoch(self._epoch, self.costs.beside(metrics), self._best))

    @property
    def _best(self) -> Metrics:
        """The metrics of its best epoch, and what it has cost so far."""
        return self.costs.beside(self._training.best[self.k])

    def stands(self, epochs: Sequence[Epoch] = ()) -> Step:
        """Where it stands."""
        note, self._note = self._note, ""
        return Step(self._epoch, self._best, epochs, note)

    def report(self) -> Step | Failure:
        """Writes the new epochs down and tells them, or why it can't go on."""
        epochs, self._fresh = self._fresh, []
        try:
            if self._training.diverged[self.k]:
                raise DivergedError(self._training.diverged[self.k])
            self._write(epochs)
        except LostLeaseError as error:
            return Failure(reason_of(error))  # the folder's error file isn't ours to write
        except RunError as error:
            cause = isinstance(error.__cause__, OSError)
            stops = of_storage(error)
            return note_failure(self.task.folder, reason_of(error), str(error), cause, stops)
        return self.stands(epochs)

    @property
    def is_saved(self) -> bool:
        """Whether there is a checkpoint of where the epoch that is under way began."""
        return self._saved_epoch == self._epoch

    def put_down(self) -> None:
        """Writes all there is of it at the end of an epoch, told or not."""
        epochs, self._fresh = self._fresh, []
        self._saved_at = -math.inf
        self._write(epochs)

    def _write(self, epochs: Sequence[Epoch]) -> None:
        self._lease.check()
        lines = [line_of(epoch) for epoch in epochs]
        try:
            with self._metrics.open("a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise unwritable(self._metrics, error) from error
        if self.ahead <= 0 or time.monotonic() - self._saved_at > SAVE_SECONDS:
            self._save(self.checkpoint)
            self._saved_at, self._saved_epoch = time.monotonic(), self._epoch
            self.forget_underway()

    def save_underway(self) -> None:
        """Writes where it stands within an epoch."""
        self._save(self.underway)

    def forget_underway(self) -> None:
        """Removes what was written within an epoch that is over, or starts anew."""
        self.underway.unlink(missing_ok=True)

    def save_model(self) -> None:
        """Writes the model of its best epoch."""
        self._lease.check()
        self._training.save_model(self.task.folder / MODEL, self.k)

    def _save(self, path: Path) -> None:
        self._lease.check()
        try:
            self._training.save(path, self.k)
        except ArmtuneError:
            raise
        except Exception as error:  # safetensors has errors of its own
            raise RunError(f"{path}: can't be written: {error}") from error


def _put_aside(paths: Sequence[Path], error: RunError) -> DamagedCheckpointError:
    """Takes checkpoints that can't be read out of the next try's way."""
    for path in paths:
        path.replace(path.with_name(DAMAGED))
    return DamagedCheckpointError(str(error))
