"""One sweep at a time in a run's folder."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from armtune.errors import RunError
from armtune.files import read_plain, unwritable
from armtune.sweeps.study.journal import JOURNAL

log = logging.getLogger(__name__)

LOCK = "sweep.lock"
BEGIN = "process "
"""How a name in it begins."""
BEAT_SECONDS = 30.0
"""So often a lock's file is touched: other machines see no more of whoever holds it."""
SILENT_SECONDS = 600.0
"""A process of another machine that was silent for so long counts as gone."""
TAKEN = (errno.EAGAIN, errno.EACCES)
NO_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL)
"""As file systems without locks answer; some networks' too, while their lock service is down."""


@dataclass(frozen=True)
class Holder:
    """Who left a name in a folder's lock.

    Attributes:
        name: such as ``process 12 on host``.
        silent: seconds since its last sign of life; None where it is seen that it lives.
    """

    name: str
    silent: float | None = None

    @property
    def lives(self) -> bool:
        """Whether it seems to be at work."""
        return self.silent is None or self.silent < SILENT_SECONDS

    def __str__(self) -> str:
        if self.silent is None:
            return self.name
        return f"{self.name}, whose last sign of life is {_ago(self.silent)} old"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock for the length of a block.

    The system releases it when the process ends, however it ends: no lock outlives a crash.

    Where the file system has no locks, that is said, and the name in the file has to do.

    Raises:
        RunError: another process holds it (says which), or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _opened(folder / LOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            said = "is a link, and would be emptied; remove it"
            raise RunError(f"{folder / LOCK}: {said}") from error
        raise unwritable(folder, error) from error
    with file:
        _take(folder, file)
        _check_own(folder / LOCK, file)
        try:
            file.truncate(0)
            file.write(f"{BEGIN}{os.getpid()} on {os.uname().nodename}")
            file.flush()
            with _beating(file):
                yield
        finally:
            # Other machines can't see whether we live: who has ended says so.
            with suppress(OSError):  # the disk may be the reason why it ends
                file.truncate(0)


def _check_own(path: Path, file: TextIO) -> None:
    """Refuses to empty what isn't a lock."""
    begin = os.pread(file.fileno(), len(BEGIN), 0).decode(errors="replace")
    if not BEGIN.startswith(begin.strip("\0")):  # as a crash may leave it
        raise RunError(f"{path}: is something else than a sweep's lock; remove it")


def _opened(path: Path) -> TextIO:
    """Opens a file of the folder itself: what a link leads to may be anybody's."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.fdopen(os.open(path, flags, 0o666), "a+", encoding="utf-8")


@contextmanager
def _beating(file: TextIO) -> Iterator[None]:
    """Touches a file again and again during a block."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            with suppress(OSError):  # a full disk is told by those who write
                os.utime(file.fileno())

    thread = threading.Thread(target=beat, name="lock-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _take(folder: Path, file: TextIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        known = file.read().strip()
        if error.errno in TAKEN:
            told = known or "another process"
            raise RunError(f"{folder}: {told} runs a sweep here; wait for it or stop it") from error
        if error.errno not in NO_LOCKS:
            raise unwritable(folder, error) from error
        _take_without_locks(folder)


def _take_without_locks(folder: Path) -> None:
    """Goes by the name in the file alone, where the file system knows no locks."""
    if told := holder(folder):
        hint = "wait for it or stop it"
        if told.silent is not None:
            hint = f"where it no longer lives, remove {folder / LOCK}"
        raise RunError(f"{folder}: {told} runs a sweep here; {hint}")
    log.warning(
        "%s: its file system has no locks (flock): see to it that no other machine sweeps here",
        folder,
    )


def holder(folder: Path) -> Holder | None:
    """Who holds a folder's lock, or may hold it; None when nobody does.

    Takes no lock, so that no sweep is ever refused for it: on this machine whoever wrote its name
    holds the lock as long as it has the file open. Of another machine's process only the signs of
    life are seen.
    """
    path = folder / LOCK
    try:
        said = read_plain(path)
        found = re.fullmatch(r"process (\d{1,10}) on (.+)", said.strip())
        if found is None:
            return None
        known = Holder(said.strip())
        if found[2] != os.uname().nodename:
            return replace(known, silent=_silent(folder))
        files = Path(f"/proc/{found[1]}/fd").iterdir()
        return known if any(file.samefile(path) for file in files if file.exists()) else None
    except (FileNotFoundError, IsADirectoryError, ProcessLookupError, UnicodeDecodeError):
        return None
    except PermissionError:  # another user's process
        return known
    except OSError:  # a pipe, or links in a circle: no lock of ours
        return None


def _silent(folder: Path) -> float:
    """Seconds since a sweep's process touched its lock, or wrote its study."""
    files = [file for file in (folder / LOCK, folder / JOURNAL) if file.exists()]
    return max(0.0, time.time() - max(file.stat().st_mtime for file in files))


def _ago(seconds: float) -> str:
    """A length of time in the unit that fits it."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' * (count > 1)}"
    return f"{seconds:.0f} seconds"
