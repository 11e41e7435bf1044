"""A worker's hold on a task's folder."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from uuid import uuid4

from armtune.errors import RunError
from armtune.files import write_text

WORKER = "worker.txt"
"""Who trains a task: node, process, and which time it was taken up."""


class LostLeaseError(RunError):
    """Another worker has taken the task up."""


class Lease:
    """Holds a task's folder until another worker takes the task up.

    A node that Ray has given up may still be at work: its network is down, or its workers outlive
    it by a moment. What they write then mustn't get between what the task's new worker writes.

    Args:
        anew: whether the task is taken up now; otherwise this process held it before.
    """

    def __init__(self, folder: Path, anew: bool) -> None:
        self._path = folder / WORKER
        if anew:
            write_text(self._path, f"{platform.node()} {os.getpid()} {uuid4().hex}\n")
        self._mark = self._now()

    def check(self) -> None:
        """Raises where the folder is another worker's by now.

        Raises:
            LostLeaseError: it is.
            RunError: it is gone; the cause is the OSError.
        """
        try:
            now = self._now()
        except OSError as error:
            raise RunError(f"{self._path}: {error.strerror}") from error
        if now != self._mark:
            raise LostLeaseError(f"{self._path.parent}: taken over by another worker, {now}")

    def _now(self) -> str:
        return self._path.read_text(encoding="utf-8").strip()
