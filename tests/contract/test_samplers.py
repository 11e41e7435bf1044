"""What every sampler must keep to; an outside one is held to it by being installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from armtune.plugins.registry import plugins
from armtune.recipe.ranges import Dimension, parse_range
from armtune.samplers import Demand, Sampler

SAMPLERS = sorted(plugins("samplers"))
Draw = dict[str, object]
EASY = {
    "plain": {"uniform": [0, 1], "step": 0.125},
    "coarse": {"uniform": [0, 1], "step": 0.25},
    "whole": {"int": [4, 32], "step": 4},
}
"""A space that every sampler serves."""
HARD = {
    "plain": {"uniform": [0, 1]},
    "log": {"log": [1e-4, 1]},
    "coarse": {"uniform": [0, 1], "step": 0.25},
    "choice": {"choice": ["a", "b", "c"]},
    "nested": {"int": [4, 32], "step": 4, "when": {"choice": "a"}},
}
"""A conditional space with every kind of range."""


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    made = plugins("samplers")[request.param]()
    assert isinstance(made, Sampler)
    return made


def demand(space: Mapping[str, Any], objectives: int, constraints: int) -> Demand:
    dimensions = [parse_range(path, written) for path, written in space.items()]
    return Demand(objectives, constraints, 24, dimensions)


def suggest(trial: optuna.Trial, dimensions: list[Dimension]) -> Draw:
    found: Draw = {}
    for d in dimensions:
        if not d.applies(found):
            continue
        if d.choices:
            found[d.path] = trial.suggest_categorical(d.path, d.choices)
        elif d.kind == "int":
            found[d.path] = trial.suggest_int(d.path, int(d.low), int(d.high), step=int(d.step))
        else:
            found[d.path] = trial.suggest_float(d.path, d.low, d.high, step=d.step, log=d.log)
    return found


def draws(sampler: Sampler, asked: Demand, seed: int) -> list[Draw]:
    """A sweep with trials of every state, one of them running."""
    sampler, _ = sampler.settled(asked)
    study = optuna.create_study(
        directions=["maximize", "minimize"][: asked.objectives], sampler=sampler.build(seed)
    )
    for values in sampler.planned(asked, {"plain": 0.5, "coarse": 0.5}):
        study.enqueue_trial(values)
    found = []
    for i in range(asked.trials):
        if not sampler.sequential:
            study.sampler = sampler.build(1000 * seed + i)
        trial = study.ask()
        found.append(suggest(trial, list(asked.dimensions)))
        if i == 4:
            continue
        if i % 5 == 1:
            study.tell(trial, state=TrialState.PRUNED)
        elif i % 5 == 2:
            study.tell(trial, state=TrialState.FAIL)
        else:
            plain, coarse = trial.params["plain"], trial.params["coarse"]
            if asked.constraints:
                trial.set_constraint("floor", 0.4 - plain)
            study.tell(trial, [plain, coarse][: asked.objectives])
    return found


def served(sampler: Sampler) -> list[Demand]:
    """What a sampler says it serves, of all there may be."""
    every = [demand(s, o, c) for s in (EASY, HARD) for o in (1, 2) for c in (0, 1)]
    return [asked for asked in every if not sampler.problem(asked)]


def test_says_how_it_is_called(sampler: Sampler) -> None:
    assert plugins("samplers")[sampler.name] is type(sampler)
    assert type(sampler).__doc__


def test_serves_something(sampler: Sampler) -> None:
    assert demand(EASY, 1, 0) in served(sampler)


def test_serves_what_it_says_it_does(sampler: Sampler) -> None:
    for asked in served(sampler):
        found = draws(sampler, asked, seed=0)
        assert (found[0]["plain"], found[0]["coarse"]) == (0.5, 0.5) or sampler.name == "grid"
        assert all(("nested" in draw) == (draw.get("choice") == "a") for draw in found)
        assert len({str(draw) for draw in found}) > len(found) // 2


def test_a_seed_fixes_the_draws(sampler: Sampler) -> None:
    for asked in served(sampler)[:1]:
        first, again, other = (draws(sampler, asked, seed) for seed in (3, 3, 4))
        assert first == again
        assert first[1:] != other[1:] or sampler.name == "grid"


def test_refuses_in_words(sampler: Sampler) -> None:
    for objectives in (1, 2):
        problem = sampler.problem(demand(HARD, objectives, 1))
        assert not problem or problem.startswith(sampler.name) or "the grid has" in problem
