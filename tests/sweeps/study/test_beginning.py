"""Where a search begins that has little time: sizes are lowered as far as they have to be."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_training import FakeTraining, FakeWorkshop, fake_dataset, fake_recipe

from armtune.data import Dataset, Split
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps import read_records
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.beginning import SHARE, in_time, lowered

WIDTH = "modalities.{}.encoder.width"
SPACE = {
    WIDTH.format("image"): {"choice": [32, 64, 128]},
    WIDTH.format("audio"): {"int": [16, 64], "step": 16},
    "training.epochs": {"choice": [3, 9]},
    "fusion.dim": {"choice": [8, 64]},
}


def searched(**overrides: Any) -> Recipe:
    recipe = fake_recipe(sweep__space=[SPACE])
    return with_overrides(recipe, {**{WIDTH.format(m): 64 for m in recipe.modalities}, **overrides})


def seconds(recipe: Recipe) -> float:
    """As long as widths and epochs say: the recipe's own take 1,152 s."""
    return recipe.training.epochs * sum(
        m.encoder.width  # type: ignore[attr-defined]
        for m in recipe.modalities.values()
    )


@pytest.mark.parametrize(
    ("limit", "image", "audio", "epochs"),
    [
        (1152, 64, 64, 9),
        (1151, 64, 64, 3),
        (383, 32, 48, 3),
        (239, 32, 32, 3),
        (191, 32, 16, 3),
        (1, 32, 16, 3),
    ],
)
def test_the_length_is_lowered_and_then_widths(
    limit: float, image: int, audio: int, epochs: int
) -> None:
    recipe = searched()
    found = lowered(recipe, load_space(recipe, Path()), seconds, limit)
    widths = [m.encoder.width for m in found.modalities.values()]  # type: ignore[attr-defined]
    assert (widths, found.training.epochs) == ([image, audio], epochs)
    assert found.fusion == recipe.fusion


def test_what_is_not_searched_stays() -> None:
    recipe = fake_recipe()
    assert lowered(recipe, load_space(recipe, Path()), lambda _: 1e9, 1.0) == recipe


class Slow(FakeTraining):
    """Takes 30 ms an epoch for each 32 numbers of width."""

    def train_steps(self, pause: Any) -> bool:
        own = self.recipe.modalities["image"].encoder
        time.sleep(0.03 * own.width / 32)  # type: ignore[attr-defined]
        return super().train_steps(pause)


@dataclass(frozen=True)
class SlowWorkshop(FakeWorkshop):
    """Sequences in place of vectors."""

    def dataset(self, recipe: Recipe) -> Dataset:
        return sequences()


def sequences() -> Dataset:
    views = {name: np.zeros((4, 8, 2), np.float32) for name in ("image", "audio")}
    split = Split(views, np.zeros(4, np.int64))
    return replace(fake_dataset(), train=split, validation=split, test=split)


def test_vectors_are_not_even_timed() -> None:
    recipe = searched(**{"sweep.seconds": 1e-9})
    space = load_space(recipe, Path())
    assert in_time(recipe, space, fake_dataset(), None) == recipe  # type: ignore[arg-type]


def test_a_sweep_with_little_time_begins_small_says_so_and_resumes(tmp_path: Path) -> None:
    recipe = searched(**{"sweep.trials": 3, "sweep.seconds": 0.3 / SHARE, "sweep.pack": 1})

    def swept(own: Recipe, resume: bool = False) -> list[str]:
        place = Place(tmp_path / "run", tmp_path, resume=resume, inline=True)
        return list(run_sweep(own, place, factory=SlowWorkshop(make=Slow)).notes)

    notes = swept(recipe)
    first = read_records(tmp_path / "run")[0].values
    assert (first[WIDTH.format("image")], first["training.epochs"]) == (32, 3)
    [said] = [note for note in notes if note.startswith("sweep.seconds is short")]
    assert "training.epochs 3" in said
    assert "fusion.dim" not in said
    again = swept(with_overrides(recipe, {"sweep.trials": 4, "sweep.seconds": 900.0}), resume=True)
    assert said in again
    assert read_records(tmp_path / "run")[0].values == first


class Failing(Slow):
    """Fails with images of the recipe's own width."""

    def train_steps(self, pause: Any) -> bool:
        if self.recipe.modalities["image"].encoder.width == 64:  # type: ignore[attr-defined]
            raise ZeroDivisionError("on purpose")
        return super().train_steps(pause)


def test_values_that_fail_are_begun_with_and_their_trial_says_why(tmp_path: Path) -> None:
    recipe = searched(**{"sweep.trials": 3, "sweep.seconds": 0.3 / SHARE, "sweep.pack": 1})
    place = Place(tmp_path / "run", tmp_path, inline=True)
    first = run_sweep(recipe, place, factory=SlowWorkshop(make=Failing)).records[0]
    assert first.values[WIDTH.format("image")] == 64
    assert (first.state, first.reason) == ("FAIL", "ZeroDivisionError: on purpose")


def test_what_no_trial_would_meet_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = searched(**{"sweep.seconds": 1e-9})
    factory, space = SlowWorkshop(make=Slow), load_space(recipe, Path())
    monkeypatch.setattr("armtune.sweeps.study.beginning.with_overrides", broken)
    with pytest.raises(LookupError, match="ours"):
        in_time(recipe, space, sequences(), factory)


def broken(*_: Any) -> Recipe:
    raise LookupError("ours")


def test_a_sweep_with_time_begins_with_the_recipe(tmp_path: Path) -> None:
    recipe = searched(**{"sweep.trials": 1, "sweep.seconds": 900.0})
    place = Place(tmp_path / "run", tmp_path, inline=True)
    result = run_sweep(recipe, place, factory=SlowWorkshop(make=Slow))
    assert result.records[0].values[WIDTH.format("image")] == 64
    assert not any("short" in note for note in result.notes)
