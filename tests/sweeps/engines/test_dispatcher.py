"""Legs and stages, as Ray Tune's calls meet them: no Ray is needed."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from fake_training import fake_recipe

from armtune.sweeps.engines.dispatcher import Clerk
from armtune.sweeps.engines.engine import Retrainings
from armtune.sweeps.engines.work_units import Leg
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


def clerk_for(*stages: Retrainings, room: int = 2) -> Clerk:
    def each() -> Iterator[Search | Retrainings]:
        yield from stages

    return Clerk(each(), lambda: room)


def taken_up(clerk: Clerk) -> Leg:
    """The next leg, for which a new worker comes."""
    leg = clerk.next_leg()
    assert leg is not None
    clerk.came()
    return leg


def numbers(leg: Leg | None) -> list[int]:
    assert leg is not None
    return [task.number for task in leg.tasks]


def test_no_more_legs_are_out_than_there_is_room_for() -> None:
    clerk = clerk_for(retrainings(Told(), 1, 2, 3))
    assert clerk.begin()
    assert [numbers(clerk.next_leg()) for _ in range(2)] == [[1], [2]]
    assert clerk.next_leg() is None
    assert not clerk.over


def test_a_worker_waits_for_the_next_stage_and_no_worker_is_started_to_wait() -> None:
    told = Told()
    clerk = clerk_for(retrainings(told, 1, 2), retrainings(told, 3, 4))
    first, second = taken_up(clerk), taken_up(clerk)
    assert not clerk.hear(first, [DONE])
    waiting = clerk.next_leg()
    assert waiting is not None
    assert numbers(waiting) == []
    assert clerk.hear(waiting, []), "the next stage waits for the other worker"
    assert not clerk.hear(second, [DONE])
    assert numbers(clerk.next_leg()) == [3]
    assert not clerk.hear(waiting, []), "there is something to do"
    assert numbers(clerk.next_leg()) == [4]
    assert told.ends == [(1, ""), (2, "")]


def test_one_task_of_many_places_starts_one_worker() -> None:
    clerk = clerk_for(retrainings(Told(), 1), room=8)
    assert numbers(clerk.next_leg()) == [1]
    assert clerk.next_leg() is None


def test_it_is_over_once_the_last_leg_has_ended_and_nothing_follows() -> None:
    told = Told()
    clerk = clerk_for(retrainings(told), retrainings(told, 1))
    leg = clerk.next_leg()
    assert leg is not None
    assert not clerk.over
    assert not clerk.hear(leg, [DONE])
    assert leg.tasks == (), "Tune keeps what it was given"
    assert clerk.next_leg() is None
    assert clerk.over


def test_nothing_to_do_is_known_beforehand() -> None:
    assert not clerk_for(retrainings(Told()), retrainings(Told())).begin()


def test_a_retraining_whose_process_died_is_tried_again_as_often_as_the_recipe_says() -> None:
    told = Told()
    clerk = clerk_for(retrainings(told, 1, retries=2), room=1)
    for _ in range(2):
        leg = clerk.next_leg()
        assert numbers(leg) == [1]
        assert leg is not None
        clerk.lose(leg, [DEAD])
        assert told.ends == []
    leg = clerk.next_leg()
    assert leg is not None
    clerk.lose(leg, [DEAD])
    assert told.ends == [(1, DEAD.reason)]
    assert clerk.next_leg() is None
    assert clerk.over


def test_a_waiting_worker_that_dies_leaves_no_place_taken() -> None:
    clerk = clerk_for(retrainings(Told(), 1, 2), retrainings(Told(), 3, 4))
    first, second = taken_up(clerk), taken_up(clerk)
    clerk.hear(first, [DONE])
    waiting = clerk.next_leg()
    assert waiting is not None
    clerk.lose(waiting, [])
    clerk.hear(second, [DONE])
    assert [numbers(clerk.next_leg()) for _ in range(2)] == [[3], [4]]


def test_no_worker_waits_while_a_leg_has_none() -> None:
    """Others may use the place that it would have."""
    clerk = clerk_for(retrainings(Told(), 1, 2, 3, retries=2), retrainings(Told(), 4), room=3)
    first, second, third = (taken_up(clerk) for _ in range(3))
    clerk.hear(first, [DONE])
    waiting = clerk.next_leg()
    assert waiting is not None
    assert clerk.hear(waiting, []), "two are at work"
    clerk.lose(second, [DEAD])
    again = clerk.next_leg()
    assert again is not None
    assert numbers(again) == [2]
    assert not clerk.hear(waiting, []), "this worker can take it up"
    assert clerk.next_leg() is None, "no other one is started to wait"
    clerk.hear(again, [DONE])
    waiting = clerk.next_leg()
    assert waiting is not None
    assert numbers(waiting) == []
    assert clerk.hear(waiting, []), "the third is at work"
    clerk.hear(third, [DONE])
    assert numbers(clerk.next_leg()) == [4]


def test_a_worker_that_comes_for_a_leg_lets_the_others_wait() -> None:
    clerk = clerk_for(retrainings(Told(), 1, 2, retries=2), retrainings(Told(), 3))
    first, second = taken_up(clerk), taken_up(clerk)
    clerk.hear(first, [DONE])
    waiting = clerk.next_leg()
    assert waiting is not None
    clerk.lose(second, [DEAD])
    assert numbers(taken_up(clerk)) == [2]
    assert clerk.hear(waiting, [])


def test_a_leg_is_cheap_for_those_who_copy_and_name_it() -> None:
    leg = Leg(retrainings(Told(), 7).tasks)
    assert deepcopy({"leg": leg})["leg"] is leg
    assert repr(leg) == "0007"
    assert repr(Leg()) == "waiting"
