"""How long the re-trainings after a search would take, packed and shared out as they will be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from armtune.recipe.schema import Recipe
from armtune.recipe.variants import alone
from armtune.sweeps.study.records import MOST_MODELS
from armtune.sweeps.workers.packing import Packing, packs_of
from armtune.sweeps.workers.trial import Task


def retrainings(recipe: Recipe, settings: Sequence[Recipe]) -> list[list[Task]]:
    """The re-trainings of each step: confirmation, on all data, and each modality alone.

    Those of an ensemble are left out, see ``ensemble_models``: how many these are isn't known.

    Args:
        settings: what the best trials may be; which they will be isn't known before the search.
    """
    confirm = recipe.sweep.confirm
    if confirm is None:
        return []
    best = list(islice(cycle(settings), confirm.top))
    solo = confirm.solo and len(recipe.modalities) > 1
    single = [alone(best[0], modality) for modality in recipe.modalities] if solo else []
    refit = [(best[:1], 1)] if recipe.sweep.refit else []
    steps = [(best, confirm.seeds), *refit, (single, confirm.seeds)]
    return [[_task(r) for _ in range(times) for r in recipes] for recipes, times in steps]


def ensemble_models(recipe: Recipe) -> list[Task]:
    """The trainings of an ensemble, as many as there may be."""
    wanted = recipe.sweep.ensemble
    if wanted == "off" or recipe.sweep.confirm is None:
        return []
    return [_task(recipe)] * (wanted if isinstance(wanted, int) else MOST_MODELS)


def lengths(
    steps: Sequence[Sequence[Task]], packing: Packing, places: int, single: float = 1.0
) -> float:
    """What steps take one after another, as a multiple of one training alone.

    Args:
        packing: the size of packs, and what it gains.
        places: packs that train at once.
        single: what a training of one modality, as the last step has them, takes of another.
    """
    each = [_step(tasks, packing, places) for tasks in steps]
    return sum(each[:-1]) + single * sum(each[-1:])


def _step(tasks: Sequence[Task], packing: Packing, places: int) -> float:
    return max(ends_of(tasks, packing, places), default=0.0)


def ends_of(tasks: Sequence[Task], packing: Packing, places: int) -> list[float]:
    """When each training of a step is over, the earliest first; in trainings alone."""
    busy, ends = [0.0] * places, list[float]()
    for pack in packs_of(tasks, packing.size, places):
        first = min(range(places), key=busy.__getitem__)
        busy[first] += length_of(len(pack), packing)
        ends += [busy[first]] * len(pack)
    return sorted(ends)


def length_of(members: int, packing: Packing) -> float:
    """What a pack takes, as a multiple of one training: each beyond the first adds as much."""
    whole = packing.size / packing.gain
    return 1 + (members - 1) * (whole - 1) / max(1, packing.size - 1)


def _task(recipe: Recipe) -> Task:
    return Task(0, recipe, Path())
