"""The search spaces that armtune ships, wherever it is installed."""

from __future__ import annotations

from pathlib import Path

import armtune
from armtune.files import exists

SPACES = "search_spaces"


def spaces_folder() -> Path:
    """Their folder: within the installed package, or at the top of a checkout."""
    package = Path(armtune.__file__).parent
    installed = package / SPACES
    return installed if installed.is_dir() else package.parent / SPACES


def space_file(item: str, folder: Path) -> Path:
    """The file that an item of ``sweep.space`` names.

    Args:
        item: a path relative to ``folder``, or the bare name of a shipped space.
        folder: the recipe's folder.
    """
    own = folder / item
    bare = "/" not in item and not item.endswith((".yaml", ".yml"))
    return spaces_folder() / f"{item}.yaml" if bare and not exists(own) else own
