"""One sweep at a time in a run's folder."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from armtune.errors import RunError

LOCK = "sweep.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock for the length of a block.

    The system releases it when the process ends, however it ends: no lock outlives a crash.

    Raises:
        RunError: another process holds it (says which), or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: can't be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RunError(
                f"{folder}: {holder} runs a sweep here; wait for it or stop it"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield


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
            return f"{said.strip()}, if that still lives"
        files = Path(f"/proc/{found[1]}/fd").iterdir()
        return said.strip() if any(file.samefile(path) for file in files if file.exists()) else ""
    except (FileNotFoundError, IsADirectoryError, ProcessLookupError, UnicodeDecodeError):
        return ""
    except PermissionError:  # another user's process
        return said.strip()
