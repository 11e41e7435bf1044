from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from armtune.samplers.cmaes import CmaEs


def search(direction: str, trials: int, rebuilt: bool = True) -> optuna.Study:
    """A narrow valley; the sampler is built anew for each trial, as a sweep does."""
    study = optuna.create_study(direction=direction, sampler=CmaEs().build(0))
    sign = 1.0 if direction == "minimize" else -1.0
    for i in range(trials):
        study.sampler = CmaEs().build(i)
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 1e-3, 1, log=True)
        if i % 10 == 7:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, sign * ((x - 0.7) ** 2 + (y - 0.1) ** 2))
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_closes_in_on_the_best(direction: str) -> None:
    study = search(direction, 120)
    assert abs(study.best_params["x"] - 0.7) < 0.02
    assert abs(study.best_params["y"] - 0.1) < 0.02
    late = [t.params["x"] for t in study.trials[-20:]]
    assert all(abs(x - 0.7) < 0.1 for x in late)


def test_nothing_but_numbers_is_kept_in_the_study() -> None:
    assert all(not trial.system_attrs for trial in search("minimize", 20).trials)
