"""Population based training with Ray: its scheduler compares the trials of a sweep and lets the
worst go on from the best ones' weights with other values; the study holds what it decided.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.errors import RunError
from armtune.pruners.pbt import PopulationBased
from armtune.recipe.ranges import Dimension
from armtune.recipe.schema import Resources
from armtune.sweeps.engines.engine import Retrainings, worker_for
from armtune.sweeps.engines.population import Population, copy_state, state_file
from armtune.sweeps.engines.ray_tune import RayEngine, died, fit, last_words
from armtune.sweeps.study.lineage import Descent
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.trial import CHECKPOINT, Failure, Step, TrainingFactory

from ray import tune  # isort: skip (after ray_tune, which sets what Ray reads when imported)
from ray.tune.schedulers import PopulationBasedTraining  # isort: skip

if TYPE_CHECKING:
    from armtune.sweeps.study.study import SweepStudy


EXPERIMENT = "population"
"""What Tune calls its folder."""


class PopulationEngine(RayEngine):
    """An engine that trains all trials as one population."""

    def __init__(
        self,
        factory: TrainingFactory,
        resources: Resources,
        ready: Callable[[], None],
        study: SweepStudy,
    ) -> None:
        super().__init__(factory, resources, ready)
        self._study = study

    def work(self, stages: Iterator[Search | Retrainings]) -> None:
        """See ``Engine``."""
        search = next(stages)
        assert isinstance(search, Search), "a sweep begins with its search"
        self._train(search)
        super().work(stages)

    def _train(self, search: Search) -> None:
        """Trains all trials."""
        population = Population(search, self._study)
        if not population.members:
            # A kill may have left states after all had ended.
            population.forget(search.recipe.training.epochs)
            return
        trainable = tune.with_parameters(Member, factory=self._factory, resources=self._resources)
        reserved = {"cpu": self._resources.cpu, "gpu": self._resources.gpu}
        with _scratch(population.folder) as scratch, _all_at_once(len(population.members)):
            tuner = tune.Tuner(
                tune.with_resources(trainable, reserved),
                param_space={"number": tune.grid_search(list(population.members))},
                tune_config=tune.TuneConfig(
                    scheduler=Evolution(population),
                    reuse_actors=True,
                    trial_name_creator=_name,
                    trial_dirname_creator=_name,
                ),
                run_config=tune.RunConfig(
                    name=EXPERIMENT,
                    storage_path=str(scratch),
                    verbose=0,
                    callbacks=[_Starting(population)],
                    failure_config=tune.FailureConfig(max_failures=search.recipe.sweep.retries),
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            fit(tuner, population)
        population.forget(search.recipe.training.epochs)


class Member(tune.Trainable):
    """A worker's process, which trains one member after the other up to the next comparison."""

    def setup(self, config: dict[str, Any], **given: Any) -> None:
        # A comparison needs the state of each member as it is then.
        pack.SAVE_SECONDS = -1.0
        self._worker = worker_for(given["factory"], given["resources"], expendable=True)
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._take(new_config)
        return True

    def _take(self, config: dict[str, Any]) -> None:
        member = config["member"]
        self._task, self._start = member["task"], member["start"]
        self._epoch, self._begun = 0, False

    def step(self) -> dict[str, Any]:
        folder = self._task.folder
        if not self._begun:
            if self._start is not None:
                copy_state(self._start, folder / CHECKPOINT)
            self._worker.start([self._task])
            self._begun = True
        [said] = self._worker.step()
        if isinstance(said, Failure) and said.transient:
            # Tune takes it up again where it was compared last.
            raise RunError(said.reason)
        if isinstance(said, Step):
            self._epoch = said.epoch
            if said.epoch in self._task.rungs:
                copy_state(folder / CHECKPOINT, state_file(folder, said.epoch))
        # Tune wants a score from here; the scheduler, which knows the goals, puts in the true one.
        return {"said": said, "epoch": self._epoch, "score": 0.0}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """A pointer: the state lies in the run's folder, which all nodes see."""
        return {"start": state_file(self._task.folder, self._epoch)}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        assert checkpoint is not None
        self._start = checkpoint["start"]


class Evolution(PopulationBasedTraining):
    """Ray's scheduler, all members in step; the study holds its decisions."""

    def __init__(self, population: Population) -> None:
        options = population.recipe.sweep.pruner
        assert isinstance(options, PopulationBased), "no other pruner has a population"
        self._population = population
        self._numbers: dict[Any, int] = {}
        self._lost: set[int] = set()
        ranges = {path: _range(d) for path, d in population.dimensions.items()}
        super().__init__(
            time_attr="epoch",
            metric="score",
            mode="max",
            perturbation_interval=options.every,
            hyperparam_mutations={"member": {"values": ranges}},
            quantile_fraction=options.share,
            resample_probability=options.resample,
            perturbation_factors=(options.factor, 1 / options.factor),
            custom_explore_fn=population.explored,
            log_config=False,
            synch=True,
        )

    def on_trial_add(self, controller: Any, trial: Any) -> None:
        if trial not in self._numbers:
            self._numbers[trial] = number = trial.config["number"]
            trial.set_config(self._population.config(number))
        super().on_trial_add(controller, trial)

    def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        with self._population.catching():
            return self._heard(controller, trial, result)

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """The worker's process died, or something failed that may go better next time."""
        search, number = self._population.search, self._numbers[trial]
        with self._population.catching():
            if number in self._lost:
                return
            failure = died(self._population.members[number], last_words(trial))
            search.handle(number, failure)
            if search.next() is None:
                self._lose(controller, trial)

    def _heard(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        population, number, said = self._population, self._numbers[trial], result["said"]
        if number in self._lost:
            return str(self.STOP)
        if not population.search.handle(number, said):
            self._lose(controller, trial)
            return str(self.STOP)
        epoch = said.epoch
        if epoch <= population.decided or epoch not in population.members[number].rungs:
            return str(self.CONTINUE)
        result["score"] = population.score(said.best)
        return self._meet(controller, trial, result)

    def _lose(self, controller: Any, trial: Any) -> None:
        """Goes on without a member, for which the others may be waiting."""
        self._lost.add(self._numbers[trial])
        state = self._trial_state[trial]
        state.last_score = None
        state.last_train_time = self._next_perturbation_sync  # type: ignore[assignment]
        others = [t for t in controller.get_live_trials() if self._numbers[t] not in self._lost]
        waiting = [self._trial_state[t] for t in others]
        if waiting and all(s.last_train_time >= self._next_perturbation_sync for s in waiting):
            result: Any = waiting[0].last_result
            self._meet(controller, others[0], result)

    def _meet(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Waits for the others at a comparison; the last to come has the scheduler decide."""
        epoch = result["epoch"]
        with _seeded(f"{self._population.recipe.sweep.seed}:{epoch}"):
            decision = super().on_trial_result(controller, trial, result)
        if self._next_perturbation_sync > epoch:
            self._note(epoch)
        return str(decision)

    def _note(self, epoch: int) -> None:
        """Writes the scheduler's decision down before anything is trained by it."""
        changed = {
            trial: Descent(trial.config["number"], trial.config["member"]["values"])
            for trial, number in self._numbers.items()
            if trial.config["number"] != number
        }
        self._population.decide(epoch, {self._numbers[t]: d for t, d in changed.items()})
        for trial in changed:
            trial.set_config(self._population.config(self._numbers[trial]))


class _Starting(tune.Callback):
    """Says once of each member that a worker has taken it up."""

    def __init__(self, population: Population) -> None:
        self._population, self._begun = population, set[int]()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number = trial.config["number"]
        if number not in self._begun:
            self._begun.add(number)
            with self._population.catching():
                self._population.search.started(number)


def _range(dimension: Dimension) -> list[Any] | Callable[[], Any]:
    """A range as the scheduler wants it: choices in a row, or something that draws."""
    if dimension.finite is not None:
        return list(dimension.finite)
    low, high = dimension.low, dimension.high
    if dimension.log:
        return lambda: exp(_between(log(low), log(high)))
    return lambda: _between(low, high)


def _between(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 (as the scheduler itself draws)


def _name(trial: Any) -> str:
    return f"{trial.config['number']:04d}"


@contextmanager
def _seeded(seed: str) -> Iterator[None]:
    """Makes the scheduler's draws depend on nothing else: it takes them from ``random`` itself."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for Tune's own files where all nodes see it, gone afterwards, as one of a kill."""
    for left in folder.glob(".tune-*"):
        if {path.name for path in left.glob("*")} == {EXPERIMENT} and not left.is_symlink():
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".tune-", dir=folder) as scratch:
        yield Path(scratch)


@contextmanager
def _all_at_once(members: int) -> Iterator[None]:
    """Lets Tune know all members from the start, so that none is compared without the others."""
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(members)
    try:
        yield
    finally:
        del os.environ["TUNE_MAX_PENDING_TRIALS_PG"]
