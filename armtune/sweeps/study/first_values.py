"""The settings that a sweep tries right after the recipe's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from armtune.errors import RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.looking import look
from armtune.recipe.objectives import Goals
from armtune.recipe.plugins import PLUGINS
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space
from armtune.sweeps.study.folder import RECIPE
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.study.records import TrialRecord, front_of

Values = dict[str, Any]


def start_values(recipe: Recipe, space: Space, folder: Path) -> list[Values]:
    """What ``sweep.start_from`` stands for, in its order, as values of the space.

    Args:
        folder: the recipe's folder.

    Raises:
        RunError: an earlier sweep can't be read, or has nothing of use here.
    """
    found: list[Values] = []
    for item in recipe.sweep.start_from:
        if isinstance(item, str):
            found += _front(folder / item, Goals.from_recipe(recipe), space)
        else:
            found.append(space.defaults(with_overrides(recipe, item)))
    return found


def _front(folder: Path, goals: Goals, space: Space) -> Iterator[Values]:
    """The settings on an earlier sweep's front, judged by this one's goals, as far as they are
    searched here.
    """
    seen = look(folder / RECIPE)
    if seen.left_out:
        hint = f"if you trust it, name it under this recipe's own {PLUGINS}"
        raise RunError(f"{folder}: its recipe names code, which isn't run unasked; {hint}")
    records = {r.number: r for r in read_study(folder).records() if _measured(r, goals)}
    front = front_of(list(records.values()), goals)
    if not front:
        raise RunError(f"{folder}: no trial of this sweep can be started from")
    for number in front:
        yield space.defaults(with_overrides(seen.recipe, records[number].values))


def _measured(record: TrialRecord, goals: Goals) -> bool:
    named = [o.metric for o in goals.objectives] + [c.metric for c in goals.constraints]
    return all(metric in record.metrics for metric in named)
