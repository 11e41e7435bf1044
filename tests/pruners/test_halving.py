from __future__ import annotations

import pytest
from pydantic import ValidationError

from armtune.pruners._rungs import Standing
from armtune.pruners.asha import Asha
from armtune.pruners.pareto_asha import ParetoAsha

EIGHT = [Standing((float(n),)) for n in range(8)]


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(15, [3, 9]), (30, [3, 9, 27]), (9, [3]), (3, []), (1, [])]
)
def test_rungs_are_spaced_by_the_reduction(epochs: int, rungs: list[int]) -> None:
    assert ParetoAsha().rungs(epochs) == rungs


def test_rungs_follow_the_options() -> None:
    assert ParetoAsha(first_rung=1, reduction=2).rungs(15) == [1, 2, 4, 8]


def test_nothing_is_stopped_before_enough_trials_passed_the_rung() -> None:
    worst = Standing((99.0,))
    pruner = ParetoAsha(startup_trials=6)
    assert pruner.keeps(worst, EIGHT[:5], 0.2)
    assert not pruner.keeps(worst, EIGHT[:6], 0.2)


def test_with_one_objective_both_names_mean_the_same() -> None:
    for loss in (1.5, 2.5, 3.5):
        trial = Standing((loss,))
        assert Asha().keeps(trial, EIGHT, 0.2) == ParetoAsha().keeps(trial, EIGHT, 0.2)
    assert Asha().keeps(Standing((1.5,)), EIGHT, 0.2)
    assert not Asha().keeps(Standing((2.5,)), EIGHT, 0.2)


def test_asha_refuses_several_objectives_and_says_what_takes_them() -> None:
    assert Asha().problem(1) == ""
    assert Asha().problem(2) == "asha compares one objective, not 2; pareto_asha compares several"
    assert ParetoAsha().problem(5) == ""


def test_a_reduction_of_one_would_stop_nothing_and_is_refused() -> None:
    with pytest.raises(ValidationError):
        ParetoAsha(reduction=1)
