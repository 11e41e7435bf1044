"""Each modality alone with the winner's settings, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_training import FakeTraining, FakeWorkshop, Together, fake_recipe, write_toy

from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener
from armtune.sweeps.workers.trial import TrainingFactory

CONFIRM = {"top": 1, "seeds": 2}


def run(folder: Path, *listeners: Listener, **others: Any) -> SweepResult:
    place = Place(folder / "run", folder, others.pop("resume", False), inline=True)
    factory = others.pop("factory", FakeWorkshop())
    return run_sweep(fake_recipe(sweep__confirm=CONFIRM, **others), place, listeners, factory)


class Heard(Listener):
    def __init__(self) -> None:
        self.solos: list[tuple[str, int, int]] = []

    def trained_alone(
        self, modality: str, seed: int, metrics: dict[str, float], curve: Sequence[dict[str, float]]
    ) -> None:
        assert {"accuracy", "test/accuracy"} <= set(metrics)
        self.solos.append((modality, seed, len(curve)))


def test_each_modality_is_trained_alone_with_each_confirming_seed(tmp_path: Path) -> None:
    heard = Heard()
    result = run(tmp_path, heard)
    assert sorted(heard.solos) == [(m, s, 9) for m in ("audio", "image") for s in (1000, 1001)]
    assert {m: [c.seed for c in found] for m, found in result.solo.items()} == {
        "image": [1000, 1001],
        "audio": [1000, 1001],
    }


def test_the_winners_settings_are_kept_and_the_balancing_is_off(tmp_path: Path) -> None:
    seen: list[Recipe] = []

    def noting(recipe: Recipe) -> FakeTraining:
        seen.append(recipe)
        return FakeTraining(recipe)

    result = run(tmp_path, factory=FakeWorkshop(make=noting))
    assert result.chosen is not None
    solos = [recipe for recipe in seen if len(recipe.modalities) == 1]
    assert len(solos) == 4
    [lr] = result.records[result.chosen].values.values()
    assert all(recipe.training.optimizer.lr == lr for recipe in solos)
    assert all(recipe.balancing.name == "none" for recipe in solos)


def test_nothing_is_trained_alone_twice(tmp_path: Path) -> None:
    class Interrupting(Heard):
        def trained_alone(self, modality: str, seed: int, *rest: Any) -> None:
            super().trained_alone(modality, seed, *rest)
            if len(self.solos) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Interrupting())
    heard = Heard()
    result = run(tmp_path, heard, resume=True)
    assert len(heard.solos) == 1
    assert sum(map(len, result.solo.values())) == 4


def test_a_modality_alone_is_trained_on_the_samples_of_all(tmp_path: Path) -> None:
    write_toy(tmp_path / "toy.npz")
    with np.load(tmp_path / "toy.npz") as whole:
        arrays = dict(whole)
    arrays["audio"][::4] = np.nan
    np.savez(tmp_path / "toy.npz", **arrays)
    read: list[tuple[list[str], list[int]]] = []

    class Reading(FakeWorkshop):
        def training(self, recipes: Sequence[Recipe], samples: Any) -> Together:
            data = TrainingFactory(tmp_path, modalities=self.modalities).dataset(recipes[0])
            sizes = [len(split) for split in (data.train, data.validation, data.test)]
            read.append((list(recipes[0].modalities), sizes))
            return super().training(recipes, samples)

    run(tmp_path, factory=Reading(), data__absent="skip")
    assert ["image"] in [modalities for modalities, _ in read]
    assert sum(read[0][1]) == 225
    assert all(sizes == read[0][1] for _, sizes in read)
