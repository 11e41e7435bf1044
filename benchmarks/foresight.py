"""How much early epochs tell of the last, which is what pruning lives on.

    armtune sweep RECIPE --inline --to RUN sweep.sampler.name=random sweep.pruner.name=none
    python benchmarks/foresight.py RUN

Of the trials that are complete: Spearman's rank correlation of each objective after some epochs (as
rungs compare it, at the most accurate epoch so far) with the same after all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from scipy.stats import spearmanr

from armtune.recipe.load import load_recipe
from armtune.recipe.objectives import Goals
from armtune.report.curves import Curve, curves
from armtune.sweeps import read_records


def bests(curve: Curve, score: str) -> Iterator[dict[str, float]]:
    """After each epoch the metrics of the best so far."""
    best = curve[0]
    for epoch in curve:
        best = max(best, epoch, key=lambda e: e[score])
        yield best


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    recipe = load_recipe(run / "recipe.yaml")
    goals = Goals.from_recipe(recipe)
    complete = [r for r in read_records(run) if r.state == "COMPLETE"]
    found = [list(bests(curve, goals.score)) for curve in curves(run, complete).values()]
    names = [objective.metric for objective in goals.objectives]
    print(f"{len(found)} complete trials of {recipe.training.epochs} epochs\n")
    print(f"| epochs | {' | '.join(names)} |\n|---:|{'---:|' * len(names)}")
    for epoch in range(recipe.training.epochs - 1):
        ranks = [
            spearmanr([f[epoch][name] for f in found], [f[-1][name] for f in found]).statistic
            for name in names
        ]
        print(f"| {epoch + 1} | {' | '.join(f'{rank:.2f}' for rank in ranks)} |")


if __name__ == "__main__":
    main()
