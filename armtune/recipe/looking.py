"""A run's recipe, read to look at: none of the files that it names is run.

What such files define can't be told without running them. It is left out, in favour of what comes
with the package, and a sentence says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from armtune.errors import RecipeError
from armtune.plugins.registry import plugins
from armtune.plugins.user_files import has_run
from armtune.recipe.document import Document, read_document
from armtune.recipe.faults import schema_faults
from armtune.recipe.load import content_of, load_recipe
from armtune.recipe.objectives import Goals
from armtune.recipe.plugins import PLUGINS
from armtune.recipe.schema import Recipe

_PARTS = {
    "data": "datasets",
    "fusion": "fusion",
    "balancing": "balancing",
    "training.optimizer": "optimizers",
    "sweep.sampler": "samplers",
    "sweep.pruner": "pruners",
}
"""Where a recipe names one plug-in, and of which kind."""


@dataclass(frozen=True)
class Look:
    """A recipe as it can be shown.

    Attributes:
        recipe: the recipe, with other plug-ins in place of those that aren't known.
        content: all that it says, as plain data.
        left_out: a sentence on what can't be shown; empty when all can.
    """

    recipe: Recipe
    content: Mapping[str, Any]
    left_out: str = ""


def look(path: Path) -> Look:
    """Reads a recipe without running a file.

    Raises:
        RecipeError: it can't be read, or has faults.
    """
    document = read_document(path)
    files = _unrun(document.content, path.parent)
    if not files:
        recipe = load_recipe(path, run_files=False)
        return Look(recipe, content_of(recipe))
    content = deepcopy(document.content)
    left = [*_without(document.content), "what is searched"]
    recipe = _read(document)
    named = " and ".join(files)
    given = " ".join(f"--plugins {file}" for file in files)
    said = f"{named}, which is code and isn't run unasked, {path} shows no {', '.join(left)}"
    return Look(recipe, content, f"without {said}; if you trust it, add {given}")


def _unrun(content: Any, folder: Path) -> list[str]:
    """The files of plug-ins that a recipe names and that haven't run in this process."""
    named = content.get(PLUGINS) if isinstance(content, dict) else None
    files = [file for file in named if isinstance(file, str)] if isinstance(named, list) else []
    return [str(folder / file) for file in files if not has_run(folder / file)]


def _without(content: dict[str, Any]) -> Iterator[str]:
    """Takes out what isn't known, and names it."""
    content[PLUGINS] = []
    for path, kind in _PARTS.items():
        *around, key = path.split(".")
        holder: Any = content
        for step in around:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if _unknown(holder, key, kind):
            yield path
            removed = holder.pop(key)
            if path == "data":
                content["data"] = _any_data(removed)
    yield from _unknown_entries(content)


def _unknown_entries(content: dict[str, Any]) -> Iterator[str]:
    """The same of encoders, augmentations and metrics, of which there may be several."""
    modalities, metrics = content.get("modalities"), content.get("metrics")
    for name, modality in modalities.items() if isinstance(modalities, dict) else ():
        if _unknown(modality, "encoder", "encoders"):
            yield f"modalities.{name}.encoder"
            modality["encoder"] = {"name": "mlp"}
        augment = modality.get("augment") if isinstance(modality, dict) else None
        yield from _drop_unknown(augment, "augmentations", f"modalities.{name}.augment")
    yield from _drop_unknown(metrics, "metrics", "metrics")


def _drop_unknown(entries: Any, kind: str, path: str) -> Iterator[str]:
    own: dict[str, Any] = entries if isinstance(entries, dict) else {}
    for name in list(own):
        if _unknown(own, name, kind):
            yield f"{path}.{name}"
            del own[name]


def _unknown(holder: Any, key: str, kind: str) -> bool:
    part = holder.get(key) if isinstance(holder, dict) else None
    return isinstance(part, dict) and str(part.get("name")) not in plugins(kind)


def _any_data(data: dict[str, Any]) -> dict[str, Any]:
    """Data in place of others, with the same kind of target."""
    return {"name": "arrays", "path": "", "target": data.get("target", "classes")}


def _read(document: Document) -> Recipe:
    """The recipe; whether its parts agree is no matter where some are left out.

    Raises:
        RecipeError: a value is of a wrong type, or a goal can't be read.
    """
    try:
        recipe = Recipe.model_validate_json(json.dumps(document.content), strict=True)
        Goals.from_recipe(recipe)
    except ValidationError as error:
        raise RecipeError(schema_faults(error, document)) from error
    except ValueError as error:
        raise RecipeError([document.fault(("sweep",), str(error))]) from error
    return recipe
