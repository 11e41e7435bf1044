"""What every sampler must keep to; an outside one is held to it by being installed."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from armtune.registry import plugins
from armtune.samplers import Sampler

SAMPLERS = sorted(plugins("samplers"))
Draw = dict[str, object]


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    made = plugins("samplers")[request.param]()
    assert isinstance(made, Sampler)
    return made


def suggest(trial: optuna.Trial) -> Draw:
    """A conditional space with every kind of range."""
    trial.suggest_float("plain", 0.0, 1.0)
    trial.suggest_float("log", 1e-4, 1.0, log=True)
    trial.suggest_float("step", 0.0, 1.0, step=0.25)
    if trial.suggest_categorical("choice", ["a", "b", "c"]) == "a":
        trial.suggest_int("nested", 4, 32, step=4)
    return trial.params


def draws(sampler: Sampler, seed: int, count: int = 24) -> list[Draw]:
    """A sweep with two objectives, a constraint, and trials of every state, one of them running."""
    built = sampler.build(seed)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=built)
    study.enqueue_trial({"plain": 0.5, "log": 0.1, "step": 0.5, "choice": "a", "nested": 8})
    found = []
    for i in range(count):
        trial = study.ask()
        found.append(suggest(trial))
        if i == 4:
            continue
        if i % 5 == 1:
            study.tell(trial, state=TrialState.PRUNED)
        elif i % 5 == 2:
            study.tell(trial, state=TrialState.FAIL)
        else:
            trial.set_constraint("floor", 0.4 - trial.params["plain"])
            study.tell(trial, [trial.params["plain"], trial.params["step"]])
    return found


def test_says_how_it_is_called(sampler: Sampler) -> None:
    assert plugins("samplers")[sampler.name] is type(sampler)
    assert type(sampler).__doc__


def test_serves_conditions_constraints_and_every_state(sampler: Sampler) -> None:
    found = draws(sampler, seed=0)
    assert found[0] == {"plain": 0.5, "log": 0.1, "step": 0.5, "choice": "a", "nested": 8}
    assert all(("nested" in draw) == (draw["choice"] == "a") for draw in found)
    assert len({str(draw) for draw in found}) > len(found) // 2


def test_a_seed_fixes_the_draws(sampler: Sampler) -> None:
    assert draws(sampler, seed=3) == draws(sampler, seed=3)
    assert draws(sampler, seed=3)[1:] != draws(sampler, seed=4)[1:]


def test_says_nothing_against_two_objectives_that_it_serves(sampler: Sampler) -> None:
    assert sampler.problem(objectives=2, constraints=1) == ""
