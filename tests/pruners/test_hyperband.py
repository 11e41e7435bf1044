from __future__ import annotations

from collections import Counter

import pytest

from armtune.pruners.hyperband import Hyperband


def test_the_brackets_have_hyperbands_shares() -> None:
    # Rungs at 3 and 9 make three brackets, whose shares are 9/3 : 3/2 : 1.
    pruner = Hyperband()
    assert pruner.rungs(27) == [3, 9]
    counts = Counter(pruner.bracket(number, 27) for number in range(1100))
    assert counts[0] == pytest.approx(600, abs=5)
    assert counts[1] == pytest.approx(300, abs=5)
    assert counts[2] == pytest.approx(200, abs=5)


def test_few_trials_are_spread_over_the_brackets_too() -> None:
    assert {Hyperband().bracket(number, 27) for number in range(6)} == {0, 1, 2}


def test_without_rungs_there_is_one_bracket() -> None:
    assert {Hyperband().bracket(number, 3) for number in range(50)} == {0}


def test_several_objectives_are_refused() -> None:
    assert Hyperband().problem(1) == ""
    assert "hyperband compares one objective, not 3" in Hyperband().problem(3)
