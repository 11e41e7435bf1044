"""Recipes: read with positions, changed by path, checked at once, and written out again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from armtune.errors import Fault, RecipeError
from armtune.files import absolute, exists
from armtune.recipe.checks import goal_faults, recipe_faults
from armtune.recipe.document import RESOLVERS, Document, Place, read_document
from armtune.recipe.faults import schema_faults
from armtune.recipe.given import Given, RecipeSource
from armtune.recipe.overrides import COMMAND_LINE, Assignment, apply, parse
from armtune.recipe.plugins import PLUGINS, take_plugins
from armtune.recipe.schema import Recipe, named
from armtune.recipe.shipped import meant_recipe, recipe_file
from armtune.text.escapes import for_terminal

LINE = 1 << 30
"""More characters than any line has."""


def load_recipe(
    path: RecipeSource, overrides: Sequence[str] = (), run_files: bool = True
) -> Recipe:
    """Reads and checks a recipe, changed by ``path=value`` overrides. Leaves its space alone.

    Args:
        run_files: whether to run the files that the recipe names under ``plugins``; where not,
            they must have run in this process before.

    Raises:
        RecipeError: holds every fault.
    """
    recipe, _, faults = read_recipe(path, overrides, run_files)
    return settled(recipe, faults)


def read_recipe(
    path: RecipeSource, overrides: Sequence[str] = (), run_files: bool = True
) -> tuple[Recipe | None, Document, list[Fault]]:
    """A recipe, where its values stand, and its faults; no recipe where a value is of a wrong type.

    Args:
        path: the file, or the bare name of a shipped recipe; its folder is the recipe's folder.

    Raises:
        RecipeError: there is no such recipe, or it can't be read as YAML at all.
    """
    document = document_of(path)
    assignments, faults = parse(overrides)
    # What the other changes may name is known once the files have run.
    files = [a for a in assignments if a.path == PLUGINS]
    others = [a for a in assignments if a.path != PLUGINS]
    faults += apply(document, files, COMMAND_LINE)
    broken = take_plugins(document, path, run_files)
    if broken:  # all that names their plug-ins would be at fault as well
        return None, document, [*document.faults, *faults, *broken]
    _name_augmentations(document.content)
    faults += apply(document, others, COMMAND_LINE)
    _find_files(document.content, path.parent)
    recipe, more = _validate(document)
    known = {(fault.line, fault.column) for fault in document.faults}
    more = [fault for fault in more if (fault.line, fault.column) not in known]
    return recipe, document, [*document.faults, *more, *faults]


def settled(recipe: Recipe | None, faults: Sequence[Fault]) -> Recipe:
    """The recipe, if it has no faults.

    Raises:
        RecipeError: it has; they are sorted by file and place, those of the command line last.
    """
    if faults or recipe is None:
        raise RecipeError(sorted(faults, key=_order))
    return recipe


def with_overrides(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with other values at some dotted paths; ``modalities.*.…`` means every modality.

    A plug-in's new name drops the old plug-in's options that the new one doesn't have, and those
    that were at the old one's default.

    Raises:
        RecipeError: a path is unknown or a value not allowed.
    """
    document = Document(content_of(recipe))
    faults = apply(document, [Assignment(p, v) for p, v in values.items()], Place())
    changed, more = _validate(document)
    return settled(changed, [*faults, *more])


def content_of(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain data, every default written out."""
    return recipe.model_dump(mode="json")


def dump_recipe(recipe: Recipe) -> str:
    """YAML that ``load_recipe`` reads back to an equal recipe, every default written out."""
    return dump_content(content_of(recipe))


def dump_content(content: Mapping[str, Any]) -> str:
    """A recipe's plain data as YAML."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def flow(value: Any) -> str:
    """A plain value as YAML on one line."""
    written = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=LINE, sort_keys=False,
        allow_unicode=True,
    )  # fmt: skip
    line = str(written).removesuffix("...\n").rstrip("\n")
    if "\n" not in line and for_terminal(line) == line:
        return line
    # Text of several lines goes over several lines, but as JSON, which is YAML; and so are written
    # characters that a terminal obeys, or that nobody sees.
    return for_terminal(json.dumps(value, ensure_ascii=False))


# The one in C, which every wheel has, writes the same several times as fast.
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_SafeDumper):  # type: ignore[misc]
    """Quotes text that YAML 1.1 or YAML 1.2 would read as something else."""


for _tag, _pattern in RESOLVERS:
    _Dumper.add_implicit_resolver(_tag, _pattern, None)


def document_of(path: RecipeSource) -> Document:
    """A recipe as it is written, or given.

    Raises:
        RecipeError: it can't be read as YAML at all.
    """
    if isinstance(path, Given):
        return path.document()
    try:
        return read_document(recipe_file(path))
    except RecipeError as error:
        hint = meant_recipe(path)
        raise RecipeError([replace(fault, hint=hint) for fault in error.faults]) from None


def _validate(document: Document) -> tuple[Recipe | None, list[Fault]]:
    _name_augmentations(document.content)
    try:
        recipe = Recipe.model_validate_json(json.dumps(document.content), strict=True)
    except ValidationError as error:
        return None, [*schema_faults(error, document), *goal_faults(document)]
    return recipe, recipe_faults(recipe, document)


def _find_files(content: Any, folder: Path) -> None:
    """Makes paths of weights and of encoders absolute where they lie in the recipe's folder."""
    for modality in _modalities(content):
        encoder = modality.get("encoder")
        for owner, key in ((modality, "weights"), (encoder, "path")):
            named = owner.get(key) if isinstance(owner, dict) else None
            if owner and isinstance(named, str) and exists(folder / named):
                owner[key] = str(absolute(folder / named))


def _name_augmentations(content: Any) -> None:
    """Writes an augmentation's name to its options, so that its path leads to them."""
    for modality in _modalities(content):
        if "augment" in modality:
            modality["augment"] = named(modality["augment"])


def _modalities(content: Any) -> list[dict[str, Any]]:
    """The modalities of a recipe as it is written, whatever may be wrong with it."""
    modalities = content.get("modalities") if isinstance(content, dict) else None
    found = modalities.values() if isinstance(modalities, dict) else ()
    return [modality for modality in found if isinstance(modality, dict)]


def _order(fault: Fault) -> tuple[bool, str, int, int]:
    return fault.file == COMMAND_LINE.file, fault.file, fault.line, fault.column
