"""Work on one thing after the other, done ahead by threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

AHEAD = 2
"""Results that each thread may be ahead: more would only fill the memory."""


def prefetched(
    work: Callable[[Given], Made], things: Iterable[Given], threads: int | None = None
) -> Iterator[Made]:
    """Results in the order of the things, made by threads.

    It pays where the work lets go of Python's lock: decoding libraries and numpy do. What the work
    raises comes in its turn, and ends all. Whoever stops asking waits for what is being made.

    Args:
        threads: as many as this process has cores, if None.
    """
    threads = threads or len(os.sched_getaffinity(0))
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Made]] = deque()
    try:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
