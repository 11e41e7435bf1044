"""Recipes made from a recipe."""

from __future__ import annotations

from armtune.recipe.schema import Recipe
from armtune.registry import plugins


def alone(recipe: Recipe, modality: str) -> Recipe:
    """The same recipe with one modality and no balancing."""
    balancing = plugins("balancing")["none"]()
    modalities = {modality: recipe.modalities[modality]}
    return recipe.model_copy(update={"modalities": modalities, "balancing": balancing})
