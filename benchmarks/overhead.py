"""What a trial costs beside its training, which here does nothing; all in one run.

    python benchmarks/overhead.py [TRIALS]

Compares armtune (in one process, and on Ray) with a hand-written script for Ray Tune and its Optuna
searcher (reused and fresh actors) and with plain Optuna and its journal. Ray has one core, so that
trials come one after the other; a figure is the median time from the end of a trial to that of the
next. Then asks and tells 1,000 trials of armtune's study and of plain Optuna with the same sampler.
Takes minutes.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
import tiny

from armtune.recipe.objectives import Goals
from armtune.recipe.space import load_space
from armtune.sweeps.engines.ray_tune import ray, tune  # first, as it sets what Ray reads at import
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.study.study import SweepStudy

MANY = 1000
SAMPLER = {"name": "tpe"}


class Clock(Listener):
    """Notes when trials end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def trial_ended(self, record: TrialRecord) -> None:
        self.ends.append(time.perf_counter())


class TuneClock(tune.Callback):
    """The same for Ray Tune."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.ends.append(time.perf_counter())


def armtune(folder: Path, trials: int, inline: bool) -> list[float]:
    """The sweep, as users run it."""
    clock, recipe = Clock(), tiny.recipe(1, trials=trials, sampler=SAMPLER)
    run_sweep(recipe, Place(folder, folder, inline=inline), (clock,), tiny.TinyWorkshop())
    return clock.ends


def objective(lr: float) -> dict[str, float]:
    """The training that is measured around."""
    return tiny.metrics(lr, 0, 1)


class Handwritten(tune.Trainable):
    """What a user would write: a class, since only classes can be reused by choice."""

    def setup(self, config: dict[str, Any]) -> None:
        self.lr = config["lr"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.lr = new_config["lr"]
        return True

    def step(self) -> dict[str, Any]:
        return {**objective(self.lr), "done": True}


def handwritten(folder: Path, trials: int, reuse: bool) -> list[float]:
    """Ray Tune with its Optuna searcher."""
    from ray.tune.search.optuna import OptunaSearch

    clock = TuneClock()
    searcher = OptunaSearch(
        metric=["accuracy", "contribution_gap"],
        mode=["max", "min"],
        sampler=optuna.samplers.TPESampler(seed=0),
    )
    tune.Tuner(
        tune.with_resources(Handwritten, {"cpu": 1}),
        param_space={"lr": tune.loguniform(1e-4, 1.0)},
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=trials, reuse_actors=reuse),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            verbose=0,
            callbacks=[clock],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()
    return clock.ends


def plain(folder: Path, trials: int) -> list[float]:
    """Optuna alone, with its journal."""
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    folder.mkdir()
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "journal"))),
        directions=["maximize", "minimize"],
        sampler=optuna.samplers.TPESampler(seed=0),
    )
    ends: list[float] = []

    def run(trial: optuna.Trial) -> tuple[float, ...]:
        return tuple(objective(trial.suggest_float("lr", 1e-4, 1.0, log=True)).values())

    study.optimize(run, trials, callbacks=[lambda *_: ends.append(time.perf_counter())])
    return ends


def asked_and_told(folder: Path, sampler: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """What asks and tells one more trial: of armtune's study, and of plain Optuna in memory."""
    recipe = tiny.recipe(1, trials=MANY, sampler=sampler)
    study = SweepStudy(folder, recipe, load_space(recipe, folder), Goals.from_recipe(recipe))

    def ours() -> None:
        number = study.ask()
        study.start(number)
        study.complete(number, 1, objective(study.record(number).values[tiny.LR]))

    yield ours
    bare = optuna.create_study(directions=["maximize", "minimize"], sampler=study._sampler.build(0))

    def theirs() -> None:
        trial = bare.ask()
        values = objective(trial.suggest_float("lr", 1e-4, 1.0, log=True)).values()
        bare.tell(trial, list(values))

    yield theirs


def growth(folder: Path) -> None:
    """Prints what asking and telling costs early and late."""
    print("\n| asking and telling, ms a trial | sampler | trials 51-150 | 901-1000 |")
    print("|---|---|---:|---:|")
    for name in ("random", "tpe"):
        (folder / name).mkdir()
        steps = asked_and_told(folder / name, {"name": name})
        for who, step in zip(("armtune", "plain Optuna, in memory"), steps, strict=True):
            times = [timed(step) for _ in range(MANY)]
            early, late = (1000 * statistics.median(t) for t in (times[50:150], times[900:]))
            print(f"| {who} | {name} | {early:.2f} | {late:.2f} |", flush=True)


def timed(step: Callable[[], None]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main(trials: int) -> None:
    """Prints both tables."""
    ways: dict[str, tuple[Callable[[Path], list[float]], int]] = {
        "armtune --inline": (lambda f: armtune(f, 4 * trials, True), 4 * trials),
        "plain Optuna, journal": (lambda f: plain(f, 4 * trials), 4 * trials),
        "armtune on Ray": (lambda f: armtune(f, trials, False), trials),
        "Ray Tune + OptunaSearch, reused actors": (lambda f: handwritten(f, trials, True), trials),
        "Ray Tune + OptunaSearch, fresh actors": (
            lambda f: handwritten(f, trials // 4, False),
            trials // 4,
        ),
    }
    # Ray's workers have to find tiny.py.
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    ray.init(
        "local",
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
    )
    with tempfile.TemporaryDirectory() as scratch:
        print("| | trials | ms a trial, median | mean |\n|---|---:|---:|---:|")
        for name, (way, number) in ways.items():
            ends = way(Path(scratch) / name.replace(" ", "-"))
            gaps = [b - a for a, b in pairwise(ends)]
            middle, mean = 1000 * statistics.median(gaps), 1000 * statistics.fmean(gaps)
            print(f"| {name} | {number} | {middle:.1f} | {mean:.1f} |", flush=True)
        growth(Path(scratch))
    ray.shutdown()


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    main(int((sys.argv[1:] or ["60"])[0]))
