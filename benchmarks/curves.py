"""Curves of random settings, trained once and kept: what search.py searches without any training.

    python benchmarks/curves.py wiki [--trials 300]

Trains the recipe benchmarks/curves/NAME.yaml with settings drawn by chance, without pruning, and
writes the metrics of every epoch to benchmarks/curves/NAME.npz. Trial 0 has the recipe's own
values.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.files import replacing
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.schema import Recipe
from armtune.report.curves import Curve, curves
from armtune.sweeps import Listener, TrialRecord, sweep

FOLDER = Path(__file__).parent / "curves"
BEST = "best_epoch"
"""What a table calls the epoch whose metrics count, so far."""


class Noting(Listener):
    """Notes which epoch was the best so far, after each."""

    def __init__(self) -> None:
        self.best: dict[int, list[float]] = {}

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        """Notes the best so far."""
        self.best.setdefault(record.number, []).append(record.metrics["epoch"])


def tabulated(recipe: Recipe, folder: Path, trials: int) -> dict[str, NDArray[Any]]:
    """Trains, and returns what a table's file has.

    Args:
        folder: what paths in the recipe are relative to.
    """
    plain = {"sweep.sampler": {"name": "random"}, "sweep.pruner": {"name": "none"}}
    changed = with_overrides(recipe, {**plain, "sweep.trials": trials})
    noting = Noting()
    with tempfile.TemporaryDirectory() as run:
        result = sweep(changed, Path(run) / "run", folder, listeners=[noting], inline=True)
        complete = [r for r in result.records if r.state == "COMPLETE"]
        found = curves(Path(run) / "run", complete)
    for number, curve in found.items():
        for epoch, best in zip(curve, noting.best[number], strict=True):
            epoch[BEST] = best
    return packed([(r.values, found[r.number]) for r in complete])


def packed(trials: Sequence[tuple[Mapping[str, Any], Curve]]) -> dict[str, NDArray[Any]]:
    """The arrays of a table's file; metrics that not all epochs have are left out."""
    epochs = [epoch for _, curve in trials for epoch in curve]
    names = [n for n in epochs[0] if n != "epoch" and all(n in epoch for epoch in epochs)]
    numbers = [[[epoch[name] for name in names] for epoch in curve] for _, curve in trials]
    return {
        "settings": np.array([json.dumps(values) for values, _ in trials]),
        "metrics": np.array(names),
        "curves": np.round(np.array(numbers, np.float32), 4),
    }


def main() -> None:
    """Trains a recipe's table and writes it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=sorted(p.stem for p in FOLDER.glob("*.yaml")))
    parser.add_argument("--trials", type=int, default=300)
    given = parser.parse_args()
    path = FOLDER / f"{given.name}.npz"
    recipe = load_recipe(path.with_suffix(".yaml"))
    arrays = tabulated(recipe, FOLDER, given.trials)
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
