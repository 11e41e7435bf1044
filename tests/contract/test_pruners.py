"""What every pruner must keep to; an outside one is held to it by being installed."""

from __future__ import annotations

import random

import pytest

from armtune.plugins.registry import plugins
from armtune.pruners import Pruner
from armtune.pruners._rungs import Standing

PRUNERS = sorted(plugins("pruners"))


@pytest.fixture(params=PRUNERS)
def pruner(request: pytest.FixtureRequest) -> Pruner:
    made = plugins("pruners")[request.param]()
    assert isinstance(made, Pruner)
    return made


def rung(pruner: Pruner, count: int, seed: int) -> list[Standing]:
    """Random standings, of as many objectives as the pruner serves."""
    draw = random.Random(seed)
    objectives = 1 if pruner.problem(2) else 2
    return [
        Standing(tuple(draw.random() for _ in range(objectives)), (max(0.0, draw.random() - 0.5),))
        for _ in range(count)
    ]


def test_says_how_it_is_called(pruner: Pruner) -> None:
    assert plugins("pruners")[pruner.name] is type(pruner)
    assert type(pruner).__doc__


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 10, 15, 100])
def test_rungs_rise_and_stay_below_the_end(pruner: Pruner, epochs: int) -> None:
    rungs = pruner.rungs(epochs)
    assert rungs == sorted(set(rungs))
    assert all(1 <= rung < epochs for rung in rungs)


def test_the_first_at_a_rung_goes_on(pruner: Pruner) -> None:
    assert pruner.keeps(Standing((5.0,), (9.0,)), [], 0.2)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_of_a_rung_goes_on(pruner: Pruner, seed: int) -> None:
    others = rung(pruner, 20, seed)
    best = Standing(tuple(-1.0 for _ in others[0].losses), (0.0,))
    assert pruner.keeps(best, others, random.Random(seed).random())


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_arrival_of_others_is_no_matter(pruner: Pruner, seed: int) -> None:
    trial, *others = rung(pruner, 15, seed)
    kept = pruner.keeps(trial, others, 0.3)
    random.Random(seed).shuffle(others)
    assert pruner.keeps(trial, others, 0.3) == kept


@pytest.mark.parametrize("seed", range(20))
def test_what_is_worse_in_every_way_does_not_outlive_the_better(pruner: Pruner, seed: int) -> None:
    trial, *others = rung(pruner, 15, seed)
    worse = Standing(tuple(loss + 0.1 for loss in trial.losses), (trial.violations[0] + 0.1,))
    if pruner.keeps(worse, others, 0.3):
        assert pruner.keeps(trial, others, 0.3)
