"""The recipes of UTD-MHAD on a small file of its layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.recipe.load import load_recipe
from armtune.training.loop import Run, train

RECIPES = Path(__file__).parents[2] / "recipes"
SHAPES = {"accel": (64, 3), "gyro": (64, 3), "skeleton": (32, 20, 3), "depth": (9, 30, 40)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight people, each swinging twice in each of three rhythms; odd ones are for training."""
    subject, label, _ = np.indices((8, 3, 2)).reshape(3, -1)
    rng = np.random.default_rng(0)
    arrays = {"label": label, "subject": subject + 1}
    for name, shape in SHAPES.items():
        time = np.linspace(0, 2 * np.pi, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        swings = np.stack([np.sin((1 + 2 * rhythm) * time) for rhythm in label])
        view = 1000 + 100 * (swings + 0.1 * rng.normal(size=(len(label), *shape)))
        arrays[f"view_{name}"] = view.astype(np.uint16 if name == "depth" else np.float32)
    for split, odd in (("train", 0), ("test", 1)):
        arrays[f"{split}_index"] = np.flatnonzero(subject % 2 == odd)
    (tmp_path / "utd_mhad").mkdir()
    np.savez(tmp_path / "utd_mhad" / "data.npz", **arrays)
    return tmp_path


@pytest.mark.parametrize("name", ["utd_mhad", "utd_mhad_sequences"])
def test_the_recipe_trains_two_epochs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ARMTUNE_DATA", str(folder))
    small = ["training.epochs=2", "training.batch_size=2", "training.warmup_epochs=0"]
    recipe = load_recipe(RECIPES / f"{name}.yaml", small)
    dataset = recipe.data.read(tuple(recipe.modalities), folder, lambda *_: None)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [18, 6, 24]
    run = Run([recipe], dataset)
    losses: list[float] = []
    train(run, lambda _, metrics: losses.append(metrics[0]["train_loss"]))
    assert losses[1] < losses[0]
