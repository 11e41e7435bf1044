"""How long a sweep takes from the command to its first trained step, and where the time goes.

    python benchmarks/start.py [RECIPE] [--runs 5] [--quick] [key=value …]

Starts ``armtune sweep`` inline and on Ray, watches what appears in its folder, and ends it when the
first training is about to take its first step. Beside it, in turn, the floor: processes that only
import what the driver needs, or also start Ray and have a worker of it import torch. Medians, and
armtune over its floor. The data are built before anything is timed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

RECIPE = "recipes/avmnist.yaml"
MARKS = {
    "imports, recipe and data; the folder is entered": "origin.json",
    "the study is opened": "study.journal",
    "a worker has the first trial": "trials/0000/recipe.yaml",
    "data read, network built, first step next": "trials/0000/metrics.jsonl",
}
"""What has been done, and the file that tells."""
WORKER = "import torch, numpy, optuna, pydantic, yaml"
RAY = f"""
import ray
from armtune.sweeps.engines.ray_start import connect
connect(None)

@ray.remote
def importing():
    {WORKER}

ray.get(importing.remote())
"""
FLOORS = {"inline": WORKER, "on Ray": RAY}
WAYS = {"inline": ["--inline"], "on Ray": []}
PAUSE, PATIENCE = 0.01, 300.0


def started(words: Sequence[str], folder: Path) -> list[float]:
    """Seconds at which each mark was reached."""
    command = [sys.executable, "-m", "armtune", "sweep", *words, "--quiet", "--to", str(folder)]
    log = (folder.parent / "log.txt").open("wb")
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        return [_reached(folder / name, process, began) for name in MARKS.values()]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        log.close()


def _reached(path: Path, process: subprocess.Popen[bytes], began: float) -> float:
    """Seconds until a file is there.

    Raises:
        RuntimeError: the sweep ended before; or nothing happened for minutes.
    """
    while not path.exists():
        if process.poll() is not None or time.perf_counter() - began > PATIENCE:
            raise RuntimeError(f"{path} never came")
        time.sleep(PAUSE)
    return time.perf_counter() - began


def floor(program: str) -> float:
    """Seconds that a process takes which does no more than it must."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return time.perf_counter() - began


def measured(words: Sequence[str], runs: int, begin: Callable[[], Path]) -> None:
    """Prints a table for each way to sweep."""
    for way, options in WAYS.items():
        marks, floors = [], []
        for _run in range(runs):
            floors.append(floor(FLOORS[way]))
            marks.append(started([*words, *options], begin()))
        reached = [median(column) for column in zip(*marks, strict=True)]
        least = median(floors)
        print(f"\n| {way} | reached after | took |\n|---|---:|---:|")
        before = 0.0
        for what, seconds in zip(MARKS, reached, strict=True):
            print(f"| {what} | {seconds:.2f} s | {seconds - before:.2f} s |")
            before = seconds
        more = "" if way == "inline" else ", ray.init, imports of a worker"
        print(f"| the floor: imports{more} | {least:.2f} s | |")
        print(f"| over the floor | {reached[-1] / least:.2f} | |", flush=True)


def main() -> None:
    """Builds the data, then measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="the recipe, and changes of it")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one run of each")
    given = parser.parse_args()
    words = given.words if given.words and "=" not in given.words[0] else [RECIPE, *given.words]
    # Else the first steps are those that measure what size of packs pays.
    words += ["sweep.references=false", "sweep.pack=1"]
    with tempfile.TemporaryDirectory() as scratch:
        folders = (Path(scratch) / str(k) / "sweep" for k in range(1000))

        def begin() -> Path:
            folder = next(folders)
            folder.parent.mkdir()
            return folder

        started([*words, "--inline"], begin())
        measured(words, 1 if given.quick else given.runs, begin)


if __name__ == "__main__":
    main()
