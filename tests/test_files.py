"""Whole files or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.errors import RunError
from armtune.files import replacing, write_bytes, write_text


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
