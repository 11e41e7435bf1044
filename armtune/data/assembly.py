"""Data sets that come in some of the three splits, completed and written to a shelf."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.data.arrays import check_classes, rows
from armtune.data.cache import Shelf, splits_of, stored
from armtune.data.cuts import Index, cut
from armtune.targets.classes import Classes


def assembled(
    name: str,
    digest: str,
    modalities: Sequence[str],
    make: Callable[[], tuple[Mapping[str, Split], Sequence[str], Path]],
    cuts: tuple[Mapping[str, float], int],
    words: str,
) -> Dataset:
    """A data set from the cache, or made and cached now.

    Args:
        make: gives the splits there are, the classes' names, and what messages call the data.
        cuts: shares and seed, as ``complete`` takes them.
        words: what the data are, for the description.

    Raises:
        DataError: see ``complete`` and ``shelve``, and as ``make``.
    """

    def build(shelf: Shelf) -> dict[str, Any]:
        parts, classes, path = make()
        shelve(shelf, complete(parts, *cuts), classes, path)
        return {"classes": classes}

    kept = stored(name, digest, build)
    train, validation, test = splits_of(kept, modalities)
    classes = tuple(kept[1]["classes"])
    sizes = f"{len(train)} + {len(validation)} + {len(test)}"
    described = f"{words}: {len(classes)} classes, {sizes} samples"
    return Dataset(name, described, Classes(classes), train, validation, test, digest)


def complete(
    parts: Mapping[str, Split], shares: Mapping[str, float], seed: int
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
    indices = cut(given, train.labels, None, shares, np.random.default_rng(seed))
    return {name: _taken(parts.get(name, train), index) for name, index in indices.items()}


def shelve(shelf: Shelf, splits: Mapping[str, Split], classes: Sequence[str], path: Path) -> None:
    """Writes ``<split>_<modality>`` and ``<split>_label``, as ``cache.splits_of`` reads them.

    Raises:
        DataError: a class has no sample to train on; names ``path`` and the class.
    """
    labels = np.concatenate([split.labels for split in splits.values()])
    # Training comes first.
    check_classes(path, labels, classes, np.arange(len(splits["train"])))
    for name, split in splits.items():
        arrays: dict[str, NDArray[np.generic]] = {**split.views, "label": split.labels}
        for key, array in arrays.items():
            shelf.add(f"{name}_{key}", len(split), [array])


def _taken(part: Split, index: Index) -> Split:
    return Split({m: rows(view, index) for m, view in part.views.items()}, part.labels[index])
