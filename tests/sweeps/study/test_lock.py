from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RunError, StorageError
from armtune.sweeps.study.lock import LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from armtune.sweeps.study.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_sweep_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(RunError, match=f"process {os.getpid()} on .* runs a sweep"),
        locked(tmp_path),
    ):
        pass


def test_the_lock_is_free_again_after_the_block(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "new"):
            pass


def test_no_lock_outlives_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"process {holder.pid} "), locked(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file/run: can't be written"), locked(tmp_path / "file/run"):
        pass


def refusing(number: int) -> Any:
    def flock(file: object, how: int) -> None:
        raise OSError(number, os.strerror(number))

    return flock


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL])
def test_a_file_system_without_locks_is_told_and_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with locked(tmp_path):
        assert "has no locks" in caplog.text
        with pytest.raises(RunError, match=f"process {os.getpid()} .* wait for it or stop it"):
            locked(tmp_path).__enter__()
    with locked(tmp_path):
        pass
    (tmp_path / LOCK).write_text("process 1 on elsewhere")
    told = r"process 1 on elsewhere, whose last sign of life .* runs a sweep.* remove .*sweep\.lock"
    with pytest.raises(RunError, match=told), locked(tmp_path):
        pass


def test_what_else_keeps_a_lock_from_being_taken_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(errno.EIO))
    with pytest.raises(StorageError, match="can't be written: Input/output error"):
        locked(tmp_path).__enter__()


def test_a_link_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("all of it")
    (tmp_path / LOCK).symlink_to(tmp_path / "thesis")
    with pytest.raises(RunError, match=r"sweep\.lock: is a link"), locked(tmp_path):
        pass
    assert (tmp_path / "thesis").read_text() == "all of it"


@pytest.mark.parametrize("text", ["my notes", "Process 1 on here", "0"])
def test_a_file_that_is_no_lock_is_not_emptied(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(RunError, match="is something else than a sweep's lock"), locked(tmp_path):
        pass
    assert (tmp_path / LOCK).read_text() == text


@pytest.mark.parametrize("text", ["", "\0\0\0", "process 1"])
def test_what_a_crash_left_of_a_lock_is_one(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_text(text)
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on")
