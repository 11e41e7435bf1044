"""Packs on a GPU: trials an hour and how busy the card is, by the number of members.

    python benchmarks/gpu.py recipes/avmnist.yaml [--members 1 2 4 … 256] [--processes 2 4 8]
        [--encoders mlp lenet] [--seconds 5] [--limit 60] [--quick] [key=value …]

Trains packs of the recipe's members on noise of its data's shapes, whose contents don't matter to
speed, and compares trials an hour, validation included, with one member after another, and with
several processes on the card that each train one after another (without NVIDIA's MPS). Each is
measured in float32, with ``training.precision: bf16`` and with ``training.compile``, over whole
epochs for so many seconds after the first epoch; sizes whose first epoch takes longer than the
limit end a column. How busy the card is is what ``nvidia-smi`` says meanwhile: the share of time in
which something ran on it. It needs torch, numpy, pydantic, safetensors and PyYAML, neither Ray nor
Optuna; ``PYTHONPATH=.`` will do where armtune isn't installed. Without a GPU it says so and
measures the processor with fewer members, on one thread.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from armtune.data import Dataset, Split
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training import Run

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


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        epochs: of a trial.
        samples: of train, validation and test.
        seconds: how long it is measured.
        limit: longest first epoch that is followed by others.
    """

    recipe: Recipe
    epochs: int
    samples: tuple[int, int, int]
    device: str
    seconds: float
    limit: float


@dataclass(frozen=True)
class Speed:
    """Trials an hour, and the share of its time that the card was busy, if that is known."""

    trials: float
    busy: float | None = None


class TooSlowError(Exception):
    """The first epoch took longer than the limit."""


def noise(samples: Sequence[int]) -> Dataset:
    """A data set of the recipe's shapes."""
    rng = np.random.default_rng(0)
    splits = [
        Split(
            {m: rng.normal(size=(n, *s)).astype(np.float32) for m, s in SHAPES.items()},
            np.arange(n) % CLASSES,
        )
        for n in samples
    ]
    names = tuple(map(str, range(CLASSES)))
    return Dataset("noise", "noise", Classes(names), *splits, digest="0" * 8)


def begun(case: Case, members: int) -> Run:
    """A pack after its first epoch, which compiles and warms up.

    Raises:
        TooSlowError: it took longer than the limit.
    """
    recipes = [with_overrides(case.recipe, {"training.seed": k}) for k in range(members)]
    run = Run(recipes, noise(case.samples), case.device)
    started = time.perf_counter()
    run.advance()
    if time.perf_counter() - started > case.limit:
        raise TooSlowError
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
    return Speed(trials, fmean(busy) / 100 if busy else None)


def side_by_side(case: Case, processes: int) -> Speed:
    """The speed of processes that each train one member after another."""
    context = get_context("spawn")
    barrier, found = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=alone, args=(case, barrier, found)) for _ in range(processes)]
    with watched(case.device) as busy:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise TooSlowError
    trials = sum(found.get() for _ in workers)
    # What was seen while the processes started isn't the training's.
    late = busy[-max(1, int(case.seconds)) :]
    return Speed(trials, fmean(late) / 100 if late else None)


def alone(case: Case, barrier: Any, found: Any) -> None:
    """One of the processes; all are measured at the same time."""
    torch.set_num_threads(1)
    try:
        run = begun(case, 1)
    except BaseException:
        barrier.abort()
        raise
    barrier.wait(timeout=2 * case.limit)
    found.put(paced(run, case))


@contextmanager
def watched(device: str) -> Iterator[list[float]]:
    """What ``nvidia-smi`` says of the card, once a second; complete after the block."""
    seen: list[float] = []
    if device == "cpu":
        yield seen
        return
    card = f"GPU-{str(torch.cuda.get_device_properties(0).uuid).removeprefix('GPU-')}"
    asked = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    asked += ["--loop=1", f"--id={card}"]
    try:
        process = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True)
    except OSError:
        yield seen
        return
    try:
        yield seen
    finally:
        process.terminate()
        said, _ = process.communicate()
        seen += [float(line) for line in said.splitlines() if line.strip().isdigit()]


def attempt(what: str, measure: Any, case: Case, count: int) -> Speed | None:
    """A speed, or None and a line that says why there is none."""
    try:
        return measure(case, count)
    except TooSlowError:
        print(f"  {what}: not measured, an epoch takes longer than {case.limit:g} s")
    except torch.OutOfMemoryError:
        print(f"  {what}: out of memory")
    except RuntimeError as error:
        print(f"  {what}: {str(error).splitlines()[0]}")
    return None


def rows(
    encoder: str, variant: str, case: Case, members: Sequence[int], processes: Sequence[int]
) -> Iterator[str]:
    """Lines of the table; the first is one member after another."""
    first = None
    planned = [("a pack of", packed, n) for n in members]
    planned += [("processes:", side_by_side, n) for n in processes]
    given_up: set[Any] = set()
    for name, measure, count in planned:
        what = f"{name} {count}" if count > 1 else "one after another"
        speed = None
        if measure not in given_up:
            speed = attempt(f"{encoder}, {variant}, {what}", measure, case, count)
        if speed is None:
            given_up.add(measure)
            continue
        first = first or speed
        busy = "–" if speed.busy is None else f"{speed.busy:.0%}"
        ratio = speed.trials / first.trials
        yield f"| {encoder} | {variant} | {what} | {speed.trials:.0f} | {ratio:.2f} | {busy} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--members", nargs="+", type=int, default=[2**k for k in range(9)])
    parser.add_argument("--processes", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS), choices=ENCODERS)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="few samples, small packs")
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_intermixed_args()
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
