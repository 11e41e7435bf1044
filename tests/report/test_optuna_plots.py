"""Importances and Optuna's plots of one metric, from records."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from armtune.recipe.objectives import Objective
from armtune.recipe.space import Dimension, Space
from armtune.report.optuna_plots import FEWEST, importances, optuna_plots, study_of
from armtune.sweeps.study.records import TrialRecord

SPACE = Space(
    (
        Dimension("training.optimizer.lr", "float", low=1e-4, high=1e-1, log=True),
        Dimension("training.batch_size", "int", low=2, high=64),
        Dimension("balancing.name", "choice", choices=("none", "arm", True, 1)),
        Dimension("balancing.alpha", "float", high=3.0, when={"balancing.name": ("arm",)}),
    )
)
ACCURACY = Objective("accuracy", "maximize")


def made(count: int, **changes: Any) -> list[TrialRecord]:
    """Trials whose accuracy depends on the learning rate alone."""
    draw = random.Random(3)
    records = []
    for n in range(count):
        lr, arm = 10 ** draw.uniform(-4, -1), n % 2 == 0
        values = {
            "training.optimizer.lr": lr,
            "training.batch_size": draw.randrange(2, 65),
            "balancing.name": "arm" if arm else True,
            **({"balancing.alpha": draw.uniform(0, 3)} if arm else {}),
        }
        metrics = {"accuracy": 0.9 + 0.1 * math.log10(lr), "contribution_gap": 0.2}
        about = {"reason": "", "started": 1000.0 + n, "ended": 1001.0 + n, **changes}
        records.append(TrialRecord(n, "COMPLETE", values, metrics, 3, **about))
    return records


def test_what_the_metric_depends_on_matters_most() -> None:
    shares = importances(made(40), SPACE, ACCURACY)
    assert next(iter(shares)) == "lr"
    assert shares["lr"] > 0.8
    assert set(shares) == {"lr", "batch_size", "balancing", "alpha"}


def test_too_few_trials_or_a_metric_that_never_varies_tell_nothing() -> None:
    assert importances(made(FEWEST - 1), SPACE, ACCURACY) == {}
    assert importances(made(40), SPACE, Objective("contribution_gap", "minimize")) == {}


def test_trials_keep_their_state_and_values() -> None:
    records = [*made(2), *(TrialRecord(5, "FAIL", {}, {}, 0, "why", 1.0, 2.0),)]
    trials = study_of(records, SPACE, ACCURACY).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert trials[1].params["balancing"] == "true"
    assert trials[0].value == pytest.approx(records[0].metrics["accuracy"])


def test_a_value_that_left_its_range_leaves_the_trial_out() -> None:
    narrow = Space((Dimension("training.optimizer.lr", "float", low=0.5, high=0.6),))
    assert study_of(made(3), narrow, ACCURACY).trials == []


def test_optunas_plots_show_every_trial() -> None:
    plots = optuna_plots(made(12), SPACE, ACCURACY)
    assert list(plots["History of accuracy"].data[0].x) == list(range(12))
    assert len(plots) == 3
    assert optuna_plots([], SPACE, ACCURACY) == {}


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1e-4, 1e-1, ["0.0001", "0.01"]),
        (0.0008, 0.02, ["0.001", "0.01"]),
        (0.0012, 0.009, ["0.002", "0.005"]),
        (1e-6, 1.0, ["1e-6", "0.001", "1"]),
        (0.0041, 0.0048, []),
    ],
)
def test_logarithmic_axes_have_a_few_round_labels(
    low: float, high: float, words: list[str]
) -> None:
    space = Space((Dimension("training.optimizer.lr", "float", low=low, high=high, log=True),))
    records = [
        TrialRecord(
            n, "COMPLETE", {"training.optimizer.lr": x}, {"accuracy": n / 9}, 3, "", 1.0, 2.0
        )
        for n, x in enumerate((low, high, (low * high) ** 0.5))
    ]
    drawing = optuna_plots(records, space, ACCURACY)["Each value against accuracy"]
    assert list(drawing.layout.xaxis.ticktext or ()) == words
