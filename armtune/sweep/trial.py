"""One training in its folder: steps, checkpoints, and what went wrong. Runs in a worker."""

from __future__ import annotations

import json
import math
import platform
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from armtune.errors import ArmtuneError, RunError
from armtune.files import write_text
from armtune.recipe.load import dump_recipe
from armtune.recipe.schema import Recipe
from armtune.sweep.overtime import TimeLimit
from armtune.sweep.records import Confirmation

if TYPE_CHECKING:
    from armtune.data import Dataset

STEP_SECONDS = 1.0
"""A step trains whole epochs for about so long, unless a rung comes first."""
SAVE_SECONDS = 2.0
"""A checkpoint is written when the last one is older than this, and at the end."""
CHECKPOINT = "checkpoint.safetensors"
DAMAGED = "checkpoint.damaged"
METRICS = "metrics.jsonl"
ERROR = "error.txt"
MODEL = "model.safetensors"

Metrics = dict[str, float]


def trial_folder(run: Path, number: int) -> Path:
    """A trial's folder in a run's folder."""
    return run / "trials" / f"{number:04d}"


def confirm_folder(run: Path, number: int, seed: int) -> Path:
    """The folder of a trial's re-training with a seed."""
    return run / "confirm" / f"{number:04d}-{seed}"


class Training(Protocol):
    """What a worker needs of ``armtune.training.Run``, with one member."""

    epoch: int
    best: list[Metrics]

    def advance(self) -> list[Metrics]: ...
    def save(self, path: Path) -> None: ...
    def restore(self, path: Path) -> None: ...
    def save_model(self, path: Path, member: int = 0) -> None: ...
    def test(self) -> list[Metrics]: ...


@dataclass(frozen=True)
class Workshop:
    """Where trainings come from; tests put another in its place. Travels to the workers.

    Attributes:
        digest: of the data that the sweep is about; empty before they are known.
    """

    recipe_folder: Path
    digest: str = ""

    def prepare(self, threads: int) -> None:
        """Readies a worker's process."""
        import torch

        # More threads than cores reserved make every step many times slower.
        torch.set_num_threads(threads)

    def dataset(self, recipe: Recipe) -> Dataset:
        """The recipe's data, from the cache where it was built before."""
        from armtune.data.load import load_dataset

        return load_dataset(recipe, self.recipe_folder)

    def training(self, recipe: Recipe, dataset: Dataset, device: str) -> Training:
        """A training of the recipe that hasn't begun."""
        from armtune.training import Run

        return Run([recipe], dataset, device)


@dataclass(frozen=True)
class Task:
    """A training to do.

    Attributes:
        folder: its own folder, on a file system that all workers share.
        rungs: epochs after which it waits for a decision.
    """

    number: int
    recipe: Recipe
    folder: Path
    rungs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Epoch:
    """An epoch's number (from 1), its metrics, and those of the best epoch so far."""

    number: int
    metrics: Metrics
    best: Metrics


@dataclass(frozen=True)
class Step:
    """Where a training stands after some more epochs."""

    epoch: int
    best: Metrics
    epochs: Sequence[Epoch] = ()


@dataclass(frozen=True)
class Failure:
    """Why a training can't go on, in one line.

    Attributes:
        transient: whether it may go better next time.
    """

    reason: str
    transient: bool = False


class DamagedCheckpointError(RunError):
    """A checkpoint can't be read; it was put aside, so that the next try does without."""


class Worker:
    """Trains one task after the other; data and imports stay loaded in between.

    Args:
        expendable: whether its process may be ended where a training hangs.
    """

    def __init__(
        self, workshop: Workshop, threads: int, device: str, expendable: bool = False
    ) -> None:
        self._workshop, self._threads, self._device = workshop, threads, device
        self._expendable = expendable
        self._data: Dataset | None = None
        self._task: Task
        self._trainer: Trainer | None = None

    def start(self, task: Task) -> None:
        """Takes a task up, from its last checkpoint if it has one; ``step`` does all the work."""
        self._task, self._trainer = task, None

    def step(self) -> Step | Failure:
        """Trains until the next rung, the end, or for about a second."""
        try:
            if self._trainer is None:
                self._begin()
            assert self._trainer is not None
            with self._limit.enforced():
                return self._trainer.step()
        except Exception as error:  # a trial fails alone, whatever it met
            return self._failed(error)

    def confirm(self, task: Task) -> Confirmation:
        """Trains a task to its end, tests it, and writes its model."""
        said = self._confirm(task)
        for _ in range(task.recipe.sweep.retries):
            if isinstance(said, Failure) and said.transient:
                said = self._confirm(task)
        if isinstance(said, Failure):
            return Confirmation(task.recipe.training.seed, {}, {}, said.reason)
        return said

    def _confirm(self, task: Task) -> Confirmation | Failure:
        self.start(task)
        step = self.step()
        while isinstance(step, Step) and step.epoch < task.recipe.training.epochs:
            step = self.step()
        if isinstance(step, Failure):
            return step
        try:
            assert self._trainer is not None
            with self._limit.enforced():
                test = self._trainer.finish()
        except Exception as error:  # as above
            return self._failed(error)
        return Confirmation(task.recipe.training.seed, step.best, test)

    def _begin(self) -> None:
        """Reads the task's data, builds its training, and takes up its checkpoint."""
        task = self._task
        _check_shared(task.folder.parents[1])
        write_text(task.folder / "recipe.yaml", dump_recipe(task.recipe))
        self._limit = TimeLimit(task.folder, task.recipe.sweep.trial_seconds, self._expendable)
        with self._limit.enforced():
            if self._data is None:
                self._workshop.prepare(self._threads)
                self._data = self._load()
            training = self._workshop.training(task.recipe, self._data, self._device)
            self._trainer = Trainer(task, training, self._limit)

    def _load(self) -> Dataset:
        data = self._workshop.dataset(self._task.recipe)
        if self._workshop.digest and data.digest != self._workshop.digest:
            raise RunError(
                f"{platform.node()} reads other data than the sweep was started with: "
                f"{data.description}"
            )
        return data

    def _failed(self, error: Exception) -> Failure:
        self._trainer = None
        reason, details = reason_of(error), traceback.format_exc()
        return note_failure(self._task.folder, reason, details, _transient(error))


def _check_shared(run: Path) -> None:
    """Refuses a node that would write to a folder of its own."""
    if not run.is_dir():
        hint = "the run's folder must lie where all nodes see it under the same path"
        raise RunError(f"{run} isn't there on {platform.node()}: {hint}")


def _transient(error: Exception) -> bool:
    kinds = (OSError, DamagedCheckpointError)
    return isinstance(error, kinds) or isinstance(error.__cause__, OSError)


def note_failure(folder: Path, reason: str, details: str, transient: bool = False) -> Failure:
    """A failure, with its details in the folder's error file."""
    # The disk may be full: the reason still reaches the study.
    with suppress(RunError):
        write_text(folder / ERROR, details)
    return Failure(reason, transient)


def reason_of(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, ArmtuneError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}".rstrip(": ")


class Trainer:
    """A task's training, with its files."""

    def __init__(self, task: Task, training: Training, limit: TimeLimit) -> None:
        self._task, self._training, self._limit = task, training, limit
        self._checkpoint = task.folder / CHECKPOINT
        self._metrics = task.folder / METRICS
        self._saved_at = time.monotonic()
        self._restored = self._checkpoint.exists()
        if self._restored:
            self._restore()
        write_text(self._metrics, kept_lines(self._metrics, training.epoch))

    def step(self) -> Step:
        """Trains some epochs and writes them down.

        A training restored from its checkpoint first says where it stands: the decision of a rung
        may never have been made.
        """
        training, epochs = self._training, list[Epoch]()
        if self._restored:
            self._restored = False
            return Step(training.epoch, dict(training.best[0]))
        until, started = self._until(), time.monotonic()
        while training.epoch < until:
            metrics = training.advance()[0]
            epochs.append(Epoch(training.epoch, metrics, dict(training.best[0])))
            self._limit.check()
            if time.monotonic() - started > STEP_SECONDS:
                break
        self._write(epochs)
        return Step(training.epoch, dict(training.best[0]), epochs)

    def finish(self) -> Metrics:
        """Writes the model of the best epoch and returns its metrics on test."""
        self._training.save_model(self._task.folder / MODEL)
        return self._training.test()[0]

    def _restore(self) -> None:
        try:
            self._training.restore(self._checkpoint)
        except RunError as error:
            self._checkpoint.replace(self._checkpoint.with_name(DAMAGED))
            raise DamagedCheckpointError(str(error)) from error

    def _until(self) -> int:
        last = self._task.recipe.training.epochs
        return min([r for r in self._task.rungs if r > self._training.epoch] + [last])

    def _write(self, epochs: Sequence[Epoch]) -> None:
        lines = [_line(epoch) for epoch in epochs]
        try:
            with self._metrics.open("a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise RunError(f"{self._metrics}: can't be written: {error.strerror}") from error
        over = self._training.epoch >= self._task.recipe.training.epochs
        if over or time.monotonic() - self._saved_at > SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        try:
            self._training.save(self._checkpoint)
        except ArmtuneError:
            raise
        except Exception as error:  # safetensors has errors of its own
            raise RunError(f"{self._checkpoint}: can't be written: {error}") from error
        self._saved_at = time.monotonic()


def _line(epoch: Epoch) -> str:
    """An epoch as a line of JSON; what isn't a finite number is null."""
    values = {k: v if math.isfinite(v) else None for k, v in epoch.metrics.items()}
    return json.dumps({"epoch": epoch.number, **values}) + "\n"


def kept_lines(path: Path, epoch: int) -> str:
    """The lines of a metrics file up to an epoch; those after it are about to be written again."""
    if not epoch or not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if line.endswith("\n") and _epoch(line) <= epoch)


def _epoch(line: str) -> float:
    try:
        return float(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return math.inf
