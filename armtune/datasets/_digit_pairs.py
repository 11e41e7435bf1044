"""Pairs of images and recordings of the same digit, as a data set with two modalities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Progress
from armtune.data.cache import CacheWriter, Stored, counted, splits_of
from armtune.data.energy import Projection, scaled
from armtune.data.formats.sound import mean_pool
from armtune.targets.classes import Classes

BUILDER = 1
"""Raised whenever the same options would give other arrays, so that no old cache is used."""

DIGITS = tuple(str(digit) for digit in range(10))
CHUNK = 5000


def partners(
    labels: NDArray[np.int64], digits: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """For each label the number of a recording of that digit, all recordings about equally often.

    Args:
        labels: ``(pair,)``.
        digits: digit of each recording, ``(recording,)``; every label must occur.
        rng: what the recordings are shuffled with.
    """
    chosen = np.empty(len(labels), np.int64)
    for digit in np.unique(labels):
        pairs, recordings = np.flatnonzero(labels == digit), np.flatnonzero(digits == digit)
        rounds = -(-len(pairs) // len(recordings))
        order = np.concatenate([rng.permutation(recordings) for _ in range(rounds)])
        chosen[pairs] = order[: len(pairs)]
    return chosen


def add_pairs(
    writer: CacheWriter,
    split: str,
    images: Iterator[NDArray[np.float32]],
    audio: Iterator[NDArray[np.float32]],
    labels: NDArray[np.int64],
    progress: Progress,
) -> None:
    """Writes one split: batches of images and of spectrograms, ``(n, …)``, and all its labels."""
    for name, batches in (("image", images), ("audio", audio)):
        what = f"building {split} {name}"
        told = counted(batches, partial(progress, what), len(labels))
        writer.add(f"{split}_{name}", len(labels), told)
    writer.add(f"{split}_label", len(labels), [labels])


def reduced(
    images: NDArray[np.uint8], projection: Projection, size: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Batches of square images ``(n, *size)`` after a projection: from ``(n, pixel)``."""
    side = round(images.shape[1] ** 0.5)
    for start in range(0, len(images), CHUNK):
        planes = projection.apply(scaled(images[start : start + CHUNK]))
        yield mean_pool(planes.reshape(-1, side, side), size)


def as_dataset(
    name: str, description: str, stored: Stored, modalities: Sequence[str], digest: str
) -> Dataset:
    """The data set from what ``add_pairs`` wrote, with these modalities only."""
    return Dataset(name, description, Classes(DIGITS), *splits_of(stored, modalities), digest)
