"""The file of a training's metrics: a line of JSON an epoch."""

from __future__ import annotations

import json
import math
from pathlib import Path

from armtune.files import read_plain
from armtune.sweeps.workers.trial import Epoch


def line_of(epoch: Epoch) -> str:
    """An epoch as a line of JSON; what isn't a finite number is null."""
    values = {k: v if math.isfinite(v) else None for k, v in epoch.metrics.items()}
    return json.dumps({"epoch": epoch.number, **values}) + "\n"


def kept_lines(path: Path, epoch: int) -> str:
    """The lines of a metrics file up to an epoch; those after it are about to be written again."""
    if not epoch or not path.exists():
        return ""
    lines = _lines(path)
    return "".join(line for line in lines if line.endswith("\n") and _epoch(line) <= epoch)


def is_beyond(path: Path, epoch: int) -> bool:
    """Whether a metrics file tells of more than the epochs up to one."""
    return path.exists() and "".join(_lines(path)) != kept_lines(path, epoch)


def _lines(path: Path) -> list[str]:
    """As they are; what isn't text isn't ours, and is about to be written again."""
    try:
        return read_plain(path).splitlines(keepends=True)
    except ValueError:
        return ["\n"]


def _epoch(line: str) -> float:
    try:
        return float(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return math.inf
