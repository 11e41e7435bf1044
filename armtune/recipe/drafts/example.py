"""Shipped recipes, copied with their search spaces to be changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from armtune.errors import Fault, RecipeError, RunError
from armtune.files import exists, is_file, write_text
from armtune.recipe.document import Document, read_document
from armtune.recipe.schema_tree import value_at
from armtune.recipe.shipped import (
    SCHEMA,
    SPACES,
    is_shipped_space,
    recipes_folder,
    shipped,
    spaces_folder,
)
from armtune.recipe.wording import did_you_mean

SPACE = ("sweep", "space")


def write_example(name: str, folder: Path) -> list[Path]:
    """Writes a shipped recipe, its search spaces and the schema that editors check it by.

    The recipe comes first. Files that are there and say the same stay as they are.

    Args:
        name: its bare name.
        folder: where it goes; its spaces go to ``search_spaces`` in there.

    Raises:
        RecipeError: no shipped recipe is called so.
        RunError: a file is there already and is another; nothing was written then.
    """
    known = shipped(recipes_folder())
    if name not in known:
        hint = did_you_mean(name, list(known), otherwise="there are")
        raise RecipeError([Fault(f"no shipped recipe is called {name!r}", "--example", hint=hint)])
    files = {folder / file: text for file, text in _files(known[name])}
    missing = [path for path, text in files.items() if not _is_there(path, text)]
    for path in missing:
        write_text(path, files[path])
    return list(files)


def _files(recipe: Path) -> Iterator[tuple[str, str]]:
    """Each file's path within the folder, and its text."""
    document = read_document(recipe)
    yield recipe.name, _with_own_spaces(recipe.read_text(encoding="utf-8"), document)
    for name in _spaces(document):
        yield _own(name), (spaces_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    yield SCHEMA, (recipes_folder() / SCHEMA).read_text(encoding="utf-8")


def _spaces(document: Document) -> list[str]:
    """The shipped spaces that a recipe names."""
    items = value_at(document.content, SPACE) or []
    return [name for name in items if isinstance(name, str) and is_shipped_space(name, Path())]


def _with_own_spaces(text: str, document: Document) -> str:
    """A recipe's text with the paths of copies in place of bare names."""
    lines = text.splitlines(keepends=True)
    items = list(enumerate(value_at(document.content, SPACE) or []))
    for number, name in reversed(items):
        place = document.values[(*SPACE, number)]
        line, start = lines[place.line - 1], place.column - 1
        assert line[start:].startswith(name), "shipped recipes name their spaces without quotes"
        lines[place.line - 1] = line[:start] + _own(name) + line[start + len(name) :]
    return "".join(lines)


def _own(space: str) -> str:
    return f"{SPACES}/{space}.yaml"


def _is_there(path: Path, text: str) -> bool:
    """Whether a file is there and says this.

    Raises:
        RunError: something else is there.
    """
    above = next(p for p in path.parents if exists(p) or p.is_symlink())
    if not above.is_dir():
        raise RunError(f"{above} is no folder; nothing was written")
    if not exists(path) and not path.is_symlink():
        return False
    if not is_file(path) or path.read_bytes() != text.encode():
        raise RunError(f"{path} is there already, and is another; nothing was written")
    return True
