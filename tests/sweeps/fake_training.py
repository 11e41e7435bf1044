"""A training without torch: analytic curves, known in advance."""

from __future__ import annotations

import copy
import json
import math
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from armtune.data import Dataset, Split
from armtune.errors import DivergedError
from armtune.files import write_text
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers.trial import TrainingFactory
from armtune.targets.classes import Classes
from armtune.training.settings import OtherSettingsError, settings_digest

LR = "training.optimizer.lr"
CALM = [{LR: {"log": [1e-4, 0.1]}}]
"""A space in which nothing ends badly."""


def write_toy(path: Path) -> list[str]:
    """Writes arrays of three classes that real trainings learn; returns their modalities."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    centres = {"image": rng.normal(size=(3, 6)), "audio": rng.normal(size=(3, 5)) / 2}
    views = {m: c[labels] + rng.normal(size=(300, c.shape[1])) for m, c in centres.items()}
    np.savez(path, label=labels, **views)
    return list(views)


def fake_dataset(digest: str = "0123") -> Dataset:
    views = {name: np.zeros((4, 2), np.float32) for name in ("image", "audio")}
    split = Split(views, np.zeros(4, np.int64))
    return Dataset("toy", "toy data", Classes(("a", "b")), split, split, split, digest)


def fake_recipe(**overrides: Any) -> Recipe:
    """A recipe of 9 epochs over the learning rate; overrides write ``__`` for a dot."""
    recipe = Recipe.model_validate(
        {
            "name": "fake",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp"}} for m in ("image", "audio")},
            "training": {"epochs": 9, "optimizer": {"name": "adamw", "lr": 0.01}},
            "sweep": {
                "space": [{LR: {"log": [1e-4, 1.0]}}],
                "objectives": ["maximize accuracy", "minimize contribution_gap"],
                "trials": 6,
                "sampler": {"name": "random"},
                "confirm": None,
                "references": False,
            },
        }
    )
    return with_overrides(recipe, {k.replace("__", "."): v for k, v in overrides.items()})


def accuracy_at(lr: float, epoch: int) -> float:
    """Rises with epochs, best at a learning rate of 0.01."""
    peak = 0.95 - 0.2 * abs(math.log10(lr / 0.01))
    return 0.1 + (peak - 0.1) * (1 - math.exp(-epoch / 3))


class Together:
    """Trainings of one member each as a pack."""

    def __init__(self, trainings: Sequence[FakeTraining]) -> None:
        self._each = trainings
        self.diverged = [""] * len(trainings)

    @property
    def epochs(self) -> list[int]:
        return [one.epoch for one in self._each]

    @property
    def best(self) -> list[dict[str, float]]:
        return [one.best[0] for one in self._each]

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        return all([one.train_steps(pause) for one in self._each])

    def progress(self) -> float:
        one = self._each[0]
        return one.epoch + one.step / (one.steps + 1)

    def advance(self) -> list[dict[str, float]]:
        return [metrics for k in range(len(self._each)) for metrics in self._advance(k)]

    def _advance(self, k: int) -> list[dict[str, float]]:
        try:
            return self._each[k].advance()
        except DivergedError as error:
            self.diverged[k] = str(error)
            if all(self.diverged):
                raise
            return [{"loss": math.nan}]

    def member(self, k: int) -> FakeTraining:
        return copy.copy(self._each[k])

    def adopt(self, k: int, member: FakeTraining) -> None:
        self._each[k].__dict__.update(member.__dict__)

    def save(self, path: Path, k: int = 0) -> None:
        self._each[k].save(path)

    def restore(self, path: Path, k: int = 0) -> None:
        self._each[k].check(path)
        self._each[k].restore(path)

    def resume(self, paths: Sequence[Path]) -> bool:
        for one, path in zip(self._each, paths, strict=True):
            one.check(path)
        places = [json.loads(path.read_text()) for path in paths]
        steps = {place["step"] for place in places}
        if steps == {0} or len(steps) > 1 or [p["epoch"] for p in places] != self.epochs:
            return False
        for one, path in zip(self._each, paths, strict=True):
            one.restore(path)
        return True

    def save_model(self, path: Path, k: int = 0) -> None:
        self._each[k].save_model(path)

    def save_outputs(self, split: str, places: Mapping[int, Path]) -> None:
        for k, path in places.items():
            write_text(path, f"{split} of epoch {self.best[k]['epoch']:g}")

    def test(self) -> list[dict[str, float]]:
        return [metrics for one in self._each for metrics in one.test()]

    @property
    def tested(self) -> list[Any]:
        return [np.ones(4) for _ in self._each]


class FakeSamples:
    """No data, for any recipe."""

    def serve(self, recipe: Recipe) -> bool:
        return True


class FakeTraining:
    """Ends badly above a learning rate of 0.5: raises at an odd fourth digit, else goes NaN."""

    steps = 1

    def __init__(self, recipe: Recipe, seconds: float = 0.0) -> None:
        self.recipe, self.seconds = recipe, seconds
        self.lr, self.epoch = recipe.training.optimizer.lr, 0
        self.best: list[dict[str, float]] = [{}]
        self.history: list[float] = []
        self.step = 0

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        while self.step < self.steps:
            self.step += 1
            if pause():
                break
        return self.step == self.steps

    def advance(self) -> list[dict[str, float]]:
        time.sleep(self.seconds)
        self.epoch, self.step = self.epoch + 1, 0
        if self.lr > 0.5:
            self._break()
        accuracy = accuracy_at(self.lr, self.epoch) + 1e-4 * (self.recipe.training.seed % 7)
        self.history.append(accuracy)
        metrics = {"accuracy": accuracy, "contribution_gap": accuracy / 2, "loss": 1 - accuracy}
        metrics["weakest_accuracy"] = accuracy - 0.2
        if not self.best[0] or accuracy > self.best[0]["accuracy"]:
            self.best = [{**metrics, "epoch": float(self.epoch)}]
        return [metrics]

    def _break(self) -> None:
        if self.lr > 0.75:
            raise ZeroDivisionError("on purpose\nand a second line")
        raise DivergedError(f"the training diverged, epoch {self.epoch}: loss is nan")

    def save(self, path: Path) -> None:
        state = {"epoch": self.epoch, "best": self.best, "history": self.history}
        write_text(path, json.dumps({**state, "step": self.step, "settings": self._settings}))

    @property
    def _settings(self) -> str:
        return settings_digest(self.recipe, "")

    def check(self, path: Path) -> None:
        if '"settings"' in path.read_text() and f'"{self._settings}"' not in path.read_text():
            raise OtherSettingsError("it is of other settings")

    def restore(self, path: Path) -> None:
        state = json.loads(path.read_text())
        self.epoch, self.best, self.history = state["epoch"], state["best"], state["history"]
        self.step = state["step"]

    def save_model(self, path: Path) -> None:
        write_text(path, f"model of epoch {self.best[0]['epoch']:g}")

    def test(self) -> list[dict[str, float]]:
        return [{name: value - 0.05 for name, value in self.best[0].items() if name != "epoch"}]


@dataclass(frozen=True)
class FakeWorkshop(TrainingFactory):
    """Hands out fake trainings.

    Attributes:
        seconds: how long an epoch takes.
        make: what makes a training, where it isn't ``FakeTraining``.
    """

    recipe_folder: Path = Path()
    seconds: float = 0.0
    make: Callable[[Recipe], FakeTraining] | None = None
    digest: str = "0123"

    def prepare(self, threads: int) -> None:
        pass

    def dataset(self, recipe: Recipe) -> Dataset:
        return fake_dataset(self.digest)

    def samples(self, recipe: Recipe, dataset: Dataset, device: str) -> FakeSamples:
        return FakeSamples()

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Together:
        return Together([self._one(recipe) for recipe in recipes])

    def numbers(self, recipe: Recipe, samples: Any) -> float:
        return 1e6

    def latency(self, recipe: Recipe, samples: Any) -> float:
        return 1.5

    def _one(self, recipe: Recipe) -> FakeTraining:
        return self.make(recipe) if self.make else FakeTraining(recipe, self.seconds)


@dataclass(frozen=True)
class SharedCost(FakeWorkshop):
    """An epoch of a pack takes as long as that of one member.

    Attributes:
        notes: folder in which each training leaves a file whose name ends with its members.
    """

    notes: Path = Path()

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Together:
        (self.notes / f"{time.monotonic_ns()}-{os.getpid()}-{len(recipes)}").touch()
        seconds = [self.seconds, *[0.0] * (len(recipes) - 1)]
        return Together([FakeTraining(*pair) for pair in zip(recipes, seconds, strict=True)])


class Dying(FakeTraining):
    """Kills its own process at a large learning rate."""

    def advance(self) -> list[dict[str, float]]:
        if self.lr > 0.5:
            os.kill(os.getpid(), 9)
        return super().advance()


class NotingProcess(FakeTraining):
    """Leaves its process's number beside its checkpoint."""

    def save(self, path: Path) -> None:
        super().save(path)
        write_text(path.parent / "pid", str(os.getpid()))


class Hanging(FakeTraining):
    """Never comes back at a large learning rate."""

    def advance(self) -> list[dict[str, float]]:
        while self.lr > 0.5:
            time.sleep(60)
        return super().advance()


class ToldToEnd(FakeTraining):
    """Its process is told to end (SIGTERM) in trial 0's fifth epoch, once."""

    steps = 4

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        told = Path(self.recipe.data.model_dump()["path"]) / "told"
        first = abs(self.lr - 0.01) < 1e-12
        if first and (self.epoch, self.step) == (4, 0) and not told.exists():
            told.write_text("")
            os.kill(os.getpid(), signal.SIGTERM)
        return super().train_steps(pause)


class DyingOnce(FakeTraining):
    """Kills its own process at the fifth epoch, the first time; notes that in ``data.path``."""

    def advance(self) -> list[dict[str, float]]:
        seed, folder = self.recipe.training.seed, self.recipe.data.model_dump()["path"]
        note = Path(folder) / f"{self.lr}-{seed}"
        if self.epoch == 4 and not note.exists():
            note.touch()
            os.kill(os.getpid(), 9)
        return super().advance()


class NotingRanks(TrainingFactory):
    """Of real trainings by several processes, each of which leaves its number in the folder."""

    def prepare(self, threads: int) -> None:
        from torch import distributed

        super().prepare(threads)
        note = self.recipe_folder / f"rank-{distributed.get_rank()}"
        write_text(note, str(os.getpid()))
