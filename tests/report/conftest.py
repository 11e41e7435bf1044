"""Trials as a sweep would tell them, with metrics known in advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from armtune.data import Dataset
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Dimension, Space
from armtune.report.run import RunReport
from armtune.report.tensorboard import TensorBoardListener
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, SweepStart, TrialRecord
from armtune.sweeps.workers.trial import TrainingFactory
from tests.conftest import toy_dataset, toy_recipe

SPACE = Space(
    (
        Dimension("training.optimizer.lr", "float", low=1e-4, high=1e-1, log=True),
        Dimension("balancing.name", "choice", choices=("none", "arm")),
        Dimension("balancing.gap_weight", "float", high=5.0, when={"balancing.name": ("arm",)}),
        Dimension("fusion.dim", "int", low=4, high=64, step=4),
    )
)
ARM = {"training.optimizer.lr": 0.01, "balancing.name": "arm", "balancing.gap_weight": 2.5}
PLAIN = {"training.optimizer.lr": 0.002, "balancing.name": "none", "fusion.dim": 8}


def sweep_recipe(**sweep: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp"}} for m in ("image", "audio")},
            "balancing": {"name": "arm"},
            "training": {"epochs": 3},
            "sweep": {
                "objectives": ["maximize accuracy", "minimize contribution_gap"],
                "constraints": ["weakest_accuracy >= 0.2"],
                "choose": "highest accuracy where contribution_gap <= 0.3",
                "trials": 8,
                "confirm": {"top": 2, "seeds": 2},
                **sweep,
            },
        }
    )


def metrics_of(number: int, epoch: int) -> dict[str, float]:
    """Later epochs and trials are more accurate, later trials have a larger gap."""
    accuracy, gap = 0.5 + 0.1 * epoch + 0.01 * number, 0.05 + 0.1 * number
    return {
        "accuracy": accuracy,
        "loss": 1 - accuracy,
        "contribution_gap": gap,
        "contribution/image": 0.3 + gap / 2,
        "contribution/audio": 0.3 - gap / 2,
        "unimodal_accuracy/image": 0.6,
        "unimodal_accuracy/audio": 0.4,
        "weakest_accuracy": 0.4,
        "phi/image": 0.7,
        "weight/image": 1.1,
    }


def record_of(number: int, state: str = "RUNNING", epoch: int = 0, **changes: Any) -> TrialRecord:
    """A trial whose best epoch is the last but one."""
    metrics = metrics_of(number, max(1, epoch - 1)) if epoch else {}
    values = dict(ARM if number % 2 == 0 else PLAIN)
    ended = 0.0 if state == "RUNNING" else 1010.0 + number
    return replace(
        TrialRecord(number, state, values, metrics, epoch, "", 1000.0 + number, ended), **changes
    )


def play(
    listener: Listener, number: int, state: str = "RUNNING", epochs: int = 3, **changes: Any
) -> TrialRecord:
    """Tells a whole trial; one that stays RUNNING isn't ended."""
    listener.trial_started(record_of(number))
    for epoch in range(1, epochs + 1):
        listener.epoch_ended(record_of(number, epoch=epoch), metrics_of(number, epoch))
    record = record_of(number, state, epochs, **changes)
    if state != "RUNNING":
        listener.trial_ended(record)
    return record


def start(listener: Listener, folder: Path, *records: TrialRecord) -> None:
    listener.sweep_started(SweepStart(sweep_recipe(), SPACE, "toy clouds", folder, list(records)))


class Script:
    """The functions above, for tests in other files."""

    recipe = staticmethod(sweep_recipe)
    metrics = staticmethod(metrics_of)
    record = staticmethod(record_of)
    play = staticmethod(play)
    start = staticmethod(start)


@pytest.fixture(scope="session")
def script() -> type[Script]:
    return Script


@dataclass(frozen=True, kw_only=True)
class ToyWorkshop(TrainingFactory):
    made: Dataset

    def dataset(self, recipe: Recipe) -> Dataset:
        return self.made


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that was really trained. Copy it to change anything."""
    root = tmp_path_factory.mktemp("toy")
    sweep = {
        "sweep.space": [{"training.optimizer.lr": {"log": [1e-3, 1e-1]}}],
        "sweep.objectives": ["maximize accuracy", "minimize contribution_gap"],
        "sweep.constraints": ["accuracy >= 0.01"],
        "sweep.trials": 3,
        "sweep.confirm": {"top": 1, "seeds": 2},
    }
    place = Place(root / "runs" / "toy", root, inline=True)
    factory = ToyWorkshop(root, made=toy_dataset())
    run_sweep(with_overrides(toy_recipe(), sweep), place, [TensorBoardListener()], factory)
    return place.folder


@pytest.fixture
def make(script: Any, tmp_path: Path) -> Callable[..., RunReport]:
    """Makes a report of given records, as a page shows it."""

    def make(records: list[TrialRecord], name: str = "run", **changes: Any) -> RunReport:
        recipe = script.recipe()
        goals = Goals.from_recipe(recipe)
        seeds = [{**script.metrics(0, 3), "accuracy": 0.8 + 0.02 * k} for k in range(3)]
        report = RunReport(
            folder=tmp_path / name, recipe=recipe, space=Space(SPACE.dimensions[:1]),
            data="toy <clouds>", goals=goals,
            records=records, front=[0, 1] if len(records) > 1 else [], confirmed={0: seeds},
            chosen=0 if records else None, solo={},
        )  # fmt: skip
        return replace(report, **changes)

    return make
