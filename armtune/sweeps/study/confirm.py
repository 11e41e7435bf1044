"""The best few trials of the front, re-trained over several seeds; the winner among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from armtune.data.cache import file_digest
from armtune.errors import RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Choice
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import (
    MODEL,
    OUTPUTS,
    Confirmation,
    Metrics,
    Task,
    confirm_folder,
    wanted_outputs,
)

Seeds = Sequence[Mapping[str, float]]
"""What a trial's re-trainings measured on validation, a mapping a seed; empty where it failed."""

SEEDS_AFTER = 1000
"""Distance of the confirming seeds from the recipe's own, which the search has seen."""


def best_of(front: Sequence[TrialRecord], choice: Choice, count: int) -> list[int]:
    """Numbers of the trials that the rule picks first, second and so on, at most ``count``."""
    left, picked = list(front), list[int]()
    while len(picked) < count:
        index = choice.pick([record.metrics for record in left])
        if index is None:
            break
        picked.append(left.pop(index).number)
    return picked


def tasks_for(
    recipe: Recipe,
    folder: Path,
    candidates: Sequence[TrialRecord],
    done: Mapping[int, Sequence[Confirmation]],
) -> list[Task]:
    """The re-trainings that are still to be done; the seeds are the same for all candidates."""
    tasks = []
    for seed in confirming_seeds(recipe):
        for record in candidates:
            if seed not in [known.seed for known in done.get(record.number, ())]:
                tasks.append(_task(recipe, folder, record, seed))
    return tasks


def confirming_seeds(recipe: Recipe) -> range:
    """The seeds of all re-trainings."""
    assert recipe.sweep.confirm is not None
    first = recipe.training.seed + SEEDS_AFTER
    return range(first, first + recipe.sweep.confirm.seeds)


def check_model(folder: Path, number: int, confirmation: Confirmation) -> Path:
    """The file of a re-training's model, which is as it was written.

    Raises:
        RunError: it is missing or damaged.
    """
    return check_written(confirm_folder(folder, number, confirmation.seed) / MODEL, confirmation)


def check_written(path: Path, end: Confirmation) -> Path:
    """The file of a training's model, which is as it was written.

    Raises:
        RunError: it is missing or damaged.
    """
    hint = "sweep again with --resume, which trains it anew"
    if not path.is_file():
        raise RunError(f"{path}: missing; {hint}")
    if end.model and file_digest(path) != end.model:
        raise RunError(f"{path}: damaged; {hint}")
    return path


def with_models(
    folder: Path, known: Mapping[int, Sequence[Confirmation]]
) -> dict[int, list[Confirmation]]:
    """The re-trainings that need not be done again: they failed, or their model is there."""

    def stands(number: int, confirmation: Confirmation) -> bool:
        try:
            return bool(confirmation.reason or check_model(folder, number, confirmation))
        except RunError:
            return False

    return {n: [c for c in seeds if stands(n, c)] for n, seeds in known.items()}


def chosen_of(
    front: Mapping[int, Metrics], confirmed: Mapping[int, Seeds], choice: Choice
) -> int | None:
    """Number of the trial that the rule picks; None where none qualifies.

    Once trials are confirmed it picks among them, if one of these qualifies.

    Args:
        front: metrics of the trials on the front, by number.
        confirmed: as ``winner_of`` wants them.
    """
    winner = winner_of(confirmed, choice)
    return _pick(front, choice) if winner is None else winner


def winner_of(confirmed: Mapping[int, Seeds], choice: Choice) -> int | None:
    """The candidate that the rule picks by its mean validation metrics.

    Args:
        confirmed: validation metrics of each seed by trial; a trial with empty ones, which failed
            with a seed, doesn't qualify.
    """
    return _pick(sound_means(confirmed), choice)


def sound_means(confirmed: Mapping[int, Seeds]) -> dict[int, Metrics]:
    """Mean validation metrics of the candidates that failed with no seed, by trial."""
    return {n: mean_metrics(seeds) for n, seeds in confirmed.items() if seeds and all(seeds)}


def _pick(candidates: Mapping[int, Metrics], choice: Choice) -> int | None:
    index = choice.pick(list(candidates.values()))
    return None if index is None else list(candidates)[index]


def _task(recipe: Recipe, folder: Path, record: TrialRecord, seed: int) -> Task:
    changed = with_overrides(recipe, {**record.values, "training.seed": seed})
    place = confirm_folder(folder, record.number, seed)
    assert recipe.sweep.confirm is not None
    outputs = tuple(OUTPUTS) if recipe.sweep.confirm.outputs else wanted_outputs(recipe)
    return Task(record.number, changed, place, outputs=outputs)


def mean_metrics(seeds: Seeds) -> dict[str, float]:
    """The means of what all of them measured."""
    names = [name for name in seeds[0] if all(name in metrics for metrics in seeds)]
    return {name: fmean(metrics[name] for metrics in seeds) for name in names}
