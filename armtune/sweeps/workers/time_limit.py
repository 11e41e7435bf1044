"""A trial's time limit, which holds even where a training hangs in foreign code."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from armtune.errors import RunError
from armtune.files import take_text

GRACE = 2.0
"""Seconds after its limit in which a training may end a step, and so end without its process."""
STACK = "overtime.txt"
"""Where a process that hung was, in the folder of what it trained."""


class TimeLimitError(RunError):
    """A training took longer than its recipe allows."""


class TimeLimit:
    """Runs from its making on.

    Args:
        folder: the folder of what is trained.
        seconds: None for no limit.
        hard: also end the process where the training doesn't come back.
    """

    def __init__(self, folder: Path, seconds: float | None, hard: bool) -> None:
        self._path, self._seconds, self._hard = folder / STACK, seconds, hard
        self._started = time.monotonic()

    def check(self) -> None:
        """Raises TimeLimitError after the limit."""
        if self._seconds is not None and self._left(self._seconds) < 0:
            raise TimeLimitError(limit_exceeded(self._seconds))

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Ends this process if the block lasts beyond the limit; leaves its stack in the folder."""
        if self._seconds is None or not self._hard:
            yield
            return
        with self._path.open("w", encoding="utf-8") as file:
            # A thread outside Python's lock: it also ends what never gives that lock up.
            left = max(self._left(self._seconds), 0) + GRACE
            faulthandler.dump_traceback_later(left, exit=True, file=file)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
        self._path.unlink(missing_ok=True)

    def _left(self, seconds: float) -> float:
        return self._started + seconds - time.monotonic()


def limit_exceeded(seconds: float | None) -> str:
    """The reason for which a training failed that took too long."""
    return f"it took longer than sweep.trial_seconds: {seconds:g}"


def take_stack(folder: Path) -> str:
    """Where the process that trained in a folder hung, if it was ended for that; only once."""
    return take_text(folder / STACK)
