"""What a search costs: samplers and pruners on tabulated curves, by epochs, in seconds.

    python -m benchmarks.search [wiki …] [--methods tpe …] [--seeds 50] [--workers 4] [--jobs 1]

Searches the recipes benchmarks/curves/NAME.yaml with the product's own search, rungs and journal;
only trainings are told by surrogate.py from the tables that curves.py made. All searches get as
many epochs as the recipe's trials need without pruning. After each trial it notes the hypervolume
of the feasible, fully trained trials, normalised: 1 is the best front known, 0 nothing better than
the worst value of each objective on it and at the recipe's own values. Prints the epochs until it
is 95, 99 and 100 % of what `tpe` without pruning has at its end with the same seed, as shares of
all epochs, and the hypervolume at the end with Wilcoxon's test of it against `tpe`.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from math import inf
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import wilcoxon

from armtune.pruners._rungs import Standing, front
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space, load_space
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.study.search import Search
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.workers.trial import Metrics, Step, Task
from benchmarks.curves import FOLDER
from benchmarks.surrogate import Surrogate, Table

METHODS: dict[str, dict[str, object]] = {
    "tpe": {"sweep.sampler": {"name": "tpe"}},
    "tpe + asha": {"sweep.pruner": {"name": "asha"}},
    "tpe + pareto_asha": {"sweep.pruner": {"name": "pareto_asha"}},
    "tpe + asha, scalar": {"sweep.pruner": {"name": "asha"}, "sweep.mode": "scalar"},
    "random": {"sweep.sampler": {"name": "random"}},
    "nsga2": {"sweep.sampler": {"name": "nsga2"}},
    "gp": {"sweep.sampler": {"name": "gp"}},
}
ALONE = "tpe"
MORE = 10
"""How many times more trials a pruned search may begin; its epochs run out first."""
DRAWS = 3000
"""Settings drawn to know the best front."""
LEVELS = (0.95, 0.99, 1.0)


class Tabulated:
    """A recipe whose trainings are told from its table."""

    def __init__(self, recipe: Recipe, folder: Path, table: Table) -> None:
        self.recipe, self.space = recipe, load_space(recipe, folder)
        self.goals = Goals.from_recipe(recipe)
        wanted = [*self.goals.objectives, *self.goals.constraints]
        names = dict.fromkeys([self.goals.score, *(one.metric for one in wanted)])
        self.surrogate = Surrogate(table, self.space.dimensions, list(names))
        ends = [bests(self.surrogate.names, curve)[-1] for curve in self._known(table)]
        own = self.losses(self.course(self.space.defaults(recipe))[-1])
        best = front([Standing(self.losses(m)) for m in ends if self.feasible(m)])
        able = [self.losses(m) for m in ends if self.feasible(m)]
        self.reference = tuple(np.max([own, *(able[i] for i in best)], axis=0).tolist())
        self._best = self._area(able)

    def _known(self, table: Table) -> Sequence[Any]:
        generator = np.random.default_rng(0)
        drawn = [drawn_from(self.space, generator) for _ in range(DRAWS)]
        return [*table.of(self.surrogate.names), *self.surrogate.curves(drawn)]

    def course(self, values: Mapping[str, Any]) -> list[Metrics]:
        """After each epoch the metrics of the best so far."""
        return bests(self.surrogate.names, self.surrogate.curves([values])[0])

    def feasible(self, metrics: Mapping[str, float]) -> bool:
        """Whether the constraints are met."""
        return not any(constraint.violation(metrics) for constraint in self.goals.constraints)

    def losses(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Of the first two objectives."""
        return tuple(objective.loss(metrics) for objective in self.goals.objectives[:2])

    def volume(self, found: Sequence[tuple[float, ...]]) -> float:
        """The normalised hypervolume."""
        return self._area(found) / self._best

    def _area(self, found: Sequence[tuple[float, ...]]) -> float:
        if len(self.reference) == 1:
            return max([0.0, *(self.reference[0] - one[0] for one in found)])
        area, (right, height) = 0.0, self.reference
        for first, second in sorted(found):
            if first < right and second < height:
                area += (right - first) * (height - second)
                height = second
        return area


def bests(names: Sequence[str], curve: Any) -> list[Metrics]:
    """After each epoch the metrics of the best so far, by the first of them."""
    found = list[Metrics]()
    for number, epoch in enumerate(curve, start=1):
        metrics = {**dict(zip(names, map(float, epoch), strict=True)), "epoch": float(number)}
        better = not found or metrics[names[0]] > found[-1][names[0]]
        found.append(metrics if better else found[-1])
    return found


def drawn_from(space: Space, generator: np.random.Generator) -> dict[str, Any]:
    """Settings drawn by chance."""
    values = dict[str, Any]()
    for d in space.dimensions:
        if not d.applies(values):
            continue
        if d.choices:
            values[d.path] = d.choices[generator.integers(len(d.choices))]
        elif d.log:
            values[d.path] = float(np.exp(generator.uniform(np.log(d.low), np.log(d.high))))
        else:
            values[d.path] = float(generator.uniform(d.low, d.high))
    return values


@dataclass(frozen=True)
class Course:
    """A search: the hypervolume by epochs spent, and how many trials ended how."""

    points: list[tuple[int, float]]
    complete: int
    pruned: int

    def reaches(self, volume: float) -> float:
        """Epochs until a hypervolume was reached; endless where it never was."""
        return next((float(epochs) for epochs, found in self.points if found >= volume), inf)


class Simulation(Listener):
    """Workers that train at the same pace, an epoch a tick, until a budget of epochs is spent."""

    def __init__(self, tabulated: Tabulated, workers: int, budget: int) -> None:
        self._tabulated, self._workers, self._budget = tabulated, workers, budget
        self._spent = 0
        self._courses: dict[int, list[Metrics]] = {}
        self._good: list[tuple[float, ...]] = []
        self._states: list[str] = []
        self._points: list[tuple[int, float]] = []

    def trial_started(self, record: TrialRecord) -> None:
        """Looks up what the trial will measure."""
        self._courses[record.number] = self._tabulated.course(record.values)

    def trial_ended(self, record: TrialRecord) -> None:
        """Notes where the search stands."""
        self._states.append(record.state)
        if record.state == "COMPLETE" and self._tabulated.feasible(record.metrics):
            self._good.append(self._tabulated.losses(record.metrics))
        self._points.append((self._spent, self._tabulated.volume(self._good)))

    def run(self, search: Search) -> Course:
        """Trains what a search wants."""
        going: list[tuple[int, int, int, Task]] = []
        now = 0
        while self._spent < self._budget:
            while len(going) < self._workers and (task := search.next()):
                search.started(task.number)
                self._go_on(going, now, 0, task)
            if not going:
                break
            now, _, epoch, task = heapq.heappop(going)
            self._spent += epoch - max((r for r in task.rungs if r < epoch), default=0)
            if search.handle(task.number, Step(epoch, self._courses[task.number][epoch - 1])):
                self._go_on(going, now, epoch, task)
        states = self._states
        return Course(self._points, states.count("COMPLETE"), states.count("PRUNED"))

    def _go_on(self, going: list[Any], now: int, epoch: int, task: Task) -> None:
        stops = [*task.rungs, task.recipe.training.epochs]
        stop = next(rung for rung in stops if rung > epoch)
        heapq.heappush(going, (now + stop - epoch, task.number, stop, task))


@cache
def tabulated_recipe(path: Path, overrides: tuple[str, ...]) -> Tabulated:
    """A recipe beside its table, made once a process."""
    recipe = load_recipe(path.with_suffix(".yaml"), overrides)
    return Tabulated(recipe, path.parent, Table.read(path.with_suffix(".npz")))


def searched(
    path: Path, overrides: tuple[str, ...], method: str, seed: int, workers: int
) -> Course:
    """One search on a table's file."""
    return search(tabulated_recipe(path, overrides), METHODS[method], seed, workers)


def search(tabulated: Tabulated, method: Mapping[str, object], seed: int, workers: int) -> Course:
    """One search.

    Args:
        method: what of the recipe it changes.
    """
    recipe = tabulated.recipe
    budget = recipe.sweep.trials * recipe.training.epochs
    changes = {**METHODS[ALONE], **method, "sweep.seed": seed}
    if "sweep.pruner" in changes:
        changes["sweep.trials"] = MORE * recipe.sweep.trials
    changed = with_overrides(recipe, changes)
    with tempfile.TemporaryDirectory() as run:
        simulation = Simulation(tabulated, workers, budget)
        goals = Goals.from_recipe(changed)
        study = SweepStudy(Path(run), changed, tabulated.space, goals)
        return simulation.run(Search(changed, Path(run), study, [simulation]))


def row(method: str, found: Sequence[Course], alone: Sequence[Course], budget: int) -> str:
    """A line of the table."""
    ends = np.array([one.points[-1][1] for one in alone])
    own = np.array([one.points[-1][1] for one in found])
    cells = [method]
    for level in LEVELS:
        pairs = zip(found, ends, strict=True)
        shares = np.array([one.reaches(level * end) / budget for one, end in pairs])
        cells.append(spread(shares, "{:.0%}"))
    cells += [f"{(shares <= 0.4).mean():.0%}", spread(own, "{:.3f}"), against(own, ends)]
    counts = (np.median([o.complete for o in found]), np.median([o.pruned for o in found]))
    return f"| {' | '.join([*cells, '{:g} + {:g}'.format(*counts)])} |"


def spread(values: Any, form: str) -> str:
    """Median and quartiles."""
    shown = [form.format(v) if v < inf else "never" for v in quartiles(values)]
    return f"{shown[1]} ({shown[0]} to {shown[2]})"


def quartiles(values: Any) -> list[float]:
    """Values at the quarters, without a mean of any two: one may be endless."""
    return [float(v) for v in np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")]


def against(own: Any, others: Any) -> str:
    """In how many seeds the end is higher and lower than another's, and Wilcoxon's test of it."""
    higher, lower = int((own > others).sum()), int((own < others).sum())
    if not higher + lower:
        return ""
    return f"{higher} : {lower}, p = {wilcoxon(own, others).pvalue:.1g}"


def main() -> None:
    """Runs all searches and prints a table for each recipe."""
    names = sorted(path.stem for path in FOLDER.glob("*.npz"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}; all where none is given")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of recipes and tables")
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        for name in given.names or names:
            compare(pool, given.folder / name, given)


def compare(pool: ProcessPoolExecutor, path: Path, given: argparse.Namespace) -> None:
    """Prints a recipe's table."""
    overrides = tuple(given.override)
    methods = list(dict.fromkeys([ALONE, *given.methods]))
    runs = {
        method: [
            pool.submit(searched, path, overrides, method, seed, given.workers)
            for seed in range(given.seeds)
        ]
        for method in methods
    }
    found = {method: [run.result() for run in those] for method, those in runs.items()}
    recipe = tabulated_recipe(path, overrides).recipe
    budget = recipe.sweep.trials * recipe.training.epochs
    print(f"{path.name}: {recipe.sweep.trials} trials of {recipe.training.epochs} epochs\n")
    print(
        "| search | to 95 % | to 99 % | to 100 % | by 40 % | at the end | higher : lower | trials |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for method in methods:
        print(row(method, found[method], found[ALONE], budget), flush=True)
    print()


if __name__ == "__main__":
    main()
