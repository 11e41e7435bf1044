"""Formats of an exported model. One file a format, named like it.

Such a module has ``FILE``, what the format's file is called; ``write(exported, folder)``, which
makes it; and ``load(folder)``, which gives it back as an ``Engine``, the way its users run it.
Both raise ``engine.CantExport`` where the format can't hold this model or lacks a library.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from armtune.bundle.engine import Engine
    from armtune.bundle.serving import Exported


class Format(Protocol):
    """What a module of this folder has."""

    FILE: str

    def write(self, exported: Exported, folder: Path) -> None: ...

    def load(self, folder: Path) -> Engine: ...


def names() -> list[str]:
    """All formats, in alphabetical order."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__))


def named(name: str) -> Format:
    """The format of this name."""
    module: Format = importlib.import_module(f"{__name__}.{name}")
    return module
