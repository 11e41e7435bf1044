"""The files of plug-ins that a recipe names: run before anything else of it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from armtune.errors import Fault
from armtune.files import absolute
from armtune.plugins.user_files import has_run
from armtune.recipe.document import Document
from armtune.recipe.schema import add_file

PLUGINS = "plugins"


def take_plugins(document: Document, folder: Path, run_files: bool = True) -> list[Fault]:
    """Runs the files that a recipe names, and makes their paths absolute.

    Args:
        folder: the recipe's folder.
        run_files: whether to run them; where not, they must have run before.
    """
    content = document.content
    files = content.get(PLUGINS) if isinstance(content, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        return []  # the schema tells what is wrong
    content[PLUGINS] = [str(absolute(folder / file)) for file in files]
    return list(_faults(document, [Path(file) for file in content[PLUGINS]], run_files))


def _faults(document: Document, paths: list[Path], run_files: bool) -> Iterator[Fault]:
    for i, path in enumerate(paths):
        try:
            if run_files:
                add_file(path)
            elif not has_run(path):
                said = "is code, which isn't run unasked"
                raise ValueError(f"{path} {said}; if you trust it, give it as --plugins {path}")
        except ValueError as error:
            yield document.fault((PLUGINS, i), str(error))
