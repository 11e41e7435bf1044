"""Time to a given hypervolume: armtune's sweep against the scripts that a user would write by hand.

    python benchmarks/hypervolume.py recipes/avmnist.yaml [--seeds 3] [--trials 24]
        [--style loader] [--limit 300] [--quick] [key=value …]

All search learning rate, weight decay and the weight of the unimodal losses (``balancing:
auxiliary``) with TPE, for accuracy and a small contribution gap, with two processes; the scripts of
handwritten.py train each of their trials to its end. armtune packs and prunes: by
``pareto_asha``, or by ``asha`` in the mode ``scalar``. The hypervolume is that of trials that are
fully trained, down to an accuracy of 0 and a gap of 1, as validation has them. For each script and
seed the level is 99.5 % of what the script ends with, and the script's time is when it first had
that; armtune's is when it had the same. Times are from the launch, start-up included. armtune's
sweep is ended when it has taken as long as the slowest script.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from math import inf
from pathlib import Path
from statistics import median

import rivals
from pruning import hypervolume
from rivals import WAYS, Ended, Setting

OURS = {
    "packs + pareto_asha": ["sweep.pruner.name=pareto_asha"],
    "packs + asha, mode: scalar": ["sweep.pruner.name=asha", "sweep.mode=scalar"],
}
LEVEL = 0.995
MORE = 10
"""How many times more trials armtune may begin; its time runs out first."""

Course = list[tuple[float, float]]
"""Seconds and the hypervolume then."""


def course(ended: Sequence[Ended]) -> Course:
    """The hypervolume after each trial."""
    points, found = list[tuple[float, float]](), Course()
    for one in ended:
        points.append((-one.metrics["accuracy"], one.metrics["contribution_gap"]))
        found.append((one.seconds, hypervolume(points)))
    return found


def until(found: Course, level: float) -> float:
    """Seconds until a hypervolume was there; endless where it never was."""
    return next((seconds for seconds, volume in found if volume >= level), inf)


def searched(setting: Setting, style: str, trials: int, seed: int) -> dict[str, Course]:
    """The courses of all searches with a seed."""
    found = {}
    for name, way in WAYS.items():
        found[name] = course(rivals.rival(setting, way, style, "mlp", trials, seed=seed))
        say(seed, name, found[name])
    limit = max((c[-1][0] for c in found.values() if c), default=inf)
    for name, overrides in OURS.items():
        more = [*overrides, f"sweep.seed={seed}", f"sweep.trials={MORE * trials}"]
        found[name] = course(rivals.armtune(setting, more, limit))
        say(seed, name, found[name])
    return found


def say(seed: int, name: str, found: Course) -> None:
    """Tells how a search went."""
    last = f"{found[-1][0]:.0f} s, {found[-1][1]:.4f}" if found else "nothing"
    print(f"seed {seed}, {name}: {len(found)} trials, {last}", file=sys.stderr, flush=True)


def row(way: str, ours: str, runs: Sequence[dict[str, Course]]) -> str:
    """A line of the table."""
    theirs, own = [], []
    for found in runs:
        level = LEVEL * found[way][-1][1] if found[way] else 0.0
        theirs.append(until(found[way], level))
        own.append(until(found[ours], level))
    ratios = [a / b for a, b in zip(theirs, own, strict=True)]
    cells = [f"{median(theirs):.0f}", f"{median(own):.0f}" if median(own) < inf else "never"]
    shown = [f"{r:.1f}" if r else "never" for r in (median(ratios), *ratios)]
    return f"| {way} | {ours} | {' | '.join([*cells, shown[0], ', '.join(shown[1:])])} |"


def main() -> None:
    """Runs all searches and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--style", choices=sorted(rivals.STYLES.values()), default="loader")
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--quick", action="store_true", help="one seed of a small training")
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_intermixed_args()
    trials, seeds = (6, 1) if given.quick else (given.trials, given.seeds)
    small = ["data.train_pairs=1000", "training.epochs=4"] if given.quick else []
    overrides = [*rivals.common("mlp", trials, "auxiliary"), *given.overrides, *small]
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting.make(given.recipe, overrides, Path(folder) / "data.npz", given.limit)
        runs = [searched(setting, given.style, trials, seed) for seed in range(seeds)]
    epochs = setting.recipe.training.epochs
    print(f"{trials} trials of {epochs} epochs, {given.style}, {seeds} seeds; medians\n")
    print("| script | armtune | script's seconds | armtune's | times as fast | each seed |")
    print("|---|---|---:|---:|---:|---|")
    for way in WAYS:
        for ours in OURS:
            print(row(way, ours, runs))


if __name__ == "__main__":
    main()
