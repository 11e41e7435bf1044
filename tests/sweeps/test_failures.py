"""What goes wrong with one training, and what is tried again."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeTraining, FakeWorkshop, Together, fake_recipe

from armtune.data import Dataset
from armtune.errors import DataError, RecipeError, RunError, StorageError
from armtune.recipe.schema import Recipe
from armtune.sweeps import Listener, SweepResult, TrialRecord, read_confirmed, read_records
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.workers import pack, time_limit
from armtune.sweeps.workers.pack import DAMAGED
from armtune.sweeps.workers.time_limit import TimeLimit, take_stack
from armtune.sweeps.workers.trial import CHECKPOINT, METRICS, Failure, Step, Task
from armtune.sweeps.workers.worker import Worker


def run(folder: Path, make: Callable[[Recipe], Any], **overrides: Any) -> SweepResult:
    recipe = fake_recipe(**{"sweep__space": CALM, **overrides})
    return run_sweep(recipe, Place(folder, Path(), inline=True), (), FakeWorkshop(make=make))


class Moody(FakeTraining):
    """Raises its error at the fifth epoch as often as it is told to."""

    error: Exception
    left = 0

    def advance(self) -> list[dict[str, float]]:
        if self.epoch == 4 and type(self).left:
            type(self).left -= 1
            raise self.error
        return super().advance()


def moody(raised: Exception, times: int) -> type[Moody]:
    return type("Moody", (Moody,), {"error": raised, "left": times})


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step an epoch, and a checkpoint with each."""
    monkeypatch.setattr(pack, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(pack, "SAVE_SECONDS", -1.0)


@pytest.mark.usefixtures("eager")
def test_what_may_be_transient_is_tried_again_from_the_checkpoint(tmp_path: Path) -> None:
    result = run(tmp_path, moody(OSError(116, "Stale file handle"), 2), sweep__retries=2)
    assert [r.state for r in result.records] == ["COMPLETE"] * 6
    undisturbed = run(tmp_path / "undisturbed", FakeTraining)
    assert [r.metrics for r in result.records] == [r.metrics for r in undisturbed.records]
    lines = (tmp_path / "trials" / "0000" / METRICS).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 10))


def test_it_is_tried_as_often_as_the_recipe_says(tmp_path: Path) -> None:
    result = run(tmp_path, moody(OSError(116, "Stale file handle"), 3), sweep__retries=2)
    assert [r.state for r in result.records] == ["FAIL", *["COMPLETE"] * 5]
    assert result.records[0].reason == "OSError: [Errno 116] Stale file handle"


@pytest.mark.parametrize("error", [ValueError("no"), RecipeError(["no"]), RunError("no")])
def test_what_will_not_go_better_is_not_tried_again(tmp_path: Path, error: Exception) -> None:
    kind = moody(error, 1)
    result = run(tmp_path, kind, sweep__retries=5)
    assert [r.state for r in result.records] == ["FAIL", *["COMPLETE"] * 5]


BROKEN_DISKS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    OSError(errno.EROFS, "Read-only file system"),
    OSError(errno.EIO, "Input/output error"),
    DataError("cache: can't write to the cache (No space left on device)"),
    StorageError("x: can't be written: Permission denied"),
]


@pytest.mark.parametrize("error", BROKEN_DISKS, ids=str)
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.usefixtures("eager")
def test_a_broken_disk_stops_the_sweep_and_fails_no_trial(
    tmp_path: Path, error: Exception, size: int
) -> None:
    recipe = fake_recipe(sweep__space=CALM, sweep__retries=0, sweep__pack=size)
    place = Place(tmp_path / "run", Path(), resume=True, inline=True)
    with pytest.raises(StorageError, match=r"left to be done.*--resume"):
        run_sweep(recipe, place, (), FakeWorkshop(make=moody(error, 100)))
    assert {r.state for r in read_records(tmp_path / "run")} == {"RUNNING"}
    result = run_sweep(recipe, place, (), FakeWorkshop())
    undisturbed = run(tmp_path / "undisturbed", FakeTraining, sweep__pack=size)
    assert [r.state for r in result.records] == ["COMPLETE"] * 6
    assert [r.metrics for r in result.records] == [r.metrics for r in undisturbed.records]


@pytest.mark.parametrize("broken", ["advance", "save_model", "test"])
def test_a_broken_disk_fails_no_re_training(tmp_path: Path, broken: str) -> None:
    def full(self: FakeTraining, *_: Any) -> Any:
        if self.recipe.training.seed >= 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return getattr(FakeTraining, broken)(self, *_)

    full_at_last = type("FullAtLast", (FakeTraining,), {broken: full})
    recipe = fake_recipe(sweep__space=CALM, sweep__confirm={"top": 1, "seeds": 2, "solo": True})
    place = Place(tmp_path, Path(), resume=True, inline=True)
    with pytest.raises(StorageError, match="No space left on device"):
        run_sweep(recipe, place, (), FakeWorkshop(make=full_at_last))
    assert read_confirmed(tmp_path) == {}
    result = run_sweep(recipe, place, (), FakeWorkshop())
    assert [c.reason for c in next(iter(result.confirmed.values()))] == ["", ""]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_listener_whose_disk_is_broken_stops_the_sweep_with_a_word(
    tmp_path: Path, number: int
) -> None:
    class Full(Listener):
        def trial_ended(self, record: TrialRecord) -> None:
            raise OSError(number, os.strerror(number), str(tmp_path / "log"))

    recipe, place = fake_recipe(sweep__space=CALM), Place(tmp_path, Path(), inline=True)
    with pytest.raises(StorageError, match=f"log: can't be written: {os.strerror(number)}"):
        run_sweep(recipe, place, (Full(),), FakeWorkshop())


def test_a_journal_that_cannot_be_forced_to_the_disk_stops_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"study.journal: can't be written: Input/output error"):
        run(tmp_path, FakeTraining)


def test_the_tries_are_counted_across_an_interruption(tmp_path: Path) -> None:
    errors: list[BaseException] = [OSError("first"), KeyboardInterrupt(), OSError("second")]

    class Stopped(FakeTraining):
        def advance(self) -> list[dict[str, float]]:
            if self.epoch == 4 and errors:
                raise errors.pop(0)
            return super().advance()

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Stopped)
    recipe, place = fake_recipe(sweep__space=CALM), Place(tmp_path, Path(), True, inline=True)
    result = run_sweep(recipe, place, (), FakeWorkshop(make=Stopped))
    assert result.records[0].reason == "OSError: second"
    assert [r.state for r in result.records] == ["FAIL", *["COMPLETE"] * 5]


def test_a_confirmation_is_tried_again(tmp_path: Path) -> None:
    recipe = fake_recipe(training__seed=1003)
    task = Task(3, recipe, tmp_path / "confirm" / "0003-1003")
    worker = Worker(FakeWorkshop(make=moody(OSError("no"), 1)), 1, "cpu")
    [done] = worker.confirm([task])
    assert done.validation["epoch"] == 9


@pytest.mark.usefixtures("eager")
def test_a_damaged_checkpoint_costs_its_training_alone(tmp_path: Path) -> None:
    class Damaging(FakeTraining):
        def restore(self, path: Path) -> None:
            try:
                super().restore(path)
            except ValueError as error:
                raise RunError(f"{path}: damaged") from error

    own = tmp_path / "trials" / "0000"

    class Damages(Listener):
        def trial_started(self, record: TrialRecord) -> None:
            if record.number == 0 and not own.exists():
                own.mkdir(parents=True)
                (own / CHECKPOINT).write_text('{"epoch": 4, ')

    place = Place(tmp_path, Path(), inline=True)
    recipe = fake_recipe(sweep__space=CALM)
    result = run_sweep(recipe, place, [Damages()], FakeWorkshop(make=Damaging))
    assert result.records[0].state == "COMPLETE"
    assert (own / DAMAGED).exists()
    assert len((own / METRICS).read_text().splitlines()) == 9


def test_a_trial_folder_deleted_while_it_trains_is_made_again(tmp_path: Path) -> None:
    deleted = []

    class Deleted(FakeTraining):
        def advance(self) -> list[dict[str, float]]:
            if self.epoch == 4 and not deleted:
                deleted.extend((tmp_path / "trials" / "0000").iterdir())
                for path in deleted:
                    path.unlink()
                deleted[0].parent.rmdir()
            return super().advance()

    result = run(tmp_path, Deleted)
    assert result.records[0].state == "COMPLETE"
    assert len((tmp_path / "trials" / "0000" / METRICS).read_text().splitlines()) == 9


def test_a_trial_beyond_its_time_fails_after_the_epoch(tmp_path: Path) -> None:
    class Slow(FakeTraining):
        def advance(self) -> list[dict[str, float]]:
            time.sleep(0.5 if self.lr == 0.01 else 0)
            return super().advance()

    result = run(tmp_path, Slow, sweep__trial_seconds=0.4)
    assert [r.state for r in result.records] == ["FAIL", *["COMPLETE"] * 5]
    assert result.records[0].reason == "it took longer than sweep.trial_seconds: 0.4"
    assert "Traceback" in (tmp_path / "trials" / "0000" / "error.txt").read_text()


HANG = """
import sys, time
from pathlib import Path
from armtune.sweeps.workers import time_limit
time_limit.GRACE = 0.1
with time_limit.TimeLimit(Path(sys.argv[1]), 0.1, hard=True).enforced():
    def endless():
        time.sleep(60)
    endless()
"""


def test_a_process_that_hangs_is_ended_and_says_where_it_was(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", HANG, str(tmp_path)], check=False)
    assert ended.returncode == 1
    assert "in endless" in take_stack(tmp_path)
    assert take_stack(tmp_path) == ""


def test_within_its_time_a_limit_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "GRACE", 0.0)
    limit = TimeLimit(tmp_path, 0.1, hard=True)
    with limit.enforced():
        pass
    time.sleep(0.15)
    assert list(tmp_path.iterdir()) == []


GONE = RuntimeError("CUDA error: an illegal memory access was encountered")


def test_a_worker_whose_gpu_answers_no_more_is_replaced(tmp_path: Path) -> None:
    task = Task(3, fake_recipe(), tmp_path / "trials" / "0003")
    worker = Worker(FakeWorkshop(make=moody(GONE, 1)), 1, "cpu", expendable=True)
    worker.start([task])
    with pytest.raises(RuntimeError, match="illegal memory access"):
        worker.step()
    only_one = Worker(FakeWorkshop(make=moody(GONE, 1)), 1, "cpu")
    only_one.start([task])
    assert only_one.step() == [Failure(f"RuntimeError: {GONE}")]


@pytest.mark.parametrize(("gpu", "again"), [(0.5, True), (1, False)])
def test_memory_that_others_of_a_gpu_may_have_taken_is_asked_for_again(
    tmp_path: Path, gpu: float, again: bool
) -> None:
    recipe = fake_recipe(sweep__resources={"gpu": gpu})
    error = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    worker = Worker(FakeWorkshop(make=moody(error, 1)), 1, "cpu", expendable=True)
    worker.start([Task(3, recipe, tmp_path / "trials" / "0003")])
    assert worker.step() == [Failure(f"RuntimeError: {error}", transient=again)]


def test_a_pack_that_failed_is_gone_before_its_members_try_alone(tmp_path: Path) -> None:
    """Else they would want memory that it still has."""
    packs: list[weakref.ref[Together]] = []

    class Large(Together):
        def advance(self) -> list[dict[str, float]]:
            raise RuntimeError("CUDA out of memory")

    class Crowded(FakeWorkshop):
        def training(self, recipes: Any, samples: Any) -> Together:
            assert not any(other() for other in packs)
            if len(recipes) == 1:
                return super().training(recipes, samples)
            pack = Large([FakeTraining(recipe) for recipe in recipes])
            packs.append(weakref.ref(pack))
            return pack

    worker = Worker(Crowded(), 1, "cpu")
    worker.start([Task(n, fake_recipe(), tmp_path / "trials" / f"{n}") for n in range(2)])
    assert all(isinstance(said, Step) for said in worker.step())
    assert len(packs) == 1


def test_a_node_that_does_not_see_the_runs_folder_says_so(tmp_path: Path) -> None:
    worker = Worker(FakeWorkshop(), 1, "cpu")
    worker.start([Task(3, fake_recipe(), tmp_path / "elsewhere" / "trials" / "0003")])
    [said] = worker.step()
    assert isinstance(said, Failure)
    assert "elsewhere isn't there on" in said.reason
    assert not said.transient


def test_a_node_that_reads_other_data_says_so(tmp_path: Path) -> None:
    class Other(FakeWorkshop):
        def dataset(self, recipe: Recipe) -> Dataset:
            return FakeWorkshop(digest="other").dataset(recipe)

    worker = Worker(Other(), 1, "cpu")
    worker.start([Task(3, fake_recipe(), tmp_path / "trials" / "0003")])
    [said] = worker.step()
    assert isinstance(said, Failure)
    assert "reads other data than the sweep was started with" in said.reason


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may write anywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


def test_a_folder_that_may_only_be_read_is_named(tmp_path: Path, request: Any) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o555)
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    request.getfixturevalue("unprivileged")
    with pytest.raises(RunError, match="run: can't be written: Permission denied"):
        run(folder, FakeTraining)
