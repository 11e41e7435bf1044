"""What recipes can be drafted from. One file a kind of input, found by itself.

Each has ``READS``, what it reads in words; ``reads(path)``, whether a path is of its kind; and
``look(path, asked)``, which drafts a recipe or raises a ``DataError``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from armtune.data.formats.text_files import known_encoding
from armtune.errors import DataError, Fault, RecipeError
from armtune.files import exists
from armtune.recipe.drafts.draft import Asked, Draft
from armtune.recipe.drafts.write import refuse_existing, write_draft
from armtune.recipe.wording import nearest
from armtune.targets import kinds


def draft_recipe(path: Path, asked: Asked, to: Path, command: str) -> Draft:
    """Drafts a recipe for what lies at a path, and writes it to a file that isn't there yet.

    Args:
        command: how it was asked for, for the heading.

    Raises:
        DataError: as of ``look``.
        RunError: the file is there already, or can't be written.
    """
    refuse_existing(to)
    found = look(path, asked)
    write_draft(found, to, command)
    return found


def look(path: Path, asked: Asked) -> Draft:
    """A recipe's draft for what lies at a path.

    Raises:
        DataError: nothing lies there, nothing that can be read, or something that is damaged.
        RecipeError: there is no encoding or target of the name that was given.
    """
    try:
        known_encoding(asked.encoding)
    except ValueError as error:
        raise RecipeError([Fault(str(error), "--encoding")]) from error
    if asked.target is not None and asked.target not in kinds():
        said = f"{asked.target!r} is no target; there are {', '.join(kinds())}"
        raise RecipeError([Fault(said, "--target")])
    if not exists(path):
        raise DataError(f"{path}: there is no such file or folder{_meant(path)}")
    kind = next((kind for kind in _kinds() if kind.reads(path)), None)
    if kind is None:
        known = "; ".join(kind.READS for kind in _kinds())
        raise DataError(f"{path}: no data that a recipe can be drafted for; these are: {known}")
    draft: Draft = kind.look(path, asked)
    return draft


def _kinds() -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{info.name}")


def _meant(path: Path) -> str:
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, [name for name in beside if name != path.name])
    return f"; did you mean {path.parent / near}?" if near else ""
