"""Arrays of one's own: an ``.npz`` file, or a folder of ``.npy`` files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.numpy_files import ArrayStore
from armtune.data.rows import pieces
from armtune.datasets.arrays import read_labels, read_view
from armtune.errors import DataError
from armtune.recipe.drafts.draft import Asked, Draft, Line
from armtune.recipe.drafts.goal import goal_of
from armtune.recipe.drafts.labels import label_among, looks_like_groups
from armtune.recipe.drafts.taken import Taken
from armtune.targets import kinds
from armtune.targets._names import as_names

READS = "an .npz file or a folder of .npy files"
SPLITS = ("split", "train_index", "validation_index", "test_index")


def reads(path: Path) -> bool:
    """Whether a path is such a file or folder."""
    if path.is_dir():
        return any(path.glob("*.npy"))
    return path.suffix.lower() == ".npz"


def look(path: Path, asked: Asked) -> Draft:
    """A recipe's draft for arrays.

    Raises:
        DataError: an array is damaged, or none can be a modality; names it.
    """
    store = ArrayStore(path)
    label = asked.label or label_among(store.keys, lambda: list(_likely(store)), str(path))
    labels, place, names = read_labels(store, label)
    goal = goal_of(as_names(labels, place), place, asked.target)
    kinds()[goal.kind].read(labels, place, names)  # refuses what the data set would refuse
    found = _Arrays(store, label, len(labels))
    data = [
        Line("name", "arrays"),
        Line("path", asked.path_to(path), READS),
        *([Line("target", goal.kind)] if goal.kind != "classes" else []),
        Line("labels", label, f"{goal.kind}: {goal.why}" if goal.kind != "classes" else goal.why),
        *found.options(),
    ]
    what = f"{path.name}: {len(labels)} samples"
    return Draft(what, data, found.modalities(), goal, found.slow, found.left_out)


class _Arrays(Taken):
    """The arrays of a store: which are modalities, and why others aren't."""

    def __init__(self, store: ArrayStore, label: str, count: int) -> None:
        super().__init__()
        self.store, self.count = store, count
        self.groups: tuple[str, int] | None = None
        known = (label, f"{label}_names", *SPLITS)
        for key in store.keys:
            if key not in known and not key.endswith("_present"):
                self._look_at(key, store.get(key))
        if not self.sources:
            why = f": {'; '.join(self.left_out)}" if self.left_out else ""
            said = f"no array (sample, …) of {count} samples beside the labels{why}"
            raise DataError(f"{store.path}: {said}")

    def options(self) -> Iterator[Line]:
        """The data set's options beside the labels."""
        yield from self.naming("views")
        given = [key for key in SPLITS if key in self.store]
        if given:
            said = f"splits are those of {', '.join(given)}; this cuts what they leave open"
            yield Line("seed", 0, said)
        if self.groups:
            key, different = self.groups
            said = f"{different} different: samples of one stay in one split"
            yield Line("groups", key, said)
        yield from self.absent()

    def _look_at(self, key: str, array: NDArray[np.generic]) -> None:
        if said := self._unfit(key, array):
            self.leave(key, said)
        elif array.ndim == 1:
            self.groups = key, len(np.unique(array))
        else:
            _, present = read_view(self.store, key, self.count)
            self.take(key, array.shape[1:], int((~present).sum()))

    def _unfit(self, key: str, array: NDArray[np.generic]) -> str:
        """Why an array can be nothing here; empty where it can."""
        if array.ndim == 0 or len(array) != self.count:
            return f"it has shape {array.shape}, for {self.count} labels"
        if array.ndim == 1:
            different = len(np.unique(array))
            groups = self.groups is None and looks_like_groups(key, different, self.count)
            return "" if groups else "one value a sample; as (sample, 1) it could be a modality"
        if array.dtype.kind not in "fiub":
            return f"it holds {array.dtype}, no numbers"
        return self.full or ("it is the same for all samples" if _constant(array) else "")


def _likely(store: ArrayStore) -> Iterator[str]:
    """Arrays that may be labels: one value a sample."""
    for key in store.keys:
        if key not in SPLITS and not key.endswith(("_present", "_names")):
            array = store.get(key)
            if array.ndim == 1 and array.dtype.kind in "iufUS":
                yield key


def _constant(array: NDArray[Any]) -> bool:
    return all(bool((array[piece] == array[:1]).all()) for piece in pieces(array))
