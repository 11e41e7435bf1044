"""A training of arithmetic alone, known in advance: what faults.py and overhead.py sweep over."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from armtune.data import Dataset, Split
from armtune.files import write_text
from armtune.recipe.schema import Recipe
from armtune.sweep import trial
from armtune.sweep.trial import Workshop

LR = "training.optimizer.lr"
OBJECTIVES = ["maximize accuracy", "minimize contribution_gap"]


def recipe(epochs: int, **sweep: Any) -> Recipe:
    """A sweep over the learning rate."""
    return Recipe.model_validate(
        {
            "name": "tiny",
            "data": {"name": "arrays", "path": "nowhere.npz"},
            "modalities": {m: {"encoder": {"name": "mlp"}} for m in ("image", "audio")},
            "training": {"epochs": epochs, "optimizer": {"name": "adamw", "lr": 0.01}},
            "sweep": {
                "space": [{LR: {"log": [1e-4, 1.0]}}],
                "objectives": OBJECTIVES,
                "confirm": None,
                **sweep,
            },
        }
    )


def metrics(lr: float, seed: int, epoch: int) -> dict[str, float]:
    """What a training measures after an epoch."""
    peak = 0.95 - 0.2 * abs(math.log10(lr / 0.01)) + 1e-3 * (seed % 7)
    accuracy = 0.1 + (peak - 0.1) * (1 - math.exp(-epoch / 3))
    return {"accuracy": accuracy, "contribution_gap": accuracy * (0.3 + lr)}


class Tiny:
    """A training in which an epoch is a sleep."""

    def __init__(self, recipe: Recipe, seconds: float) -> None:
        self._lr, self._seed = recipe.training.optimizer.lr, recipe.training.seed
        self._seconds = seconds
        self.epoch, self.best = 0, [dict[str, float]()]

    def advance(self) -> list[dict[str, float]]:
        if self._seconds:
            time.sleep(self._seconds)
        self.epoch += 1
        now = metrics(self._lr, self._seed, self.epoch)
        self.best = [{**now, "epoch": float(self.epoch)}]
        return [now]

    def save(self, path: Path) -> None:
        write_text(path, json.dumps({"epoch": self.epoch, "best": self.best}))

    def restore(self, path: Path) -> None:
        state = json.loads(path.read_text())
        self.epoch, self.best = state["epoch"], state["best"]

    def save_model(self, path: Path, member: int = 0) -> None:
        write_text(path, "")

    def test(self) -> list[dict[str, float]]:
        return [metrics(self._lr, self._seed, self.epoch)]


@dataclass(frozen=True)
class TinyWorkshop(Workshop):
    """Hands out tiny trainings.

    Attributes:
        seconds: how long an epoch takes; where it takes any time, each is a step and is saved.
    """

    recipe_folder: Path = Path()
    seconds: float = 0.0

    def prepare(self, threads: int) -> None:
        if self.seconds:
            trial.STEP_SECONDS = trial.SAVE_SECONDS = 0.0

    def dataset(self, recipe: Recipe) -> Dataset:
        split = Split({"image": np.zeros((4, 2), np.float32)}, np.zeros(4, np.int64))
        return Dataset("tiny", "nothing", ("a", "b"), split, split, split, "0")

    def training(self, recipe: Recipe, dataset: Dataset, device: str) -> Tiny:
        return Tiny(recipe, self.seconds)
