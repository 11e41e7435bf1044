"""Where a search begins whose time is short: with smaller settings than the recipe's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from armtune.data import Dataset
from armtune.recipe.frozen import frozen_parts
from armtune.recipe.load import with_overrides
from armtune.recipe.ranges import Dimension
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space
from armtune.sweeps.workers.packing import full_length
from armtune.sweeps.workers.trial import TrainingFactory

SHARE = 1 / 8
"""Share of a sweep's time that its first trial may take: half of it is the search's, and a handful
of trials is the least that can be called one."""
WIDTHS, EPOCHS = ".encoder.width", "training.epochs"
"""What is lowered until a trial is short enough: first its length, then encoders' widths. On
UTD-MHAD four epochs of width 64 are better than twelve of 32, which take as long."""


def in_time(recipe: Recipe, space: Space, dataset: Dataset, factory: TrainingFactory) -> Recipe:
    """The recipe, with smaller values of what is searched where its own would take too long.

    Vectors are trained on quickly in any case, and aren't timed.
    """
    limit = SHARE * (recipe.sweep.seconds or 0)
    sizes = [d for d in space.dimensions if d.path == EPOCHS or d.path.endswith(WIDTHS)]
    slow = any(len(dataset.shapes[m]) > 1 for m in recipe.modalities)
    if not limit or not sizes or not slow or recipe.sweep.resources.gpu or frozen_parts(recipe):
        return recipe
    factory.prepare(max(1, int(recipe.sweep.resources.cpu)))
    samples = factory.samples(recipe, dataset, "cpu")

    def seconds(own: Recipe) -> float:
        try:
            return full_length(own, factory, samples)
        except Exception:
            # As a trial does, which fails alone, whatever it met. It is no secret: the search
            # begins with these values, and its first trial fails of the same and says why.
            return 0.0

    return lowered(recipe, space, seconds, limit)


def lowered(
    recipe: Recipe, space: Space, seconds: Callable[[Recipe], float], limit: float
) -> Recipe:
    """The recipe with sizes lowered step by step, until its training is short enough.

    Args:
        seconds: what a training takes.
    """
    while seconds(recipe) > limit:
        changes = dict(_smaller(recipe, space, EPOCHS)) or dict(_smaller(recipe, space, WIDTHS))
        if not changes:
            break
        recipe = with_overrides(recipe, changes)
    return recipe


def told(recipe: Recipe, begun: Recipe, space: Space) -> str:
    """What is smaller where a search begins than in its recipe, in a sentence."""
    own, now = space.defaults(recipe), space.defaults(begun)
    changes = ", ".join(f"{path} {now[path]}" for path in now if now[path] != own.get(path))
    return f"sweep.seconds is short for the recipe's own values: the search begins with {changes}"


def _smaller(recipe: Recipe, space: Space, name: str) -> Iterator[tuple[str, Any]]:
    """The next smaller value of each dimension of a name that applies and has one."""
    values = space.defaults(recipe)
    for dimension in space.dimensions:
        if dimension.path in values and dimension.path.endswith(name):
            below = list(_below(dimension, values[dimension.path]))
            if below:
                yield dimension.path, max(below)


def _below(dimension: Dimension, value: float) -> Iterator[float]:
    for other in dimension.finite or ():
        if isinstance(other, (int, float)) and not isinstance(other, bool) and other < value:
            yield other
