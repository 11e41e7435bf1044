"""``armtune status``: from the journal alone, without disturbing who runs the sweep."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
import yaml

from armtune.cli import main
from armtune.report.status import read_status
from armtune.sweeps.study import lock
from armtune.sweeps.study.folder import RECIPE
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.lock import LOCK, holder, locked

ME = f"process {os.getpid()} on {os.uname().nodename}"


@pytest.fixture
def run(toy_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_run, tmp_path / "run"))


def cut(run: Path) -> None:
    """Takes from a journal what came from the second trial's end on."""
    lines = (run / JOURNAL).read_bytes().splitlines(keepends=True)
    ends = [i for i, line in enumerate(lines) if b'"op_code":6' in line]
    (run / JOURNAL).write_bytes(b"".join(lines[: ends[1]]))


def test_a_sweep_that_is_over(run: Path) -> None:
    status = read_status(run)
    assert status.over
    assert status.lines()[0] == "toy: done"
    assert status.lines()[1].startswith("trials: 3 of 3 ended; 0 running, 3 complete, 0 pruned")
    assert status.best is not None
    assert status.best.number in status.front
    assert (status.retrained, status.wanted) == (2, 2)


def test_what_no_rule_picks_need_not_be_re_trained(run: Path) -> None:
    path = run / RECIPE
    recipe = yaml.safe_load(path.read_text())
    recipe["sweep"] |= {"choose": "highest accuracy where loss <= -1", "confirm": {"seeds": 9}}
    path.write_text(yaml.safe_dump(recipe))
    assert read_status(run).over
    recipe["sweep"]["choose"] = "highest accuracy"
    path.write_text(yaml.safe_dump(recipe))
    assert not read_status(run).over


def test_a_sweep_that_was_stopped(run: Path) -> None:
    cut(run)
    status = read_status(run)
    assert "toy: stopped" in status.lines()[0]
    assert status.as_dict()["trials"]["interrupted"] == 1
    assert status.lines()[1].endswith("0 running, 0 complete, 0 pruned, 0 failed, 1 interrupted")
    with locked(run):
        assert read_status(run).as_dict()["trials"]["running"] == 1
    assert not status.over


def test_it_says_who_runs_the_sweep_and_takes_no_lock(run: Path) -> None:
    with locked(run):
        assert read_status(run).lines()[0] == f"toy: running, in {ME}"
    assert holder(run) is None
    assert read_status(run).as_dict()["state"] == "done"


def test_the_name_that_a_killed_sweep_left_means_nothing(run: Path) -> None:
    (run / LOCK).write_text(f"process 999999999 on {os.uname().nodename}")
    assert holder(run) is None
    (run / LOCK).write_text(ME)
    assert holder(run) is None, "this process lives, but doesn't hold the file"


def silent_for(run: Path, seconds: float) -> None:
    """A lock of another machine's process that was last heard of so long ago."""
    (run / LOCK).write_text("process 1 on elsewhere")
    for file in (run / LOCK, run / JOURNAL):
        os.utime(file, (time.time() - seconds,) * 2)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-50, "running, in process 1 on elsewhere, whose last sign of life is 0 seconds old"),
        (90, "running, in process 1 on elsewhere, whose last sign of life is 1 minute old"),
        (
            7300,
            "stopped, it was in process 1 on elsewhere, whose last sign of life is 2 hours old; "
            "armtune sweep with --resume goes on",
        ),
        (86500, "stopped, it was in process 1 on elsewhere, whose last sign of life is 1 day old"),
    ],
)
def test_of_another_machine_its_last_sign_of_life_is_told(
    run: Path, seconds: float, told: str
) -> None:
    cut(run)
    silent_for(run, seconds)
    status = read_status(run)
    assert status.lines()[0].startswith(f"toy: {told}")
    state = told.partition(",")[0]
    assert status.as_dict()["state"] == state
    assert (status.as_dict()["holder"] is None) == (state == "stopped")
    assert status.as_dict()["trials"]["interrupted"] == (state == "stopped")


def test_whoever_sweeps_gives_signs_of_life(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with locked(run):
        os.utime(run / LOCK, (0, 0))
        end = time.monotonic() + 20
        while (run / LOCK).stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert time.time() - (run / LOCK).stat().st_mtime < 60


def test_a_finished_sweep_of_another_machine_is_done(run: Path) -> None:
    (run / LOCK).write_text("process 1 on elsewhere")
    status = read_status(run)
    assert status.lines()[0] == "toy: done"
    assert (status.as_dict()["state"], status.as_dict()["holder"]) == ("done", None)


def test_who_has_ended_leaves_no_name_whatever_ended_it(run: Path) -> None:
    for raised in (ValueError, KeyboardInterrupt):
        with pytest.raises(raised), locked(run):
            raise raised
        assert (run / LOCK).read_text() == ""


def test_a_line_that_is_being_written_is_no_matter(run: Path) -> None:
    with (run / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":8,"wor')
    assert read_status(run).over


def test_as_json(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["armtune", "status", str(run), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["trials"] == {
        "wanted": 3,
        "running": 0,
        "complete": 3,
        "pruned": 0,
        "failed": 0,
        "interrupted": 0,
    }
    assert (told["state"], told["holder"]) == ("done", None)
