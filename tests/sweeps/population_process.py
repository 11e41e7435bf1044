"""A population as a process of its own, to be killed: FOLDER. Trainings that fail on purpose."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_training import write_toy

from armtune.recipe.schema import Recipe
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers.trial import Training, TrainingFactory

LR = "training.optimizer.lr"
FAILS = 0.07
"""Learning rate of the member that fails."""


def population(folder: Path, **sweep: Any) -> Recipe:
    """A recipe of four members; its arrays are written to ``folder``."""
    views = write_toy(folder / "toy.npz")
    return Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": str(folder / "toy.npz")},
            "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in views},
            "fusion": {"name": "concat", "dim": 8},
            "balancing": {"name": "arm"},
            "training": {"epochs": 6, "batch_size": 32, "optimizer": {"name": "adamw", "lr": 1e-4}},
            "sweep": {
                "space": [{LR: {"log": [1e-5, 0.1]}}, {"balancing.tau": {"uniform": [0, 2]}}],
                "trials": 4,
                "pruner": {"name": "pbt", "every": 2},
                "start_from": [{LR: 0.03}, {LR: 0.01}, {LR: FAILS}],
                "confirm": {"top": 1, "seeds": 1, "solo": False},
                "references": False,
                **sweep,
            },
        }
    )


@dataclass(frozen=True)
class Failing(TrainingFactory):
    """One member fails while the others wait for it; then a process dies, once.

    Attributes:
        note: file that says that it has died.
    """

    note: Path = Path()

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Training:
        run = super().training(recipes, samples)
        advance = run.advance

        def failing() -> list[dict[str, float]]:
            if recipes[0].training.optimizer.lr == FAILS and run.epochs == [1]:
                time.sleep(3)
                raise ZeroDivisionError("on purpose")
            if run.epochs == [2] and not self.note.exists():
                self.note.touch()
                os.kill(os.getpid(), 9)
            return advance()

        run.advance = failing  # type: ignore[method-assign]
        return run


class Aloud(Listener):
    def trial_ended(self, record: TrialRecord) -> None:
        print("ended", record.number, flush=True)


if __name__ == "__main__":
    own = Path(sys.argv[1])
    run_sweep(population(own), Place(own / "run", own), (Aloud(),))
