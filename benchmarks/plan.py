"""How far ``armtune plan`` is off: what it says of several recipes, and what their sweeps took.

    python benchmarks/plan.py [RECIPE …] [--cpu] [--runs N] [--json FILE] [--quick]

Plans and sweeps each recipe in one process (``--inline``), each time in a new folder, and prints
what was planned and what came, by part. With ``--cpu`` both go by the processor's time of their
process, for a machine that does other work as well. References, in a process beside, don't count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from armtune.sweeps.study.costs import COSTS, DATA, ENSEMBLE, EXPORT, PICTURES, START

FEW = "sweep.confirm={top: 2, seeds: 3}"
RECIPES = {
    "avmnist": ["avmnist", "data.train_pairs=2000", "sweep.trials=10", "training.epochs=6", FEW],
    "utd_mhad": ["utd_mhad", "sweep.trials=8", "training.epochs=9", FEW],
    "table": ["table", "sweep.trials=12", "training.epochs=9", FEW],
    "vectors, space: auto": ["vectors", "sweep.trials=4", "training.epochs=5", FEW],
}
QUICK = {"utd_mhad": ["utd_mhad", "sweep.trials=4", "training.epochs=4", FEW]}
WHOLE = "in all"
TRAINED = ("trials, training", "trials, validation", "pruned trials", "failed trials")
PROGRAM = """
import runpy, sys, time
if sys.argv[1] == "cpu":
    time.perf_counter = time.monotonic = time.process_time
started, note, sys.argv = time.monotonic(), sys.argv[2], ["armtune", *sys.argv[3:]]
started = 0.0 if time.monotonic is time.process_time else started
try:
    runpy.run_module("armtune", run_name="__main__", alter_sys=True)
finally:
    open(note, "w").write(str(time.monotonic() - started))
"""
VECTORS = """
name: vectors
data: {name: arrays, path: vectors.npz}
modalities: {first: {}, second: {}}
"""


def write_table(path: Path, rows: int = 1200) -> None:
    """A table of the shipped recipe's kind."""
    rng = np.random.default_rng(0)
    outcome = rng.integers(0, 3, rows)
    names = [*(f"vital_{k}" for k in range(6)), *(f"lab_{k}" for k in range(10))]
    cells = rng.normal(size=(rows, 16)) + 0.6 * rng.normal(size=(3, 16))[outcome]
    lines = [",".join([*names, "outcome", "patient"])]
    for k, row in enumerate(cells):
        lines.append(",".join([*(f"{x:.4f}" for x in row), f"class{outcome[k]}", f"p{k // 2}"]))
    path.write_text("\n".join(lines) + "\n")


def write_vectors(folder: Path, rows: int = 900) -> Path:
    """A recipe that says nothing but its data: two vectors a sample, four classes."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, rows)
    views = {
        name: (rng.normal(size=(rows, width)) + rng.normal(size=(4, width))[label] / 2).astype("f4")
        for name, width in (("first", 24), ("second", 12))
    }
    np.savez(folder / "vectors.npz", label=label, **views)
    path = folder / "vectors.yaml"
    path.write_text(VECTORS)
    return path


def words_of(given: Sequence[str], folder: Path) -> list[str]:
    """What a recipe is given on the command line."""
    name, *changes = given
    if name == "vectors":
        return [str(write_vectors(folder)), *changes]
    if name == "table":
        write_table(folder / "table.csv")
        changes.append(f"data.path={folder / 'table.csv'}")
    return [f"recipes/{name}.yaml" if not name.endswith(".yaml") else name, *changes]


def said(verb: str, words: Sequence[str], folder: Path, clock: str) -> float:
    """Runs a verb; its seconds, from the beginning of its process."""
    note = folder / "seconds"
    command = [sys.executable, "-c", PROGRAM, clock, str(note), verb, *words, "--inline"]
    with (folder / f"{verb}.txt").open("wb") as log:
        subprocess.run([*command, "--to", str(folder / "run")], stdout=log, check=True)
    return float(note.read_text())


def costs(run: Path) -> dict[str, float]:
    """What a sweep's parts took, as it says itself."""
    command = [sys.executable, "-m", "armtune", "report", str(run), "--json", "--to", os.devnull]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {cost["part"]: cost["seconds"] for cost in told["costs"]}


def measured(given: Sequence[str], clock: str) -> dict[str, tuple[float, float]]:
    """Planned and actual seconds of each part, and of all."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        words = words_of(given, folder)
        subprocess.run(
            [sys.executable, "-m", "armtune", "check", *words],
            stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        said("plan", [*words, "--json"], folder, clock)
        plan = json.loads((folder / "plan.txt").read_text())["estimate"]
        whole = said("sweep", [*words, "--quiet"], folder, clock)
        known = costs(folder / "run")
        driver = json.loads((folder / "run" / COSTS).read_text())
    begun = known.get(DATA, 0.0) - driver.get(DATA, 0.0)
    trained = begun + sum(known.get(part, 0.0) for part in TRAINED)
    after = known.get("re-trainings", 0.0) + known.get(ENSEMBLE, 0.0)
    start = driver.get(START, 0.0) + driver.get(DATA, 0.0)
    end = driver.get(EXPORT, 0.0) + driver.get(PICTURES, 0.0)
    return {
        "start": (plan["start_seconds"], start),
        "search": (plan["search_seconds"], trained),
        "after it": (plan["after_seconds"], after),
        "end": (plan.get("end_seconds", 0.0), end),
        WHOLE: (plan["seconds"], whole),
    }


def shown(name: str, runs: Sequence[Mapping[str, tuple[float, float]]]) -> dict[str, float]:
    """Prints a recipe's lines, of medians; gives each part's ratio of actual to planned."""
    ratios = {}
    for part in runs[0]:
        planned, took = (statistics.median(run[part][k] for run in runs) for k in (0, 1))
        ratios[part] = took / planned if planned else 1.0
        each = ", ".join(f"{run[part][1] / run[part][0]:.2f}" for run in runs if run[part][0])
        print(f"| {name} | {part} | {planned:.1f} | {took:.1f} | {each} |", flush=True)
    return ratios


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", help=f"of {', '.join(RECIPES)}; all if none")
    parser.add_argument("--cpu", action="store_true", help="by the processor's time")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the ratios there")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    known = QUICK if given.quick else RECIPES
    names, clock = given.recipes or list(known), "cpu" if given.cpu else "wall"
    print("| recipe | part | planned, s | took, s | took / planned |\n|---|---|---:|---:|---:|")
    found = {
        name: shown(name, [measured(known[name], clock) for _ in range(given.runs)])
        for name in names
    }
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
