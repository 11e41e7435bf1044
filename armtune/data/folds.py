"""Folds: training and validation samples cut together, so that each one is held out in its turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.targets import Index

Wanted = int | Literal["auto"]

ENOUGH = 500
"""Held-out samples from which a score's standard error is below about two points in a hundred."""
AUTO = 5
"""Folds that ``auto`` cuts."""
MOST_REPEATS = 3
"""How often ``auto`` cuts anew, at most."""
SEED = 0
"""Of the cuts, the same for all trials and seeds, which are so judged by the same samples."""


@dataclass(frozen=True)
class Folds:
    """Cuts of training and validation samples, numbered in this order; test has no part in them.

    Attributes:
        count: parts that each cut makes.
        samples: number of samples that are cut.
        held: the samples that each training leaves out, cut after cut.
    """

    count: int
    samples: int
    held: tuple[Index, ...]

    def __len__(self) -> int:
        """Trainings that one trial is."""
        return len(self.held)

    @property
    def repeats(self) -> int:
        """How often every sample is held out."""
        return len(self.held) // self.count

    def trained(self, k: int) -> Index:
        """The samples that the ``k``-th training learns from."""
        return np.setdiff1d(np.arange(self.samples), self.held[k])

    def __str__(self) -> str:
        often = f", {self.repeats} times over" if self.repeats > 1 else ""
        return f"{self.count} folds{often}, of {self.samples} training and validation samples"


def number_of_folds(wanted: Wanted, validation: int, samples: int, units: int) -> tuple[int, int]:
    """Folds of a cut, and cuts; one fold where the validation split stands.

    Args:
        wanted: what the recipe says.
        validation: number of validation samples.
        samples: number of training and validation samples.
        units: what can be dealt out one by one: samples, or groups of them.

    Raises:
        DataError: there are fewer units than folds.
    """
    if wanted == "auto":
        if validation >= ENOUGH or units < 2:
            return 1, 1
        return min(AUTO, units), min(MOST_REPEATS, ceil(ENOUGH / samples))
    if wanted > units:
        what = "sample" if units == samples else "group"
        what += "s" if units > 1 else ""
        said = f"{units} {what} for training and validation can't be cut into {wanted} folds"
        hint = f"at most {units}" if units > 1 else "1, which keeps the validation split"
        raise DataError(f"{said}; set training.folds to {hint}")
    return wanted, 1


def cut_folds(
    strata: NDArray[Any], groups: NDArray[np.int64] | None, count: int, repeats: int
) -> Folds:
    """Folds that hold alike of all strata, and are of one size as nearly as can be.

    Args:
        strata: numbers ``(sample,)``, such as classes.
        groups: ``(sample,)``; no fold divides a group.
    """
    rng = np.random.default_rng(SEED)
    held: list[Index] = []
    for _ in range(repeats):
        owners = _dealt(strata, count, rng)
        if groups is not None:
            owners = _dealt_whole(strata, groups, count, rng)
        held += [np.flatnonzero(owners == k) for k in range(count)]
    return Folds(count, len(strata), tuple(held))


def _dealt(strata: NDArray[Any], count: int, rng: np.random.Generator) -> Index:
    """Each sample's fold: shuffled, laid out by stratum, and dealt in turn."""
    shuffled = rng.permutation(len(strata))
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    owners = np.empty(len(strata), np.int64)
    owners[ordered] = np.arange(len(strata)) % count
    return owners


def _dealt_whole(
    strata: NDArray[Any], groups: NDArray[np.int64], count: int, rng: np.random.Generator
) -> Index:
    """Each sample's fold: group by group, largest first, to where its strata are rarest.

    A fold that it would make larger than the mean doesn't get it while another has room.
    """
    names, members = np.unique(groups, return_inverse=True)
    parts = _parts(strata)
    counts = np.zeros((len(names), parts.max() + 1))
    np.add.at(counts, (members, parts), 1)
    shares = counts / counts.sum(axis=0).clip(1)
    shuffled = rng.permutation(len(names))
    order = shuffled[np.argsort(-counts.sum(axis=1)[shuffled], kind="stable")]
    loads, sizes = np.zeros((count, counts.shape[1])), np.zeros(count)
    owners = np.empty(len(names), np.int64)
    for group in order:
        own, overlaps = counts[group].sum(), (loads @ shares[group]).round(9)
        full = sizes + own > len(strata) / count
        # The last key decides first: room, then (where there is none) size, then overlap.
        best = np.lexsort((sizes, overlaps, np.where(full, sizes, 0), full))[0]
        owners[group] = best
        loads[best] += shares[group]
        sizes[best] += own
    return owners[members]


def _parts(strata: NDArray[Any]) -> Index:
    """Strata as whole numbers from 0."""
    return np.unique(strata, return_inverse=True)[1].reshape(-1)


def check_folds(folds: Folds, present: Mapping[str, NDArray[np.bool_]]) -> None:
    """Refuses folds whose training lacks a modality.

    Args:
        present: which samples have a modality, of those that some lack.

    Raises:
        DataError: all samples with it lie in one fold.
    """
    for modality, there in present.items():
        for k in range(len(folds)):
            if not there[folds.trained(k)].any():
                raise DataError(
                    f"{modality}: all {int(there.sum())} samples that have it lie in one of "
                    f"{folds.count} folds; leave it out, or set training.folds to 1"
                )


def rare(counts: Mapping[str, float], folds: Folds) -> Iterator[str]:
    """Warnings of classes or labels that too few samples have, as clauses."""
    few = {name: int(n) for name, n in counts.items() if 0 < n < folds.count}
    if few:
        named = ", ".join(f"{name} {n}" for name, n in list(few.items())[:5])
        more = ", …" if len(few) > 5 else ""
        yield f"fewer samples than folds, so that not every fold judges it: {named}{more}"
    lone = [name for name, n in few.items() if n == 1]
    if lone:
        yield f"no training learns {lone[0]} where its only sample is held out"
