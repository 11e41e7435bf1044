"""Other libraries' searches on the same tables as search.py's, by the same measure.

    python -m benchmarks.field [wiki …] [--methods …] [--seeds 50] [--workers 4]

Each asks and tells as its documentation shows, begins with the recipe's own values, and gets as
many epochs as the recipe's trials need without pruning. Ray Tune's are its own OptunaSearch and
ASHAScheduler on one scalar, without its processes.
"""

from __future__ import annotations

import argparse
import heapq
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler

from armtune.pruners.asha import Asha
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.sweeps.study.coding import suggest
from armtune.sweeps.workers.trial import Metrics
from benchmarks.curves import FOLDER
from benchmarks.search import ALONE, METHODS, Course, Tabulated, row, searched, tabulated_recipe

SCORE, TIME = "score", "training_iteration"
OURS = (ALONE, "tpe + asha, scalar")


class Rival(Protocol):
    """A search that is asked and told."""

    def ask(self) -> tuple[Any, dict[str, Any]]:
        """A new trial, and its values."""

    def keeps(self, trial: Any, epoch: int, best: Metrics) -> bool:
        """Whether a trial goes on after an epoch that isn't its last."""

    def tell(self, trial: Any, epoch: int, best: Metrics) -> None:
        """A trial has ended, stopped or not."""


class Optuna:
    """A study with all objectives, nothing stopped."""

    def __init__(self, tabulated: Tabulated, sampler: BaseSampler) -> None:
        self._tabulated = tabulated
        directions = tabulated.goals.directions
        self._study = optuna.create_study(directions=directions, sampler=sampler)
        self._study.enqueue_trial(tabulated.space.defaults(tabulated.recipe))

    def ask(self) -> tuple[Any, dict[str, Any]]:
        trial = self._study.ask()
        values: dict[str, Any] = {}
        for dimension in self._tabulated.space.dimensions:
            if dimension.applies(values):
                values[dimension.path] = suggest(trial, dimension)
        return trial, values

    def keeps(self, trial: Any, epoch: int, best: Metrics) -> bool:
        return True

    def tell(self, trial: Any, epoch: int, best: Metrics) -> None:
        self._study.tell(trial, self._tabulated.goals.values(best))


class RayTune:
    """OptunaSearch and ASHAScheduler, on the number that ``mode: scalar`` makes of objectives."""

    def __init__(self, tabulated: Tabulated, sampler: BaseSampler) -> None:
        from ray.tune.schedulers import ASHAScheduler
        from ray.tune.search.optuna import OptunaSearch

        recipe, rungs = tabulated.recipe, Asha()
        self._goals = Goals.from_recipe(with_overrides(recipe, {"sweep.mode": "scalar"}))
        space = {
            d.path: FloatDistribution(d.low, d.high, log=d.log) for d in tabulated.space.dimensions
        }
        own = tabulated.space.defaults(recipe)
        self._search = OptunaSearch(
            space=space, metric=SCORE, mode="min", sampler=sampler, points_to_evaluate=[own]
        )
        self._scheduler = ASHAScheduler(
            TIME,
            SCORE,
            "min",
            max_t=recipe.training.epochs,
            grace_period=rungs.first_rung,
            reduction_factor=rungs.reduction,
        )
        self._asked = 0

    def ask(self) -> tuple[Any, dict[str, Any]]:
        trial = SimpleNamespace(trial_id=str(self._asked))
        self._asked += 1
        values = self._search.suggest(trial.trial_id)
        assert isinstance(values, dict)
        self._scheduler.on_trial_add(None, trial)
        return trial, values

    def keeps(self, trial: Any, epoch: int, best: Metrics) -> bool:
        result = self._result(epoch, best)
        self._search.on_trial_result(trial.trial_id, result)
        return bool(self._scheduler.on_trial_result(None, trial, result) == "CONTINUE")

    def tell(self, trial: Any, epoch: int, best: Metrics) -> None:
        result = self._result(epoch, best)
        self._scheduler.on_trial_complete(None, trial, result)
        self._search.on_trial_complete(trial.trial_id, result)

    def _result(self, epoch: int, best: Metrics) -> dict[str, Any]:
        [score] = self._goals.values(best)
        return {TIME: epoch, SCORE: score}


FIELD: dict[str, Callable[[Tabulated, int], Rival]] = {
    "Optuna, TPE": lambda tabulated, seed: Optuna(tabulated, TPESampler(seed=seed)),
    "Optuna, NSGA-II": lambda tabulated, seed: Optuna(tabulated, NSGAIISampler(seed=seed)),
    "Optuna, GP": lambda tabulated, seed: Optuna(tabulated, GPSampler(seed=seed)),
    "Ray Tune, OptunaSearch + ASHA, scalar": lambda tabulated, seed: RayTune(
        tabulated, TPESampler(seed=seed)
    ),
}


def simulated(tabulated: Tabulated, rival: Rival, workers: int) -> Course:
    """A search by workers of the same pace, an epoch a tick, until its epochs are spent."""
    epochs = tabulated.recipe.training.epochs
    budget = tabulated.recipe.sweep.trials * epochs
    points: list[tuple[int, float]] = []
    good: list[tuple[float, ...]] = []
    counts, going = [0, 0], list[tuple[int, int, int, Any]]()
    spent = begun = now = 0
    while spent < budget:
        while len(going) < workers:
            trial, values = rival.ask()
            heapq.heappush(going, (now + 1, begun, 1, (trial, tabulated.course(values))))
            begun += 1
        now, number, epoch, (trial, course) = heapq.heappop(going)
        spent, best = spent + 1, course[epoch - 1]
        if epoch < epochs and rival.keeps(trial, epoch, best):
            heapq.heappush(going, (now + 1, number, epoch + 1, (trial, course)))
            continue
        rival.tell(trial, epoch, best)
        counts[epoch < epochs] += 1
        if epoch == epochs and tabulated.feasible(best):
            good.append(tabulated.losses(best))
        points.append((spent, tabulated.volume(good)))
    return Course(points, *counts)


def one(path: Path, method: str, seed: int, workers: int) -> Course:
    """One search, of the field's or of ours."""
    if method in METHODS:
        return searched(path, (), method, seed, workers)
    tabulated = tabulated_recipe(path, ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental in Optuna
        return simulated(tabulated, FIELD[method](tabulated, seed), workers)


def main() -> None:
    """Runs all searches and prints a table for each recipe."""
    names = sorted(path.stem for path in FOLDER.glob("*.npz"))
    methods = [*OURS, *FIELD]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}; all where none is given")
    parser.add_argument("--methods", nargs="*", choices=methods, default=methods)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name in given.names or names:
        compare(FOLDER / name, given)


def compare(path: Path, given: argparse.Namespace) -> None:
    """Prints a recipe's table."""
    recipe = tabulated_recipe(path, ()).recipe
    budget = recipe.sweep.trials * recipe.training.epochs
    print(f"{path.name}: {recipe.sweep.trials} trials of {recipe.training.epochs} epochs\n")
    print(
        "| search | to 95 % | to 99 % | to 100 % | by 40 % | at the end | higher : lower | trials |"
    )
    print("|---|---|---|---|---|---|---|---|")
    alone = _all(path, ALONE, given)
    for method in given.methods:
        found = alone if method == ALONE else _all(path, method, given)
        print(row(method, found, alone, budget), flush=True)
    print()


def _all(path: Path, method: str, given: argparse.Namespace) -> list[Course]:
    return [one(path, method, seed, given.workers) for seed in range(given.seeds)]


if __name__ == "__main__":
    main()
