"""Search spaces: which paths of a recipe a sweep varies, within which ranges, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.data import Dataset
from armtune.errors import Fault, RecipeError
from armtune.recipe import automatic
from armtune.recipe.automatic import is_open
from armtune.recipe.document import Document
from armtune.recipe.entries import Entry, for_modalities, read_entries
from armtune.recipe.given import RecipeSource
from armtune.recipe.load import content_of, read_recipe, settled, with_overrides
from armtune.recipe.ranges import Dimension
from armtune.recipe.schema import Recipe
from armtune.recipe.schema_tree import value_at
from armtune.recipe.space_checks import checked
from armtune.recipe.start_checks import METHOD, missing_sweeps, start_faults, unmade_faults

__all__ = [
    "Dimension",
    "Space",
    "embed_space",
    "is_open",
    "load_space",
    "load_sweep",
    "placed",
    "settled_by_data",
]


@dataclass(frozen=True)
class Space:
    """The dimensions of a sweep, ordered so that what a condition reads comes first."""

    dimensions: tuple[Dimension, ...] = ()

    def defaults(self, recipe: Recipe) -> dict[str, Any]:
        """The recipe's own values of the dimensions that apply, where they lie in the range."""
        content = content_of(recipe)
        values: dict[str, Any] = {}
        for dimension in self.dimensions:
            own = value_at(content, tuple(dimension.path.split(".")))
            value = dimension.choices[0] if dimension.kind == "fixed" else own
            if dimension.applies(values) and dimension.holds(value):
                values[dimension.path] = value
        return values


def load_space(recipe: Recipe, folder: Path) -> Space:
    """Reads and checks a recipe's search spaces.

    Args:
        recipe: a checked recipe.
        folder: the recipe's folder, from which the files of its spaces are taken.

    Raises:
        RecipeError: holds every fault.
    """
    space, faults = _read(recipe, recipe.sweep.space, Document(content_of(recipe)), folder)
    settled(recipe, faults)
    return space


def load_sweep(path: RecipeSource, overrides: Sequence[str] = ()) -> tuple[Recipe, Space]:
    """Reads and checks a recipe and its search spaces together.

    Raises:
        RecipeError: holds every fault of both.
    """
    recipe, document, faults = read_recipe(path, overrides)
    items = _items(document)
    if recipe is not None and is_open(recipe):
        # What the ranges may be about is known with the data: see ``settled_by_data``.
        faults += read_entries(items, document, path.parent).faults
        faults += unmade_faults(recipe, (), document)
        faults += missing_sweeps(recipe, document, path.parent)
        return settled(recipe, faults), Space()
    space, more = _read(recipe, items, document, path.parent)
    return settled(recipe, [*faults, *more]), space


def settled_by_data(
    recipe: Recipe, space: Space, dataset: Dataset, folder: Path
) -> tuple[Recipe, Space]:
    """A recipe that leaves nothing to its data, and its space; as given where it left nothing.

    Args:
        folder: the recipe's folder.

    Raises:
        RecipeError: the space doesn't fit what the data made of the recipe; holds every fault.
    """
    if not is_open(recipe):
        return recipe, space
    resolved = automatic.resolved(recipe, dataset, folder)
    return resolved, load_space(resolved, folder)


def _items(document: Document) -> Sequence[Any]:
    """The search spaces as a document has them, whatever may be wrong with them."""
    items = value_at(document.content, ("sweep", "space"))
    return items if isinstance(items, list) else [items] if isinstance(items, str) else []


@contextmanager
def placed(path: RecipeSource, overrides: Sequence[str] = ()) -> Iterator[None]:
    """Says where in a recipe's files stands what is found wrong with it later on.

    Args:
        path: the recipe's file, which was read with these overrides.
    """
    try:
        yield
    except RecipeError as error:
        if all(fault.file for fault in error.faults):
            raise
        recipe, document, _ = read_recipe(path, overrides, run_files=False)
        known = read_entries(_items(document), document, path.parent).good if recipe else []
        bound = [e for entry in known for e in for_modalities(entry, document.content)]
        entries = {entry.path: entry for entry in bound}
        raise RecipeError([_placed(f, document, entries) for f in error.faults]) from error


def _placed(fault: Fault, document: Document, entries: Mapping[str, Entry]) -> Fault:
    """A fault with the place of its path: that of the range which searches it, if there is one."""
    if fault.file:
        return fault
    if fault.path in entries:
        return entries[fault.path].fault(fault.message, fault.hint)
    return document.fault(tuple(fault.path.split(".")), fault.message, fault.hint)


def embed_space(recipe: Recipe, folder: Path) -> Recipe:
    """The same recipe with its search spaces' files written into it: it needs no other file."""
    entries = read_entries(recipe.sweep.space, Document(content_of(recipe)), folder)
    if entries.faults:
        raise RecipeError(entries.faults)
    written = {e.path: value_at(e.document.content, e.steps) for e in entries.good}
    return with_overrides(recipe, {"sweep.space": [written] if written else []})


def _read(
    recipe: Recipe | None, items: Sequence[Any], document: Document, folder: Path
) -> tuple[Space, list[Fault]]:
    entries = read_entries(items, document, folder)
    if recipe is None:
        return Space(), entries.faults
    dimensions, faults = checked(entries, recipe)
    if not entries.faults and not faults:
        return Space(dimensions), list(start_faults(recipe, dimensions, document, folder))
    # Goals need but the methods that trials can have.
    if not entries.faults and not any(fault.path.endswith(METHOD) for fault in faults):
        faults += unmade_faults(recipe, dimensions, document)
    return Space(dimensions), [*entries.faults, *faults]
