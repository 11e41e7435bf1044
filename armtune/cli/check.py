"""``armtune check``: every fault of a recipe, before anything is trained."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from armtune.cli._arguments import AsJson, Overrides, RecipePath
from armtune.cli._output import say

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space


def command(recipe: RecipePath, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Check a recipe and its search spaces, and tell every fault with its place.

    Runs the files of plug-ins that the recipe names, as every verb does, and says which.
    """
    from armtune.errors import RecipeError
    from armtune.recipe.space import load_sweep

    try:
        loaded, space = load_sweep(recipe, overrides or [])
    except RecipeError as error:
        if not as_json:
            raise
        typer.echo(
            json.dumps({"fine": False, "faults": [asdict(f) for f in error.faults]}, indent=2)
        )
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(_as_dict(loaded, space), indent=2))
        return
    say(f"{recipe} is fine: {_described(loaded, space)}")
    for file in loaded.plugins:
        say(f"ran {file}")


def _as_dict(recipe: Recipe, space: Space) -> dict[str, Any]:
    return {
        "fine": True,
        "faults": [],
        "recipe": recipe.model_dump(mode="json"),
        "dimensions": {d.path: str(d) for d in space.dimensions},
        "ran": recipe.plugins,
    }


def _described(recipe: Recipe, space: Space) -> str:
    sweep = recipe.sweep
    idle = not space.dimensions and sweep.trials > 1
    parts = [
        f"{recipe.data.name} ({', '.join(recipe.modalities)}), balancing {recipe.balancing.name}",
        f"{_count(sweep.trials, 'trial')} over {_count(len(space.dimensions), 'dimension')}",
        "nothing to search: train it, or give sweep.space something to vary" if idle else "",
        ", ".join(sweep.objectives),
        ", ".join(sweep.constraints),
    ]
    return "; ".join(part for part in parts if part)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
