"""The best few trials of the front, re-trained over several seeds; the winner among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from armtune.objectives import Choice
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweep.records import Confirmation, TrialRecord
from armtune.sweep.trial import Task, confirm_folder

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


def winner_of(confirmed: Mapping[int, Sequence[Confirmation]], choice: Choice) -> int | None:
    """The candidate that the rule picks by its mean validation metrics.

    One that failed with any seed doesn't qualify. Test metrics play no part.
    """
    sound = [n for n, seeds in confirmed.items() if seeds and not any(c.reason for c in seeds)]
    index = choice.pick([_mean([c.validation for c in confirmed[n]]) for n in sound])
    return None if index is None else sound[index]


def _task(recipe: Recipe, folder: Path, record: TrialRecord, seed: int) -> Task:
    changed = with_overrides(recipe, {**record.values, "training.seed": seed})
    return Task(record.number, changed, confirm_folder(folder, record.number, seed))


def _mean(seeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = [name for name in seeds[0] if all(name in metrics for metrics in seeds)]
    return {name: fmean(metrics[name] for metrics in seeds) for name in names}
