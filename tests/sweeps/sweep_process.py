"""A sweep of fake trainings as a process of its own, to be interrupted: FOLDER [ray]."""

from __future__ import annotations

import sys
from pathlib import Path

from fake_training import FakeWorkshop, fake_recipe

from armtune.recipe.schema import Recipe
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers import pack


def recipe() -> Recipe:
    halving = {"name": "pareto_asha", "first_rung": 3, "startup_trials": 1}
    return fake_recipe(
        sweep__trials=8, sweep__pruner=halving, sweep__confirm={"top": 1, "seeds": 2}
    )


class Aloud(Listener):
    def trial_started(self, record: TrialRecord) -> None:
        print("started", record.number, flush=True)

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        print("epoch", record.number, record.epoch, flush=True)

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        print("confirmed", number, seed, flush=True)


if __name__ == "__main__":
    pack.STEP_SECONDS = pack.SAVE_SECONDS = 0.0
    place = Place(Path(sys.argv[1]), Path(), resume=True, inline=sys.argv[2:] != ["ray"])
    run_sweep(recipe(), place, (Aloud(),), FakeWorkshop(seconds=0.02))
