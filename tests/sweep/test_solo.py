"""Each modality alone with the winner's settings, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_training import FakeTraining, FakeWorkshop, fake_recipe

from armtune.recipe.schema import Recipe
from armtune.sweep import SweepResult
from armtune.sweep.records import Listener
from armtune.sweep.run import Place, run_sweep

CONFIRM = {"top": 1, "seeds": 2}


def run(folder: Path, *listeners: Listener, **others: Any) -> SweepResult:
    place = Place(folder / "run", folder, others.pop("resume", False), inline=True)
    workshop = others.pop("workshop", FakeWorkshop())
    return run_sweep(fake_recipe(sweep__confirm=CONFIRM, **others), place, listeners, workshop)


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

    result = run(tmp_path, workshop=FakeWorkshop(make=noting))
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
