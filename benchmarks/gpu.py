"""Packs on a GPU: trials an hour and how busy the card is, by the number of members.

    python benchmarks/gpu.py recipes/avmnist.yaml [--members 1 2 4 … 256] [--processes 2 4 8]
        [--encoders mlp lenet] [--seconds 5] [--limit 60] [--quick] [key=value …]

Trains packs of the recipe's members on noise of its data's shapes, whose contents don't matter to
speed, and compares trials an hour, validation included, with one member after another, and with
several processes on the card that each train one after another (without NVIDIA's MPS). Each is
measured in float32, with ``training.precision: bf16`` and with ``training.compile``, over whole
epochs for so many seconds after the first epoch; a size whose first epoch, without the first step
that compiles, takes longer than the limit is the last of its kind, as is one that fails. How busy
the card is is what ``nvidia-smi`` says meanwhile: the share of time in which something ran on it.
Arguments of the form ``key=value``, wherever they stand, change the recipe. It needs torch, numpy,
pydantic, safetensors and PyYAML, neither Ray nor Optuna; ``PYTHONPATH=.`` will do where armtune
isn't installed. Without a GPU it says so and measures the processor with fewer members, on one
thread.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean
from threading import Event, Thread
from traceback import format_exception_only
from typing import Any

import numpy as np
import torch

from armtune.data import Dataset, Split
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training.loop import Run

ENCODERS = {"mlp": {"name": "mlp", "width": 128}, "lenet": {"name": "lenet"}}
VARIANTS: dict[str, dict[str, object]] = {
    "float32": {},
    "bf16": {"training.precision": "bf16"},
    "compiled": {"training.compile": True},
}
SHAPES = {"image": (14, 14), "audio": (16, 16)}
SAMPLES, CLASSES = (10000, 5000, 100), 10
"""Of train, validation and test: as many as the recipe has, but for test, which isn't read."""
CPU_MEMBERS, CPU_PROCESSES = (1, 2, 4, 8), (2,)
EPOCHS = 1_000_000
"""So that no training ends while it is measured."""
PAUSE, PATIENCE = 0.5, 5.0
"""Seconds between two calls of nvidia-smi, and seconds that one may take."""


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        epochs: of a trial.
        samples: of train, validation and test.
        seconds: how long it is measured.
        limit: longest first epoch, without its first step, that is followed by others.
        shapes: of a sample's views.
    """

    recipe: Recipe
    epochs: int
    samples: tuple[int, int, int]
    device: str
    seconds: float
    limit: float
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: SHAPES)


@dataclass(frozen=True)
class Speed:
    """Trials an hour, and the share of its time that the card was busy, if that is known."""

    trials: float
    busy: float | None = None


class NoSpeedError(Exception):
    """Why there is no speed, in a line."""


def told(error: Exception) -> str:
    """Why there is no speed, in a line."""
    if isinstance(error, NoSpeedError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "out of memory"
    return format_exception_only(error)[0].splitlines()[0]


def release(device: str) -> None:
    """Gives back what past runs held, for others on the card."""
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()


def noise(samples: Sequence[int], shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> Dataset:
    """A data set of the recipe's shapes."""
    rng = np.random.default_rng(0)
    splits = [
        Split(
            {m: rng.normal(size=(n, *s)).astype(np.float32) for m, s in shapes.items()},
            np.arange(n) % CLASSES,
        )
        for n in samples
    ]
    names = tuple(map(str, range(CLASSES)))
    return Dataset("noise", "noise", Classes(names), *splits, digest="0" * 8)


def begun(case: Case, members: int) -> Run:
    """A pack after its first epoch, which compiles in its first step and warms up.

    Raises:
        NoSpeedError: the epoch's other steps and validation took longer than the limit.
    """
    release(case.device)
    recipes = [with_overrides(case.recipe, {"training.seed": k}) for k in range(members)]
    run = Run(recipes, noise(case.samples, case.shapes), case.device)
    run.train_steps(lambda: True)
    # Waits for the device, so that the step isn't part of what is timed.
    run.progress()
    started = time.perf_counter()
    run.advance()
    if time.perf_counter() - started > case.limit:
        raise NoSpeedError(f"an epoch takes longer than {case.limit:g} s")
    return run


def paced(run: Run, case: Case) -> float:
    """Trials an hour of a pack: epochs end with figures on the host, so that nothing is left."""
    epochs, started = 0, time.perf_counter()
    while not epochs or time.perf_counter() - started < case.seconds:
        run.advance()
        epochs += 1
    took = (time.perf_counter() - started) / epochs * case.epochs
    return 3600 * len(run.recipes) / took


def packed(case: Case, members: int) -> Speed:
    """The speed of one pack."""
    run = begun(case, members)
    with watched(case.device) as busy:
        trials = paced(run, case)
    return Speed(trials, share(busy))


def side_by_side(case: Case, count: int) -> Speed:
    """The speed of processes that each train one member after another, measured together."""
    with workers(case, count) as pipes:
        for pipe in pipes:
            heard(pipe)
        # All have begun: what the card does while they start or end isn't the training's.
        with watched(case.device) as busy:
            for pipe in pipes:
                pipe.send(None)
            trials = sum(heard(pipe) for pipe in pipes)
    return Speed(trials, share(busy))


@contextmanager
def workers(case: Case, count: int) -> Iterator[list[Connection]]:
    """Pipes to processes that train for the length of the block."""
    context = get_context("spawn")
    pipes, started = [], []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=alone, args=(case, theirs))
            process.start()
            # Only the process holds its end now, so that the pipe ends with it.
            theirs.close()
            pipes.append(ours)
            started.append(process)
        yield pipes
    except BaseException:
        # Where one failed, the others still train or wait.
        for process in started:
            process.terminate()
        raise
    finally:
        for process in started:
            process.join()


def alone(case: Case, pipe: Connection) -> None:
    """One of the processes; says when it has begun, is told to go on, and says how fast it is."""
    torch.set_num_threads(1)
    try:
        run = begun(case, 1)
        pipe.send(None)
        pipe.recv()
        pipe.send(paced(run, case))
    except Exception as error:
        pipe.send(told(error))


def heard(pipe: Connection) -> Any:
    """What a process says next.

    Raises:
        NoSpeedError: it has failed.
    """
    try:
        said = pipe.recv()
    except (EOFError, ConnectionError):
        raise NoSpeedError("a process died") from None
    if isinstance(said, str):
        raise NoSpeedError(said)
    return said


@contextmanager
def watched(device: str) -> Iterator[list[float]]:
    """What ``nvidia-smi`` says of the card during the block, in percent."""
    seen: list[float] = []
    if device == "cpu":
        yield seen
        return
    over = Event()
    card = f"GPU-{str(torch.cuda.get_device_properties(0).uuid).removeprefix('GPU-')}"
    watcher = Thread(target=watch, args=(card, seen, over))
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def watch(card: str, seen: list[float], over: Event) -> None:
    """Adds readings until it is over; a reading is about the time before it, so the pause first."""
    while not over.wait(PAUSE):
        found = readings(card)
        if not over.is_set():
            seen += found


def readings(card: str) -> list[float]:
    """What one call of ``nvidia-smi`` says: nothing, where it is missing or doesn't know."""
    asked = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    asked.append(f"--id={card}")
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [float(line) for line in said.splitlines() if line.strip().isdigit()]


def share(busy: Sequence[float]) -> float | None:
    """The mean of percentages as a share, if there are any."""
    return fmean(busy) / 100 if busy else None


def attempt(measure: Any, case: Case, count: int) -> Speed | str:
    """A speed, or why there is none."""
    try:
        return measure(case, count)
    except Exception as error:
        return told(error)
    finally:
        release(case.device)


def rows(
    encoder: str, variant: str, case: Case, members: Sequence[int], processes: Sequence[int]
) -> Iterator[str]:
    """Lines of the table; the first is one member after another."""
    first = None
    planned = [("a pack of", packed, n) for n in members]
    planned += [("processes:", side_by_side, n) for n in processes]
    given_up: set[Any] = set()
    for name, measure, count in planned:
        if measure in given_up:
            continue
        what = f"{name} {count}" if count > 1 else "one after another"
        speed = attempt(measure, case, count)
        if isinstance(speed, str):
            given_up.add(measure)
            yield f"| {encoder} | {variant} | {what} | {speed} | | |"
            continue
        first = first or speed
        busy = "–" if speed.busy is None else f"{speed.busy:.0%}"
        ratio = speed.trials / first.trials
        yield f"| {encoder} | {variant} | {what} | {speed.trials:.0f} | {ratio:.2f} | {busy} |"


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What the command line says, the recipe's changes among it as ``overrides``."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], epilog="key=value changes the recipe"
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--members", nargs="+", type=int, default=[2**k for k in range(9)])
    parser.add_argument("--processes", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS), choices=ENCODERS)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="few samples, small packs")
    # Sorted out before, since an option that takes several values would take them too.
    overrides = [word for word in given if "=" in word and not word.startswith("-")]
    rest = [word for word in given if word not in overrides]
    return parser.parse_args(rest, argparse.Namespace(overrides=overrides))


def main() -> None:
    """Prints the table."""
    given = arguments(sys.argv[1:])
    recipe = load_recipe(given.recipe, given.overrides)
    members, processes = sorted({1, *given.members}), given.processes
    samples, seconds = SAMPLES, given.seconds
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        print(f"torch {torch.__version__}: no GPU here, so this measures the processor\n")
        members = [n for n in members if n in CPU_MEMBERS]
        processes = [n for n in processes if n in CPU_PROCESSES]
    else:
        print(f"torch {torch.__version__}, {torch.cuda.get_device_name(0)}\n")
    if given.quick:
        members, processes, samples, seconds = [1, 2], [2], (500, 200, 100), 0.5
    print("| encoders | variant | | trials an hour | times one after another | card busy |")
    print("|---|---|---|---:|---:|---:|")
    for encoder in given.encoders:
        for variant in given.variants:
            changes = {f"modalities.{m}.encoder": ENCODERS[encoder] for m in SHAPES}
            changes |= {**VARIANTS[variant], "training.epochs": EPOCHS}
            case = Case(
                with_overrides(recipe, changes), recipe.training.epochs, samples, device,
                seconds, given.limit,
            )  # fmt: skip
            for line in rows(encoder, variant, case, members, processes):
                print(line, flush=True)


if __name__ == "__main__":
    main()
