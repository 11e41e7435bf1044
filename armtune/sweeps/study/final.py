"""What is exported in the end: the winner trained again on all data, or an ensemble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median_low

from armtune.data import Dataset
from armtune.errors import RunError
from armtune.metrics import COSTS
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.variants import on_all_data
from armtune.references.per_sample import SCORE, write_per_sample
from armtune.sweeps.study.confirm import check_written, mean_metrics
from armtune.sweeps.study.records import (
    MOST_MODELS,
    Ensemble,
    Model,
    SweepResult,
    TrialRecord,
    Weights,
)
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.workers.trial import (
    ENSEMBLE,
    MODEL,
    OUTPUTS,
    TESTED,
    Confirmation,
    Metrics,
    Task,
    confirm_folder,
    refit_folder,
    trial_folder,
)

LEAST_MODELS = 3
"""Models that an ensemble may have, however little time is left."""


class Final:
    """The last trainings of a sweep, and what is measured of them.

    Args:
        result: what the sweep found, its confirmations done.
        dataset: the sweep's data.
        most: models that an ensemble may have where the recipe leaves it open.
    """

    def __init__(
        self,
        recipe: Recipe,
        study: SweepStudy,
        result: SweepResult,
        dataset: Dataset,
        most: int = MOST_MODELS,
    ) -> None:
        self._most = min(MOST_MODELS, max(LEAST_MODELS, most))
        self._recipe, self._study, self._result = recipe, study, result
        self._dataset, self._folder = dataset, result.folder
        self._winner = winning_model(recipe, result)
        self._ensemble = self._fitted() if self._winner and recipe.sweep.ensemble != "off" else None

    def tasks(self) -> list[Task]:
        """The trainings that are still to be done; each looks at the test split once."""
        if self._winner is None:
            return []
        winner = [self._winner] if self._recipe.sweep.refit else []
        models = dict.fromkeys([*winner, *self._weights()])
        return [self._task(model) for model in models if not self._is_done(model)]

    def ended(self, task: Task, end: Confirmation) -> None:
        """Notes what a training measured."""
        training = task.recipe.training
        epochs = training.epochs if training.refit else 0
        model = Model(task.number, training.seed, epochs)
        # Samples that a model has learnt say nothing of it.
        self._study.note_final(model, replace(end, validation={}))

    def judge(self) -> None:
        """Notes the ensemble, with what it measures on test if it wins and its models are there."""
        if self._ensemble is None:
            self._study.note_ensemble(None)
            return
        ends, test = self._study.finals(), dict[str, float]()
        if all(m in ends and not ends[m].reason for m in self._weights()):
            test = self._measured("test", self._weights()) if self._weights() else {}
        self._study.note_ensemble(replace(self._ensemble, test=test))

    def _weights(self) -> Weights:
        """What the models of an ensemble that wins count."""
        return self._ensemble.weights if self._ensemble and self._ensemble.wins else {}

    def _task(self, model: Model) -> Task:
        recipe = model_recipe(self._recipe, self._result.records[model.number], model)
        outputs = ("test",) if model in self._weights() else ()
        return Task(model.number, recipe, self._place(model), outputs=outputs)

    def _is_done(self, model: Model) -> bool:
        end = self._study.finals().get(model)
        if end is None or end.reason:
            return False
        if model in self._weights() and not (self._place(model) / OUTPUTS["test"]).exists():
            return False
        try:
            return bool(check_written(self._place(model) / MODEL, end))
        except RunError:
            return False

    def _place(self, model: Model) -> Path:
        return folder_of(self._folder, self._recipe, model)

    def _fitted(self) -> Ensemble | None:
        """The ensemble that is best on validation; None where nothing can be chosen from."""
        # Imports torch, which a sweep's driver otherwise doesn't need.
        from armtune.sweeps.study import ensemble

        places = dict(self._candidates())
        wanted = self._recipe.sweep.ensemble
        most = wanted if isinstance(wanted, int) else self._most
        weights = ensemble.fitted(self._recipe, places, self._dataset, most)
        if weights is None:
            return None
        summed = {**self._measured("validation", weights), **self._costs(weights)}
        single = self._standing()
        wins = Goals.from_recipe(self._recipe).choice.pick([single, summed]) == 1
        return Ensemble(weights, summed, single, wins)

    def _costs(self, weights: Weights) -> Metrics:
        """What the models cost together: to predict, one is asked after the other."""
        each = [self._known(model) for model in weights]
        return {c: sum(m[c] for m in each) for c in COSTS if all(c in m for m in each)}

    def _known(self, model: Model) -> Metrics:
        """A model's own metrics on validation."""
        ends = {c.seed: c.validation for c in self._result.confirmed.get(model.number, ())}
        return ends.get(model.seed) or self._result.records[model.number].metrics

    def _measured(self, split: str, weights: Weights) -> Metrics:
        """Metrics of models' weighted outputs of a split."""
        from armtune.sweeps.study import ensemble

        places = dict(self._candidates()) if split == "validation" else {}
        folders = {places.get(m, self._place(m)): rows for m, rows in weights.items()}
        files = {folder / OUTPUTS[split]: rows for folder, rows in folders.items()}
        metrics, counts = ensemble.measured(self._recipe, self._dataset, split, files)
        if split == "test":
            write_per_sample(self._folder / ENSEMBLE / TESTED, {SCORE: counts})
        return metrics

    def _candidates(self) -> Iterator[tuple[Model, Path]]:
        """Models to choose from, and where they left what they say of the validation samples."""
        found = [
            (r.number, self._recipe.training.seed, trial_folder(self._folder, r.number), r.metrics)
            for r in self._result.records
            if r.state == "COMPLETE"
        ]
        for number, ends in self._result.confirmed.items():
            for end in (end for end in ends if not end.reason):
                folder = confirm_folder(self._folder, number, end.seed)
                found.append((number, end.seed, folder, end.validation))
        for number, seed, folder, metrics in found:
            if (folder / OUTPUTS["validation"]).exists():
                epochs = self._epochs(number, metrics)
                yield Model(number, seed, epochs if self._recipe.sweep.refit else 0), folder

    def _epochs(self, number: int, metrics: Metrics) -> int:
        """Epochs to train again: as the trial's confirmations had them, or else this model."""
        return median_epochs(self._result.confirmed.get(number, ())) or int(metrics["epoch"])

    def _standing(self) -> Metrics:
        """The winner's metrics on validation."""
        assert self._winner is not None
        number = self._winner.number
        seeds = [c.validation for c in self._result.confirmed[number] if not c.reason]
        return mean_metrics(seeds)


def winning_model(recipe: Recipe, result: SweepResult) -> Model | None:
    """The model that stands for the chosen trial; None where none was chosen or confirmed.

    Its seed is that of the re-training with the highest score on validation.
    """
    sound = [c for c in result.confirmed.get(_number(result), ()) if not c.reason]
    if not sound:
        return None
    score = recipe.data.predicts.score
    best = max(sound, key=lambda c: c.validation[score])
    return Model(_number(result), best.seed, median_epochs(sound) if recipe.sweep.refit else 0)


def median_epochs(confirmed: Iterable[Confirmation]) -> int:
    """The best epoch in the median of re-trainings, the lower one of two; 0 where there is none."""
    epochs = [c.validation["epoch"] for c in confirmed if not c.reason]
    return int(median_low(epochs)) if epochs else 0


def model_recipe(recipe: Recipe, record: TrialRecord, model: Model) -> Recipe:
    """The recipe that trains a model."""
    trained = with_overrides(recipe, {**record.values, "training.seed": model.seed})
    return on_all_data(trained, model.epochs) if model.epochs else trained


def folder_of(run: Path, recipe: Recipe, model: Model) -> Path:
    """The folder in which a model was trained."""
    if model.epochs:
        return refit_folder(run, model.number, model.seed, model.epochs)
    if model.seed == recipe.training.seed:
        return trial_folder(run, model.number)
    return confirm_folder(run, model.number, model.seed)


def _number(result: SweepResult) -> int:
    return -1 if result.chosen is None else result.chosen
