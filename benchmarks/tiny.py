"""A training of arithmetic alone, known in advance: what faults.py and overhead.py sweep over."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import numpy as np

from armtune.data import Dataset, Split
from armtune.files import write_text
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.trial import TrainingFactory
from armtune.targets.classes import Classes
from armtune.training.settings import OtherSettingsError, settings_digest

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
                "pack": 1,
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
    """A training in which an epoch is a sleep for each member of the pack."""

    def __init__(self, recipes: Sequence[Recipe], seconds: float) -> None:
        self._settings = [settings_digest(recipe, "") for recipe in recipes]
        self._knobs = [(r.training.optimizer.lr, r.training.seed) for r in recipes]
        self._seconds = seconds
        self.epochs = [0] * len(recipes)
        self.best = [dict[str, float]() for _ in recipes]
        self.diverged = [""] * len(recipes)

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        return True

    def progress(self) -> float:
        return float(self.epochs[0])

    def advance(self) -> list[dict[str, float]]:
        if self._seconds:
            time.sleep(self._seconds * len(self.epochs))
        self.epochs = [epoch + 1 for epoch in self.epochs]
        now = self.test()
        self.best = [{**m, "epoch": float(e)} for m, e in zip(now, self.epochs, strict=True)]
        return now

    def member(self, k: int) -> Namespace:
        return Namespace(epoch=self.epochs[k], best=self.best[k])

    def adopt(self, k: int, member: Namespace) -> None:
        self.epochs[k], self.best[k] = member.epoch, member.best

    def save(self, path: Path, k: int = 0) -> None:
        write_text(path, json.dumps([self._settings[k], vars(self.member(k))]))

    def restore(self, path: Path, k: int = 0) -> None:
        settings, member = json.loads(path.read_text())
        if settings != self._settings[k]:
            raise OtherSettingsError("a checkpoint of other settings")
        self.adopt(k, Namespace(**member))

    def resume(self, paths: Sequence[Path]) -> bool:
        return False

    def save_model(self, path: Path, k: int = 0) -> None:
        write_text(path, "")

    def save_outputs(self, split: str, places: Mapping[int, Path]) -> None:
        for path in places.values():
            write_text(path, split)

    @property
    def tested(self) -> list[Any]:
        return [np.ones(4) for _ in self.epochs]

    def test(self) -> list[dict[str, float]]:
        pairs = zip(self._knobs, self.epochs, strict=True)
        return [metrics(lr, seed, epoch) for (lr, seed), epoch in pairs]


class Nothing:
    """No data, for any recipe."""

    def serve(self, recipe: Recipe) -> bool:
        return True


@dataclass(frozen=True)
class TinyWorkshop(TrainingFactory):
    """Hands out tiny trainings.

    Attributes:
        seconds: how long an epoch takes; where it takes any time, each is a step and is saved.
    """

    recipe_folder: Path = Path()
    seconds: float = 0.0

    def prepare(self, threads: int) -> None:
        if self.seconds:
            pack.STEP_SECONDS = pack.SAVE_SECONDS = 0.0

    def dataset(self, recipe: Recipe) -> Dataset:
        views = {m: np.zeros((4, 2), np.float32) for m in recipe.modalities}
        split = Split(views, np.zeros(4, np.int64))
        return Dataset("tiny", "nothing", Classes(("a", "b")), split, split, split, "0")

    def samples(self, recipe: Recipe, dataset: Dataset, device: str) -> Nothing:
        return Nothing()

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Tiny:
        return Tiny(recipes, self.seconds)
