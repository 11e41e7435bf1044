"""Whether a sweep's cost grows linearly: with its trials, with its samples, and in memory.

    python benchmarks/linear.py [--trials 20] [--samples 2000] [--repeats 2] [--quick]

Sweeps noise with small MLPs on two cores, ten times the trials against some, then ten times the
samples (validation's too). A sweep's time is that of its trials after the first two, one of each
worker, scaled to all: until these have ended is the start, in a column of its own. While the
largest sweep runs, the proportional set sizes of its processes are added up twice a second; the
slope is a least-squares line over the later half of the trials. Repeats take turns; medians.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from sweep import family, memory

from armtune.recipe.load import dump_recipe
from armtune.recipe.schema import Recipe
from armtune.sweeps import read_records

TIMES, WORKERS = 10, 2
LIMIT = 900.0
"""Seconds after which a sweep is given up."""
EPOCHS, WIDTH, FEATURES, CLASSES = 5, 64, 64, 10
LR = "training.optimizer.lr"


@dataclass(frozen=True)
class Weighed:
    """What a sweep took.

    Attributes:
        start: seconds from its launch until as many trials have ended as train at once.
        seconds: of all trials, at the pace of those after the start.
        memory: trials ended, and bytes of the driver and of all processes, at each look.
    """

    start: float
    seconds: float
    memory: list[tuple[int, int, int]]


def write_data(path: Path, samples: int) -> None:
    """Noise with a trace of its labels; a fifth is for validation."""
    rng = np.random.default_rng(0)
    labels = np.arange(samples + samples // 5) % CLASSES
    centres = rng.normal(size=(2, CLASSES, FEATURES))
    views = {
        m: (0.3 * centres[k][labels] + rng.normal(size=(len(labels), FEATURES))).astype(np.float32)
        for k, m in enumerate(("first", "second"))
    }
    split = np.where(np.arange(len(labels)) < samples, "train", "validation")
    split[-CLASSES:] = "test"
    np.savez(path, **views, label=labels, split=split)


def recipe(data: Path, trials: int) -> Recipe:
    """A search over the learning rate."""
    return Recipe.model_validate(
        {
            "name": "linear",
            "data": {"name": "arrays", "path": str(data)},
            "modalities": {
                m: {"encoder": {"name": "mlp", "width": WIDTH}} for m in ("first", "second")
            },
            "training": {"epochs": EPOCHS},
            "sweep": {
                "space": [{LR: {"log": [1e-4, 1e-2]}}],
                "objectives": ["maximize accuracy", "minimize contribution_gap"],
                "trials": trials,
                "pack": 1,
                "pruner": {"name": "none"},
                "confirm": None,
            },
        }
    )


def weighed(data: Path, trials: int) -> Weighed:
    """Runs a sweep and watches it."""
    with tempfile.TemporaryDirectory() as folder:
        path, run = Path(folder) / "recipe.yaml", Path(folder) / "run"
        path.write_text(dump_recipe(recipe(data, trials)))
        command = ["armtune", "sweep", str(path), "--quiet", "--to", str(run)]
        started = time.time()
        looks = watched(command)
        records = read_records(run)
    assert len(records) == trials
    assert all(r.state == "COMPLETE" for r in records)
    ends = sorted(r.ended for r in records)
    skipped = ends[WORKERS - 1]
    pace = (ends[-1] - skipped) / (trials - WORKERS)
    seen = [(sum(e <= at for e in ends), own, both) for at, own, both in looks if at <= ends[-1]]
    return Weighed(skipped - started, trials * pace, seen)


def watched(command: list[str]) -> list[tuple[float, int, int]]:
    """Runs a command; when it was looked at, and the bytes of its process and of all."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    looks, until = [], time.monotonic() + LIMIT
    while process.poll() is None:
        if time.monotonic() > until:
            process.terminate()
        looks.append((time.time(), memory([process.pid]), memory(family(process.pid))))
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return looks


def slope(looks: list[tuple[int, int, int]], column: int) -> float:
    """KiB a trial, over the later half of the trials."""
    last = looks[-1][0]
    late = [(look[0], look[column] / 1024) for look in looks if look[0] > last / 2]
    return float(np.polyfit(*zip(*late, strict=True), 1)[0])


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one repeat with few of both")
    given = parser.parse_args()
    trials, samples = (4, 500) if given.quick else (given.trials, given.samples)
    cases = {
        "some": (samples, trials),
        f"{TIMES} × the trials": (samples, TIMES * trials),
        f"{TIMES} × the samples": (TIMES * samples, trials),
    }
    found: dict[str, list[Weighed]] = {name: [] for name in cases}
    with tempfile.TemporaryDirectory() as folder:
        for size in {size for size, _ in cases.values()}:
            write_data(Path(folder) / f"{size}.npz", size)
        for _ in range(1 if given.quick else given.repeats):
            for name, (size, count) in cases.items():
                found[name].append(weighed(Path(folder) / f"{size}.npz", count))
                print(f"{name}: {found[name][-1].seconds:.1f} s", file=sys.stderr, flush=True)
    show(cases, found)


def show(cases: dict[str, tuple[int, int]], found: dict[str, list[Weighed]]) -> None:
    """Prints what was found."""
    print("| | trials | samples | seconds | times the first | start, s | peak of all, MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    base = median(w.seconds for w in found["some"])
    for name, (size, count) in cases.items():
        took = median(w.seconds for w in found[name])
        start = median(w.start for w in found[name])
        peak = median(max(look[2] for look in w.memory) for w in found[name]) / 2**20
        print(
            f"| {name} | {count} | {size} | {took:.1f} | {took / base:.2f} | {start:.1f} "
            f"| {peak:.0f} |"
        )
    longest = found[f"{TIMES} × the trials"]
    driver, everything = (median(slope(w.memory, k) for w in longest) for k in (1, 2))
    print(f"\nmemory a trial: {driver:+.0f} KiB in the driver, {everything:+.0f} KiB in all")


if __name__ == "__main__":
    main()
