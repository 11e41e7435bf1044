"""The study's file: one line of JSON for each change, appended and never rewritten."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from armtune.errors import RunError
from armtune.files import refuse_pipes, replacing, unwritable

JOURNAL = "study.journal"
DAMAGED = "study.journal.damaged"


def study_name(path: Path, otherwise: str) -> str:
    """The name of the study in a file that was checked; another one where there is none yet."""
    try:
        with path.open("rb") as file:
            first = file.readline()
    except FileNotFoundError:
        return otherwise
    return str(json.loads(first)["study_name"]) if first else otherwise


class Journal(JournalFileBackend):
    """Optuna's journal file, written by the one process that holds the sweep's lock.

    Optuna forces every line to the disk, which costs some 2 ms each and 40 ms a trial. Here
    ``sync`` does so when something ends that mustn't be lost if the machine stops; a killed process
    loses nothing either way. Optuna's lock file is left out too: after a kill it would block for
    30 s.

    Attributes:
        unread: whether something may have been written since it was read last.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        self.unread = True

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends lines as a whole or not at all.

        Raises:
            RunError: the file can't be written (a full disk, say).
        """
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self.unread = True
        try:
            self._append(text.encode())
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _append(self, data: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                while data:
                    data = data[file.write(data) :]
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file.fileno(), size)
                raise

    def sync(self) -> None:
        """Forces everything appended so far to the disk.

        Raises:
            RunError: it can't be: some disks say only then that they are full.
        """
        try:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error


def repair(path: Path) -> None:
    """Cuts an incomplete last line off, as a kill or a full disk can leave; a copy is kept.

    Raises:
        RunError: it can't be read, or a line before the last is damaged; names it.
    """
    try:
        refuse_pipes(path)
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror}") from error
    bad = next((i for i, line in enumerate(lines) if not _whole(line)), None)
    if bad is None:
        return
    if bad < len(lines) - 1:
        raise RunError(f"{path}:{bad + 1}: this line of the study is damaged; restore the file")
    with replacing(path.with_name(DAMAGED)) as aside:
        shutil.copyfile(path, aside)
    os.truncate(path, sum(map(len, lines[:bad])))


def _whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
