"""Which samples are for training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

if TYPE_CHECKING:
    from armtune.data.formats.numpy_files import Store

SPLITS = ("train", "validation", "test")

Index = NDArray[np.int64]
Indices = dict[str, Index]
"""Sample numbers of each split."""
Mask = NDArray[np.bool_]


def given_splits(store: Store, length: int) -> Indices:
    """The splits that a file itself states, as index arrays or as one array ``split``.

    Raises:
        DataError: they are no sample numbers or names of splits, or overlap.
    """
    keys = {split: f"{split}_index" for split in SPLITS if f"{split}_index" in store}
    if "split" in store:
        if keys:
            raise DataError(f"{store.path}: has both 'split' and {', '.join(keys.values())}")
        return named_splits(store, "split", length)
    given = {split: _sample_numbers(store, key, length) for split, key in keys.items()}
    for one, other in combinations(given, 2):
        shared = np.intersect1d(given[one], given[other])
        if len(shared):
            raise DataError(f"{store.path}: sample {shared[0]} is in both {one} and {other}")
    return given


def named_splits(store: Store, key: str, length: int) -> Indices:
    """The splits that an array names, sample by sample.

    Raises:
        DataError: it is missing, or says something else than the splits' names.
    """
    names = store.get(key).astype(str)
    for number, split in enumerate(SPLITS):
        names = np.where(names == str(number), split, names)
    strangers = np.setdiff1d(names, SPLITS)
    if names.shape != (length,) or len(strangers):
        wrong = f"{str(strangers[0])!r}" if len(strangers) else f"shape {names.shape}"
        raise DataError(
            f"{store.at(key)}: must say train, validation or test (or 0, 1, 2) for each of "
            f"the {length} samples, not {wrong}"
        )
    rows = {split: np.flatnonzero(names == split).astype(np.int64) for split in SPLITS}
    return {split: index for split, index in rows.items() if len(index)}


def _sample_numbers(store: Store, key: str, length: int) -> Index:
    index = store.get(key)
    if index.ndim != 1 or index.dtype.kind not in "iu" or not len(index):
        raise DataError(
            f"{store.at(key)}: must be sample numbers, not {index.dtype} of shape {index.shape}"
        )
    if index.min() < 0 or index.max() >= length:
        wrong = index.min() if index.min() < 0 else index.max()
        raise DataError(f"{store.at(key)}: {wrong} is no sample; there are 0 to {length - 1}")
    numbers, counts = np.unique(index, return_counts=True)
    if counts.max() > 1:
        raise DataError(f"{store.at(key)}: sample {numbers[counts.argmax()]} is there twice")
    return index.astype(np.int64)


def random_split(
    given: Mapping[str, Index],
    strata: NDArray[Any],
    groups: NDArray[np.generic] | None,
    shares: Mapping[str, float],
    rng: np.random.Generator,
) -> Indices:
    """All three splits: as given, the others cut off the training samples.

    Args:
        given: splits that are stated; without ``train`` all samples that no other has are.
        strata: numbers ``(sample,)``, such as classes, whose proportions cuts keep when there are
            no groups.
        groups: ``(sample,)``; no cut made here divides a group.
        shares: of the training samples, for each other split, in the order of cutting.
        rng: what the cuts are drawn from.

    Raises:
        DataError: there are too few samples or groups to cut.
    """
    splits = dict(given)
    if "train" not in splits:
        taken = np.concatenate([np.empty(0, np.int64), *given.values()])
        splits["train"] = np.setdiff1d(np.arange(len(strata)), taken)
    for name, share in shares.items():
        if name in splits:
            continue
        train = splits["train"]
        if groups is None:
            away = _evenly(strata[train], share, rng)
        else:
            away = _whole(groups[train], share, rng)
        if not 0 < away.sum() < len(train):
            what = "samples" if groups is None else "groups"
            said = f"too few {what} to cut {share:.0%} of {len(train)} off for {name}"
            raise DataError(f"{said}; give more of them, or another share under data.{name}")
        splits["train"], splits[name] = train[~away], train[away]
    return {split: splits[split] for split in SPLITS}


def _evenly(strata: NDArray[Any], share: float, rng: np.random.Generator) -> Mask:
    """Which samples to cut: this share of all, and of each stratum as nearly as can be."""
    shuffled = rng.permutation(len(strata))
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    steps = np.floor((np.arange(len(strata) + 1) + 0.5) * share)
    away = np.zeros(len(strata), bool)
    away[ordered[np.diff(steps) > 0]] = True
    return away


def _whole(groups: NDArray[np.generic], share: float, rng: np.random.Generator) -> Mask:
    """Which samples to cut: whole groups until this share is reached, but never all groups."""
    names, counts = np.unique(groups, return_counts=True)
    order = rng.permutation(len(names))
    number = int(np.searchsorted(np.cumsum(counts[order]), share * len(groups))) + 1
    return np.isin(groups, names[order[: min(number, len(names) - 1)]])
