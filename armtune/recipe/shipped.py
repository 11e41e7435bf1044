"""The recipes and search spaces that armtune ships, wherever it is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import armtune
from armtune.files import exists, is_file
from armtune.recipe.wording import did_you_mean, nearest

RECIPES = "recipes"
SPACES = "search_spaces"
SCHEMA = "recipe.schema.json"
"""What editors check recipes by, beside the recipes."""
SUFFIXES = (".yaml", ".yml")
FOR_EDITORS = "yaml-language-server:"
"""What a comment for editors begins with."""


def recipes_folder() -> Path:
    """The folder of the shipped recipes."""
    return _folder(RECIPES)


def spaces_folder() -> Path:
    """The folder of the shipped search spaces."""
    return _folder(SPACES)


def shipped(folder: Path) -> dict[str, Path]:
    """The files of a folder of shipped ones, by bare name."""
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def recipe_file(given: Path) -> Path:
    """The file that a recipe's path on a command line names.

    A bare name, such as ``avmnist``, is that of a file, of a file that ends in ``.yaml``, or else
    of a shipped recipe. All that such a recipe names is seen from the current folder.
    """
    if is_file(given) or not _bare(str(given)):
        return given
    own = given.with_name(f"{given.name}.yaml")
    return own if is_file(own) else shipped(recipes_folder()).get(given.name, given)


def meant_recipe(given: Path) -> str:
    """A hint at the recipe that was meant by one that isn't there; empty where there is a file."""
    names = list(shipped(recipes_folder()))
    if exists(given):
        return ""
    if _bare(str(given)):
        looked = f"nor {given}.yaml, in {Path.cwd()}; "
        return looked + did_you_mean(given.name, names, otherwise="armtune ships")
    near = nearest(given.stem, names)
    return f"armtune ships a recipe that is run by its bare name, {near}" if near else ""


def space_file(item: str, folder: Path) -> Path:
    """The file that an item of ``sweep.space`` names.

    Args:
        item: a path relative to ``folder``, or the bare name of a shipped space.
        folder: the recipe's folder.
    """
    return spaces_folder() / f"{item}.yaml" if is_shipped_space(item, folder) else folder / item


def is_shipped_space(item: str, folder: Path) -> bool:
    """Whether an item of ``sweep.space`` is the bare name of a shipped one."""
    return _bare(item) and not exists(folder / item)


def first_sentence(path: Path) -> str:
    """What a file's first comment says first; comments that are for editors don't count."""
    said = " ".join(_first_comment(path.read_text(encoding="utf-8")))
    return re.split(r"(?<=[.!?])\s", said, maxsplit=1)[0]


def _first_comment(text: str) -> Iterator[str]:
    """The lines of the first paragraph of comments."""
    begun = False
    for line in text.splitlines():
        said = line.removeprefix("#").strip()
        if not line.startswith("#") or (begun and not said):
            return
        begun = begun or (bool(said) and not said.startswith(FOR_EDITORS))
        if begun:
            yield said


def _folder(name: str) -> Path:
    """A folder within the installed package, or at the top of a checkout."""
    package = Path(armtune.__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def _bare(name: str) -> bool:
    return "/" not in name and name not in (".", "..") and not name.endswith(SUFFIXES)
