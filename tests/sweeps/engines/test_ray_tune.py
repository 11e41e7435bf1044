"""The engine on Ray: one Ray for the whole file, and one more for Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_training import (
    CALM,
    LR,
    Dying,
    DyingOnce,
    FakeWorkshop,
    Hanging,
    NotingProcess,
    SharedCost,
    ToldToEnd,
    fake_recipe,
)
from sweep_process import recipe as process_recipe

from armtune.errors import RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult, read_records, sweep
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.costs import costs_of
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.study.records import Listener, TrialRecord

HERE = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("ray")


class Heard(Listener):
    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []
        self.confirmations: list[tuple[int, int]] = []

    def trial_started(self, record: TrialRecord) -> None:
        self.lines.append(("started", record.number, record.epoch))

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        self.lines.append(("epoch", record.number, record.epoch))

    def trial_ended(self, record: TrialRecord) -> None:
        self.lines.append((record.state, record.number, record.epoch))

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        self.confirmations.append((number, seed))

    def of(self, number: int) -> list[tuple[str, int]]:
        return [(what, epoch) for what, n, epoch in self.lines if n == number]


def run(folder: Path, recipe: Recipe, *listeners: Listener, **factory: Any) -> SweepResult:
    place = Place(folder, Path(), resume=True)
    return run_sweep(recipe, place, listeners, FakeWorkshop(**factory))


def test_packs_grow_once_a_worker_has_measured_what_pays(tmp_path: Path) -> None:
    recipe = fake_recipe(sweep__trials=32, sweep__space=CALM, sweep__pruner={"name": "none"})
    factory = SharedCost(seconds=0.05, notes=tmp_path)
    result = run_sweep(recipe, Place(tmp_path / "run", Path()), (), factory)
    assert [r.state for r in result.records] == ["COMPLETE"] * 32
    sizes = sizes_in(tmp_path)
    # Each size is measured once; of two workers' 32 trials a quarter may be one pack.
    assert sizes.count(2) >= 1
    assert sizes.count(4) >= 1 + 5
    assert max(sizes) == 4
    # Resumed after its search, it measures nothing again and packs the re-trainings.
    (tmp_path / "later").mkdir()
    later = SharedCost(seconds=0.05, notes=tmp_path / "later")
    changed = with_overrides(recipe, {"sweep.confirm": {"top": 2, "seeds": 4}})
    result = run_sweep(changed, Place(tmp_path / "run", Path(), resume=True), (), later)
    assert [len(seeds) for seeds in result.confirmed.values()] == [4, 4]
    assert set(sizes_in(tmp_path / "later")) == {4}


def sizes_in(folder: Path) -> list[int]:
    """Members of each training that ``SharedCost`` noted."""
    return [int(note.name.rpartition("-")[2]) for note in folder.glob("*-*-*")]


def test_a_sweep_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    halving = {"name": "pareto_asha", "first_rung": 3, "startup_trials": 2}
    heard = Heard()
    recipe = fake_recipe(
        sweep__trials=16, sweep__pruner=halving, sweep__confirm={"top": 2, "seeds": 2}
    )
    folder = tmp_path / "run"
    result = run(folder, recipe, heard, seconds=0.01)
    records = {r.number: r for r in result.records}
    assert sorted(records) == list(range(16))
    assert {r.state for r in result.records} == {"COMPLETE", "PRUNED", "FAIL"}
    assert records[0].state == "COMPLETE"
    for number, record in records.items():
        ended = [*(("epoch", n) for n in range(1, record.epoch + 1)), (record.state, record.epoch)]
        assert heard.of(number) == [("started", 0), *ended]
    assert {n for n, _ in heard.confirmations} == set(result.confirmed) <= set(result.front)
    assert [len(seeds) for seeds in result.confirmed.values()] == [2, 2]
    # An epoch of a fake training takes a hundredth of a second where it is judged.
    assert all(r.seconds.validate >= 0.01 * r.epoch for r in result.records)
    known = {c.part: c for c in costs_of(folder, recipe, result, read_study(folder))}
    assert {"start", "trials, validation", "pruned trials", "re-trainings"} <= set(known)
    assert not Path("~/ray_results").expanduser().exists()
    assert list(scratch.iterdir()) == []
    again = Heard()
    assert run(folder, recipe, again) == result
    assert again.lines == []


def test_real_trainings_come_out_as_in_one_process(real_recipe: Recipe, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    here = sweep(real_recipe, tmp_path / "here", tmp_path, inline=True)
    torch.set_num_threads(threads)
    there = sweep(real_recipe, tmp_path / "there", tmp_path)
    assert [r.number for r in there.records] == [r.number for r in here.records]
    assert {r.state for r in there.records} <= {"COMPLETE", "PRUNED"}
    assert there.records[0].metrics == pytest.approx(here.records[0].metrics, abs=1e-5)
    assert len(there.confirmed) == 1


def test_a_trial_whose_process_dies_fails_alone(tmp_path: Path) -> None:
    result = run(tmp_path, fake_recipe(sweep__trials=6), make=Dying)
    failed = [r for r in result.records if r.state == "FAIL"]
    assert failed
    assert all(r.values["training.optimizer.lr"] > 0.5 for r in failed)
    assert all(r.reason.startswith("the worker died: ") for r in failed)
    assert all((tmp_path / "trials" / f"{r.number:04d}" / "error.txt").exists() for r in failed)
    assert len(result.records) == 6


def test_a_trial_that_hangs_is_stopped_alone(tmp_path: Path) -> None:
    recipe = fake_recipe(sweep__trials=6, sweep__trial_seconds=0.3, sweep__retries=3)
    result = run(tmp_path, recipe, make=Hanging)
    failed = [r for r in result.records if r.state == "FAIL"]
    assert failed
    for record in failed:
        assert record.values[LR] > 0.5
        assert record.reason == "it took longer than sweep.trial_seconds: 0.3"
        error = (tmp_path / "trials" / f"{record.number:04d}" / "error.txt").read_text()
        assert "in advance" in error
    assert len(result.records) == 6


def test_a_trial_whose_process_died_is_taken_up_again(tmp_path: Path) -> None:
    halving = {"name": "pareto_asha", "first_rung": 3, "startup_trials": 9}
    confirm = {"top": 1, "seeds": 1, "solo": False}
    recipe = fake_recipe(
        sweep__trials=2,
        sweep__space=CALM,
        sweep__pruner=halving,
        sweep__confirm=confirm,
        data__path=str(tmp_path),
    )
    heard = Heard()
    result = run(tmp_path, recipe, heard, make=DyingOnce)
    assert [r.state for r in result.records] == ["COMPLETE"] * 2
    assert heard.of(0) == [
        ("started", 0), *(("epoch", n) for n in (1, 2, 3)),
        ("started", 3), *(("epoch", n) for n in range(1, 10)), ("COMPLETE", 9),
    ]  # fmt: skip
    ((confirmation,),) = result.confirmed.values()
    assert confirmation.reason == ""


def test_a_worker_that_is_told_to_end_leaves_a_checkpoint_and_says_so(tmp_path: Path) -> None:
    recipe = fake_recipe(sweep__trials=2, sweep__space=CALM, data__path=str(tmp_path))
    heard = Heard()
    result = run(tmp_path, recipe, heard, make=ToldToEnd)
    assert [r.state for r in result.records] == ["COMPLETE"] * 2
    lines = (tmp_path / "trials" / "0000" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 10)), "none was lost"
    told = [n for word, n in heard.of(0) if word == "epoch"]
    assert told == [6, 7, 8, 9], "none was trained again"
    said = (tmp_path / "study.journal").read_text()
    assert "was told to end (SIGTERM); a checkpoint was written after epoch" in said


@pytest.mark.usefixtures("crowd")
def test_a_trial_is_taken_up_again_where_others_use_all_places_but_one(tmp_path: Path) -> None:
    """The only worker left must not wait for a trial that waits for a worker."""
    recipe = fake_recipe(
        sweep__trials=2,
        sweep__space=CALM,
        sweep__confirm={"top": 1, "seeds": 1},
        data__path=str(tmp_path),
    )
    result = run(tmp_path, recipe, make=DyingOnce)
    assert [r.state for r in result.records] == ["COMPLETE"] * 2
    assert {c.reason for seeds in result.confirmed.values() for c in seeds} == {""}


def test_workers_stay_for_all_trials_and_for_what_is_trained_again(tmp_path: Path) -> None:
    confirm = {"top": 2, "seeds": 2}
    recipe = fake_recipe(sweep__trials=12, sweep__space=CALM, sweep__confirm=confirm)
    result = run(tmp_path, recipe, make=NotingProcess)
    assert [len(seeds) for seeds in result.confirmed.values()] == [2] * len(result.confirmed)
    searching = {path.read_text() for path in tmp_path.glob("trials/*/pid")}
    afterwards = {path.read_text() for path in tmp_path.glob("confirm/*/pid")}
    assert 1 <= len(searching) <= (os.cpu_count() or 1)
    assert str(os.getpid()) not in searching
    assert afterwards
    assert afterwards <= searching


def test_little_is_kept_of_a_trial_that_is_over(tmp_path: Path) -> None:
    from ray import tune

    kept: list[tune.ResultGrid] = []
    fit = tune.Tuner.fit

    def fitted(self: tune.Tuner) -> Any:
        kept.append(fit(self))
        return kept[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune.Tuner, "fit", fitted)
        run(tmp_path, fake_recipe(sweep__trials=4, sweep__space=CALM))
    assert len(kept[0]) >= 4
    for result in kept[0]:
        assert result.config == {}
        assert result.metrics["said"] == []


def test_a_study_that_cannot_be_written_stops_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from armtune.sweeps.study.journal import Journal

    def full(self: Journal, data: bytes) -> None:
        if b'"rung:' in data:
            raise OSError(28, "No space left on device")
        os.write(os.open(self.path, os.O_WRONLY | os.O_APPEND), data)

    monkeypatch.setattr(Journal, "_append", full)
    halving = {"name": "pareto_asha", "first_rung": 3}
    message = f"{JOURNAL}: can't be written: No space left on device"
    with pytest.raises(RunError, match=message):
        run(tmp_path, fake_recipe(sweep__pruner=halving))
    monkeypatch.undo()
    result = run(tmp_path, fake_recipe(sweep__pruner=halving))
    assert len(result.records) == 6
    assert "RUNNING" not in {r.state for r in result.records}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"cpu": 4096}, "sweep.resources: a trial reserves 4096 CPU cores, Ray has"),
        ({"cpu": 1, "gpu": 512}, "sweep.resources: a trial reserves 512 GPUs, Ray has"),
    ],
)
def test_more_than_ray_has_is_refused(tmp_path: Path, resources: Any, message: str) -> None:
    with pytest.raises(RunError, match=message):
        run(tmp_path, fake_recipe(sweep__resources=resources))


def test_an_address_where_nothing_listens_is_said_at_once() -> None:
    from armtune.sweeps.engines.ray_start import connect

    with pytest.raises(RunError, match=r"no Ray cluster at 127\.0\.0\.1:1: Connection refused"):
        connect("127.0.0.1:1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_kill_leave_nothing_running_but_in_the_study(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, str(HERE / "sweep_process.py"), str(tmp_path), "ray"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as sweep:
        assert sweep.stdout is not None
        assert any(line.startswith("epoch 2 ") for line in sweep.stdout)
        # Ctrl-C reaches all processes of the terminal, a kill one.
        (os.killpg if number == signal.SIGINT else os.kill)(sweep.pid, number)
        _, said = sweep.communicate()
    if number == signal.SIGINT:
        assert said.endswith("KeyboardInterrupt\n")
    else:
        assert sweep.returncode == signal.SIGTERM
    assert "RUNNING" in {r.state for r in read_records(tmp_path)}
    assert not processes_of(sweep.pid)
    result = run(tmp_path, process_recipe())
    assert "RUNNING" not in {r.state for r in result.records}
    assert [r.number for r in result.records] == list(range(8))
    assert not [r for r in result.records if r.state == "FAIL" and r.values[LR] < 0.5]


def processes_of(session: int) -> list[str]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        state, _, _, its_session = text.rpartition(")")[2].split()[:4]
        if int(its_session) == session and state != "Z":
            found.append(text)
    return found


def test_a_ray_that_does_not_start_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from armtune.sweeps.engines.ray_start import connect

    def slow(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup.\nMore.")

    monkeypatch.setattr(ray, "init", slow)
    told = r"^Ray didn't start on this machine: .*during startup\.; try again, or .*--inline$"
    with pytest.raises(RunError, match=told):
        connect(None)
