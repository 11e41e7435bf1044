"""A search as Ray Tune's own parts make it: OptunaSearch and ASHAScheduler on one scalar."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from optuna.samplers import TPESampler

from armtune.datasets._load import load_dataset
from armtune.pruners.asha import Asha
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps.engines.ray_tune import ray, tune  # first, as it sets what Ray reads at import
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.training.loop import Run
from armtune.training.samples import Samples

from ray.tune.schedulers import ASHAScheduler  # isort: skip
from ray.tune.search.optuna import OptunaSearch  # isort: skip

SCORE = "score"


class Trainable(tune.Trainable):
    """armtune's training, an epoch a step; a trial stands where its best epoch does."""

    def setup(self, config: dict[str, Any], recipe: Recipe, folder: Path) -> None:
        import torch

        torch.set_num_threads(1)
        self.recipe = recipe
        self.samples = Samples(recipe, load_dataset(recipe, folder), "cpu")
        self.goals = Goals.from_recipe(with_overrides(recipe, {"sweep.mode": "scalar"}))
        self.begin(config)

    def begin(self, config: dict[str, Any]) -> None:
        self.run = Run([with_overrides(self.recipe, config)], self.samples)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        self.run.advance()
        best = self.run.best[0]
        (score,) = self.goals.values(best)
        done = self.run.epochs[0] == self.recipe.training.epochs
        return {SCORE: score, "best": dict(best), "done": done}


class Telling(tune.Callback, tune.Stopper):
    """Tells a listener of epochs and of trials that end, as a sweep does, until that raises."""

    def __init__(self, listener: Listener, epochs: int) -> None:
        self.listener, self.epochs = listener, epochs
        self.error: Exception | None = None

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self.listener.epoch_ended(record(trial, "RUNNING", result), result["best"])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        last = trial.last_result
        state = "COMPLETE" if last["training_iteration"] == self.epochs else "PRUNED"
        if self.error is None:
            try:
                self.listener.trial_ended(record(trial, state, last))
            except Exception as error:  # Tune would take it for the trial's
                self.error = error

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.error is not None


def record(trial: Any, state: str, result: dict[str, Any]) -> TrialRecord:
    """A trial of Tune's as a sweep's."""
    epoch = result["training_iteration"]
    return TrialRecord(0, state, trial.config, result["best"], epoch, "", 0.0, 0.0)


def search(recipe: Recipe, folder: Path, seed: int, trials: int, listener: Listener) -> None:
    """Searches, one trial at a time, with the rungs of armtune's ``asha``.

    Args:
        folder: the recipe's.
        listener: told of everything; what it raises ends the search.
    """
    epochs = recipe.training.epochs
    rungs, telling = Asha(), Telling(listener, epochs)
    # Ray's workers have to find this file.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False,
             logging_level=logging.CRITICAL)  # fmt: skip
    trainable = tune.with_parameters(Trainable, recipe=recipe, folder=folder.resolve())
    spread = {True: tune.loguniform, False: tune.uniform}
    with tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={
                d.path: spread[d.log](d.low, d.high) for d in load_space(recipe, folder).dimensions
            },
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(sampler=TPESampler(seed=seed)),
                scheduler=ASHAScheduler(
                    max_t=epochs,
                    grace_period=rungs.first_rung,
                    reduction_factor=rungs.reduction,
                ),
                metric=SCORE,
                mode="min",
                num_samples=trials,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[telling],
                stop=telling,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        try:
            tuner.fit()
        finally:
            ray.shutdown()
    if telling.error is not None:
        raise telling.error
