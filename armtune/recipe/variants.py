"""Recipes made from a recipe."""

from __future__ import annotations

from armtune.plugins.registry import plugins
from armtune.recipe.schema import Change, Recipe


def alone(recipe: Recipe, modality: str) -> Recipe:
    """The same recipe with one modality and no balancing."""
    balancing = plugins("balancing")["none"]()
    modalities = {modality: recipe.modalities[modality]}
    schedule = [_unbalanced(change) for change in recipe.training.schedule]
    training = recipe.training.model_copy(update={"schedule": [c for c in schedule if c.values]})
    changed = {"modalities": modalities, "balancing": balancing, "training": training}
    return recipe.model_copy(update=changed)


def on_all_data(recipe: Recipe, epochs: int) -> Recipe:
    """The same recipe trained on training and validation samples together, for some epochs."""
    schedule = [change for change in recipe.training.schedule if change.epoch < epochs]
    changed = {"epochs": epochs, "refit": True, "schedule": schedule}
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changed)})


def _unbalanced(change: Change) -> Change:
    """A change without what it says of the balancing method."""
    values = {p: v for p, v in change.values.items() if not p.startswith("balancing.")}
    return change.model_copy(update={"values": values})
