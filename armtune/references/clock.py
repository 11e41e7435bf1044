"""How much computing time references may take, beside a sweep that another process runs."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LEAST_SECONDS = 20.0
"""Computing time that references have in any case."""
SHARE = 0.1
"""Share of the sweep's time that they may take beyond that."""
LOOK_SECONDS = 0.5
"""How often is looked whether the sweep has ended."""


class OutOfTimeError(Exception):
    """The sweep has ended, and the time that references may take with it."""


def allowed(elapsed: float) -> float:
    """Seconds that references may take of a sweep that has taken ``elapsed``."""
    return max(LEAST_SECONDS, SHARE * elapsed)


class Clock:
    """The time left. While the sweep goes on, what is too long waits until there is time for it.

    Args:
        ended: whether the sweep has ended; asked with the seconds that it may wait for it.
    """

    def __init__(self, ended: Callable[[float], bool]) -> None:
        self._ended, self._began = ended, time.monotonic()

    @property
    def left(self) -> float:
        """Seconds of computing that are left as things stand."""
        return allowed(time.monotonic() - self._began) - time.process_time()

    def wait_for(self, seconds: float) -> None:
        """Waits until so much is left.

        Raises:
            OutOfTimeError: the sweep has ended, and so much isn't.
        """
        over = self._ended(0)
        while self.left < seconds:
            if over:
                raise OutOfTimeError
            over = self._ended(LOOK_SECONDS)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Lets a block wait, or raise OutOfTimeError, wherever nothing is left."""
        before = signal.signal(signal.SIGPROF, lambda *_: self.wait_for(0))
        signal.setitimer(signal.ITIMER_PROF, LOOK_SECONDS, LOOK_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)


class Parent:
    """What the sweep's process says through this one's standard input."""

    def __init__(self) -> None:
        self._ended = False

    def ended(self, seconds: float) -> bool:
        """Whether the sweep has ended; waits so long for it. Leaves where its process is gone."""
        if self._ended:
            time.sleep(seconds)
        elif select.select([0], [], [], seconds)[0]:
            if not os.read(0, 1):
                sys.exit(1)
            self._ended = True
        return self._ended
