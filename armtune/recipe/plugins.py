"""The files of plug-ins that a recipe names: run before anything else of it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from armtune.errors import Fault
from armtune.files import absolute, is_file
from armtune.plugins.user_files import MANIFEST, checksums, has_run
from armtune.recipe.document import Document
from armtune.recipe.overrides import COMMAND_LINE
from armtune.recipe.schema import add_file

PLUGINS = "plugins"
OF_RUNS = "recipe.yaml"
"""What recipes in the folders of runs and their trials are called."""
RUN_FILES = ("origin.json", "study.journal")
"""What a run's folder is known by."""
DEEPEST = 3
"""Folders from a trial's recipe up to its run's."""


def take_plugins(document: Document, recipe: Path, run_files: bool = True) -> list[Fault]:
    """Runs the files that a recipe names, and makes their paths absolute.

    Those that a run's folder names, or a bundle that was changed, run where the command line names
    them, too.

    Args:
        recipe: its file.
        run_files: whether to run them; where not, they must have run before.
    """
    content = document.content
    files = content.get(PLUGINS) if isinstance(content, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        return []  # the schema tells what is wrong
    content[PLUGINS] = [str(absolute(recipe.parent / file)) for file in files]
    paths = [Path(file) for file in content[PLUGINS]]
    return list(_faults(document, recipe, paths, run_files))


def _faults(
    document: Document, recipe: Path, paths: list[Path], run_files: bool
) -> Iterator[Fault]:
    for i, path in enumerate(paths):
        asked = document.fault((PLUGINS, i), "").file == COMMAND_LINE.file
        try:
            if run_files and not asked and not has_run(path):
                _refuse_foreign(recipe, path)
            if run_files:
                add_file(path)
            elif not has_run(path):
                said = "is code, which isn't run unasked"
                raise ValueError(f"{path} {said}; if you trust it, give it as --plugins {path}")
        except ValueError as error:
            yield document.fault((PLUGINS, i), str(error))


def _refuse_foreign(recipe: Path, path: Path) -> None:
    """Refuses code that a recipe names which its user need not have written.

    Raises:
        ValueError: the recipe is a run's; or a bundle's, and it or the code isn't as exported.
    """
    trust = f"if you trust it, name it yourself: plugins='[{path}]'"
    sums = checksums(recipe.parent)
    if recipe.name not in sums:
        if recipe.name == OF_RUNS and _is_in_run(recipe):
            said = "is code that a run's folder names, which isn't run unasked"
            raise ValueError(f"{path} {said}; {trust}")
        return
    if hashlib.sha256(recipe.read_bytes()).hexdigest() != sums[recipe.name]:
        said = f"differs from its checksum in {MANIFEST}: {path}, which it names, isn't run"
        raise ValueError(f"{recipe} {said}; {trust}")
    if path.name not in sums or path.parent != absolute(recipe.parent):
        raise ValueError(f"{path} is code that isn't the bundle's, and isn't run; {trust}")


def _is_in_run(recipe: Path) -> bool:
    folders = absolute(recipe).parents[:DEEPEST]
    return any(is_file(folder / name) for folder in folders for name in RUN_FILES)
