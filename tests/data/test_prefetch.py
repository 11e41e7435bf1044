"""Work done ahead by threads comes in order, and its errors in their turn."""

from __future__ import annotations

import threading
import time

import pytest

from armtune.data.prefetch import AHEAD, prefetched


def test_results_come_in_order_whoever_is_first() -> None:
    def slow(number: int) -> int:
        time.sleep(0.01 * (number % 3))
        return number**2

    assert list(prefetched(slow, range(20))) == [n**2 for n in range(20)]


def test_an_error_comes_in_its_turn_and_ends_the_rest() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = prefetched(work, range(1000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(begun) < 1000


def test_whoever_stops_leaves_no_thread() -> None:
    before = threading.active_count()
    results = prefetched(lambda number: number, range(1000))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_one_thread_makes_a_few_before_they_are_asked_for() -> None:
    made: list[int] = []

    def work(number: int) -> int:
        made.append(number)
        return number

    results = prefetched(work, range(9), threads=1)
    assert next(results) == 0
    assert len(made) <= AHEAD + 1
    assert list(results) == list(range(1, 9))
