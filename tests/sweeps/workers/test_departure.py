"""A worker's process that is told to end: what it trained goes on elsewhere from that step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from armtune.sweeps.workers import departure, pack
from armtune.sweeps.workers.departure import take_departure
from armtune.sweeps.workers.trial import CHECKPOINT, METRICS, UNDERWAY, Step, Task
from armtune.sweeps.workers.worker import Worker
from tests.sweeps.fake_training import FakeTraining, FakeWorkshop, fake_recipe


class Told(FakeTraining):
    """Of five steps an epoch; told to end at one of them."""

    steps = 5
    at: tuple[int, int] | None = None

    def train_steps(self, pause: Any) -> bool:
        def asked() -> bool:
            if Told.at == (self.epoch, self.step):
                os.kill(os.getpid(), signal.SIGTERM)
            return bool(pause())

        return super().train_steps(asked)


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(departure._Process, "told", False)
    before = signal.getsignal(signal.SIGTERM)
    departure.listen()
    yield
    signal.signal(signal.SIGTERM, before)


def trained(folder: Path, saves: float, count: int) -> tuple[list[Task], list[Step]]:
    """Trains to the end, after the process was told to end on the way; what is then first said."""
    own = [Task(k, fake_recipe(training__epochs=3), folder / f"{k:04d}") for k in range(count)]
    for task in own:
        task.folder.mkdir(parents=True)
    worker = Worker(FakeWorkshop(make=Told), 1, "cpu")
    worker.start(own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "STEP_SECONDS", saves)
        patch.setattr(pack, "SAVE_SECONDS", saves)
        with pytest.raises(SystemExit):
            deque(iter(worker.step, None), 0)
    Told.at, departure._Process.told = None, False
    again = Worker(FakeWorkshop(make=Told), 1, "cpu")
    again.start(own)
    said = again.step()
    first = said if isinstance(said[0], Step) and not said[0].epochs else []
    while not all(isinstance(one, Step) and one.epoch == 3 for one in said):
        said = again.step()
    return own, [one for one in first if isinstance(one, Step)]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("at", [(0, 2), (1, 3), (2, 5)], ids=str)
def test_within_an_epoch_it_goes_on_where_it_was_told(
    tmp_path: Path, at: tuple[int, int], count: int
) -> None:
    Told.at = at
    own, _ = trained(tmp_path / "trials", -1.0, count)
    for task in own:
        assert "told to end (SIGTERM); a checkpoint" in take_departure(task.folder)
        assert not take_departure(task.folder), "said once"
        lines = (task.folder / METRICS).read_text().splitlines()
        assert len(lines) == 3
        assert not (task.folder / UNDERWAY).exists()


def test_where_epochs_are_short_it_ends_with_one(tmp_path: Path) -> None:
    Told.at = (1, 3)
    own, first = trained(tmp_path / "trials", 60.0, 1)
    assert [step.epoch for step in first] == [2], "the epoch under way, and the one before"
    assert (own[0].folder / CHECKPOINT).exists()
    assert len((own[0].folder / METRICS).read_text().splitlines()) == 3


def test_a_process_that_trains_nothing_ends_at_once() -> None:
    program = (
        "import os, signal, time; from armtune.sweeps.workers import departure;"
        "departure.listen(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=50)
    assert done.returncode == departure.STATUS
