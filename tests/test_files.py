"""Whole files or none."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from armtune.errors import RunError, StorageError
from armtune.files import of_storage, replacing, write_bytes, write_text, writing_to


def test_writes_in_a_new_folder_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "x.txt", "grüß dich")
    assert (tmp_path / "a" / "x.txt").read_text(encoding="utf-8") == "grüß dich"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.txt"]


def test_a_failing_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_bytes(path, b"old")

    def half_done() -> None:
        with replacing(path) as aside:
            aside.write_bytes(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_names_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/x: can't be written: (Not a directory|File exists)"):
        write_text(tmp_path / "file" / "x", "")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="x: can't be written: No space left on device"):
        write_text(tmp_path / "x", "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_the_disk_is_to_blame_for_is_told_apart(tmp_path: Path, number: int) -> None:
    def broken() -> None:
        with replacing(tmp_path / "x"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError, match=os.strerror(number)):
        broken()
    assert list(tmp_path.iterdir()) == []


def wrapped(cause: BaseException) -> RuntimeError:
    error = RuntimeError("a library's own words")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "its"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (wrapped(OSError(errno.ENOSPC, "No space left on device")), True),
        (wrapped(wrapped(StorageError("x: can't be written"))), True),
        (RuntimeError("Error while serializing: No space left on device (os error 28)"), True),
        (OSError(errno.ENOENT, "No such file or directory"), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (wrapped(OSError("no number")), False),
        (ValueError("no"), False),
    ],
)
def test_the_disk_is_seen_behind_other_errors(error: BaseException, its: bool) -> None:
    assert of_storage(error) is its


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(mode)
    with writing_to(path) as place:
        place.write_text("new")
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path: Path, absolute: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "x"
    first, second = tmp_path / "first", tmp_path / "elsewhere" / "second"
    first.symlink_to(second if absolute else "elsewhere/second")
    second.symlink_to(target if absolute else "x")
    for text in ("new", "newer"):  # the first time there is no target yet
        with writing_to(first) as place:
            place.write_text(text)
        assert target.read_text() == text
    assert first.is_symlink()
    assert second.is_symlink()


def test_a_block_that_fails_leaves_a_links_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)

    def half_done() -> None:
        with writing_to(link) as place:
            place.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "target"]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    heard: list[str] = []
    for path in (pipe, link):
        reader = Thread(target=lambda: heard.append(pipe.read_text()))
        reader.start()
        with writing_to(path) as place:
            place.write_text("told")
        reader.join(10)
    assert heard == ["told", "told"]
    assert pipe.is_fifo()
    assert link.is_symlink()


def test_a_device_is_written_to_and_stays() -> None:
    before = Path("/dev/null").stat()
    with writing_to(Path("/dev/null")) as place:
        place.write_text("nothing")
    assert Path("/dev/null").stat().st_ino == before.st_ino
    with (
        pytest.raises(StorageError, match="/dev/full: can't be written: No space left"),
        writing_to(Path("/dev/full")) as place,
    ):
        place.write_text("more")


def test_an_open_file_of_the_process_is_written_to(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from armtune.files import writing_to\n"
        "with writing_to(Path('/dev/stdout')) as place: place.write_text('told')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert said.stdout == b"told"


def test_links_in_a_ring_and_folders_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "folder").mkdir()
    for name in ("a", "folder"):
        with (
            pytest.raises(RunError, match=f"{name}: can't be written"),
            writing_to(tmp_path / name) as place,
        ):
            place.write_text("")
    assert (tmp_path / "folder").is_dir()


@pytest.mark.parametrize("name", ["", "own", "own/.."])
def test_a_folder_is_told_before_there_is_anything_to_write(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="Is a directory"), writing_to(Path(name)):
        pytest.fail("nothing can be written to it")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_halves_of_characters_are_written_out(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "a\ud800ü")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "a\\ud800ü"
