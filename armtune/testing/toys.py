"""Toy data and recipes that train in moments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from armtune.data import Dataset, Split
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes

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
    """Clouds for training, 90 samples for validation and 60 for the test."""
    rng = np.random.default_rng(7)
    train, validation, test = (toy_split(shapes, n, rng, classes) for n in (samples, 90, 60))
    names = tuple(f"class {k}" for k in range(classes))
    return Dataset("toy", "toy clouds", Classes(names), train, validation, test, digest="0" * 8)


def with_holes(dataset: Dataset) -> Dataset:
    """The same clouds, but a third of the samples lack one modality, each another one's turn."""
    modalities = list(dataset.shapes)

    def holed(split: Split) -> Split:
        numbers = np.arange(len(split)) // 3
        present = {
            m: (np.arange(len(split)) % 3 > 0) | (numbers % len(modalities) != k)
            for k, m in enumerate(modalities)
        }
        return replace(split, present=present)

    train, validation, test = map(holed, (dataset.train, dataset.validation, dataset.test))
    return replace(dataset, train=train, validation=validation, test=test)


def toy_recipe(
    shapes: Shapes = TWO, balancing: dict[str, Any] | None = None, **training: Any
) -> Recipe:
    """A recipe of a few small epochs for the toy data."""
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
