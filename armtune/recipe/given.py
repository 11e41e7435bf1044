"""Recipes that are given in Python, where others are files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.errors import Fault, RecipeError
from armtune.recipe.document import Document, Place

NAME = "the recipe"


@dataclass(frozen=True)
class Given:
    """A recipe as plain data, read where a file would be.

    Attributes:
        content: as the file would hold it.
        parent: the folder that its relative paths are seen from.
    """

    content: Mapping[str, Any]
    parent: Path = Path()

    def __str__(self) -> str:
        return NAME

    def document(self) -> Document:
        """What a file with the same would be read as.

        Raises:
            RecipeError: it holds what no file could.
        """
        return Document(plain(self.content, NAME), values={(): Place(NAME)})


RecipeSource = Path | Given
"""Where a recipe comes from."""


def plain(content: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The same as a file would hold it.

    Raises:
        RecipeError: it holds what no file could.
    """
    try:
        return dict(json.loads(json.dumps(dict(content), default=_plain)))
    except (TypeError, ValueError, RecursionError) as error:
        raise RecipeError([Fault(f"holds what is no plain data: {error}", file=place)]) from None


def _plain(value: Any) -> Any:
    """Paths and numbers of numpy as JSON has them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r}, a {type(value).__name__}")
