"""From a recipe to its data set, or to the stand-in that the recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from armtune.data import Data, Dataset, Progress
from armtune.data.overview import class_counts, imbalance
from armtune.errors import DataError, MissingDataError
from armtune.registry import plugins

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe

TOLD_FROM = 1.5
"""Imbalance of the training classes from which a data set's description tells it."""


def load_dataset(recipe: Recipe, folder: Path, progress: Progress | None = None) -> Dataset:
    """The recipe's data set with the recipe's modalities, built and cached if need be.

    Where its files are nowhere to be had, the data set that ``otherwise:`` names, with its
    defaults; the result's ``stand_in`` and ``description`` then say so. Files that are there but
    damaged are an error, whatever ``otherwise:`` says.

    Args:
        recipe: the recipe.
        folder: the recipe's folder, from which relative paths are taken.
        progress: told about downloads and building.

    Raises:
        DataError: something is missing, damaged or inconsistent; names the file or view.
    """
    names, tell = tuple(recipe.modalities), progress or _silent
    try:
        return _read(recipe.data, names, folder, tell)
    except MissingDataError as missing:
        if recipe.data.otherwise is None:
            raise
        options = cast(Data, plugins("data")[recipe.data.otherwise]())
        dataset = _read(options, names, folder, tell)
        words = f"stand-in for {recipe.data.name} ({missing}): {dataset.description}"
        return replace(dataset, description=words, stand_in=True)


def _read(data: Data, names: Sequence[str], folder: Path, progress: Progress) -> Dataset:
    known = data.modalities()
    strangers = [name for name in names if known is not None and name not in known]
    if known is not None and strangers:
        raise DataError(f"{data.name} has no modality {strangers[0]!r}; it has {', '.join(known)}")
    dataset = data.read(names, folder, progress)
    for name, view in dataset.train.views.items():
        if _constant(view):
            raise DataError(f"{name}: all {len(view)} training samples are the same; leave it out")
    return replace(dataset, description=_described(dataset))


def _described(dataset: Dataset) -> str:
    """The data set's description, and how imbalanced its classes are where they are."""
    ratio = imbalance(class_counts(dataset.train, len(dataset.target.names)))
    if ratio < TOLD_FROM:
        return dataset.description
    return (
        f"{dataset.description}; classes are imbalanced: the largest has {ratio:.3g} times the "
        f"smallest's training samples"
    )


def _constant(view: NDArray[np.float32]) -> bool:
    """Whether all samples are alike; the second sample answers as a rule."""
    return all(np.array_equal(sample, view[0]) for sample in view)


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
