"""What a sweep of very many trials costs its driver; the trainings do nothing.

    python benchmarks/many_trials.py [TRIALS] [--workers N] [--sampler NAME] [--to FOLDER] [--quick]

A sweep as users run it (search, pruner, journal, TensorBoard, a line for each trial, front), but
that its workers are objects of this process. Most of its trials end on the front, the hardest
case. What workers do is timed apart: the rest is the driver's, in seconds of the processor.
Then the sweep is resumed, and ``status``, ``report`` and TensorBoard read it, each in a
process of its own. With ``--to`` a measurement that was killed goes on where it stood.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import tiny
from rich.console import Console

from armtune.recipe.schema import Recipe, Resources
from armtune.report.live import LiveListener
from armtune.report.tensorboard import TensorBoardListener
from armtune.sweeps import run
from armtune.sweeps.engines.dispatcher import Dispatcher
from armtune.sweeps.engines.engine import Retrainings, worker_for
from armtune.sweeps.engines.work_units import WorkUnit
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.records import Listener, SweepStart, TrialRecord
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.trial import TrainingFactory
from armtune.sweeps.workers.worker import Worker

SPACE = {
    tiny.LR: {"log": [1e-4, 1.0]},
    "training.optimizer.weight_decay": {"log": [1e-6, 1e-1]},
    "modalities.image.lr_scale": {"log": [0.1, 10.0]},
    "modalities.audio.lr_scale": {"log": [0.1, 10.0]},
}
EPOCHS, WORKERS, QUICK, EACH = 9, 64, 200, 20
READERS = {
    "status": ["-m", "armtune", "status"],
    "report": ["-m", "armtune", "report"],
    "TensorBoard's reading": [
        "-c",
        "import sys;"
        "from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer as M;"
        "M().AddRunsFromDirectory(sys.argv[1]).Reload()",
    ],
}


class Simulated:
    """An engine whose workers are objects of this process, which take turns.

    Attributes:
        seconds: what the workers took of the time so far.
    """

    workers, seconds = WORKERS, 0.0

    def __init__(self, factory: TrainingFactory, resources: Resources) -> None:
        self._given = factory, resources

    def work(self, stages: Iterator[Search | Retrainings]) -> None:
        """See ``Engine``."""
        dispatcher = Dispatcher(stages, lambda: self.workers)
        free = [worker_for(*self._given, expendable=False) for _ in range(self.workers)]
        for _ in free:
            dispatcher.worker_joined()
        busy: deque[tuple[Worker, WorkUnit]] = deque()
        while True:
            while free and (unit := dispatcher.next_unit()):
                busy.append((free.pop(), unit))
                dispatcher.started(unit)
                self._begin(*busy[-1])
            if not busy:
                return
            worker, unit = busy.popleft()
            if dispatcher.handle(unit, self._said(worker, unit)):
                busy.append((worker, unit))
            else:
                free.append(worker)

    def _begin(self, worker: Worker, unit: WorkUnit) -> None:
        if unit.tasks and not unit.whole:
            with self._theirs():
                worker.start(unit.tasks)

    def _said(self, worker: Worker, unit: WorkUnit) -> Sequence[Any]:
        if not unit.tasks:
            return ()
        with self._theirs():
            return worker.confirm(unit.tasks) if unit.whole else worker.step()

    @contextmanager
    def _theirs(self) -> Iterator[None]:
        started = time.process_time()
        yield
        type(self).seconds += time.process_time() - started


class Clock(Listener):
    """Writes down, for each 20 trials, the driver's seconds a trial and its memory so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended, self._last = 0, 0.0

    def sweep_started(self, sweep: SweepStart) -> None:
        self._last = self._now()

    def trial_ended(self, record: TrialRecord) -> None:
        self._ended += 1
        if self._ended % EACH == 0:
            now = self._now()
            with self._path.open("a", newline="") as file:
                csv.writer(file).writerow([(now - self._last) / EACH, _memory()])
            self._last = now

    def _now(self) -> float:
        return time.process_time() - Simulated.seconds


def swept(folder: Path, recipe: Recipe) -> Path:
    """Runs the sweep, or what is left of it; gives the clock's file."""
    times = folder / "driver.csv"
    place = run.Place(folder, folder.parent, resume=folder.exists(), inline=True)
    folder.mkdir(exist_ok=True)
    with mock.patch.object(run, "Inline", Simulated), Path(os.devnull).open("w") as silent:
        console = Console(file=silent)
        told = (Clock(times), LiveListener(recipe, console), TensorBoardListener())
        run.run_sweep(recipe, place, told, tiny.TinyWorkshop())
    return times


def recipe_of(trials: int, sampler: str) -> Recipe:
    """A sweep of four numbers for two objectives."""
    sweep = {"space": [SPACE], "sampler": {"name": sampler}, "references": False}
    return tiny.recipe(EPOCHS, trials=trials, **sweep)


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds of the processor that a command takes, and the GB that the largest so far had."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, after.ru_maxrss / 1e6


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _size(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.rglob(pattern)) / 1e6


def measure(folder: Path, trials: int, sampler: str) -> None:
    """Prints what the sweep and its readers cost."""
    recipe = recipe_of(trials, sampler)
    with swept(folder, recipe).open() as file:
        rows = [(1000 * float(seconds), float(memory)) for seconds, memory in csv.reader(file)]
    gaps, memory = [row[0] for row in rows], max(row[1] for row in rows)
    part = max(1, len(gaps) // 10)
    early, late = (statistics.fmean(some) for some in (gaps[:part], gaps[-part:]))
    print(f"\n| {trials} trials, {Simulated.workers} workers, {sampler} | |\n|---|---:|")
    print(f"| driver, ms a trial: first tenth, last tenth | {early:.2f}, {late:.2f} |")
    print(f"| last over first | {late / early:.2f} |")
    print(f"| driver, all trials | {EACH * sum(gaps) / 1000:.1f} s |")
    print(f"| driver's memory, at most | {memory:.2f} GB |")
    print(f"| journal | {_size(folder, JOURNAL):.1f} MB |")
    print(f"| event files | {_size(folder, '*tfevents*'):.1f} MB |")
    started = time.process_time()
    swept(folder, recipe)
    print(f"| resumed when over | {time.process_time() - started:.1f} s |", flush=True)
    for name, command in READERS.items():
        seconds, gb = timed([*command, str(folder)])
        print(f"| {name} ({gb:.2f} GB) | {seconds:.1f} s |", flush=True)
    print(f"| report.html | {_size(folder, 'report.html'):.1f} MB |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", type=int, nargs="?", default=10_000)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--to", type=Path, help="a folder to keep")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} trials")
    given = parser.parse_args()
    Simulated.workers = given.workers
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.to or Path(scratch) / "sweep"
        measure(folder, QUICK if given.quick else given.trials, given.sampler)


if __name__ == "__main__":
    main()
