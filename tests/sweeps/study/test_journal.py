from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from armtune.errors import RunError
from armtune.sweeps.study.journal import DAMAGED, Journal, repair

LINE = {"op_code": 4, "worker_id": "w"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.journal"


def lines(path: Path) -> list[dict[str, object]]:
    return list(Journal(path).read_logs(0))


def test_lines_come_back_in_order(path: Path) -> None:
    journal = Journal(path)
    journal.append_logs([{"n": 0}, {"n": 1}])
    journal.append_logs([{"n": 2}])
    journal.sync()
    assert lines(path) == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    "tail", [b'{"op_code":4,"wor', b"{", b"\x00\x00\x00", b"[1]\n", b"nonsense\n"]
)
def test_an_incomplete_last_line_is_cut_and_a_copy_kept(path: Path, tail: bytes) -> None:
    journal = Journal(path)
    journal.append_logs([LINE, LINE])
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    repair(path)
    assert path.read_bytes() == whole
    assert path.with_name(DAMAGED).read_bytes() == whole + tail
    Journal(path).append_logs([{"n": 3}])
    assert lines(path) == [LINE, LINE, {"n": 3}]


def test_a_sound_journal_is_left_alone(path: Path) -> None:
    Journal(path).append_logs([LINE])
    repair(path)
    assert lines(path) == [LINE]
    assert not path.with_name(DAMAGED).exists()


def test_a_damaged_line_in_the_middle_is_named(path: Path) -> None:
    path.write_bytes(b'{"n":0}\n{"n":\n{"n":2}\n')
    with pytest.raises(RunError, match=r"study\.journal:2: this line of the study is damaged"):
        repair(path)


def test_a_full_disk_is_said_with_the_path() -> None:
    with pytest.raises(RunError, match="/dev/full: can't be written: No space left on device"):
        Journal(Path("/dev/full")).append_logs([LINE])


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_does_not_fit_leaves_no_part_of_it(path: Path) -> None:
    journal = Journal(path)
    journal.append_logs([LINE])
    whole = path.read_bytes()
    with files_limited_to(len(whole) + 5), pytest.raises(RunError, match="File too large"):
        journal.append_logs([LINE])
    assert path.read_bytes() == whole
    journal.append_logs([LINE])
    assert lines(path) == [LINE, LINE]
