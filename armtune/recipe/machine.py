"""What this machine has, told without torch."""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

DEVICES = Path("/dev")


def cores() -> int:
    """CPU cores, as Ray counts them."""
    return os.cpu_count() or 1


def gpus() -> int:
    """GPUs that the system shows to this process; whether torch can use them, only torch knows."""
    found = len(list(DEVICES.glob("nvidia[0-9]*")))
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return found
    return min(found, len([n for n in named.split(",") if n.strip() not in ("", "-1")]))


def lacking_packages(extra: str) -> list[str]:
    """The packages of one of armtune's extras that aren't installed."""
    try:
        listed = requires("armtune") or []
    except PackageNotFoundError:  # it runs from a folder
        return []
    own = [text for text in listed if re.search(rf"extra\s*==\s*['\"]{extra}['\"]", text)]
    names = [re.split(r"[^A-Za-z0-9_.-]", text, maxsplit=1)[0] for text in own]
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
