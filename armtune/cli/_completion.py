"""What a shell offers to complete, beside verbs, options and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def recipe_names(incomplete: str) -> list[str]:
    """Shipped recipes, where no file is meant: a shell offers files where it is told of nothing."""
    here = (path.name for path in Path().iterdir())
    if not incomplete or _begun(here, incomplete):
        return []
    return example_names(incomplete)


def example_names(incomplete: str) -> list[str]:
    """Shipped recipes."""
    from armtune.recipe.shipped import recipes_folder, shipped

    return _begun(shipped(recipes_folder()), incomplete)


def listed_names(incomplete: str) -> list[str]:
    """What ``armtune list`` takes."""
    from armtune.cli.list import known_words

    return _begun(known_words(), incomplete)


def method_names(incomplete: str) -> list[str]:
    """Balancing methods, of which there may be several with commas between."""
    from armtune.plugins.registry import plugins

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _begun((*plugins("balancing"), "all"), last)]


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
