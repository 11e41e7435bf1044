"""What lies in a run's folder instead of our files is named, or left out; nothing waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from armtune.errors import RunError
from armtune.files import read_json
from armtune.references.per_sample import read_per_sample, write_per_sample
from armtune.sweeps.study.estimate import PLAN, Estimate, read_estimate
from armtune.sweeps.study.folder import used_data
from armtune.sweeps.study.journal import JOURNAL, repair
from armtune.sweeps.study.lock import LOCK, holder
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.workers.metrics_file import is_beyond, kept_lines

WHOLE = asdict(Estimate(1, 1.0, 1.0, 9.0, 1.0, 6, 0, 0.0, 2, 1, 1.0, 0.0, 0.0, 1.0, 1.0))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


ODD: list[Callable[[Path], object]] = [pipe, circle, deep, Path.mkdir]
READERS: dict[str, Callable[[Path], object]] = {
    "plan.json": read_estimate,
    "origin.json": used_data,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("make", [pipe, deep, Path.mkdir])
def test_an_odd_file_of_a_run_is_named(
    tmp_path: Path, name: str, make: Callable[[Path], object]
) -> None:
    make(tmp_path / name)
    with pytest.raises(RunError, match=f"{name}: damaged"):
        READERS[name](tmp_path)


@pytest.mark.parametrize("change", [{"trials": "6"}, {"workers": 0}, {"share": float("nan")}])
def test_an_estimate_that_gives_no_length_is_damaged(
    tmp_path: Path, change: dict[str, object]
) -> None:
    Estimate(**{**WHOLE, **change}).write(tmp_path)
    with pytest.raises(RunError, match=f"{PLAN}: damaged"):
        read_estimate(tmp_path)
    Estimate(**WHOLE).write(tmp_path)
    assert read_estimate(tmp_path) == Estimate(**WHOLE)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [pipe, Path.mkdir])
@pytest.mark.parametrize("read", [lambda path: read_study(path.parent), repair])
def test_a_journal_that_is_no_file_is_named(
    tmp_path: Path, make: Callable[[Path], object], read: Callable[[Path], object]
) -> None:
    make(tmp_path / JOURNAL)
    with pytest.raises(RunError, match=f"{JOURNAL}: can't be read"):
        read(tmp_path / JOURNAL)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", ODD)
def test_a_lock_that_is_no_file_is_held_by_nobody(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / LOCK)
    assert holder(tmp_path) is None


@pytest.mark.parametrize("line", [b"\xff\n", b"[" * 100_000 + b"\n"], ids=["bytes", "deep"])
def test_odd_metrics_are_written_again(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line)
    assert kept_lines(path, 3) == ""
    assert is_beyond(path, 3)


def test_json_of_a_device_is_refused() -> None:
    with pytest.raises(OSError, match="is a pipe or a device"):
        read_json(Path("/dev/zero"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(17), b"\x93NUMPY\x01\0", b"text"])
def test_odd_scores_by_sample_are_left_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "per_sample.npz"
    path.write_bytes(content)
    assert read_per_sample(path) == {}
    np.save(path.with_suffix(".npy"), np.ones(3))
    assert read_per_sample(path.with_suffix(".npy")) == {}
    write_per_sample(path, {"a": np.ones(2)})
    assert read_per_sample(path)["a"].tolist() == [1, 1]
    np.savez(path, names=np.array(["a"]), rows=np.ones(1))
    assert read_per_sample(path) == {}
    path.unlink()
    pipe(path)
    assert read_per_sample(path) == {}
