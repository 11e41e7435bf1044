"""``armtune check``: every fault of a recipe, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from armtune.cli._arguments import Overrides, RecipePath

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space


def command(recipe: RecipePath, overrides: Overrides = None) -> None:
    """Check a recipe and its search spaces, and tell every fault with its place."""
    from armtune.recipe.space import load_sweep

    loaded, space = load_sweep(recipe, overrides or [])
    typer.echo(f"{recipe} is fine: {_described(loaded, space)}")


def _described(recipe: Recipe, space: Space) -> str:
    sweep = recipe.sweep
    parts = [
        f"{recipe.data.name} ({', '.join(recipe.modalities)}), balancing {recipe.balancing.name}",
        f"{_count(sweep.trials, 'trial')} over {_count(len(space.dimensions), 'dimension')}",
        ", ".join(sweep.objectives),
        ", ".join(sweep.constraints),
    ]
    return "; ".join(part for part in parts if part)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
