from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from armtune.errors import RunError
from armtune.sweeps.study.estimate import PLAN, Estimate, estimate_error, read_estimate
from armtune.sweeps.study.records import TrialRecord

FOUND = Estimate(
    settings=4,
    begin_seconds=1.0,
    epoch_seconds=2.0,
    training_seconds=20.0,
    share=0.5,
    trials=3,
    trainings=5,
    after_lengths=3.0,
    workers=2,
    pack=1,
    pack_gain=1.0,
    start_seconds=10.0,
    worker_seconds=3.0,
    worker_bytes=1e9,
    memory_bytes=4e9,
)


def record(number: int, started: float, ended: float) -> TrialRecord:
    return TrialRecord(number, "COMPLETE", {}, {}, 9, "", started, ended)


def test_the_times_follow_from_the_trainings() -> None:
    assert FOUND.search_seconds == 3 + 3 * 0.5 * 20 / 2
    assert FOUND.longest_seconds == 3 + 3 * 20 / 2
    assert FOUND.after_seconds == 3 * 20
    assert FOUND.seconds == 10 + 18 + 60


def test_no_more_trainings_at_once_than_there_are_trials() -> None:
    assert replace(FOUND, trials=1, share=1.0, workers=8).search_seconds == 3 + 20


def test_it_is_kept_in_the_folder(tmp_path: Path) -> None:
    assert read_estimate(tmp_path) is None
    FOUND.write(tmp_path)
    assert read_estimate(tmp_path) == FOUND
    (tmp_path / PLAN).write_text('{"settings": 4}')
    with pytest.raises(RunError, match=r"plan\.json: damaged"):
        read_estimate(tmp_path)


def test_hindsight_counts_the_time_in_which_trials_ran() -> None:
    records = [record(0, 100, 110), record(1, 105, 112), record(2, 500, 506)]
    assert estimate_error(FOUND, records) == (
        "the search was estimated to take 18 s and took 18 s, 0 % more"
    )
    faster = [record(0, 0, 5), record(1, 0, 5), record(2, 5, 9)]
    assert estimate_error(FOUND, faster).endswith("took 9 s, 50 % less")


def test_there_is_no_hindsight_before_the_end() -> None:
    assert estimate_error(FOUND, [record(0, 0, 5), record(1, 0, 5)]) == ""
    assert estimate_error(FOUND, [record(0, 0, 5), record(1, 0, 5), record(2, 5, 0)]) == ""
