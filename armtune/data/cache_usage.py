"""What the cache keeps: how much of it, since when unused, and how to be rid of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from armtune.data.cache import (
    DAY,
    DOWNLOADS,
    LOCK,
    MADE,
    MANIFEST,
    cache_root,
    discard,
    is_building,
    is_ours,
    writing,
)


@dataclass(frozen=True)
class Kept:
    """A folder of the cache.

    Attributes:
        size: in bytes.
        days: since it was last used, or written where that isn't known.
    """

    path: Path
    size: int
    days: float


def kept() -> tuple[list[Kept], list[str]]:
    """All that armtune keeps, by name, and what else lies there; what is being built is neither.

    The folder may be any: a slip of ``$ARMTUNE_CACHE`` names one that is full of other things.
    """
    root = cache_root()
    found = sorted(root.iterdir()) if root.is_dir() else []
    whole = [path for path in found if not is_building(path) and path.name != LOCK]
    ours = [path for path in whole if is_ours(path)]
    return [_kept(path) for path in ours], [path.name for path in whole if path not in ours]


def remove(each: Kept) -> None:
    """Removes it; who has it open keeps it, and who wants it again builds it again.

    Raises:
        DataError: it can't be removed.
    """
    with writing(each.path):
        discard(each.path)


def _kept(path: Path) -> Kept:
    files = [file for file in path.rglob("*") if file.is_file()]
    loads = [file for file in files if path.name == DOWNLOADS and file.name != MADE]
    last = max(loads, key=_time, default=path / MANIFEST)
    # A clock that was set back makes nothing younger than new.
    days = max(0.0, (time.time() - _time(last if last.exists() else path)) / DAY)
    return Kept(path, sum(file.stat().st_size for file in files), days)


def _time(path: Path) -> float:
    return path.stat().st_mtime
