"""Who may write into a task's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.errors import RunError
from armtune.sweeps.workers.folder_lease import WORKER, Lease, LostLeaseError
from armtune.sweeps.workers.trial import CHECKPOINT, ERROR, METRICS, Failure, Step, Task
from armtune.sweeps.workers.worker import Worker
from tests.sweeps.fake_training import FakeWorkshop, fake_recipe


def test_a_claim_holds_until_another_is_made(tmp_path: Path) -> None:
    first = Lease(tmp_path, anew=True)
    again = Lease(tmp_path, anew=False)
    first.check()
    again.check()
    second = Lease(tmp_path, anew=True)
    second.check()
    for lost in (first, again):
        with pytest.raises(LostLeaseError, match="taken over by another worker"):
            lost.check()


def test_a_folder_that_is_gone_is_another_matter(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "0003", anew=True)
    (tmp_path / "0003" / WORKER).unlink()
    with pytest.raises(RunError, match=r"0003.worker\.txt: No such file") as caught:
        lease.check()
    assert isinstance(caught.value.__cause__, OSError)


def test_a_worker_given_up_for_dead_writes_nothing_more(tmp_path: Path) -> None:
    task = Task(3, fake_recipe(), tmp_path / "trials" / "0003", (3, 6))
    task.folder.parents[1].mkdir(exist_ok=True)
    given_up, new = (Worker(FakeWorkshop(), 1, "cpu") for _ in range(2))
    given_up.start([task])
    [said] = given_up.step()
    assert isinstance(said, Step)
    new.start([task])
    [said] = new.step()
    assert isinstance(said, Step)
    metrics = (task.folder / METRICS).read_text()
    [end] = given_up.step()
    assert isinstance(end, Failure)
    assert "taken over" in end.reason
    assert (task.folder / METRICS).read_text() == metrics
    assert not (task.folder / CHECKPOINT).exists()
    assert not (task.folder / ERROR).exists()
    while said.epoch < 9:
        [said] = new.step()
        assert isinstance(said, Step)
    assert len((task.folder / METRICS).read_text().splitlines()) == 9
