"""Data sets that come in some of the three splits, completed and written to a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.data.cache import CacheWriter, splits_of, stored
from armtune.data.missing_modalities import Absent, settle, skipped
from armtune.data.rows import Mask, pieces, taken
from armtune.data.splits import random_split
from armtune.errors import DataError
from armtune.targets import Target, restored


def assembled(
    name: str,
    digest: str,
    modalities: Sequence[str],
    make: Callable[[Path], tuple[Mapping[str, Split], Target]],
    absent: Absent,
    shares: tuple[Mapping[str, float], int],
    words: str,
    place: str,
) -> Dataset:
    """A data set from the cache, or made and cached now.

    Args:
        make: gives the splits there are and the target, as ``read_splits`` finds it; may write to
            a folder, which is removed afterwards.
        absent: what becomes of samples that lack a modality.
        shares: shares and seed, as ``complete`` takes them.
        words: what the data are, for the description.
        place: what messages call them.

    Raises:
        DataError: see ``complete``, ``Target.fitted`` and ``absent.settle``, and as ``make``.
    """

    def build(writer: CacheWriter) -> dict[str, Any]:
        with TemporaryDirectory(dir=writer.folder) as scratch:
            parts, target = make(Path(scratch))
            kept = {n: _settled(part, absent, f"{place}, {n}") for n, part in parts.items()}
            splits = complete(kept, target, *shares)
            labels = np.concatenate([split.labels for split in splits.values()])
            # Training comes first.
            fitted = target.fitted(labels, np.arange(len(splits["train"])), place)
            write_splits(writer, splits)
        left_out = sum(map(len, parts.values())) - sum(map(len, kept.values()))
        return {"target": fitted.about(), "left_out": left_out}

    found = stored(name, digest, build)
    train, validation, test = splits_of(found, modalities)
    target = restored(found[1]["target"])
    sizes = f"{len(train)} + {len(validation)} + {len(test)}"
    described = f"{words}: {target}, {sizes} samples"
    described += skipped(found[1]["left_out"])
    return Dataset(name, described, target, train, validation, test, digest)


def read_splits(
    parts: Mapping[str, Split], read: Callable[[NDArray[Any]], tuple[Target, NDArray[Any]]]
) -> tuple[dict[str, Split], Target]:
    """Splits whose labels are as their files have them, read as one.

    Args:
        read: as ``Target.read``.
    """
    target, labels = read(np.concatenate([part.labels for part in parts.values()]))
    ends = np.cumsum([len(part) for part in parts.values()])[:-1]
    owners = zip(parts.items(), np.split(labels, ends), strict=True)
    return {name: replace(part, labels=own) for (name, part), own in owners}, target


def complete(
    parts: Mapping[str, Split], target: Target, shares: Mapping[str, float], seed: int
) -> dict[str, Split]:
    """All three splits: those given, the others cut off the training samples by ``seed``.

    Args:
        parts: the splits there are, ``train`` among them.
        shares: of the training samples, for each other split, in the order of cutting.
        seed: of the cuts.

    Raises:
        DataError: there are too few training samples to cut.
    """
    train = parts["train"]
    given = {name: np.arange(len(part)) for name, part in parts.items()}
    indices = random_split(given, target, train.labels, None, shares, np.random.default_rng(seed))
    return {name: taken(parts.get(name, train), index) for name, index in indices.items()}


def write_splits(writer: CacheWriter, splits: Mapping[str, Split]) -> None:
    """Writes what ``cache.splits_of`` reads; zeros where a sample lacks a modality."""
    for name, split in splits.items():
        for modality, view in split.views.items():
            there = split.present.get(modality)
            writer.add(f"{name}_{modality}", len(split), _whole(view, there))
            if there is not None:
                writer.add(f"{name}_{modality}_present", len(split), [there])
        writer.add(f"{name}_label", len(split), [split.labels])
        if split.groups is not None:
            writer.add(f"{name}_group", len(split), [split.groups])


def _settled(part: Split, absent: Absent, place: str) -> Split:
    everyone = np.ones(len(part), bool)
    present = {m: part.present.get(m, everyone) for m in part.views}
    lacked, used = settle(absent, present, place)
    if not used.any():
        raise DataError(f"{place}: every sample lacks a modality")
    return taken(replace(part, present=lacked), np.flatnonzero(used))


def _whole(view: NDArray[np.float32], there: Mask | None) -> Iterator[NDArray[np.float32]]:
    """A view in pieces, with zeros for absent samples."""
    for piece in pieces(view):
        part = view[piece]
        if there is not None:
            part = np.where(there[piece].reshape(-1, *[1] * (part.ndim - 1)), part, 0)
        yield part
