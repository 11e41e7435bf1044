"""A worker's process that is told to end (SIGTERM), as on a node that is about to go.

While it trains, it writes a checkpoint first and says so in the folders of what it trained; the
trials go on elsewhere.
"""

from __future__ import annotations

import logging
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from armtune.files import take_text, write_text

log = logging.getLogger(__name__)

DEPARTED = "departed.txt"
"""What a process said that was told to end, in the folder of what it trained."""
STATUS = 128 + signal.SIGTERM


class _Process:
    """What this process was told, and whether it trains."""

    told = False
    trains = False
    otherwise: Callable[[int, FrameType | None], Any] | int | None = signal.SIG_DFL


def listen() -> None:
    """From here on this process ends with a checkpoint, where it trains when it is told to end."""
    if threading.current_thread() is threading.main_thread():
        _Process.otherwise = signal.signal(signal.SIGTERM, _hear)


def told() -> bool:
    """Whether this process was told to end."""
    return _Process.told


@contextmanager
def training() -> Iterator[None]:
    """For the length of the block whoever trains asks ``told``, and leaves by itself."""
    _Process.trains = True
    try:
        yield
    finally:
        _Process.trains = False


def leave(folders: Sequence[Path], epochs: Sequence[int]) -> NoReturn:
    """Ends this process, whose trainings' checkpoints are written.

    Args:
        epochs: that each has done.
    """
    for folder, epoch in zip(folders, epochs, strict=True):
        said = f"its worker on {platform.node()} was told to end (SIGTERM)"
        write_text(folder / DEPARTED, f"{said}; a checkpoint was written after epoch {epoch}\n")
        log.warning("%s: %s", folder, said)
    raise SystemExit(STATUS)


def take_departure(folder: Path) -> str:
    """What the process that trained in a folder said when it left; only once, else empty."""
    return take_text(folder / DEPARTED).strip()


def _hear(number: int, frame: FrameType | None) -> None:
    _Process.told = True
    if _Process.trains:
        return
    if callable(_Process.otherwise):
        _Process.otherwise(number, frame)
    raise SystemExit(STATUS)
