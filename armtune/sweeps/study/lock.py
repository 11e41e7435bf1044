"""One sweep at a time in a run's folder."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from armtune.errors import RunError
from armtune.files import unwritable

log = logging.getLogger(__name__)

LOCK = "sweep.lock"
UNSURE = ", if that still lives"
"""Follows the name of a process that only another machine can see."""
TAKEN = (errno.EAGAIN, errno.EACCES)
NO_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL)
"""As file systems without locks answer; some networks' too, while their lock service is down."""


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
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error) from error
    with file:
        _take(folder, file)
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {os.uname().nodename}")
            file.flush()
            yield
        finally:
            # Other machines can't see whether we live: who has ended says so.
            with suppress(OSError):  # the disk may be the reason why it ends
                file.truncate(0)


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
        _take_without_locks(folder, known)


def _take_without_locks(folder: Path, known: str) -> None:
    """Goes by the name in the file alone, where the file system knows no locks."""
    if told := holder(folder):
        own = told == known  # of this machine, where it is seen whether it lives
        hint = "wait for it or stop it" if own else f"if it doesn't, remove {folder / LOCK}"
        raise RunError(f"{folder}: {told} runs a sweep here; {hint}")
    log.warning(
        "%s: its file system has no locks (flock): see to it that no other machine sweeps here",
        folder,
    )


def holder(folder: Path) -> str:
    """Who holds a folder's lock, such as ``process 12 on host``; empty when nobody does.

    Takes no lock, so that no sweep is ever refused for it: on this machine whoever wrote its name
    holds the lock as long as it has the file open. Of another machine's process it can't tell.
    """
    path = folder / LOCK
    try:
        said = path.read_text(encoding="utf-8")
        found = re.fullmatch(r"process (\d{1,10}) on (.+)", said.strip())
        if found is None:
            return ""
        if found[2] != os.uname().nodename:
            return said.strip() + UNSURE
        files = Path(f"/proc/{found[1]}/fd").iterdir()
        return said.strip() if any(file.samefile(path) for file in files if file.exists()) else ""
    except (FileNotFoundError, IsADirectoryError, ProcessLookupError, UnicodeDecodeError):
        return ""
    except PermissionError:  # another user's process
        return said.strip()
