"""Checkpoints within an epoch: written where it takes long, taken up where all members can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from armtune.recipe.schema import Recipe
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.folder_lease import Lease
from armtune.sweeps.workers.pack import DAMAGED, Pack
from armtune.sweeps.workers.time_limit import TimeLimit, limit_exceeded
from armtune.sweeps.workers.trial import UNDERWAY, Failure, Step, Task
from armtune.sweeps.workers.worker import Worker
from armtune.testing.toys import toy_dataset, toy_recipe
from armtune.training.samples import Samples
from armtune.training.schedule import begin
from tests.sweeps.fake_training import FakeTraining, FakeWorkshop, fake_recipe


class Long(FakeTraining):
    """Five steps an epoch; notes each one, and can be stopped at one."""

    steps = 5
    done: list[tuple[int, int]] = []  # noqa: RUF012 (of all of them)
    stop: tuple[int, int] | None = None

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        def noting() -> bool:
            Long.done.append((self.epoch, self.step))
            if Long.stop == (self.epoch, self.step):
                Long.stop = None
                raise OSError("the machine is going down")
            return pause()

        return super().train_steps(noting)


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "STEP_SECONDS", -1.0)
    monkeypatch.setattr(pack, "SAVE_SECONDS", -1.0)
    monkeypatch.setattr(pack, "UNDERWAY_SECONDS", -1.0)
    Long.done, Long.stop = [], None


def tasks(run: Path, count: int = 1, **overrides: Any) -> list[Task]:
    made = []
    for k in range(count):
        folder = run / "trials" / f"{k:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        made.append(Task(k, fake_recipe(training__epochs=3, **overrides), folder))
    return made


def begins(own: list[Task], make: Callable[[Recipe], FakeTraining] = Long) -> Worker:
    worker = Worker(FakeWorkshop(make=make), 1, "cpu")
    worker.start(own)
    return worker


def crash(worker: Worker) -> None:
    """Trains until an error, as a worker whose process ends then."""
    [group] = worker._groups
    worker._begin(group)
    assert group.pack is not None
    while True:
        group.pack.step()


def ended(worker: Worker) -> list[Step | Failure]:
    said = worker.step()
    while all(isinstance(one, Step) and one.epoch < 3 for one in said):
        said = worker.step()
    return said


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("stop", [(0, 3), (1, 4)])
def test_a_training_goes_on_from_the_last_step_that_was_saved(
    tmp_path: Path, stop: tuple[int, int], count: int
) -> None:
    own, Long.stop = tasks(tmp_path, count), stop
    first = begins(own)
    with pytest.raises(OSError, match="going down"):
        crash(first)
    assert all((task.folder / UNDERWAY).exists() for task in own)
    Long.done = []
    said = ended(begins(own))
    assert all(isinstance(one, Step) and one.epoch == 3 for one in said)
    epoch, step = stop
    assert Long.done[0] == (epoch, step)
    assert len(Long.done) == count * (5 * (3 - epoch) - step + 1)
    assert not any((task.folder / UNDERWAY).exists() for task in own)


def test_nothing_is_written_within_short_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "UNDERWAY_SECONDS", 60.0)
    written: list[Path] = []

    class Noting(Long):
        def save(self, path: Path) -> None:
            written.append(path)
            super().save(path)

    ended(begins(tasks(tmp_path), Noting))
    assert written
    assert all(path.name != UNDERWAY for path in written)


def test_members_at_different_steps_begin_the_epoch_anew(tmp_path: Path) -> None:
    own = tasks(tmp_path, 2)
    for task, step in zip(own, (2, 3), strict=True):
        training = Long(task.recipe)
        training.step = step
        training.save(task.folder / UNDERWAY)
    ended(begins(own))
    assert Long.done[0] == (0, 1)
    assert len(Long.done) == 2 * 15


def test_a_damaged_one_is_put_aside_and_costs_the_epoch_alone(tmp_path: Path) -> None:
    recipe = toy_recipe()
    [task] = tasks(tmp_path)
    task = Task(0, recipe, task.folder)
    samples = Samples(recipe, toy_dataset(), "cpu")
    limits, leases = [TimeLimit(task.folder, None, False)], [Lease(task.folder, anew=True)]
    first = Pack([task], begin([recipe], samples), limits, leases, {}, lambda: 1.0)
    first._advance()
    first._seats[0].report()
    (task.folder / UNDERWAY).write_bytes(b"half of it")
    with pytest.raises(pack.DamagedCheckpointError):
        Pack([task], begin([recipe], samples), limits, leases, {}, lambda: 1.0)
    assert (task.folder / DAMAGED).read_bytes() == b"half of it"
    again = Pack([task], begin([recipe], samples), limits, leases, {}, lambda: 1.0)
    [where] = again.step()
    assert isinstance(where, Step)
    assert where.epoch == 1


def test_a_real_training_is_that_of_one_without_a_stop(tmp_path: Path) -> None:
    schedule = [{"epoch": 1, "values": {"training.optimizer.lr": 0.01}}]
    recipe = toy_recipe(schedule=schedule)
    samples = Samples(recipe, toy_dataset(), "cpu")
    whole = begin([recipe], samples)
    curve = [whole.advance() for _ in range(recipe.training.epochs)]
    [task] = tasks(tmp_path)
    limits, leases = [TimeLimit(task.folder, None, False)], [Lease(task.folder, anew=True)]
    found = []
    for _ in range(recipe.training.epochs):
        run = begin([recipe], samples)
        made = Pack([Task(0, recipe, task.folder)], run, limits, leases, {}, lambda: 1.0)
        for seat in made._seats:
            if not run.step:
                run.train_steps(lambda: True)
                run.train_steps(lambda: True)
                seat.save_underway()
        run = begin([recipe], samples)
        made = Pack([Task(0, recipe, task.folder)], run, limits, leases, {}, lambda: 1.0)
        assert run.step == 2
        made._train_epoch()
        found.append(run.advance())
        made._seats[0].handle(found[-1][0])
        made._seats[0].report()
    assert found == curve


def test_time_limits_hold_within_an_epoch(tmp_path: Path) -> None:
    class Endless(Long):
        steps = 10**9

    [said] = begins(tasks(tmp_path, sweep__trial_seconds=0.05), Endless).step()
    assert isinstance(said, Failure)
    assert said.reason == limit_exceeded(0.05)
