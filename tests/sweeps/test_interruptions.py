"""Sweeps that are killed or stopped, and resumed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_training import FakeWorkshop
from sweep_process import recipe

from armtune.sweeps import SweepResult, read_records
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, TrialRecord

HERE = Path(__file__).parent


class Heard(Listener):
    def __init__(self) -> None:
        self.started: list[int] = []
        self.epochs: list[tuple[int, int]] = []
        self.ended: list[int] = []

    def trial_started(self, record: TrialRecord) -> None:
        self.started.append(record.number)

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        self.epochs.append((record.number, record.epoch))

    def trial_ended(self, record: TrialRecord) -> None:
        self.ended.append(record.number)


def run(folder: Path, *listeners: Listener) -> SweepResult:
    place = Place(folder, Path(), resume=True, inline=True)
    return run_sweep(recipe(), place, listeners, FakeWorkshop())


def interrupt(folder: Path, at: str, how: signal.Signals) -> tuple[int, str]:
    """Runs a sweep until it says a line, then sends a signal; its exit code and what it said."""
    command = [sys.executable, str(HERE / "sweep_process.py"), str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as sweep:
        assert sweep.stdout is not None
        assert any(line == at + "\n" for line in sweep.stdout), "the sweep never got there"
        sweep.send_signal(how)
        _, said = sweep.communicate()
    return sweep.returncode, said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    return run(tmp_path_factory.mktemp("undisturbed"))


def outcome(result: SweepResult) -> list[tuple[object, ...]]:
    return [(r.number, r.state, r.values, r.metrics, r.epoch, r.reason) for r in result.records]


@pytest.mark.parametrize("at", ["started 0", "epoch 2 2", "epoch 3 5", "confirmed 0 1000"])
def test_a_killed_sweep_resumes_as_if_never_killed(
    tmp_path: Path, undisturbed: SweepResult, at: str
) -> None:
    assert interrupt(tmp_path, at, signal.SIGKILL)[0] == -signal.SIGKILL
    before = {r.number: r for r in read_records(tmp_path) if r.state != "RUNNING"}
    heard = Heard()
    result = run(tmp_path, heard)
    assert outcome(result) == outcome(undisturbed)
    assert {r.number: r for r in result.records if r.number in before} == before, "none repeated"
    assert sorted([*before, *heard.ended]) == list(range(8)), "none lost"
    assert result.front == undisturbed.front
    assert result.chosen == undisturbed.chosen
    assert result.confirmed == undisturbed.confirmed


def test_a_half_trained_trial_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    interrupt(tmp_path, "epoch 0 5", signal.SIGKILL)
    heard = Heard()
    run(tmp_path, heard)
    assert heard.started[0] == 0
    assert heard.epochs[0] in {(0, 6), (0, 7)}
    lines = (tmp_path / "trials" / "0000" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 9


def test_ctrl_c_leaves_running_trials_to_be_resumed(
    tmp_path: Path, undisturbed: SweepResult
) -> None:
    code, said = interrupt(tmp_path, "epoch 2 2", signal.SIGINT)
    assert code != 0
    assert said.endswith("KeyboardInterrupt\n")
    assert [r.state for r in read_records(tmp_path)][-1] == "RUNNING"
    assert outcome(run(tmp_path)) == outcome(undisturbed)


def test_a_kill_in_the_middle_of_a_line_loses_nothing(
    tmp_path: Path, undisturbed: SweepResult
) -> None:
    interrupt(tmp_path, "epoch 2 2", signal.SIGKILL)
    with (tmp_path / "study.journal").open("ab") as journal:
        journal.write(b'{"op_code":8,"worker_id":"1b2","trial_')
    assert outcome(run(tmp_path)) == outcome(undisturbed)
    assert (tmp_path / "study.journal.damaged").exists()


def test_a_deleted_trial_folder_only_costs_its_training(
    tmp_path: Path, undisturbed: SweepResult
) -> None:
    interrupt(tmp_path, "epoch 2 2", signal.SIGKILL)
    for path in (tmp_path / "trials" / "0002").iterdir():
        path.unlink()
    (tmp_path / "trials" / "0002").rmdir()
    assert outcome(run(tmp_path)) == outcome(undisturbed)


def test_a_copy_of_the_folder_goes_on_elsewhere(tmp_path: Path, undisturbed: SweepResult) -> None:
    interrupt(tmp_path / "here", "epoch 3 5", signal.SIGKILL)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    heard = Heard()
    result = run(tmp_path / "there", heard)
    assert outcome(result) == outcome(undisturbed)
    assert heard.epochs[0] in {(3, 6), (3, 7)}, "from its checkpoint"
    assert not (tmp_path / "here").exists()
