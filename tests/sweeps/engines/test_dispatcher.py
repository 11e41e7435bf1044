"""Work units and stages, as Ray Tune's calls meet them: no Ray is needed."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from fake_training import fake_recipe

from armtune.sweeps.engines.dispatcher import Dispatcher
from armtune.sweeps.engines.engine import Retrainings
from armtune.sweeps.engines.work_units import WorkUnit
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.trial import Confirmation, Failure, Task

DONE = Confirmation(0, {"accuracy": 0.5}, {})
DEAD = Failure("the worker died: it was killed", transient=True)


@dataclass
class Told:
    ends: list[tuple[int, str]] = field(default_factory=list)

    def __call__(self, task: Task, end: Confirmation) -> None:
        self.ends.append((task.number, end.reason))


def retrainings(told: Told, *numbers: int, retries: int = 1) -> Retrainings:
    recipe = fake_recipe(sweep__retries=retries)
    return Retrainings([Task(n, recipe, Path(f"{n}")) for n in numbers], told)


def dispatcher_for(*stages: Retrainings, capacity: int = 2) -> Dispatcher:
    def each() -> Iterator[Search | Retrainings]:
        yield from stages

    return Dispatcher(each(), lambda: capacity)


def taken_up(dispatcher: Dispatcher) -> WorkUnit:
    """The next unit, for which a new worker comes."""
    unit = dispatcher.next_unit()
    assert unit is not None
    dispatcher.worker_joined()
    return unit


def numbers(unit: WorkUnit | None) -> list[int]:
    assert unit is not None
    return [task.number for task in unit.tasks]


def test_no_more_legs_are_out_than_there_is_room_for() -> None:
    dispatcher = dispatcher_for(retrainings(Told(), 1, 2, 3))
    assert dispatcher.begin()
    assert [numbers(dispatcher.next_unit()) for _ in range(2)] == [[1], [2]]
    assert dispatcher.next_unit() is None
    assert not dispatcher.over


def test_a_worker_waits_for_the_next_stage_and_no_worker_is_started_to_wait() -> None:
    told = Told()
    dispatcher = dispatcher_for(retrainings(told, 1, 2), retrainings(told, 3, 4))
    first, second = taken_up(dispatcher), taken_up(dispatcher)
    assert not dispatcher.handle(first, [DONE])
    waiting = dispatcher.next_unit()
    assert waiting is not None
    assert numbers(waiting) == []
    assert dispatcher.handle(waiting, []), "the next stage waits for the other worker"
    assert not dispatcher.handle(second, [DONE])
    assert numbers(dispatcher.next_unit()) == [3]
    assert not dispatcher.handle(waiting, []), "there is something to do"
    assert numbers(dispatcher.next_unit()) == [4]
    assert told.ends == [(1, ""), (2, "")]


def test_one_task_of_many_places_starts_one_worker() -> None:
    dispatcher = dispatcher_for(retrainings(Told(), 1), capacity=8)
    assert numbers(dispatcher.next_unit()) == [1]
    assert dispatcher.next_unit() is None


def test_it_is_over_once_the_last_leg_has_ended_and_nothing_follows() -> None:
    told = Told()
    dispatcher = dispatcher_for(retrainings(told), retrainings(told, 1))
    unit = dispatcher.next_unit()
    assert unit is not None
    assert not dispatcher.over
    assert not dispatcher.handle(unit, [DONE])
    assert unit.tasks == (), "Tune keeps what it was given"
    assert dispatcher.next_unit() is None
    assert dispatcher.over


def test_nothing_to_do_is_known_beforehand() -> None:
    assert not dispatcher_for(retrainings(Told()), retrainings(Told())).begin()


def test_a_retraining_whose_process_died_is_tried_again_as_often_as_the_recipe_says() -> None:
    told = Told()
    dispatcher = dispatcher_for(retrainings(told, 1, retries=2), capacity=1)
    for _ in range(2):
        unit = dispatcher.next_unit()
        assert numbers(unit) == [1]
        assert unit is not None
        dispatcher.lose(unit, [DEAD])
        assert told.ends == []
    unit = dispatcher.next_unit()
    assert unit is not None
    dispatcher.lose(unit, [DEAD])
    assert told.ends == [(1, DEAD.reason)]
    assert dispatcher.next_unit() is None
    assert dispatcher.over


def test_a_waiting_worker_that_dies_leaves_no_place_taken() -> None:
    dispatcher = dispatcher_for(retrainings(Told(), 1, 2), retrainings(Told(), 3, 4))
    first, second = taken_up(dispatcher), taken_up(dispatcher)
    dispatcher.handle(first, [DONE])
    waiting = dispatcher.next_unit()
    assert waiting is not None
    dispatcher.lose(waiting, [])
    dispatcher.handle(second, [DONE])
    assert [numbers(dispatcher.next_unit()) for _ in range(2)] == [[3], [4]]


def test_no_worker_waits_while_a_leg_has_none() -> None:
    """Others may use the place that it would have."""
    dispatcher = dispatcher_for(
        retrainings(Told(), 1, 2, 3, retries=2), retrainings(Told(), 4), capacity=3
    )
    first, second, third = (taken_up(dispatcher) for _ in range(3))
    dispatcher.handle(first, [DONE])
    waiting = dispatcher.next_unit()
    assert waiting is not None
    assert dispatcher.handle(waiting, []), "two are at work"
    dispatcher.lose(second, [DEAD])
    again = dispatcher.next_unit()
    assert again is not None
    assert numbers(again) == [2]
    assert not dispatcher.handle(waiting, []), "this worker can take it up"
    assert dispatcher.next_unit() is None, "no other one is started to wait"
    dispatcher.handle(again, [DONE])
    waiting = dispatcher.next_unit()
    assert waiting is not None
    assert numbers(waiting) == []
    assert dispatcher.handle(waiting, []), "the third is at work"
    dispatcher.handle(third, [DONE])
    assert numbers(dispatcher.next_unit()) == [4]


def test_a_worker_that_comes_for_a_leg_lets_the_others_wait() -> None:
    dispatcher = dispatcher_for(retrainings(Told(), 1, 2, retries=2), retrainings(Told(), 3))
    first, second = taken_up(dispatcher), taken_up(dispatcher)
    dispatcher.handle(first, [DONE])
    waiting = dispatcher.next_unit()
    assert waiting is not None
    dispatcher.lose(second, [DEAD])
    assert numbers(taken_up(dispatcher)) == [2]
    assert dispatcher.handle(waiting, [])


def test_a_leg_is_cheap_for_those_who_copy_and_name_it() -> None:
    unit = WorkUnit(retrainings(Told(), 7).tasks)
    assert deepcopy({"unit": unit})["unit"] is unit
    assert repr(unit) == "0007"
    assert repr(WorkUnit()) == "waiting"
