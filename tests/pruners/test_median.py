from __future__ import annotations

from armtune.pruners._rungs import Standing
from armtune.pruners.median import Median

SEVEN = [Standing((float(n),)) for n in range(7)]


def test_trials_are_compared_at_even_distances() -> None:
    assert Median().rungs(7) == [3, 4, 5, 6]
    assert Median(first_rung=2, every=4).rungs(15) == [2, 6, 10, 14]


def test_what_is_behind_more_than_half_of_all_stops() -> None:
    # Eight with the trial itself: the best four go on.
    assert Median().keeps(Standing((2.5,)), SEVEN, 0.5)
    assert not Median().keeps(Standing((3.5,)), SEVEN, 0.5)


def test_nothing_stops_before_enough_trials_came() -> None:
    assert Median().keeps(Standing((99.0,)), SEVEN[:3], 0.5)
    assert not Median().keeps(Standing((99.0,)), SEVEN[:4], 0.5)


def test_a_violation_counts_first() -> None:
    others = [Standing((float(n),), (0.0,)) for n in range(7)]
    assert not Median().keeps(Standing((-1.0,), (0.5,)), others, 0.5)


def test_several_objectives_are_refused() -> None:
    assert Median().problem(1) == ""
    assert Median().problem(2) == (
        "median compares one objective, not 2; pareto_asha compares several"
    )
