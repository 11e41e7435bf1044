"""What trainings cost a worker, by a clock that only trainings move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fake_training import FakeSamples, FakeTraining, FakeWorkshop, Together, fake_recipe

from armtune.recipe.schema import Recipe
from armtune.sweeps.workers import pack, worker
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.trial import Confirmation, Step, Task
from armtune.sweeps.workers.worker import Worker

READING, STEPS, JUDGING = 7.0, 3.0, 2.0


class Clock:
    """Stands in for the module ``time``."""

    now = 100.0

    @classmethod
    def monotonic(cls) -> float:
        return cls.now


class Slow(Together):
    def train_steps(self, pause: Callable[[], bool]) -> bool:
        Clock.now += STEPS
        return super().train_steps(pause)

    def advance(self) -> list[dict[str, float]]:
        Clock.now += JUDGING
        return super().advance()


@dataclass(frozen=True)
class Workshop(FakeWorkshop):
    def samples(self, recipe: Recipe, dataset: Any, device: str) -> FakeSamples:
        Clock.now += READING
        return super().samples(recipe, dataset, device)

    def training(self, recipes: Any, samples: Any) -> Slow:
        return Slow([FakeTraining(recipe) for recipe in recipes])


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pack, worker):
        monkeypatch.setattr(module, "time", Clock)
    monkeypatch.setattr(pack, "STEP_SECONDS", 1e9)


def tasks(folder: Path, count: int, **recipe: Any) -> list[Task]:
    made = fake_recipe(**recipe)
    return [Task(k, made, folder / "trials" / f"{k:04d}") for k in range(count)]


@pytest.mark.parametrize("members", [1, 3])
def test_a_packs_members_share_what_it_takes(tmp_path: Path, members: int) -> None:
    own = Worker(Workshop(), 1, "cpu")
    own.start(tasks(tmp_path, members, training__epochs=4))
    said = own.step()
    assert sum((one.seconds for one in said), Seconds()).training == pytest.approx(4 * 5.0)
    each = Seconds(READING, 4 * STEPS, 4 * JUDGING).shared(members)
    for one in said:
        assert vars(one.seconds) == pytest.approx(vars(each))


@pytest.mark.parametrize("members", [1, 3])
def test_a_goal_on_seconds_counts_by_the_same_clock(tmp_path: Path, members: int) -> None:
    own = Worker(Workshop(), 1, "cpu")
    goals = ["maximize accuracy", "minimize train_seconds"]
    own.start(tasks(tmp_path, members, training__epochs=4, sweep__objectives=goals))
    for one in own.step():
        assert isinstance(one, Step)
        assert one.best["train_seconds"] == pytest.approx(one.seconds.training)


def test_each_step_tells_of_itself_alone(tmp_path: Path) -> None:
    own = Worker(Workshop(), 1, "cpu")
    [task] = tasks(tmp_path, 1, training__epochs=4)
    own.start([replace(task, rungs=(1,))])
    assert own.step()[0].seconds == Seconds(READING, STEPS, JUDGING)
    assert own.step()[0].seconds == Seconds(0.0, 3 * STEPS, 3 * JUDGING)


def test_measuring_packs_is_counted_where_the_pack_was_taken_up_before(tmp_path: Path) -> None:
    own = Worker(Workshop(), 1, "cpu")
    recipe = fake_recipe(training__epochs=1, sweep__pack="auto")
    own.start(tasks(tmp_path, 1, training__epochs=1))
    before = Clock.now
    own.pack_size(recipe, 2)
    measuring = Clock.now - before
    assert own.step()[0].seconds.begin == pytest.approx(measuring)
    own.pack_size(recipe, 2)
    own.start(tasks(tmp_path / "other", 1, training__epochs=1))
    assert own.step()[0].seconds.begin == 0.0, "it belongs to the sweep's start"


def test_re_trainings_share_what_their_pack_takes(tmp_path: Path) -> None:
    own = Worker(Workshop(), 1, "cpu")
    ends = own.confirm(tasks(tmp_path, 2, training__epochs=4))
    seconds = [end.seconds for end in ends if isinstance(end, Confirmation)]
    assert seconds == [pytest.approx((READING + 4 * (STEPS + JUDGING)) / 2)] * 2


def test_a_failure_tells_what_it_took(tmp_path: Path) -> None:
    own = Worker(Workshop(), 1, "cpu")
    own.start(tasks(tmp_path, 1, training__epochs=4, training__optimizer__lr=0.9))
    [failure] = own.step()
    assert failure.seconds.training == pytest.approx(STEPS + JUDGING)
