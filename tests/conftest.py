"""What all tests share: where real data lie, and toy data and recipes that train in moments."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.data import Dataset, Split
from armtune.recipe.schema import Recipe

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parent.parent
REAL = Path(os.environ.get("ARMTUNE_DATA", ROOT.parent / "shared" / "data"))

Shapes = dict[str, tuple[int, ...]]
TWO: Shapes = {"image": (6, 6), "audio": (5,)}


def toy_split(shapes: Shapes, samples: int, rng: np.random.Generator, classes: int) -> Split:
    """Gaussian clouds around class centres; each further modality is noisier than the last."""
    labels = np.arange(samples) % classes
    views = {}
    for k, (name, shape) in enumerate(shapes.items()):
        centres = np.random.default_rng(k).normal(size=(classes, *shape)) / (k + 1)
        noise = rng.normal(size=(samples, *shape))
        views[name] = (centres[labels] + noise).astype(np.float32)
    return Split(views, labels.astype(np.int64))


def toy_dataset(shapes: Shapes = TWO, samples: int = 240, classes: int = 3) -> Dataset:
    rng = np.random.default_rng(7)
    splits = [toy_split(shapes, n, rng, classes) for n in (samples, 90, 60)]
    names = tuple(f"class {k}" for k in range(classes))
    return Dataset("toy", "toy clouds", names, *splits, digest="0" * 8)


def toy_recipe(
    shapes: Shapes = TWO, balancing: dict[str, Any] | None = None, **training: Any
) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in shapes},
            "fusion": {"name": "concat", "dim": 8},
            "balancing": balancing or {"name": "none"},
            "training": {
                "epochs": 3,
                "batch_size": 16,
                "optimizer": {"name": "adamw", "lr": 0.02},
                **training,
            },
        }
    )


@pytest.fixture
def real() -> Path:
    """The folder of real data; tests that need it are skipped where it isn't there."""
    if not (REAL / "mnist").is_dir():
        pytest.skip("no real data here: set ARMTUNE_DATA")
    return REAL


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return toy_dataset


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    return toy_recipe
