"""Files of a run's folder that aren't what they were end in a sentence, or are left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from armtune.errors import RunError
from armtune.report.curves import curves
from armtune.report.run import RunReport
from armtune.report.status import read_status
from armtune.sweeps.study.lock import LOCK
from armtune.sweeps.workers.trial import METRICS, trial_folder

DEEP = "[" * 100_000


@pytest.fixture
def run(toy_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_run, tmp_path / "run"))


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"data": 3}', '{"data": [1]}', DEEP, "\xff"])
def test_an_odd_origin_is_named(run: Path, text: str) -> None:
    (run / "origin.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"origin\.json: damaged"):
        RunReport.read(run)


@pytest.mark.parametrize(
    "line", ["3", "[]", '{"epoch": "one"}', '{"epoch": NaN}', DEEP, "\xff", "{"]
)
def test_odd_lines_of_metrics_are_left_out(run: Path, line: str) -> None:
    report = RunReport.read(run)
    before = curves(run, report.records)[0]
    with (trial_folder(run, 0) / METRICS).open("a", encoding="latin-1") as file:
        file.write(f"{line}\n" + '{"epoch": 9, "huge": 1' + "0" * 400 + "}\n")
    assert curves(run, report.records)[0] == [*before, {"epoch": 9.0}]


@pytest.mark.parametrize("text", ["\xff", "process " + "9" * 5_000 + " on here", "", "\0"])
def test_an_odd_lock_says_nothing(run: Path, text: str) -> None:
    (run / LOCK).write_text(text, encoding="latin-1")
    assert read_status(run).holder is None


def test_a_lock_that_is_a_folder_says_nothing(run: Path) -> None:
    (run / LOCK).unlink(missing_ok=True)
    (run / LOCK).mkdir()
    assert read_status(run).holder is None
