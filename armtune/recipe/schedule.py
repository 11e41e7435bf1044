"""Settings that change in the middle of a training, and which of them may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from armtune.errors import Fault
from armtune.plugins.options import Options
from armtune.recipe.document import Document, Steps
from armtune.recipe.schema import Recipe

BALANCING, OPTIMIZER = "balancing", "training.optimizer"


def recipe_at(recipe: Recipe, epoch: int) -> Recipe:
    """A recipe with all that its schedule changes up to an epoch, counted as epochs done."""
    for change in recipe.training.schedule:
        if change.epoch <= epoch:
            recipe = changed(recipe, change.values)
    return recipe


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with other values of what may change in the middle of a training.

    Raises:
        ValidationError: a value isn't allowed.
    """
    for path, value in values.items():
        where, _, name = path.rpartition(".")
        part = _part(recipe, where)
        assert part is not None, f"{path} was let through"
        part = type(part).model_validate({**part.model_dump(), name: value})
        if where == BALANCING:
            recipe = recipe.model_copy(update={"balancing": part})
        else:
            training = recipe.training.model_copy(update={"optimizer": part})
            recipe = recipe.model_copy(update={"training": training})
    return recipe


def unchangeable(recipe: Recipe, path: str, value: Any) -> str:
    """Why a path can't be given a value in the middle of a training; empty when it can.

    What shapes the network or the data must stay, or a checkpoint would be of another program.
    """
    where, _, name = path.rpartition(".")
    part = _part(recipe, where)
    if part is None:
        return f"only the numbers of {OPTIMIZER} and {BALANCING} can change while it trains"
    own = part.model_dump().get(name)
    if isinstance(own, bool) or not isinstance(own, int | float):
        return f"it is no number of {where}, which is {getattr(part, 'name', '')}"
    try:
        after = changed(recipe, {path: value})
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    if after.balancing.held_out != recipe.balancing.held_out:
        return "it decides which samples are held out"
    if after.balancing.fusion(recipe.fusion) != recipe.balancing.fusion(recipe.fusion):
        return "it is a part of the network"
    return ""


def schedule_faults(recipe: Recipe, document: Document) -> Iterator[Fault]:
    """Faults of ``training.schedule``."""
    before = 0
    for i, change in enumerate(recipe.training.schedule):
        steps: Steps = ("training", "schedule", i)
        if not before < change.epoch < recipe.training.epochs:
            said = f"must be above {before} and below training.epochs, {recipe.training.epochs}"
            yield document.fault((*steps, "epoch"), said)
        before = max(before, change.epoch)
        for path, value in change.values.items():
            if problem := unchangeable(recipe, path, value):
                yield document.fault((*steps, "values", path), f"can't be {value}: {problem}")


def _part(recipe: Recipe, where: str) -> Options | None:
    return {BALANCING: recipe.balancing, OPTIMIZER: recipe.training.optimizer}.get(where)
