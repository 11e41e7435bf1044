"""What a sweep would run and cost, without running it: a few epochs are timed, no more."""

from __future__ import annotations

import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from armtune.errors import ArmtuneError
from armtune.pruners import Pruner
from armtune.pruners._rungs import Standing
from armtune.recipe.data_notes import data_notes
from armtune.recipe.frozen import frozen_parts
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space
from armtune.samplers import points
from armtune.sweeps.engines.cluster_capacity import capacity
from armtune.sweeps.engines.engine import means_here
from armtune.sweeps.planning.packs import search_gain
from armtune.sweeps.study.estimate import Estimate
from armtune.sweeps.study.retraining_time import lengths, retrainings
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.study.time_budget import END_SECONDS
from armtune.sweeps.workers.packing import (
    Packing,
    counted,
    gain_of,
    largest,
    measured,
    program_of,
)
from armtune.sweeps.workers.trial import Served, Task, TrainingFactory

if TYPE_CHECKING:
    from armtune.data import Dataset

SETTINGS = 4
"""Settings that are timed: the recipe's own, and draws from the space."""
SIMULATED = 100
"""Trials with which pruning is tried out."""
COUNTED = 1_000_000
"""Where counting combinations of values ends."""
IMPORT_SECONDS = 2.0
"""What a sweep's own process takes to import what it needs, measured on two cores."""
RAY_SECONDS = 6.0
"""What Ray takes to import and start with its first workers, measured on two cores."""
RAY_BYTES = 0.6e9
"""Memory of Ray's own processes, measured idle."""


@dataclass(frozen=True)
class Timing:
    """Seconds that a setting takes to begin, for an epoch, and for its whole training."""

    begin: float
    epoch: float
    whole: float


def size_of(space: Space) -> int | None:
    """Number of combinations of values, at most ``COUNTED``; None where they have no end."""
    if any(dimension.finite is None for dimension in space.dimensions):
        return None
    return sum(1 for _ in islice(points(space.dimensions), COUNTED))


def estimate(
    recipe: Recipe, space: Space, factory: TrainingFactory, inline: bool = False
) -> Estimate:
    """Times a few settings and works out what the sweep would cost on this machine.

    Raises:
        DataError: the data can't be read.
        RecipeError: no trial's encoder can read a modality.
        RunError: it asks for a GPU, and there is none.
        ArmtuneError: no setting could be trained.
    """
    resources = recipe.sweep.resources
    started = time.perf_counter()
    threads, _ = means_here(resources)
    # More threads than there are cores here would tell nothing of a larger machine.
    factory.prepare(min(threads, os.cpu_count() or 1))
    dataset = factory.dataset(recipe)
    data_notes(recipe, space.dimensions, dataset)
    if frozen_parts(recipe):
        _samples(recipe, factory, dataset)  # computes features that serve all trials
    prepared = time.perf_counter() - started
    drawn = _settings(recipe, space, min(max(SETTINGS, recipe.sweep.trials), SIMULATED))
    settings = drawn[:SETTINGS]
    timings = list(_timings(settings, factory, dataset))
    workers = 1 if inline else workers_of(recipe)
    measuring = time.perf_counter()
    packing = _packing(recipe, factory, dataset, largest(recipe, workers), inline)
    # A sweep measures packs as well, before its first trial ends.
    prepared += time.perf_counter() - measuring if recipe.sweep.pack == "auto" else 0.0
    # The first training of a process pays for more than its own beginning.
    begin = median(t.begin for t in timings)
    training = begin + fmean(t.whole - t.begin for t in timings)
    steps = retrainings(recipe, settings)
    single = _single(steps, factory, dataset) / training if training else 1.0
    used = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    return Estimate(
        settings=len(timings),
        begin_seconds=begin,
        epoch_seconds=fmean(t.epoch for t in timings),
        training_seconds=training,
        share=share_of(recipe),
        trials=recipe.sweep.trials,
        trainings=sum(map(len, steps)),
        after_lengths=lengths(steps, packing, workers, single),
        workers=workers,
        pack=packing.size,
        pack_gain=packing.gain,
        start_seconds=IMPORT_SECONDS + (prepared if inline else RAY_SECONDS),
        worker_seconds=0.0 if inline else prepared,
        worker_bytes=used,
        memory_bytes=used if inline else RAY_BYTES + (workers * resources.workers + 1) * used,
        folds=str(dataset.folds or ""),
        trainings_a_trial=len(dataset.folds) if dataset.folds else 1,
        end_seconds=END_SECONDS,
        search_gain=search_gain([program_of(one) for one in drawn], packing),
    )


def _single(steps: Sequence[Sequence[Task]], factory: TrainingFactory, dataset: Dataset) -> float:
    """What a training of one modality alone takes, the mean over them; 0 where there are none."""
    alone = {str(list(task.recipe.modalities)): task.recipe for task in (steps or [[]])[-1]}
    if not alone:
        return 0.0
    return fmean(t.whole for t in _timings(list(alone.values()), factory, dataset))


def _packing(
    recipe: Recipe, factory: TrainingFactory, dataset: Dataset, most: int, inline: bool
) -> Packing:
    """What the recipe's own values say of packs."""
    if most == 1:
        return Packing()
    samples = _samples(recipe, factory, dataset)
    if recipe.sweep.pack == "auto":
        if not inline:
            return measured(recipe, factory, samples, most)
        most = counted(recipe, factory, samples, most)
    return Packing(most, gain_of(recipe, factory, samples, most))


def _samples(recipe: Recipe, factory: TrainingFactory, dataset: Dataset) -> Served:
    _, device = means_here(recipe.sweep.resources)
    return factory.samples(recipe, dataset, device)


def workers_of(recipe: Recipe) -> int:
    """Trainings that run at once here; 1 at least, so that a plan for a cluster has times."""
    return max(1, capacity_of(recipe))


def capacity_of(recipe: Recipe) -> int:
    """Trainings that fit on this machine at once; 0 where what one reserves isn't there."""
    here: dict[str, float] = {"CPU": os.cpu_count() or 1}
    if recipe.sweep.resources.gpu:
        import torch

        here["GPU"] = torch.cuda.device_count()
    return capacity([{"Alive": True, "Resources": here}], recipe.sweep.resources)


def share_of(recipe: Recipe) -> float:
    """Share of the epochs that is left by pruning, if trials keep their order throughout."""
    return fmean(epochs_of_trials(recipe)) / recipe.training.epochs


def epochs_of_trials(recipe: Recipe, seed: int = 0) -> list[int]:
    """Epochs that trials train if they keep their order throughout, one after the other.

    Found by pruning trials of random, unchanging standing, as many as the sweep has, or the first
    of them.
    """
    pruner, epochs = recipe.sweep.pruner, recipe.training.epochs
    draw = random.Random(seed)  # noqa: S311 (a simulation)
    width = len(Goals.from_recipe(recipe).directions)
    reached: dict[tuple[int, int], list[Standing]] = {}
    return [
        _lasts(pruner, n, Standing(tuple(draw.random() for _ in range(width))), epochs, reached)
        for n in range(min(recipe.sweep.trials, SIMULATED))
    ]


def _lasts(
    pruner: Pruner,
    number: int,
    trial: Standing,
    epochs: int,
    reached: dict[tuple[int, int], list[Standing]],
) -> int:
    """Epochs that a trial trains, after those that ``reached`` each bracket's rungs."""
    bracket = pruner.bracket(number, epochs)
    for rung in pruner.rungs(epochs)[bracket:]:
        others = reached.setdefault((bracket, rung), [])
        keeps = number == 0 or pruner.keeps(trial, others, rung / epochs)
        others.append(trial)
        if not keeps:
            return rung
    return epochs


def _timings(
    settings: Sequence[Recipe], factory: TrainingFactory, dataset: Dataset
) -> Iterator[Timing]:
    """Of the settings that can be trained; one that diverges or fails is left out."""
    errors: list[ArmtuneError] = []
    for setting in settings:
        try:
            yield _timing(setting, factory, dataset)
        except ArmtuneError as error:
            errors.append(error)
    if len(errors) == len(settings):
        raise errors[0]


def _settings(recipe: Recipe, space: Space, count: int) -> list[Recipe]:
    """The recipe's own values, and others drawn at random."""
    changes = {"sweep.sampler": {"name": "random"}}
    with tempfile.TemporaryDirectory() as folder:
        goals = Goals.from_recipe(recipe)
        study = SweepStudy(Path(folder), with_overrides(recipe, changes), space, goals)
        drawn = [study.record(study.ask()).values for _ in range(count)]
    return [with_overrides(recipe, values) for values in drawn]


def _timing(recipe: Recipe, factory: TrainingFactory, dataset: Dataset) -> Timing:
    """Trains two epochs at most; the first one pays for the beginning."""
    epochs = recipe.training.epochs
    started = time.perf_counter()
    training = factory.training([recipe], _samples(recipe, factory, dataset))
    training.advance()
    first = time.perf_counter() - started
    if epochs == 1:
        return Timing(0.0, first, first)
    training.advance()
    epoch = time.perf_counter() - started - first
    begin = max(0.0, first - epoch)
    return Timing(begin, epoch, begin + epochs * epoch)
