"""How long references may go on."""

from __future__ import annotations

import time

import pytest

from armtune.references import clock
from armtune.references.clock import LEAST_SECONDS, Clock, OutOfTimeError, allowed


def test_a_tenth_of_the_sweep_or_some_seconds() -> None:
    assert allowed(10) == LEAST_SECONDS
    assert allowed(3600) == pytest.approx(360)


def test_what_is_short_starts_at_once() -> None:
    asked: list[float] = []
    Clock(lambda s: bool(asked.append(s))).wait_for(-1e9)
    assert asked == [0]


def test_what_is_too_long_waits_for_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: 15.0)

    def ended(seconds: float) -> bool:
        now[0] += 1000 * seconds
        return False

    ticking = Clock(ended)
    assert ticking.left == pytest.approx(LEAST_SECONDS - 15)
    ticking.wait_for(100)
    assert ticking.left >= 100


def test_after_the_sweep_what_is_too_long_is_left_out() -> None:
    with pytest.raises(OutOfTimeError):
        Clock(lambda s: True).wait_for(1e6)


def test_a_fit_that_takes_too_long_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "LEAST_SECONDS", time.process_time() + 0.3)
    monkeypatch.setattr(clock, "LOOK_SECONDS", 0.1)
    ticking = Clock(lambda s: True)

    def compute() -> None:
        with ticking.watching():
            while True:
                pass

    with pytest.raises(OutOfTimeError):
        compute()
