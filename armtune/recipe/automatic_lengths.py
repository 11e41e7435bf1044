"""Batches and epochs where a recipe leaves them to its data, and which lengths are tried."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import ceil, prod
from typing import Any

from armtune.data import Dataset
from armtune.recipe.ranges import Range
from armtune.recipe.schema import Recipe

STEPS = 600
"""Updates that a training has at least, where the recipe leaves its length to the data."""
FEW_STEPS = 500
"""Updates below which a training is likely to end too early."""
EPOCHS = "training.epochs"
SLOW_KINDS = ("images", "sequences")
"""Those that take long to train on."""
LONGER = 3
"""How many times as long a training of narrow vectors may be."""
NARROW = 64
"""Numbers up to which a vector, or all of a sample's together, is narrow: a few columns of a
table, where thresholds matter; wider ones overfit early."""
SHORTEST = 4
"""Epochs below which no other length is tried."""
BATCHES = 16
"""Batches that an epoch should have at least."""
LEAST_BATCH = 16


def few_steps(recipe: Recipe, dataset: Dataset) -> list[str]:
    """A sentence where a training is too short to get anywhere."""
    training = recipe.training
    count = updates(len(dataset.train), training.batch_size, training.accumulate) * training.epochs
    if count >= FEW_STEPS:
        return []
    how = "raise training.epochs, lower training.batch_size, or leave training.epochs out and give"
    return [f"a training has {count} updates, fewer than some {FEW_STEPS}: {how} training.steps"]


def updates(samples: int, batch_size: int, accumulate: int = 1) -> int:
    """Updates of an epoch."""
    return max(1, samples // min(batch_size, samples) // accumulate)


def unsaid_epochs(recipe: Recipe) -> bool:
    """Whether a recipe leaves its epochs to the data."""
    return "epochs" not in recipe.training.model_fields_set


def lengths(recipe: Recipe, samples: int, automatic: bool) -> Iterator[tuple[str, Any]]:
    """Batch size and epochs that give a training its steps, where the recipe leaves them out."""
    training = recipe.training
    batch, steps = training.batch_size, training.steps
    if automatic and "batch_size" not in training.model_fields_set:
        batch = min(batch, max(LEAST_BATCH, 1 << (samples // BATCHES or 1).bit_length() - 1))
        yield "training.batch_size", batch
    if automatic and "steps" not in training.model_fields_set:
        steps = STEPS
    if steps and unsaid_epochs(recipe):
        needed = ceil(steps / updates(samples, batch, training.accumulate))
        yield EPOCHS, max(training.epochs, needed)


def lengths_tried(
    recipe: Recipe, changed: Recipe, kinds: Collection[str], dataset: Dataset
) -> Range:
    """A choice of lengths where the recipe leaves them open: shorter ones where trainings are
    slow, and a longer one where samples are narrow vectors, such as a few columns of a table.

    Args:
        changed: the recipe as its data made it.
        kinds: the shipped spaces for what samples are.
    """
    epochs = changed.training.epochs
    if not unsaid_epochs(recipe) or epochs < SHORTEST or changed.training.schedule:
        return {}
    if set(kinds) == {"vectors"} and sum(map(prod, dataset.shapes.values())) <= NARROW:
        return {EPOCHS: {"choice": [epochs, LONGER * epochs]}}
    if set(kinds).isdisjoint(SLOW_KINDS):
        return {}
    return {EPOCHS: {"choice": [ceil(epochs / share) for share in (4, 2, 1)]}}
