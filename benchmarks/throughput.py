"""Trials an hour: armtune's sweep against the scripts that a user would write by hand.

    python benchmarks/throughput.py recipes/avmnist.yaml [--encoders mlp lenet] [--trials 16 6]
        [--repeats 2] [--styles loader tensors] [--limit 300] [--quick]

The same trials (the same list of learning rates and weight decays), the same training
(``balancing: none``, no pruning, every subset of the modalities judged after each epoch), two
processes with a thread each; see handwritten.py. Searches take turns; medians over the repeats. A
script's time is from its launch to the end of its last trial; beside it stands the rate after the
first quarter of the trials, when all have started up. A search that takes longer than the limit is
ended, and what it had finished is counted.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import exp, log
from pathlib import Path
from statistics import fmean, median

import rivals
from rivals import STYLES, WAYS, Ended, Setting

ARMTUNE = "armtune"


def points(setting: Setting, trials: int) -> list[dict[str, float]]:
    """The list of trials: the recipe's own values, which a sweep tries first, and random ones."""
    draw = random.Random(0)  # noqa: S311
    ends = {name: (log(low), log(high)) for name, (low, high, _) in setting.ranges.items()}
    drawn = [{name: exp(draw.uniform(*e)) for name, e in ends.items()} for _ in range(trials - 1)]
    return [setting.own, *drawn]


def searches(
    setting: Setting, encoder: str, trials: int, styles: Sequence[str]
) -> Mapping[str, Callable[[], list[Ended]]]:
    """What is compared."""
    given = points(setting, trials)
    planned = f"sweep.start_from={json.dumps(given[1:])}"

    def theirs(way: str, style: str) -> Callable[[], list[Ended]]:
        return lambda: rivals.rival(setting, way, style, encoder, trials, given)

    listed = {
        f"{name}, {how}": theirs(way, style)
        for name, way in WAYS.items()
        for how, style in STYLES.items()
        if style in styles
    }
    return {ARMTUNE: lambda: rivals.armtune(setting, [planned]), **listed}


def rates(ended: list[Ended]) -> tuple[float, float]:
    """Trials an hour of the whole script, and after the first quarter of them."""
    if len(ended) < 2:
        return 0.0, 0.0
    last, skipped = ended[-1].seconds, max(1, len(ended) // 4)
    running = (len(ended) - skipped) / (last - ended[skipped - 1].seconds)
    return 3600 * len(ended) / last, 3600 * running


def medians(runs: list[list[Ended]]) -> list[float]:
    """Both rates over the repeats."""
    return [median(values) for values in zip(*map(rates, runs), strict=True)]


def compare(
    setting: Setting, encoder: str, trials: int, repeats: int, styles: Sequence[str]
) -> None:
    """Prints the table of an encoder."""
    ways = searches(setting, encoder, trials, styles)
    found: dict[str, list[list[Ended]]] = {name: [] for name in ways}
    for k in range(repeats):
        for name in list(ways)[:: -1 if k % 2 else 1]:
            found[name].append(ways[name]())
            whole, running = rates(found[name][-1])
            print(f"{name}: {whole:.0f}, running {running:.0f}", file=sys.stderr, flush=True)
    print(f"\n{encoder}, {trials} trials of {setting.recipe.training.epochs} epochs\n")
    print("| | trials an hour | armtune's, times | once running | armtune's, times | accuracy |")
    print("|---|---:|---:|---:|---:|---:|")
    ours = medians(found[ARMTUNE])
    for name, runs in found.items():
        cells = [
            f"{own:.0f} | {us / own:.2f}" if own else "– | –"
            for own, us in zip(medians(runs), ours, strict=True)
        ]
        accuracies = [e.metrics["accuracy"] for ended in runs for e in ended]
        accuracy = f"{fmean(accuracies):.4f}" if accuracies else "–"
        print("|", " | ".join([name, *cells, accuracy]), "|")


def main() -> None:
    """Prints a table for each encoder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["mlp", "lenet"])
    parser.add_argument("--trials", nargs="+", type=int, default=[16, 6])
    parser.add_argument("--repeats", type=int, default=2)
    styles = list(STYLES.values())
    parser.add_argument("--styles", nargs="+", default=styles, choices=styles)
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--quick", action="store_true", help="one repeat of a small training")
    given = parser.parse_args()
    small = ["data.train_pairs=1000", "training.epochs=2"] if given.quick else []
    with tempfile.TemporaryDirectory() as folder:
        for encoder, trials in zip(given.encoders, given.trials, strict=True):
            trials = min(trials, 6) if given.quick else trials
            overrides = [*rivals.common(encoder, trials), "sweep.pruner.name=none", *small]
            setting = Setting.make(given.recipe, overrides, Path(folder) / "data.npz", given.limit)
            repeats = 1 if given.quick else given.repeats
            compare(setting, encoder, trials, repeats, given.styles)


if __name__ == "__main__":
    main()
