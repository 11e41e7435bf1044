"""A training that changes its settings equals one whose checkpoint went on under other settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from armtune.data import Dataset, Split
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training.loop import EpochMetrics, Run, train
from armtune.training.schedule import ScheduledRun, begin

EPOCHS, CHANGE = 4, 2
VALUES = {"training.optimizer.lr": 0.1, "balancing.tau": 1.5}


def toy() -> Dataset:
    rng = np.random.default_rng(0)
    centres = {"image": rng.normal(size=(3, 6)), "audio": rng.normal(size=(3, 5))}

    def split(count: int) -> Split:
        labels = np.arange(count) % 3
        noise = {m: rng.normal(size=(count, c.shape[1])) for m, c in centres.items()}
        views = {m: (c[labels] + noise[m]).astype(np.float32) for m, c in centres.items()}
        return Split(views, labels)

    return Dataset("toy", "toy", Classes(("a", "b", "c")), split(120), split(30), split(30), "0")


def recipe(seed: int = 0) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in ("image", "audio")},
            "fusion": {"name": "concat", "dim": 8},
            "balancing": {"name": "arm"},
            "training": {"epochs": EPOCHS, "batch_size": 32, "seed": seed},
        }
    )


def scheduled(seed: int = 0) -> Recipe:
    changes = [{"epoch": CHANGE, "values": VALUES}]
    return with_overrides(recipe(seed), {"training.schedule": changes})


def curve(run: Run, member: int = 0) -> list[EpochMetrics]:
    epochs: list[EpochMetrics] = []
    train(run, lambda _, metrics: epochs.append(metrics[member]))
    return epochs


def test_it_is_a_member_under_other_settings() -> None:
    data = toy()
    first = Run([recipe()], data)
    before = [first.advance()[0] for _ in range(CHANGE)]
    second = Run([with_overrides(recipe(), VALUES)], data)
    second.adopt(0, first.member(0))
    followed = begin([scheduled()], data)
    assert curve(followed) == [*before, *curve(second)]
    assert followed.best == second.best


def test_it_differs_from_a_training_without_a_schedule() -> None:
    data = toy()
    plain, followed = curve(begin([recipe()], data)), curve(begin([scheduled()], data))
    assert plain[:CHANGE] == followed[:CHANGE]
    assert plain[CHANGE] != followed[CHANGE]


def test_it_goes_on_from_its_own_checkpoint(tmp_path: Path) -> None:
    data, whole = toy(), curve(begin([scheduled()], toy()))
    stopped = begin([scheduled()], data)
    for _ in range(CHANGE + 1):
        stopped.advance()
    stopped.save(tmp_path / "checkpoint")
    resumed = begin([scheduled()], data)
    resumed.restore(tmp_path / "checkpoint")
    assert curve(resumed) == whole[CHANGE + 1 :]


def test_members_follow_their_own_schedules() -> None:
    data = toy()
    pack = begin([scheduled(0), recipe(1)], data)
    pair: list[list[EpochMetrics]] = []
    train(pack, lambda _, metrics: pair.append(metrics))
    for k, one in enumerate([scheduled(0), recipe(1)]):
        alone = torch.tensor([m["loss"] for m in curve(begin([one], data))])
        together = torch.tensor([metrics[k]["loss"] for metrics in pair])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_without_a_schedule_it_is_a_plain_run() -> None:
    assert not isinstance(begin([recipe()], toy()), ScheduledRun)
