"""What the cache keeps: how much of it, since when unused, and how to be rid of it."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from armtune.data.cache import BUILDING, DAY, MANIFEST, cache_root, writing


@dataclass(frozen=True)
class Kept:
    """A folder or file of the cache.

    Attributes:
        size: in bytes.
        days: since it was last used, or written where that isn't known.
    """

    path: Path
    size: int
    days: float


def kept() -> list[Kept]:
    """All there is, by name; what is being built is left out."""
    root = cache_root()
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [_kept(path) for path in found if not path.name.startswith(BUILDING)]


def remove(each: Kept) -> None:
    """Removes it; who has it open keeps it, and who wants it again builds it again.

    Raises:
        DataError: it can't be removed.
    """
    with writing(each.path), suppress(FileNotFoundError):
        # Renamed first, so that nobody finds half of it.
        aside = each.path.with_name(f"{BUILDING}removed-{each.path.name}")
        each.path.replace(aside)
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink()


def _kept(path: Path) -> Kept:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    manifest = path / MANIFEST
    used = (manifest if manifest.is_file() else path).stat().st_mtime
    return Kept(path, sum(file.stat().st_size for file in files), (time.time() - used) / DAY)
