"""What a sweep of very many trials costs its driver; the trainings do nothing.

    python benchmarks/many_trials.py [TRIALS] [--workers N] [--sampler NAME] [--quick]

A sweep as users run it (search, pruner, journal, TensorBoard, front), but that its workers are
objects of this process. What they do is timed apart: the rest is the driver's. Then, each in a
process of its own, the sweep is resumed, and ``status``, ``report`` and TensorBoard read it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import tiny

from armtune.recipe.schema import Recipe, Resources
from armtune.report.tensorboard import TensorBoardListener
from armtune.sweeps import run
from armtune.sweeps.engines.dispatcher import Dispatcher
from armtune.sweeps.engines.engine import Retrainings, worker_for
from armtune.sweeps.engines.work_units import WorkUnit
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.trial import TrainingFactory
from armtune.sweeps.workers.worker import Worker

SPACE = {
    tiny.LR: {"log": [1e-4, 1.0]},
    "training.optimizer.weight_decay": {"log": [1e-6, 1e-1]},
    "modalities.image.lr_scale": {"log": [0.1, 10.0]},
    "modalities.audio.lr_scale": {"log": [0.1, 10.0]},
}
EPOCHS, WORKERS, QUICK = 9, 64, 300
READERS = {
    "status": "-m armtune status {}",
    "report": "-m armtune report {}",
    "TensorBoard": "-c import sys;"
    "from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer as M;"
    "m = M().AddRunsFromDirectory(sys.argv[1]); m.Reload(); print(len(m.Runs()), 'runs') {}",
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
        started = time.perf_counter()
        yield
        type(self).seconds += time.perf_counter() - started


class Clock(Listener):
    """Notes the driver's seconds, the workers' left out, at which trials end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def trial_ended(self, record: TrialRecord) -> None:
        self.ends.append(time.perf_counter() - Simulated.seconds)
        if len(self.ends) % 1000 == 0:
            print(f"{len(self.ends)} trials, {_memory():.2f} GB", file=sys.stderr, flush=True)


def swept(folder: Path, recipe: Recipe, resume: bool = False) -> list[float]:
    """Runs the sweep; the driver's seconds at the ends of trials."""
    clock = Clock()
    place = run.Place(folder, folder.parent, resume, inline=True)
    with mock.patch.object(run, "Inline", Simulated):
        run.run_sweep(recipe, place, (clock, TensorBoardListener()), tiny.TinyWorkshop())
    return clock.ends


def recipe_of(trials: int, sampler: str) -> Recipe:
    """A sweep of four numbers for two objectives, most of whose trials a pruner stops."""
    sweep = {"space": [SPACE], "sampler": {"name": sampler}, "references": False}
    return tiny.recipe(EPOCHS, trials=trials, **sweep)


def timed(command: list[str]) -> tuple[float, float, str]:
    """Seconds and GB that a command takes, and its last line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return seconds, max(before, peak) / 1e6, (done.stdout.strip().splitlines() or [""])[-1]


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _size(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.rglob(pattern)) / 1e6


def measure(folder: Path, trials: int, sampler: str) -> None:
    """Prints what the sweep and its readers cost."""
    recipe = recipe_of(trials, sampler)
    gaps = [1000 * (b - a) for a, b in pairwise(swept(folder, recipe))]
    part = max(1, len(gaps) // 10)
    early, late = (statistics.fmean(some) for some in (gaps[:part], gaps[-part:]))
    print(f"\n| {trials} trials, {Simulated.workers} workers, {sampler} | |\n|---|---:|")
    print(f"| driver, ms a trial: first tenth, last tenth | {early:.2f}, {late:.2f} |")
    print(f"| last over first | {late / early:.2f} |")
    print(f"| driver, all trials | {sum(gaps) / 1000:.1f} s |")
    print(f"| workers' own part, in files | {Simulated.seconds:.1f} s |")
    print(f"| driver's memory, at most | {_memory():.2f} GB |")
    print(f"| journal | {_size(folder, JOURNAL):.1f} MB |")
    print(f"| event files | {_size(folder, '*tfevents*'):.1f} MB |")
    started = time.perf_counter()
    assert not swept(folder, recipe, resume=True), "nothing was left to train"
    print(f"| resumed when over | {time.perf_counter() - started:.1f} s |", flush=True)
    for name, command in READERS.items():
        head, _, rest = command.partition(" ")
        words = [head, *([rest.removesuffix(" {}")] if head == "-c" else rest.split()[:-1])]
        seconds, gb, last = timed([*words, str(folder)])
        print(f"| {name} ({gb:.2f} GB) | {seconds:.1f} s |", flush=True)
    print(f"| report.html | {_size(folder, 'report.html'):.1f} MB |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", type=int, nargs="?", default=10_000)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} trials")
    given = parser.parse_args()
    Simulated.workers = given.workers
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch) / "sweep", QUICK if given.quick else given.trials, given.sampler)


if __name__ == "__main__":
    main()
