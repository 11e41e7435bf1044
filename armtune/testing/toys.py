"""Toy data and recipes that train in moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.targets.values import Values

Shapes = dict[str, tuple[int, ...]]
TWO: Shapes = {"image": (6, 6), "audio": (5,)}


def toy_split(shapes: Shapes, samples: int, rng: np.random.Generator, classes: int) -> Split:
    """Gaussian clouds around class centres; each further modality is noisier than the last."""
    labels = np.arange(samples) % classes
    return Split(toy_views(shapes, np.eye(classes)[labels], rng), labels.astype(np.int64))


def toy_views(
    shapes: Shapes, causes: NDArray[Any], rng: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Noise around sums of directions, each as long as its cause ``(sample, cause)`` says."""
    views = {}
    for k, (name, shape) in enumerate(shapes.items()):
        directions = np.random.default_rng(k).normal(size=(causes.shape[1], *shape)) / (k + 1)
        noise = rng.normal(size=(len(causes), *shape))
        views[name] = (np.tensordot(causes, directions, 1) + noise).astype(np.float32)
    return views


def toy_dataset(shapes: Shapes = TWO, samples: int = 240, classes: int = 3) -> Dataset:
    """Clouds for training, 90 samples for validation and 60 for the test."""
    rng = np.random.default_rng(7)
    train, validation, test = (toy_split(shapes, n, rng, classes) for n in (samples, 90, 60))
    names = tuple(f"class {k}" for k in range(classes))
    return Dataset("toy", "toy clouds", Classes(names), train, validation, test, digest="0" * 8)


def toy_labels(shapes: Shapes = TWO, samples: int = 240) -> Dataset:
    """The same with three labels, each of which a sample has or not."""
    rng = np.random.default_rng(7)

    def split(count: int) -> Split:
        labels = np.arange(count)[:, None] // (1, 2, 4) % 2
        return Split(toy_views(shapes, labels * 2.0, rng), labels.astype(np.float32))

    target = Labels(("left", "middle", "right"))
    return Dataset("toy", "toy labels", target, split(samples), split(90), split(60), "0" * 8)


def toy_values(shapes: Shapes = TWO, samples: int = 240) -> Dataset:
    """The same with a value that the clouds are long by."""
    rng = np.random.default_rng(7)

    def split(count: int) -> Split:
        causes = rng.normal(size=(count, 1))
        return Split(toy_views(shapes, causes, rng), 5 + 2 * causes[:, 0])

    train, validation, test = split(samples), split(90), split(60)
    target = Values(("weight",)).fitted(train.labels, np.arange(samples), "toy")
    return Dataset("toy", "toy values", target, train, validation, test, "0" * 8)


TOYS: dict[str, Callable[..., Dataset]] = {
    "classes": toy_dataset,
    "labels": toy_labels,
    "values": toy_values,
}
"""A data set for each kind of target."""


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
    shapes: Shapes = TWO,
    balancing: dict[str, Any] | None = None,
    target: str = "classes",
    **training: Any,
) -> Recipe:
    """A recipe of a few small epochs for the toy data."""
    return Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz", "target": target},
            "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in shapes},
            "fusion": {"name": "concat", "dim": 8},
            "balancing": balancing or {"name": "none"},
            "training": {
                "epochs": 3,
                "batch_size": 16,
                "optimizer": {"name": "adamw", "lr": 0.02},
                **training,
            },
            "sweep": {"space": [], "references": False},
        }
    )
