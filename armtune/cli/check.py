"""``armtune check``: every fault of a recipe, before anything is trained."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from armtune.cli._arguments import AsJson, Overrides, RecipePath
from armtune.cli._output import say

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space


def command(recipe: RecipePath, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Check a recipe and its search spaces, and tell every fault with its place.

    Runs the files of plug-ins that the recipe names, as every verb does, and says which. Reads the
    data where the recipe leaves something to them, and says what they make of it. Says what the
    recipe asks for that isn't here: files, models, packages, GPUs, CPU cores.
    """
    from armtune.errors import RecipeError
    from armtune.recipe.not_here import not_here
    from armtune.recipe.space import load_sweep, placed

    try:
        given, space = load_sweep(recipe, overrides or [])
        with placed(recipe, overrides or []):
            lacking = not_here(given, recipe.parent)
            loaded, space, notes = _settled(given, space, recipe.parent)
    except RecipeError as error:
        if not as_json:
            raise
        typer.echo(
            json.dumps({"fine": False, "faults": [asdict(f) for f in error.faults]}, indent=2)
        )
        raise typer.Exit(2) from None
    if as_json:
        told = {**_as_dict(loaded, space), "notes": notes, "not_here": lacking}
        typer.echo(json.dumps(told, indent=2))
        return
    say("\n".join([f"{recipe} is fine: {_described(loaded, space)}", *notes]))
    for said in lacking:
        say(f"not here: {said}")
    for file in loaded.plugins:
        say(f"ran {file}")


def _settled(recipe: Recipe, space: Space, folder: Path) -> tuple[Recipe, Space, list[str]]:
    """The recipe as its data make it, and what there is to say of that."""
    from armtune.datasets._load import load_dataset
    from armtune.errors import DataError
    from armtune.recipe.automatic import told
    from armtune.recipe.automatic_lengths import few_steps
    from armtune.recipe.shape_checks import refuse_unread
    from armtune.recipe.space import is_open, settled_by_data

    if not is_open(recipe):
        return recipe, space, []
    try:
        dataset = load_dataset(recipe, folder)
    except DataError as error:
        said = f"what the recipe leaves to its data (auto) is not known yet: {error}"
        return recipe, space, [said]
    settled, space = settled_by_data(recipe, space, dataset, folder)
    unread = refuse_unread(settled, space.dimensions, dataset.shapes)
    return settled, space, [*told(recipe, settled), *unread, *few_steps(settled, dataset)]


def _as_dict(recipe: Recipe, space: Space) -> dict[str, Any]:
    return {
        "fine": True,
        "faults": [],
        "recipe": recipe.model_dump(mode="json"),
        "dimensions": {d.path: str(d) for d in space.dimensions},
        "ran": recipe.plugins,
    }


def _described(recipe: Recipe, space: Space) -> str:
    from armtune.recipe.automatic import is_open

    sweep = recipe.sweep
    idle = not space.dimensions and sweep.trials > 1 and not is_open(recipe)
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
