"""Dropout: at each training step some of every encoder's features are 0 (Srivastava, JMLR 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from armtune.nn.forward import Features
from armtune.nn.random_streams import Draws, seed_for
from armtune.recipe.schema import Recipe


def dropped(
    features: Features, recipes: Sequence[Recipe], epochs: Sequence[int], step: int
) -> Features:
    """Features ``(member, sample, feature)``, of which others are larger: their mean stays.

    Args:
        recipes: each member's, which draws alike in whatever pack it is.
        epochs: each member's.
        step: of the epoch.
    """
    share = recipes[0].training.dropout
    if not share:
        return features
    first = next(iter(features.values()))
    members = zip(recipes, epochs, strict=True)
    own = [seed_for(recipe.training.seed, "dropout", epoch, step) for recipe, epoch in members]
    generators = [torch.Generator(first.device).manual_seed(each) for each in own]
    draws = Draws(generators, first.shape[1], first.dtype)
    return {m: f * (draws.uniform(f.shape[2]) >= share) / (1 - share) for m, f in features.items()}
