"""From a recipe to its data set, or to the stand-in that the recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Progress
from armtune.data.folding import folded
from armtune.data.splits import SPLITS
from armtune.datasets import Data
from armtune.errors import DataError, MissingDataError
from armtune.plugins.registry import plugins

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe

TOLD_FROM = 1.5
"""Imbalance of the training classes or labels from which a data set's description tells it."""


def load_dataset(
    recipe: Recipe,
    folder: Path,
    progress: Progress | None = None,
    modalities: Sequence[str] = (),
) -> Dataset:
    """The recipe's data set, built and cached if need be.

    Where its files are nowhere to be had, the data set that ``otherwise:`` names, with its
    defaults; the result's ``stand_in`` and ``description`` then say so. Files that are there but
    damaged are an error, whatever ``otherwise:`` says.

    Args:
        recipe: the recipe.
        folder: the recipe's folder, from which relative paths are taken.
        progress: told about downloads and building.
        modalities: those to read; the recipe's where none are named.

    Raises:
        DataError: something is missing, damaged or inconsistent; names the file or view.
    """
    names, tell = tuple(modalities or recipe.modalities), progress or _silent
    try:
        return folded(_read(recipe.data, names, folder, tell), recipe.training.folds)
    except MissingDataError as missing:
        if recipe.data.otherwise is None:
            raise
        options = cast(Data, plugins("datasets")[recipe.data.otherwise]())
        dataset = folded(_read(options, names, folder, tell), recipe.training.folds)
        words = f"stand-in for {recipe.data.name} ({missing}): {dataset.description}"
        return replace(dataset, description=words, stand_in=True)


def _read(data: Data, names: Sequence[str], folder: Path, progress: Progress) -> Dataset:
    known = data.modalities()
    strangers = [name for name in names if known is not None and name not in known]
    if known is not None and strangers:
        raise DataError(f"{data.name} has no modality {strangers[0]!r}; it has {', '.join(known)}")
    dataset = data.read(names, folder, progress)
    if type(dataset.target) is not data.predicts:
        said = f"its samples have {dataset.target.kind}, not {data.predicts.kind}"
        raise DataError(f"{data.name}: {said}, as its `predicts` says")
    _check_present(dataset)
    for name, view in dataset.train.views.items():
        if _constant(view, dataset.train.present.get(name)):
            raise DataError(f"{name}: all {len(view)} training samples are the same; leave it out")
    return replace(dataset, description=_described(dataset))


def _described(dataset: Dataset) -> str:
    """The data set's description, and how imbalanced its classes or labels are."""
    words = dataset.description + _absences(dataset)
    ratio = dataset.target.imbalance(dataset.train.labels)
    if ratio is None or ratio < TOLD_FROM:
        return words
    return (
        f"{words}; {dataset.target.kind} are imbalanced: the largest has {ratio:.3g} times the "
        f"smallest's training samples"
    )


def _absences(dataset: Dataset) -> str:
    """How many samples lack which modality, where some do."""
    splits = (dataset.train, dataset.validation, dataset.test)
    counts = {
        m: sum(int((~split.present[m]).sum()) for split in splits if m in split.present)
        for m in dataset.shapes
    }
    told = [f"{m} in {count}" for m, count in counts.items() if count]
    return f"; of {sum(map(len, splits))} samples absent: {', '.join(told)}" if told else ""


def _check_present(dataset: Dataset) -> None:
    """Raises DataError where a split has no sample, or none that has a modality."""
    for name in SPLITS:
        if not len(getattr(dataset, name)):
            raise DataError(f"no {name} sample is left")
        for modality, there in getattr(dataset, name).present.items():
            if not there.any():
                raise DataError(f"{modality}: no {name} sample has it; leave it out")


def _constant(view: NDArray[np.float32], present: NDArray[np.bool_] | None) -> bool:
    """Whether all samples are alike; the second sample answers as a rule."""
    numbers = range(len(view)) if present is None else np.flatnonzero(present)
    return all(np.array_equal(view[number], view[numbers[0]]) for number in numbers)


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
