"""Which samples are for training, validation and test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.targets import Target
from armtune.targets._names import as_names
from armtune.targets.values import Values

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
    names = as_names(store.get(key), store.at(key)).astype(str)
    for number, split in enumerate(SPLITS):
        names = np.where(names == str(number), split, names)
    strange = np.flatnonzero(~np.isin(names, SPLITS))
    if names.shape != (length,) or len(strange):
        wrong = f"shape {names.shape}"
        if len(strange):
            row = int(strange[0])
            wrong = f"{str(names.reshape(-1)[row])!r}, as row {row + 1} does"
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
    target: Target,
    labels: NDArray[Any],
    groups: NDArray[np.generic] | None,
    shares: Mapping[str, float],
    rng: np.random.Generator,
    used: Mask | None = None,
) -> Indices:
    """All three splits: as given, the others cut off the training samples.

    Every class, or label, of the training samples keeps one of them at least.

    Args:
        given: splits that are stated; without ``train`` all samples that no other has are.
        target: its strata's proportions are kept by cuts where there are no groups.
        labels: ``(sample, …)``.
        groups: ``(sample,)``; no cut made here divides a group.
        shares: of the training samples, for each other split, in the order of cutting.
        rng: what the cuts are drawn from.
        used: which samples will be trained on, ``(sample,)``; all where it isn't said.

    Raises:
        DataError: there are too few samples or groups to cut.
    """
    splits = dict(given)
    if "train" not in splits:
        taken = np.concatenate([np.empty(0, np.int64), *given.values()])
        splits["train"] = np.setdiff1d(np.arange(len(labels)), taken)
    strata = target.strata(labels)
    for name, share in shares.items():
        if name in splits:
            continue
        train = splits["train"]
        members = _members(target, labels[train], None if used is None else used[train])
        if groups is None:
            away = _spared(_evenly(strata[train], share, rng), members, rng)
        else:
            away = _whole(groups[train], share, members, rng)
        if not 0 < away.sum() < len(train):
            raise DataError(_too_few("samples" if groups is None else "groups", name, share, train))
        splits["train"], splits[name] = train[~away], train[away]
    return {split: splits[split] for split in SPLITS}


def way_of_cutting(target: type[Target]) -> dict[str, int]:
    """What a data set's digest says of how it is cut, since values were cut otherwise before."""
    return {"cuts": 2} if target is Values else {}


def numbered(groups: NDArray[np.generic]) -> Index:
    """Groups as numbers from 0, in the order of what names them."""
    return np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)


def divided(splits: Indices, given: Iterable[str], groups: NDArray[np.generic] | None) -> str:
    """A warning of groups that given splits divide, for a data set's description.

    Args:
        given: the splits that the data themselves state.
        groups: ``(sample,)``, where the recipe names them.
    """
    if groups is None:
        return ""
    for name in [split for split in SPLITS[1:] if split in given]:
        both = np.intersect1d(groups[splits["train"]], groups[splits[name]])
        count = len(np.unique(groups[splits[name]]))
        if len(both):
            return (
                f"; {len(both)} of {count} groups of the given {name} split, such as "
                f"{str(both[0])!r}, are trained on too: it says nothing of new groups"
            )
    return ""


@dataclass(frozen=True)
class _Members:
    """Which classes, or labels, samples have, as pairs in the samples' order.

    Attributes:
        samples: ``(pair,)``.
        classes: ``(pair,)``.
    """

    samples: Index
    classes: Index

    def counts(self, which: Mask) -> Index:
        """How many of these samples each class has, ``(class,)``."""
        most = int(self.classes.max(initial=-1)) + 1
        return np.bincount(self.classes[which[self.samples]], minlength=most)

    def of(self, sample: int) -> Index:
        """A sample's classes."""
        first, last = np.searchsorted(self.samples, (sample, sample + 1))
        return self.classes[first:last]


def _members(target: Target, labels: NDArray[Any], used: Mask | None) -> _Members:
    samples, classes = target.members(labels)
    if used is not None:
        samples, classes = samples[used[samples]], classes[used[samples]]
    return _Members(samples, classes)


def _too_few(what: str, name: str, share: float, train: Index) -> str:
    return (
        f"too few {what} to cut {share:.0%} of {len(train)} off for {name}, with one sample of "
        f"each class left to train on; give more of them, or another share under data.{name}"
    )


def _evenly(strata: NDArray[Any], share: float, rng: np.random.Generator) -> Mask:
    """Which samples to cut: this share of all, and of each stratum as nearly as can be."""
    shuffled = rng.permutation(len(strata))
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    steps = np.floor((np.arange(len(strata) + 1) + 0.5) * share)
    away = np.zeros(len(strata), bool)
    away[ordered[np.diff(steps) > 0]] = True
    return away


def _spared(away: Mask, members: _Members, rng: np.random.Generator) -> Mask:
    """The same cut, but for a sample of each class that would have none left.

    Samples of other classes are cut instead, as far as these have more than one left.
    """
    left = members.counts(~away)
    lost = (left == 0) & (members.counts(away) > 0)
    if not lost.any():
        return away
    order = rng.permutation(len(away))
    spared = away.copy()
    for sample in order[away[order]]:
        if lost[own := members.of(sample)].any():
            spared[sample], lost[own] = False, False
    left = members.counts(~spared)
    instead = int(away.sum() - spared.sum())
    for sample in order[~away[order]]:
        own = members.of(sample)
        if instead and (left[own] > 1).all():
            spared[sample], instead = True, instead - 1
            left[own] -= 1
    return spared


def _whole(
    groups: NDArray[np.generic], share: float, members: _Members, rng: np.random.Generator
) -> Mask:
    """Which samples to cut: whole groups until this share is reached, but never all groups.

    A group that alone has some class stays.
    """
    names, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    owners = numbers[members.samples]
    ends = np.cumsum(np.bincount(owners, minlength=len(names)))
    classes = np.split(members.classes[np.argsort(owners, kind="stable")], ends[:-1])
    left = members.counts(np.ones(len(groups), bool))
    chosen: list[int] = []
    size = 0
    for group in rng.permutation(len(names)):
        if size >= share * len(groups) or len(chosen) == len(names) - 1:
            break
        own, amounts = np.unique(classes[group], return_counts=True)
        if (left[own] > amounts).all():
            left[own] -= amounts
            chosen.append(int(group))
            size += counts[group]
    return np.isin(numbers, chosen)
