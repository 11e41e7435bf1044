"""What pruning saves: how soon each way of it finds what `tpe` without pruning ends with.

    python benchmarks/pruning.py recipes/avmnist.yaml [--seeds 5] [--jobs 2] [--quick] [key=value …]

For each seed it searches with `tpe` alone, with `pareto_asha`, with `asha` on a scalar made of the
objectives (mode `scalar`, equal weights), and with Ray Tune's own OptunaSearch and ASHAScheduler on
the same scalar and rungs; that one knows no constraints. All get as many epochs as the first needs.
After each trial it notes the hypervolume of the feasible, fully trained trials so far, in the first
two objectives as validation has them: the area they dominate, down to an accuracy of 0 and a gap of
1. Prints the epochs until that is what `tpe` alone has at its end, and the hypervolume at the end
of the budget. One trial at a time, in this process but for Ray Tune's; nothing is confirmed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps import Listener, TrialRecord, sweep

METHODS: dict[str, dict[str, object]] = {
    "tpe": {"sweep.pruner": {"name": "none"}},
    "tpe + pareto_asha": {"sweep.pruner": {"name": "pareto_asha"}},
    "tpe + asha, scalar": {"sweep.pruner": {"name": "asha"}, "sweep.mode": "scalar"},
}
RAYS = "Ray Tune: OptunaSearch + ASHAScheduler, scalar"
ALONE = "tpe"
MORE = 10
"""How many times more trials a pruned search may begin; its epochs run out first."""


class BudgetSpentError(Exception):
    """The epochs have run out."""


@dataclass(frozen=True)
class Course:
    """A search: the hypervolume by epochs spent, and how many trials ended how."""

    points: list[tuple[int, float]]
    complete: int
    pruned: int

    def reaches(self, volume: float) -> int | None:
        """Epochs until a hypervolume was reached; None where it never was."""
        return next((epochs for epochs, found in self.points if found >= volume), None)


class Noting(Listener):
    """Follows a search until its budget of epochs is spent."""

    def __init__(self, goals: Goals, budget: int) -> None:
        self.goals, self.budget = goals, budget
        self.epochs = 0
        self.good: list[tuple[float, float]] = []
        self.states: list[str] = []
        self.points: list[tuple[int, float]] = []

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        """Counts an epoch."""
        self.epochs += 1

    def trial_ended(self, record: TrialRecord) -> None:
        """Notes where the search stands."""
        self.states.append(record.state)
        if record.state == "COMPLETE" and not any(self.goals.standing(record.metrics).violations):
            first, second = (o.loss(record.metrics) for o in self.goals.objectives[:2])
            self.good.append((first, second))
        self.points.append((self.epochs, hypervolume(self.good)))
        if self.epochs >= self.budget:
            raise BudgetSpentError


def hypervolume(losses: Sequence[tuple[float, float]]) -> float:
    """Area that points dominate, down to losses of 0 and 1."""
    area, height = 0.0, 1.0
    for first, second in sorted(losses):
        if second < height:
            area += max(0.0, -first) * (height - second)
            height = second
    return area


def course(recipe: Recipe, folder: Path, method: str, seed: int) -> Course:
    """One search."""
    budget = recipe.sweep.trials * recipe.training.epochs
    trials = recipe.sweep.trials * (1 if method == ALONE else MORE)
    noting = Noting(Goals.from_recipe(recipe), budget)
    with suppress(BudgetSpentError):
        if method == RAYS:
            import ray_asha

            ray_asha.search(recipe, folder, seed, trials, noting)
        else:
            armtunes(recipe, folder, METHODS[method], seed, trials, noting)
    states = noting.states
    return Course(noting.points, states.count("COMPLETE"), states.count("PRUNED"))


def armtunes(
    recipe: Recipe,
    folder: Path,
    method: Mapping[str, object],
    seed: int,
    trials: int,
    noting: Noting,
) -> None:
    """A search of armtune's."""
    changes = {**method, "sweep.seed": seed, "sweep.trials": trials, "sweep.confirm": None}
    with tempfile.TemporaryDirectory() as run:
        changed = with_overrides(recipe, changes)
        sweep(changed, Path(run) / "run", folder, listeners=[noting], inline=True)


def row(method: str, found: list[Course], alone: list[Course]) -> str:
    """A line of the table."""
    goals = [one.points[-1] for one in alone]
    shares = []
    for one, (budget, volume) in zip(found, goals, strict=True):
        epochs = one.reaches(volume)
        shares.append(float("inf") if epochs is None else epochs / budget)
    each = ", ".join("never" if s == float("inf") else f"{s:.0%}" for s in shares)
    volumes = [one.points[-1][1] for one in found]
    spread = f"{median(volumes):.4f} ({min(volumes):.4f} to {max(volumes):.4f})"
    middle = median(shares)
    reached = "never" if middle == float("inf") else f"{middle:.0%}"
    trials = f"{median(o.complete for o in found):g} + {median(o.pruned for o in found):g}"
    return f"| {method} | {reached} | {each} | {spread} | {trials} |"


def main() -> None:
    """Runs all searches and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one seed of small trainings")
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_intermixed_args()
    small = ["data.train_pairs=1000", "sweep.trials=4"] if given.quick else []
    recipe = load_recipe(given.recipe, [*given.overrides, *small])
    seeds = range(1 if given.quick else given.seeds)
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        runs = {
            method: [
                pool.submit(course, recipe, given.recipe.parent, method, seed) for seed in seeds
            ]
            for method in (*METHODS, RAYS)
        }
        found = {method: [run.result() for run in those] for method, those in runs.items()}
    print(f"{recipe.sweep.trials} trials of {recipe.training.epochs} epochs, {len(seeds)} seeds\n")
    print("| search | epochs, of tpe's, until its hypervolume | each seed | hypervolume | trials |")
    print("|---|---|---|---|---|")
    for method in found:
        print(row(method, found[method], found[ALONE]))
    print("\nMedians; trials are those fully trained and those pruned.")


if __name__ == "__main__":
    main()
