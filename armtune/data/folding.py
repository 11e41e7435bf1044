"""A data set whose training and validation samples are cut into folds, as a recipe wants it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.data.folds import Folds, Wanted, check_folds, cut_folds, number_of_folds, rare
from armtune.data.rows import stacked
from armtune.targets import Discrete


def folded(dataset: Dataset, wanted: Wanted) -> Dataset:
    """The same data with folds, and a description that says so; itself where there is to be one.

    Args:
        wanted: number of folds, or ``auto``.

    Raises:
        DataError: there are too few samples or groups, or a fold would have all of a modality.
    """
    parts = dataset.train, dataset.validation
    samples = sum(map(len, parts))
    groups = [part.groups for part in parts if part.groups is not None]
    units = len(np.unique(np.concatenate(groups))) if groups else samples
    count, repeats = number_of_folds(wanted, len(dataset.validation), samples, units)
    if count == 1:
        return dataset
    whole = stacked(*parts)
    folds = cut_folds(dataset.target.strata(whole.labels), whole.groups, count, repeats)
    check_folds(folds, whole.present)
    words = "; ".join([dataset.description, str(folds), *_warnings(dataset, folds, whole.labels)])
    return replace(dataset, folds=folds, description=words)


def trained_together(dataset: Dataset, refit: bool) -> int:
    """How many models a training of a recipe gives, whose mean prediction it serves.

    Args:
        refit: whether it trains on all data, which leaves nothing to hold out.
    """
    return 1 if refit or dataset.folds is None else len(dataset.folds)


def judged(dataset: Dataset, split: str) -> Split:
    """What trainings are judged by as ``validation`` or ``test``; with folds the first is all that
    they hold out, training samples before validation samples.
    """
    if split == "validation" and dataset.folds:
        return stacked(dataset.train, dataset.validation)
    given: Split = getattr(dataset, split)
    return given


def _warnings(dataset: Dataset, folds: Folds, labels: NDArray[Any]) -> list[str]:
    if not isinstance(dataset.target, Discrete):
        return []
    return list(rare(dataset.target.overview(labels), folds))
