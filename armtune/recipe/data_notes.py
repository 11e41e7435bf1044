"""What only the data can tell of a recipe, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from armtune.data import Dataset
from armtune.data.overview import doubts
from armtune.errors import Fault, RecipeError
from armtune.recipe.checks import goals
from armtune.recipe.ranges import Dimension
from armtune.recipe.schema import Recipe
from armtune.recipe.shape_checks import refuse_unread


def data_notes(recipe: Recipe, dimensions: Sequence[Dimension], dataset: Dataset) -> list[str]:
    """Refuses what can't be trained or judged on the data.

    Args:
        dimensions: what is searched; nothing where the recipe is trained as it is.

    Returns:
        sentences that one should see: encoders that some trials can't use, splits that can hardly
        judge a model, metrics that are undefined on one.

    Raises:
        RecipeError: no trial's encoder can read a modality, or a goal is undefined on validation.
    """
    unread = refuse_unread(recipe, dimensions, dataset.shapes)
    return [*unread, *doubts(dataset), *_undefined(recipe, dataset)]


def _undefined(recipe: Recipe, dataset: Dataset) -> list[str]:
    told = list(_problems(recipe, dataset))
    wanted = {
        metric: ".".join(map(str, steps)) for steps, names in goals(recipe) for metric in names
    }
    faults = [
        Fault(f"{name} is undefined on validation: {said}", wanted[name])
        for name, split, said in told
        if split == "validation" and name in wanted
    ]
    if faults:
        raise RecipeError(faults)
    return [f"metrics.{name} is undefined on {split}: {said}" for name, split, said in told]


def _problems(recipe: Recipe, dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Metrics of the recipe's own that have no value on a split, the split, and why."""
    judged = dataset.validation.labels
    if dataset.folds:  # all of it is judged together with the training samples
        judged = np.concatenate([dataset.train.labels, judged])
    for name, measure in recipe.metrics.items():
        for split, labels in (("validation", judged), ("test", dataset.test.labels)):
            if said := measure.undefined(dataset.target, labels):
                yield name, split, said
