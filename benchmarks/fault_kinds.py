"""What ``faults.py`` does to a sweep beyond killing it: its disk, its journal, its clock.

Disks are small file systems of their own (tmpfs), for which one must be root, or be it in a
namespace: ``unshare --user --map-root-user --mount python benchmarks/faults.py``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from armtune.sweeps import read_records
from armtune.sweeps.study.journal import JOURNAL

SIZE = "4m"
"""Of a disk that fills up."""
ATTEMPTS = 1000
"""At a remount, which is refused while a file is open for writing."""
DAY = 24 * 3600.0
Targets = Callable[[int], list[int]]


class Fault:
    """Strikes a sweep while it runs, and is mended before it is resumed.

    Attributes:
        back: seconds by which the clock of the next process is behind.
        forgets: whether the journal may have lost what it knew, by our doing.
        error: name of the error that it is to be told by; empty where a process just ends.
    """

    back = 0.0
    forgets = False
    error = ""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance

    def strike(self, leader: int) -> bool:
        """Does it to the processes of a session; whether it could."""
        raise NotImplementedError

    def mend(self) -> None:
        """Makes the sweep fit to go on."""

    def close(self) -> None:
        """Leaves nothing behind."""


def killing(targets: Targets) -> type[Fault]:
    """A SIGKILL to one of some processes."""

    class Kill(Fault):
        def strike(self, leader: int) -> bool:
            found = targets(leader)
            if found:
                os.kill(self.chance.choice(found), signal.SIGKILL)
            return bool(found)

    return Kill


def _driver(leader: int) -> list[int]:
    return [leader]


class FullDisk(Fault):
    """The file system of the run's folder has no room left."""

    error = "StorageError"

    def __init__(self, folder: Path, chance: random.Random) -> None:
        super().__init__(folder, chance)
        folder.mkdir()
        _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))

    def strike(self, leader: int) -> bool:
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        return True

    def mend(self) -> None:
        self._ballast.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


class ReadOnly(Fault):
    """What the trials are written to may only be read any more."""

    error = "StorageError"

    def strike(self, leader: int) -> bool:
        trials = str(self.folder / "trials")
        _mount("--bind", trials, trials)
        for _ in range(ATTEMPTS):
            try:
                _mount("-o", "remount,ro,bind", trials)
                return True
            except subprocess.CalledProcessError:  # a file is open for writing
                time.sleep(0.01)
        self.mend()
        return False

    def mend(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder / "trials")], check=True)


class EarlierJournal(killing(_driver)):  # type: ignore[misc]
    """The journal is put back to an earlier moment, under trials that knew more, or others."""

    forgets = True

    def strike(self, leader: int) -> bool:
        whole = (self.folder / JOURNAL).read_bytes().rpartition(b"\n")
        self._before = whole[0] + whole[1]
        time.sleep(self.chance.uniform(0, 1.0))
        return super().strike(leader)

    def mend(self) -> None:
        (self.folder / JOURNAL).write_bytes(self._before)
        ended = {r.number for r in read_records(self.folder) if r.state != "RUNNING"}
        others = sorted(p for p in self.folder.glob("trials/*") if int(p.name) not in ended)
        # As where the settings were drawn otherwise: each has the files of another one.
        for path in others:
            path.rename(path.with_suffix(".aside"))
        for path, whose in zip(others, [*others[1:], *others[:1]], strict=True):
            path.with_suffix(".aside").rename(whose)


class ClockSetBack(killing(_driver)):  # type: ignore[misc]
    """Killed, and gone on with on a clock that is days behind."""

    def mend(self) -> None:
        self.back += self.chance.uniform(1, 100) * DAY


def set_back(seconds: float) -> None:
    """Lets this process believe that it is earlier."""
    import datetime

    from optuna.storages.journal import _storage

    now = time.time
    time.time = lambda: now() - seconds

    class Late(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return datetime.datetime.now(tz) - datetime.timedelta(seconds=seconds)

    _storage.datetime = Late  # type: ignore[attr-defined, misc]


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
